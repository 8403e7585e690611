// luxtestutils_functions.c once more, for its derivatives.
#define JT_SOURCE "luxtestutils_functions.c"
#define JT_GUARDS(GUARD) GUARD(TEST_LUXTESTUTILS_FUNCTIONS_H)
#define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) ARGS(energy) FLAT(length_of) FLAT_F(soft_sum)
#include <jimm-test/recompile.hpp>
