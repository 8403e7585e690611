// spring.c once more as C++, for its derivatives.
#define JT_SOURCE "spring.c"
#define JT_GUARDS(GUARD) GUARD(SPRING_H)
#define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) FLAT(spring_energy)
#include <jimm-test/recompile.hpp>
