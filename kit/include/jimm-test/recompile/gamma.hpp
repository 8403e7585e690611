// gamma.hpp: digamma and trigamma, which <math.h> lacks: the derivatives of lgamma.
#ifndef JIMM_TEST_RECOMPILE_GAMMA_HPP
#define JIMM_TEST_RECOMPILE_GAMMA_HPP

#include <cmath>

namespace jti_recompile {
namespace fn {

constexpr double pi = 3.14159265358979323846;

// NaN at the poles 0, -1, -2...; about 1e-15 of max(1, |digamma|) elsewhere.
inline double digamma(double x) {
  if (x <= 0) {  // digamma(1 - x) - digamma(x) = pi / tan(pi x); the tangent has the period 1 in x
    double part = x - ::floor(x);
    return part == 0 ? NAN : digamma(1 - x) - pi / ::tan(pi * part);
  }
  double shift = 0;
  for (; x < 10; x += 1) {
    shift += 1 / x;
  }
  double r = 1 / (x * x);  // Bernoulli numbers B(2k) / 2k, k = 1...8
  double series =
      r *
      (1.0 / 12 -
       r * (1.0 / 120 -
            r * (1.0 / 252 -
                 r * (1.0 / 240 - r * (1.0 / 132 - r * (691.0 / 32760 -
                                                        r * (1.0 / 12 - r * 3617.0 / 8160)))))));
  return ::log(x) - 0.5 / x - series - shift;
}

// The derivative of digamma. NaN at the poles.
inline double trigamma(double x) {
  if (x <= 0) {
    double part = x - ::floor(x);
    double sine = ::sin(pi * part);
    return part == 0 ? NAN : pi * pi / (sine * sine) - trigamma(1 - x);
  }
  double shift = 0;
  for (; x < 10; x += 1) {
    shift += 1 / (x * x);
  }
  double r = 1 / (x * x);  // Bernoulli numbers B(2k), k = 1...8
  double series =
      r * (1.0 / 6 -
           r * (1.0 / 30 -
                r * (1.0 / 42 -
                     r * (1.0 / 30 - r * (5.0 / 66 - r * (691.0 / 2730 -
                                                          r * (7.0 / 6 - r * 3617.0 / 510)))))));
  return shift + 1 / x + 0.5 * r + series / x;
}

}  // namespace fn
}  // namespace jti_recompile

#endif  // JIMM_TEST_RECOMPILE_GAMMA_HPP
