/* hard_swish: torch.nn.functional.hardswish; the operator that scripts/adding.sh adds, with its
 * derivatives. */
#include "op/unary.h"

#ifdef REAL

UNARY_FORWARD(hard_swish, v <= -3 ? 0 : v >= 3 ? v : v * (v + 3) / 6)

static inline REAL slope(REAL v) {
  return v <= -3 ? (REAL)0 : v >= 3 ? (REAL)1 : (2 * v + 3) / 6;
}

VJP(hard_swish) {
  const REAL *x = IN(0);
  const REAL *cotangent = call->cotangent->data;
  REAL *gradient = call->gradients[0].data;
  const int64_t count = gradient != NULL ? jimm_shape_count(&call->output->shape) : 0;
  for (int64_t i = 0; i < count; i++) {
    gradient[i] = cotangent[i] * slope(x[i]);
  }
  return JIMM_OK;
}

JVP(hard_swish) {
  const REAL *x = IN(0);
  const REAL *tangent = call->tangents[0].data;
  REAL *result = call->tangent->data;
  const int64_t count = jimm_shape_count(&call->output->shape);
  for (int64_t i = 0; i < count; i++) {
    result[i] = tangent != NULL ? tangent[i] * slope(x[i]) : 0;
  }
  return JIMM_OK;
}

#else

static const jimm_op_example examples[] = {
    {"image", NULL, 1, {SHAPE(2, 5, 7, 3)}, {{0, 5}}},
    {"scalar", NULL, 1, {{0, {0}}}},
};

DERIVATIVES(hard_swish);
UNARY_ROW(hard_swish, "x * min(max(x + 3, 0), 6) / 6 (torch.nn.functional.hardswish)",
          .infer = jimm_unary_infer, .traits = JIMM_OP_POINTWISE,
          .vjp_f32 = jimm_hard_swish_vjp_f32, .vjp_f64 = jimm_hard_swish_vjp_f64,
          .jvp_f32 = jimm_hard_swish_jvp_f32, .jvp_f64 = jimm_hard_swish_jvp_f64);

#endif
