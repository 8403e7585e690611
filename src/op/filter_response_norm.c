/* filter_response_norm: timm.layers.FilterResponseNormTlu2d. */
#include "op/op.h"

#ifdef REAL

#include "op/sum.h"

/* As torch.maximum: NaN of either stays. */
static inline REAL larger(REAL a, REAL b) {
  return a > b || isnan(a) ? a : b;
}

FORWARD(filter_response_norm) {
  const jimm_filter_response_norm_attrs *a = call->attrs;
  const int64_t batch = DIM(0, 0), channels = DIM(0, 1), inner = DIM(0, 2) * DIM(0, 3);
  const REAL *x = IN(0), *weight = IN(1), *bias = IN(2);
  REAL *y = OUT();
  for (int64_t n = 0; n < batch; n++) {
    for (int64_t c = 0; c < channels; c++) {
      const REAL root = SQRT(sum_squares(x, inner, 0) / (REAL)inner + (REAL)a->eps);
      for (int64_t i = 0; i < inner; i++) {
        const REAL value = x[i] / root * weight[c] + bias[c];
        y[i] = HAS(3) ? larger(value, IN(3)[c]) : value;
      }
      x += inner;
      y += inner;
    }
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(filter_response_norm);

static const char *const input_names[] = {"x", "weight", "bias", "tau"};

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  const jimm_filter_response_norm_attrs *a = attrs;
  jimm_status status = jimm_check_channels("x", &inputs[0]);
  if (status == JIMM_OK) {
    status = jimm_check_norm(input_names, a->eps, 4, 4, 3, input_count, inputs);
  }
  if (status == JIMM_OK) {
    *output = inputs[0];
  }
  return status;
}

static const double starts[] = {0, 1, 0, 0};

static const jimm_attr_spec attr_specs[] = {
    {"eps", JIMM_ATTR_FLOAT, offsetof(jimm_filter_response_norm_attrs, eps), NULL},
};

#define EPS(value)                           \
  &(const jimm_filter_response_norm_attrs) { \
    value                                    \
  }
#define SHAPES(c, ...) \
  { SHAPE(__VA_ARGS__), SHAPE(c), SHAPE(c), SHAPE(c) }
#define FILLS(offset, scale)                  \
  {                                           \
    {offset, scale}, {0.75, 0.5}, {0, 0.3}, { \
      0, 0.5                                  \
    }                                         \
  }

static const jimm_op_example examples[] = {
    {"plain", EPS(1e-5), 4, SHAPES(64, 1, 64, 7, 7), FILLS(0, 2)},
    {"odd", EPS(1e-5), 4, SHAPES(37, 3, 37, 5, 3), FILLS(0.5, 2)},
    {"without_tau", EPS(1e-5), 3, {SHAPE(2, 21, 4, 5), SHAPE(21), SHAPE(21)}, FILLS(0.5, 2)},
    {"absent_tau", EPS(1e-6), 4, {SHAPE(2, 19, 4, 5), SHAPE(19), SHAPE(19), ABSENT}, FILLS(0.5, 2)},
    /* Mean square scale^2 / 3: 5e-6 and 3e-7 beside an eps of 1e-5, 7.5e-7 beside 1e-6. */
    {"near_eps", EPS(1e-5), 4, SHAPES(16, 2, 16, 6, 5), FILLS(0, 4e-3)},
    {"below_eps", EPS(1e-5), 4, SHAPES(12, 1, 12, 4, 4), FILLS(0, 1e-3)},
    {"near_eps_1e-6", EPS(1e-6), 4, SHAPES(14, 1, 14, 5, 5), FILLS(0, 1.5e-3)},
    {"far_from_zero", EPS(1e-5), 4, SHAPES(12, 1, 12, 9, 9), FILLS(30, 1)},
    {"pixel", EPS(1e-6), 4, SHAPES(65, 2, 65, 1, 1), FILLS(0, 2)},
    {"one_channel", EPS(1e-5), 4, SHAPES(1, 2, 1, 5, 4), FILLS(0, 2)},
    {"large_map", EPS(1e-5), 4, SHAPES(8, 1, 8, 56, 56), FILLS(1, 2)},
};

const jimm_op jimm_op_filter_response_norm = {
    .size = sizeof(jimm_op),
    .name = "filter_response_norm",
    .summary =
        "x by the root mean square of its channel, at least tau "
        "(timm.layers.FilterResponseNormTlu2d)",
    .min_inputs = 3,
    .max_inputs = 4,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_filter_response_norm_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_filter_response_norm_f32,
    .forward_f64 = jimm_filter_response_norm_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_IMAGE,
    .starts = starts,
};

#endif
