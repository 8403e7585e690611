// testkit_recompile.c and the two files that belong to it, for test_recompile_enzyme.c.
#define JT_SOURCE "testkit_recompile.c"
#define JT_SOURCE_2 "testkit_recompile_memory.c"
#define JT_SOURCE_3 "testkit_recompile_numeric.c"
#define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) LANGUAGE_FLAT(FLAT) NUMERIC_FLAT(FLAT) NUMERIC_ARGS(ARGS)
#include "testkit_recompile_list.h"

#include <jimm-test/enzyme.h>
