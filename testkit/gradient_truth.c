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
  jti_tree_put(e->before, leaves, x);
  double value = call(e);
  size_t element;
  const jti_leaf *changed = jti_tree_difference(e->tree, e->before, leaves, &element);
  if (changed) {
    note(e, "it wrote into its arguments: element %zu of \"%s\" has changed", element,
         changed->path);
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

static double scale_of(const jti_evaluator *e, const double *direction, size_t input) {
  if (!direction) {
    return fmax(1, fabs(e->p->x[input]));
  }
  double sum = 0;
  for (size_t i = 0; i < e->p->leaves.inputs; ++i) {
    sum += e->p->x[i] * e->p->x[i];
  }
  return fmax(1, sqrt(sum));
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

// C. J. F. Ridders, Accurate computation of F'(x) and F'(x) F''(x), Adv. Eng. Software 4 (1982):
// central differences of steps that shrink, extrapolated to zero. All steps are taken: stopping
// where the error first grows is cheaper and sometimes wrong.
static void ridders(jti_evaluator *e, size_t input, jti_slope *slope) {
  double shrink = 2;
  double table[STEPS][STEPS];
  double h = 0.25 * scale_of(e, NULL, input);
  slope->value = NAN;
  slope->error = INFINITY;
  for (int i = 0; i < 60 && !isfinite(difference(e, NULL, input, h)); ++i) {
    h /= shrink;
  }
  for (int i = 0; i < STEPS; ++i, h /= shrink) {
    table[0][i] = difference(e, NULL, input, h);
    double factor = shrink * shrink;
    for (int k = 1; k <= i; ++k, factor *= shrink * shrink) {
      table[k][i] = (table[k - 1][i] * factor - table[k - 1][i - 1]) / (factor - 1);
      double error =
          fmax(fabs(table[k][i] - table[k - 1][i]), fabs(table[k][i] - table[k - 1][i - 1]));
      if (error < slope->error) {
        slope->error = error;
        slope->value = table[k][i];
      }
    }
  }
}

// ---- One-sided slopes ---------------------------------------------------------------------------

static double one_sided(jti_evaluator *e, double here, size_t input, double h) {
  double moved;
  double beside = value_beside(e, NULL, input, h, &moved);
  return (beside - here) / moved;
}

// Of a smooth function the two slopes grow equal as the step shrinks; at a kink they stay apart.
static void look_for_kink(jti_evaluator *e, size_t input, jti_slope *slope) {
  double h = sqrt(epsilon(e)) * 1e3 * scale_of(e, NULL, input);
  double here = jti_evaluate(e, e->p->x);
  double wide = one_sided(e, here, input, h) - one_sided(e, here, input, -h);
  slope->right = one_sided(e, here, input, h / 16);
  slope->left = one_sided(e, here, input, -h / 16);
  double close = slope->right - slope->left;
  double noise = 16 * epsilon(e) * fmax(fabs(here), DBL_MIN) / (h / 16);
  double steepest = fmax(fabs(slope->left), fabs(slope->right));
  slope->kink = fabs(close) > fabs(wide) / 2 && fabs(close) > noise &&
                fabs(close) > jti_gradient_tolerance(e->p, steepest);
}

jti_slope jti_slope_of(jti_evaluator *e, size_t input) {
  jti_slope slope = {.central = jti_central(e, NULL, input)};
  ridders(e, input, &slope);
  look_for_kink(e, input, &slope);
  return slope;
}
