/* Rows of PNG: filters undone, samples to pixels.
 *
 * A filtered pixel depends on the one to its left, so what is parallel is the bytes of a pixel:
 * SSE2 where a pixel has 3, 4, 6 or 8 of them. */
#include <stdlib.h>
#include <string.h>

#include "image/png.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

/* ---- filters ---- */

enum { NONE, SUB, UP, AVERAGE, PAETH };

static uint8_t paeth(int left, int above, int corner) {
  const int to_left = abs(above - corner), to_above = abs(left - corner);
  const int to_corner = abs(left + above - 2 * corner);
  if (to_left <= to_above && to_left <= to_corner) {
    return (uint8_t)left;
  }
  return (uint8_t)(to_above <= to_corner ? above : corner);
}

static void undo_plain(unsigned filter, const uint8_t *in, const uint8_t *above, uint8_t *out,
                       size_t bytes, size_t step) {
  for (size_t x = 0; x < bytes; x++) {
    const int left = x < step ? 0 : out[x - step], corner = x < step ? 0 : above[x - step];
    const int guess = filter == SUB       ? left
                      : filter == AVERAGE ? (left + above[x]) / 2
                                          : paeth(left, above[x], corner);
    out[x] = (uint8_t)(in[x] + guess);
  }
}

#if defined(__x86_64__)

static void undo_up(const uint8_t *in, const uint8_t *above, uint8_t *out, size_t bytes) {
  size_t x = 0;
  for (; x + 16 <= bytes; x += 16) {
    const __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(in + x));
    const __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(above + x));
    _mm_storeu_si128((__m128i *)(void *)(out + x), _mm_add_epi8(a, b));
  }
  for (; x < bytes; x++) {
    out[x] = (uint8_t)(in[x] + above[x]);
  }
}

/* Reads 4 or 8 bytes. */
static inline __m128i load(const uint8_t *p, size_t step) {
  int64_t pixel = 0;
  memcpy(&pixel, p, step <= 4 ? 4 : 8);
  return _mm_cvtsi64_si128(pixel);
}

static inline void store(uint8_t *p, __m128i value, size_t step) {
  const int64_t pixel = _mm_cvtsi128_si64(value);
  memcpy(p, &pixel, step);
}

static inline __m128i absolute(__m128i words) {
  return _mm_max_epi16(words, _mm_sub_epi16(_mm_setzero_si128(), words));
}

static inline __m128i choose(__m128i mask, __m128i yes, __m128i no) {
  return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}

/* Bytes in the lower half of 16-bit words. */
static inline __m128i paeth_words(__m128i left, __m128i above, __m128i corner) {
  const __m128i by_left = _mm_sub_epi16(above, corner), by_above = _mm_sub_epi16(left, corner);
  const __m128i to_corner = absolute(_mm_add_epi16(by_left, by_above));
  const __m128i to_left = absolute(by_left), to_above = absolute(by_above);
  const __m128i least = _mm_min_epi16(to_corner, _mm_min_epi16(to_left, to_above));
  return choose(_mm_cmpeq_epi16(least, to_left), left,
                choose(_mm_cmpeq_epi16(least, to_above), above, corner));
}

static inline void undo_step(unsigned filter, const uint8_t *in, const uint8_t *above, uint8_t *out,
                             size_t bytes, size_t step) {
  const __m128i zero = _mm_setzero_si128(), ones = _mm_set1_epi8(1);
  __m128i left = zero, corner = zero;
  if (filter == SUB) {
    for (size_t x = 0; x < bytes; x += step) {
      left = _mm_add_epi8(left, load(in + x, step));
      store(out + x, left, step);
    }
  } else if (filter == AVERAGE) {
    for (size_t x = 0; x < bytes; x += step) {
      const __m128i up = load(above + x, step);
      /* The instruction rounds up. */
      const __m128i odd = _mm_and_si128(_mm_xor_si128(left, up), ones);
      left = _mm_add_epi8(load(in + x, step), _mm_sub_epi8(_mm_avg_epu8(left, up), odd));
      store(out + x, left, step);
    }
  } else {
    for (size_t x = 0; x < bytes; x += step) {
      const __m128i up = _mm_unpacklo_epi8(load(above + x, step), zero);
      const __m128i guess = paeth_words(left, up, corner);
      /* Bytes are added: what carries out of them is lost, as it must be. */
      left = _mm_add_epi8(_mm_unpacklo_epi8(load(in + x, step), zero), guess);
      store(out + x, _mm_packus_epi16(left, left), step);
      corner = up;
    }
  }
}

