// gradient_samples.c once more, for its derivatives by Enzyme.
#define JT_SOURCE "gradient_samples.c"
#define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) SAMPLE_FUNCTIONS(ARGS, FLAT, FLAT_F)
#include "gradient_sample_list.h"

#include <jimm-test/enzyme.h>
