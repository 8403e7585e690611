// testkit_recompile_math.c for test_recompile.c, once more as C++.
#include "testkit_recompile_math.h"

#define JT_SOURCE "testkit_recompile_math.c"
#define JT_GUARDS(GUARD) GUARD(TESTKIT_RECOMPILE_H)
#define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) MATH_FLAT(FLAT) MATH_FLAT_F(FLAT_F)
#include <jimm-test/recompile.hpp>
