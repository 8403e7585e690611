// Values of the function and what their differences say of its derivatives.
#include "gradient.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- Values -------------------------------------------------------------------------------------

void jti_evaluator_open(jti_evaluator *e, const jti_gradient_problem *p, bool recompiled) {
  jti_tree_type type = recompiled ? JTI_TREE_F64 : JTI_TREE_SAME;
  *e = (jti_evaluator){.p = p,
                       .recompiled = recompiled,
                       .tree = jti_tree_make(&p->args, &p->leaves, type),
                       .before = jti_tree_make(&p->args, &p->leaves, type),
                       .point = jti_alloc((p->leaves.inputs + 1) * sizeof(double))};
}

void jti_evaluator_close(jti_evaluator *e) {
  jti_tree_free(e->tree);
  jti_tree_free(e->before);
  free(e->point);
  free(e->problem);
}

static void note(jti_evaluator *e, const char *format, ...) JT_PRINTF(2, 3);

static void note(jti_evaluator *e, const char *format, ...) {
  if (e->problem) {
    return;
  }
  jti_text text = {0};
  va_list args;
  va_start(args, format);
  jti_text_vprintf(&text, format, args);
  va_end(args);
  e->problem = text.data;
}

static double call(jti_evaluator *e) {
  const jti_gradient_problem *p = e->p;
  const jt_args *args = &e->tree->args;
  double value = NAN;
  const char *why = NULL;
  if (e->recompiled) {
    why = p->recompiled->value(args, p->ctx, &value);
  } else if (p->form == JT_FORM_FLAT) {
    value = p->flat(args->items[0].data, args->items[0].count, p->ctx);
  } else if (p->form == JT_FORM_FLAT_F) {
    value = (double)p->flat_f(args->items[0].data, args->items[0].count, p->ctx);
  } else if (p->f.kind) {
    why = p->f.kind->value(p->f.object, args, &value);
  } else {
    value = p->f.plain(args);
  }
  if (why) {
    note(e, "%s", why);
    value = NAN;
  }
  return value;
}

double jti_evaluate(jti_evaluator *e, const double *x) {
  const jti_leaves *leaves = &e->p->leaves;
  jti_tree_put(e->tree, leaves, x);
  double value = call(e);
  size_t element;
  const jti_leaf *changed = jti_tree_change(e->tree, e->before, leaves, x, &element);
  if (changed) {
    note(e, "it wrote into its arguments: element %zu of \"%s\" has changed", element,
         changed->path);
    return NAN;
  }
  const jti_leaf *overrun = jti_tree_overrun(e->tree, leaves);
  if (overrun) {
    note(e, "it wrote beyond the ends of \"%s\"", overrun->path);
    return NAN;
  }
  return value;
}

// ---- Central differences ------------------------------------------------------------------------

static double epsilon(const jti_evaluator *e) {
  return e->p->truth_is_float ? (double)FLT_EPSILON : DBL_EPSILON;
}

// What the function sees of a number.
static double seen(const jti_evaluator *e, double x) {
  return e->p->truth_is_float ? (double)(float)x : x;
}

// The value where one input, or all along a direction, is moved by `step`; *moved is by how much it
// was, after rounding.
static double value_beside(jti_evaluator *e, const double *direction, size_t input, double step,
                           double *moved) {
  const double *x = e->p->x;
  size_t inputs = e->p->leaves.inputs;
  memcpy(e->point, x, inputs * sizeof *x);
  *moved = step;
  if (direction) {
    for (size_t i = 0; i < inputs; ++i) {
      e->point[i] = x[i] + step * direction[i];
    }
  } else {
    e->point[input] = seen(e, x[input] + step);
    *moved = e->point[input] - x[input];
  }
  return jti_evaluate(e, e->point);
}

static double difference(jti_evaluator *e, const double *direction, size_t input, double h) {
  double right, left;
  double above = value_beside(e, direction, input, h, &right);
  double below = value_beside(e, direction, input, -h, &left);
  return (above - below) / (right - left);
}

