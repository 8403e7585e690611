/* PNG image data by libdeflate; png.c says when. */
#include <libdeflate.h>

#include "base/alloc.h"
#include "image/png.h"

/* The image data as one piece of memory; copied to p->stream when the file has several. */
static jimm_status gather(png *p, const uint8_t **data, size_t *size) {
  chunk c;
  size_t chunks = 0, total = 0;
  for (size_t offset = p->data_offset;
       jimm_png_read_chunk(p->file, offset, &c) && is_type(&c, "IDAT"); offset = next_offset(&c)) {
    *data = c.data;
    total += c.available;
    chunks++;
  }
  *size = total;
  if (chunks <= 1) {
    return JIMM_OK;
  }
  p->stream = jimm_alloc(total > 0 ? total : 1);
  if (p->stream == NULL) {
    return jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "%s", p->file->name);
  }
  *data = p->stream;
  total = 0;
  for (size_t offset = p->data_offset;
       jimm_png_read_chunk(p->file, offset, &c) && is_type(&c, "IDAT"); offset = next_offset(&c)) {
    memcpy(p->stream + total, c.data, c.available);
    total += c.available;
  }
  return JIMM_OK;
}

/* Filtered rows, each after its filter's number, to pixels. RGB of 8 bits is done in place: `raw`
 * is then the memory of the image, and a row ends up before where it was. */
static bool undo_filters(png *p, uint8_t *raw, size_t row_size, jimm_image *image) {
  const bool in_place = raw == image->data;
  const size_t step = p->depth < 8 ? 1 : jimm_png_channels(p) * p->depth / 8;
  const size_t pitch = (size_t)p->width * 3;
  const uint8_t *above = p->row; /* zeros */
  for (size_t y = 0; y < p->height; y++) {
    uint8_t *in = raw + y * (row_size + 1);
    uint8_t *out = in_place ? raw + y * pitch : in + 1;
    if (!jimm_png_undo_filter(in[0], in + 1, above, out, row_size, step)) {
      return false;
    }
    if (!in_place) {
      jimm_png_expand_row(p, out, image->data + y * pitch);
    }
    above = out;
  }
  return true;
}

jimm_status jimm_png_decode_fast(png *p, jimm_image *image, bool *done) {
  const size_t row_size = ((size_t)p->width * jimm_png_channels(p) * p->depth + 7) / 8;
  if (p->interlace || row_size + 1 > (SIZE_MAX / 2) / p->height) {
    return JIMM_OK;
  }
  const size_t raw_size = (row_size + 1) * p->height;
  const uint8_t *data = NULL;
  size_t size = 0;
  jimm_status status = gather(p, &data, &size);
  if (status != JIMM_OK) {
    return status;
  }
  p->row = jimm_calloc(1, row_size + FILTER_SLACK);
  p->raw = p->row == NULL ? NULL : jimm_alloc(raw_size + FILTER_SLACK);
  if (p->raw == NULL) {
    return jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "%s", p->file->name);
  }
  struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
  if (inflater == NULL) {
    return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "%s: out of memory in libdeflate", p->file->name);
  }
  const enum libdeflate_result result =
      libdeflate_zlib_decompress(inflater, data, size, p->raw, raw_size, NULL);
  libdeflate_free_decompressor(inflater);
  if (result != LIBDEFLATE_SUCCESS) {
    return JIMM_OK;
  }
  memset(p->raw + raw_size, 0, FILTER_SLACK);
  if (p->color == RGB && p->depth == 8) {
    *image = (jimm_image){p->width, p->height, p->raw};
    p->raw = NULL;
  } else {
    status = jimm_image_begin(p->file, "PNG", p->width, p->height, image);
    if (status != JIMM_OK) {
      return status;
    }
  }
  *done = undo_filters(p, p->raw != NULL ? p->raw : image->data, row_size, image);
  return JIMM_OK;
}
