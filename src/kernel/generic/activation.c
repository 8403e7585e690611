/* sigmoid, silu and gelu. Everything is computed in float64 and rounded once, to within 0.62 units
 * in the last place: activations have no other inputs whose rounding could hide an error of theirs.
 */
#include "kernel/generic/exp.h"

/* The last elements of a block take a vector of their own through the same code, so that an
 * element's result does not depend on where it lies. */
#define ACTIVATION(name, f)                                                                        \
  void TASK(name)(TASK_ARGS) {                                                                     \
    const jimm_unary_args *a = args;                                                               \
    const size_t first = index * JIMM_UNARY_BLOCK;                                                 \
    const size_t last = a->count - first < JIMM_UNARY_BLOCK ? a->count : first + JIMM_UNARY_BLOCK; \
    size_t i = first;                                                                              \
    for (; i + HALF_LANES <= last; i += HALF_LANES) {                                              \
      store_double(a->y + i, f(load_double(a->x + i)));                                            \
    }                                                                                              \
    if (i < last) {                                                                                \
      store_some(a->y + i, f(load_some(a->x + i, last - i)), last - i);                            \
    }                                                                                              \
  }

INLINE vdouble sigmoid(vdouble x) {
  return 1.0 / sigmoid_divisor(x * -LOG2_E);
}

INLINE vdouble silu(vdouble x) {
  return x / sigmoid_divisor(x * -LOG2_E);
}

/* (1 + tanh(u)) / 2 is sigmoid(2u); 1.5957... is 2 sqrt(2 / pi). */
INLINE vdouble gelu_tanh(vdouble x) {
  const double scale = -LOG2_E * 1.5957691216057308;
  return x / sigmoid_divisor(x * (x * x * (scale * 0.044715) + scale));
}

/* The normal distribution function at x < 0 is 2^(-b^2) R(b), b = -x sqrt(log2(e) / 2). The
 * rational R, which is erfcx(-x / sqrt 2) / 2, has a relative error of 5.2e-9 for -x in [0, 13.5],
 * where float32 ends: linearised least squares on 3001 points, reweighted by the divisor
 * (Sanathanan and Koerner) and by the error until it is level (Lawson). All coefficients are
 * positive: nothing cancels. */
INLINE vdouble gelu(vdouble x) {
  const vdouble end = splat_double(31.984); /* 2^(-end^2) is 0 */
  vdouble b = absolute_double(x) * 0.8493218002880191;
  b = blend_double(b > end, end, b);
  vdouble p = b * 0.007758465379452271 + 0.06545017713164776;
  p = p * b + 0.25181621116223796;
  p = p * b + 0.5135248149430559;
  p = p * b + 0.5000000025636383;
  vdouble q = b * 0.02289747170339416 + 0.19317887718336396;
  q = q * b + 0.7594444166231958;
  q = q * b + 1.6578708726831672;
  q = q * b + 1.9664873426635807;
  q = q * b + 1.0;
  const vdouble below = exp2_double(-(b * b)) * p / q;
  return x * blend_double(x < splat_double(0.0), below, 1.0 - below);
}

ACTIVATION(sigmoid_direct_f32, sigmoid)
ACTIVATION(silu_direct_f32, silu)
ACTIVATION(gelu_direct_f32, gelu)
ACTIVATION(gelu_tanh_direct_f32, gelu_tanh)
