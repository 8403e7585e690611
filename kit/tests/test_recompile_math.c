// recompile.hpp: every function of <math.h> by itself. Values are the C library's, derivatives are
// held against differences in long double, and at special values dual numbers and the tape say the
// same.
#include <float.h>
#include <math.h>
#include <string.h>

#include "recompile_case.h"
#include "testkit_recompile.h"

#define NAME(name, ...) #name,
#define WIDE(name, ...) name##l,
#define POINTS(name, ...) {__VA_ARGS__},
static const char *const unary_names[] = {MATH_UNARY(NAME)};
static long double (*const unary_wide[])(long double) = {MATH_UNARY(WIDE)};
static const double unary_points[][3] = {MATH_UNARY(POINTS)};
enum { UNARY = sizeof unary_names / sizeof unary_names[0] };

static const char *const binary_names[] = {MATH_BINARY(NAME)};
static long double (*const binary_wide[])(long double, long double) = {MATH_BINARY(WIDE)};
static const double binary_points[][4] = {MATH_BINARY(POINTS)};
enum { BINARY = sizeof binary_names / sizeof binary_names[0] };

// The derivatives of the function with the number `which`.
typedef struct derivatives {
  double value, dual[3], tape[3];
} derivatives;

static derivatives differentiated(const char *name, int which, double *x, size_t n) {
  derivatives d = {0};
  jt_args args = flat_args(x, n), gradient = gradient_like(&args), tangent = gradient_like(&args);
  double *g[3], *t[3];
  elements_of(&gradient, g, 3);
  elements_of(&tangent, t, 3);
  d.value = recompiled_value(recompiled(name), &args, &which);
  TEST_CHECK(!recompiled(name)->tape_vjp(&args, &which, &gradient));
  for (size_t i = 0; i < n; ++i) {
    d.tape[i] = *g[i];
    *t[i] = 1;
    TEST_CHECK(!recompiled(name)->dual_jvp(&args, &tangent, &which, &d.dual[i]));
    *t[i] = 0;
  }
  free_gradient(&gradient);
  free_gradient(&tangent);
  return d;
}

static double second(const char *name, int which, double x) {
  jt_args args = flat_args(&x, 1), product = gradient_like(&args), tangent = gradient_like(&args);
  double *p[1], *t[1];
  elements_of(&product, p, 1);
  elements_of(&tangent, t, 1);
  *t[0] = 1;
  TEST_CHECK(!recompiled(name)->tape_hvp(&args, &tangent, &which, &product));
  double result = *p[0];
  free_gradient(&product);
  free_gradient(&tangent);
  return result;
}

static long double wide_value(int which, bool two, const long double *x) {
  return two ? binary_wide[which](x[0], x[1]) : unary_wide[which](x[0]);
}

// Of long double as the machine has it; valgrind's has that of double.
static long double wide_epsilon(void) {
  volatile long double one = 1;
  return one + LDBL_EPSILON > one ? LDBL_EPSILON : DBL_EPSILON;
}

static long double wide_slope(int which, bool two, const double *x, int k, long double h) {
  long double at[2] = {x[0], two ? x[1] : 0};
  at[k] = x[k] + h;
  long double above = wide_value(which, two, at), right = at[k];
  at[k] = x[k] - h;
  return (above - wide_value(which, two, at)) / (right - at[k]);
}

// By x[k]; two steps, so that only the fifth derivative disturbs.
static double wide_difference(int which, bool two, const double *x, int k) {
  long double h = cbrtl(wide_epsilon()) * fmaxl(0.1L, fabsl(x[k]));
  return (double)((4 * wide_slope(which, two, x, k, h) - wide_slope(which, two, x, k, 2 * h)) / 3);
}

static void check_wide(const char *name, int which, bool two, const double *x,
                       const derivatives *d) {
  double tolerance = (double)(20 * powl(wide_epsilon(), 2.0L / 3));
  for (int k = 0; k < (two ? 2 : 1); ++k) {
    double want = wide_difference(which, two, x, k);
    TEST_CHECK_MSG(agree(d->dual[k], d->tape[k], 1e-15), "%s: dual %.17g, tape %.17g", name,
                   d->dual[k], d->tape[k]);
    TEST_CHECK_MSG(fabs(d->dual[k] - want) <= tolerance * fmax(1, fabs(want)),
                   "d/dx%d %s(%g, %g): %.17g, difference %.17g", k, name, x[0], two ? x[1] : 0,
                   d->dual[k], want);
  }
}

