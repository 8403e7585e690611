// What a check is about: the forms of a function, and when a derivative is close enough.
#include "gradient.h"

#include <math.h>
#include <string.h>

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

// A file may have been recompiled for dual numbers and the tape, for Enzyme, or for all.
void jti_find_recompiled(jti_gradient_problem *p) {
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

bool jti_truth_is_recompiled(const jti_gradient_problem *p) {
  return p->leaves.has_float && !p->truth_is_float;
}

double jti_gradient_tolerance(const jti_gradient_problem *p, double want) {
  return p->options.atol + p->options.rtol * fabs(want);
}
