/* PNG image data by libspng; png.c says when. */
#include <spng.h>
#include <stddef.h>

#include "base/alloc.h"
#include "image/png.h"

#define PIECE 65536

static void write_u32(uint8_t *p, uint32_t value) {
  for (int i = 0; i < 4; i++) {
    p[i] = (uint8_t)(value >> (24 - 8 * i));
  }
}

/* ---- the cleaned stream ---- */

/* Appends a chunk, or only counts it while there is no memory yet. Image data after the first
 * 64 KiB get no checksum: libspng is told not to look. */
static void put_chunk(png *p, const char *type, const uint8_t *data, size_t length, bool checked) {
  if (p->stream != NULL) {
    uint8_t *out = p->stream + p->stream_size;
    write_u32(out, (uint32_t)length);
    memcpy(out + 4, type, 4);
    if (length > 0) {
      memcpy(out + 8, data, length);
    }
    write_u32(out + 8 + length, checked ? jimm_png_crc(out + 4, length + 4) : 0);
  }
  p->stream_size += length + 12;
}

static void put_stream(png *p) {
  uint8_t header[13] = {0};
  const uint8_t black[3] = {0};
  if (p->stream != NULL) {
    memcpy(p->stream, jimm_png_signature, PNG_SIGNATURE);
  }
  p->stream_size = PNG_SIGNATURE;
  write_u32(header, p->width);
  write_u32(header + 4, p->height);
  header[8] = p->depth;
  header[9] = p->color;
  header[12] = p->interlace;
  put_chunk(p, "IHDR", header, sizeof(header), true);
  if (p->color == PALETTE) {
    put_chunk(p, "PLTE", black, sizeof(black), true);
  }
  chunk c;
  size_t total = 0;
  for (size_t offset = p->data_offset;
       jimm_png_read_chunk(p->file, offset, &c) && is_type(&c, "IDAT"); offset = next_offset(&c)) {
    for (size_t at = 0; at < c.length; at += PIECE) {
      const size_t length = c.length - at < PIECE ? c.length - at : PIECE;
      /* The first data are checksummed: libspng looks at them; see decode_rows. */
      put_chunk(p, "IDAT", c.data + at, length, total < PIECE);
      total += length;
    }
  }
  put_chunk(p, "IEND", NULL, 0, true);
}

/* ---- libspng ---- */

/* Its memory, and that of its zlib, is jimm's. The functions get no context, and failures of zlib
 * come back as other errors: so each thread keeps in mind whether memory was refused. */
typedef union block_head {
  size_t bytes; /* that follow */
  max_align_t aligned;
} block_head;

static _Thread_local bool memory_refused;

static void *allocate(size_t bytes) {
  block_head *head = bytes > SIZE_MAX - sizeof(*head) ? NULL : jimm_alloc(sizeof(*head) + bytes);
  if (head == NULL) {
    memory_refused = true;
    return NULL;
  }
  head->bytes = bytes;
  return head + 1;
}

static void *allocate_zeroed(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    return NULL;
  }
  void *data = allocate(bytes);
  return data == NULL ? NULL : memset(data, 0, bytes);
}

static void release(void *data) {
  jimm_free(data == NULL ? NULL : (block_head *)data - 1);
}

static void *reallocate(void *data, size_t bytes) {
  void *grown = allocate(bytes);
  if (grown != NULL && data != NULL) {
    const size_t kept = ((block_head *)data - 1)->bytes;
    memcpy(grown, data, kept < bytes ? kept : bytes);
    release(data);
  }
  return grown;
}

static jimm_status fail_spng(const png *p, int error) {
  if (error == SPNG_EMEM || memory_refused) {
    return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "%s: out of memory in libspng", p->file->name);
  }
  if (error == SPNG_EIDAT_TOO_SHORT || error == SPNG_IO_EOF) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: PNG file is truncated: the image data end before all %u rows are there",
                     p->file->name, (unsigned)p->height);
  }
  return jimm_fail(JIMM_ERROR_FORMAT, "%s: broken PNG file: %s", p->file->name,
                   spng_strerror(error));
}

static jimm_status decode_rows(png *p, jimm_image *image) {
  struct spng_alloc functions = {allocate, reallocate, allocate_zeroed, release};
  memory_refused = false;
  p->context = spng_ctx_new2(&functions, 0);
  if (p->context == NULL) {
    return fail_spng(p, SPNG_EMEM);
  }
  int error = spng_set_png_buffer(p->context, p->stream, p->stream_size);
  if (error == 0) {
    error = spng_decode_image(p->context, NULL, 0, SPNG_FMT_RAW, SPNG_DECODE_PROGRESSIVE);
  }
  /* From here on no chunk checksums (Pillow ignores those of the image data); set only now, because
   * earlier it would switch off the Adler checksum too, which Pillow does check. */
  if (error == 0) {
    error = spng_set_crc_action(p->context, SPNG_CRC_USE, SPNG_CRC_USE);
  }
  size_t size = 0;
  if (error == 0) {
    error = spng_decoded_image_size(p->context, SPNG_FMT_RAW, &size);
  }
  if (error != 0 || p->height == 0) {
    return fail_spng(p, error);
  }
  const size_t row_size = size / p->height;
  p->row = jimm_calloc(p->interlace ? p->height : 1, row_size);
  if (p->row == NULL) {
    return jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "%s", p->file->name);
  }
  const size_t pitch = (size_t)p->width * 3;
  while (error == 0) {
    struct spng_row_info info;
    error = spng_get_row_info(p->context, &info);
    if (error != 0) {
      break;
    }
    error = spng_decode_row(p->context, p->row + (p->interlace ? info.row_num * row_size : 0),
                            row_size);
    if (!p->interlace && (error == 0 || error == SPNG_EOI)) {
      jimm_png_expand_row(p, p->row, image->data + info.row_num * pitch);
    }
  }
  if (error != SPNG_EOI) {
    return fail_spng(p, error);
  }
  for (size_t y = 0; p->interlace && y < p->height; y++) {
    jimm_png_expand_row(p, p->row + y * row_size, image->data + y * pitch);
  }
  return JIMM_OK;
}

jimm_status jimm_png_decode_slow(png *p, jimm_image *image) {
  put_stream(p);
  p->stream = jimm_alloc(p->stream_size);
  if (p->stream == NULL) {
    return jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "%s", p->file->name);
  }
  put_stream(p);
  const jimm_status status = jimm_image_begin(p->file, "PNG", p->width, p->height, image);
  return status == JIMM_OK ? decode_rows(p, image) : status;
}
