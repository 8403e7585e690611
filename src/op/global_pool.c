/* global_pool: timm.layers.SelectAdaptivePool2d with output size 1. */
#include "op/op.h"

#ifdef REAL

#include "op/sum.h"

static REAL largest(const REAL *x, int64_t count) {
  REAL best = x[0];
  for (int64_t i = 1; i < count; i++) {
    if (x[i] > best || isnan(x[i])) {
      best = x[i];
    }
  }
  return best;
}

FORWARD(global_pool) {
  const jimm_global_pool_attrs *a = call->attrs;
  const int64_t batch = DIM(0, 0), channels = DIM(0, 1), area = DIM(0, 2) * DIM(0, 3);
  const int64_t out_channels = OUT_DIM(1);
  for (int64_t n = 0; n < batch; n++) {
    REAL *y = OUT() + n * out_channels;
    for (int64_t c = 0; c < channels; c++) {
      const REAL *x = IN(0) + (n * channels + c) * area;
      const REAL average = sum(x, area) / (REAL)area;
      switch ((jimm_pool_type)a->type) {
        case JIMM_POOL_AVG:
          y[c] = average;
          break;
        case JIMM_POOL_MAX:
          y[c] = largest(x, area);
          break;
        case JIMM_POOL_AVGMAX:
          y[c] = (REAL)0.5 * (average + largest(x, area));
          break;
        case JIMM_POOL_CATAVGMAX:
          y[c] = average;
          y[channels + c] = largest(x, area);
          break;
      }
    }
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(global_pool);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)input_count;
  const jimm_global_pool_attrs *a = attrs;
  const jimm_shape *x = &inputs[0];
  jimm_status status = jimm_check_image("x", x);
  if (status == JIMM_OK) {
    status = jimm_check_filled("x", x);
  }
  if (status != JIMM_OK) {
    return status;
  }
  if (a->type < JIMM_POOL_AVG || a->type > JIMM_POOL_CATAVGMAX) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "type %d is no jimm_pool_type", (int)a->type);
  }
  const int64_t multiplier = a->type == JIMM_POOL_CATAVGMAX ? 2 : 1;
  *output = (jimm_shape){4, {x->dim[0], multiplier * x->dim[1], 1, 1}};
  return JIMM_OK;
}

static const char *const input_names[] = {"x"};

static const char *const type_names[] = {"avg", "max", "avgmax", "catavgmax", NULL};

static const jimm_attr_spec attr_specs[] = {
    {"type", JIMM_ATTR_ENUM, offsetof(jimm_global_pool_attrs, type), type_names},
};

#define TYPE(type)                  \
  &(const jimm_global_pool_attrs) { \
    type                            \
  }

static const jimm_op_example examples[] = {
    {"avg", TYPE(JIMM_POOL_AVG), 1, {SHAPE(2, 19, 7, 7)}},
    {"max", TYPE(JIMM_POOL_MAX), 1, {SHAPE(2, 19, 7, 7)}, {{-5, 1}}},
    {"avgmax", TYPE(JIMM_POOL_AVGMAX), 1, {SHAPE(2, 19, 7, 7)}},
    {"catavgmax", TYPE(JIMM_POOL_CATAVGMAX), 1, {SHAPE(3, 11, 5, 4)}},
    {"avg_pixel", TYPE(JIMM_POOL_AVG), 1, {SHAPE(3, 5, 1, 1)}},
    {"avg_strip", TYPE(JIMM_POOL_AVG), 1, {SHAPE(1, 6, 31, 1)}},
};

const jimm_op jimm_op_global_pool = {
    .size = sizeof(jimm_op),
    .name = "global_pool",
    .summary = "mean or largest value of each channel (timm.layers.SelectAdaptivePool2d)",
    .min_inputs = 1,
    .max_inputs = 1,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_global_pool_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_global_pool_f32,
    .forward_f64 = jimm_global_pool_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_IMAGE,
};

#endif
