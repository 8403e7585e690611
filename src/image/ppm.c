/* PPM and PGM, binary (P6 and P5), with every maximum value from 1 to 65535. Where the format
 * leaves a choice, this is what Pillow's PpmImagePlugin does: gray values of more than 8 bits are
 * scaled to 16 bits and then clipped, not scaled, to 8. */
#include <string.h>

#include "base/alloc.h"
#include "image/image.h"

/* Pillow's limit on the length of a number in the header. */
#define MAX_DIGITS 10

typedef struct header {
  int64_t width, height, maxval;
  size_t offset; /* of the pixels */
} header;

static bool is_space(uint8_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool jimm_ppm_sniff(const uint8_t *data, size_t size) {
  return size >= 3 && data[0] == 'P' && data[1] >= '1' && data[1] <= '7' &&
         (is_space(data[2]) || data[2] == '#');
}

/* Reads a decimal number and the white space after it. Comments run from # to the end of the line,
 * and may stand even inside a number. */
static jimm_status read_number(const jimm_image_file *file, const char *what, size_t *offset,
                               int64_t *number) {
  int digits = 0;
  *number = 0;
  size_t at = *offset;
  while (at < file->size) {
    const uint8_t c = file->data[at++];
    if (is_space(c)) {
      if (digits > 0) {
        break;
      }
    } else if (c == '#') {
      while (at < file->size && file->data[at] != '\r' && file->data[at] != '\n') {
        at++;
      }
      at += at < file->size ? 1 : 0;
    } else if (c >= '0' && c <= '9' && digits < MAX_DIGITS) {
      *number = *number * 10 + (c - '0');
      digits++;
    } else {
      return jimm_fail(JIMM_ERROR_FORMAT,
                       "%s: PPM header: the %s has the byte 0x%02x at offset %zu, expected a "
                       "number of at most %d digits",
                       file->name, what, (unsigned)c, at - 1, MAX_DIGITS);
    }
  }
  if (digits == 0) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: PPM file is truncated: it ends after %zu bytes, before the %s",
                     file->name, file->size, what);
  }
  *offset = at;
  return JIMM_OK;
}

static jimm_status read_header(const jimm_image_file *file, header *h) {
  h->offset = 3;
  jimm_status status = read_number(file, "width", &h->offset, &h->width);
  if (status == JIMM_OK) {
    status = read_number(file, "height", &h->offset, &h->height);
  }
  if (status == JIMM_OK) {
    status = read_number(file, "maximum value", &h->offset, &h->maxval);
  }
  if (status == JIMM_OK && (h->maxval < 1 || h->maxval > 65535)) {
    status = jimm_fail(JIMM_ERROR_FORMAT,
                       "%s: PPM header: the maximum value is %lld, expected 1 to 65535", file->name,
                       (long long)h->maxval);
  }
  return status;
}

/* value / maxval * full, to nearest, halves to even, as Python's round. */
static int64_t scale(int64_t value, int64_t maxval, int64_t full) {
  const double x = (double)value / (double)maxval * (double)full;
  int64_t n = (int64_t)x;
  const double rest = x - (double)n;
  if (rest > 0.5 || (rest == 0.5 && n % 2 != 0)) {
    n++;
  }
  return n < full ? n : full;
}

jimm_status jimm_ppm_decode(const jimm_image_file *file, jimm_image *image) {
  const char kind = (char)file->data[1];
  if ((kind != '5' && kind != '6') || file->data[2] == '#') {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "%s: netpbm format P%c%s is not supported (known: P5 and P6, binary)",
                     file->name, kind, file->data[2] == '#' ? "#" : "");
  }
  header h;
  jimm_status status = read_header(file, &h);
  if (status == JIMM_OK) {
    status = jimm_image_check_size(file, "PPM", h.width, h.height);
  }
  if (status != JIMM_OK) {
    return status;
  }
  const size_t channels = kind == '6' ? 3 : 1;
  const size_t bytes = h.maxval > 255 ? 2 : 1;
  const uint64_t samples = (uint64_t)h.width * (uint64_t)h.height * channels;
  if (samples > (file->size - h.offset) / bytes) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: PPM file is truncated: %llu bytes of pixels, expected %llu", file->name,
                     (unsigned long long)(file->size - h.offset),
                     (unsigned long long)(samples * bytes));
  }
  status = jimm_image_begin(file, "PPM", h.width, h.height, image);
  if (status != JIMM_OK) {
    return status;
  }
  const uint8_t *in = file->data + h.offset;
  if (channels == 3 && h.maxval == 255) {
    memcpy(image->data, in, (size_t)samples);
    return JIMM_OK;
  }
  uint8_t *table = jimm_alloc(65536);
  if (table == NULL) {
    return jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "%s", file->name);
  }
  const int64_t full = channels == 1 && h.maxval > 255 ? 65535 : 255;
  for (int64_t v = 0; v < (bytes == 2 ? 65536 : 256); v++) {
    const int64_t scaled = scale(v, h.maxval, full);
    table[v] = (uint8_t)(scaled < 255 ? scaled : 255);
  }
  uint8_t *out = image->data;
  for (uint64_t i = 0; i < samples; i++) {
    const uint8_t value = table[bytes == 2 ? (size_t)in[2 * i] << 8 | in[2 * i + 1] : in[i]];
    *out++ = value;
    if (channels == 1) {
      *out++ = value;
      *out++ = value;
    }
  }
  jimm_free(table);
  return JIMM_OK;
}
