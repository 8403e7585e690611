// enzyme_pitfalls.c once more, by Enzyme.
#define JT_SOURCE "enzyme_pitfalls.c"
#define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) \
  FLAT(scratch_in_ctx)                   \
  FLAT(callback_in_ctx)                  \
  FLAT(chosen_pointer) FLAT(prints) FLAT(log_gamma) FLAT(remainder_and_quotient)
#include <jimm-test/enzyme.h>
