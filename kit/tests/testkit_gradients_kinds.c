// Functions of a library with rules of its own, right and wrong (testkit_gradients.c has the
// others).
#include <math.h>
#include <stdint.h>

#include "gradient_defects.h"
#include "gradient_problems.h"

// sum(sin(a x)), with what can go wrong in a library's rules.
typedef enum wave_fault {
  RIGHT,
  WRONG_VJP,
  WRONG_JVP,
  BOTH_WRONG,
  WRONG_HVP,
  UNSYMMETRIC,
  NO_RULE,
  ODD_AT_ZERO
} wave_fault;

typedef struct wave {
  double a;
  wave_fault fault;
} wave;

static size_t length(const jt_args *args) {
  return jt_count(args, "x");
}

static const char *wave_value(const void *object, const jt_args *args, double *value) {
  const wave *w = object;
  const double *x = jt_data(args, "x");
  *value = 0;
  for (size_t i = 0; i < length(args); i++) {
    *value += sin(w->a * x[i]);
  }
  return NULL;
}

static const char *wave_vjp(const void *object, const jt_args *args, double seed,
                            jt_args *gradient) {
  const wave *w = object;
  const double *x = jt_data(args, "x");
  double *dx = jt_data(gradient, "x");
  for (size_t i = 0; i < length(args); i++) {
    dx[i] = seed * w->a * cos(w->a * x[i]);
  }
  if (w->fault == WRONG_VJP || w->fault == BOTH_WRONG) {
    dx[0] *= 1.5;
  }
  return w->fault == NO_RULE ? "no rule for \"sin\"" : NULL;
}

static const char *wave_jvp(const void *object, const jt_args *args, const jt_args *tangent,
                            double *derivative) {
  const wave *w = object;
  const double *x = jt_data(args, "x"), *v = jt_data(tangent, "x");
  *derivative = 0;
  for (size_t i = 0; i < length(args); i++) {
    bool odd = w->fault == ODD_AT_ZERO && x[i] <= 0 && x[i] >= 0;
    *derivative += odd ? 0 : w->a * cos(w->a * x[i]) * v[i];
  }
  if (w->fault == WRONG_JVP) {
    *derivative *= 1.01;
  }
  if (w->fault == BOTH_WRONG) {
    *derivative += 0.5 * w->a * cos(w->a * x[0]) * v[0];
  }
  return NULL;
}

static const char *wave_hvp(const void *object, const jt_args *args, const jt_args *tangent,
                            jt_args *product) {
  const wave *w = object;
  const double *x = jt_data(args, "x"), *v = jt_data(tangent, "x");
  double *out = jt_data(product, "x");
  for (size_t i = 0; i < length(args); i++) {
    out[i] = -w->a * w->a * sin(w->a * x[i]) * v[i] * (w->fault == WRONG_HVP ? 2 : 1);
  }
  if (w->fault == UNSYMMETRIC) {
    out[0] += 1e-6 * v[1];
  }
  return NULL;
}

static const jt_kind wave_kind = {sizeof(jt_kind), "wave",   wave_value,
                                  wave_vjp,        wave_jvp, wave_hvp};
static double forty[40] = {0.1, 0.2, 0.3, 0.4};

static jt_args waves(jt_arg *arg, size_t n) {
  *arg = JT_DOUBLES("x", forty, n);
  return (jt_args){arg, 1};
}

static void check_wave(wave_fault fault, size_t n, bool special) {
  wave w = {1.3, fault};
  jt_arg arg;
  jt_function f = {.kind = &wave_kind, .object = &w};
  TEST_GRADIENTS(f, waves(&arg, n), .second_order = true, .special_values = special);
}

TEST(kind_right) {
  check_wave(RIGHT, 4, true);
}
TEST(kind_of_forty_inputs) {
  check_wave(RIGHT, 40, false);
}
TEST(kind_wrong_vjp) {
  check_wave(WRONG_VJP, 4, false);
}
TEST(kind_wrong_jvp) {
  check_wave(WRONG_JVP, 4, false);
}
TEST(kind_wrong_jvp_of_forty) {
  check_wave(WRONG_JVP, 40, false);
}
TEST(kind_both_wrong_alike) {
  check_wave(BOTH_WRONG, 4, false);
}
TEST(kind_wrong_hvp) {
  check_wave(WRONG_HVP, 4, false);
}
TEST(kind_unsymmetric) {
  check_wave(UNSYMMETRIC, 4, false);
}
TEST(kind_without_a_rule) {
  check_wave(NO_RULE, 4, false);
}
TEST(kind_without_a_rule_is_broken) {
  wave w = {1.3, NO_RULE};
  jt_arg arg;
  jt_function f = {.kind = &wave_kind, .object = &w};
  TEST_GRADIENTS(f, waves(&arg, 4), .broken_backends = JT_REVERSE);
}
TEST(kind_odd_at_zero) {
  check_wave(ODD_AT_ZERO, 4, true);
}
TEST(kind_with_another_truth) {
  wave w = {1.3, WRONG_JVP};
  jt_arg arg;
  jt_function f = {.kind = &wave_kind, .object = &w};
  TEST_GRADIENTS(f, waves(&arg, 4), .ground_truth = JT_REVERSE);
}
TEST(in_this_process) {
  wave w = {1.3, RIGHT};
  jt_arg arg;
  jt_function f = {.kind = &wave_kind, .object = &w};
  TEST_GRADIENTS(f, waves(&arg, 4), .in_process = true);
}
TEST(of_nothing_but_kinds) {
  jt_kind kind = {sizeof(jt_kind), "nothing", wave_value, NULL, NULL, NULL};
  wave w = {1.3, RIGHT};
  jt_arg arg;
  jt_function f = {.kind = &kind, .object = &w};
  TEST_GRADIENTS(f, waves(&arg, 4));
}
