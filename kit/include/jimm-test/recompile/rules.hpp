// rules.hpp: the functions of <math.h> for scalars, with their derivatives.
//
// In jti_recompile::fn, each function has a form for double, which is the C library's, and one for
// scalar<C>. A derivative is written once, as an expression that is valid for doubles and for duals
// (which gives second derivatives), and held against differences by test/test_recompile.c.
// Where a function yields NaN, its derivatives are NaN, too. The conventions at kinks are listed in
// docs/recompile.md.
#ifndef JIMM_TEST_RECOMPILE_RULES_HPP
#define JIMM_TEST_RECOMPILE_RULES_HPP

#include "gamma.hpp"
#include "tape.hpp"

// clang-format off
// Name, derivative by x; y is the function's value, T the type of all three.
#define JTI_UNARY(X)                              \
  X(sqrt, 0.5 / y)                                \
  X(cbrt, 1.0 / (3.0 * y * y))                    \
  X(exp, y)                                       \
  X(exp2, y * 0.69314718055994530942)             \
  X(expm1, exp(x))                                \
  X(log, 1.0 / x)                                 \
  X(log2, 1.4426950408889634074 / x)              \
  X(log10, 0.43429448190325182765 / x)            \
  X(log1p, 1.0 / (1.0 + x))                       \
  X(sin, cos(x))                                  \
  X(cos, -sin(x))                                 \
  X(tan, 1.0 + y * y)                             \
  X(asin, 1.0 / sqrt((1.0 - x) * (1.0 + x)))      \
  X(acos, -1.0 / sqrt((1.0 - x) * (1.0 + x)))     \
  X(atan, 1.0 / (1.0 + x * x))                    \
  X(sinh, cosh(x))                                \
  X(cosh, sinh(x))                                \
  X(tanh, tanh_slope(x))                          \
  X(asinh, 1.0 / hypot(x, T(1.0)))                \
  X(acosh, 1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0))) \
  X(atanh, 1.0 / ((1.0 - x) * (1.0 + x)))         \
  X(fabs, T(sign(x)))                             \
  X(erf, 1.1283791670955125739 * exp(-(x * x)))   \
  X(erfc, -1.1283791670955125739 * exp(-(x * x))) \
  X(tgamma, y * digamma(x))                       \
  X(lgamma, digamma(x))

// Constant but for their jumps.
#define JTI_STEPS(X) X(floor) X(ceil) X(trunc) X(round) X(rint) X(nearbyint) X(logb)

// Name, derivatives by x and y; z is the value.
#define JTI_BINARY(X)                                                         \
  X(pow, pow_slope_x(x, y), pow_slope_y(x, y, z))                             \
  X(atan2, (y / hypot(x, y)) / hypot(x, y), -(x / hypot(x, y)) / hypot(x, y)) \
  X(hypot, x / z, y / z)                                                      \
  X(fmod, T(1.0), T(-quotient(x, y, z)))                                      \
  X(remainder, T(1.0), T(-quotient(x, y, z)))                                 \
  X(fdim, T(x > y ? 1.0 : 0.0), T(x > y ? -1.0 : 0.0))                        \
  X(copysign, T(sign(x) * copysign(1.0, value_of(z))), T(0.0))                \
  X(nextafter, T(1.0), T(0.0))
// clang-format on

