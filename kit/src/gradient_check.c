// One gradient check from its options to its outcomes.
#include "gradient.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const unsigned backends[] = {JT_REVERSE, JT_FORWARD,         JT_DUAL, JT_TAPE,
                                    JT_ENZYME,  JTI_ENZYME_REVERSE, JT_OWN};
enum { BACKENDS = sizeof backends / sizeof *backends };

// ---- The truth ----------------------------------------------------------------------------------

// NULL, or why there is no truth.
static const char *truth_missing(const jti_gradient_problem *p) {
  if (!jti_truth_is_recompiled(p) || p->options.ground_truth != JT_FINITE_DIFFERENCES) {
    return NULL;
  }
  if (!p->recompiled || !p->recompiled->value) {
    return "its inputs are float32, and it has no form in float64: recompile its file "
           "(jimm-test/recompile.hpp), or take .ground_truth_dtype = JT_F32";
  }
  return jti_backend_missing(p, JT_DUAL);
}

// What is compared: derivatives of all inputs, or along directions.
typedef struct plan {
  jti_gradient_problem *p;
  unsigned backend;    // of the running piece of work
  double *directions;  // NULL: all inputs
  size_t count;        // of derivatives
} plan;

static void find_value(const plan *q, jti_shared *shared) {
  jti_evaluator e;
  jti_evaluator_open(&e, q->p, false);
  double first = jti_evaluate(&e, q->p->x);
  double second = jti_evaluate(&e, q->p->x);
  shared->value = first;
  if (e.problem) {
    jti_shared_say(shared, "%s", e.problem);
  } else if (!jti_same_bits(first, second) && !(isnan(first) && isnan(second))) {
    jti_shared_say(shared, "it is not deterministic: with the same arguments %.17g, then %.17g",
                   first, second);
  } else if (!isfinite(first)) {
    jti_shared_say(shared, "its value is %g: there is no gradient to compare with", first);
  }
  jti_evaluator_close(&e);
}

static void work_on_truth(void *ctx, jti_shared *shared) {
  const plan *q = ctx;
  find_value(q, shared);
  if (shared->message[0] || q->p->options.ground_truth != JT_FINITE_DIFFERENCES) {
    return;
  }
  jti_evaluator e;
  jti_evaluator_open(&e, q->p, jti_truth_is_recompiled(q->p));
  for (size_t i = 0; i < q->count && !e.problem; ++i) {
    const double *direction = q->directions ? q->directions + i * q->p->leaves.inputs : NULL;
    shared->data[i] = jti_central(&e, direction, i);
  }
  if (e.problem) {
    jti_shared_say(shared, "%s", e.problem);
  }
  jti_evaluator_close(&e);
}

static char *differentiate(const plan *q, size_t count, double *derivatives) {
  return q->directions
             ? jti_backend_along(q->p, q->backend, q->p->x, q->directions, count, derivatives)
             : jti_backend_gradient(q->p, q->backend, q->p->x, derivatives);
}

// Twice: what differs from one time to the next is no derivative.
static void work_on_backend(void *ctx, jti_shared *shared) {
  const plan *q = ctx;
  char *problem = differentiate(q, q->count, shared->data);
  size_t count = q->directions ? 1 : q->count;
  double *again = jti_alloc((q->count + 1) * sizeof *again);
  if (!problem) {
    problem = differentiate(q, count, again);
  }
  for (size_t i = 0; i < count && !problem; ++i) {
    if (!jti_same_bits(again[i], shared->data[i])) {
      jti_text text = {0};
      jti_text_printf(&text, "it is not deterministic: derivative %zu is %.17g, then %.17g", i,
                      shared->data[i], again[i]);
      problem = text.data;
    }
  }
  if (problem) {
    jti_shared_say(shared, "%s", problem);
    free(problem);
  }
  free(again);
}

