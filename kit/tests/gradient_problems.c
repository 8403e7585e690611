#include "gradient_problems.h"

#include <string.h>

#include "gradient_defects.h"

void many_wrong_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)x, (void)ctx;
  for (size_t i = 0; i < n; i++) {
    gradient[i] = (double)(i + 1);
  }
}

static const double numbers[] = {0.3, -0.8, 1.2, 0.5, -0.4, 0.9, -1.1, 0.2, 0.7, -0.6, 1.5, -0.1};

static bool check_dense(void) {
  double target[] = {0.1, 0.9, -0.3};
  return TEST_GRADIENTS(
      dense,
      JT_ARGS(JT_NODE("layer", JT_SHAPED(JT_DOUBLES("weight", numbers, 6), 3, 2),
                      JT_DOUBLES("bias", numbers + 6, 3)),
              JT_DOUBLES("x", numbers + 9, 2), JT_CONSTANT(JT_DOUBLES("target", target, 3))),
      .gradient = dense_gradient, .timeout = 5);
}

static bool check_convolution(void) {
  return TEST_GRADIENTS(convolution,
                        JT_ARGS(JT_DOUBLES("x", numbers, 7), JT_DOUBLES("first", numbers + 7, 3),
                                JT_DOUBLES("second", numbers + 10, 2)),
                        .gradient = convolution_gradient, .second_order = true);
}

static bool check_layer_norm(void) {
  return TEST_GRADIENTS(
      layer_norm,
      JT_ARGS(JT_DOUBLES("x", numbers, 4),
              JT_NODE("norm", JT_DOUBLES("gain", numbers + 4, 4), JT_DOUBLES("bias", numbers, 4)),
              JT_CONSTANT(JT_DOUBLES("weights", numbers + 8, 4))),
      .gradient = layer_norm_gradient, .second_order = true);
}

static bool check_attention(void) {
  return TEST_GRADIENTS(
      attention,
      JT_ARGS(JT_DOUBLES("query", numbers, 2), JT_SHAPED(JT_DOUBLES("keys", numbers + 2, 6), 3, 2),
              JT_DOUBLES("values", numbers + 8, 3)),
      .gradient = attention_gradient, .second_order = true);
}

static bool check_response_norm(void) {
  return TEST_GRADIENTS(
      response_norm,
      JT_ARGS(JT_SHAPED(JT_DOUBLES("x", numbers, 6), 3, 2), JT_DOUBLES("gamma", numbers + 6, 2),
              JT_DOUBLES("beta", numbers + 8, 2)),
      .gradient = response_norm_gradient, .second_order = true);
}

static bool check_gaussian(void) {
  double mean = 0.4, log_sigma = -0.2;
  return TEST_GRADIENTS(gaussian,
                        JT_ARGS(JT_DOUBLES("data", numbers, 5), JT_DOUBLE("mean", mean),
                                JT_DOUBLE("log_sigma", log_sigma)),
                        .gradient = gaussian_gradient, .second_order = true);
}

#define FLAT(name, count)                                                                    \
  static bool check_##name(void) {                                                           \
    return TEST_GRADIENTS_FLAT(name, numbers, count, NULL, .flat_gradient = name##_gradient, \
                               .second_order = true, .timeout = gradient_defect ? 0.5 : 60); \
  }
FLAT(rosenbrock, 5)
FLAT(polynomial, 4)
FLAT(log_sum_exp, 6)
FLAT(spring_chain, 10)

static bool check_energy(void) {
  static const float x[] = {0.3f, -0.8f, 1.2f};
  return TEST_GRADIENTS_FLAT(energy, x, 3, NULL, .flat_gradient_f = energy_gradient, .rtol = 1e-5);
}

// clang-format off
#define SAMPLES(X) \
  X(rosenbrock) X(polynomial) X(log_sum_exp) X(spring_chain) X(dense) X(convolution) \
  X(layer_norm) X(attention) X(response_norm) X(gaussian) X(energy)
// clang-format on

#define NAME(name) #name,
const char *const sample_names[] = {SAMPLES(NAME)};
const size_t sample_count = sizeof sample_names / sizeof *sample_names;

bool check_sample(const char *name) {
#define CHECK(sample)               \
  if (strcmp(name, #sample) == 0) { \
    return check_##sample();        \
  }
  SAMPLES(CHECK)
  TEST_ERROR("there is no sample \"%s\"", name);
  return false;
}
