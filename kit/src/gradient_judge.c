// Got beside want: right, wrong, or nothing to be told.
#include "gradient.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORST = 10 };

// An input, or a direction, whose derivatives differ.
typedef struct mismatch {
  size_t input;
  const double *direction;  // NULL: an input
  double got, want;
  double excess;  // the difference in units of what is allowed
  jti_slope slope;
  jti_verdict verdict;
} mismatch;

static bool agree(const jti_gradient_problem *p, double got, double want) {
  return isfinite(got) && fabs(got - want) <= jti_gradient_tolerance(p, want);
}

static bool uses_differences(const jti_gradient_problem *p) {
  return p->options.ground_truth == JT_FINITE_DIFFERENCES;
}

// ---- A closer look ------------------------------------------------------------------------------

// What the slopes at an input say of a derivative that is not the central difference.
static jti_verdict judge_slope(const jti_gradient_problem *p, double got, const jti_slope *slope) {
  double near = jti_gradient_tolerance(p, got) + slope->close_error;
  if (fabs(got - slope->close_left) <= near && fabs(got - slope->close_right) <= near) {
    return JTI_RIGHT;
  }
  if (!isfinite(got)) {
    return slope->kink || !isfinite(slope->value) ? JTI_UNTOLD : JTI_WRONG;
  }
  if (slope->kink || !isfinite(slope->value)) {
    return JTI_UNTOLD;
  }
  double off = fabs(got - slope->value);
  double allowed = jti_gradient_tolerance(p, slope->value);
  if (slope->error <= allowed) {
    return off <= allowed + slope->error ? JTI_RIGHT : JTI_WRONG;
  }
  return off <= 10 * slope->error ? JTI_UNTOLD : JTI_WRONG;
}

typedef struct look {
  const jti_gradient_problem *p;
  mismatch *items;
  size_t count;
} look;

// In a child process: the numbers of a slope, one after another, for each mismatch.
enum { SLOPE_NUMBERS = sizeof(jti_slope) / sizeof(double) + 1 };

static void look_closer(void *ctx, jti_shared *shared) {
  const look *l = ctx;
  jti_evaluator e;
  jti_evaluator_open(&e, l->p, jti_truth_is_recompiled(l->p));
  for (size_t i = 0; i < l->count; ++i) {
    jti_slope slope = jti_slope_of(&e, l->items[i].direction, l->items[i].input);
    memcpy(&shared->data[i * SLOPE_NUMBERS], &slope, sizeof slope);
  }
  if (e.problem) {
    jti_shared_say(shared, "%s", e.problem);
  }
  jti_evaluator_close(&e);
}

static char *examine(const jti_gradient_problem *p, mismatch *items, size_t count) {
  if (!uses_differences(p)) {
    return NULL;
  }
  look l = {p, items, count};
  jti_shared *shared = jti_shared_make(count * SLOPE_NUMBERS);
  char *problem = jti_gradient_run(p, look_closer, &l, shared);
  if (!problem && shared->message[0]) {
    problem = jti_copy(shared->message);
  }
  for (size_t i = 0; i < count && !problem; ++i) {
    memcpy(&items[i].slope, &shared->data[i * SLOPE_NUMBERS], sizeof items[i].slope);
    items[i].verdict = judge_slope(p, items[i].got, &items[i].slope);
    if (items[i].verdict == JTI_WRONG && isfinite(items[i].slope.value)) {
      items[i].want = items[i].slope.value;
      items[i].excess =
          fabs(items[i].got - items[i].want) / jti_gradient_tolerance(p, items[i].want);
    }
  }
  jti_shared_free(shared);
  return problem;
}

// ---- Words --------------------------------------------------------------------------------------

static int by_excess(const void *left, const void *right) {
  const mismatch *a = left;
  const mismatch *b = right;
  if (a->verdict != b->verdict) {
    return a->verdict > b->verdict ? -1 : 1;
  }
  double x = isnan(a->excess) ? INFINITY : a->excess;
  double y = isnan(b->excess) ? INFINITY : b->excess;
  return x > y ? -1 : x < y ? 1 : a->input < b->input ? -1 : 1;
}

static char *number(double value) {
  jti_text text = {0};
  jti_text_printf(&text, "%.10g", value);
  return text.data;
}

