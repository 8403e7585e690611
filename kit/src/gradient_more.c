// What can be asked beyond the gradient at one point.
#include "gradient.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// A piece of work on one backend, as all of these are.
typedef struct job {
  const jti_gradient_problem *p;
  unsigned backend;
  const double *points;  // of special values, one after another
  size_t count;
} job;

static void say(jti_shared *shared, char *problem) {
  if (problem && !shared->message[0]) {
    jti_shared_say(shared, "%s", problem);
  }
  free(problem);
}

static double dot(const double *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

// How large such a sum's terms are: rounding errors are in proportion.
static double dot_size(const double *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += fabs(a[i] * b[i]);
  }
  return sum;
}

// Whether the work was done: whether its numbers can be compared.
static bool run(job *j, const char *what, void (*work)(void *ctx, jti_shared *shared),
                jti_shared *shared, bool *good) {
  return jti_gradient_do(j->p, j->backend, what, work, j, shared, good);
}

static bool conclude(const job *j, const char *what, bool right, const char *message) {
  return jti_gradient_conclude(j->p, j->backend, what, right ? JTI_PASS : JTI_FAIL, NULL, message);
}

// ---- Forward beside reverse ---------------------------------------------------------------------

static void work_on_dot(void *ctx, jti_shared *shared) {
  const job *j = ctx;
  size_t n = j->p->leaves.inputs;
  double *direction = jti_alloc(2 * n * sizeof *direction);
  double *gradient = direction + n;
  jti_gradient_direction(j->p, JTI_ALL_TOGETHER, direction);
  say(shared, jti_backend_along(j->p, JT_FORWARD, j->p->x, direction, 1, &shared->data[0]));
  say(shared, jti_backend_gradient(j->p, JT_REVERSE, j->p->x, gradient));
  shared->data[1] = dot(gradient, direction, n);
  shared->data[2] = dot_size(gradient, direction, n);
  free(direction);
}

bool jti_gradient_dot(const jti_gradient_problem *p) {
  static const char what[] = "forward beside reverse";
  unsigned both = JT_FORWARD | JT_REVERSE;
  if (p->options.skip_backends & both || p->options.broken_backends & both) {
    return true;
  }
  job j = {.p = p, .backend = JT_REVERSE};
  jti_shared *shared = jti_shared_make(3);
  bool good = true;
  if (run(&j, what, work_on_dot, shared, &good)) {
    double forward = shared->data[0];
    double reverse = shared->data[1];
    double allowed =
        (p->leaves.has_float ? 64 * (double)FLT_EPSILON : 1e-10) * fmax(shared->data[2], DBL_MIN);
    jti_text text = {0};
    jti_text_printf(&text,
                    "along a random direction forward says %.17g, reverse %.17g: at most %.3g may "
                    "be between them",
                    forward, reverse, allowed);
    good = conclude(&j, what, fabs(forward - reverse) <= allowed, text.data);
    jti_text_free(&text);
  }
  jti_shared_free(shared);
  return good;
}

// ---- Second derivatives -------------------------------------------------------------------------

// The product with the second derivative as a central difference of the backend's own gradients.
static char *differences_of_gradients(const job *j, const double *direction, double *product) {
  const jti_gradient_problem *p = j->p;
  size_t n = p->leaves.inputs;
  double h = cbrt(DBL_EPSILON) * fmax(1, sqrt(dot(p->x, p->x, n)));
  double *point = jti_alloc(2 * n * sizeof *point);
  double *below = point + n;
  char *problem = NULL;
  for (int side = 1; side >= -1 && !problem; side -= 2) {
    for (size_t i = 0; i < n; ++i) {
      point[i] = p->x[i] + side * h * direction[i];
    }
    problem = jti_backend_gradient(p, j->backend, point, side > 0 ? product : below);
  }
  for (size_t i = 0; i < n; ++i) {
    product[i] = (product[i] - below[i]) / (2 * h);
  }
  free(point);
  return problem;
}

// Hu, its difference, and the two inner products that symmetry makes equal, with their size.
static void work_on_products(void *ctx, jti_shared *shared) {
  const job *j = ctx;
  size_t n = j->p->leaves.inputs;
  double *u = jti_alloc(3 * n * sizeof *u);
  double *v = u + n;
  double *other = v + n;
  jti_gradient_direction(j->p, JTI_ALL_TOGETHER + 1, u);
  jti_gradient_direction(j->p, JTI_ALL_TOGETHER + 2, v);
  double *product = shared->data;
  say(shared, jti_backend_product(j->p, j->backend, j->p->x, u, product));
  say(shared, differences_of_gradients(j, u, product + n));
  say(shared, jti_backend_product(j->p, j->backend, j->p->x, v, other));
  shared->data[2 * n] = dot(product, v, n);
  shared->data[2 * n + 1] = dot(other, u, n);
  shared->data[2 * n + 2] = dot_size(product, v, n) + dot_size(other, u, n);
  free(u);
}

static bool compare_products(const job *j, const double *data) {
  const jti_gradient_problem *p = j->p;
  size_t n = p->leaves.inputs;
  size_t worst = 0;
  double largest = 0;
  double size = sqrt(dot(data, data, n));
  for (size_t i = 0; i < n; ++i) {
    double off = fabs(data[i] - data[n + i]);
    if (!(off <= largest)) {
      largest = off;
      worst = i;
    }
  }
  // Differences of gradients lose a third of the digits; entries are judged beside the whole.
  double allowed = fmax(p->options.atol, 1e-6 * size) + 1e-5 * fabs(data[n + worst]);
  double apart = fabs(data[2 * n] - data[2 * n + 1]);
  bool right = largest <= allowed;
  bool symmetric = apart <= 1e-9 * data[2 * n + 2] + p->options.atol;
  char *name = jti_leaves_name(&p->leaves, worst);
  jti_text text = {0};
  if (!right) {
    jti_text_printf(&text,
                    "the product with a random direction is wrong at %s: got %.10g, want %.10g",
                    name, data[worst], data[n + worst]);
  } else {
    jti_text_printf(&text, "it is not symmetric: v'Hu is %.17g, u'Hv %.17g", data[2 * n],
                    data[2 * n + 1]);
  }
  bool good = conclude(j, "second order", right && symmetric, text.data);
  jti_text_free(&text);
  free(name);
  return good;
}

