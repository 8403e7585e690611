// Gradients that are wrong on purpose, and functions that cannot be differentiated or tested.
// test_gradients runs this program with --filter and reads its report; nothing here is meant to
// pass as a whole.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "enzyme_pitfalls.h"
#include "gradient_defects.h"
#include "gradient_problems.h"

// ---- Seeded defects -----------------------------------------------------------------------------

typedef struct seeded {
  const char *name, *function;
  int defect;
} seeded;

static const seeded rows[] = {
#define DEFECT(name, function, what, finding) {#name, #function, name},
#include "gradient_defects.def"
#undef DEFECT
};

static void run_seeded(void *row) {
  const seeded *s = row;
  gradient_defect = s->defect;
  check_sample(s->function);
}

TEST_SETUP() {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    jt_add(rows[i].name, run_seeded, (void *)(uintptr_t)&rows[i], NULL);
  }
}

// ---- Outcomes -----------------------------------------------------------------------------------

static double square(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += x[i] * x[i];
  }
  return sum;
}

static void square_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) {
    gradient[i] = 2 * x[i];
  }
}

static void wrong_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  square_gradient(x, n, ctx, gradient);
  gradient[n - 1] += 1;
}

static const double three[] = {1, 2, 3};

TEST(no_backend) {
  TEST_GRADIENTS_FLAT(square, three, 3, NULL);
}
TEST(nothing_to_differentiate) {
  TEST_GRADIENTS_FLAT(square, three, 0, NULL, .flat_gradient = square_gradient);
}
TEST(skipped_backend) {
  TEST_GRADIENTS_FLAT(square, three, 3, NULL, .flat_gradient = square_gradient,
                      .skip_backends = JT_OWN);
}
TEST(soft_wrong) {
  TEST_GRADIENTS_FLAT(square, three, 3, NULL, .flat_gradient = wrong_gradient, .soft_fail = JT_OWN);
}
TEST(soft_over_broken) {
  TEST_GRADIENTS_FLAT(square, three, 3, NULL, .flat_gradient = wrong_gradient, .soft_fail = JT_ALL,
                      .broken_backends = JT_OWN);
}
TEST(broken_wrong) {
  TEST_GRADIENTS_FLAT(square, three, 3, NULL, .flat_gradient = wrong_gradient,
                      .broken_backends = JT_OWN);
}
TEST(broken_right) {
  TEST_GRADIENTS_FLAT(square, three, 3, NULL, .flat_gradient = square_gradient,
                      .broken_backends = JT_OWN);
}
static void crashing_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)x, (void)n, (void)ctx, (void)gradient;
  abort();
}
TEST(soft_crash) {
  TEST_GRADIENTS_FLAT(square, three, 3, NULL, .flat_gradient = crashing_gradient,
                      .soft_fail = JT_ALL);
}

// ---- Options that are refused -------------------------------------------------------------------

TEST(skipped_and_broken) {
  TEST_GRADIENTS_FLAT(square, three, 3, NULL, .flat_gradient = square_gradient,
                      .skip_backends = JT_OWN | JT_TAPE, .broken_backends = JT_OWN);
}
TEST(unknown_backend) {
  TEST_GRADIENTS_FLAT(square, three, 3, NULL, .flat_gradient = square_gradient,
                      .skip_backends = 4096);
}
TEST(negative_tolerance) {
  TEST_GRADIENTS_FLAT(square, three, 3, NULL, .flat_gradient = square_gradient, .rtol = -1);
}
TEST(no_such_truth) {
  TEST_GRADIENTS_FLAT(square, three, 3, NULL, .flat_gradient = square_gradient,
                      .ground_truth = JT_TAPE);
}
static double of_args(const jt_args *args) {
  return *(const double *)jt_data(args, "x") * (double)jt_count(args, "nobody");
}
static void of_args_gradient(const jt_args *args, jt_args *gradient) {
  (void)args, (void)gradient;
}
TEST(path_that_is_not_there) {
  double x = 1;
  TEST_GRADIENTS(of_args, JT_ARGS(JT_DOUBLE("x", x)), .gradient = of_args_gradient);
}
TEST(same_names) {
  double x = 1;
  TEST_GRADIENTS(of_args, JT_ARGS(JT_DOUBLE("x", x), JT_DOUBLE("x", x)),
                 .gradient = of_args_gradient);
}
TEST(wrong_shape) {
  double x = 1;
  TEST_GRADIENTS(of_args, JT_ARGS(JT_SHAPED(JT_DOUBLE("x", x), 2, 2)),
                 .gradient = of_args_gradient);
}
TEST(null_data) {
  TEST_GRADIENTS(of_args, JT_ARGS(JT_DOUBLES("x", NULL, 2)), .gradient = of_args_gradient);
}

