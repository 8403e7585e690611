/* Between the files that read PNG: the file (png.c), chunks (png_chunk.c), image data by libdeflate
 * (png_fast.c) and by libspng (png_slow.c), filters and samples (png_rows.c). */
#ifndef JIMM_IMAGE_PNG_H
#define JIMM_IMAGE_PNG_H

#include <string.h>

#include <spng.h>

#include "image/image.h"

enum { GRAY = 0, RGB = 2, PALETTE = 3, GRAY_ALPHA = 4, RGBA = 6 };

typedef struct chunk {
  size_t offset; /* of the chunk's length field */
  const uint8_t *type;
  const uint8_t *data;
  uint32_t length;  /* as the file says */
  size_t available; /* bytes of it that are there */
} chunk;

typedef struct png {
  const jimm_image_file *file;
  uint32_t width, height;
  uint8_t depth, color, interlace;
  uint8_t palette[256][3];
  size_t data_offset; /* of the first IDAT */
  uint8_t *stream;    /* what libspng reads */
  size_t stream_size;
  spng_ctx *context;
  uint8_t *row; /* one row, or all when interlaced */
  uint8_t *raw; /* all rows, filtered */
} png;

/* ---- png_chunk.c ---- */

/* The bytes that every PNG file begins with. */
#define PNG_SIGNATURE 8
extern const uint8_t jimm_png_signature[PNG_SIGNATURE];

/* Four bytes, the highest first. */
uint32_t jimm_png_u32(const uint8_t *p);
/* CRC-32 of the PNG specification. */
uint32_t jimm_png_crc(const uint8_t *data, size_t size);
/* Reads the chunk header at `offset`; false when the file has no room for one. */
bool jimm_png_read_chunk(const jimm_image_file *file, size_t offset, chunk *c);

static inline bool is_type(const chunk *c, const char *type) {
  return memcmp(c->type, type, 4) == 0;
}

static inline size_t next_offset(const chunk *c) {
  return c->offset + 12 + (size_t)c->length;
}

/* ---- png_fast.c, png_slow.c ---- */

/* Makes the image by libdeflate. *done says whether it could; if not, libspng has to look. What is
 * in `p` and `image` then is the caller's to release. */
jimm_status jimm_png_decode_fast(png *p, jimm_image *image, bool *done);
/* Makes the image by libspng: `p` has no buffers and `image` no memory before. */
jimm_status jimm_png_decode_slow(png *p, jimm_image *image);

/* ---- png_rows.c ---- */

size_t jimm_png_channels(const png *p);
/* A row of samples to RGB pixels. */
void jimm_png_expand_row(const png *p, const uint8_t *in, uint8_t *out);

/* How far after a row its filter may read. */
#define FILTER_SLACK 8
/* Undoes a PNG filter: `out` is the row of which `in` is left after filtering, given the row above.
 * `out` may be `in`, or begin before it. Up to 2 bytes after the rows that are read may be read.
 * False: there is no such filter. */
bool jimm_png_undo_filter(unsigned filter, const uint8_t *in, const uint8_t *above, uint8_t *out,
                          size_t bytes, size_t step);

#endif
