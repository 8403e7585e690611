// Gradients and directional derivatives, each backend in its own way.
#include "gradient.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *jti_backend_name(unsigned backend) {
  static const struct {
    unsigned backend;
    const char *name;
  } names[] = {{JT_REVERSE, "reverse"}, {JT_FORWARD, "forward"},
               {JT_DUAL, "dual"},       {JT_TAPE, "tape"},
               {JT_ENZYME, "enzyme"},   {JTI_ENZYME_REVERSE, "enzyme reverse"},
               {JT_OWN, "own"},         {JT_FINITE_DIFFERENCES, "finite differences"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    if (names[i].backend == backend) {
      return names[i].name;
    }
  }
  return "?";
}

// ---- Which there are ----------------------------------------------------------------------------

static bool has_own(const jti_gradient_problem *p) {
  switch (p->form) {
    case JT_FORM_FLAT:
      return p->options.flat_gradient != NULL;
    case JT_FORM_FLAT_F:
      return p->options.flat_gradient_f != NULL;
    default:
      return p->options.gradient != NULL;
  }
}

static const char *recompiled_missing(const jti_gradient_problem *p, bool has) {
  if (!p->recompiled || !has) {
    return "";
  }
  if (p->ctx && !p->options.ctx_has_no_floats) {
    return "ctx may hold numbers, whose layout changes when the file is recompiled: give them as "
           "arguments, or set .ctx_has_no_floats";
  }
  return NULL;
}

// Enzyme's form has the author's double, and double for float.
static const char *enzyme_missing(const jti_gradient_problem *p) {
  if (!p->enzyme) {
    return "";
  }
  if (p->enzyme->enzyme_missing) {
    return p->enzyme->enzyme_missing;
  }
  if (p->ctx && p->form == JT_FORM_FLAT_F && !p->options.ctx_has_no_floats) {
    return "ctx may hold float, which is double for Enzyme: give such numbers as arguments, or set "
           ".ctx_has_no_floats";
  }
  return NULL;
}

const char *jti_backend_missing(const jti_gradient_problem *p, unsigned backend) {
  const jt_kind *kind = p->f.kind;
  const jt_recompiled *r = p->recompiled;
  switch (backend) {
    case JT_REVERSE:
      return kind && kind->vjp ? NULL : "";
    case JT_FORWARD:
      if (!kind || !kind->jvp) {
        return "";
      }
      return p->leaves.inputs <= JT_FORWARD_INPUTS ? NULL : "more than 32 inputs";
    case JT_DUAL:
      return recompiled_missing(p, r && r->dual_jvp);
    case JT_TAPE:
      return recompiled_missing(p, r && r->tape_vjp);
    case JT_ENZYME:
      return enzyme_missing(p);
    case JTI_ENZYME_REVERSE:
      return p->options.enable_enzyme_reverse ? enzyme_missing(p) : "";
    case JT_OWN:
      return has_own(p) ? NULL : "";
    default:
      return "";
  }
}

bool jti_backend_is_forward(unsigned backend) {
  return backend == JT_FORWARD || backend == JT_DUAL || backend == JT_ENZYME;
}

// ---- One call -----------------------------------------------------------------------------------

// Trees for calls of one backend.
typedef struct caller {
  const jti_gradient_problem *p;
  unsigned backend;
  const jt_recompiled *form;  // of backends that are recompiled
  jti_tree *args, *before, *tangent, *result;
  void *ctx;  // its bytes as they were
} caller;

static bool is_enzyme(unsigned backend) {
  return backend == JT_ENZYME || backend == JTI_ENZYME_REVERSE;
}

static bool is_recompiled(unsigned backend) {
  return backend == JT_DUAL || backend == JT_TAPE || is_enzyme(backend);
}

static void caller_open(caller *c, const jti_gradient_problem *p, unsigned backend,
                        const double *x) {
  bool wide = is_recompiled(backend);
  jti_tree_type type = wide ? JTI_TREE_F64 : JTI_TREE_SAME;
  jti_tree_type tangent = wide ? JTI_TREE_TANGENT_F64 : JTI_TREE_TANGENT;
  *c = (caller){.p = p,
                .backend = backend,
                .form = is_enzyme(backend) ? p->enzyme : p->recompiled,
                .args = jti_tree_make(&p->args, &p->leaves, type),
                .before = jti_tree_make(&p->args, &p->leaves, type),
                .tangent = jti_tree_make(&p->args, &p->leaves, tangent),
                .result = jti_tree_make(&p->args, &p->leaves, tangent)};
  jti_tree_put(c->args, &p->leaves, x);
  jti_tree_put(c->before, &p->leaves, x);
  if (p->ctx && p->options.ctx_size) {
    c->ctx = jti_alloc(p->options.ctx_size);
    memcpy(c->ctx, p->ctx, p->options.ctx_size);
  }
}

