/* farbfeld: "farbfeld", width and height, then RGBA of 16 bits, all big-endian; the format that
 * scripts/adding.sh adds. Alpha is left out. */
#include <string.h>

#include "image/image.h"

#define HEADER 16

static uint32_t read_u32(const uint8_t *data) {
  return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

bool jimm_farbfeld_sniff(const uint8_t *data, size_t size) {
  return size >= 8 && memcmp(data, "farbfeld", 8) == 0;
}

jimm_status jimm_farbfeld_decode(const jimm_image_file *file, jimm_image *image) {
  if (file->size < HEADER) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: farbfeld file is truncated: %zu bytes", file->name,
                     file->size);
  }
  const int64_t width = read_u32(file->data + 8), height = read_u32(file->data + 12);
  jimm_status status = jimm_image_check_size(file, "farbfeld", width, height);
  if (status != JIMM_OK) {
    return status;
  }
  const uint64_t pixels = (uint64_t)width * (uint64_t)height;
  if (pixels > (file->size - HEADER) / 8) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: farbfeld file is truncated: %zu bytes", file->name,
                     file->size);
  }
  status = jimm_image_begin(file, "farbfeld", width, height, image);
  if (status != JIMM_OK) {
    return status;
  }
  const uint8_t *in = file->data + HEADER;
  uint8_t *out = image->data;
  for (uint64_t i = 0; i < pixels; i++, in += 8) {
    *out++ = in[0];
    *out++ = in[2];
    *out++ = in[4];
  }
  return JIMM_OK;
}
