/* The two inner loops of resampling: sums of 8-bit pixels times 22-bit weights, in 32-bit integers.
 * Sums wrap and the true sum fits, so all orders give the same. */
#include "image/image.h"

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

static void across_plain(const jimm_filter *filter, const uint8_t *source, size_t stride,
                         int64_t rows, uint8_t *target, size_t target_stride) {
  for (; rows > 0; rows--, source += stride, target += target_stride) {
    for (int64_t i = 0; i < filter->outputs; i++) {
      horizontal_pixel(filter->weight + i * filter->taps, filter->count[i],
                       source + (size_t)filter->first[i] * 3, target + i * 3);
    }
  }
}

static void down_plain(const int32_t *weight, int32_t count, const uint8_t *source, size_t stride,
                       size_t bytes, uint8_t *target) {
  for (size_t x = 0; x < bytes; x++) {
    int32_t sum = ROUND;
    const uint8_t *p = source + x;
    for (int32_t t = 0; t < count; t++, p += stride) {
      sum += *p * weight[t];
    }
    target[x] = clip(sum);
  }
}

const jimm_resize_loops jimm_resize_plain = {across_plain, down_plain};
