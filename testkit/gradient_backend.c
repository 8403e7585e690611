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

static const char *enzyme_missing(const jti_gradient_problem *p, bool has) {
  if (!p->recompiled) {
    return "";
  }
  return has ? NULL : p->recompiled->enzyme_missing ? p->recompiled->enzyme_missing : "";
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
      return enzyme_missing(p, r && r->enzyme_jvp);
    case JTI_ENZYME_REVERSE:
      return p->options.enable_enzyme_reverse ? enzyme_missing(p, r && r->enzyme_vjp) : "";
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
  jti_tree *args, *before, *tangent, *result;
} caller;

static bool is_recompiled(unsigned backend) {
  return backend != JT_REVERSE && backend != JT_FORWARD && backend != JT_OWN;
}

static void caller_open(caller *c, const jti_gradient_problem *p, unsigned backend,
                        const double *x) {
  bool wide = is_recompiled(backend);
  jti_tree_type type = wide ? JTI_TREE_F64 : JTI_TREE_SAME;
  jti_tree_type tangent = wide ? JTI_TREE_TANGENT_F64 : JTI_TREE_TANGENT;
  *c = (caller){.p = p,
                .backend = backend,
                .args = jti_tree_make(&p->args, &p->leaves, type),
                .before = jti_tree_make(&p->args, &p->leaves, type),
                .tangent = jti_tree_make(&p->args, &p->leaves, tangent),
                .result = jti_tree_make(&p->args, &p->leaves, tangent)};
  jti_tree_put(c->args, &p->leaves, x);
  jti_tree_put(c->before, &p->leaves, x);
}

static void caller_close(caller *c) {
  jti_tree_free(c->args);
  jti_tree_free(c->before);
  jti_tree_free(c->tangent);
  jti_tree_free(c->result);
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
      why = p->recompiled->tape_vjp(args, p->ctx, result);
      break;
    case JTI_ENZYME_REVERSE:
      why = p->recompiled->enzyme_vjp(args, p->ctx, active, result);
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
    why = p->recompiled->dual_jvp(args, tangent, p->ctx, derivative);
  } else {
    why = p->recompiled->enzyme_jvp(args, tangent, p->ctx, active, derivative);
  }
  return after_call(c, why);
}

// The recompiled function must be the same function.
static char *check_value(const caller *c) {
  const jti_gradient_problem *p = c->p;
  double value = NAN;
  const char *why = p->recompiled->value(&c->args->args, p->ctx, &value);
  jti_text text = {0};
  bool narrow = p->form == JT_FORM_FLAT_F || p->leaves.has_float;
  double allowed = (narrow ? 1e-4 : 1e-9) * fmax(1, fabs(p->value));
  if (why) {
    jti_text_printf(&text, "%s", why);
  } else if (!(fabs(value - p->value) <= allowed)) {
    jti_text_printf(&text, "recompiled the function is another: its value is %.17g, not %.17g",
                    value, p->value);
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

char *jti_backend_gradient(const jti_gradient_problem *p, unsigned backend, const double *x,
                           double *gradient) {
  caller c;
  caller_open(&c, p, backend, x);
  char *problem = is_recompiled(backend) && x == p->x ? check_value(&c) : NULL;
  if (!problem) {
    problem = jti_backend_is_forward(backend) ? gradient_by_inputs(&c, gradient)
                                              : call_gradient(&c, gradient);
  }
  caller_close(&c);
  return problem;
}

static char *along_by_gradient(caller *c, const double *directions, size_t count,
                               double *derivatives) {
  size_t inputs = c->p->leaves.inputs;
  double *gradient = jti_alloc((inputs + 1) * sizeof *gradient);
  char *problem = call_gradient(c, gradient);
  for (size_t k = 0; k < count; ++k) {
    derivatives[k] = 0;
    for (size_t i = 0; i < inputs; ++i) {
      derivatives[k] += gradient[i] * directions[k * inputs + i];
    }
  }
  free(gradient);
  return problem;
}

char *jti_backend_along(const jti_gradient_problem *p, unsigned backend, const double *x,
                        const double *directions, size_t count, double *derivatives) {
  caller c;
  caller_open(&c, p, backend, x);
  char *problem = is_recompiled(backend) && x == p->x ? check_value(&c) : NULL;
  if (!problem && !jti_backend_is_forward(backend)) {
    problem = along_by_gradient(&c, directions, count, derivatives);
  }
  for (size_t k = 0; k < count && !problem && jti_backend_is_forward(backend); ++k) {
    problem = call_along(&c, directions + k * p->leaves.inputs, &derivatives[k]);
  }
  caller_close(&c);
  return problem;
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