// NULL: the truth is not to be had, and why has been said.
static jti_shared *find_truth(plan *q) {
  jti_gradient_problem *p = q->p;
  unsigned truth = p->options.ground_truth;
  jti_shared *shared = jti_shared_make(q->count);
  bool good = false;
  bool found = jti_gradient_do(p, 0, NULL, work_on_truth, q, shared, &good);
  p->value = shared->value;
  if (found && truth != JT_FINITE_DIFFERENCES) {
    q->backend = truth;
    char *end = jti_gradient_run(p, work_on_backend, q, shared);
    const char *problem = end ? end : shared->message;
    found = !*problem;
    if (!found) {
      jti_gradient_conclude(p, truth, "the truth", JTI_ERROR, NULL, problem);
    }
    free(end);
  }
  if (!found) {
    jti_shared_free(shared);
    return NULL;
  }
  return shared;
}

// ---- Backends -----------------------------------------------------------------------------------

// Those that are to be run; of the others that the function could have, says why not.
static unsigned choose(const jti_gradient_problem *p) {
  unsigned chosen = 0;
  for (int i = 0; i < BACKENDS; ++i) {
    unsigned backend = backends[i];
    const char *reason = jti_backend_missing(p, backend);
    if (reason && !*reason) {
      continue;
    }
    if (!reason && (p->options.skip_backends & jti_backend_bit(backend))) {
      reason = "in skip_backends";
    }
    if (reason) {
      jti_gradient_skip(p, backend, reason);
    } else if (backend != p->options.ground_truth) {
      chosen |= backend;
    }
  }
  return chosen;
}

// Where Enzyme's derivatives are silently wrong.
static void add_hint(unsigned backend, jti_judgement *judgement) {
  bool enzyme = backend == JT_ENZYME || backend == JTI_ENZYME_REVERSE;
  if (!enzyme || judgement->verdict != JTI_WRONG || !judgement->message) {
    return;
  }
  jti_text text = {0};
  jti_text_printf(&text,
                  "%s\nEnzyme holds ctx for constant: numbers and functions behind it have a "
                  "derivative of zero. A pointer that is chosen at run time needs "
                  ".enzyme_runtime_activity.",
                  judgement->message);
  free(judgement->message);
  judgement->message = text.data;
}

static bool check_backend(plan *q, unsigned backend, const jti_shared *truth) {
  jti_gradient_problem *p = q->p;
  jti_shared *shared = jti_shared_make(q->count);
  q->backend = backend;
  bool good = false;
  if (jti_gradient_do(p, backend, NULL, work_on_backend, q, shared, &good)) {
    jti_judgement judgement = q->directions ? jti_judge_along(p, backend, q->directions, q->count,
                                                              shared->data, truth->data)
                                            : jti_judge_gradient(p, shared->data, truth->data);
    add_hint(backend, &judgement);
    jti_outcome outcome = judgement.problem                ? JTI_ERROR
                          : judgement.verdict == JTI_RIGHT ? JTI_PASS
                                                           : JTI_FAIL;
    good = jti_gradient_conclude(p, backend, NULL, outcome, &judgement, judgement.problem);
    jti_judgement_free(&judgement);
  }
  jti_shared_free(shared);
  return good;
}

static bool run_backends(plan *q, unsigned chosen) {
  jti_gradient_problem *p = q->p;
  jti_shared *truth = find_truth(q);
  if (!truth) {
    return false;
  }
  bool good = true;
  for (int i = 0; i < BACKENDS; ++i) {
    if (chosen & backends[i]) {
      jt_set set = jt_set_open(p->file, p->line, jti_backend_name(backends[i]));
      good = check_backend(q, backends[i], truth) && good;
      jt_set_close(&set);
    }
  }
  jti_shared_free(truth);
  bool dot = p->f.kind && p->f.kind->vjp && p->f.kind->jvp;
  good = (!dot || jti_gradient_dot(p)) && good;
  good = (!p->options.second_order || jti_gradient_second_order(p, chosen)) && good;
  return (!p->options.special_values || jti_gradient_special_values(p, chosen)) && good;
}

