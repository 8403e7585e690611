// One gradient check from its options to its outcomes.
#include "gradient.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const unsigned backends[] = {JT_REVERSE, JT_FORWARD,         JT_DUAL, JT_TAPE,
                                    JT_ENZYME,  JTI_ENZYME_REVERSE, JT_OWN};
enum { BACKENDS = sizeof backends / sizeof *backends };

static jt_recompiled *recompiled;

void jt_register_recompiled(jt_recompiled *function) {
  function->next = recompiled;
  recompiled = function;
}

jt_function jt_function_itself(jt_function f) {
  return f;
}

jt_function jt_function_of(jt_args_function *f) {
  return (jt_function){.plain = f};
}

// ---- Outcomes -----------------------------------------------------------------------------------

// The bit of the options that stands for a backend.
static unsigned option_bit(unsigned backend) {
  return backend == JTI_ENZYME_REVERSE ? JT_ENZYME : backend;
}

static char *title(const jti_gradient_problem *p, unsigned backend, const char *what) {
  jti_text text = {0};
  jti_text_printf(&text, "%s", p->name);
  if (backend) {
    jti_text_printf(&text, ": %s", jti_backend_name(backend));
  }
  if (what) {
    jti_text_printf(&text, "%s %s", backend ? "," : ":", what);
  }
  return text.data;
}

bool jti_gradient_conclude(const jti_gradient_problem *p, unsigned backend, const char *what,
                           jti_outcome outcome, const jti_judgement *judgement,
                           const char *problem) {
  const jt_gradient_options *o = &p->options;
  unsigned bit = option_bit(backend);
  bool soft = backend ? (o->soft_fail & bit) != 0 : o->soft_fail == JT_ALL;
  bool broken = !soft && (o->broken_backends & bit) != 0;
  if (outcome == JTI_PASS && !broken) {
    jti_pass_check();
    return true;
  }
  if (outcome == JTI_PASS) {
    outcome = JTI_ERROR;
    problem = "unbroken: passed unexpectedly";
  } else if (outcome == JTI_FAIL) {
    outcome = soft ? JTI_SOFT : broken ? JTI_BROKEN : JTI_FAIL;
  }
  jti_record record = {.outcome = outcome,
                       .check = true,
                       .file = jti_copy(p->file),
                       .line = p->line,
                       .expr = title(p, backend, what),
                       .got = jti_copy(judgement ? judgement->got : NULL),
                       .want = jti_copy(judgement ? judgement->want : NULL),
                       .message = jti_copy(problem || !judgement ? problem : judgement->message)};
  jti_add_record(&record);
  return outcome < JTI_FAIL;
}

bool jti_gradient_do(const jti_gradient_problem *p, unsigned backend, const char *what,
                     void (*work)(void *ctx, jti_shared *shared), void *ctx, jti_shared *shared,
                     bool *good) {
  char *end = jti_gradient_run(p, work, ctx, shared);
  bool done = !end && !shared->message[0];
  if (!done) {
    *good = jti_gradient_conclude(p, backend, what, end ? JTI_ERROR : JTI_FAIL, NULL,
                                  end ? end : shared->message);
  }
  free(end);
  return done;
}

static bool refuse(const jti_gradient_problem *p, const char *format, ...) JT_PRINTF(2, 3);

// The check itself is wrong.
static bool refuse(const jti_gradient_problem *p, const char *format, ...) {
  jti_text text = {0};
  va_list args;
  va_start(args, format);
  jti_text_vprintf(&text, format, args);
  va_end(args);
  jti_gradient_conclude(p, 0, NULL, JTI_ERROR, NULL, text.data);
  jti_text_free(&text);
  return false;
}

// ---- Options ------------------------------------------------------------------------------------

static bool is_tolerance(double value) {
  return isfinite(value) && value >= 0;
}

static bool check_options(const jti_gradient_problem *p) {
  const jt_gradient_options *o = &p->options;
  unsigned all = o->skip_backends | o->broken_backends | o->soft_fail | o->ground_truth;
  unsigned both = o->skip_backends & o->broken_backends;
  if (all & ~(unsigned)(JT_ALL | JT_FINITE_DIFFERENCES)) {
    return refuse(p, "an option names a backend that there is not (%#x)", all);
  }
  if (both) {
    return refuse(p, "skip_backends and broken_backends name both: %s",
                  jti_backend_name(both & (~both + 1)));
  }
  if (o->ground_truth & (o->ground_truth - 1)) {
    return refuse(p, "ground_truth names more than one backend");
  }
  if (!is_tolerance(o->atol) || !is_tolerance(o->rtol) || !(o->timeout > 0)) {
    return refuse(p, "atol %g, rtol %g, timeout %g: expected finite numbers that are not negative",
                  o->atol, o->rtol, o->timeout);
  }
  if (o->ground_truth_dtype != JT_F64 && o->ground_truth_dtype != JT_F32) {
    return refuse(p, "ground_truth_dtype %d: expected JT_F64 or JT_F32",
                  (int)o->ground_truth_dtype);
  }
  return true;
}

