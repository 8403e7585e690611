/* Group normalisation and per-channel affine maps, over channels-last activations.
 *
 * Statistics are taken in float64 about the channel's first value, so that neither a large mean nor
 * a large map costs digits. The affine map subtracts the mean before it scales, and the part of the
 * mean that float32 cannot hold goes into the shift: the result is rounded as if the mean were
 * exact. */
#include "kernel/generic/vector.h"

void TASK(moments_direct_f32)(void *args, size_t index) {
  const jimm_moments_args *a = args;
  const size_t channels = a->channels;
  const size_t image = index / a->blocks;
  const size_t block = index % a->blocks;
  const size_t first = block * a->pixels / a->blocks;
  const size_t last = (block + 1) * a->pixels / a->blocks;
  const float *x = a->x + image * a->pixels * channels;
  double *sums = a->sums + index * 2 * channels;
  double *squares = sums + channels;
  size_t c = 0;
  for (; c + 2 * HALF_LANES <= channels; c += 2 * HALF_LANES) {
    const vdouble k0 = load_double(x + c);
    const vdouble k1 = load_double(x + c + HALF_LANES);
    vdouble s0 = {0};
    vdouble s1 = {0};
    vdouble q0 = {0};
    vdouble q1 = {0};
    for (size_t p = first; p < last; p++) {
      const vdouble d0 = load_double(x + p * channels + c) - k0;
      const vdouble d1 = load_double(x + p * channels + c + HALF_LANES) - k1;
      s0 += d0;
      s1 += d1;
      q0 += d0 * d0;
      q1 += d1 * d1;
    }
    *(vdouble_memory *)(sums + c) = s0;
    *(vdouble_memory *)(sums + c + HALF_LANES) = s1;
    *(vdouble_memory *)(squares + c) = q0;
    *(vdouble_memory *)(squares + c + HALF_LANES) = q1;
  }
  for (; c < channels; c++) {
    const double k = (double)x[c];
    double s = 0.0;
    double q = 0.0;
    for (size_t p = first; p < last; p++) {
      const double d = (double)x[p * channels + c] - k;
      s += d;
      q += d * d;
    }
    sums[c] = s;
    squares[c] = q;
  }
}

/* Mean and sum of squared deviations of one channel, from the sums of all blocks. */
INLINE void channel_moments(const jimm_group_norm_args *a, size_t image, size_t c, double *mean,
                            double *deviation) {
  double s = 0.0;
  double q = 0.0;
  for (size_t b = 0; b < a->blocks; b++) {
    const double *sums = a->sums + (image * a->blocks + b) * 2 * a->channels;
    s += sums[c];
    q += sums[a->channels + c];
  }
  const double n = (double)a->pixels;
  const double d = q - s * (s / n);
  *mean = (double)a->x[image * a->pixels * a->channels + c] + s / n;
  *deviation = d < 0.0 ? 0.0 : d;
}

void TASK(group_norm_direct_f32)(void *args, size_t image) {
  const jimm_group_norm_args *a = args;
  const size_t size = a->channels / a->groups;
  float *center = a->affine + image * 3 * a->channels;
  float *scale = center + a->channels;
  float *shift = scale + a->channels;
  for (size_t g = 0; g < a->groups; g++) {
    double mean = 0.0;
    for (size_t c = g * size; c < (g + 1) * size; c++) {
      double m;
      double d;
      channel_moments(a, image, c, &m, &d);
      mean += m / (double)size;
    }
    double deviation = 0.0;
    for (size_t c = g * size; c < (g + 1) * size; c++) {
      double m;
      double d;
      channel_moments(a, image, c, &m, &d);
      deviation += d + (double)a->pixels * (m - mean) * (m - mean);
    }
    const double variance = deviation / ((double)a->pixels * (double)size);
    const double inverse = 1.0 / __builtin_sqrt(variance + a->eps);
    for (size_t c = g * size; c < (g + 1) * size; c++) {
      const double s = (a->weight != NULL ? (double)a->weight[c] : 1.0) * inverse;
      const double b = a->bias != NULL ? (double)a->bias[c] : 0.0;
      center[c] = (float)mean;
      scale[c] = (float)s;
      shift[c] = (float)(b + ((double)center[c] - mean) * s);
    }
  }
}

void TASK(affine_direct_f32)(void *args, size_t index) {
  const jimm_affine_args *a = args;
  const size_t channels = a->channels;
  const size_t image = index / a->blocks;
  const size_t block = index % a->blocks;
  const size_t first = image * a->pixels + block * a->pixels / a->blocks;
  const size_t last = image * a->pixels + (block + 1) * a->pixels / a->blocks;
  const float *center = a->affine + image * a->affine_stride;
  const float *scale = center + channels;
  const float *shift = scale + channels;
  for (size_t p = first; p < last; p++) {
    const float *x = a->x + p * channels;
    const float *r = a->residual != NULL ? a->residual + p * channels : NULL;
    float *y = a->y + p * channels;
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES) {
      vfloat v = (load(x + c) - load(center + c)) * load(scale + c) + load(shift + c);
      if (r != NULL) {
        v += load(r + c);
      }
      store(y + c, a->relu ? relu(v) : v);
    }
    for (; c < channels; c++) {
      float v = (x[c] - center[c]) * scale[c] + shift[c];
      if (r != NULL) {
        v += r[c];
      }
      y[c] = a->relu ? relu1(v) : v;
    }
  }
}