static void undo_pixels(unsigned filter, const uint8_t *in, const uint8_t *above, uint8_t *out,
                        size_t bytes, size_t step) {
  switch (step) {
    case 3:
      undo_step(filter, in, above, out, bytes, 3);
      break;
    case 4:
      undo_step(filter, in, above, out, bytes, 4);
      break;
    case 6:
      undo_step(filter, in, above, out, bytes, 6);
      break;
    case 8:
      undo_step(filter, in, above, out, bytes, 8);
      break;
    default:
      undo_plain(filter, in, above, out, bytes, step);
  }
}

#else

static void undo_up(const uint8_t *in, const uint8_t *above, uint8_t *out, size_t bytes) {
  for (size_t x = 0; x < bytes; x++) {
    out[x] = (uint8_t)(in[x] + above[x]);
  }
}

static void undo_pixels(unsigned filter, const uint8_t *in, const uint8_t *above, uint8_t *out,
                        size_t bytes, size_t step) {
  undo_plain(filter, in, above, out, bytes, step);
}

#endif

bool jimm_png_undo_filter(unsigned filter, const uint8_t *in, const uint8_t *above, uint8_t *out,
                          size_t bytes, size_t step) {
  if (filter > PAETH) {
    return false;
  }
  if (filter == NONE) {
    memmove(out, in, bytes);
  } else if (filter == UP) {
    undo_up(in, above, out, bytes);
  } else {
    undo_pixels(filter, in, above, out, bytes, step);
  }
  return true;
}

/* ---- samples to pixels ---- */

static void gray_pixel(uint8_t *out, uint8_t value) {
  out[0] = out[1] = out[2] = value;
}

size_t jimm_png_channels(const png *p) {
  return p->color == RGB ? 3 : p->color == RGBA ? 4 : p->color == GRAY_ALPHA ? 2 : 1;
}

void jimm_png_expand_row(const png *p, const uint8_t *in, uint8_t *out) {
  const size_t width = p->width;
  const size_t bytes = p->depth == 16 ? 2 : 1;
  const size_t channels = jimm_png_channels(p);
  if (p->depth < 8) {
    const unsigned mask = (1u << p->depth) - 1;
    for (size_t x = 0; x < width; x++, out += 3) {
      const size_t bit = x * p->depth;
      const unsigned sample = (unsigned)in[bit / 8] >> (8 - p->depth - bit % 8) & mask;
      if (p->color == PALETTE) {
        memcpy(out, p->palette[sample], 3);
      } else {
        gray_pixel(out, (uint8_t)(sample * 255 / mask));
      }
    }
  } else if (p->color == PALETTE) {
    for (size_t x = 0; x < width; x++) {
      memcpy(out + 3 * x, p->palette[in[x]], 3);
    }
  } else if (p->color == GRAY && bytes == 2) {
    for (size_t x = 0; x < width; x++) {
      gray_pixel(out + 3 * x, in[2 * x] == 0 ? in[2 * x + 1] : 255);
    }
  } else if (channels <= 2) {
    for (size_t x = 0; x < width; x++) {
      gray_pixel(out + 3 * x, in[x * channels * bytes]);
    }
  } else {
    for (size_t x = 0; x < width; x++, in += channels * bytes, out += 3) {
      out[0] = in[0];
      out[1] = in[bytes];
      out[2] = in[2 * bytes];
    }
  }
}