namespace jti_recompile {
namespace fn {

using jti_scalar::scalar;

inline double value_of(double x) {
  return x;
}
template <class C>
double value_of(scalar<C> x) {
  return x.plain();
}

#define JTI_DECLARE_UNARY(name, slope) \
  inline double name(double x) {       \
    return ::name(x);                  \
  }                                    \
  template <class C>                   \
  scalar<C> name(scalar<C> a);
#define JTI_DECLARE_STEP(name)   \
  inline double name(double x) { \
    return ::name(x);            \
  }
#define JTI_DECLARE_BINARY(name, slope_x, slope_y) \
  inline double name(double x, double y) {         \
    return ::name(x, y);                           \
  }                                                \
  template <class C>                               \
  scalar<C> name(scalar<C> a, scalar<C> b);
JTI_UNARY(JTI_DECLARE_UNARY)
JTI_STEPS(JTI_DECLARE_STEP)
JTI_BINARY(JTI_DECLARE_BINARY)
#undef JTI_DECLARE_UNARY
#undef JTI_DECLARE_STEP
#undef JTI_DECLARE_BINARY

// ---- What the derivatives use ---

inline dual digamma(dual a) {
  double y = digamma(a.c.v);
  return dual(a.c.active() ? dual::core::chain(y, a.c, trigamma(a.c.v)) : dual::core::constant(y));
}

// 0 at 0; NaN of NaN.
template <class T>
double sign(T x) {
  double v = value_of(x);
  return v > 0 ? 1 : v < 0 ? -1 : v == 0 ? 0 : v;
}

// 1 - tanh(x)^2 without its cancellation.
template <class T>
T tanh_slope(T x) {
  T e = exp(-2.0 * fabs(x));
  return 4.0 * e / ((1.0 + e) * (1.0 + e));
}

// At 0^0, where y x^(y - 1) is 0 times infinity: 0, for x^0 is 1 everywhere.
template <class T>
T pow_slope_x(T x, T y) {
  return x == 0 && y == 0 ? T(0.0) : y * pow(x, y - 1.0);
}

// Along y, 0^y is 0 as long as y is positive.
template <class T>
T pow_slope_y(T x, T y, T z) {
  return x == 0 && y > 0 ? T(0.0) : z * log(x);
}

// The integer n of z = x - n y.
template <class T>
double quotient(T x, T y, T z) {
  return ::rint((value_of(x) - value_of(z)) / value_of(y));
}

// A derivative of a function whose value is `y`.
template <class T>
T honest(T slope, T y) {
  return value_of(y) != value_of(y) ? y : slope;
}

// ---- The functions ---

#define JTI_DEFINE_UNARY(name, slope)                           \
  template <class C>                                            \
  scalar<C> name(scalar<C> a) {                                 \
    using T = typename C::value_type;                           \
    const T x = a.c.v;                                          \
    const T y = name(x);                                        \
    if (!a.c.active()) {                                        \
      return scalar<C>(C::constant(y));                         \
    }                                                           \
    return scalar<C>(C::chain(y, a.c, honest<T>(T(slope), y))); \
  }
#define JTI_DEFINE_STEP(name)          \
  template <class C>                   \
  scalar<C> name(scalar<C> a) {        \
    return scalar<C>(name(a.plain())); \
  }
#define JTI_DEFINE_BINARY(name, slope_x, slope_y)                                    \
  template <class C>                                                                 \
  scalar<C> name(scalar<C> a, scalar<C> b) {                                         \
    using T = typename C::value_type;                                                \
    const T x = a.c.v;                                                               \
    const T y = b.c.v;                                                               \
    const T z = name(x, y);                                                          \
    const bool by_x = a.c.active();                                                  \
    const bool by_y = b.c.active();                                                  \
    if (!by_x && !by_y) {                                                            \
      return scalar<C>(C::constant(z));                                              \
    }                                                                                \
    return scalar<C>(C::chain(z, a.c, by_x ? honest<T>(T(slope_x), z) : T(0.0), b.c, \
                              by_y ? honest<T>(T(slope_y), z) : T(0.0)));            \
  }
JTI_UNARY(JTI_DEFINE_UNARY)
JTI_STEPS(JTI_DEFINE_STEP)
JTI_BINARY(JTI_DEFINE_BINARY)
#undef JTI_DEFINE_UNARY
#undef JTI_DEFINE_STEP
#undef JTI_DEFINE_BINARY

inline double fmax(double x, double y) {
  return ::fmax(x, y);
}
inline double fmin(double x, double y) {
  return ::fmin(x, y);
}
inline double with_value(double, double value) {
  return value;
}
template <class C>
scalar<C> with_value(scalar<C> a, double value) {
  a.c.v = with_value(a.c.v, value);
  return a;
}
// One of both: the number that is not NaN, the first in a tie. The library chooses among zeros.
template <class C>
scalar<C> fmax(scalar<C> a, scalar<C> b) {
  return with_value(a >= b || b != b ? a : b, ::fmax(a.plain(), b.plain()));
}
template <class C>
scalar<C> fmin(scalar<C> a, scalar<C> b) {
  return with_value(a <= b || b != b ? a : b, ::fmin(a.plain(), b.plain()));
}

inline double fma(double x, double y, double z) {
  return ::fma(x, y, z);
}
template <class C>
scalar<C> fma(scalar<C> a, scalar<C> b, scalar<C> c) {
  using T = typename C::value_type;
  T y = fma(a.c.v, b.c.v, c.c.v);
  C product = C::chain(y, a.c, b.c.v, b.c, a.c.v);
  return scalar<C>(C::chain(y, product, T(1.0), c.c, T(1.0)));
}

inline double ldexp(double x, int n) {
  return ::ldexp(x, n);
}
template <class C>
scalar<C> ldexp(scalar<C> a, int n) {
  using T = typename C::value_type;
  T y = ldexp(a.c.v, n);
  return scalar<C>(a.c.active() ? C::chain(y, a.c, T(::ldexp(1.0, n))) : C::constant(y));
}

inline double remquo(double x, double y, int *n) {
  return ::remquo(x, y, n);
}
template <class C>
scalar<C> remquo(scalar<C> a, scalar<C> b, int *n) {
  ::remquo(a.plain(), b.plain(), n);
  return remainder(a, b);
}

inline double frexp(double x, int *n) {
  return ::frexp(x, n);
}
template <class C>
scalar<C> frexp(scalar<C> a, int *n) {
  using T = typename C::value_type;
  T y = frexp(a.c.v, n);
  return scalar<C>(a.c.active() ? C::chain(y, a.c, T(::ldexp(1.0, -*n))) : C::constant(y));
}

inline double modf(double x, double *integer) {
  return ::modf(x, integer);
}
template <class C>
scalar<C> modf(scalar<C> a, scalar<C> *integer) {
  using T = typename C::value_type;
  T whole;
  T y = modf(a.c.v, &whole);
  *integer = scalar<C>(C::constant(whole));
  return scalar<C>(a.c.active() ? C::chain(y, a.c, T(1.0)) : C::constant(y));
}

}  // namespace fn
}  // namespace jti_recompile

#endif  // JIMM_TEST_RECOMPILE_RULES_HPP
