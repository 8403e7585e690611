/* The two inner loops of resampling: sums of 8-bit pixels times 22-bit weights, in 32-bit integers.
 * The SSE2 and AVX2 versions split a weight into an upper and a lower part of 16 bits, multiply two
 * or four taps at a time and join the sums; integer sums wrap and the true sum fits, so all orders
 * give the same.
 */
#include <string.h>

#include "image/image.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>

#include <jimm/base.h>
#endif

#define ROUND (1 << (JIMM_FILTER_BITS - 1))

static uint8_t clip(int32_t sum) {
  const int32_t value = sum >> JIMM_FILTER_BITS;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void horizontal_pixel(const int32_t *weight, int32_t count, const uint8_t *p,
                             uint8_t *target) {
  int32_t red = ROUND, green = ROUND, blue = ROUND;
  for (int32_t t = 0; t < count; t++, p += 3) {
    red += p[0] * weight[t];
    green += p[1] * weight[t];
    blue += p[2] * weight[t];
  }
  target[0] = clip(red);
  target[1] = clip(green);
  target[2] = clip(blue);
}

void jimm_resize_horizontal_plain(const jimm_filter *filter, const uint8_t *source,
                                  uint8_t *target) {
  for (int64_t i = 0; i < filter->outputs; i++) {
    horizontal_pixel(filter->weight + i * filter->taps, filter->count[i],
                     source + (size_t)filter->first[i] * 3, target + i * 3);
  }
}

void jimm_resize_vertical_plain(const int32_t *weight, int32_t count, const uint8_t *source,
                                size_t stride, size_t bytes, uint8_t *target) {
  for (size_t x = 0; x < bytes; x++) {
    int32_t sum = ROUND;
    const uint8_t *p = source + x;
    for (int32_t t = 0; t < count; t++, p += stride) {
      sum += *p * weight[t];
    }
    target[x] = clip(sum);
  }
}

#if defined(__SSE2__)

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

#if defined(__x86_64__)
/* Four taps at a time, two in each half of a register. Reads one byte after the last pixel. */
__attribute__((target("avx2"))) static void horizontal_pixel_avx2(const int32_t *weight,
                                                                  int32_t count, const uint8_t *p,
                                                                  uint8_t *target) {
  const __m256i pairs = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,
                                         4, -1, 7, -1, 5, -1, 8, -1, 6, -1, 9, -1, -1, -1, -1, -1);
  const __m256i mask = _mm256_set1_epi32((1 << LOWER_BITS) - 1);
  const __m256i order = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  __m256i lower = _mm256_setzero_si256(), upper = lower;
  int32_t t = 0;
  for (; t + 4 <= count; t += 4, p += 12) {
    /* Pixels 0 to 3: bytes 0 to 7 in the lower half; bytes 2 to 11 as 0 to 9 in the upper. */
    const __m128i front = _mm_loadl_epi64((const __m128i *)(const void *)p);
    const __m128i back =
        _mm_alignr_epi8(_mm_setzero_si128(), _mm_unpacklo_epi64(front, load4(p + 8)), 2);
    const __m256i pixels =
        _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(front), back, 1), pairs);
    const __m128i w = _mm_loadu_si128((const __m128i *)(const void *)(weight + t));
    const __m128i low = _mm_and_si128(w, _mm256_castsi256_si128(mask));
    const __m128i high = _mm_srai_epi32(w, LOWER_BITS);
    const __m256i lows = _mm256_castsi128_si256(_mm_packs_epi32(low, low));
    const __m256i highs = _mm256_castsi128_si256(_mm_packs_epi32(high, high));
    lower = _mm256_add_epi32(lower,
                             _mm256_madd_epi16(pixels, _mm256_permutevar8x32_epi32(lows, order)));
    upper = _mm256_add_epi32(upper,
                             _mm256_madd_epi16(pixels, _mm256_permutevar8x32_epi32(highs, order)));
  }
  __m128i lower4 = _mm_add_epi32(_mm256_castsi256_si128(lower), _mm256_extracti128_si256(lower, 1));
  __m128i upper4 = _mm_add_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256(upper, 1));
  const __m128i zero = _mm_setzero_si128();
  for (; t < count; t++, p += 3) {
    __m128i low, high;
    const __m128i last = _mm_unpacklo_epi8(_mm_unpacklo_epi8(load4(p), zero), zero);
    split(weight[t], 0, &low, &high);
    lower4 = _mm_add_epi32(lower4, _mm_madd_epi16(last, low));
    upper4 = _mm_add_epi32(upper4, _mm_madd_epi16(last, high));
  }
  const __m128i words = _mm_packs_epi32(join(lower4, upper4), zero);
  const uint32_t bytes = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(words, zero));
  target[0] = (uint8_t)bytes;
  target[1] = (uint8_t)(bytes >> 8);
  target[2] = (uint8_t)(bytes >> 16);
}
#endif

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

