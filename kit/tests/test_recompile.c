// recompile.hpp: plain C code, compiled once more as C++, has the values that it has as C, and the
// right derivatives.
#include <jimm-test/gradient.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recompile_case.h"
#include "testkit_recompile.h"

size_t recompile_tape_bytes = (size_t)1 << 30;

// ---- A table of plain functions, each at points where it is smooth ---

static void check_row(void *data) {
  recompile_row r = *(const recompile_row *)data;
  jt_args args = flat_args(r.x, r.n);
  double want = r.plain(r.x, r.n, recompile_degrees);
  double got = recompiled_value(recompiled(r.name), &args, recompile_degrees);
  TEST_CHECK_MSG(same_bits(got, want), "%.17g, as C %.17g", got, want);
  check_derivatives(r.name, args, recompile_degrees);
}

TEST_SETUP() {
  for (size_t i = 0; i < recompile_row_count; ++i) {
    jt_add(recompile_rows[i].name, check_row, (void *)(uintptr_t)&recompile_rows[i], NULL);
  }
}

// ---- float32, compiled as float64 ---

TEST(float32) {
  float x[] = {0.3f, 1.7f, 0.45f, 0.9f, 2.5f};
  double wide_x[5];
  for (int i = 0; i < 5; ++i) {
    wide_x[i] = x[i];
  }
  TEST_CHECK_INT(recompiled("energy")->form, JT_FORM_FLAT_F);
  jt_args args = flat_args(wide_x, 5);
  double got = recompiled_value(recompiled("energy"), &args, NULL);
  TEST_CHECK_DOUBLE(got, energy(x, 5, NULL), 0, 1e-6);
  TEST_CHECK(got != energy(x, 5, NULL));
  check_derivatives("energy", args, NULL);
}

// ---- Trees of arguments ---

TEST(conv_net_with_262_parameters) {
  conv_net_args d;
  make_conv_net(&d);
  double *x[ELEMENTS_MAX];
  TEST_CHECK_UINT(elements_of(&d.args, x, ELEMENTS_MAX), 262);
  double got = recompiled_value(recompiled("conv_net"), &d.args, NULL);
  TEST_CHECK(same_bits(got, conv_net(&d.args)));
  check_derivatives("conv_net", d.args, NULL);
}

TEST(constants_and_others_have_no_gradient) {
  double w[] = {1.5, -2, 0.5}, x[] = {0.3, 0.9, -1}, c[] = {2}, none[1];
  int signs[] = {1, -1, 1};
  jt_arg er = JT_NODE("er", JT_DOUBLES("w", w, 3));
  jt_arg deep = JT_NODE("deep", er, JT_SHAPED(JT_DOUBLES("x", x, 3), 1, 3));
  jt_arg fixed = JT_CONSTANT(JT_NODE("fixed", JT_DOUBLES("c", c, 1)));
  jt_args args = JT_ARGS(JT_DOUBLES("nothing", none, 0), deep, fixed, JT_OTHERS("signs", signs, 3));
  TEST_CHECK(same_bits(recompiled_value(recompiled("weighted"), &args, NULL), weighted(&args)));
  check_derivatives("weighted", args, NULL);
  jt_args gradient = gradient_like(&args);
  double *g[6];
  TEST_CHECK_UINT(elements_of(&gradient, g, 6), 6);
  TEST_CHECK(!recompiled("weighted")->tape_vjp(&args, NULL, &gradient));
  TEST_CHECK_DOUBLE(*g[1], 2 * -1 * -2 * 0.9 * 2, 0, 1e-15);
  // A function that uses none of its inputs has a gradient of zeros.
  double derivative = 1;
  TEST_CHECK(!recompiled("nothing_active")->tape_vjp(&args, NULL, &gradient));
  for (int i = 0; i < 6; ++i) {
    TEST_CHECK(same_bits(*g[i], 0.0));
    *g[i] = 1;
  }
  TEST_CHECK(!recompiled("nothing_active")->dual_jvp(&args, &gradient, NULL, &derivative));
  TEST_CHECK(same_bits(derivative, 0.0));
  free_gradient(&gradient);
}

TEST(a_tree_that_does_not_fit_is_refused) {
  float single[] = {1, 2};
  double x[] = {1, 2}, value;
  jt_arg item = JT_FLOATS("x", single, 2);
  jt_args args = {&item, 1};
  TEST_CHECK_CONTAINS(recompiled("steps")->value(&args, NULL, &value), "float64");
  args = flat_args(x, 2);
  jt_args gradient = gradient_like(&args);
  gradient.items[0].count = 1;
  TEST_CHECK_CONTAINS(recompiled("steps")->tape_vjp(&args, NULL, &gradient), "another size");
  TEST_CHECK_CONTAINS(recompiled("steps")->dual_jvp(&args, &gradient, NULL, &value),
                      "another size");
  free_gradient(&gradient);
}