TEST(functions_of_one_number) {
  for (int which = 0; which < UNARY; ++which) {
    const char *name = unary_names[which];
    for (int k = 0; k < 3; ++k) {
      double x = unary_points[which][k], h = 1e-5 * fmax(0.1, fabs(x));
      derivatives d = differentiated("one_of_unary", which, &x, 1);
      TEST_CHECK_MSG(same_bits(d.value, one_of_unary(&x, 1, &which)), "%s(%g)", name, x);
      check_wide(name, which, false, &x, &d);
      double above = x + h, below = x - h;
      double want = (differentiated("one_of_unary", which, &above, 1).dual[0] -
                     differentiated("one_of_unary", which, &below, 1).dual[0]) /
                    (above - below);
      double got = second("one_of_unary", which, x);
      TEST_CHECK_MSG(fabs(got - want) <= 1e-7 * fmax(1, fabs(want)),
                     "second derivative of %s at %g: %.17g, difference %.17g", name, x, got, want);
    }
  }
}

TEST(functions_of_two_numbers) {
  for (int which = 0; which < BINARY; ++which) {
    for (int k = 0; k < 2; ++k) {
      double x[2] = {binary_points[which][2 * k], binary_points[which][2 * k + 1]};
      derivatives d = differentiated("one_of_binary", which, x, 2);
      TEST_CHECK_MSG(same_bits(d.value, one_of_binary(x, 2, &which)), "%s", binary_names[which]);
      check_wide(binary_names[which], which, true, x, &d);
    }
  }
}

// Mixed ones, too; and the same for all that check_derivatives can say of two numbers.
TEST(second_derivatives_of_two_numbers) {
  for (int which = 0; which < BINARY; ++which) {
    double x[2] = {binary_points[which][0], binary_points[which][1]};
    check_derivatives("one_of_binary", flat_args(x, 2), &which);
  }
}

TEST(the_other_functions) {
  for (int which = 0; which < MATH_OTHERS; ++which) {
    for (int k = 0; k < 3; ++k) {
      double x[3] = {k == 0 ? 2.7 : k == 1 ? -13.4 : 0.3, 1.5, -0.7};
      derivatives d = differentiated("one_of_others", which, x, 3);
      TEST_CHECK_MSG(same_bits(d.value, one_of_others(x, 3, &which)), "%d", which);
      check_derivatives("one_of_others", flat_args(x, 3), &which);
    }
  }
}

// sqrtf and all others: float64 where double's are, and near them in float32.
TEST(functions_of_float32) {
  for (int which = 0; which < UNARY; ++which) {
    for (int k = 0; k < 3; ++k) {
      float single = (float)unary_points[which][k];
      double x = single;
      derivatives d = differentiated("one_of_unary_f", which, &x, 1);
      TEST_CHECK_MSG(same_bits(d.value, one_of_unary(&x, 1, &which)), "%sf", unary_names[which]);
      TEST_CHECK_DOUBLE(one_of_unary_f(&single, 1, &which), d.value, 1e-6, 1e-6);
      derivatives same = differentiated("one_of_unary", which, &x, 1);
      TEST_CHECK_MSG(same_bits(d.dual[0], same.dual[0]), "%sf", unary_names[which]);
      TEST_CHECK_MSG(same_bits(d.tape[0], same.tape[0]), "%sf", unary_names[which]);
    }
  }
  for (int which = 0; which < BINARY; ++which) {
    float single[2] = {(float)binary_points[which][2], (float)binary_points[which][3]};
    double x[2] = {single[0], single[1]};
    derivatives d = differentiated("one_of_binary_f", which, x, 2);
    derivatives same = differentiated("one_of_binary", which, x, 2);
    TEST_CHECK_MSG(same_bits(d.value, same.value), "%sf", binary_names[which]);
    TEST_CHECK_DOUBLE(one_of_binary_f(single, 2, &which), d.value, 1e-6, 1e-6);
    TEST_CHECK(same_bits(d.dual[0], same.dual[0]) && same_bits(d.tape[1], same.tape[1]));
  }
  for (int which = 0; which < MATH_OTHERS; ++which) {
    double x[3] = {2.75, 1.5, -0.5};
    float single[3] = {2.75f, 1.5f, -0.5f};
    derivatives d = differentiated("one_of_others_f", which, x, 3);
    TEST_CHECK(same_bits(d.value, one_of_others(x, 3, &which)));
    TEST_CHECK(same_bits(d.value, one_of_others_f(single, 3, &which)));
    derivatives same = differentiated("one_of_others", which, x, 3);
    TEST_CHECK(same_bits(d.dual[0], same.dual[0]) && same_bits(d.tape[2], same.tape[2]));
  }
}

static int number_of(const char *const *names, int count, const char *name) {
  for (int i = 0; i < count; ++i) {
    if (strcmp(names[i], name) == 0) {
      return i;
    }
  }
  TEST_ERROR("no function %s", name);
  return 0;
}

