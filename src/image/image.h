/* Between the files of this room: decoders, and resampling into a window. */
#ifndef JIMM_IMAGE_IMAGE_H
#define JIMM_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/base.h>
#include <jimm/image.h>

/* ---- decoders ---- */

/* A file in memory and what its decoder may do. */
typedef struct jimm_image_file {
  const uint8_t *data;
  size_t size;
  const char *name; /* stands for the file in messages */
  int64_t max_pixels;
} jimm_image_file;

/* What every decoder calls when it knows the size, before it allocates: refuses empty images and
 * those above max_pixels, else allocates `image`. Decoders close the image when they fail. */
jimm_status jimm_image_begin(const jimm_image_file *file, const char *format, int64_t width,
                             int64_t height, jimm_image *image);
/* Only the check. */
jimm_status jimm_image_check_size(const jimm_image_file *file, const char *format, int64_t width,
                                  int64_t height);
/* Allocates pixels, uninitialised. */
jimm_status jimm_image_create(int64_t width, int64_t height, jimm_image *image);

#define FORMAT(name, label)                                   \
  bool jimm_##name##_sniff(const uint8_t *data, size_t size); \
  jimm_status jimm_##name##_decode(const jimm_image_file *file, jimm_image *image);
#define FOREIGN(label, offset, bytes)
#include "image/formats.def"
#undef FORMAT
#undef FOREIGN

/* ---- resampling ---- */

/* A rectangle of pixels in an image. */
typedef struct jimm_window {
  int64_t x, y, width, height;
} jimm_window;

/* Pixels of `window` of the image that jimm_image_resize(image, width, height) would make, written
 * to `target`, whose rows are `stride` bytes apart. Only what the window needs is computed. */
jimm_status jimm_image_resize_window(const jimm_image *image, int64_t width, int64_t height,
                                     jimm_interpolation interpolation, const jimm_window *window,
                                     uint8_t *target, size_t stride);

/* The weights of one axis: output i is the sum over t < count[i] of input first[i] + t times
 * weight[i * taps + t], in units of 2^-22. taps is a multiple of 4; weights from count[i] on are
 * zero. */
typedef struct jimm_filter {
  int64_t outputs, taps;
  int32_t *first, *count, *weight;
} jimm_filter;

#define JIMM_FILTER_BITS 22

/* How far after the last pixel of a row `across` may read. */
#define JIMM_ROW_SLACK 16

/* The inner loops, one pair for each instruction set. All give the same bytes. */
typedef struct jimm_resize_loops {
  /* `rows` rows of RGB pixels, filter->outputs pixels each, to `target`. */
  void (*across)(const jimm_filter *filter, const uint8_t *source, size_t stride, int64_t rows,
                 uint8_t *target, size_t target_stride);
  /* One row of `bytes` bytes from `count` rows, `stride` apart, that begin at `source`. */
  void (*down)(const int32_t *weight, int32_t count, const uint8_t *source, size_t stride,
               size_t bytes, uint8_t *target);
} jimm_resize_loops;

extern const jimm_resize_loops jimm_resize_plain; /* in C, for tests and other processors */
#if defined(__x86_64__)
extern const jimm_resize_loops jimm_resize_sse2, jimm_resize_avx2;
#endif
/* The fastest that `isa` allows. */
const jimm_resize_loops *jimm_resize_select(jimm_isa isa);

#endif
