// The functions of <math.h>, for testkit_recompile_math.c to call one by one.
#ifndef TESTKIT_RECOMPILE_MATH_H
#define TESTKIT_RECOMPILE_MATH_H

// clang-format off
// Name and points at which it is smooth.
#define MATH_UNARY(X)                     \
  X(sqrt, 0.3, 1, 7.5)                    \
  X(cbrt, -2.5, 0.3, 9)                   \
  X(exp, -3, 0.2, 4)                      \
  X(exp2, -3, 0.2, 4)                     \
  X(expm1, -2, 1e-3, 3)                   \
  X(log, 0.2, 1, 30)                      \
  X(log2, 0.2, 1, 30)                     \
  X(log10, 0.2, 1, 30)                    \
  X(log1p, -0.6, 1e-3, 5)                 \
  X(sin, -2, 0.3, 5)                      \
  X(cos, -2, 0.3, 5)                      \
  X(tan, -1.2, 0.3, 4)                    \
  X(asin, -0.7, 0.1, 0.9)                 \
  X(acos, -0.7, 0.1, 0.9)                 \
  X(atan, -4, 0.1, 2)                     \
  X(sinh, -2, 0.3, 3)                     \
  X(cosh, -2, 0.3, 3)                     \
  X(tanh, -2, 0.3, 4)                     \
  X(asinh, -3, 0.3, 10)                   \
  X(acosh, 1.2, 2, 10)                    \
  X(atanh, -0.7, 0.1, 0.9)                \
  X(fabs, -2, 0.3, 4)                     \
  X(erf, -1.5, 0.2, 2)                    \
  X(erfc, -1.5, 0.2, 2)                   \
  X(tgamma, -1.4, 0.7, 5.5)               \
  X(lgamma, -2.3, 0.4, 20)                \
  X(floor, -1.5, 0.3, 7.2)                \
  X(ceil, -1.5, 0.3, 7.2)                 \
  X(trunc, -1.5, 0.3, 7.2)                \
  X(round, -1.2, 0.3, 7.2)                \
  X(rint, -1.2, 0.3, 7.2)                 \
  X(nearbyint, -1.2, 0.3, 7.2)            \
  X(logb, 0.3, 1.5, 7.2)

// Name and two points, x and y.
#define MATH_BINARY(X)                    \
  X(pow, 1.7, 2.3, 0.4, -1.5)             \
  X(atan2, 1.5, 0.7, -2, -0.4)            \
  X(hypot, 3, -0.5, -1, 2)                \
  X(fmod, 7.3, 2.1, -9.4, 1.3)            \
  X(remainder, 7.7, 2.1, -9.4, 1.7)       \
  X(fdim, 3, 1.2, 1, 2)                   \
  X(copysign, 2.5, -1, -3, -2)            \
  X(fmax, 1, 2, 3, -1)                    \
  X(fmin, 1, 2, 3, -1)                    \
  X(nextafter, 1, 2, 3, -1)
// clang-format on

// Others of one argument, by number.
enum {
  MATH_LDEXP,
  MATH_SCALBN,
  MATH_SCALBLN,
  MATH_REMQUO,
  MATH_FREXP,
  MATH_MODF,
  MATH_WHOLE,
  MATH_FMA,
  MATH_OTHERS
};

#define MATH_FLAT(X) X(one_of_unary) X(one_of_binary) X(one_of_others)
#define MATH_FLAT_F(X) X(one_of_unary_f) X(one_of_binary_f) X(one_of_others_f) X(energy)

#endif
