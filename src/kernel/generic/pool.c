/* Pooling over channels-last activations, vectors along the channels. Averages are summed in
 * float64 and rounded once, so that a 112 x 112 map is as accurate as a 2 x 2 window. */
#include "kernel/generic/vector.h"

/* A task's share of the maps: input image x, whose rows are `row` elements apart, and row `oy` of
 * its output at y. */
typedef struct share {
  const float *x;
  float *y;
  size_t channels, row;
  int64_t oy, out_width;
} share;

INLINE share share_of(const jimm_maps *m, size_t index) {
  const size_t row = (size_t)m->in_width * m->channels;
  return (share){.x = m->x + index / (size_t)m->out_height * (size_t)m->in_height * row,
                 .y = m->y + index * (size_t)m->out_width * m->channels,
                 .channels = m->channels,
                 .row = row,
                 .oy = (int64_t)(index % (size_t)m->out_height),
                 .out_width = m->out_width};
}

/* The part of a window that lies in the image. */
typedef struct window {
  int64_t y0, y1, x0, x1;
} window;

INLINE window clip(const jimm_pool_args *a, int64_t oy, int64_t ox) {
  window w = {.y0 = oy * a->stride[0] - a->padding[0], .x0 = ox * a->stride[1] - a->padding[1]};
  w.y1 = w.y0 + a->kernel[0];
  w.x1 = w.x0 + a->kernel[1];
  w.y0 = w.y0 < 0 ? 0 : w.y0;
  w.x0 = w.x0 < 0 ? 0 : w.x0;
  w.y1 = w.y1 > a->maps.in_height ? a->maps.in_height : w.y1;
  w.x1 = w.x1 > a->maps.in_width ? a->maps.in_width : w.x1;
  return w;
}

void TASK(max_pool2d_direct_f32)(TASK_ARGS) {
  const jimm_pool_args *a = args;
  const share s = share_of(&a->maps, index);
  const size_t channels = s.channels, row = s.row;
  const float *x = s.x;
  float *y = s.y;
  for (int64_t ox = 0; ox < s.out_width; ox++, y += channels) {
    const window w = clip(a, s.oy, ox);
    size_t c = 0;
    for (; c + 2 * LANES <= channels; c += 2 * LANES) {
      vfloat m0 = splat(-__builtin_inff());
      vfloat m1 = m0;
      for (int64_t iy = w.y0; iy < w.y1; iy++) {
        const float *p = x + (size_t)iy * row + c;
        for (int64_t ix = w.x0; ix < w.x1; ix++) {
          m0 = maximum(m0, load(p + (size_t)ix * channels));
          m1 = maximum(m1, load(p + (size_t)ix * channels + LANES));
        }
      }
      store(y + c, m0);
      store(y + c + LANES, m1);
    }
    for (; c < channels; c++) {
      float m = -__builtin_inff();
      for (int64_t iy = w.y0; iy < w.y1; iy++) {
        for (int64_t ix = w.x0; ix < w.x1; ix++) {
          m = maximum1(m, x[(size_t)iy * row + (size_t)ix * channels + c]);
        }
      }
      y[c] = m;
    }
  }
}

/* The divisor of torch's avg_pool2d: windows reach at most to the end of the padding. */
INLINE int64_t divisor(const jimm_pool_args *a, window w, int64_t oy, int64_t ox) {
  if (!a->count_include_pad) {
    return (w.y1 - w.y0) * (w.x1 - w.x0);
  }
  const int64_t y0 = oy * a->stride[0] - a->padding[0];
  const int64_t x0 = ox * a->stride[1] - a->padding[1];
  const int64_t bottom = a->maps.in_height + a->padding[0];
  const int64_t right = a->maps.in_width + a->padding[1];
  const int64_t y1 = y0 + a->kernel[0] < bottom ? y0 + a->kernel[0] : bottom;
  const int64_t x1 = x0 + a->kernel[1] < right ? x0 + a->kernel[1] : right;
  return (y1 - y0) * (x1 - x0);
}

void TASK(avg_pool2d_direct_f32)(TASK_ARGS) {
  const jimm_pool_args *a = args;
  const share s = share_of(&a->maps, index);
  const size_t channels = s.channels, row = s.row;
  const float *x = s.x;
  float *y = s.y;
  for (int64_t ox = 0; ox < s.out_width; ox++, y += channels) {
    const window w = clip(a, s.oy, ox);
    if (w.y0 >= w.y1 || w.x0 >= w.x1) { /* all padding */
      for (size_t c = 0; c < channels; c++) {
        y[c] = 0.0f;
      }
      continue;
    }
    const double d = (double)divisor(a, w, s.oy, ox);
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES) {
      vdouble s0 = {0};
      vdouble s1 = {0};
      for (int64_t iy = w.y0; iy < w.y1; iy++) {
        const float *p = x + (size_t)iy * row + c;
        for (int64_t ix = w.x0; ix < w.x1; ix++) {
          s0 += load_double(p + (size_t)ix * channels);
          s1 += load_double(p + (size_t)ix * channels + HALF_LANES);
        }
      }
      store_double(y + c, s0 / d);
      store_double(y + c + HALF_LANES, s1 / d);
    }
    for (; c < channels; c++) {
      double sum = 0.0;
      for (int64_t iy = w.y0; iy < w.y1; iy++) {
        for (int64_t ix = w.x0; ix < w.x1; ix++) {
          sum += (double)x[(size_t)iy * row + (size_t)ix * channels + c];
        }
      }
      y[c] = (float)(sum / d);
    }
  }
}

