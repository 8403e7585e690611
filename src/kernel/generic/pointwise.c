/* Sums and products, element by element. */
#include "kernel/generic/epilogue.h"

void TASK(sum_direct_f32)(TASK_ARGS) {
  const jimm_sum_args *a = args;
  const size_t first = index * JIMM_SUM_BLOCK;
  const size_t last = a->count - first < JIMM_SUM_BLOCK ? a->count : first + JIMM_SUM_BLOCK;
  const jimm_epilogue e = a->epilogue;
  size_t i = first;
  for (; i + LANES <= last; i += LANES) {
    store(a->y + i, finish(e, i, load(a->x + i)));
  }
  for (; i < last; i++) {
    a->y[i] = finish1(e, i, a->x[i]);
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
    const jimm_epilogue e = epilogue_at(&a->epilogue, at);
    const float *x = a->x + at;
    float *y = a->y + at;
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES) {
      store(y + c, finish(e, c, load(x + c) * load(gate + c)));
    }
    for (; c < channels; c++) {
      y[c] = finish1(e, c, x[c] * gate[c]);
    }
  }
}