static void put_wrong(jti_text *text, const jti_gradient_problem *p, const mismatch *m) {
  char *name = jti_leaves_name(&p->leaves, m->input);
  jti_text_printf(text, "\n  %-24s got %-18.10g want %-18.10g relative error %.3g", name, m->got,
                  m->want, fabs(m->got - m->want) / fabs(m->want));
  free(name);
}

static void put_untold(jti_text *text, const jti_gradient_problem *p, const mismatch *m) {
  char *name = jti_leaves_name(&p->leaves, m->input);
  jti_text_printf(text, "\n  %-24s got %-12.6g ", name, m->got);
  if (m->slope.kink) {
    jti_text_printf(text, "a kink: the slope is %.6g to the left, %.6g to the right", m->slope.left,
                    m->slope.right);
  } else if (!isfinite(m->slope.value)) {
    jti_text_printf(text, "the function is not finite beside it");
  } else {
    jti_text_printf(text, "noise: differences say %.6g, or %.6g give or take %.2g",
                    m->slope.central, m->slope.value, m->slope.error);
  }
  free(name);
}

static void describe(const jti_gradient_problem *p, const mismatch *items, size_t count,
                     jti_judgement *judgement) {
  jti_text text = {0};
  size_t same = 0;
  judgement->verdict = items[0].verdict;
  while (same < count && items[same].verdict == items[0].verdict) {
    ++same;
  }
  bool wrong = items[0].verdict == JTI_WRONG;
  jti_text_printf(&text,
                  wrong ? "%zu of %zu derivatives are wrong"
                        : "%zu of %zu derivatives cannot be told, for a kink or noise is "
                          "there; this is no wrong gradient",
                  same, p->leaves.inputs);
  for (size_t i = 0; i < same && i < WORST; ++i) {
    if (wrong) {
      put_wrong(&text, p, &items[i]);
    } else {
      put_untold(&text, p, &items[i]);
    }
  }
  if (same > WORST) {
    jti_text_printf(&text, "\n  and %zu more", same - WORST);
  }
  judgement->message = text.data;
  judgement->got = number(items[0].got);
  judgement->want = number(items[0].want);
}

static size_t find_mismatches(const jti_gradient_problem *p, const double *got, const double *want,
                              size_t count, const double *directions, mismatch *items) {
  size_t found = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!agree(p, got[i], want[i])) {
      double excess = fabs(got[i] - want[i]) / jti_gradient_tolerance(p, want[i]);
      items[found++] =
          (mismatch){.input = i,
                     .direction = directions ? directions + i * p->leaves.inputs : NULL,
                     .got = got[i],
                     .want = want[i],
                     .excess = excess,
                     .verdict = JTI_WRONG};
    }
  }
  return found;
}

// ---- Whole gradients ----------------------------------------------------------------------------

jti_judgement jti_judge_gradient(const jti_gradient_problem *p, const double *got,
                                 const double *want) {
  jti_judgement judgement = {0};
  mismatch *items = jti_alloc((p->leaves.inputs + 1) * sizeof *items);
  size_t count = find_mismatches(p, got, want, p->leaves.inputs, NULL, items);
  judgement.problem = count ? examine(p, items, count) : NULL;
  if (count && !judgement.problem) {
    qsort(items, count, sizeof *items, by_excess);
    if (items[0].verdict != JTI_RIGHT) {
      describe(p, items, count, &judgement);
    }
  }
  free(items);
  return judgement;
}

// ---- Directions ---------------------------------------------------------------------------------

// The search for the input behind a derivative that is wrong along a direction.
typedef struct hunt {
  const jti_gradient_problem *p;
  unsigned backend;
  const double *direction;
} hunt;

static double along(const hunt *h, jti_evaluator *e, const double *part, jti_shared *shared) {
  double got = NAN;
  char *problem = jti_backend_along(h->p, h->backend, h->p->x, part, 1, &got);
  if (problem) {
    jti_shared_say(shared, "%s", problem);
    free(problem);
  }
  return fabs(got - jti_central(e, part, 0));
}

