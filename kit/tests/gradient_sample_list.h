// The functions of gradient_samples.c by form, for recompile.hpp and enzyme.h.
#ifndef TEST_GRADIENT_SAMPLE_LIST_H
#define TEST_GRADIENT_SAMPLE_LIST_H

#define SAMPLE_FUNCTIONS(ARGS, FLAT, FLAT_F) \
  FLAT(rosenbrock)                           \
  FLAT(polynomial)                           \
  FLAT(log_sum_exp)                          \
  FLAT(spring_chain)                         \
  ARGS(dense)                                \
  ARGS(convolution)                          \
  ARGS(layer_norm)                           \
  ARGS(attention)                            \
  ARGS(response_norm)                        \
  ARGS(gaussian)                             \
  FLAT_F(energy)

#endif
