/* linear: torch.nn.functional.linear, on the last dimension. */
#include "op/op.h"

#ifdef REAL

#include "op/sum.h"

FORWARD(linear) {
  const int64_t in = DIM(1, 1), out = DIM(1, 0);
  const int64_t rows = out == 0 ? 0 : jimm_shape_count(&call->output->shape) / out;
  const REAL *bias = HAS(2) ? IN(2) : NULL;
  REAL *y = OUT();
  for (int64_t n = 0; n < rows; n++) {
    for (int64_t o = 0; o < out; o++) {
      *y++ = dot(IN(0) + n * in, IN(1) + o * in, in) + (bias == NULL ? 0 : bias[o]);
    }
  }
  return JIMM_OK;
}

#else

#include <inttypes.h>

#include "op/rules.h"

FORWARDS(linear);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)attrs;
  const jimm_shape *x = &inputs[0], *weight = &inputs[1];
  jimm_status status = jimm_check_rank("x", x, 1, JIMM_MAX_RANK);
  if (status == JIMM_OK) {
    status = jimm_check_rank("weight", weight, 2, 2);
  }
  if (status != JIMM_OK) {
    return status;
  }
  if (x->dim[x->rank - 1] != weight->dim[1]) {
    char x_text[JIMM_SHAPE_TEXT], w_text[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_SHAPE, "weight %s expects x of shape [..., %" PRId64 "], got x %s",
                     jimm_shape_format(weight, w_text, sizeof(w_text)), weight->dim[1],
                     jimm_shape_format(x, x_text, sizeof(x_text)));
  }
  if (input_count > 2 && inputs[2].rank >= 0) {
    status = jimm_check_vector("bias", &inputs[2], weight->dim[0]);
    if (status != JIMM_OK) {
      return status;
    }
  }
  *output = *x;
  output->dim[x->rank - 1] = weight->dim[0];
  return JIMM_OK;
}

static int64_t macs(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                    const jimm_shape *output) {
  (void)attrs;
  (void)input_count;
  int64_t result;
  if (__builtin_mul_overflow(jimm_shape_count(output), inputs[1].dim[1], &result)) {
    return INT64_MAX;
  }
  return result;
}

static const char *const input_names[] = {"x", "weight", "bias"};

static const jimm_op_example examples[] = {
    {"head", NULL, 3, {SHAPE(1, 512), SHAPE(100, 512), SHAPE(100)}},
    {"odd", NULL, 3, {SHAPE(3, 37), SHAPE(11, 37), SHAPE(11)}},
    {"no_bias", NULL, 2, {SHAPE(2, 17), SHAPE(19, 17)}},
    {"one_to_one", NULL, 3, {SHAPE(5, 1), SHAPE(1, 1), SHAPE(1)}},
    {"tokens", NULL, 3, {TOKENS(2, 7, 33), SHAPE(21, 33), SHAPE(21)}},
    {"across_pixels", NULL, 3, {SHAPE(2, 5, 19), SHAPE(13, 19), SHAPE(13)}},
    {"image_rows", NULL, 2, {SHAPE(1, 3, 5, 17), SHAPE(20, 17)}},
    {"vector", NULL, 3, {SHAPE(18), SHAPE(7, 18), SHAPE(7)}},
    {"long_reduction", NULL, 3, {SHAPE(2, 2048), SHAPE(10, 2048), SHAPE(10)}},
};

const jimm_op jimm_op_linear = {
    .size = sizeof(jimm_op),
    .name = "linear",
    .summary =
        "the last dimension of x times the transposed weight, plus bias "
        "(torch.nn.functional.linear)",
    .min_inputs = 2,
    .max_inputs = 3,
    .input_names = input_names,
    .infer = infer,
    .forward_f32 = jimm_linear_f32,
    .forward_f64 = jimm_linear_f64,
    .macs = macs,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_DENSE,
};

#endif
