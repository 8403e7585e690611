/* PNG by libdeflate and libspng, as Pillow's PngImagePlugin reads it.
 *
 * Pillow looks at few chunks and forgives much, libspng looks at all and forgives little. So this
 * file walks the chunks itself, by Pillow's rules, and hands libspng a cleaned stream: IHDR, a
 * palette of one entry where the format demands one, and the image data. libspng inflates,
 * unfilters and deinterlaces; this file turns samples into RGB. Image data is handed over in pieces
 * of 64 KiB, as Pillow feeds zlib, because the piece decides whether a wrong Adler checksum behind
 * the last row is seen. Alpha and tRNS are dropped, gamma and colour profiles ignored, 16-bit gray
 * clipped at 255 and 16-bit colour cut to its upper byte: convert("RGB") does so.
 *
 * libspng is only asked where it must be. Image data that are not interlaced go to libdeflate
 * first, which is much faster than zlib; only when it finds them whole, of exactly the wanted
 * length and rightly checksummed, and the filters exist, are they taken: then zlib would give the
 * same bytes.
 *
 * One difference is deliberate: image data that ends early is an error, also where Pillow would
 * fill the missing rows with black. */
#include <ctype.h>
#include <spng.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "image/png.h"

#define PIECE 65536

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

bool jimm_png_sniff(const uint8_t *data, size_t size) {
  return size >= sizeof(signature) && memcmp(data, signature, sizeof(signature)) == 0;
}

static uint32_t read_u32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_u32(uint8_t *p, uint32_t value) {
  for (int i = 0; i < 4; i++) {
    p[i] = (uint8_t)(value >> (24 - 8 * i));
  }
}

/* CRC-32 of the PNG specification, four bits at a time: it sees headers, not image data. */
static uint32_t crc32_of(const uint8_t *data, size_t size) {
  static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                     0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                     0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                     0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return ~crc;
}

bool jimm_png_read_chunk(const jimm_image_file *file, size_t offset, chunk *c) {
  if (offset > file->size || file->size - offset < 8) {
    return false;
  }
  c->offset = offset;
  c->length = read_u32(file->data + offset);
  c->type = file->data + offset + 4;
  c->data = file->data + offset + 8;
  const size_t rest = file->size - offset - 8;
  c->available = c->length < rest ? c->length : rest;
  return true;
}

static bool has_type(const chunk *c) {
  for (int i = 0; i < 4; i++) {
    const uint8_t b = c->type[i];
    if (b >= 128 || (isalnum(b) == 0 && b != '_')) {
      return false;
    }
  }
  return true;
}

static jimm_status fail_truncated(const png *p, const char *where) {
  return jimm_fail(JIMM_ERROR_FORMAT, "%s: PNG file is truncated: it ends after %zu bytes, %s",
                   p->file->name, p->file->size, where);
}

/* The parts of a chunk that make Pillow refuse a file, before and after the image data. */
static jimm_status check_chunk(const png *p, const chunk *c) {
  static const struct {
    char type[5];
    uint32_t least;
  } known[] = {{"IHDR", 13}, {"gAMA", 4}, {"cHRM", 32}, {"sRGB", 1},
               {"pHYs", 9},  {"acTL", 8}, {"fcTL", 26}};
  if (c->available < c->length) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: PNG file is truncated: chunk %.4s at offset %zu has %u bytes of data, "
                     "the file only %zu of them",
                     p->file->name, (const char *)c->type, c->offset, (unsigned)c->length,
                     c->available);
  }
  uint32_t least = 0;
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
    least = is_type(c, known[i].type) ? known[i].least : least;
  }
  if (is_type(c, "tRNS")) {
    least = p->color == RGB && p->depth == 8 ? 6 : p->color == GRAY ? 2 : 0;
  }
  if (c->length < least) {
    return jimm_fail(
        JIMM_ERROR_FORMAT, "%s: PNG chunk %.4s at offset %zu has %u bytes, expected at least %u",
        p->file->name, (const char *)c->type, c->offset, (unsigned)c->length, (unsigned)least);
  }
  return JIMM_OK;
}

static jimm_status take_header(png *p, const chunk *c) {
  p->width = read_u32(c->data);
  p->height = read_u32(c->data + 4);
  p->depth = c->data[8];
  p->color = c->data[9];
  p->interlace = c->data[12] != 0;
  if (c->data[11] != 0) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: PNG header: filter method %u, expected 0",
                     p->file->name, (unsigned)c->data[11]);
  }
  return JIMM_OK;
}

static jimm_status take_palette(png *p, const chunk *c) {
  if (p->color != PALETTE) {
    return JIMM_OK;
  }
  if (c->length > sizeof(p->palette)) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: PNG palette has %u bytes, expected at most %zu",
                     p->file->name, (unsigned)c->length, sizeof(p->palette));
  }
  /* Entries that the file lacks are black; bytes that fill no entry do not count. */
  memset(p->palette, 0, sizeof(p->palette));
  memcpy(p->palette, c->data, c->length - c->length % 3);
  return JIMM_OK;
}

