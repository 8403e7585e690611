/* Sums and products, element by element. */
#include "kernel/generic/vector.h"

void TASK(sum_direct_f32)(TASK_ARGS) {
  const jimm_sum_args *a = args;
  const size_t first = index * JIMM_SUM_BLOCK;
  const size_t last = a->count - first < JIMM_SUM_BLOCK ? a->count : first + JIMM_SUM_BLOCK;
  size_t i = first;
  for (; i + LANES <= last; i += LANES) {
    vfloat v = load(a->x + i);
    if (a->other != NULL) {
      v += load(a->other + i);
    }
    store(a->y + i, a->relu ? relu(v) : v);
  }
  for (; i < last; i++) {
    const float v = a->other != NULL ? a->x[i] + a->other[i] : a->x[i];
    a->y[i] = a->relu ? relu1(v) : v;
  }
}

void TASK(mul_direct_f32)(TASK_ARGS) {
  const jimm_mul_args *a = args;
  const size_t channels = a->channels;
  const size_t image = index / a->blocks;
  const size_t block = index % a->blocks;
  const size_t first = block * a->pixels / a->blocks;
  const size_t last = (block + 1) * a->pixels / a->blocks;
  for (size_t p = first; p < last; p++) {
    const size_t at = (image * a->pixels + p) * channels;
    const float *gate = a->gate + image * a->gate_image + p * a->gate_pixel;
    const float *r = a->residual != NULL ? a->residual + at : NULL;
    const float *x = a->x + at;
    float *y = a->y + at;
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES) {
      vfloat v = load(x + c) * load(gate + c);
      if (r != NULL) {
        v += load(r + c);
      }
      store(y + c, a->relu ? relu(v) : v);
    }
    for (; c < channels; c++) {
      float v = x[c] * gate[c];
      if (r != NULL) {
        v += r[c];
      }
      y[c] = a->relu ? relu1(v) : v;
    }
  }
}
