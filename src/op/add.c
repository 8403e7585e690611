/* add: the sum of two tensors of equal shapes (no broadcasting). */
#include "op/op.h"

#ifdef REAL

FORWARD(add) {
  const REAL *a = IN(0), *b = IN(1);
  REAL *y = OUT();
  const int64_t count = jimm_shape_count(&call->output->shape);
  for (int64_t i = 0; i < count; i++) {
    y[i] = a[i] + b[i];
  }
  return JIMM_OK;
}

#else

#include "op/window.h"

FORWARDS(add);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)attrs;
  (void)input_count;
  const jimm_status status = jimm_check_rank("a", &inputs[0], 0, JIMM_MAX_RANK);
  if (status != JIMM_OK) {
    return status;
  }
  if (!jimm_shape_equal(&inputs[0], &inputs[1])) {
    char a[JIMM_SHAPE_TEXT], b[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_SHAPE, "a and b must have equal shapes, got a %s and b %s",
                     jimm_shape_format(&inputs[0], a, sizeof(a)),
                     jimm_shape_format(&inputs[1], b, sizeof(b)));
  }
  *output = inputs[0];
  return JIMM_OK;
}

static const char *const input_names[] = {"a", "b"};

static const jimm_op_example examples[] = {
    {"image", NULL, 2, {SHAPE(2, 5, 7, 3), SHAPE(2, 5, 7, 3)}},
    {"vector", NULL, 2, {SHAPE(3, 17), SHAPE(3, 17)}},
    {"cancelling", NULL, 2, {SHAPE(1, 9, 3, 3), SHAPE(1, 9, 3, 3)}, {{1000, 1}, {-1000, 1}}},
};

const jimm_op jimm_op_add = {
    .size = sizeof(jimm_op),
    .name = "add",
    .summary = "a + b of equal shapes (torch.add)",
    .min_inputs = 2,
    .max_inputs = 2,
    .input_names = input_names,
    .infer = infer,
    .forward_f32 = jimm_add_f32,
    .forward_f64 = jimm_add_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .rounding = JIMM_ROUNDING_ONCE,
};

#endif