TEST(lgamma_everywhere) {
  int which = number_of(unary_names, UNARY, "lgamma");
  double known[][3] = {{1, -0.57721566490153286061, 1.6449340668482264365},
                       {0.5, -1.9635100260214234794, 4.9348022005446793094},
                       {10, 2.2517525890667211077, 0.10516633568168574612}};
  for (int i = 0; i < 3; ++i) {
    double x = known[i][0];
    derivatives d = differentiated("one_of_unary", which, &x, 1);
    TEST_CHECK_DOUBLE(d.dual[0], known[i][1], 0, 4e-15);
    TEST_CHECK_DOUBLE(second("one_of_unary", which, x), known[i][2], 0, 4e-15);
  }
  for (double x = -5.45; x < 60; x += 0.1) {
    derivatives d = differentiated("one_of_unary", which, &x, 1);
    check_wide("lgamma", which, false, &x, &d);
  }
}

// ---- Special values ---

static const double specials[] = {
    0.0, -0.0, 1,  -1,  0.5,  -0.5,  2,       -3,      5e-324,   -5e-324, INFINITY, -INFINITY,
    NAN, 3,    -2, 2.5, 1e10, -1e10, DBL_MIN, DBL_MAX, -DBL_MAX, 709.5,   1e-9,     -NAN};
// Without those whose sums and products overflow on the way, which depends on the order.
enum { SMALL_SPECIALS = 13 };
enum { SPECIALS = sizeof specials / sizeof specials[0] };

TEST(special_values_of_one_number) {
  for (int which = 0; which < UNARY; ++which) {
    const char *name = unary_names[which];
    bool step = which >= number_of(unary_names, UNARY, "floor");
    for (int k = 0; k < SPECIALS; ++k) {
      double x = specials[k];
      derivatives d = differentiated("one_of_unary", which, &x, 1);
      TEST_CHECK_MSG(same_bits(d.value, one_of_unary(&x, 1, &which)), "%s(%g): %.17g", name, x,
                     d.value);
      TEST_CHECK_MSG(agree(d.dual[0], d.tape[0], 1e-15), "%s'(%g): dual %g, tape %g", name, x,
                     d.dual[0], d.tape[0]);
      TEST_CHECK_MSG(step ? d.dual[0] == 0 : !isnan(d.value) || isnan(d.dual[0]),
                     "%s(%g): %g with the derivative %g", name, x, d.value, d.dual[0]);
    }
  }
}

TEST(special_values_of_two_numbers) {
  for (int which = 0; which < BINARY; ++which) {
    for (int k = 0; k < SPECIALS * SPECIALS; ++k) {
      double x[2] = {specials[k / SPECIALS], specials[k % SPECIALS]};
      derivatives d = differentiated("one_of_binary", which, x, 2);
      const char *name = binary_names[which];
      TEST_CHECK_MSG(same_bits(d.value, one_of_binary(x, 2, &which)), "%s(%g, %g): %.17g", name,
                     x[0], x[1], d.value);
      TEST_CHECK_MSG(agree(d.dual[0], d.tape[0], 1e-15) && agree(d.dual[1], d.tape[1], 1e-15),
                     "%s(%g, %g): dual %g, %g, tape %g, %g", name, x[0], x[1], d.dual[0], d.dual[1],
                     d.tape[0], d.tape[1]);
    }
  }
}

// Both modes say the same of infinities, as long as no two paths from an input to an infinite slope
// have different signs: (a - b) inf is not a inf - b inf.
TEST(special_values_in_programs) {
  static const char *const names[] = {"own_names",  "recursion", "double_pointers",
                                      "restricted", "fourier",   "log_sum_exp"};
  jt_flat_function *const plain[] = {own_names,  recursion, double_pointers,
                                     restricted, fourier,   log_sum_exp};
  for (int f = 0; f < 6; ++f) {
    for (int k = 0; k < SMALL_SPECIALS * SMALL_SPECIALS; ++k) {
      double x[4] = {specials[k / SMALL_SPECIALS], specials[k % SMALL_SPECIALS], 0.5, -2};
      double *g[4], *t[4], got;
      jt_args args = flat_args(x, 4), gradient = gradient_like(&args);
      jt_args tangent = gradient_like(&args);
      elements_of(&gradient, g, 4);
      elements_of(&tangent, t, 4);
      TEST_CHECK(!recompiled(names[f])->tape_vjp(&args, NULL, &gradient));
      got = recompiled_value(recompiled(names[f]), &args, NULL);
      TEST_CHECK_MSG(same_bits(got, plain[f](x, 4, NULL)), "%s(%g, %g)", names[f], x[0], x[1]);
      for (int i = 0; i < 4; ++i) {
        *t[i] = 1;
        TEST_CHECK(!recompiled(names[f])->dual_jvp(&args, &tangent, NULL, &got));
        *t[i] = 0;
        TEST_CHECK_MSG(agree(got, *g[i], 1e-13), "d/dx%d %s(%g, %g): dual %g, tape %g", i, names[f],
                       x[0], x[1], got, *g[i]);
      }
      free_gradient(&gradient);
      free_gradient(&tangent);
    }
  }
}