// How large the input is, or those that the direction moves are together.
static double size_of(const jti_evaluator *e, const double *direction, size_t input) {
  if (!direction) {
    return fabs(e->p->x[input]);
  }
  double sum = 0;
  for (size_t i = 0; i < e->p->leaves.inputs; ++i) {
    sum += fabs(direction[i]) > 0 ? e->p->x[i] * e->p->x[i] : 0;
  }
  return sqrt(sum);
}

static double scale_of(const jti_evaluator *e, const double *direction, size_t input) {
  return fmax(1, size_of(e, direction, input));
}

double jti_central(jti_evaluator *e, const double *direction, size_t input) {
  double h = cbrt(epsilon(e)) * scale_of(e, direction, input);
  double found = difference(e, direction, input, h);
  // Near the end of a domain a smaller step may stay inside.
  for (int i = 0; i < 6 && !isfinite(found) && !e->problem; ++i) {
    h /= 10;
    found = difference(e, direction, input, h);
  }
  return found;
}

// ---- Ridders' method ----------------------------------------------------------------------------

enum { STEPS = 14 };

typedef struct estimate {
  double value, error;  // infinite: there is none
} estimate;

// How much the values scatter beside x: from sixth differences of values at close points, to which
// a smooth function adds nothing (J. More, S. Wild, Estimating computational noise, SIAM J. Sci.
// Comput. 33 (2011)).
static double noise_at(jti_evaluator *e, const double *direction, size_t input, double step) {
  enum { POINTS = 13, MIDDLE = 6, ORDER = 6 };
  double values[POINTS];
  for (int i = 0; i < POINTS; ++i) {
    double moved;
    values[i] = value_beside(e, direction, input, (i - MIDDLE) * step, &moved);
  }
  for (int k = 1; k <= ORDER; ++k) {
    for (int i = 0; i + k < POINTS; ++i) {
      values[i] = values[i + 1] - values[i];
    }
  }
  double sum = 0;
  for (int i = 0; i + ORDER < POINTS; ++i) {
    sum += values[i] * values[i];
  }
  const double factor = 518400.0 / 479001600.0;  // (6!)^2 / 12!
  double noise = sqrt(factor * sum / (POINTS - ORDER));
  return isfinite(noise) ? noise : 0;
}

// Beside a small input a function may bend within the usual step: what is left of the noise with a
// step in proportion to it is noise.
static double noise_of(jti_evaluator *e, const double *direction, size_t input) {
  double step = e->p->truth_is_float ? 1e-3 : 1e-6;
  double x = size_of(e, direction, input);
  double noise = noise_at(e, direction, input, step * scale_of(e, direction, input));
  return x > 0 && x < 1 ? fmin(noise, noise_at(e, direction, input, step * x)) : noise;
}

// C. J. F. Ridders, Accurate computation of F'(x) and F'(x) F''(x), Adv. Eng. Software 4 (1982):
// central differences of steps that shrink from `h`, extrapolated to zero. All steps are taken:
// stopping where the error first grows is cheaper and sometimes wrong. Values that scatter by
// `noise` leave an error that entries which agree by chance do not show.
static estimate ridders(jti_evaluator *e, const double *direction, size_t input, double h,
                        double noise) {
  const double shrink = 2;
  double table[STEPS][STEPS];
  estimate best = {NAN, INFINITY};
  for (int i = 0; i < 60 && !isfinite(difference(e, direction, input, h)); ++i) {
    h /= shrink;
  }
  for (int i = 0; i < STEPS; ++i, h /= shrink) {
    table[0][i] = difference(e, direction, input, h);
    double factor = shrink * shrink;
    for (int k = 1; k <= i; ++k, factor *= shrink * shrink) {
      table[k][i] = (table[k - 1][i] * factor - table[k - 1][i - 1]) / (factor - 1);
      double error =
          fmax(fabs(table[k][i] - table[k - 1][i]), fabs(table[k][i] - table[k - 1][i - 1]));
      error = fmax(error, 2 * noise / h);
      if (error < best.error) {
        best = (estimate){table[k][i], error};
      }
    }
  }
  return best;
}

