// dual.hpp: forward mode. A value and its derivative along one direction.
//
// A derivative that is exactly zero because nothing depends on the direction is not the same as one
// that came out as zero: sqrt(x) at 0 has the derivative inf along x, none along y, and
// sqrt(x * x) has inf * 0 = NaN. The bits of +0 stand for "none", those of -0 for a zero that was
// computed. The tape makes the same difference, and so both agree where there are infinities.
#ifndef JIMM_TEST_RECOMPILE_DUAL_HPP
#define JIMM_TEST_RECOMPILE_DUAL_HPP

#include "scalar.hpp"

namespace jti_recompile {

inline std::uint64_t bits(double x) {
  std::uint64_t u;
  std::memcpy(&u, &x, sizeof u);
  return u;
}

// Arithmetic of tangents.
inline double tangent_of(double x) {
  return x == 0 ? -0.0 : x;
}
inline double tangent_product(double slope, double tangent) {
  return bits(tangent) == 0 ? tangent : tangent_of(slope * tangent);
}
inline double tangent_sum(double a, double b) {
  return bits(a) == 0 ? b : bits(b) == 0 ? a : tangent_of(a + b);
}

}  // namespace jti_recompile

namespace jti_scalar {

struct dual_core {
  using value_type = double;
  double v;
  double d;

  static constexpr dual_core constant(double v) {
    return {v, 0.0};
  }
  // An input; its tangent is none where the direction is zero.
  static dual_core input(double v, double direction) {
    return {v, direction == 0 ? 0.0 : direction};
  }
  bool active() const {
    return jti_recompile::bits(d) != 0;
  }
  static dual_core chain(double y, const dual_core &a, double da) {
    return {y, jti_recompile::tangent_product(da, a.d)};
  }
  static dual_core chain(double y, const dual_core &a, double da, const dual_core &b, double db) {
    return {y, jti_recompile::tangent_sum(jti_recompile::tangent_product(da, a.d),
                                          jti_recompile::tangent_product(db, b.d))};
  }
  static dual_core sum(const dual_core &a, const dual_core &b) {
    return {a.v + b.v, jti_recompile::tangent_sum(a.d, b.d)};
  }
  static dual_core difference(const dual_core &a, const dual_core &b) {
    return {a.v - b.v, jti_recompile::tangent_sum(a.d, jti_recompile::tangent_product(-1.0, b.d))};
  }
};

using dual = scalar<dual_core>;

}  // namespace jti_scalar

#endif  // JIMM_TEST_RECOMPILE_DUAL_HPP
