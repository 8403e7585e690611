// math.hpp: JTI_MATH(S) declares, in the namespace of one pass, what C code expects of <math.h> and
// what of <stdio.h> cannot take a scalar as it is.
//
// They are plain functions, so that their addresses can be taken, and found before the functions
// of the global namespace but after those that the C code defines itself.
#ifndef JIMM_TEST_RECOMPILE_MATH_HPP
#define JIMM_TEST_RECOMPILE_MATH_HPP

#include <cstdio>

#include "rules.hpp"

#define JTI_MATH_UNARY(name, slope)       \
  inline jt_double name(jt_double x) {    \
    return jti_recompile::fn::name(x);    \
  }                                       \
  inline jt_double name##f(jt_double x) { \
    return jti_recompile::fn::name(x);    \
  }
#define JTI_MATH_STEP(name) JTI_MATH_UNARY(name, 0)
#define JTI_MATH_BINARY(name, slope_x, slope_y)        \
  inline jt_double name(jt_double x, jt_double y) {    \
    return jti_recompile::fn::name(x, y);              \
  }                                                    \
  inline jt_double name##f(jt_double x, jt_double y) { \
    return jti_recompile::fn::name(x, y);              \
  }
#define JTI_MATH_SCALE(name, integer)                                                 \
  inline jt_double name(jt_double x, integer n) {                                     \
    return jti_recompile::fn::ldexp(x, n < -9999 ? -9999 : n > 9999 ? 9999 : (int)n); \
  }                                                                                   \
  inline jt_double name##f(jt_double x, integer n) {                                  \
    return name(x, n);                                                                \
  }
#define JTI_MATH_REMQUO(name)                               \
  inline jt_double name(jt_double x, jt_double y, int *n) { \
    return jti_recompile::fn::remquo(x, y, n);              \
  }
#define JTI_MATH_FMA(name)                                       \
  inline jt_double name(jt_double x, jt_double y, jt_double z) { \
    return jti_recompile::fn::fma(x, y, z);                      \
  }
#define JTI_MATH_FREXP(name)                   \
  inline jt_double name(jt_double x, int *n) { \
    return jti_recompile::fn::frexp(x, n);     \
  }
#define JTI_MATH_MODF(name)                                \
  inline jt_double name(jt_double x, jt_double *integer) { \
    return jti_recompile::fn::modf(x, integer);            \
  }
// Functions to an integer type.
#define JTI_MATH_INTEGER(type, name, call)       \
  inline type name(jt_double x) {                \
    return call(jti_recompile::fn::value_of(x)); \
  }
#define JTI_MATH_COMPARE(name, builtin)                                             \
  inline int name(jt_double x, jt_double y) {                                       \
    return builtin(jti_recompile::fn::value_of(x), jti_recompile::fn::value_of(y)); \
  }
// clang-format off
#define JTI_MATH                                     \
  JTI_UNARY(JTI_MATH_UNARY)                          \
  JTI_STEPS(JTI_MATH_STEP)                           \
  JTI_BINARY(JTI_MATH_BINARY)                        \
  JTI_MATH_BINARY(fmax, 0, 0)                        \
  JTI_MATH_BINARY(fmin, 0, 0)                        \
  JTI_MATH_SCALE(ldexp, int)                         \
  JTI_MATH_SCALE(scalbn, int)                        \
  JTI_MATH_SCALE(scalbln, long)                      \
  JTI_MATH_REMQUO(remquo)                            \
  JTI_MATH_REMQUO(remquof)                           \
  JTI_MATH_FMA(fma)                                  \
  JTI_MATH_FMA(fmaf)                                 \
  JTI_MATH_FREXP(frexp)                              \
  JTI_MATH_FREXP(frexpf)                             \
  JTI_MATH_MODF(modf)                                \
  JTI_MATH_MODF(modff)                               \
  JTI_MATH_INTEGER(int, ilogb, ::ilogb)              \
  JTI_MATH_INTEGER(int, ilogbf, ::ilogb)             \
  JTI_MATH_INTEGER(long, lround, ::lround)           \
  JTI_MATH_INTEGER(long, lroundf, ::lround)          \
  JTI_MATH_INTEGER(long, lrint, ::lrint)             \
  JTI_MATH_INTEGER(long, lrintf, ::lrint)            \
  JTI_MATH_INTEGER(long long, llround, ::llround)    \
  JTI_MATH_INTEGER(long long, llroundf, ::llround)   \
  JTI_MATH_INTEGER(long long, llrint, ::llrint)      \
  JTI_MATH_INTEGER(long long, llrintf, ::llrint)     \
  JTI_MATH_INTEGER(int, isnan, std::isnan)           \
  JTI_MATH_INTEGER(int, isinf, std::isinf)           \
  JTI_MATH_INTEGER(int, isfinite, std::isfinite)     \
  JTI_MATH_INTEGER(int, isnormal, std::isnormal)     \
  JTI_MATH_INTEGER(int, signbit, std::signbit)       \
  JTI_MATH_INTEGER(int, fpclassify, std::fpclassify) \
  JTI_MATH_COMPARE(isgreater, std::isgreater)        \
  JTI_MATH_COMPARE(isgreaterequal, std::isgreaterequal) \
  JTI_MATH_COMPARE(isless, std::isless)              \
  JTI_MATH_COMPARE(islessequal, std::islessequal)    \
  JTI_MATH_COMPARE(islessgreater, std::islessgreater) \
  JTI_MATH_COMPARE(isunordered, std::isunordered)
// clang-format on

namespace jti_recompile {

// A scalar as printf takes it; anything else as it is.
template <class A>
A printable(A a) {
  return a;
}
template <class C>
double printable(jti_scalar::scalar<C> a) {
  return a.plain();
}

}  // namespace jti_recompile

// printf and its relatives print the values. Only for passes with a scalar class.
#define JTI_PRINTF                                                                \
  template <class... A>                                                           \
  inline int printf(const char *format, A... a) {                                 \
    return std::printf(format, jti_recompile::printable(a)...);                   \
  }                                                                               \
  template <class... A>                                                           \
  inline int fprintf(std::FILE *file, const char *format, A... a) {               \
    return std::fprintf(file, format, jti_recompile::printable(a)...);            \
  }                                                                               \
  template <class... A>                                                           \
  inline int sprintf(char *text, const char *format, A... a) {                    \
    return std::sprintf(text, format, jti_recompile::printable(a)...);            \
  }                                                                               \
  template <class... A>                                                           \
  inline int snprintf(char *text, std::size_t size, const char *format, A... a) { \
    return std::snprintf(text, size, format, jti_recompile::printable(a)...);     \
  }

#endif  // JIMM_TEST_RECOMPILE_MATH_HPP
