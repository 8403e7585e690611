// The tests of docs/luxtestutils.md, which quotes them. test_luxtestutils.c runs this program and
// knows what each of them is to report.
#include <math.h>
#include <signal.h>
#include <stdlib.h>

#include "jimm-test/jet.h"
#include "luxtestutils_functions.h"

static double x[] = {0.3, -0.8};
static double w[] = {0.1, -0.4, 0.7, 0.2, -0.9, 0.5};
static double b[] = {0.2, -0.1, 0.6};

#define ENERGY_ARGS              \
  JT_ARGS(JT_DOUBLES("x", x, 2), \
          JT_NODE("layer", JT_SHAPED(JT_DOUBLES("weight", w, 6), 3, 2), JT_DOUBLES("bias", b, 3)))

// ---- Gradients ----------------------------------------------------------------------------------

TEST(energy_has_its_gradient) {
  char mode[] = "training";
  TEST_GRADIENTS(energy,
                 JT_ARGS(JT_DOUBLES("x", x, 2),
                         JT_NODE("layer", JT_SHAPED(JT_DOUBLES("weight", w, 6), 3, 2),
                                 JT_DOUBLES("bias", b, 3)),
                         JT_OTHERS("mode", mode, sizeof mode)),
                 .gradient = energy_gradient);
}

TEST(length_has_its_gradient) {
  TEST_GRADIENTS_FLAT(length_of, x, 2, NULL, .flat_gradient = length_of_gradient);
}

TEST(tape_is_skipped) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .skip_backends = JT_TAPE);
}

TEST(own_is_broken) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .gradient = energy_half_gradient, .broken_backends = JT_OWN);
}

TEST(all_may_fail) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .gradient = energy_half_gradient, .soft_fail = JT_ALL);
}

TEST(own_may_fail) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .gradient = energy_half_gradient,
                 .soft_fail = JT_OWN | JT_TAPE);
}

TEST(with_tolerances) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .atol = 1e-6, .rtol = 1e-4);
}

TEST(against_the_tape) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .gradient = energy_gradient, .ground_truth = JT_TAPE);
}

TEST(truth_in_float64) {
  float z[] = {0.5F, -1.5F, 2};
  TEST_GRADIENTS_FLAT(soft_sum, z, 3, NULL, .flat_gradient_f = soft_sum_gradient, .rtol = 1e-5);
}

TEST(truth_in_float32) {
  float z[] = {0.5F, -1.5F, 2};
  TEST_GRADIENTS_FLAT(soft_sum, z, 3, NULL, .flat_gradient_f = soft_sum_gradient,
                      .ground_truth_dtype = JT_F32);
}

TEST(x_is_constant) {
  TEST_GRADIENTS(energy,
                 JT_ARGS(JT_CONSTANT(JT_DOUBLES("x", x, 2)),
                         JT_NODE("layer", JT_DOUBLES("weight", w, 6), JT_DOUBLES("bias", b, 3))),
                 .gradient = energy_gradient);
}

TEST(with_enzyme) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .enzyme_runtime_activity = true,
                 .enable_enzyme_reverse = true);
}

TEST(nan_beside_nan) {
  TEST_GRADIENTS_FLAT(length_of, x, 2, NULL, .flat_gradient = length_of_gradient,
                      .special_values = true);
}

static bool gradients_of_energy(const char *file, int line, double scale) {
  double scaled[] = {scale * x[0], scale * x[1]};
  jt_args args = JT_ARGS(JT_DOUBLES("x", scaled, 2),
                         JT_NODE("layer", JT_DOUBLES("weight", w, 6), JT_DOUBLES("bias", b, 3)));
  return jt_gradients(file, line, "energy", jt_function_of(energy), args,
                      &(jt_gradient_options){.size = sizeof(jt_gradient_options)});
}

TEST(places_are_those_of_the_caller) {
  for (int i = 1; i <= 3; i++) {
    gradients_of_energy(__FILE__, __LINE__, i);
  }
}

// ---- Call trees ---------------------------------------------------------------------------------

TEST(jet_clean) {
  TEST_JET(sum_of, .ignore = JT_STRINGS("not-vectorised"));
}

TEST(jet_broken) {
  TEST_JET(largest_of, .call_broken = true, .opt_broken = true);
}

TEST(jet_one_of_both) {
  TEST_OPT(largest_of, .opt_broken = true);
  TEST_CALL(sum_of);
}

TEST(jet_below_a_folder) {
  TEST_JET(largest_of, .target_dirs = JT_STRINGS("src"));
}

