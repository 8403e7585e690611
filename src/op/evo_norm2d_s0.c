/* evo_norm2d_s0: timm.layers.EvoNorm2dS0 with its activation; the variance in two passes. */
#include "op/op.h"

#ifdef REAL

#include "op/sum.h"

FORWARD(evo_norm2d_s0) {
  const jimm_evo_norm2d_s0_attrs *a = call->attrs;
  const int64_t batch = DIM(0, 0), channels = DIM(0, 1) / a->groups;
  const int64_t inner = DIM(0, 2) * DIM(0, 3), count = channels * inner;
  const REAL *x = IN(0);
  REAL *y = OUT();
  for (int64_t n = 0; n < batch; n++) {
    for (int64_t g = 0; g < a->groups; g++) {
      const REAL mean = sum(x, count) / (REAL)count;
      const REAL var = sum_squares(x, count, mean) / (REAL)count;
      const REAL deviation = SQRT(var + (REAL)a->eps);
      for (int64_t c = g * channels; c < (g + 1) * channels; c++) {
        const REAL weight = IN(1)[c], bias = IN(2)[c], v = IN(3)[c];
        for (int64_t i = 0; i < inner; i++) {
          const REAL gated = *x / (1 + EXP(-(*x * v)));
          *y++ = gated / deviation * weight + bias;
          x++;
        }
      }
    }
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(evo_norm2d_s0);

static const char *const input_names[] = {"x", "weight", "bias", "v"};

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  const jimm_evo_norm2d_s0_attrs *a = attrs;
  jimm_status status = jimm_check_channels("x", &inputs[0]);
  if (status == JIMM_OK) {
    status = jimm_check_norm(input_names, a->eps, 4, 4, 4, input_count, inputs);
  }
  if (status == JIMM_OK) {
    status = jimm_check_groups(a->groups, &inputs[0]);
  }
  if (status == JIMM_OK) {
    *output = inputs[0];
  }
  return status;
}

static const double starts[] = {0, 1, 0, 1};

static const jimm_attr_spec attr_specs[] = {
    {"groups", JIMM_ATTR_INT, offsetof(jimm_evo_norm2d_s0_attrs, groups), NULL},
    {"eps", JIMM_ATTR_FLOAT, offsetof(jimm_evo_norm2d_s0_attrs, eps), NULL},
};

#define EVO(groups, eps)              \
  &(const jimm_evo_norm2d_s0_attrs) { \
    groups, eps                       \
  }
#define SHAPES(c, ...) \
  { SHAPE(__VA_ARGS__), SHAPE(c), SHAPE(c), SHAPE(c) }
#define FILLS(offset, scale)                  \
  {                                           \
    {offset, scale}, {0.75, 0.5}, {0, 0.3}, { \
      1, 0.5                                  \
    }                                         \
  }

static const jimm_op_example examples[] = {
    {"groups_32", EVO(32, 1e-5), 4, SHAPES(64, 1, 64, 7, 7), FILLS(0, 2)},
    {"odd", EVO(3, 1e-5), 4, SHAPES(21, 3, 21, 5, 3), FILLS(0.5, 2)},
    /* Variance scale^2 / 3, as for group_norm; weights that outshine the bias. */
    {"variance_near_eps",
     EVO(8, 1e-5),
     4,
     SHAPES(16, 2, 16, 6, 5),
     {{0, 4e-3}, {0.75, 0.5}, {0, 0.01}, {1, 0.5}}},
    {"variance_below_eps",
     EVO(4, 1e-5),
     4,
     SHAPES(12, 1, 12, 4, 4),
     {{0, 1e-3}, {0.75, 0.5}, {0, 0.01}, {1, 0.5}}},
    {"variance_near_eps_1e-6",
     EVO(2, 1e-6),
     4,
     SHAPES(14, 1, 14, 5, 5),
     {{0, 1.5e-3}, {0.75, 0.5}, {0, 0.01}, {1, 0.5}}},
    {"far_from_zero", EVO(4, 1e-5), 4, SHAPES(12, 1, 12, 9, 9), FILLS(30, 1)},
    {"saturated", EVO(3, 1e-5), 4, SHAPES(9, 1, 9, 5, 5), FILLS(0, 200)},
    {"one_group", EVO(1, 1e-5), 4, SHAPES(10, 2, 10, 3, 3), FILLS(0, 2)},
    {"group_each_channel", EVO(9, 1e-5), 4, SHAPES(9, 1, 9, 4, 6), FILLS(0, 2)},
    {"pixel", EVO(16, 1e-5), 4, SHAPES(64, 2, 64, 1, 1), FILLS(0, 2)},
    {"large_groups", EVO(2, 1e-5), 4, SHAPES(8, 1, 8, 28, 28), FILLS(1, 2)},
};

const jimm_op jimm_op_evo_norm2d_s0 = {
    .size = sizeof(jimm_op),
    .name = "evo_norm2d_s0",
    .summary = "x * sigmoid(x * v) by the deviation of channel groups (timm.layers.EvoNorm2dS0)",
    .min_inputs = 4,
    .max_inputs = 4,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_evo_norm2d_s0_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_evo_norm2d_s0_f32,
    .forward_f64 = jimm_evo_norm2d_s0_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_IMAGE,
    .starts = starts,
};

#endif
