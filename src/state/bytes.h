/* Numbers in files: little-endian, at any address. */
#ifndef JIMM_STATE_BYTES_H
#define JIMM_STATE_BYTES_H

#include <stdint.h>

/* `count` bytes, at most 8, the lowest first. */
static inline uint64_t jimm_little_endian(const unsigned char *bytes, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; i++) {
    value |= (uint64_t)bytes[i] << 8 * i;
  }
  return value;
}

#endif
