/* Chunks of a PNG file, one by one. */
#include "image/png.h"

const uint8_t jimm_png_signature[PNG_SIGNATURE] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

uint32_t jimm_png_u32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* CRC-32 of the PNG specification, four bits at a time: it sees headers, not image data. */
uint32_t jimm_png_crc(const uint8_t *data, size_t size) {
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
  c->length = jimm_png_u32(file->data + offset);
  c->type = file->data + offset + 4;
  c->data = file->data + offset + 8;
  const size_t rest = file->size - offset - 8;
  c->available = c->length < rest ? c->length : rest;
  return true;
}