// ---- The whole ----------------------------------------------------------------------------------

static bool check_inputs(jti_gradient_problem *p) {
  unsigned truth = p->options.ground_truth;
  const char *missing = truth == JT_FINITE_DIFFERENCES ? NULL : jti_backend_missing(p, truth);
  if (missing) {
    return jti_gradient_refuse(p, "ground_truth: the function has no backend \"%s\"%s%s",
                               jti_backend_name(truth), *missing ? ": " : "", missing);
  }
  unsigned chosen = choose(p);
  const char *reason = p->leaves.inputs == 0 ? "every argument is constant or empty"
                       : chosen == 0         ? "no backend is left to compare"
                                             : truth_missing(p);
  if (reason) {
    jti_gradient_skip(p, 0, reason);
    return true;
  }
  size_t inputs = p->leaves.inputs;
  bool all = inputs <= p->options.fast_above;
  plan q = {.p = p, .count = all ? inputs : p->options.directions};
  if (!all) {
    q.directions = jti_alloc(q.count * inputs * sizeof *q.directions);
    for (size_t k = 0; k < q.count; ++k) {
      jti_gradient_direction(p, k, q.directions + k * inputs);
    }
  }
  bool good = run_backends(&q, chosen);
  free(q.directions);
  return good;
}

static bool check(jti_gradient_problem *p, const jt_gradient_options *options) {
  char *problem = NULL;
  jt_set set = jt_set_open(p->file, p->line, p->name);
  bool good = jti_leaves_read(&p->args, &p->leaves, &problem);
  jti_gradient_set_options(p, options);
  if (!good) {
    jti_gradient_refuse(p, "%s", problem);
  } else if (jti_gradient_check_options(p)) {
    double *x = jti_alloc((p->leaves.inputs + 1) * sizeof *x);
    jti_tree *tree = jti_tree_make(&p->args, &p->leaves, JTI_TREE_SAME);
    jti_tree_get(tree, &p->leaves, x);
    p->x = x;
    if (!p->f.kind) {
      jti_find_recompiled(p);
    }
    good = check_inputs(p);
    jti_tree_free(tree);
    free(x);
  } else {
    good = false;
  }
  free(problem);
  jti_leaves_free(&p->leaves);
  jt_set_close(&set);
  return good;
}

bool jt_gradients(const char *file, int line, const char *name, jt_function f, jt_args args,
                  const jt_gradient_options *options) {
  jti_gradient_problem p = {
      .file = file, .line = line, .name = name, .form = JT_FORM_ARGS, .f = f, .args = args};
  return check(&p, options);
}

// A flat function's array is its only argument.
static bool check_flat(jti_gradient_problem *p, const void *x, size_t n,
                       const jt_gradient_options *options) {
  bool narrow = p->form == JT_FORM_FLAT_F;
  jt_arg arg = {.name = "x",
                .type = narrow ? JT_F32 : JT_F64,
                .data = (void *)(uintptr_t)x,
                .count = n,
                .width = narrow ? sizeof(float) : sizeof(double)};
  p->args = (jt_args){&arg, 1};
  return check(p, options);
}

bool jt_gradients_flat(const char *file, int line, const char *name, jt_flat_function *f,
                       const double *x, size_t n, void *ctx, const jt_gradient_options *options) {
  jti_gradient_problem p = {
      .file = file, .line = line, .name = name, .form = JT_FORM_FLAT, .flat = f, .ctx = ctx};
  return check_flat(&p, x, n, options);
}

bool jt_gradients_flat_f(const char *file, int line, const char *name, jt_flat_function_f *f,
                         const float *x, size_t n, void *ctx, const jt_gradient_options *options) {
  jti_gradient_problem p = {
      .file = file, .line = line, .name = name, .form = JT_FORM_FLAT_F, .flat_f = f, .ctx = ctx};
  return check_flat(&p, x, n, options);
}
