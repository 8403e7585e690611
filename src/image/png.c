/* PNG by libdeflate and libspng, as Pillow's PngImagePlugin reads it.
 *
 * Pillow looks at few chunks and forgives much, libspng looks at all and forgives little. So this
 * file walks the chunks itself, by Pillow's rules, and png_slow.c hands libspng a cleaned stream:
 * IHDR, a palette of one entry where the format demands one, and the image data. libspng inflates,
 * unfilters and deinterlaces; png_rows.c turns samples into RGB. Image data is handed over in
 * pieces of 64 KiB, as Pillow feeds zlib, because the piece decides whether a wrong Adler checksum
 * behind the last row is seen. Alpha and tRNS are dropped, gamma and colour profiles ignored,
 * 16-bit gray clipped at 255 and 16-bit colour cut to its upper byte: convert("RGB") does so.
 *
 * libspng is only asked where it must be. Image data that are not interlaced go to libdeflate
 * first, which is much faster than zlib; only when it finds them whole, of exactly the wanted
 * length and rightly checksummed, and the filters exist, are they taken: then zlib would give the
 * same bytes.
 *
 * One difference is deliberate: image data that ends early is an error, also where Pillow would
 * fill the missing rows with black. */
#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "image/png.h"

bool jimm_png_sniff(const uint8_t *data, size_t size) {
  return size >= PNG_SIGNATURE && memcmp(data, jimm_png_signature, PNG_SIGNATURE) == 0;
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
  p->width = jimm_png_u32(c->data);
  p->height = jimm_png_u32(c->data + 4);
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
  if (jimm_png_u32(c->data + 4) != p->width || jimm_png_u32(c->data + 8) != p->height ||
      jimm_png_u32(c->data + 12) != 0 || jimm_png_u32(c->data + 16) != 0) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "%s: animated PNG: the first frame does not cover the image of %u x %u pixels",
                     p->file->name, (unsigned)p->width, (unsigned)p->height);
  }
  return JIMM_OK;
}

/* Walks the chunks before the image data. */
static jimm_status read_headers(png *p) {
  size_t offset = PNG_SIGNATURE;
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
    if (jimm_png_crc(c.type, (size_t)c.length + 4) != jimm_png_u32(p->file->data + end)) {
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
  return jimm_png_decode_slow(p, image);
}

jimm_status jimm_png_decode(const jimm_image_file *file, jimm_image *image) {
  png p = {.file = file};
  const jimm_status status = decode(&p, image);
  spng_ctx_free(p.context);
  release_buffers(&p);
  return status;
}
