/* Normalisation and per-channel affine maps, over channels-last activations.
 *
 * Statistics are taken in float64 about the channel's first value, so that neither a large mean nor
 * a large map costs digits. The affine map subtracts the mean before it scales, and the part of the
 * mean that float32 cannot hold goes into the shift: the result is rounded as if the mean were
 * exact. */
#include "kernel/generic/epilogue.h"
#include "kernel/generic/exp.h"

void TASK(moments_direct_f32)(TASK_ARGS) {
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
INLINE void channel_moments(const jimm_norm_args *a, size_t image, size_t c, double *mean,
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

/* The Euclidean norm of one channel's map. */
INLINE double map_norm(const jimm_norm_args *a, size_t image, size_t c) {
  double m;
  double d;
  channel_moments(a, image, c, &m, &d);
  return __builtin_sqrt(d + (double)a->pixels * m * m);
}

void TASK(group_norm_direct_f32)(TASK_ARGS) {
  const jimm_norm_args *a = args;
  const size_t image = index;
  const size_t size = a->channels / a->groups;
  float *center = a->affine + image * 3 * a->channels;
  float *scale = center + a->channels;
  float *shift = scale + a->channels;
  for (size_t g = 0; g < a->groups; g++) {
    double mean = 0.0;
    for (size_t c = g * size; a->about_mean && c < (g + 1) * size; c++) {
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
      center[c] = a->center ? (float)mean : 0.0f;
      scale[c] = (float)s;
      shift[c] = (float)(a->center ? b + ((double)center[c] - mean) * s : b);
    }
  }
}

/* x + bias + weight * x * response is x * (1 + weight * response) + bias. */
void TASK(global_response_norm_direct_f32)(TASK_ARGS) {
  const jimm_norm_args *a = args;
  const size_t image = index;
  float *center = a->affine + image * 3 * a->channels;
  float *scale = center + a->channels;
  float *shift = scale + a->channels;
  double total = 0.0;
  for (size_t c = 0; c < a->channels; c++) {
    total += map_norm(a, image, c);
  }
  const double divisor = total / (double)a->channels + a->eps;
  for (size_t c = 0; c < a->channels; c++) {
    center[c] = 0.0f;
    scale[c] = (float)(1.0 + (double)a->weight[c] * (map_norm(a, image, c) / divisor));
    shift[c] = a->bias[c];
  }
}

void TASK(affine_direct_f32)(TASK_ARGS) {
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
    const jimm_epilogue e = epilogue_at(&a->epilogue, p * channels);
    float *y = a->y + p * channels;
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES) {
      const vfloat v =
          finish(e, c, (load(x + c) - load(center + c)) * load(scale + c) + load(shift + c));
      store(y + c, a->least != NULL ? maximum(load(a->least + c), v) : v);
    }
    for (; c < channels; c++) {
      const float v = finish1(e, c, (x[c] - center[c]) * scale[c] + shift[c]);
      y[c] = a->least != NULL ? maximum1(a->least[c], v) : v;
    }
  }
}

INLINE vdouble gated(vdouble x, vdouble gate, vdouble scale, vdouble shift) {
  return x / sigmoid_divisor(x * gate * -LOG2_E) * scale + shift;
}

void TASK(gated_affine_direct_f32)(TASK_ARGS) {
  const jimm_affine_args *a = args;
  const size_t channels = a->channels;
  const size_t image = index / a->blocks;
  const size_t block = index % a->blocks;
  const size_t first = image * a->pixels + block * a->pixels / a->blocks;
  const size_t last = image * a->pixels + (block + 1) * a->pixels / a->blocks;
  const float *scale = a->affine + image * a->affine_stride + channels;
  const float *shift = scale + channels;
  for (size_t p = first; p < last; p++) {
    const float *x = a->x + p * channels;
    float *y = a->y + p * channels;
    size_t c = 0;
    for (; c + HALF_LANES <= channels; c += HALF_LANES) {
      store_double(y + c, gated(load_double(x + c), load_double(a->gate + c),
                                load_double(scale + c), load_double(shift + c)));
    }
    if (c < channels) {
      const size_t n = channels - c;
      store_some(y + c,
                 gated(load_some(x + c, n), load_some(a->gate + c, n), load_some(scale + c, n),
                       load_some(shift + c, n)),
                 n);
    }
  }
}

/* Sums of x - k and (x - k)^2 over one pixel's channels. */
INLINE void row_moments(const float *x, size_t channels, double k, double *sum, double *squares) {
  vdouble s0 = {0};
  vdouble s1 = {0};
  vdouble q0 = {0};
  vdouble q1 = {0};
  size_t c = 0;
  for (; c + LANES <= channels; c += LANES) {
    const vdouble d0 = load_double(x + c) - k;
    const vdouble d1 = load_double(x + c + HALF_LANES) - k;
    s0 += d0;
    s1 += d1;
    q0 += d0 * d0;
    q1 += d1 * d1;
  }
  double s = sum_of(s0 + s1);
  double q = sum_of(q0 + q1);
  for (; c < channels; c++) {
    const double d = (double)x[c] - k;
    s += d;
    q += d * d;
  }
  *sum = s;
  *squares = q;
}

void TASK(channel_norm_direct_f32)(TASK_ARGS) {
  enum { LAYER = 0, RMS = 1, SIMPLE = 2 }; /* jimm_channel_norm_type */
  const jimm_channel_norm_args *a = args;
  const size_t channels = a->channels;
  const size_t first = index * a->block_rows;
  const size_t last = a->rows - first < a->block_rows ? a->rows : first + a->block_rows;
  const double n = (double)channels;
  for (size_t row = first; row < last; row++) {
    const float *x = a->x + row * channels;
    float *y = a->y + row * channels;
    const double k = a->type == RMS ? 0.0 : (double)x[0];
    double s;
    double q;
    row_moments(x, channels, k, &s, &q);
    const double mean = k + s / n;
    const double deviation = a->type == RMS ? q : q - s * (s / n);
    const double variance = (deviation < 0.0 ? 0.0 : deviation) / (a->type == SIMPLE ? n - 1.0 : n);
    const double inverse = 1.0 / __builtin_sqrt(variance + a->eps);
    const float center = a->type == LAYER ? (float)mean : 0.0f;
    const float scale = (float)inverse;
    const float rest = a->type == LAYER ? (float)(((double)center - mean) * inverse) : 0.0f;
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES) {
      const vfloat v = ((load(x + c) - center) * scale + rest) * load(a->weight + c);
      store(y + c, a->bias != NULL ? v + load(a->bias + c) : v);
    }
    for (; c < channels; c++) {
      const float v = ((x[c] - center) * scale + rest) * a->weight[c];
      y[c] = a->bias != NULL ? v + a->bias[c] : v;
    }
  }
}
