/* jimm-image: image files to pixels to the tensor that timm's eval transform makes.
 *
 * Functions of libjimm-image (the core library does not need it). The results equal those of Pillow
 * and timm: bit for bit in uint8 after resize and crop, float for float after normalisation.
 */
#ifndef JIMM_IMAGE_H
#define JIMM_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include <jimm/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum jimm_interpolation {
  JIMM_BILINEAR = 0,
  JIMM_BICUBIC = 1 /* a = -0.5 */
} jimm_interpolation;

typedef enum jimm_crop_mode {
  JIMM_CROP_CENTER = 0, /* resize the shortest side, then crop the centre */
  JIMM_CROP_SQUASH = 1  /* resize both sides, aspect ratio not kept, then crop the centre */
} jimm_crop_mode;

/* What timm.data.resolve_model_data_config returns for a model. */
typedef struct jimm_data_config {
  int64_t channels, height, width; /* input_size */
  jimm_interpolation interpolation;
  jimm_crop_mode crop_mode;
  double crop_pct;
  double mean[3], std[3]; /* per channel of RGB, for pixels scaled to 0..1 */
} jimm_data_config;

/* 8-bit RGB pixels, row by row, no padding between rows: data[(y * width + x) * 3 + channel]. */
typedef struct jimm_image {
  int64_t width, height;
  uint8_t *data; /* memory of jimm's allocator */
} jimm_image;

typedef struct jimm_image_options {
  size_t size;
  int64_t max_pixels; /* width x height above this is refused before decoding (JIMM_ERROR_LIMIT) */
} jimm_image_options;
/* 178,956,970 pixels: where Pillow raises DecompressionBombError. */
#define JIMM_IMAGE_OPTIONS_INIT \
  { sizeof(jimm_image_options), 178956970 }

/* Reads PNG, JPEG (baseline and progressive), WebP (lossy, lossless, the first frame of an
 * animation) or binary PPM/PGM (P5, P6), told apart by content, as Pillow's
 * Image.open(path).convert("RGB") does. `options` may be NULL. The caller closes the image. Errors
 * name the file. */
JIMM_API jimm_status jimm_image_read(const char *path, const jimm_image_options *options,
                                     jimm_image *image);
/* The same from memory; `name` stands for the file in messages. */
JIMM_API jimm_status jimm_image_decode(const void *data, size_t size, const char *name,
                                       const jimm_image_options *options, jimm_image *image);
JIMM_API void jimm_image_close(jimm_image *image);

/* Pillow's Image.resize((width, height), interpolation), bit for bit (antialiased, two passes with
 * 8-bit pixels between them). The caller closes `result`. */
JIMM_API jimm_status jimm_image_resize(const jimm_image *image, int64_t width, int64_t height,
                                       jimm_interpolation interpolation, jimm_image *result);

/* Resize and centre crop of timm's transforms_imagenet_eval: `result` is config->width x
 * config->height 8-bit pixels. Only the window that the crop keeps is computed. */
JIMM_API jimm_status jimm_image_crop(const jimm_image *image, const jimm_data_config *config,
                                     jimm_image *result);

/* The whole eval transform: resize, crop, scale to 0..1, normalise. `output` is F32 of shape
 * [3, config->height, config->width] or [1, 3, height, width], already created by the caller. */
JIMM_API jimm_status jimm_image_preprocess(const jimm_image *image, const jimm_data_config *config,
                                           jimm_tensor *output);

#ifdef __cplusplus
}
#endif
#endif