TEST(what_is_registered) {
  const jt_recompiled *f = recompiled("weighted"), *g = recompiled("energy");
  TEST_CHECK_UINT(f->size, sizeof(jt_recompiled));
  TEST_CHECK_STR(f->file, "testkit_recompile.c");
  TEST_CHECK_INT(f->form, JT_FORM_ARGS);
  TEST_CHECK(!f->enzyme_jvp && !f->enzyme_vjp);
  TEST_CHECK_STR(g->file, "testkit_recompile_math.c");
  TEST_CHECK_INT(recompiled("steps")->form, JT_FORM_FLAT);
}

// ---- NaN, state, threads ---

TEST(nan_stays_where_it_belongs) {
  double x[] = {1.5, NAN, 2.2, 0.8}, *g[4];
  jt_args args = flat_args(x, 4), gradient = gradient_like(&args);
  elements_of(&gradient, g, 4);
  TEST_CHECK(isnan(recompiled_value(recompiled("limits"), &args, NULL)));
  TEST_CHECK(isnan(recompiled_value(recompiled("structs"), &args, NULL)));
  TEST_CHECK(!recompiled("rosenbrock")->tape_vjp(&args, NULL, &gradient));
  TEST_CHECK(isnan(*g[0]) && isnan(*g[1]) && isnan(*g[2]) && isfinite(*g[3]));
  x[1] = 0.5;
  x[3] = NAN;
  TEST_CHECK(!recompiled("rosenbrock")->tape_vjp(&args, NULL, &gradient));
  TEST_CHECK(isfinite(*g[0]) && isfinite(*g[1]) && isnan(*g[2]) && isnan(*g[3]));
  for (int i = 0; i < 4; ++i) {
    double derivative = 0, want = *g[i];
    jt_args tangent = gradient_like(&args);
    ((double *)tangent.items[0].data)[i] = 1;
    TEST_CHECK(!recompiled("rosenbrock")->dual_jvp(&args, &tangent, NULL, &derivative));
    TEST_CHECK_MSG(agree(derivative, want, 1e-14), "%d: %g, tape %g", i, derivative, want);
    free_gradient(&tangent);
  }
  free_gradient(&gradient);
}

// An infinite slope counts only where something depends on it.
TEST(unused_infinities_do_not_count) {
  double x[] = {4, 0}, *g[2], derivative = 0;
  jt_args args = flat_args(x, 2), gradient = gradient_like(&args);
  elements_of(&gradient, g, 2);
  TEST_CHECK(!recompiled("larger_root")->tape_vjp(&args, NULL, &gradient));
  TEST_CHECK_DOUBLE(*g[0], 3, 0, 1e-15);
  TEST_CHECK(same_bits(*g[1], 0));
  *g[0] = 2;
  *g[1] = -0.0;
  TEST_CHECK(!recompiled("root_sum")->dual_jvp(&args, &gradient, NULL, &derivative));
  TEST_CHECK_DOUBLE(derivative, 0.5, 0, 1e-15);
  free_gradient(&gradient);
}

// What an earlier call left behind is a constant on the tape, also when there is another tape.
TEST(static_state_is_constant) {
  double x[] = {3}, *g[1];
  int calls = 0;
  jt_args args = flat_args(x, 1), gradient = gradient_like(&args);
  elements_of(&gradient, g, 1);
  TEST_CHECK(!recompiled("memory")->tape_vjp(&args, &calls, &gradient));
  TEST_CHECK_DOUBLE(*g[0], 1, 0, 0);
  TEST_CHECK(!recompiled("memory")->tape_vjp(&args, &calls, &gradient));
  TEST_CHECK_DOUBLE(*g[0], 10, 0, 0);
  free_gradient(&gradient);
}

TEST(another_thread_has_no_tape) {
  double x[] = {3};
  jt_args args = flat_args(x, 1), gradient = gradient_like(&args);
  TEST_CHECK_CONTAINS(recompiled("in_a_thread")->tape_vjp(&args, NULL, &gradient), "thread");
  TEST_CHECK(!recompiled("memo")->tape_vjp(&args, NULL, &gradient));
  free_gradient(&gradient);
}

typedef struct side {
  pthread_barrier_t *barrier;
  double x[2], gradient[2];
  bool right;
} side;

