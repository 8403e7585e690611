/* dropout: torch.nn.functional.dropout with the mask as an input. */
#include "op/op.h"

#ifdef REAL

FORWARD(dropout) {
  const jimm_dropout_attrs *a = call->attrs;
  const int64_t count = jimm_shape_count(&call->output->shape);
  const REAL *x = IN(0), *mask = HAS(1) ? IN(1) : NULL;
  const REAL keep = (REAL)(1 - a->rate);
  REAL *y = OUT();
  for (int64_t i = 0; i < count; i++) {
    if (mask == NULL) {
      y[i] = x[i];
    } else {
      y[i] = x[i] * (keep > 0 ? mask[i] / keep : 0); /* at rate 1 torch drops everything */
    }
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(dropout);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  const jimm_dropout_attrs *a = attrs;
  jimm_status status = jimm_check_rank("x", &inputs[0], 0, JIMM_MAX_RANK);
  if (status == JIMM_OK) {
    status = jimm_check_rate(a->rate);
  }
  if (status != JIMM_OK) {
    return status;
  }
  if (input_count > 1 && inputs[1].rank >= 0 && !jimm_shape_equal(&inputs[0], &inputs[1])) {
    char x[JIMM_SHAPE_TEXT], mask[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_SHAPE, "mask must have the shape of x %s, got %s",
                     jimm_shape_format(&inputs[0], x, sizeof(x)),
                     jimm_shape_format(&inputs[1], mask, sizeof(mask)));
  }
  *output = inputs[0];
  return JIMM_OK;
}

static const char *const input_names[] = {"x", "mask"};

static const jimm_attr_spec attr_specs[] = {
    {"rate", JIMM_ATTR_FLOAT, offsetof(jimm_dropout_attrs, rate), NULL},
};

#define RATE(rate)              \
  &(const jimm_dropout_attrs) { \
    rate                        \
  }

static const jimm_op_example examples[] = {
    {"inference", RATE(0.25), 1, {SHAPE(2, 19)}},
    {"mask_absent", RATE(0.25), 2, {SHAPE(2, 19), ABSENT}},
    {"mask", RATE(0.25), 2, {SHAPE(3, 19), SHAPE(3, 19)}, {{0, 2}, {0.5, 0.5}}},
    {"mask_rate_0", RATE(0), 2, {SHAPE(1, 4, 3, 3), SHAPE(1, 4, 3, 3)}},
    {"mask_rate_1", RATE(1), 2, {SHAPE(2, 5), SHAPE(2, 5)}},
};

const jimm_op jimm_op_dropout = {
    .size = sizeof(jimm_op),
    .name = "dropout",
    .summary = "x * mask / (1 - rate), x without a mask (torch.nn.functional.dropout)",
    .min_inputs = 1,
    .max_inputs = 2,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_dropout_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_dropout_f32,
    .forward_f64 = jimm_dropout_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_POINTWISE | JIMM_OP_IDENTITY | JIMM_OP_GLUE,
};

#endif