// Halves the inputs again and again, and keeps the half that is more wrong.
static void search(void *ctx, jti_shared *shared) {
  const hunt *h = ctx;
  size_t first = 0;
  size_t end = h->p->leaves.inputs;
  double *part = jti_alloc(end * sizeof *part);
  jti_evaluator e;
  jti_evaluator_open(&e, h->p, jti_truth_is_recompiled(h->p));
  while (end - first > 1 && !shared->message[0] && !e.problem) {
    size_t middle = first + (end - first) / 2;
    double error[2];
    for (int half = 0; half < 2; ++half) {
      memset(part, 0, h->p->leaves.inputs * sizeof *part);
      size_t from = half ? middle : first;
      size_t to = half ? end : middle;
      memcpy(part + from, h->direction + from, (to - from) * sizeof *part);
      error[half] = along(h, &e, part, shared);
    }
    bool right = error[1] > error[0] || isnan(error[1]);
    first = right ? middle : first;
    end = right ? end : middle;
  }
  memset(part, 0, h->p->leaves.inputs * sizeof *part);
  part[first] = 1;
  char *problem = jti_backend_along(h->p, h->backend, h->p->x, part, 1, &shared->data[1]);
  free(problem);
  shared->value = (double)first;
  jti_slope slope = jti_slope_of(&e, NULL, first);
  memcpy(&shared->data[2], &slope, sizeof slope);
  jti_evaluator_close(&e);
  free(part);
}

static void blame(const jti_gradient_problem *p, unsigned backend, const double *direction,
                  jti_judgement *judgement, jti_text *text) {
  hunt h = {p, backend, direction};
  jti_shared *shared = jti_shared_make(2 + SLOPE_NUMBERS);
  char *problem = jti_gradient_run(p, search, &h, shared);
  if (problem) {
    jti_text_printf(text, "\n  (looking for the input: %s)", problem);
  } else {
    mismatch m = {.input = (size_t)shared->value, .got = shared->data[1]};
    memcpy(&m.slope, &shared->data[2], sizeof m.slope);
    m.want = m.slope.value;
    m.verdict = judge_slope(p, m.got, &m.slope);
    if (m.verdict == JTI_WRONG) {
      put_wrong(text, p, &m);
    } else if (m.verdict == JTI_UNTOLD) {
      put_untold(text, p, &m);
      judgement->verdict = JTI_UNTOLD;
    }
  }
  free(problem);
  jti_shared_free(shared);
}

static void describe_directions(const jti_gradient_problem *p, unsigned backend,
                                const mismatch *items, size_t found, size_t count,
                                jti_judgement *judgement) {
  jti_text text = {0};
  size_t same = 0;
  while (same < found && items[same].verdict == items[0].verdict) {
    ++same;
  }
  judgement->verdict = items[0].verdict;
  bool wrong = items[0].verdict == JTI_WRONG;
  jti_text_printf(&text, "derivatives along %zu of %zu random directions of all %zu inputs %s",
                  same, count, p->leaves.inputs,
                  wrong
                      ? "are wrong"
                      : "cannot be told, for a kink or noise is there; this is no wrong gradient");
  if (uses_differences(p) && wrong) {
    blame(p, backend, items[0].direction, judgement, &text);
  }
  judgement->message = text.data;
  judgement->got = number(items[0].got);
  judgement->want = number(items[0].want);
}

jti_judgement jti_judge_along(const jti_gradient_problem *p, unsigned backend,
                              const double *directions, size_t count, const double *got,
                              const double *want) {
  jti_judgement judgement = {0};
  mismatch *items = jti_alloc((count + 1) * sizeof *items);
  size_t found = find_mismatches(p, got, want, count, directions, items);
  qsort(items, found, sizeof *items, by_excess);
  // The worst first: one that is wrong is enough, and each look takes a hundred values.
  for (size_t i = 0; i < found && !judgement.problem; ++i) {
    judgement.problem = examine(p, &items[i], 1);
    if (items[i].verdict == JTI_WRONG) {
      break;
    }
  }
  if (found && !judgement.problem) {
    qsort(items, found, sizeof *items, by_excess);
    if (items[0].verdict != JTI_RIGHT) {
      describe_directions(p, backend, items, found, count, &judgement);
    }
  }
  free(items);
  return judgement;
}