/* The pixel that reflect padding shows at `index`. */
INLINE int64_t reflect(int64_t index, int64_t size) {
  if (index < 0) {
    return -index;
  }
  return index < size ? index : 2 * (size - 1) - index;
}

void TASK(blur_pool2d_direct_f32)(TASK_ARGS) {
  const jimm_blur_args *a = args;
  const share s = share_of(&a->maps, index);
  const int64_t top = s.oy * a->stride - a->padding;
  const size_t channels = s.channels, row = s.row;
  const float *x = s.x;
  float *y = s.y;
  for (int64_t ox = 0; ox < s.out_width; ox++, y += channels) {
    const int64_t left = ox * a->stride - a->padding;
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES) {
      vfloat total = {0};
      for (int64_t ky = 0; ky < a->filter_size; ky++) {
        const float *p = x + (size_t)reflect(top + ky, a->maps.in_height) * row + c;
        vfloat sum = {0};
        for (int64_t kx = 0; kx < a->filter_size; kx++) {
          const size_t at = (size_t)reflect(left + kx, a->maps.in_width) * channels;
          sum += splat(a->filter[kx]) * load(p + at);
        }
        total += splat(a->filter[ky]) * sum;
      }
      store(y + c, total);
    }
    for (; c < channels; c++) {
      float total = 0.0f;
      for (int64_t ky = 0; ky < a->filter_size; ky++) {
        const float *p = x + (size_t)reflect(top + ky, a->maps.in_height) * row + c;
        float sum = 0.0f;
        for (int64_t kx = 0; kx < a->filter_size; kx++) {
          sum += a->filter[kx] * p[(size_t)reflect(left + kx, a->maps.in_width) * channels];
        }
        total += a->filter[ky] * sum;
      }
      y[c] = total;
    }
  }
}

enum { AVG = 0, MAX = 1, AVGMAX = 2, CATAVGMAX = 3 }; /* jimm_pool_type */

INLINE void put(const jimm_global_pool_args *a, float *y, size_t c, double mean, float max) {
  switch (a->type) {
    case AVG:
      y[c] = (float)mean;
      break;
    case MAX:
      y[c] = max;
      break;
    case AVGMAX:
      y[c] = (float)(0.5 * (mean + (double)max));
      break;
    default:
      y[c] = (float)mean;
      y[a->channels + c] = max;
      break;
  }
}

void TASK(global_pool_direct_f32)(TASK_ARGS) {
  const jimm_global_pool_args *a = args;
  const size_t channels = a->channels;
  const size_t blocks = (channels + JIMM_CHANNEL_BLOCK - 1) / JIMM_CHANNEL_BLOCK;
  const size_t image = index / blocks;
  const size_t end_of_block = (index % blocks + 1) * JIMM_CHANNEL_BLOCK;
  const size_t end = end_of_block < channels ? end_of_block : channels;
  const float *x = a->x + image * a->pixels * channels;
  float *y = a->y + image * channels * (a->type == CATAVGMAX ? 2 : 1);
  size_t c = index % blocks * JIMM_CHANNEL_BLOCK;
  for (; c + LANES <= end; c += LANES) {
    vdouble s0 = {0};
    vdouble s1 = {0};
    vfloat m = splat(-__builtin_inff());
    for (size_t p = 0; p < a->pixels; p++) {
      const float *at = x + p * channels + c;
      s0 += load_double(at);
      s1 += load_double(at + HALF_LANES);
      m = maximum(m, load(at));
    }
    for (size_t i = 0; i < LANES; i++) {
      const double sum = i < HALF_LANES ? s0[i] : s1[i - HALF_LANES];
      put(a, y, c + i, sum / (double)a->pixels, m[i]);
    }
  }
  for (; c < end; c++) {
    double s = 0.0;
    float m = -__builtin_inff();
    for (size_t p = 0; p < a->pixels; p++) {
      s += (double)x[p * channels + c];
      m = maximum1(m, x[p * channels + c]);
    }
    put(a, y, c, s / (double)a->pixels, m);
  }
}
