/* drop_path: timm.layers.drop_path with the mask as an input, one entry a sample. */
#include "op/op.h"

#ifdef REAL

FORWARD(drop_path) {
  const jimm_dropout_attrs *a = call->attrs;
  const jimm_shape *shape = &call->output->shape;
  const int64_t count = jimm_shape_count(shape), batch = shape->dim[0];
  const int64_t inner = batch > 0 ? count / batch : 0;
  const REAL *x = IN(0), *mask = HAS(1) ? IN(1) : NULL;
  const REAL keep = (REAL)(1 - a->rate);
  REAL *y = OUT();
  for (int64_t n = 0; n < batch; n++) {
    for (int64_t i = 0; i < inner; i++) {
      if (mask == NULL) {
        *y++ = *x++;
      } else {
        *y++ = *x++ * (keep > 0 ? mask[n] / keep : mask[n]); /* timm does not scale at rate 1 */
      }
    }
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(drop_path);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  const jimm_dropout_attrs *a = attrs;
  jimm_status status = jimm_check_rank("x", &inputs[0], 1, JIMM_MAX_RANK);
  if (status == JIMM_OK) {
    status = jimm_check_rate(a->rate);
  }
  if (status != JIMM_OK) {
    return status;
  }
  if (input_count > 1 && inputs[1].rank >= 0) {
    status = jimm_check_vector("mask", &inputs[1], inputs[0].dim[0]);
    if (status != JIMM_OK) {
      char text[JIMM_SHAPE_TEXT];
      return jimm_fail_context(status, "x %s", jimm_shape_format(&inputs[0], text, sizeof(text)));
    }
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
    {"inference", RATE(0.1), 1, {SHAPE(2, 5, 3, 3)}},
    {"mask", RATE(0.1), 2, {SHAPE(3, 5, 3, 2), SHAPE(3)}, {{0, 2}, {0.5, 0.5}}},
    {"mask_rate_1", RATE(1), 2, {SHAPE(3, 5), SHAPE(3)}},
};

const jimm_op jimm_op_drop_path = {
    .size = sizeof(jimm_op),
    .name = "drop_path",
    .summary = "x * mask / (1 - rate) for each sample, x without a mask (timm.layers.DropPath)",
    .min_inputs = 1,
    .max_inputs = 2,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_dropout_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_drop_path_f32,
    .forward_f64 = jimm_drop_path_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_POINTWISE | JIMM_OP_IDENTITY | JIMM_OP_GLUE,
};

#endif