static void caller_close(caller *c) {
  jti_tree_free(c->args);
  jti_tree_free(c->before);
  jti_tree_free(c->tangent);
  jti_tree_free(c->result);
  free(c->ctx);
}

// What an argument is that Enzyme holds for constant goes through it with a derivative of zero.
static bool changed_ctx(const caller *c) {
  return is_enzyme(c->backend) && c->ctx && memcmp(c->ctx, c->p->ctx, c->p->options.ctx_size) != 0;
}

// NULL when `why` is and the arguments are as they were.
static char *after_call(const caller *c, const char *why) {
  size_t element;
  jti_text text = {0};
  const jti_leaf *changed =
      why ? NULL : jti_tree_difference(c->args, c->before, &c->p->leaves, &element);
  if (why) {
    jti_text_printf(&text, "%s", why);
  } else if (changed) {
    jti_text_printf(&text, "it wrote into its arguments: element %zu of \"%s\" has changed",
                    element, changed->path);
  } else if (changed_ctx(c)) {
    jti_text_printf(&text,
                    "it wrote into its ctx, which is a constant for Enzyme: what went through it "
                    "has a derivative of zero");
  } else if (jti_tree_overrun(c->args, &c->p->leaves)) {
    jti_text_printf(&text, "it wrote beyond the ends of its argument \"%s\"",
                    jti_tree_overrun(c->args, &c->p->leaves)->path);
  } else if (jti_tree_overrun(c->result, &c->p->leaves)) {
    jti_text_printf(&text, "it wrote beyond the ends of the gradient of \"%s\"",
                    jti_tree_overrun(c->result, &c->p->leaves)->path);
  }
  return text.data;
}

static void call_own(const caller *c) {
  const jti_gradient_problem *p = c->p;
  const jt_arg *x = &c->args->args.items[0];
  void *gradient = p->leaves.count ? c->result->args.items[0].data : NULL;
  if (p->form == JT_FORM_FLAT) {
    p->options.flat_gradient(x->data, x->count, p->ctx, gradient);
  } else if (p->form == JT_FORM_FLAT_F) {
    p->options.flat_gradient_f(x->data, x->count, p->ctx, gradient);
  } else {
    p->options.gradient(&c->args->args, &c->result->args);
  }
}

static char *call_gradient(caller *c, double *gradient) {
  const jti_gradient_problem *p = c->p;
  const jt_args *args = &c->args->args;
  jt_args *result = &c->result->args;
  bool active = p->options.enzyme_runtime_activity;
  const char *why = NULL;
  jti_tree_clear(c->result, &p->leaves);
  switch (c->backend) {
    case JT_REVERSE:
      why = p->f.kind->vjp(p->f.object, args, 1, result);
      break;
    case JT_TAPE:
      why = c->form->tape_vjp(args, p->ctx, result);
      break;
    case JTI_ENZYME_REVERSE:
      why = c->form->enzyme_vjp(args, p->ctx, active, result);
      break;
    default:
      call_own(c);
      break;
  }
  jti_tree_get(c->result, &p->leaves, gradient);
  return after_call(c, why);
}

static char *call_along(caller *c, const double *direction, double *derivative) {
  const jti_gradient_problem *p = c->p;
  const jt_args *args = &c->args->args;
  const jt_args *tangent = &c->tangent->args;
  bool active = p->options.enzyme_runtime_activity;
  const char *why;
  *derivative = NAN;
  jti_tree_put(c->tangent, &p->leaves, direction);
  if (c->backend == JT_FORWARD) {
    why = p->f.kind->jvp(p->f.object, args, tangent, derivative);
  } else if (c->backend == JT_DUAL) {
    why = c->form->dual_jvp(args, tangent, p->ctx, derivative);
  } else {
    why = c->form->enzyme_jvp(args, tangent, p->ctx, active, derivative);
  }
  return after_call(c, why);
}

