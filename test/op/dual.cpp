// The reference of one operator, OP_NAME, once more as C++ with dual numbers for its
// elements: what the rules for its derivatives will be held against. Compiled once per operator,
// with OP_SOURCE "op/NAME.c".
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm/graph.h>

#include <jimm-test/recompile/calls.hpp>
#include <jimm-test/recompile/math.hpp>

#define OP_JOIN_(a, b, c) a##b##c
#define OP_JOIN(a, b, c) OP_JOIN_(a, b, c)

#define REAL double /* which pass.hpp makes the class */
#define REAL_NAME dual
#define REAL_IS_CLASS
#define JT_SOURCE OP_SOURCE
#define JT_GUARDS(GUARD)

namespace op_dual {  // no anonymous one: operators call each other
typedef jti_recompile::dual jt_double;
JTI_MATH
namespace source {
#include <jimm-test/recompile/pass.hpp>
}
}  // namespace op_dual

// The data of the call's tensors are pairs of a value and its tangent.
extern "C" jimm_status OP_JOIN(op_dual_, OP_NAME, )(const jimm_op_call *call);
extern "C" jimm_status OP_JOIN(op_dual_, OP_NAME, )(const jimm_op_call *call) {
  return op_dual::source::OP_JOIN(jimm_, OP_NAME, _dual)(call);
}
