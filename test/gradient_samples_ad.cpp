// gradient_samples.c once more, for its derivatives.
#define JT_SOURCE "gradient_samples.c"
#define JT_GUARDS(GUARD) GUARD(TEST_GRADIENT_SAMPLES_H)
#define JT_FUNCTIONS(ARGS, FLAT, FLAT_F)                                              \
  FLAT(rosenbrock)                                                                    \
  FLAT(polynomial) FLAT(log_sum_exp) FLAT(spring_chain) ARGS(dense) ARGS(convolution) \
      ARGS(layer_norm) ARGS(attention) ARGS(response_norm) ARGS(gaussian) FLAT_F(energy)
#include <jimm-test/recompile.hpp>
