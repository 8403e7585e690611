// How a check ends: what it is called, what it counts as, and its record.
#include "gradient.h"

#include <stdlib.h>

void jti_judgement_free(jti_judgement *judgement) {
  free(judgement->got);
  free(judgement->want);
  free(judgement->message);
  free(judgement->problem);
  *judgement = (jti_judgement){0};
}

// The bit of the options that stands for a backend.
unsigned jti_backend_bit(unsigned backend) {
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
  unsigned bit = jti_backend_bit(backend);
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

bool jti_gradient_refuse(const jti_gradient_problem *p, const char *format, ...) {
  jti_text text = {0};
  va_list args;
  va_start(args, format);
  jti_text_vprintf(&text, format, args);
  va_end(args);
  jti_gradient_conclude(p, 0, NULL, JTI_ERROR, NULL, text.data);
  jti_text_free(&text);
  return false;
}

void jti_gradient_skip(const jti_gradient_problem *p, unsigned backend, const char *reason) {
  char *what = title(p, backend, NULL);
  jt_skip_check(p->file, p->line, "%s: %s", what, reason);
  free(what);
}