static double allowed_for(const jti_evaluator *e, estimate one) {
  return one.error + jti_gradient_tolerance(e->p, one.value);
}

// From wide steps and from narrow ones. Steps that reach across a pole or a kink agree among
// themselves on what is not the derivative: where the narrow ones are sure, too, and disagree, they
// are believed.
static estimate extrapolate(jti_evaluator *e, const double *direction, size_t input) {
  double scale = scale_of(e, direction, input);
  double x = size_of(e, direction, input);
  double starts[] = {0.25 * scale, 4e-3 * scale, 1e-5 * scale, 0.25 * x};
  double noise = noise_of(e, direction, input);
  estimate best = ridders(e, direction, input, starts[0], noise);
  for (int i = 1; i < 4; ++i) {
    if (starts[i] >= starts[i - 1] || starts[i] < 1e3 * DBL_MIN) {
      continue;
    }
    estimate next = ridders(e, direction, input, starts[i], noise);
    bool sure = next.error <= jti_gradient_tolerance(e->p, next.value);
    bool apart = fabs(next.value - best.value) > allowed_for(e, next) + best.error;
    if (next.error < best.error || !isfinite(best.value) || (sure && apart)) {
      best = next;
    }
  }
  return best;
}

// ---- One-sided slopes ---------------------------------------------------------------------------

// On one side, with a step and with a sixteenth of it.
typedef struct side {
  double wide, close;
} side;

static side look_to(jti_evaluator *e, const double *direction, size_t input, double here,
                    double h) {
  double moved;
  double beside = value_beside(e, direction, input, h, &moved);
  side found = {.wide = (beside - here) / moved};
  beside = value_beside(e, direction, input, h / 16, &moved);
  found.close = (beside - here) / moved;
  return found;
}

// Of a smooth function the slopes of the two sides grow equal as the step shrinks; at a kink they
// stay apart, each with a limit of its own.
static void look_for_kink(jti_evaluator *e, const double *direction, size_t input,
                          jti_slope *slope) {
  double h = sqrt(epsilon(e)) * 1e3 * scale_of(e, direction, input);
  double here = jti_evaluate(e, e->p->x);
  side right = look_to(e, direction, input, here, h);
  side left = look_to(e, direction, input, here, -h);
  slope->right = right.close;
  slope->left = left.close;
  double apart = fabs(right.close - left.close);
  double noise = 256 * epsilon(e) * fmax(fabs(here), DBL_MIN) / h;
  double steepest = fmax(fabs(slope->left), fabs(slope->right));
  bool steady =
      fabs(right.close - right.wide) < apart / 4 && fabs(left.close - left.wide) < apart / 4;
  slope->kink = steady && apart > noise && apart > jti_gradient_tolerance(e->p, steepest);
}

// Close to a kink, too, the function is smooth for a step that is small enough.
static void look_closely(jti_evaluator *e, const double *direction, size_t input,
                         jti_slope *slope) {
  double h = epsilon(e) * 5e7 * scale_of(e, direction, input);
  double here = jti_evaluate(e, e->p->x);
  double moved;
  double beside = value_beside(e, direction, input, h, &moved);
  slope->close_right = (beside - here) / moved;
  beside = value_beside(e, direction, input, -h, &moved);
  slope->close_left = (beside - here) / moved;
  slope->close_error = 8 * epsilon(e) * fabs(here) / h;
}

jti_slope jti_slope_of(jti_evaluator *e, const double *direction, size_t input) {
  jti_slope slope = {.central = jti_central(e, direction, input)};
  estimate best = extrapolate(e, direction, input);
  slope.value = best.value;
  slope.error = best.error;
  look_for_kink(e, direction, input, &slope);
  look_closely(e, direction, input, &slope);
  return slope;
}
