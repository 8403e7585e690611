/* mul: torch.mul, the second operand broadcast over the first. */
#include "op/op.h"

#ifdef REAL

FORWARD(mul) {
  const REAL *a = IN(0), *b = IN(1);
  REAL *y = OUT();
  const int32_t rank = call->output->shape.rank;
  const int64_t count = jimm_shape_count(&call->output->shape);
  for (int64_t i = 0; i < count; i++) {
    int64_t rest = i, at = 0, stride = 1;
    for (int32_t d = rank - 1; d >= 0; d--) {
      if (DIM(1, d) != 1) {
        at += rest % OUT_DIM(d) * stride;
        stride *= DIM(1, d);
      }
      rest /= OUT_DIM(d);
    }
    y[i] = a[i] * b[at];
  }
  return JIMM_OK;
}

#else

#include "op/window.h"

FORWARDS(mul);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)attrs;
  (void)input_count;
  const jimm_shape *a = &inputs[0], *b = &inputs[1];
  jimm_status status = jimm_check_rank("a", a, 0, JIMM_MAX_RANK);
  if (status == JIMM_OK) {
    status = jimm_check_rank("b", b, a->rank, a->rank);
  }
  if (status != JIMM_OK) {
    return status;
  }
  for (int32_t d = 0; d < a->rank; d++) {
    if (b->dim[d] != a->dim[d] && b->dim[d] != 1) {
      char a_text[JIMM_SHAPE_TEXT], b_text[JIMM_SHAPE_TEXT];
      return jimm_fail(JIMM_ERROR_SHAPE, "each dimension of b must be a's or 1, got a %s and b %s",
                       jimm_shape_format(a, a_text, sizeof(a_text)),
                       jimm_shape_format(b, b_text, sizeof(b_text)));
    }
  }
  *output = *a;
  return JIMM_OK;
}

static const char *const input_names[] = {"a", "b"};

static const jimm_op_example examples[] = {
    {"gate", NULL, 2, {SHAPE(2, 19, 7, 5), SHAPE(2, 19, 1, 1)}},
    {"gate_wide", NULL, 2, {SHAPE(3, 64, 9, 9), SHAPE(3, 64, 1, 1)}},
    {"gate_shared", NULL, 2, {SHAPE(3, 33, 4, 4), SHAPE(1, 33, 1, 1)}},
    {"gate_pixel", NULL, 2, {SHAPE(2, 40, 1, 1), SHAPE(2, 40, 1, 1)}},
    {"equal", NULL, 2, {SHAPE(2, 5, 7, 3), SHAPE(2, 5, 7, 3)}},
    {"over_channels", NULL, 2, {SHAPE(2, 6, 5, 4), SHAPE(2, 1, 5, 4)}},
    {"over_rows", NULL, 2, {SHAPE(2, 6, 5, 4), SHAPE(1, 6, 1, 4)}},
    {"vector", NULL, 2, {SHAPE(3, 17), SHAPE(1, 17)}},
    {"scalar", NULL, 2, {{0, {0}}, {0, {0}}}},
};

const jimm_op jimm_op_mul = {
    .size = sizeof(jimm_op),
    .name = "mul",
    .summary = "product, b broadcast over a (torch.mul)",
    .min_inputs = 2,
    .max_inputs = 2,
    .input_names = input_names,
    .infer = infer,
    .forward_f32 = jimm_mul_f32,
    .forward_f64 = jimm_mul_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .rounding = JIMM_ROUNDING_ONCE,
};

#endif
