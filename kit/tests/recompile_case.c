#include "recompile_case.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- In place of the kit's gradient checks, so that the parts are tested apart ---

static jt_recompiled *registered;

void jt_register_recompiled(jt_recompiled *function) {
  function->next = registered;
  registered = function;
}

const jt_arg *jt_find(const jt_args *args, const char *path) {
  size_t length = strcspn(path, ".");
  for (size_t i = 0; i < args->count; ++i) {
    const jt_arg *arg = &args->items[i];
    if (strlen(arg->name) == length && strncmp(arg->name, path, length) == 0) {
      return path[length] ? jt_find(&(jt_args){arg->data, arg->count}, path + length + 1) : arg;
    }
  }
  return NULL;
}

void *jt_data(const jt_args *args, const char *path) {
  return jt_find(args, path)->data;
}

size_t jt_count(const jt_args *args, const char *path) {
  return jt_find(args, path)->count;
}

jt_arg jt_constant(jt_arg arg) {
  arg.constant = true;
  return arg;
}

jt_arg jt_shaped(jt_arg arg, size_t rank, const size_t *shape) {
  arg.rank = rank;
  memcpy(arg.shape, shape, rank * sizeof *shape);
  return arg;
}

// ---- Trees ---

static const jt_recompiled *find(const char *name, bool enzyme) {
  const jt_recompiled *f = registered;
  while (f && (strcmp(f->function, name) != 0 || enzyme != (f->enzyme_jvp || f->enzyme_missing))) {
    f = f->next;
  }
  if (!f) {
    TEST_REQUIRE_MSG(f, "%s is not registered", name);
  }
  return f;
}

const jt_recompiled *recompiled(const char *name) {
  return find(name, false);
}

const jt_recompiled *recompiled_by_enzyme(const char *name) {
  return find(name, true);
}

static void mirror(const jt_args *args, bool constant, jt_args *gradient) {
  *gradient = (jt_args){calloc(args->count + 1, sizeof(jt_arg)), args->count};
  for (size_t i = 0; i < args->count; ++i) {
    jt_arg arg = args->items[i];
    bool none = constant || arg.constant;
    if (arg.type == JT_TREE) {
      jt_args below;
      mirror(&(jt_args){arg.data, arg.count}, none, &below);
      arg.data = below.items;
    } else if (none || arg.type == JT_OTHER || arg.count == 0) {
      arg.data = NULL;
      arg.count = 0;
    } else {
      arg.data = calloc(arg.count, sizeof(double));
    }
    gradient->items[i] = arg;
  }
}

jt_args gradient_like(const jt_args *args) {
  jt_args gradient;
  mirror(args, false, &gradient);
  return gradient;
}

void free_gradient(jt_args *gradient) {
  for (size_t i = 0; i < gradient->count; ++i) {
    jt_arg *arg = &gradient->items[i];
    if (arg->type == JT_TREE) {
      free_gradient(&(jt_args){arg->data, arg->count});
    } else {
      free(arg->data);
    }
  }
  free(gradient->items);
}

size_t elements_of(const jt_args *args, double **pointers, size_t max) {
  size_t n = 0;
  for (size_t i = 0; i < args->count; ++i) {
    const jt_arg *arg = &args->items[i];
    if (arg->constant || arg->type == JT_OTHER) {
      continue;
    }
    if (arg->type == JT_TREE) {
      n += elements_of(&(jt_args){arg->data, arg->count}, pointers + n, max - n);
      continue;
    }
    for (size_t k = 0; k < arg->count && n < max; ++k) {
      pointers[n++] = (double *)arg->data + k;
    }
  }
  return n;
}

jt_args flat_args(double *x, size_t n) {
  static jt_arg item;
  item = JT_DOUBLES("x", x, n);
  return (jt_args){&item, 1};
}

// ---- Checks ---