// ---- Functions ----------------------------------------------------------------------------------

static double kink(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += x[i] > 0 ? x[i] : 0;
  }
  return sum;
}
static void kink_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) {
    gradient[i] = x[i] > 0;
  }
}
TEST(at_a_kink) {
  TEST_GRADIENTS_FLAT(kink, ((const double[]){1, 0, -1}), 3, NULL, .flat_gradient = kink_gradient);
}
static double rough(const double *x, size_t n, void *ctx) {
  return (double)(float)square(x, n, ctx);
}
TEST(right_in_noise) {
  TEST_GRADIENTS_FLAT(rough, three, 3, NULL, .flat_gradient = square_gradient);
}
TEST(wrong_in_noise) {
  TEST_GRADIENTS_FLAT(rough, three, 3, NULL, .flat_gradient = wrong_gradient);
}
// Noise that no step can be chosen against.
static double grainy(const double *x, size_t n, void *ctx) {
  double sum = square(x, n, ctx);
  for (size_t i = 0; i < n; i++) {
    sum += 1e-5 * sin(1e9 * x[i]);
  }
  return sum;
}
static void grainy_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  square_gradient(x, n, ctx, gradient);
  gradient[1] += 1e-5;
}
TEST(untold_in_grains) {
  TEST_GRADIENTS_FLAT(grainy, three + 1, 2, NULL, .flat_gradient = grainy_gradient);
}
TEST(wrong_in_grains) {
  TEST_GRADIENTS_FLAT(grainy, three + 1, 2, NULL, .flat_gradient = wrong_gradient);
}

// A slope of 3, and of 4 in a bump that is narrower than wide steps are.
static double bump(const double *x, size_t n, void *ctx) {
  (void)n, (void)ctx;
  double t = (x[0] - 0.3) / 1e-3;
  return 3 * x[0] + 1e-3 * t * exp(-t * t);
}
static void bump_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)n, (void)ctx;
  double t = (x[0] - 0.3) / 1e-3;
  gradient[0] = 3 + (1 - 2 * t * t) * exp(-t * t);
}
static void no_bump_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)x, (void)n, (void)ctx;
  gradient[0] = 3;
}
TEST(right_in_a_bump) {
  TEST_GRADIENTS_FLAT(bump, ((const double[]){0.3}), 1, NULL, .flat_gradient = bump_gradient);
}
TEST(wrong_in_a_bump) {
  TEST_GRADIENTS_FLAT(bump, ((const double[]){0.3}), 1, NULL, .flat_gradient = no_bump_gradient);
}