static void set_options(jti_gradient_problem *p, const jt_gradient_options *given) {
  jt_gradient_options *o = &p->options;
  size_t size = given->size && given->size < sizeof *o ? given->size : sizeof *o;
  memcpy(o, given, size);
  o->size = sizeof *o;
  o->ground_truth_dtype = o->ground_truth_dtype ? o->ground_truth_dtype : JT_F64;
  o->ground_truth = o->ground_truth ? o->ground_truth : JT_FINITE_DIFFERENCES;
  p->truth_is_float = p->leaves.has_float && o->ground_truth_dtype == JT_F32;
  o->atol = o->atol != 0 ? o->atol : p->truth_is_float ? 1e-3 : 1e-8;
  o->rtol = o->rtol != 0 ? o->rtol : p->truth_is_float ? 1e-3 : 1e-6;
  o->fast_above = o->fast_above ? o->fast_above : 1000;
  size_t each = 2 * (jti_count_tangents(&p->leaves) + 1);
  o->directions = o->directions ? o->directions : each > 16 ? each : 16;
  o->timeout = o->timeout != 0 ? o->timeout : 60;
}

// ---- The truth ----------------------------------------------------------------------------------

bool jti_truth_is_recompiled(const jti_gradient_problem *p) {
  return p->leaves.has_float && !p->truth_is_float;
}

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

static void note_skip(const jti_gradient_problem *p, unsigned backend, const char *reason) {
  char *what = title(p, backend, NULL);
  jt_skip_check(p->file, p->line, "%s: %s", what, reason);
  free(what);
}

// Those that are to be run; of the others that the function could have, says why not.
static unsigned choose(const jti_gradient_problem *p) {
  unsigned chosen = 0;
  for (int i = 0; i < BACKENDS; ++i) {
    unsigned backend = backends[i];
    const char *reason = jti_backend_missing(p, backend);
    if (reason && !*reason) {
      continue;
    }
    if (!reason && (p->options.skip_backends & option_bit(backend))) {
      reason = "in skip_backends";
    }
    if (reason) {
      note_skip(p, backend, reason);
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

// A file may have been recompiled for dual numbers and the tape, for Enzyme, or for all.
static void find_recompiled(jti_gradient_problem *p) {
  const char *name = p->name + strspn(p->name, "&( ");
  size_t size = strcspn(name, ") ");
  for (const jt_recompiled *r = recompiled; r; r = r->next) {
    if (r->form != p->form || strlen(r->function) != size || memcmp(r->function, name, size) != 0) {
      continue;
    }
    if (r->enzyme_jvp || r->enzyme_missing) {
      p->enzyme = r;
    }
    if (r->dual_jvp || r->tape_vjp) {
      p->recompiled = r;
    }
  }
}

static bool check_inputs(jti_gradient_problem *p) {
  unsigned truth = p->options.ground_truth;
  const char *missing = truth == JT_FINITE_DIFFERENCES ? NULL : jti_backend_missing(p, truth);
  if (missing) {
    return refuse(p, "ground_truth: the function has no backend \"%s\"%s%s",
                  jti_backend_name(truth), *missing ? ": " : "", missing);
  }
  unsigned chosen = choose(p);
  const char *reason = p->leaves.inputs == 0 ? "every argument is constant or empty"
                       : chosen == 0         ? "no backend is left to compare"
                                             : truth_missing(p);
  if (reason) {
    note_skip(p, 0, reason);
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
  set_options(p, options);
  if (!good) {
    refuse(p, "%s", problem);
  } else if (check_options(p)) {
    double *x = jti_alloc((p->leaves.inputs + 1) * sizeof *x);
    jti_tree *tree = jti_tree_make(&p->args, &p->leaves, JTI_TREE_SAME);
    jti_tree_get(tree, &p->leaves, x);
    p->x = x;
    if (!p->f.kind) {
      find_recompiled(p);
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
