/* The counted random stream of docs/synthetic.md. */
#ifndef JIMM_BASE_STREAM_H
#define JIMM_BASE_STREAM_H

#include <stdint.h>

static inline uint64_t jimm_stream_mix(uint64_t z) {
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

static inline uint64_t jimm_stream_key(uint64_t seed, const char *name) {
  uint64_t h = UINT64_C(14695981039346656037);
  for (const unsigned char *c = (const unsigned char *)name; *c != 0; c++) {
    h = (h ^ *c) * UINT64_C(1099511628211);
  }
  return jimm_stream_mix(seed * UINT64_C(0x9E3779B97F4A7C15) ^ h);
}

static inline uint64_t jimm_stream_bits(uint64_t key, uint64_t index) {
  return jimm_stream_mix(key + (index + 1) * UINT64_C(0x9E3779B97F4A7C15));
}

/* Uniform in [-1, 1), 24 bits, exact in float32. */
static inline double jimm_stream_uniform(uint64_t key, uint64_t index) {
  return (double)((int64_t)(jimm_stream_bits(key, index) >> 40) - 8388608) / 8388608.0;
}

#endif