/* The first frame of an animation must cover the image. */
static jimm_status take_frame(const png *p, const chunk *c) {
  if (read_u32(c->data + 4) != p->width || read_u32(c->data + 8) != p->height ||
      read_u32(c->data + 12) != 0 || read_u32(c->data + 16) != 0) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "%s: animated PNG: the first frame does not cover the image of %u x %u pixels",
                     p->file->name, (unsigned)p->width, (unsigned)p->height);
  }
  return JIMM_OK;
}

/* Walks the chunks before the image data. */
static jimm_status read_headers(png *p) {
  size_t offset = sizeof(signature);
  for (;;) {
    chunk c;
    if (!jimm_png_read_chunk(p->file, offset, &c)) {
      return fail_truncated(p, "before the image data");
    }
    if (!has_type(&c)) {
      return jimm_fail(JIMM_ERROR_FORMAT, "%s: broken PNG file: no chunk type at offset %zu",
                       p->file->name, offset + 4);
    }
    if (is_type(&c, "IDAT")) {
      p->data_offset = offset;
      return JIMM_OK;
    }
    if (is_type(&c, "IEND") || is_type(&c, "fdAT")) {
      return jimm_fail(JIMM_ERROR_FORMAT, "%s: PNG file has no image data before %.4s",
                       p->file->name, (const char *)c.type);
    }
    jimm_status status = check_chunk(p, &c);
    if (status != JIMM_OK) {
      return status;
    }
    const size_t end = offset + 8 + c.length;
    if (p->file->size - end < 4) {
      return fail_truncated(p, "inside a checksum");
    }
    if (crc32_of(c.type, (size_t)c.length + 4) != read_u32(p->file->data + end)) {
      return jimm_fail(JIMM_ERROR_FORMAT,
                       "%s: broken PNG file: wrong checksum of chunk %.4s at offset %zu",
                       p->file->name, (const char *)c.type, offset);
    }
    if (is_type(&c, "IHDR")) {
      status = take_header(p, &c);
    } else if (is_type(&c, "PLTE")) {
      status = take_palette(p, &c);
    } else if (is_type(&c, "fcTL")) {
      status = take_frame(p, &c);
    }
    if (status != JIMM_OK) {
      return status;
    }
    offset = next_offset(&c);
  }
}

static bool depth_fits_color(unsigned depth, unsigned color) {
  switch (color) {
    case GRAY:
      return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case PALETTE:
      return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case RGB:
    case GRAY_ALPHA:
    case RGBA:
      return depth == 8 || depth == 16;
    default:
      return false;
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
    write_u32(out + 8 + length, checked ? crc32_of(out + 4, length + 4) : 0);
  }
  p->stream_size += length + 12;
}

static void put_stream(png *p) {
  uint8_t header[13] = {0};
  const uint8_t black[3] = {0};
  if (p->stream != NULL) {
    memcpy(p->stream, signature, sizeof(signature));
  }
  p->stream_size = sizeof(signature);
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

/* Walks the chunks from the image data on, where Pillow refuses a chunk that is cut off. */
static jimm_status check_rest(const png *p) {
  chunk c;
  size_t offset = p->data_offset;
  while (jimm_png_read_chunk(p->file, offset, &c) && has_type(&c) && !is_type(&c, "IEND")) {
    const jimm_status status = check_chunk(p, &c);
    if (status != JIMM_OK) {
      return status;
    }
    if (is_type(&c, "fcTL")) {
      break; /* the next frame of an animation */
    }
    offset = next_offset(&c);
  }
  return JIMM_OK;
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

/* What jimm_png_decode_fast took. */
static void release_buffers(png *p) {
  jimm_free(p->raw);
  jimm_free(p->row);
  jimm_free(p->stream);
  p->raw = p->row = p->stream = NULL;
}

static jimm_status decode(png *p, jimm_image *image) {
  jimm_status status = read_headers(p);
  if (status != JIMM_OK) {
    return status;
  }
  if (!depth_fits_color(p->depth, p->color)) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: PNG header: %u bits of colour type %u is not a kind of PNG",
                     p->file->name, (unsigned)p->depth, (unsigned)p->color);
  }
  status = jimm_image_check_size(p->file, "PNG", p->width, p->height);
  if (status != JIMM_OK) {
    return status;
  }
  status = check_rest(p);
  if (status != JIMM_OK) {
    return status;
  }
  bool done = false;
  status = jimm_png_decode_fast(p, image, &done);
  if (status != JIMM_OK || done) {
    return status;
  }
  jimm_image_close(image);
  release_buffers(p);
  put_stream(p);
  p->stream = jimm_alloc(p->stream_size);
  if (p->stream == NULL) {
    return jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "%s", p->file->name);
  }
  put_stream(p);
  status = jimm_image_begin(p->file, "PNG", p->width, p->height, image);
  if (status == JIMM_OK) {
    status = decode_rows(p, image);
  }
  return status;
}

jimm_status jimm_png_decode(const jimm_image_file *file, jimm_image *image) {
  png p = {.file = file};
  const jimm_status status = decode(&p, image);
  spng_ctx_free(p.context);
  release_buffers(&p);
  return status;
}