bool same_bits(double a, double b) {
  return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

bool agree(double a, double b, double rtol) {
  return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= rtol * fmax(fabs(a), fabs(b));
}

double recompiled_value(const jt_recompiled *f, const jt_args *args, void *ctx) {
  double value = 0;
  const char *why = f->value(args, ctx, &value);
  TEST_CHECK_MSG(!why, "%s: %s", f->function, why);
  return value;
}

static double step_at(double x) {
  return cbrt(DBL_EPSILON) * fmax(1, fabs(x));
}

static double largest(double *const *g, size_t n) {
  double most = 0;
  for (size_t i = 0; i < n; ++i) {
    most = fmax(most, fabs(*g[i]));
  }
  return most;
}

typedef struct trial {
  const jt_recompiled *f;
  jt_args args, gradient, tangent;
  void *ctx;
  double *x[ELEMENTS_MAX], *g[ELEMENTS_MAX], *t[ELEMENTS_MAX];
  size_t n;
} trial;

static void check_first_order(trial *c) {
  double value = recompiled_value(c->f, &c->args, c->ctx);
  double most = largest(c->g, c->n);
  for (size_t i = 0; i < c->n; ++i) {
    double derivative = NAN, x = *c->x[i], h = step_at(x);
    *c->t[i] = 1;
    const char *why = c->f->dual_jvp(&c->args, &c->tangent, c->ctx, &derivative);
    *c->t[i] = 0;
    TEST_CHECK_MSG(!why, "%s: %s", c->f->function, why);
    TEST_CHECK_MSG(fabs(derivative - *c->g[i]) <= 4e-15 * most, "%s: d/dx%zu dual %.17g tape %.17g",
                   c->f->function, i, derivative, *c->g[i]);
    *c->x[i] = x + h;
    double above = recompiled_value(c->f, &c->args, c->ctx);
    *c->x[i] = x - h;
    double below = recompiled_value(c->f, &c->args, c->ctx);
    *c->x[i] = x;
    double difference = (above - below) / ((x + h) - (x - h));
    TEST_CHECK_MSG(
        fabs(derivative - difference) <= 1e-8 * (fmax(1, fabs(value)) + fabs(difference)),
        "%s: d/dx%zu dual %.17g difference %.17g", c->f->function, i, derivative, difference);
  }
}

// The gradient at x + h t, into the arrays of `into`.
static void gradient_at(trial *c, double h, jt_args *into) {
  for (size_t i = 0; i < c->n; ++i) {
    *c->x[i] += h * *c->t[i];
  }
  const char *why = c->f->tape_vjp(&c->args, c->ctx, into);
  TEST_CHECK_MSG(!why, "%s: %s", c->f->function, why);
}

static void check_second_order(trial *c) {
  double most = largest(c->g, c->n), before[ELEMENTS_MAX], *p[ELEMENTS_MAX], *a[ELEMENTS_MAX];
  double *b[ELEMENTS_MAX], h = 2e-6;
  jt_args product = gradient_like(&c->args), above = gradient_like(&c->args);
  jt_args below = gradient_like(&c->args);
  elements_of(&product, p, ELEMENTS_MAX);
  elements_of(&above, a, ELEMENTS_MAX);
  elements_of(&below, b, ELEMENTS_MAX);
  for (size_t i = 0; i < c->n; ++i) {
    before[i] = *c->x[i];
    *c->t[i] = sin(1 + 2.5 * (double)i);
  }
  const char *why = c->f->tape_hvp(&c->args, &c->tangent, c->ctx, &product);
  TEST_CHECK_MSG(!why, "%s: %s", c->f->function, why);
  gradient_at(c, h, &above);
  gradient_at(c, -2 * h, &below);
  for (size_t i = 0; i < c->n; ++i) {
    *c->x[i] = before[i];
    double difference = (*a[i] - *b[i]) / (2 * h);
    TEST_CHECK_MSG(fabs(*p[i] - difference) <= 3e-8 * (fmax(1, most) + fabs(difference)),
                   "%s: second derivative %zu: %.17g, difference %.17g", c->f->function, i, *p[i],
                   difference);
  }
  free_gradient(&product);
  free_gradient(&above);
  free_gradient(&below);
}

void check_derivatives(const char *name, jt_args args, void *ctx) {
  trial c = {.f = recompiled(name), .args = args, .ctx = ctx};
  c.gradient = gradient_like(&args);
  c.tangent = gradient_like(&args);
  c.n = elements_of(&args, c.x, ELEMENTS_MAX);
  elements_of(&c.gradient, c.g, ELEMENTS_MAX);
  elements_of(&c.tangent, c.t, ELEMENTS_MAX);
  const char *why = c.f->tape_vjp(&args, ctx, &c.gradient);
  TEST_CHECK_MSG(!why, "%s: %s", name, why);
  check_first_order(&c);
  check_second_order(&c);
  free_gradient(&c.gradient);
  free_gradient(&c.tangent);
}