static bool has_products(const jti_gradient_problem *p, unsigned backend) {
  return (backend == JT_REVERSE && p->f.kind->hvp) ||
         (backend == JT_TAPE && p->recompiled->tape_hvp);
}

bool jti_gradient_second_order(const jti_gradient_problem *p, unsigned backends) {
  static const unsigned candidates[] = {JT_REVERSE, JT_TAPE};
  bool good = true;
  size_t done = 0;
  for (size_t i = 0; i < 2; ++i) {
    job j = {.p = p, .backend = candidates[i]};
    if (!(backends & j.backend) || !has_products(p, j.backend)) {
      continue;
    }
    jti_shared *shared = jti_shared_make(2 * p->leaves.inputs + 3);
    bool fine = true;
    if (run(&j, "second order", work_on_products, shared, &fine)) {
      fine = compare_products(&j, shared->data);
    }
    jti_shared_free(shared);
    good = fine && good;
    ++done;
  }
  if (!done) {
    jt_skip_check(p->file, p->line,
                  "%s: second order: no backend has products with the second derivative", p->name);
  }
  return good;
}

// ---- Special values -----------------------------------------------------------------------------

enum { SPECIAL_INPUTS = 32 };
static const double specials[] = {0.0, -0.0, 0x1p-1074, -0x1p-1074, INFINITY, -INFINITY, NAN};
enum { SPECIALS = sizeof specials / sizeof *specials };

static void work_on_special_values(void *ctx, jti_shared *shared) {
  const job *j = ctx;
  size_t n = j->p->leaves.inputs;
  for (size_t k = 0; k < j->count; ++k) {
    say(shared, jti_backend_gradient(j->p, j->backend, j->points + k * n, shared->data + k * n));
  }
}

static bool same(double a, double b) {
  if (!isfinite(a) || !isfinite(b)) {
    return (isnan(a) && isnan(b)) || (isinf(a) && isinf(b) && signbit(a) == signbit(b));
  }
  return fabs(a - b) <= 1e-9 + 1e-6 * fmax(fabs(a), fabs(b));
}

// Where an input's own derivative is not finite, forward mode makes 0 x NaN of the others.
static bool excused(double got, double want, double own_got, double own_want) {
  return (isnan(got) || isnan(want)) && !isfinite(own_got) && !isfinite(own_want);
}

static bool compare_special(const job *j, unsigned first, const double *got, const double *want) {
  const jti_gradient_problem *p = j->p;
  size_t n = p->leaves.inputs;
  size_t differ = 0;
  jti_text text = {0};
  for (size_t i = 0; i < j->count * n; ++i) {
    size_t point = i / n;
    size_t own = point * n + point / SPECIALS;
    if (same(got[i], want[i]) || excused(got[i], want[i], got[own], want[own]) || ++differ > 10) {
      continue;
    }
    char *moved = jti_leaves_name(&p->leaves, point / SPECIALS);
    char *input = jti_leaves_name(&p->leaves, i % n);
    jti_text_printf(&text, "%sat %s = %g the derivative of %s is %.10g, of backend \"%s\" %.10g",
                    text.size ? "\n  " : "", moved, specials[point % SPECIALS], input, got[i],
                    jti_backend_name(first), want[i]);
    free(moved);
    free(input);
  }
  bool good = conclude(j, "special values", differ == 0, text.data);
  jti_text_free(&text);
  return good;
}

static double *special_points(const jti_gradient_problem *p, size_t *count) {
  size_t n = p->leaves.inputs;
  size_t inputs = n < SPECIAL_INPUTS ? n : SPECIAL_INPUTS;
  *count = inputs * SPECIALS;
  double *points = jti_alloc(*count * n * sizeof *points);
  for (size_t k = 0; k < *count; ++k) {
    memcpy(points + k * n, p->x, n * sizeof *points);
    points[k * n + k / SPECIALS] = specials[k % SPECIALS];
  }
  return points;
}

bool jti_gradient_special_values(const jti_gradient_problem *p, unsigned backends) {
  size_t count;
  double *points = special_points(p, &count);
  jti_shared *first = NULL;
  unsigned first_backend = 0;
  bool good = true;
  size_t compared = 0;
  for (unsigned backend = 1; backend <= JTI_ENZYME_REVERSE; backend *= 2) {
    if (!(backends & backend)) {
      continue;
    }
    job j = {.p = p, .backend = backend, .points = points, .count = count};
    jti_shared *shared = jti_shared_make(count * p->leaves.inputs);
    bool fine = true;
    bool done = run(&j, "special values", work_on_special_values, shared, &fine);
    if (done && first) {
      fine = compare_special(&j, first_backend, shared->data, first->data);
      ++compared;
    }
    good = fine && good;
    if (done && !first) {
      first = shared;
      first_backend = backend;
    } else {
      jti_shared_free(shared);
    }
  }
  if (first && !compared) {
    jt_skip_check(p->file, p->line, "%s: special values: there is one backend only", p->name);
  }
  jti_shared_free(first);
  free(points);
  return good;
}