static double step(const double *x, size_t n, void *ctx) {
  (void)n, (void)ctx;
  return floor(x[0]);
}
static void zero_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)x, (void)n, (void)ctx, (void)gradient;
}
TEST(at_a_jump) {
  TEST_GRADIENTS_FLAT(step, three, 1, NULL, .flat_gradient = zero_gradient);
}
static double not_finite(const double *x, size_t n, void *ctx) {
  (void)n, (void)ctx;
  return sqrt(-x[0]);
}
TEST(value_is_nan) {
  TEST_GRADIENTS_FLAT(not_finite, three, 1, NULL, .flat_gradient = zero_gradient);
}
static double infinite(const double *x, size_t n, void *ctx) {
  (void)n, (void)ctx;
  return -1 / (x[0] - 1);
}
TEST(value_is_infinite) {
  TEST_GRADIENTS_FLAT(infinite, three, 1, NULL, .flat_gradient = zero_gradient);
}
static double at_the_edge(const double *x, size_t n, void *ctx) {
  (void)n, (void)ctx;
  return sqrt(x[0]);
}
static void edge_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)n, (void)ctx;
  gradient[0] = 0.5 / sqrt(x[0]);
}
TEST(edge_of_a_domain) {
  TEST_GRADIENTS_FLAT(at_the_edge, (&(const double){0}), 1, NULL, .flat_gradient = edge_gradient);
}
static double random_value(const double *x, size_t n, void *ctx) {
  (void)n, (void)ctx;
  return x[0] + 1e-9 * rand();
}
TEST(not_deterministic) {
  TEST_GRADIENTS_FLAT(random_value, three, 1, NULL, .flat_gradient = zero_gradient);
}
static double writes(const double *x, size_t n, void *ctx) {
  (void)ctx;
  ((double *)(uintptr_t)x)[n - 1] += 1;
  return x[0];
}
TEST(writes_its_input) {
  TEST_GRADIENTS_FLAT(writes, three, 3, NULL, .flat_gradient = zero_gradient);
}
static double crashes(const double *x, size_t n, void *ctx) {
  volatile uintptr_t nowhere = 16;
  (void)n, (void)ctx;
  return x[0] > 1 ? *(volatile double *)nowhere : x[0];
}
TEST(crashes_beside_x) {
  TEST_GRADIENTS_FLAT(crashes, three, 1, NULL, .flat_gradient = zero_gradient);
}
static double hangs(const double *x, size_t n, void *ctx) {
  (void)n, (void)ctx;
  for (volatile unsigned i = 0; x[0] < 1;) {
    i = i + 1;
  }
  return x[0];
}
TEST(hangs_beside_x) {
  TEST_GRADIENTS_FLAT(hangs, three, 1, NULL, .flat_gradient = zero_gradient, .timeout = 0.3);
}
static float narrow(const float *x, size_t n, void *ctx) {
  (void)n, (void)ctx;
  return x[0] * x[0];
}
static void narrow_gradient(const float *x, size_t n, void *ctx, float *gradient) {
  (void)n, (void)ctx;
  gradient[0] = 2 * x[0];
}
TEST(float_without_truth) {
  TEST_GRADIENTS_FLAT(narrow, (&(const float){2}), 1, NULL, .flat_gradient_f = narrow_gradient);
}
static void narrow_wrong(const float *x, size_t n, void *ctx, float *gradient) {
  (void)n, (void)ctx;
  gradient[0] = 2.01f * x[0];
}
TEST(float_wrong) {
  TEST_GRADIENTS_FLAT(narrow, (&(const float){2}), 1, NULL, .flat_gradient_f = narrow_wrong,
                      .ground_truth_dtype = JT_F32);
}
enum { MANY = 100000 };
static double many[MANY];
static void one_of_many_wrong(const double *x, size_t n, void *ctx, double *gradient) {
  square_gradient(x, n, ctx, gradient);
  gradient[77777] = 0;
}
TEST(one_of_many) {
  for (int i = 0; i < MANY; i++) {
    many[i] = 1 + i % 7;
  }
  TEST_GRADIENTS_FLAT(square, many, MANY, NULL, .flat_gradient = one_of_many_wrong);
}
TEST(more_than_ten) {
  double x[30] = {0};
  TEST_GRADIENTS_FLAT(square, x, 30, NULL, .flat_gradient = many_wrong_gradient);
}

static double inverse(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += 1 / x[i];
  }
  return sum;
}
static void inverse_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) {
    gradient[i] = -1 / (x[i] * x[i]);
  }
}
TEST(beside_a_pole) {
  TEST_GRADIENTS_FLAT(inverse, ((const double[]){1e-3, 1e-6, -2e-5, 30}), 4, NULL,
                      .flat_gradient = inverse_gradient);
}
static double by_parts(const double *x, size_t n, void *ctx) {
  (void)n, (void)ctx;
  return x[0] < 1.0001 ? 3 * x[0] : 3.0003 + 5 * (x[0] - 1.0001);
}
static void five_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)x, (void)n, (void)ctx;
  gradient[0] = 5;
}
TEST(wrong_beside_a_kink) {
  TEST_GRADIENTS_FLAT(by_parts, three, 1, NULL, .flat_gradient = five_gradient);
}

// ---- Recompiled forms, as no compiler would make them -------------------------------------------

