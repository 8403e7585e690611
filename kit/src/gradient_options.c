// The options of a check: whether they make sense, and what stands for those that are not given.
#include "gradient.h"

#include <math.h>
#include <string.h>

static bool is_tolerance(double value) {
  return isfinite(value) && value >= 0;
}

bool jti_gradient_check_options(const jti_gradient_problem *p) {
  const jt_gradient_options *o = &p->options;
  unsigned all = o->skip_backends | o->broken_backends | o->soft_fail | o->ground_truth;
  unsigned both = o->skip_backends & o->broken_backends;
  if (all & ~(unsigned)(JT_ALL | JT_FINITE_DIFFERENCES)) {
    return jti_gradient_refuse(p, "an option names a backend that there is not (%#x)", all);
  }
  if (both) {
    return jti_gradient_refuse(p, "skip_backends and broken_backends name both: %s",
                               jti_backend_name(both & (~both + 1)));
  }
  if (o->ground_truth & (o->ground_truth - 1)) {
    return jti_gradient_refuse(p, "ground_truth names more than one backend");
  }
  if (!is_tolerance(o->atol) || !is_tolerance(o->rtol) || !(o->timeout > 0)) {
    return jti_gradient_refuse(
        p, "atol %g, rtol %g, timeout %g: expected finite numbers that are not negative", o->atol,
        o->rtol, o->timeout);
  }
  if (o->ground_truth_dtype != JT_F64 && o->ground_truth_dtype != JT_F32) {
    return jti_gradient_refuse(p, "ground_truth_dtype %d: expected JT_F64 or JT_F32",
                               (int)o->ground_truth_dtype);
  }
  return true;
}

void jti_gradient_set_options(jti_gradient_problem *p, const jt_gradient_options *given) {
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
