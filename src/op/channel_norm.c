/* channel_norm: timm.layers.LayerNorm2d, RmsNorm2d and SimpleNorm2d, in two passes. */
#include "op/op.h"

#ifdef REAL

#include "op/sum.h"

/* The channels of one pixel are `stride` apart. */
static REAL sum_strided(const REAL *x, int64_t count, int64_t stride) {
  SUM_BODY(x[i * stride]);
}

static REAL sum_squares_strided(const REAL *x, int64_t count, int64_t stride, REAL center) {
  SUM_BODY((x[i * stride] - center) * (x[i * stride] - center));
}

FORWARD(channel_norm) {
  const jimm_channel_norm_attrs *a = call->attrs;
  const around x_is = around_axis(&call->inputs[0].shape);
  const int64_t channels = x_is.channels, inner = x_is.inner;
  const int64_t pixels = x_is.outer * inner;
  const int64_t freedom = a->type == JIMM_CHANNEL_NORM_SIMPLE ? channels - 1 : channels;
  const REAL *weight = IN(1);
  for (int64_t p = 0; p < pixels; p++) {
    const int64_t first = p / inner * channels * inner + p % inner;
    const REAL *x = IN(0) + first;
    REAL *y = OUT() + first;
    const REAL mean =
        a->type == JIMM_CHANNEL_NORM_RMS ? 0 : sum_strided(x, channels, inner) / (REAL)channels;
    const REAL var = sum_squares_strided(x, channels, inner, mean) / (REAL)freedom;
    const REAL deviation = SQRT(var + (REAL)a->eps);
    const REAL center = a->type == JIMM_CHANNEL_NORM_LAYER ? mean : 0;
    for (int64_t c = 0; c < channels; c++) {
      const REAL shift = HAS(2) ? IN(2)[c] : 0;
      y[c * inner] = (x[c * inner] - center) / deviation * weight[c] + shift;
    }
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(channel_norm);

static const char *const input_names[] = {"x", "weight", "bias"};

static const char *const type_names[] = {"layer", "rms", "simple", NULL};

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  const jimm_channel_norm_attrs *a = attrs;
  const jimm_shape *x = &inputs[0];
  if (a->type < JIMM_CHANNEL_NORM_LAYER || a->type > JIMM_CHANNEL_NORM_SIMPLE) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "type %d is no jimm_channel_norm_type",
                     (int)a->type);
  }
  const jimm_status status =
      jimm_check_norm(input_names, a->eps, 2, JIMM_MAX_RANK, 2, input_count, inputs);
  if (status != JIMM_OK) {
    return status;
  }
  char text[JIMM_SHAPE_TEXT];
  if (a->type != JIMM_CHANNEL_NORM_LAYER && input_count > 2 && inputs[2].rank >= 0) {
    return jimm_fail(JIMM_ERROR_SHAPE, "type %s has no bias, got bias %s", type_names[a->type],
                     jimm_shape_format(&inputs[2], text, sizeof(text)));
  }
  if (a->type == JIMM_CHANNEL_NORM_SIMPLE && jimm_channels_of(x) < 2) {
    /* PyTorch's unbiased variance of one value is NaN. */
    return jimm_fail(JIMM_ERROR_SHAPE, "type simple expects more than 1 channel, got x %s",
                     jimm_shape_format(x, text, sizeof(text)));
  }
  *output = *x;
  return JIMM_OK;
}

static const double starts[] = {0, 1, 0};

static const jimm_attr_spec attr_specs[] = {
    {"type", JIMM_ATTR_ENUM, offsetof(jimm_channel_norm_attrs, type), type_names},
    {"eps", JIMM_ATTR_FLOAT, offsetof(jimm_channel_norm_attrs, eps), NULL},
};

#define LAYER(eps)                   \
  &(const jimm_channel_norm_attrs) { \
    JIMM_CHANNEL_NORM_LAYER, eps     \
  }
#define RMS(eps)                     \
  &(const jimm_channel_norm_attrs) { \
    JIMM_CHANNEL_NORM_RMS, eps       \
  }
#define SIMPLE(eps)                  \
  &(const jimm_channel_norm_attrs) { \
    JIMM_CHANNEL_NORM_SIMPLE, eps    \
  }
#define BIASED(c, ...) \
  { SHAPE(__VA_ARGS__), SHAPE(c), SHAPE(c) }
#define PLAIN(c, ...) \
  { SHAPE(__VA_ARGS__), SHAPE(c) }
#define FILLS(offset, scale)        \
  {                                 \
    {offset, scale}, {0.75, 0.5}, { \
      0, 0.3                        \
    }                               \
  }