static const char *another_value(const jt_args *args, void *ctx, double *value) {
  const double *x = args->items[0].data;
  (void)ctx;
  *value = x[0] + 1;
  return NULL;
}
static const char *plain_value(const jt_args *args, void *ctx, double *value) {
  *value = square(args->items[0].data, args->items[0].count, ctx);
  return NULL;
}
static const char *plain_jvp(const jt_args *args, const jt_args *tangent, void *ctx,
                             double *derivative) {
  const double *x = args->items[0].data, *v = tangent->items[0].data;
  (void)ctx;
  *derivative = 0;
  for (size_t i = 0; i < args->items[0].count; i++) {
    *derivative += 2 * x[i] * v[i];
  }
  return NULL;
}
static jt_recompiled changed = {.size = sizeof changed,
                                .function = "changed_square",
                                .form = JT_FORM_FLAT,
                                .value = another_value,
                                .dual_jvp = plain_jvp};
static jt_recompiled faithful = {.size = sizeof faithful,
                                 .function = "faithful_square",
                                 .form = JT_FORM_FLAT,
                                 .value = plain_value,
                                 .dual_jvp = plain_jvp,
                                 .enzyme_missing = "Enzyme's plugin was not found"};

// What an object that Enzyme made may do wrong. The real ones are in test_recompile_enzyme.c.
typedef struct enzyme_trial {
  double scratch;
} enzyme_trial;
static double enzyme_drift;
static const char *drifting_value(const jt_args *args, void *ctx, double *value) {
  const char *why = plain_value(args, ctx, value);
  *value += enzyme_drift;
  return why;
}
static const char *enzyme_plain(const jt_args *args, const jt_args *tangent, void *ctx, bool active,
                                double *derivative) {
  (void)active;
  return plain_jvp(args, tangent, ctx, derivative);
}
static const char *enzyme_scratch(const jt_args *args, const jt_args *tangent, void *ctx,
                                  bool active, double *derivative) {
  enzyme_trial *trial = ctx;
  trial->scratch += 1;
  return enzyme_plain(args, tangent, ctx, active, derivative);
}
static const char *enzyme_changes(const jt_args *args, const jt_args *tangent, void *ctx,
                                  bool active, double *derivative) {
  enzyme_drift += active ? 0 : 1e-12;
  return enzyme_plain(args, tangent, ctx, active, derivative);
}
static const char *enzyme_refuses(const jt_args *args, const jt_args *tangent, void *ctx,
                                  bool active, double *derivative) {
  (void)args, (void)tangent, (void)ctx, (void)active, (void)derivative;
  return "Enzyme cannot differentiate it: longjmp";
}
static const char *enzyme_reverse_wrong(const jt_args *args, void *ctx, bool active,
                                        jt_args *gradient) {
  const double *x = args->items[0].data;
  double *g = gradient->items[0].data;
  (void)ctx, (void)active;
  for (size_t i = 0; i < args->items[0].count; i++) {
    g[i] = 2 * x[i] + (i == 1);
  }
  return NULL;
}
#define BY_ENZYME(name, value_, jvp, vjp)                                                    \
  {                                                                                          \
    .size = sizeof(jt_recompiled), .function = #name, .form = JT_FORM_FLAT, .value = value_, \
    .enzyme_jvp = jvp, .enzyme_vjp = vjp                                                     \
  }
static jt_recompiled by_enzyme[] = {
    BY_ENZYME(scratch_square, plain_value, enzyme_scratch, enzyme_reverse_wrong),
    BY_ENZYME(drifting_square, drifting_value, enzyme_changes, enzyme_reverse_wrong),
    BY_ENZYME(refused_square, plain_value, enzyme_refuses, enzyme_reverse_wrong),
    BY_ENZYME(half_square, plain_value, enzyme_plain, enzyme_reverse_wrong),
    BY_ENZYME(another_square, another_value, enzyme_plain, enzyme_reverse_wrong)};

TEST_SETUP() {
  jt_register_recompiled(&changed);
  jt_register_recompiled(&faithful);
  for (size_t i = 0; i < sizeof by_enzyme / sizeof *by_enzyme; i++) {
    jt_register_recompiled(&by_enzyme[i]);
  }
}

#define SQUARE(name)                                         \
  static double name(const double *x, size_t n, void *ctx) { \
    return square(x, n, ctx);                                \
  }
SQUARE(scratch_square)
SQUARE(drifting_square)
SQUARE(refused_square)
SQUARE(half_square)
SQUARE(another_square)

