/* The inner loops of resampling for AVX2, in the arithmetic of resize_sse2.c. */
#include <string.h>

#include <immintrin.h>

#include "image/image.h"

/* weight = upper * 2^12 + lower, 0 <= lower < 2^12; |weight| < 2^24, so both fit 16 bits. */
#define LOWER_BITS 12
#define ROUND (1 << (JIMM_FILTER_BITS - 1))
#define ROWS 4

typedef struct sums {
  __m256i lower, upper;
} sums;

static inline __m128i load16(const void *p) {
  return _mm_loadu_si128((const __m128i *)p);
}

static inline __m256i load32(const void *p) {
  return _mm256_loadu_si256((const __m256i *)p);
}

static inline __m256i join(sums s) {
  return _mm256_add_epi32(s.lower, _mm256_slli_epi32(s.upper, LOWER_BITS));
}

static inline void add(sums *s, __m256i pairs, __m256i low, __m256i high) {
  s->lower = _mm256_add_epi32(s->lower, _mm256_madd_epi16(pairs, low));
  s->upper = _mm256_add_epi32(s->upper, _mm256_madd_epi16(pairs, high));
}

/* ---- across ---- */

/* Output pixel i of `rows` rows. The lower half of a register has the pairs (red, red), (green,
 * green), (blue, blue) of the first two of four taps, the upper half those of the others. */
static inline void across_pixel(int rows, const jimm_filter *filter, int64_t i,
                                const uint8_t *source, size_t stride, uint8_t *target,
                                size_t target_stride) {
  const __m256i pairs =
      _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7,
                       -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i low_words = _mm256_setr_epi32(0x03020100, 0x03020100, 0x03020100, 0x03020100,
                                              0x07060504, 0x07060504, 0x07060504, 0x07060504);
  const __m256i high_words = _mm256_add_epi8(low_words, _mm256_set1_epi8(8));
  const __m128i mask = _mm_set1_epi32((1 << LOWER_BITS) - 1);
  const int32_t *weight = filter->weight + i * filter->taps;
  const uint8_t *p = source + (size_t)filter->first[i] * 3;
  sums sum[ROWS];
  for (int r = 0; r < rows; r++) {
    sum[r].lower = sum[r].upper = _mm256_setzero_si256();
  }
  for (int32_t t = 0; t < filter->count[i]; t += 4, p += 12) {
    const __m128i w = load16(weight + t);
    const __m256i words = _mm256_broadcastsi128_si256(
        _mm_packs_epi32(_mm_and_si128(w, mask), _mm_srai_epi32(w, LOWER_BITS)));
    const __m256i low = _mm256_shuffle_epi8(words, low_words);
    const __m256i high = _mm256_shuffle_epi8(words, high_words);
    for (int r = 0; r < rows; r++) {
      const __m256i pixels = _mm256_broadcastsi128_si256(load16(p + (size_t)r * stride));
      add(&sum[r], _mm256_shuffle_epi8(pixels, pairs), low, high);
    }
  }
  for (int r = 0; r < rows; r++) {
    const __m256i joined = join(sum[r]);
    const __m128i total =
        _mm_add_epi32(_mm256_castsi256_si128(joined), _mm256_extracti128_si256(joined, 1));
    const __m128i value =
        _mm_srai_epi32(_mm_add_epi32(total, _mm_set1_epi32(ROUND)), JIMM_FILTER_BITS);
    const __m128i words = _mm_packs_epi32(value, value);
    const uint32_t bytes = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    uint8_t *out = target + (size_t)r * target_stride + i * 3;
    out[0] = (uint8_t)bytes;
    out[1] = (uint8_t)(bytes >> 8);
    out[2] = (uint8_t)(bytes >> 16);
  }
}

static void across(const jimm_filter *filter, const uint8_t *source, size_t stride, int64_t rows,
                   uint8_t *target, size_t target_stride) {
  for (; rows >= ROWS; rows -= ROWS, source += ROWS * stride, target += ROWS * target_stride) {
    for (int64_t i = 0; i < filter->outputs; i++) {
      across_pixel(ROWS, filter, i, source, stride, target, target_stride);
    }
  }
  for (; rows > 0; rows--, source += stride, target += target_stride) {
    for (int64_t i = 0; i < filter->outputs; i++) {
      across_pixel(1, filter, i, source, stride, target, target_stride);
    }
  }
}

/* ---- down ---- */

/* The weights of two rows, as a pair in every lane. */
static inline __m256i pair(int32_t a, int32_t b) {
  return _mm256_set1_epi32((int32_t)(((uint32_t)a & 0xFFFF) | (uint32_t)b << 16));
}

/* 32 bytes of the row. */
static inline void down_block(const int32_t *weight, int32_t count, const uint8_t *p, size_t stride,
                              uint8_t *target) {
  const __m256i zero = _mm256_setzero_si256();
  const int32_t mask = (1 << LOWER_BITS) - 1;
  sums sum[4] = {{zero, zero}, {zero, zero}, {zero, zero}, {zero, zero}};
  for (int32_t t = 0; t < count; t += 2, p += 2 * stride) {
    const bool two = t + 1 < count;
    const int32_t w0 = weight[t], w1 = two ? weight[t + 1] : 0;
    const __m256i low = pair(w0 & mask, w1 & mask);
    const __m256i high = pair(w0 >> LOWER_BITS, w1 >> LOWER_BITS);
    const __m256i a = load32(p), b = two ? load32(p + stride) : zero;
    const __m256i left = _mm256_unpacklo_epi8(a, b), right = _mm256_unpackhi_epi8(a, b);
    add(&sum[0], _mm256_unpacklo_epi8(left, zero), low, high);
    add(&sum[1], _mm256_unpackhi_epi8(left, zero), low, high);
    add(&sum[2], _mm256_unpacklo_epi8(right, zero), low, high);
    add(&sum[3], _mm256_unpackhi_epi8(right, zero), low, high);
  }
  __m256i value[4];
  for (int k = 0; k < 4; k++) {
    value[k] = _mm256_srai_epi32(_mm256_add_epi32(join(sum[k]), _mm256_set1_epi32(ROUND)),
                                 JIMM_FILTER_BITS);
  }
  const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(value[0], value[1]),
                                            _mm256_packs_epi32(value[2], value[3]));
  _mm256_storeu_si256((__m256i *)(void *)target, bytes);
}

/* The last block overlaps the one before it. */
static void down(const int32_t *weight, int32_t count, const uint8_t *source, size_t stride,
                 size_t bytes, uint8_t *target) {
  if (bytes < 32) {
    jimm_resize_plain.down(weight, count, source, stride, bytes, target);
    return;
  }
  for (size_t x = 0; x < bytes; x += 32) {
    const size_t at = x + 32 <= bytes ? x : bytes - 32;
    down_block(weight, count, source + at, stride, target + at);
  }
}

const jimm_resize_loops jimm_resize_avx2 = {across, down};
