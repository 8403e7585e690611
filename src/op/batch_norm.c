/* batch_norm: torch.nn.BatchNorm2d with its running statistics (inference). */
#include "op/op.h"

#ifdef REAL

FORWARD(batch_norm) {
  const jimm_batch_norm_attrs *a = call->attrs;
  const around x_is = around_axis(&call->inputs[0].shape);
  const int64_t channels = x_is.channels, inner = x_is.inner;
  const REAL *x = IN(0), *weight = IN(1), *bias = IN(2), *mean = IN(3), *var = IN(4);
  REAL *y = OUT();
  for (int64_t n = 0; n < x_is.outer; n++) {
    for (int64_t c = 0; c < channels; c++) {
      const REAL deviation = SQRT(var[c] + (REAL)a->eps);
      for (int64_t i = 0; i < inner; i++) {
        y[i] = (x[i] - mean[c]) / deviation * weight[c] + bias[c];
      }
      x += inner;
      y += inner;
    }
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(batch_norm);

static const char *const input_names[] = {"x", "weight", "bias", "running_mean", "running_var"};

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  const jimm_batch_norm_attrs *a = attrs;
  jimm_status status = jimm_check_eps(a->eps);
  if (status == JIMM_OK) {
    status = jimm_check_rank("x", &inputs[0], 2, JIMM_MAX_RANK);
  }
  if (status == JIMM_OK) {
    status = jimm_check_vectors(input_names, 5, input_count, inputs);
  }
  if (status == JIMM_OK) {
    *output = inputs[0];
  }
  return status;
}

static const double starts[] = {0, 1, 0, 0, 1};

static const jimm_attr_spec attr_specs[] = {
    {"eps", JIMM_ATTR_FLOAT, offsetof(jimm_batch_norm_attrs, eps), NULL},
};

#define EPS(value)                 \
  &(const jimm_batch_norm_attrs) { \
    value                          \
  }
#define SHAPES(c, ...) \
  { SHAPE(__VA_ARGS__), SHAPE(c), SHAPE(c), SHAPE(c), SHAPE(c) }
#define FILLS                                  \
  {                                            \
    {0, 2}, {0.75, 0.5}, {0, 0.3}, {0, 0.2}, { \
      1, 0.5                                   \
    }                                          \
  }
/* Running variances between 0.05 and 1.95 times an eps of 1e-5. */
#define TINY                                       \
  {                                                \
    {0, 4e-3}, {0.75, 0.5}, {0, 0.3}, {0, 1e-3}, { \
      1e-5, 9.5e-6                                 \
    }                                              \
  }

static const jimm_op_example examples[] = {
    {"plain", EPS(1e-5), 5, SHAPES(16, 1, 16, 9, 9), FILLS},
    {"odd_channels", EPS(1e-5), 5, SHAPES(13, 3, 13, 5, 7), FILLS},
    {"variance_near_eps", EPS(1e-5), 5, SHAPES(19, 2, 19, 4, 5), TINY},
    {"variance_near_eps_1e-3",
     EPS(1e-3),
     5,
     SHAPES(8, 1, 8, 6, 6),
     {{0, 4e-2}, {0.75, 0.5}, {0, 0.3}, {0, 1e-2}, {1e-3, 9.5e-4}}},
    {"pixel", EPS(1e-5), 5, SHAPES(17, 2, 17, 1, 1), FILLS},
    {"vectors", EPS(1e-5), 5, SHAPES(10, 4, 10), FILLS},
    {"tokens", EPS(1e-5), 5, {TOKENS(2, 6, 21), SHAPE(21), SHAPE(21), SHAPE(21), SHAPE(21)}, FILLS},
    {"far_from_zero",
     EPS(1e-5),
     5,
     SHAPES(5, 1, 5, 3, 3),
     {{100, 2}, {0.75, 0.5}, {0, 0.3}, {100, 0.2}, {1, 0.5}}},
};

const jimm_op jimm_op_batch_norm = {
    .size = sizeof(jimm_op),
    .name = "batch_norm",
    .summary = "normalisation by running mean and variance of each channel (torch.nn.BatchNorm2d)",
    .min_inputs = 5,
    .max_inputs = 5,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_batch_norm_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_batch_norm_f32,
    .forward_f64 = jimm_batch_norm_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .starts = starts,
};

#endif