void jimm_resize_horizontal(const jimm_filter *filter, const uint8_t *source, bool overread,
                            uint8_t *target) {
  if (!overread) {
    jimm_resize_horizontal_plain(filter, source, target);
    return;
  }
#if defined(__x86_64__)
  if (jimm_cpu_isa() >= JIMM_ISA_AVX2) {
    for (int64_t i = 0; i < filter->outputs; i++) {
      horizontal_pixel_avx2(filter->weight + i * filter->taps, filter->count[i],
                            source + (size_t)filter->first[i] * 3, target + i * 3);
    }
    return;
  }
#endif
  for (int64_t i = 0; i < filter->outputs; i++) {
    horizontal_pixel_sse2(filter->weight + i * filter->taps, filter->count[i],
                          source + (size_t)filter->first[i] * 3, target + i * 3);
  }
}

#if defined(__x86_64__)
/* 32 bytes of the row: the block below on both halves of wider registers. */
__attribute__((target("avx2"))) static void vertical_block_avx2(const int32_t *weight,
                                                                int32_t count, const uint8_t *p,
                                                                size_t stride, uint8_t *target) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i lower[4] = {zero, zero, zero, zero};
  __m256i upper[4] = {zero, zero, zero, zero};
  for (int32_t t = 0; t < count; t += 2, p += 2 * stride) {
    const bool two = t + 1 < count;
    const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    const __m256i b = two ? _mm256_loadu_si256((const __m256i *)(const void *)(p + stride)) : zero;
    __m128i low, high;
    split(weight[t], two ? weight[t + 1] : 0, &low, &high);
    const __m256i low2 = _mm256_broadcastd_epi32(low), high2 = _mm256_broadcastd_epi32(high);
    const __m256i left = _mm256_unpacklo_epi8(a, b), right = _mm256_unpackhi_epi8(a, b);
    const __m256i pairs[4] = {_mm256_unpacklo_epi8(left, zero), _mm256_unpackhi_epi8(left, zero),
                              _mm256_unpacklo_epi8(right, zero), _mm256_unpackhi_epi8(right, zero)};
    for (int i = 0; i < 4; i++) {
      lower[i] = _mm256_add_epi32(lower[i], _mm256_madd_epi16(pairs[i], low2));
      upper[i] = _mm256_add_epi32(upper[i], _mm256_madd_epi16(pairs[i], high2));
    }
  }
  for (int i = 0; i < 4; i++) {
    const __m256i sum = _mm256_add_epi32(lower[i], _mm256_slli_epi32(upper[i], LOWER_BITS));
    lower[i] = _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(ROUND)), JIMM_FILTER_BITS);
  }
  const __m256i front = _mm256_packs_epi32(lower[0], lower[1]);
  const __m256i back = _mm256_packs_epi32(lower[2], lower[3]);
  _mm256_storeu_si256((__m256i *)(void *)target, _mm256_packus_epi16(front, back));
}
#endif

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

void jimm_resize_vertical(const int32_t *weight, int32_t count, const uint8_t *source,
                          size_t stride, size_t bytes, uint8_t *target) {
  size_t x = 0;
#if defined(__x86_64__)
  if (jimm_cpu_isa() >= JIMM_ISA_AVX2) {
    for (; x + 32 <= bytes; x += 32) {
      vertical_block_avx2(weight, count, source + x, stride, target + x);
    }
  }
#endif
  for (; x + 16 <= bytes; x += 16) {
    vertical_block(weight, count, source + x, stride, target + x);
  }
  jimm_resize_vertical_plain(weight, count, source + x, stride, bytes - x, target + x);
}

#else

void jimm_resize_horizontal(const jimm_filter *filter, const uint8_t *source, bool overread,
                            uint8_t *target) {
  (void)overread;
  jimm_resize_horizontal_plain(filter, source, target);
}

void jimm_resize_vertical(const int32_t *weight, int32_t count, const uint8_t *source,
                          size_t stride, size_t bytes, uint8_t *target) {
  jimm_resize_vertical_plain(weight, count, source, stride, bytes, target);
}

#endif
