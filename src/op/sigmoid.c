/* sigmoid: torch.sigmoid. */
#include "op/op.h"

#ifdef REAL

FORWARD(sigmoid) {
  const REAL *x = IN(0);
  REAL *y = OUT();
  const int64_t count = jimm_shape_count(&call->output->shape);
  for (int64_t i = 0; i < count; i++) {
    y[i] = 1 / (1 + EXP(-x[i]));
  }
  return JIMM_OK;
}

#else

#include "op/window.h"

FORWARDS(sigmoid);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)attrs;
  (void)input_count;
  const jimm_status status = jimm_check_rank("x", &inputs[0], 0, JIMM_MAX_RANK);
  if (status == JIMM_OK) {
    *output = inputs[0];
  }
  return status;
}

static const char *const input_names[] = {"x"};

static const jimm_op_example examples[] = {
    {"gate", NULL, 1, {SHAPE(3, 37, 1, 1)}},
    {"image", NULL, 1, {SHAPE(2, 5, 7, 3)}, {{0, 8}}},
    {"vector", NULL, 1, {SHAPE(3, 17)}, {{-4, 3}}},
    {"saturated", NULL, 1, {SHAPE(2, 40)}, {{0, 800}}},
    {"scalar", NULL, 1, {{0, {0}}}},
};

const jimm_op jimm_op_sigmoid = {
    .size = sizeof(jimm_op),
    .name = "sigmoid",
    .summary = "1 / (1 + exp(-x)) (torch.sigmoid)",
    .min_inputs = 1,
    .max_inputs = 1,
    .input_names = input_names,
    .infer = infer,
    .forward_f32 = jimm_sigmoid_f32,
    .forward_f64 = jimm_sigmoid_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
};

#endif