// ---- The table of docs/recompile.md ---

typedef struct kink {
  const char *name;
  double x, y, by_x, by_y;
} kink;

static const kink unary_kinks[] = {
    {"sqrt", 0, 0, INFINITY, 0},     {"cbrt", 0, 0, INFINITY, 0},
    {"log", 0, 0, INFINITY, 0},      {"fabs", 0, 0, 0, 0},
    {"fabs", -0.0, 0, 0, 0},         {"asin", 1, 0, INFINITY, 0},
    {"acos", -1, 0, -INFINITY, 0},   {"acosh", 1, 0, INFINITY, 0},
    {"atanh", 1, 0, INFINITY, 0},    {"log", -1, 0, NAN, 0},
    {"sqrt", -1, 0, NAN, 0},         {"acosh", -3, 0, NAN, 0},
    {"floor", 2, 0, 0, 0},           {"round", 0.5, 0, 0, 0},
    {"log1p", -1, 0, INFINITY, 0},   {"tanh", 800, 0, 0, 0},
    {"fabs", INFINITY, 0, 1, 0},     {"lgamma", 0, 0, NAN, 0},
    {"tgamma", -1, 0, NAN, 0},       {"exp", -INFINITY, 0, 0, 0},
    {"erf", INFINITY, 0, 0, 0},      {"sin", INFINITY, 0, NAN, 0},
    {"tanh", -INFINITY, 0, 0, 0},    {"acosh", 1e200, 0, 1e-200, 0},
    {"asinh", -1e200, 0, 1e-200, 0},
};

static const kink binary_kinks[] = {
    {"fmax", 1, 1, 1, 0},       {"fmin", 1, 1, 1, 0},         {"fmax", NAN, 2, 0, 1},
    {"fmax", 2, NAN, 1, 0},     {"fmin", NAN, 2, 0, 1},       {"fmax", -0.0, 0, 1, 0},
    {"fmin", 0, -0.0, 1, 0},    {"pow", 0, 0, 0, -INFINITY},  {"pow", 0, 2, 0, 0},
    {"pow", 0, 1, 1, 0},        {"pow", 0, 0.5, INFINITY, 0}, {"pow", -2, 3, 12, NAN},
    {"hypot", 0, 0, NAN, NAN},  {"atan2", 0, 0, NAN, NAN},    {"fdim", 1, 1, 0, 0},
    {"copysign", 0, 1, 0, 0},   {"copysign", 0, -1, 0, 0},    {"fmod", 6, 2, 1, -3},
    {"remainder", 7, 2, 1, -4}, {"fmod", 1, 0, NAN, NAN},     {"fmin", 2, NAN, 1, 0},
};

TEST(conventions_at_kinks) {
  for (size_t i = 0; i < sizeof unary_kinks / sizeof unary_kinks[0]; ++i) {
    kink k = unary_kinks[i];
    int which = number_of(unary_names, UNARY, k.name);
    derivatives d = differentiated("one_of_unary", which, &k.x, 1);
    TEST_CHECK_MSG(agree(d.dual[0], k.by_x, 1e-15) && agree(d.tape[0], k.by_x, 1e-15),
                   "%s(%g): %g, %g", k.name, k.x, d.dual[0], d.tape[0]);
  }
  for (size_t i = 0; i < sizeof binary_kinks / sizeof binary_kinks[0]; ++i) {
    kink k = binary_kinks[i];
    int which = number_of(binary_names, BINARY, k.name);
    double x[] = {k.x, k.y};
    derivatives d = differentiated("one_of_binary", which, x, 2);
    TEST_CHECK_MSG(agree(d.dual[0], k.by_x, 1e-15) && agree(d.dual[1], k.by_y, 0),
                   "%s(%g, %g): %g, %g", k.name, k.x, k.y, d.dual[0], d.dual[1]);
    TEST_CHECK_MSG(agree(d.tape[0], k.by_x, 1e-15) && agree(d.tape[1], k.by_y, 0),
                   "%s(%g, %g) on the tape: %g, %g", k.name, k.x, k.y, d.tape[0], d.tape[1]);
  }
}
