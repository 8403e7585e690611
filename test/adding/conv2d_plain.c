/* A second kernel of conv2d, which scripts/adding.sh adds as docs/adding.md says: convolutions of
 * 3 x 3 in one group, as plain loops. The first half is the task, the second the rules.
 *
 * Packed weights: [output][channel][tap], then the bias. */
#ifdef ISA
#include "kernel/generic/epilogue.h"

#define PANEL PASTE(jimm_conv2d_plain_f32_, ISA, _columns)

static double sum_up(const jimm_conv_args *a, size_t row, size_t output) {
  const size_t plane = a->out_height * a->out_width;
  const float *image = a->x + row / plane * a->image_stride;
  const float *weights = a->packed + output * a->channels * 9;
  const int64_t top = (int64_t)(row % plane / a->out_width) * a->stride[0] - a->padding[0];
  const int64_t left = (int64_t)(row % a->out_width) * a->stride[1] - a->padding[1];
  double sum = (double)a->packed[a->outputs * a->channels * 9 + output];
  for (int64_t tap = 0; tap < 9; tap++) {
    const int64_t iy = top + tap / 3 * a->dilation[0];
    const int64_t ix = left + tap % 3 * a->dilation[1];
    if (iy < 0 || iy >= a->in_height || ix < 0 || ix >= a->in_width) {
      continue;
    }
    const float *x = image + (size_t)iy * a->row_stride + (size_t)ix * a->column_stride;
    for (size_t c = 0; c < a->channels; c++) {
      sum += (double)x[c] * (double)weights[c * 9 + (size_t)tap];
    }
  }
  return sum;
}

void TASK(conv2d_plain_f32)(TASK_ARGS) {
  const jimm_conv_args *a = args;
  const size_t first = index % a->row_blocks * a->block_rows;
  const size_t last = a->rows - first < a->block_rows ? a->rows : first + a->block_rows;
  const size_t from = index / a->row_blocks * a->task_panels * PANEL;
  const size_t to =
      a->outputs - from < a->task_panels * PANEL ? a->outputs : from + a->task_panels * PANEL;
  for (size_t row = first; row < last; row++) {
    for (size_t o = from; o < to; o++) {
      const size_t at = row * a->output_stride + o;
      a->y[at] = finish1(a->epilogue, at, (float)sum_up(a, row, o));
    }
  }
}
#else
#include "kernel/kernel.h"

static bool accepts(const jimm_kernel *row, const jimm_problem *p) {
  (void)row;
  return p->kernel_height == 3 && p->kernel_width == 3 && p->groups == 1;
}

static double cost(const jimm_kernel *row, const jimm_problem *problem) {
  (void)row;
  (void)problem;
  return 0.0; /* to be taken wherever it can be */
}

static size_t packed_bytes(const jimm_kernel *row, const jimm_problem *p) {
  (void)row;
  return p->outputs * (p->channels * 9 + 1) * sizeof(float);
}

static void pack(const jimm_kernel *row, const jimm_problem *p, const jimm_weights *w,
                 void *packed) {
  const size_t size = p->channels * 9;
  float *weights = packed;
  (void)row;
  for (size_t i = 0; i < p->outputs * size; i++) {
    weights[i] = (float)((double)w->weights[i] * w->scale[i / size]);
  }
  for (size_t o = 0; o < p->outputs; o++) {
    weights[p->outputs * size + o] = (float)w->bias[o];
  }
}

const jimm_kernel_rules jimm_conv2d_plain_rules = {
    .accepts = accepts, .cost = cost, .packed_bytes = packed_bytes, .pack = pack};
#endif