TEST(enzyme_ctx_of_unknown_size) {
  enzyme_trial trial = {0};
  TEST_GRADIENTS_FLAT(scratch_square, three, 3, &trial);
}
TEST(enzyme_writes_into_ctx) {
  enzyme_trial trial = {0};
  TEST_GRADIENTS_FLAT(scratch_square, three, 3, &trial, .ctx_size = sizeof trial);
}
TEST(enzyme_changes_a_constant) {
  TEST_GRADIENTS_FLAT(drifting_square, three, 3, NULL);
}
TEST(enzyme_with_runtime_activity) {
  TEST_GRADIENTS_FLAT(drifting_square, three, 3, NULL, .enzyme_runtime_activity = true);
}
TEST(enzyme_cannot) {
  TEST_GRADIENTS_FLAT(refused_square, three, 3, NULL);
}
TEST(enzyme_cannot_as_expected) {
  TEST_GRADIENTS_FLAT(refused_square, three, 3, NULL, .broken_backends = JT_ENZYME);
}
TEST(enzyme_forward_only) {
  TEST_GRADIENTS_FLAT(half_square, three, 3, NULL);
}
TEST(enzyme_reverse) {
  TEST_GRADIENTS_FLAT(half_square, three, 3, NULL, .enable_enzyme_reverse = true);
}
TEST(enzyme_skipped) {
  TEST_GRADIENTS_FLAT(half_square, three, 3, NULL, .skip_backends = JT_ENZYME,
                      .enable_enzyme_reverse = true);
}
TEST(enzyme_miscompiled) {
  TEST_GRADIENTS_FLAT(another_square, three, 3, NULL);
}

static double changed_square(const double *x, size_t n, void *ctx) {
  return square(x, n, ctx);
}
static double faithful_square(const double *x, size_t n, void *ctx) {
  return square(x, n, ctx);
}
TEST(recompiled_is_another) {
  TEST_GRADIENTS_FLAT(changed_square, three, 3, NULL);
}
TEST(recompiled_without_enzyme) {
  TEST_GRADIENTS_FLAT(faithful_square, three, 3, NULL, .enable_enzyme_reverse = true);
}
TEST(recompiled_with_a_context) {
  int context = 1;
  TEST_GRADIENTS_FLAT(faithful_square, three, 3, &context);
}
TEST(recompiled_with_a_plain_context) {
  int context = 1;
  TEST_GRADIENTS_FLAT(faithful_square, three, 3, &context, .ctx_has_no_floats = true);
}

// What Enzyme itself does wrong.
TEST(pitfall_scratch_in_ctx) {
  pitfall_scratch scratch;
  TEST_GRADIENTS_FLAT(scratch_in_ctx, three, 3, &scratch, .ctx_size = sizeof scratch);
}
TEST(pitfall_scratch_of_unknown_size) {
  pitfall_scratch scratch;
  TEST_GRADIENTS_FLAT(scratch_in_ctx, three, 3, &scratch);
}
TEST(pitfall_callback_in_ctx) {
  pitfall_callback callback = {pitfall_cube};
  TEST_GRADIENTS_FLAT(callback_in_ctx, three, 3, &callback);
}
TEST(pitfall_chosen_pointer) {
  TEST_GRADIENTS_FLAT(chosen_pointer, three, 3, NULL, .enable_enzyme_reverse = true);
}
TEST(pitfall_chosen_pointer_at_run_time) {
  TEST_GRADIENTS_FLAT(chosen_pointer, three, 3, NULL, .enable_enzyme_reverse = true,
                      .enzyme_runtime_activity = true);
}
TEST(pitfall_printing) {
  TEST_GRADIENTS_FLAT(prints, three, 3, NULL, .enable_enzyme_reverse = true);
}
TEST(pitfall_log_gamma) {
  TEST_GRADIENTS_FLAT(log_gamma, three, 3, NULL);
}
TEST(pitfall_log_gamma_as_expected) {
  TEST_GRADIENTS_FLAT(log_gamma, three, 3, NULL, .broken_backends = JT_ENZYME);
}
TEST(pitfall_remquo) {
  const double x[] = {2.9, 1.5, 0.5};
  TEST_GRADIENTS_FLAT(remainder_and_quotient, x, 3, NULL);
}

TEST_MAIN()
