// testkit_recompile.c and the two files that belong to it, for test_recompile.c, once more as C++.
#include <stddef.h>
extern "C" size_t recompile_tape_bytes;

#define JT_SOURCE "testkit_recompile.c"
#define JT_SOURCE_2 "testkit_recompile_memory.c"
#define JT_SOURCE_3 "testkit_recompile_numeric.c"
#define JT_GUARDS(GUARD) GUARD(TESTKIT_RECOMPILE_H)
#define JT_TAPE_BYTES recompile_tape_bytes
#define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) \
  LANGUAGE_FLAT(FLAT) NUMERIC_FLAT(FLAT) NOT_FOR_ENZYME_FLAT(FLAT) NUMERIC_ARGS(ARGS)
#include <jimm-test/recompile.hpp>