static const jimm_op_example examples[] = {
    {"layer", LAYER(1e-6), 3, BIASED(96, 1, 96, 7, 7), FILLS(0, 2)},
    {"layer_tokens", LAYER(1e-6), 3, {TOKENS(2, 9, 37), SHAPE(37), SHAPE(37)}, FILLS(0.5, 2)},
    {"layer_odd", LAYER(1e-6), 3, BIASED(37, 3, 37, 5, 3), FILLS(0.5, 2)},
    {"layer_without_bias", LAYER(1e-5), 2, PLAIN(21, 2, 21, 4, 3), FILLS(0.5, 2)},
    {"layer_absent_bias", LAYER(1e-5), 3, {SHAPE(2, 19, 3, 2), SHAPE(19), ABSENT}, FILLS(0.5, 2)},
    /* Variance scale^2 / 3: 7.5e-7 beside an eps of 1e-6, 5e-6 and 3e-7 beside 1e-5. */
    {"layer_variance_near_eps_1e-6", LAYER(1e-6), 3, BIASED(40, 2, 40, 3, 3), FILLS(0, 1.5e-3)},
    {"layer_variance_near_eps_1e-5", LAYER(1e-5), 3, BIASED(40, 2, 40, 3, 3), FILLS(0, 4e-3)},
    {"layer_variance_below_eps", LAYER(1e-5), 3, BIASED(33, 1, 33, 4, 4), FILLS(0, 1e-3)},
    {"layer_far_from_zero", LAYER(1e-6), 3, BIASED(50, 2, 50, 4, 4), FILLS(300, 1)},
    {"layer_far_and_near_eps", LAYER(1e-6), 3, BIASED(24, 1, 24, 4, 4), FILLS(-1, 2e-3)},
    {"layer_pixel", LAYER(1e-6), 3, BIASED(65, 1, 65, 1, 1), FILLS(0, 2)},
    {"layer_vectors", LAYER(1e-6), 3, BIASED(33, 5, 33), FILLS(0, 2)},
    {"layer_sequences", LAYER(1e-5), 3, BIASED(18, 2, 18, 9), FILLS(0, 2)},
    {"layer_one_channel", LAYER(1e-6), 3, BIASED(1, 2, 1, 3, 3), FILLS(5, 2)},
    {"layer_many_channels", LAYER(1e-6), 3, BIASED(1537, 1, 1537, 2, 2), FILLS(1, 2)},
    {"rms", RMS(1e-6), 2, PLAIN(96, 2, 96, 5, 5), FILLS(0.5, 2)},
    {"rms_odd", RMS(1e-6), 2, PLAIN(37, 3, 37, 3, 5), FILLS(0, 2)},
    {"rms_near_eps_1e-6", RMS(1e-6), 2, PLAIN(40, 2, 40, 3, 3), FILLS(0, 1.5e-3)},
    {"rms_near_eps_1e-5", RMS(1e-5), 2, PLAIN(40, 1, 40, 3, 3), FILLS(0, 4e-3)},
    {"rms_below_eps", RMS(1e-6), 2, PLAIN(23, 1, 23, 2, 3), FILLS(0, 3e-4)},
    {"rms_far_from_zero", RMS(1e-6), 2, PLAIN(50, 2, 50, 4, 4), FILLS(300, 1)},
    {"rms_pixel", RMS(1e-6), 2, PLAIN(67, 1, 67, 1, 1), FILLS(0, 2)},
    {"rms_vectors", RMS(1e-6), 2, PLAIN(9, 4, 9), FILLS(0, 2)},
    {"simple", SIMPLE(1e-6), 2, PLAIN(96, 2, 96, 5, 5), FILLS(0.5, 2)},
    {"simple_odd", SIMPLE(1e-6), 2, PLAIN(5, 3, 5, 3, 5), FILLS(0, 2)},
    {"simple_two_channels", SIMPLE(1e-6), 2, PLAIN(2, 2, 2, 3, 5), FILLS(0, 2)},
    {"simple_near_eps_1e-6", SIMPLE(1e-6), 2, PLAIN(40, 2, 40, 3, 3), FILLS(0, 1.5e-3)},
    {"simple_near_eps_1e-5", SIMPLE(1e-5), 2, PLAIN(40, 1, 40, 3, 3), FILLS(0, 4e-3)},
    {"simple_far_from_zero", SIMPLE(1e-6), 2, PLAIN(50, 2, 50, 4, 4), FILLS(30, 1)},
    {"simple_pixel", SIMPLE(1e-6), 2, PLAIN(67, 1, 67, 1, 1), FILLS(0, 2)},
};

const jimm_op jimm_op_channel_norm = {
    .size = sizeof(jimm_op),
    .name = "channel_norm",
    .summary =
        "normalisation of each pixel over its channels (timm.layers.LayerNorm2d, RmsNorm2d, "
        "SimpleNorm2d)",
    .min_inputs = 2,
    .max_inputs = 3,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_channel_norm_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_channel_norm_f32,
    .forward_f64 = jimm_channel_norm_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .starts = starts,
};

#endif
