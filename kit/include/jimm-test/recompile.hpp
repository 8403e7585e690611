// recompile.hpp: differentiates unmodified C code by compiling it once more, as C++.
//
//   // net_ad.cpp: the functions `loss`, `rosenbrock` and `energy` of net.c
//   #define JT_SOURCE "net.c"
//   #define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) ARGS(loss) FLAT(rosenbrock) FLAT_F(energy)
//   #include <jimm-test/recompile.hpp>
//
//   g++ -std=gnu++17 -fpermissive -w -ffp-contract=off -I. -c net_ad.cpp
//
// Link the object into the test program: TEST_GRADIENTS (jimm-test/gradient.h) finds the functions
// by their names, static ones too. One such file for each C file; it must be the only thing in it.
//
//   JT_FUNCTIONS   ARGS: double f(const jt_args *args)
//                  FLAT: double f(const double *x, size_t n, void *ctx)
//                  FLAT_F: float f(const float *x, size_t n, void *ctx)
//   JT_SOURCE_2, JT_SOURCE_3, JT_SOURCE_4
//                  more C files that JT_SOURCE needs; they follow it
//   JT_GUARDS      of the headers that belong to the C files, the macros that guard against double
//                  inclusion: #define JT_GUARDS(GUARD) GUARD(NET_H) GUARD(LAYER_H)
//   JT_TAPE_BYTES  the largest tape; 4 GiB unless defined
//
// Headers of the system that are not in recompile/headers.h, and those of libraries whose functions
// are called but not differentiated, have to be included before this one.
//
// The source is compiled four times, each time in another namespace, where `double` and `float` are
// a value in float64 (for the truth of float32 functions), a dual number, a number on a tape, and
// a dual number on a tape. See docs/recompile.md for the C that it takes and the derivatives at
// kinks.
#ifndef JIMM_TEST_RECOMPILE_HPP
#define JIMM_TEST_RECOMPILE_HPP
#ifndef JT_SOURCE
#error "define JT_SOURCE, the C file, before recompile.hpp is included"
#endif
#ifndef JT_FUNCTIONS
#error "define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) before recompile.hpp is included"
#endif
#ifndef JT_GUARDS
#define JT_GUARDS(GUARD)
#endif
#ifdef __FAST_MATH__
#error "derivatives need infinities, NaN and the sign of zero: compile without -ffast-math"
#endif

#include "recompile/headers.h"

#include <jimm-test/gradient.h>

#include "recompile/calls.hpp"
#include "recompile/math.hpp"

namespace jti_value {
typedef double jt_double;
JTI_MATH
namespace {
namespace source {
#include "recompile/pass.hpp"
}
}  // namespace
}  // namespace jti_value

namespace jti_dual {
typedef jti_recompile::dual jt_double;
JTI_MATH
JTI_PRINTF
namespace {
namespace source {
#include "recompile/pass.hpp"
}
}  // namespace
}  // namespace jti_dual

namespace jti_tape {
typedef jti_recompile::tape_scalar jt_double;
JTI_MATH
JTI_PRINTF
namespace {
namespace source {
#include "recompile/pass.hpp"
}
}  // namespace
}  // namespace jti_tape

namespace jti_second {
typedef jti_recompile::tape_dual jt_double;
JTI_MATH
JTI_PRINTF
namespace {
namespace source {
#include "recompile/pass.hpp"
}
}  // namespace
}  // namespace jti_second

#define JTI_FORM(pass, form, function) \
  jti_recompile::form<jti_##pass::jt_double, &jti_##pass::source::function>
#define JTI_ENTRY(form, which, function)                                                       \
  static jti_recompile::entry jti_entry_##function(                                            \
      #function, JT_SOURCE, which, jti_recompile::value_call<JTI_FORM(value, form, function)>, \
      jti_recompile::dual_call<JTI_FORM(dual, form, function)>,                                \
      jti_recompile::tape_call<JTI_FORM(tape, form, function)>,                                \
      jti_recompile::second_call<JTI_FORM(second, form, function)>);
#define JTI_ARGS(function) JTI_ENTRY(args_form, JT_FORM_ARGS, function)
#define JTI_FLAT(function) JTI_ENTRY(flat_form, JT_FORM_FLAT, function)
#define JTI_FLAT_F(function) JTI_ENTRY(flat_form, JT_FORM_FLAT_F, function)
JT_FUNCTIONS(JTI_ARGS, JTI_FLAT, JTI_FLAT_F)

#else
#error "recompile.hpp takes one JT_SOURCE: write a file for each, or use JT_SOURCE_2"
#endif  // JIMM_TEST_RECOMPILE_HPP