static void *gradient_of_a_side(void *data) {
  side *s = data;
  double *g[2];
  jt_arg item = JT_DOUBLES("x", s->x, 2);
  jt_args args = {&item, 1}, gradient = gradient_like(&args);
  elements_of(&gradient, g, 2);
  s->right = !recompiled("meeting")->tape_vjp(&args, s->barrier, &gradient);
  s->gradient[0] = *g[0];
  s->gradient[1] = *g[1];
  free_gradient(&gradient);
  return NULL;
}

TEST(threads_have_tapes_of_their_own) {
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, 2);
  side sides[2] = {{&barrier, {3, 5}, {0}, false}, {&barrier, {-2, 0.5}, {0}, false}};
  pthread_t other;
  TEST_REQUIRE(pthread_create(&other, NULL, gradient_of_a_side, &sides[1]) == 0);
  gradient_of_a_side(&sides[0]);
  TEST_CHECK(pthread_join(other, NULL) == 0);
  for (int i = 0; i < 2; ++i) {
    const double *x = sides[i].x;
    TEST_CHECK(sides[i].right);
    TEST_CHECK_DOUBLE(sides[i].gradient[0], 2 * x[0] * x[1] * x[1], 0, 1e-15);
    TEST_CHECK_DOUBLE(sides[i].gradient[1], 2 * x[0] * x[0] * x[1], 0, 1e-15);
  }
  pthread_barrier_destroy(&barrier);
}

// ---- Large ones ---

// Processor time.
static double nanoseconds(void) {
  return 1e9 * (double)clock() / CLOCKS_PER_SEC;
}

TEST(a_hundred_thousand_inputs) {
  size_t n = 100000;
  double *x = malloc(n * sizeof *x);
  for (size_t i = 0; i < n; ++i) {
    x[i] = sin((double)i);
  }
  jt_args args = flat_args(x, n), gradient = gradient_like(&args);
  double start = nanoseconds();
  TEST_CHECK(!recompiled("wide")->tape_vjp(&args, NULL, &gradient));
  TEST_NOTE("100000 inputs: %.1f ns for each operation", (nanoseconds() - start) / 300000);
  const double *g = gradient.items[0].data;
  for (size_t i = 0; i < n; ++i) {
    double before = x[(i + n - 1) % n], after = x[(i + 1) % n];
    double want = (2 * x[i] * after + before * before) / (double)n;
    if (!(fabs(g[i] - want) <= 1e-15 * (fabs(2 * x[i] * after) + before * before))) {
      TEST_FAIL("d/dx%zu: %.17g, by hand %.17g", i, g[i], want);
      break;
    }
  }
  // The function is homogeneous of degree 3.
  double derivative = 0;
  TEST_CHECK(!recompiled("wide")->dual_jvp(&args, &args, NULL, &derivative));
  TEST_CHECK_DOUBLE(derivative, 3 * wide(x, n, NULL), 1e-12, 1e-12);
  free(x);
  free_gradient(&gradient);
}

TEST(ten_million_operations) {
  double x[] = {2}, *g[1], *p[1];
  jt_args args = flat_args(x, 1), gradient = gradient_like(&args), tangent = gradient_like(&args);
  elements_of(&gradient, g, 1);
  elements_of(&tangent, p, 1);
  double start = nanoseconds();
  TEST_CHECK(!recompiled("endless")->tape_vjp(&args, NULL, &gradient));
  TEST_NOTE("10 million operations: %.1f ns each", (nanoseconds() - start) / 1e7);
  TEST_CHECK_DOUBLE(*g[0], exp(1e7 * log(0.999999)), 0, 1e-8);
  *p[0] = 1;
  double derivative;
  TEST_CHECK(!recompiled("endless")->dual_jvp(&args, &tangent, NULL, &derivative));
  TEST_CHECK_DOUBLE(derivative, *g[0], 0, 1e-9);
  free_gradient(&gradient);
  free_gradient(&tangent);
}

TEST(a_tape_too_large_is_an_error) {
  double x[] = {1000, 0.5}, *g[2];
  jt_args args = flat_args(x, 2), gradient = gradient_like(&args);
  elements_of(&gradient, g, 2);
  recompile_tape_bytes = 24 * 1000;
  TEST_CHECK(!recompiled("runs_away")->tape_vjp(&args, NULL, &gradient));
  TEST_CHECK_DOUBLE(*g[1], 1001 * pow(0.5, 1000), 0, 1e-12);
  x[0] = 1001;
  TEST_CHECK_CONTAINS(recompiled("runs_away")->tape_vjp(&args, NULL, &gradient), "JT_TAPE_BYTES");
  recompile_tape_bytes = (size_t)1 << 30;
  TEST_CHECK(!recompiled("runs_away")->tape_vjp(&args, NULL, &gradient));
  free_gradient(&gradient);
}

TEST_MAIN()
