/* gelu: torch.nn.functional.gelu, x times the normal distribution function, or its approximation
 * by tanh. */
#include "op/unary.h"

#ifdef REAL

#define SQRT_1_2 ((REAL)0.70710678118654752440)
#define SQRT_2_PI ((REAL)0.79788456080286535588) /* sqrt(2 / pi) */

/* erfc(-x) is 1 + erf(x) without the cancellation. */
static inline REAL by_erf(REAL v) {
  return (REAL)0.5 * v * ERFC(-v * SQRT_1_2);
}

static inline REAL by_tanh(REAL v) {
  return (REAL)0.5 * v * (1 + TANH(SQRT_2_PI * (v + (REAL)0.044715 * v * v * v)));
}

UNARY_FORWARD(gelu, ((const jimm_gelu_attrs *)call->attrs)->approximate == JIMM_GELU_TANH
                        ? by_tanh(v)
                        : by_erf(v))

#else

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  const jimm_gelu_attrs *a = attrs;
  if (a->approximate != JIMM_GELU_NONE && a->approximate != JIMM_GELU_TANH) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "approximate %d is no jimm_gelu_approximate",
                     (int)a->approximate);
  }
  return jimm_unary_infer(attrs, input_count, inputs, output);
}

static const char *const approximate_names[] = {"none", "tanh", NULL};

static const jimm_attr_spec attr_specs[] = {
    {"approximate", JIMM_ATTR_ENUM, offsetof(jimm_gelu_attrs, approximate), approximate_names},
};

#define NONE                 \
  &(const jimm_gelu_attrs) { \
    JIMM_GELU_NONE           \
  }
#define BY_TANH              \
  &(const jimm_gelu_attrs) { \
    JIMM_GELU_TANH           \
  }

static const jimm_op_example examples[] = {
    {"image", NONE, 1, {SHAPE(2, 5, 7, 3)}, {{0, 4}}},
    {"wide", NONE, 1, {SHAPE(1, 67, 9, 8)}, {{0, 3}}},
    {"vector", NONE, 1, {SHAPE(3, 17)}, {{-1, 2}}},
    {"tail", NONE, 1, {SHAPE(2, 61)}, {{-8, 6}}},
    {"saturated", NONE, 1, {SHAPE(2, 40)}, {{0, 800}}},
    {"tiny", NONE, 1, {SHAPE(2, 19)}, {{0, 1e-30}}},
    {"scalar", NONE, 1, {{0, {0}}}},
    {"tanh_image", BY_TANH, 1, {SHAPE(2, 5, 7, 3)}, {{0, 4}}},
    {"tanh_wide", BY_TANH, 1, {SHAPE(1, 67, 9, 8)}, {{0, 3}}},
    {"tanh_tail", BY_TANH, 1, {SHAPE(2, 61)}, {{-6, 5}}},
    {"tanh_saturated", BY_TANH, 1, {SHAPE(2, 40)}, {{0, 800}}},
    {"tanh_scalar", BY_TANH, 1, {{0, {0}}}},
};

UNARY_ROW(gelu, "x times the normal distribution function of x (torch.nn.functional.gelu)",
          .infer = infer, .attrs_size = sizeof(jimm_gelu_attrs), .attrs = attr_specs,
          .attr_count = COUNT_OF(attr_specs), .traits = JIMM_OP_POINTWISE);

#endif
