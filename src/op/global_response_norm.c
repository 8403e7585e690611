/* global_response_norm: timm.layers.grn.GlobalResponseNorm (ConvNeXt V2). */
#include "op/op.h"

#ifdef REAL

#include "op/sum.h"

static REAL norm(const REAL *x, int64_t count) {
  return SQRT(sum_squares(x, count, 0));
}

/* Sum over the channels of the norms of their maps. */
static REAL sum_norms(const REAL *x, int64_t count, int64_t inner) {
  SUM_BODY(norm(x + i * inner, inner));
}

FORWARD(global_response_norm) {
  const jimm_global_response_norm_attrs *a = call->attrs;
  const int64_t batch = DIM(0, 0), channels = DIM(0, 1), inner = DIM(0, 2) * DIM(0, 3);
  const REAL *x = IN(0), *weight = IN(1), *bias = IN(2);
  REAL *y = OUT();
  for (int64_t n = 0; n < batch; n++) {
    const REAL mean = sum_norms(x, channels, inner) / (REAL)channels;
    for (int64_t c = 0; c < channels; c++) {
      const REAL response = norm(x, inner) / (mean + (REAL)a->eps);
      for (int64_t i = 0; i < inner; i++) {
        y[i] = x[i] + (bias[c] + weight[c] * (x[i] * response));
      }
      x += inner;
      y += inner;
    }
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(global_response_norm);

static const char *const input_names[] = {"x", "weight", "bias"};

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  const jimm_global_response_norm_attrs *a = attrs;
  jimm_status status = jimm_check_channels("x", &inputs[0]);
  if (status == JIMM_OK) {
    status = jimm_check_norm(input_names, a->eps, 4, 4, 3, input_count, inputs);
  }
  if (status == JIMM_OK) {
    *output = inputs[0];
  }
  return status;
}

static const jimm_attr_spec attr_specs[] = {
    {"eps", JIMM_ATTR_FLOAT, offsetof(jimm_global_response_norm_attrs, eps), NULL},
};

#define EPS(value)                           \
  &(const jimm_global_response_norm_attrs) { \
    value                                    \
  }
#define SHAPES(c, ...) \
  { SHAPE(__VA_ARGS__), SHAPE(c), SHAPE(c) }
#define FILLS(offset, scale)     \
  {                              \
    {offset, scale}, {0, 0.8}, { \
      0, 0.3                     \
    }                            \
  }
/* A mean norm near the eps: inputs around `scale`, and no more of a bias. */
#define TINY(scale)         \
  {                         \
    {0, scale}, {3, 0.5}, { \
      0, 1e-2 * (scale)     \
    }                       \
  }

static const jimm_op_example examples[] = {
    {"plain", EPS(1e-6), 3, SHAPES(64, 1, 64, 7, 7), FILLS(0, 2)},
    {"odd", EPS(1e-6), 3, SHAPES(37, 3, 37, 5, 3), FILLS(0.5, 2)},
    {"norm_near_eps", EPS(1e-6), 3, SHAPES(24, 2, 24, 3, 3), TINY(5e-7)},
    {"norm_below_eps", EPS(1e-6), 3, SHAPES(19, 1, 19, 4, 2), TINY(5e-8)},
    {"norm_near_eps_1e-5", EPS(1e-5), 3, SHAPES(24, 2, 24, 3, 3), TINY(5e-6)},
    {"far_from_zero", EPS(1e-6), 3, SHAPES(12, 2, 12, 9, 9), FILLS(30, 1)},
    {"pixel", EPS(1e-6), 3, SHAPES(33, 2, 33, 1, 1), FILLS(0, 2)},
    {"one_channel", EPS(1e-6), 3, SHAPES(1, 2, 1, 5, 4), FILLS(0, 2)},
    {"large_map", EPS(1e-6), 3, SHAPES(8, 1, 8, 56, 56), FILLS(0.1, 1)},
};

const jimm_op jimm_op_global_response_norm = {
    .size = sizeof(jimm_op),
    .name = "global_response_norm",
    .summary =
        "x + bias + weight * x * its channel's share of the norms "
        "(timm.layers.grn.GlobalResponseNorm)",
    .min_inputs = 3,
    .max_inputs = 3,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_global_response_norm_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_global_response_norm_f32,
    .forward_f64 = jimm_global_response_norm_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_IMAGE,
};

#endif