// The recompiled function must be the same function, and remain it: memory that Enzyme took for
// variable may have been changed.
static char *check_value(const caller *c, bool again, double *value) {
  const jti_gradient_problem *p = c->p;
  double first = *value;
  const char *why = c->form->value(&c->args->args, p->ctx, value);
  jti_text text = {0};
  bool narrow = p->form == JT_FORM_FLAT_F || p->leaves.has_float;
  double allowed = (narrow ? 1e-4 : 1e-9) * fmax(1, fabs(p->value));
  if (why) {
    jti_text_printf(&text, "%s", why);
  } else if (!(fabs(*value - p->value) <= allowed)) {
    jti_text_printf(&text, "%s the function is another: its value is %.17g, not %.17g",
                    again ? "after it" : "recompiled", *value, p->value);
  } else if (again && !jti_same_bits(*value, first)) {
    jti_text_printf(&text, "after it the function is another: its value was %.17g, and is %.17g",
                    first, *value);
  }
  return text.data;
}

// ---- Gradients ----------------------------------------------------------------------------------

static char *gradient_by_inputs(caller *c, double *gradient) {
  size_t inputs = c->p->leaves.inputs;
  double *direction = jti_alloc((inputs + 1) * sizeof *direction);
  char *problem = NULL;
  for (size_t i = 0; i < inputs && !problem; ++i) {
    direction[i] = 1;
    problem = call_along(c, direction, &gradient[i]);
    direction[i] = 0;
  }
  free(direction);
  return problem;
}

typedef char *differentiation(caller *c, void *job);

// The value is looked at before and, with Enzyme, after. Only where the function's own is known.
static char *differentiate(const jti_gradient_problem *p, unsigned backend, const double *x,
                           differentiation *what, void *job) {
  caller c;
  double value = NAN;
  caller_open(&c, p, backend, x);
  bool known = is_recompiled(backend) && x == p->x;
  char *problem = known ? check_value(&c, false, &value) : NULL;
  if (!problem) {
    problem = what(&c, job);
  }
  if (!problem && known && is_enzyme(backend)) {
    problem = check_value(&c, true, &value);
  }
  caller_close(&c);
  return problem;
}

static char *whole_gradient(caller *c, void *gradient) {
  return jti_backend_is_forward(c->backend) ? gradient_by_inputs(c, gradient)
                                            : call_gradient(c, gradient);
}

char *jti_backend_gradient(const jti_gradient_problem *p, unsigned backend, const double *x,
                           double *gradient) {
  return differentiate(p, backend, x, whole_gradient, gradient);
}

// Derivatives along `count` directions.
typedef struct along {
  const double *directions;
  size_t count;
  double *derivatives;
} along;

static char *along_by_gradient(caller *c, const along *a) {
  size_t inputs = c->p->leaves.inputs;
  double *gradient = jti_alloc((inputs + 1) * sizeof *gradient);
  char *problem = call_gradient(c, gradient);
  for (size_t k = 0; k < a->count; ++k) {
    a->derivatives[k] = 0;
    for (size_t i = 0; i < inputs; ++i) {
      a->derivatives[k] += gradient[i] * a->directions[k * inputs + i];
    }
  }
  free(gradient);
  return problem;
}

static char *all_along(caller *c, void *job) {
  const along *a = job;
  if (!jti_backend_is_forward(c->backend)) {
    return along_by_gradient(c, a);
  }
  char *problem = NULL;
  for (size_t k = 0; k < a->count && !problem; ++k) {
    problem = call_along(c, a->directions + k * c->p->leaves.inputs, &a->derivatives[k]);
  }
  return problem;
}

char *jti_backend_along(const jti_gradient_problem *p, unsigned backend, const double *x,
                        const double *directions, size_t count, double *derivatives) {
  along a = {directions, count, derivatives};
  return differentiate(p, backend, x, all_along, &a);
}

char *jti_backend_product(const jti_gradient_problem *p, unsigned backend, const double *x,
                          const double *direction, double *product) {
  bool kind = backend == JT_REVERSE && p->f.kind->hvp;
  bool tape = backend == JT_TAPE && p->recompiled->tape_hvp;
  if (!kind && !tape) {
    return jti_copy("it has no products with the second derivative");
  }
  caller c;
  caller_open(&c, p, backend, x);
  jti_tree_put(c.tangent, &p->leaves, direction);
  const jt_args *args = &c.args->args;
  const jt_args *tangent = &c.tangent->args;
  const char *why = kind ? p->f.kind->hvp(p->f.object, args, tangent, &c.result->args)
                         : p->recompiled->tape_hvp(args, tangent, p->ctx, &c.result->args);
  jti_tree_get(c.result, &p->leaves, product);
  char *problem = after_call(&c, why);
  caller_close(&c);
  return problem;
}
