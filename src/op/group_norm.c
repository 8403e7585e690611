/* group_norm: torch.nn.GroupNorm, biased variance, in two passes. */
#include "op/op.h"

#ifdef REAL

#include "op/sum.h"

FORWARD(group_norm) {
  const jimm_group_norm_attrs *a = call->attrs;
  const jimm_shape *shape = &call->inputs[0].shape;
  const int64_t batch = shape->dim[0], channels = shape->dim[1] / a->groups;
  int64_t inner = 1;
  for (int32_t d = 2; d < shape->rank; d++) {
    inner *= shape->dim[d];
  }
  const int64_t count = channels * inner;
  const REAL *x = IN(0);
  REAL *y = OUT();
  for (int64_t n = 0; n < batch; n++) {
    for (int64_t g = 0; g < a->groups; g++) {
      const REAL *weight = IN(1) + g * channels, *bias = IN(2) + g * channels;
      const REAL mean = sum(x, count) / (REAL)count;
      const REAL var = sum_squares(x, count, mean) / (REAL)count;
      const REAL deviation = SQRT(var + (REAL)a->eps);
      for (int64_t c = 0; c < channels; c++) {
        for (int64_t i = 0; i < inner; i++) {
          *y++ = (*x++ - mean) / deviation * weight[c] + bias[c];
        }
      }
    }
  }
  return JIMM_OK;
}

#else

#include <inttypes.h>

#include "op/rules.h"

FORWARDS(group_norm);

static const char *const input_names[] = {"x", "weight", "bias"};

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  const jimm_group_norm_attrs *a = attrs;
  const jimm_shape *x = &inputs[0];
  jimm_status status = jimm_check_channels("x", x);
  if (status == JIMM_OK) {
    status = jimm_check_norm(input_names, a->eps, 2, JIMM_MAX_RANK, 3, input_count, inputs);
  }
  if (status == JIMM_OK) {
    status = jimm_check_groups(a->groups, x);
  }
  if (status != JIMM_OK) {
    return status;
  }
  if (jimm_shape_count(x) == a->groups) {
    /* torch.nn.functional.group_norm refuses this too (for a batch of 1 alone). */
    char text[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_SHAPE,
                     "expected more than 1 value in a group, got x %s and groups %" PRId64,
                     jimm_shape_format(x, text, sizeof(text)), a->groups);
  }
  *output = *x;
  return JIMM_OK;
}

static const double starts[] = {0, 1, 0};

static const jimm_attr_spec attr_specs[] = {
    {"groups", JIMM_ATTR_INT, offsetof(jimm_group_norm_attrs, groups), NULL},
    {"eps", JIMM_ATTR_FLOAT, offsetof(jimm_group_norm_attrs, eps), NULL},
};

#define GN(groups, eps)            \
  &(const jimm_group_norm_attrs) { \
    groups, eps                    \
  }
#define SHAPES(c, ...) \
  { SHAPE(__VA_ARGS__), SHAPE(c), SHAPE(c) }
#define FILLS(offset, scale)        \
  {                                 \
    {offset, scale}, {0.75, 0.5}, { \
      0, 0.3                        \
    }                               \
  }

static const jimm_op_example examples[] = {
    {"groups_32", GN(32, 1e-5), 3, SHAPES(64, 1, 64, 7, 7), FILLS(0, 2)},
    {"odd", GN(3, 1e-5), 3, SHAPES(21, 3, 21, 5, 3), FILLS(0.5, 2)},
    /* Variance scale^2 / 3: 5e-6 and 3e-7 beside an eps of 1e-5. */
    {"variance_near_eps", GN(8, 1e-5), 3, SHAPES(16, 2, 16, 6, 5), FILLS(0, 4e-3)},
    {"variance_below_eps", GN(4, 1e-5), 3, SHAPES(12, 1, 12, 4, 4), FILLS(0, 1e-3)},
    {"variance_near_eps_1e-6", GN(2, 1e-6), 3, SHAPES(14, 1, 14, 5, 5), FILLS(0, 1.5e-3)},
    {"far_from_zero", GN(4, 1e-5), 3, SHAPES(12, 1, 12, 9, 9), FILLS(30, 1)},
    {"one_group", GN(1, 1e-5), 3, SHAPES(10, 2, 10, 3, 3), FILLS(0, 2)},
    {"group_each_channel", GN(9, 1e-5), 3, SHAPES(9, 1, 9, 4, 6), FILLS(0, 2)},
    {"pixel", GN(32, 1e-5), 3, SHAPES(64, 1, 64, 1, 1), FILLS(0, 2)},
    {"pixel_single_values", GN(6, 1e-5), 3, SHAPES(6, 2, 6, 1, 1), FILLS(0, 2)},
    {"vectors", GN(5, 1e-5), 3, SHAPES(15, 3, 15), FILLS(0, 2)},
    {"large_groups", GN(2, 1e-5), 3, SHAPES(8, 1, 8, 28, 28), FILLS(1, 2)},
};

const jimm_op jimm_op_group_norm = {
    .size = sizeof(jimm_op),
    .name = "group_norm",
    .summary = "normalisation by mean and biased variance of channel groups (torch.nn.GroupNorm)",
    .min_inputs = 3,
    .max_inputs = 3,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_group_norm_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_group_norm_f32,
    .forward_f64 = jimm_group_norm_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .starts = starts,
};

#endif