TEST(jet_more_arguments) {
  TEST_JET(sum_of, .call_args = JT_STRINGS("-Xclang", "-analyzer-disable-checker=deadcode"),
           .opt_args = JT_STRINGS("-O3", "-ffast-math"));
}

TEST(jet_below_folders_of_all) {
  TEST_CHECK(jt_jet_target_dirs(JT_STRINGS("src", "include"), false));
  TEST_CHECK(!jt_jet_target_dirs(JT_STRINGS("man"), false));  // changes nothing, and says so
  TEST_CHECK(jt_jet_target_dirs(JT_STRINGS("man"), true));
  TEST_JET(largest_of);  // its findings are in tests/
  jt_jet_target_dirs(NULL, true);
}

// ---- Soft failures ------------------------------------------------------------------------------

TEST(soft_checks) {
  TEST_SOFTFAIL(fabs(sin(3.14) - 0.0016) < 1e-5);   // passes
  TEST_SOFTFAIL(fabs(sin(3.14) - 0.0016) < 1e-12);  // is soft
}

TEST(sums) {
  TEST_SET("small") {
    TEST_CHECK_DOUBLE(sum_of(x, 2), -0.5, 1e-12, 0);
    TEST_BROKEN(sum_of(x, 2) == 1);
    TEST_SKIP_CHECK("no sums of complex numbers");
  }
}

// ---- Where the kit differs ----------------------------------------------------------------------

static void crashing_gradient(const jt_args *args, jt_args *gradient) {
  (void)args;
  (void)gradient;
  raise(SIGKILL);
}

static void nan_gradient(const double *at, size_t n, void *ctx, double *gradient) {
  (void)at;
  (void)ctx;
  for (size_t i = 0; i < n; i++) {
    gradient[i] = NAN;
  }
}

TEST(differs_crash_under_soft_fail) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .gradient = crashing_gradient, .soft_fail = JT_ALL);
}

TEST(differs_crash_under_broken) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .gradient = crashing_gradient, .broken_backends = JT_OWN);
}

TEST(differs_skipped_and_broken) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .skip_backends = JT_TAPE, .broken_backends = JT_TAPE);
}

TEST(differs_unknown_backend) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .skip_backends = 1 << 20);
}

TEST(differs_no_backend_left) {
  TEST_GRADIENTS(energy, ENERGY_ARGS, .skip_backends = JT_ALL);
}

TEST(differs_nan_is_no_gradient) {
  TEST_GRADIENTS_FLAT(length_of, x, 2, NULL, .flat_gradient = nan_gradient);
}

static void gradient_but_7(const double *at, size_t n, void *ctx, double *gradient) {
  length_of_gradient(at, n, ctx, gradient);
  gradient[7] = 0;
}

TEST(differs_each_element) {
  double many[200];
  for (int i = 0; i < 200; i++) {
    many[i] = i == 7 ? 1e-4 : 1;
  }
  TEST_GRADIENTS_FLAT(length_of, many, 200, NULL, .flat_gradient = gradient_but_7, .rtol = 1e-3);
}

static const char *sum_value(const void *object, const jt_args *args, double *value) {
  (void)object;
  *value = sum_of(jt_data(args, "x"), jt_count(args, "x"));
  return NULL;
}

static const char *sum_vjp(const void *object, const jt_args *args, double seed,
                           jt_args *gradient) {
  (void)object;
  (void)args;
  double *to = jt_data(gradient, "x");
  for (size_t i = 0; i < jt_count(gradient, "x"); i++) {
    to[i] = seed;
  }
  return NULL;
}

static const char *sum_jvp(const void *object, const jt_args *args, const jt_args *tangent,
                           double *derivative) {
  (void)object;
  (void)args;
  *derivative = sum_of(jt_data(tangent, "x"), jt_count(tangent, "x"));
  return NULL;
}

static const jt_kind sum_kind = {
    .size = sizeof(jt_kind), .name = "sum", .value = sum_value, .vjp = sum_vjp, .jvp = sum_jvp};

TEST(differs_33_inputs) {
  double at[33] = {1, 2, 3};
  jt_function sum = {.kind = &sum_kind};
  TEST_GRADIENTS(sum, JT_ARGS(JT_DOUBLES("x", at, 33)));
}

TEST(differs_broken_is_ambiguous) {
  TEST_JET(sum_of, .broken = true);
}

TEST(differs_no_analyser) {
  unsetenv("JIMM_JET");
  setenv("PATH", "/nonexistent", 1);
  TEST_JET(sum_of);
}

TEST(differs_soft_of_a_number) {
  TEST_SOFTFAIL(sum_of(x, 2));
}

TEST_MAIN()
