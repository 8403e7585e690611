// spring.c once more by Enzyme, if its plugin is there.
#define JT_SOURCE "spring.c"
#define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) FLAT(spring_energy)
#include <jimm-test/enzyme.h>
