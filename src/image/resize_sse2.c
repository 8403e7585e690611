/* The inner loops of resampling for SSE2: a weight is split into an upper and a lower part of 16
 * bits, two taps are multiplied at a time, and the sums joined. */
#include <string.h>

#include <emmintrin.h>

#include "image/image.h"

#define ROUND (1 << (JIMM_FILTER_BITS - 1))

/* weight = upper * 2^12 + lower, 0 <= lower < 2^12; |weight| < 2^24, so both fit 16 bits. */
#define LOWER_BITS 12

/* The lower and the upper parts of two weights, as a pair in every 32-bit lane. */
static inline void split(int32_t a, int32_t b, __m128i *lower, __m128i *upper) {
  const int32_t mask = (1 << LOWER_BITS) - 1;
  const uint32_t low = (uint32_t)(a & mask) | (uint32_t)(b & mask) << 16;
  const uint32_t high = ((uint32_t)(a >> LOWER_BITS) & 0xFFFF) | (uint32_t)(b >> LOWER_BITS) << 16;
  *lower = _mm_set1_epi32((int32_t)low);
  *upper = _mm_set1_epi32((int32_t)high);
}

/* Joins the sums, rounds and shifts: four values, not yet clipped. */
static inline __m128i join(__m128i lower, __m128i upper) {
  const __m128i sum = _mm_add_epi32(lower, _mm_slli_epi32(upper, LOWER_BITS));
  return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(ROUND)), JIMM_FILTER_BITS);
}

static inline __m128i load4(const uint8_t *p) {
  int32_t bytes;
  memcpy(&bytes, p, sizeof(bytes));
  return _mm_cvtsi32_si128(bytes);
}

/* Reads one byte after the last pixel. */
static void horizontal_pixel_sse2(const int32_t *weight, int32_t count, const uint8_t *p,
                                  uint8_t *target) {
  const __m128i zero = _mm_setzero_si128();
  __m128i lower = zero, upper = zero, low, high;
  int32_t t = 0;
  for (; t + 1 < count; t += 2, p += 6) {
    const __m128i pair = _mm_unpacklo_epi8(_mm_unpacklo_epi8(load4(p), load4(p + 3)), zero);
    split(weight[t], weight[t + 1], &low, &high);
    lower = _mm_add_epi32(lower, _mm_madd_epi16(pair, low));
    upper = _mm_add_epi32(upper, _mm_madd_epi16(pair, high));
  }
  if (t < count) {
    const __m128i last = _mm_unpacklo_epi8(_mm_unpacklo_epi8(load4(p), zero), zero);
    split(weight[t], 0, &low, &high);
    lower = _mm_add_epi32(lower, _mm_madd_epi16(last, low));
    upper = _mm_add_epi32(upper, _mm_madd_epi16(last, high));
  }
  const __m128i words = _mm_packs_epi32(join(lower, upper), zero);
  const uint32_t bytes = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(words, zero));
  target[0] = (uint8_t)bytes;
  target[1] = (uint8_t)(bytes >> 8);
  target[2] = (uint8_t)(bytes >> 16);
}

static void across_sse2(const jimm_filter *filter, const uint8_t *source, size_t stride,
                        int64_t rows, uint8_t *target, size_t target_stride) {
  for (; rows > 0; rows--, source += stride, target += target_stride) {
    for (int64_t i = 0; i < filter->outputs; i++) {
      horizontal_pixel_sse2(filter->weight + i * filter->taps, filter->count[i],
                            source + (size_t)filter->first[i] * 3, target + i * 3);
    }
  }
}

/* 16 bytes of the row. */
static inline void vertical_block(const int32_t *weight, int32_t count, const uint8_t *p,
                                  size_t stride, uint8_t *target) {
  const __m128i zero = _mm_setzero_si128();
  __m128i lower[4] = {zero, zero, zero, zero};
  __m128i upper[4] = {zero, zero, zero, zero};
  for (int32_t t = 0; t < count; t += 2, p += 2 * stride) {
    const bool two = t + 1 < count;
    const __m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m128i b = two ? _mm_loadu_si128((const __m128i *)(const void *)(p + stride)) : zero;
    __m128i low, high;
    split(weight[t], two ? weight[t + 1] : 0, &low, &high);
    const __m128i left = _mm_unpacklo_epi8(a, b), right = _mm_unpackhi_epi8(a, b);
    const __m128i pairs[4] = {_mm_unpacklo_epi8(left, zero), _mm_unpackhi_epi8(left, zero),
                              _mm_unpacklo_epi8(right, zero), _mm_unpackhi_epi8(right, zero)};
    for (int i = 0; i < 4; i++) {
      lower[i] = _mm_add_epi32(lower[i], _mm_madd_epi16(pairs[i], low));
      upper[i] = _mm_add_epi32(upper[i], _mm_madd_epi16(pairs[i], high));
    }
  }
  const __m128i front = _mm_packs_epi32(join(lower[0], upper[0]), join(lower[1], upper[1]));
  const __m128i back = _mm_packs_epi32(join(lower[2], upper[2]), join(lower[3], upper[3]));
  _mm_storeu_si128((__m128i *)(void *)target, _mm_packus_epi16(front, back));
}

static void down_sse2(const int32_t *weight, int32_t count, const uint8_t *source, size_t stride,
                      size_t bytes, uint8_t *target) {
  size_t x = 0;
  for (; x + 16 <= bytes; x += 16) {
    vertical_block(weight, count, source + x, stride, target + x);
  }
  jimm_resize_plain.down(weight, count, source + x, stride, bytes - x, target + x);
}

const jimm_resize_loops jimm_resize_sse2 = {across_sse2, down_sse2};
