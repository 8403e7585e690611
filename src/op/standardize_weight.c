/* standardize_weight: weight standardisation (Qiao et al., https://arxiv.org/abs/1903.10520) as
 * timm.layers.StdConv2d does it: each output channel less its mean, over its biased deviation. */
#include "op/op.h"

#ifdef REAL

/* Weights are few and made once: statistics are in float64 whatever REAL is. */
FORWARD(standardize_weight) {
  const jimm_standardize_weight_attrs *a = call->attrs;
  const int64_t outputs = DIM(0, 0);
  const int64_t count = outputs == 0 ? 0 : jimm_shape_count(&call->output->shape) / outputs;
  const REAL *x = IN(0);
  REAL *y = OUT();
  for (int64_t o = 0; o < outputs; o++, x += count, y += count) {
    double mean = 0, var = 0;
    for (int64_t i = 0; i < count; i++) {
      mean += (double)x[i] / (double)count;
    }
    for (int64_t i = 0; i < count; i++) {
      var += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)count;
    }
    const double deviation = sqrt(var + a->eps);
    for (int64_t i = 0; i < count; i++) {
      y[i] = (REAL)(((double)x[i] - mean) / deviation);
    }
  }
  return JIMM_OK;
}

#else

#include <inttypes.h>

#include "op/rules.h"

FORWARDS(standardize_weight);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)input_count;
  const jimm_standardize_weight_attrs *a = attrs;
  const jimm_shape *x = &inputs[0];
  jimm_status status = jimm_check_eps(a->eps);
  if (status == JIMM_OK) {
    status = jimm_check_rank("weight", x, 2, JIMM_MAX_RANK);
  }
  if (status != JIMM_OK) {
    return status;
  }
  int64_t count = 1;
  for (int32_t i = 1; i < x->rank && count < 2; i++) {
    count *= x->dim[i];
  }
  if (count < 2) {
    /* torch.nn.functional.batch_norm refuses this too. */
    char text[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_SHAPE, "expected more than 1 value an output channel, got %s",
                     jimm_shape_format(x, text, sizeof(text)));
  }
  *output = *x;
  return JIMM_OK;
}

static const char *const input_names[] = {"weight"};

static const jimm_attr_spec attr_specs[] = {
    {"eps", JIMM_ATTR_FLOAT, offsetof(jimm_standardize_weight_attrs, eps), NULL},
};

#define EPS(value)                         \
  &(const jimm_standardize_weight_attrs) { \
    value                                  \
  }

static const jimm_op_example examples[] = {
    {"bit", EPS(1e-8), 1, {SHAPE(6, 5, 3, 3)}, {{0, 0.2}}},
    {"default_eps", EPS(1e-6), 1, {SHAPE(9, 4, 1, 1)}, {{0.1, 0.5}}},
    {"stem", EPS(1e-8), 1, {SHAPE(4, 3, 7, 7)}, {{0, 1}}},
    /* Variance scale^2 / 3: 3e-8 beside an eps of 1e-8. */
    {"variance_near_eps", EPS(1e-8), 1, {SHAPE(3, 8, 3, 3)}, {{0, 3e-4}}},
    {"variance_below_eps", EPS(1e-8), 1, {SHAPE(3, 8, 3, 3)}, {{0, 3e-5}}},
    {"variance_near_eps_1e-6", EPS(1e-6), 1, {SHAPE(5, 7)}, {{0, 2e-3}}},
    {"far_from_zero", EPS(1e-8), 1, {SHAPE(4, 16, 3, 3)}, {{20, 1}}},
    {"few_values", EPS(1e-8), 1, {SHAPE(11, 4)}, {{0, 1}}},
};

const jimm_op jimm_op_standardize_weight = {
    .size = sizeof(jimm_op),
    .name = "standardize_weight",
    .summary = "weight standardisation of each output channel (timm.layers.StdConv2d)",
    .min_inputs = 1,
    .max_inputs = 1,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_standardize_weight_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_standardize_weight_f32,
    .forward_f64 = jimm_standardize_weight_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .rounding = JIMM_ROUNDING_ONCE,
};

#endif
