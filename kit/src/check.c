#include "internal.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *formatted(const char *format, ...) JT_PRINTF(1, 2);

static char *formatted(const char *format, ...) {
  jti_text text = {0};
  va_list args;
  va_start(args, format);
  jti_text_vprintf(&text, format, args);
  va_end(args);
  return text.data;
}

static char *formatted_list(const char *format, va_list args) JT_PRINTF(1, 0);

static char *formatted_list(const char *format, va_list args) {
  jti_text text = {0};
  jti_text_vprintf(&text, format, args);
  return text.data;
}

// Takes over the texts in `record`; adds the place and the expression. Every check ends here or in
// jti_pass_check, once.
static void report(const char *file, int line, const char *expr, jti_record record) {
  record.file = jti_copy(file);
  record.line = line;
  record.expr = jti_copy(expr);
  record.check = record.outcome != JTI_SKIP;
  jti_add_record(&record);
}

bool jt_check(const char *file, int line, const char *expr, bool ok) {
  if (ok) {
    jti_pass_check();
  } else {
    report(file, line, expr,
           (jti_record){.outcome = JTI_FAIL, .got = jti_copy("false"), .want = jti_copy("true")});
  }
  return ok;
}

bool jt_check_msg(const char *file, int line, const char *expr, bool ok, const char *format, ...) {
  if (ok) {
    jti_pass_check();
  } else {
    va_list args;
    va_start(args, format);
    char *message = formatted_list(format, args);
    va_end(args);
    report(file, line, expr,
           (jti_record){.outcome = JTI_FAIL,
                        .got = jti_copy("false"),
                        .want = jti_copy("true"),
                        .message = message});
  }
  return ok;
}

bool jt_check_int(const char *file, int line, const char *expr, long long got, long long want) {
  if (got == want) {
    jti_pass_check();
    return true;
  }
  report(file, line, expr,
         (jti_record){
             .outcome = JTI_FAIL, .got = formatted("%lld", got), .want = formatted("%lld", want)});
  return false;
}

bool jt_check_uint(const char *file, int line, const char *expr, unsigned long long got,
                   unsigned long long want) {
  if (got == want) {
    jti_pass_check();
    return true;
  }
  report(file, line, expr,
         (jti_record){
             .outcome = JTI_FAIL, .got = formatted("%llu", got), .want = formatted("%llu", want)});
  return false;
}

bool jt_check_str(const char *file, int line, const char *expr, const char *got, const char *want) {
  if (got == want || (got && want && strcmp(got, want) == 0)) {
    jti_pass_check();
    return true;
  }
  char *message = NULL;
  if (!got || !want) {
    message = formatted("%s is NULL", got ? "want" : "got");
  } else {
    size_t same = 0;
    while (got[same] == want[same]) {
      ++same;
    }
    message = formatted("first difference at byte %zu", same);
  }
  report(
      file, line, expr,
      (jti_record){
          .outcome = JTI_FAIL, .got = jti_copy(got), .want = jti_copy(want), .message = message});
  return false;
}

bool jt_check_contains(const char *file, int line, const char *expr, const char *haystack,
                       const char *needle) {
  if (haystack && needle && strstr(haystack, needle)) {
    jti_pass_check();
    return true;
  }
  char *message = NULL;
  if (!haystack || !needle) {
    message = formatted("%s is NULL", haystack ? "needle" : "haystack");
  }
  report(file, line, expr,
         (jti_record){.outcome = JTI_FAIL,
                      .got = jti_copy(haystack),
                      .want = jti_copy(needle),
                      .message = message});
  return false;
}

bool jt_check_double(const char *file, int line, const char *expr, double got, double want,
                     double atol, double rtol) {
  char *shown_got = formatted("%.17g", got);
  char *shown_want = formatted("%.17g", want);
  if (!(isfinite(atol) && isfinite(rtol) && atol >= 0 && rtol >= 0)) {
    report(file, line, expr,
           (jti_record){.outcome = JTI_ERROR,
                        .got = shown_got,
                        .want = shown_want,
                        .message = formatted("not a tolerance: atol %g, rtol %g", atol, rtol)});
    return false;
  }
  double difference = fabs(got - want);
  double allowed = atol + rtol * fabs(want);
  // Infinities are compared by ==: with one of them, the difference or the allowance is infinite.
  if (got == want || (isfinite(got) && isfinite(want) && difference <= allowed)) {
    free(shown_got);
    free(shown_want);
    jti_pass_check();
    return true;
  }
  report(file, line, expr,
         (jti_record){.outcome = JTI_FAIL,
                      .got = shown_got,
                      .want = shown_want,
                      .message = formatted("difference %.6g, allowed %.6g (atol %g, rtol %g)",
                                           difference, allowed, atol, rtol)});
  return false;
}

// The bytes around an offset, the differing one in brackets.
static char *hex_around(const unsigned char *bytes, size_t n, size_t at) {
  jti_text text = {0};
  size_t begin = at < 4 ? 0 : at - 4;
  size_t end = n - at < 8 ? n : at + 8;
  for (size_t i = begin; i < end; ++i) {
    jti_text_printf(&text, i == at ? "%s[%02x]" : "%s%02x", i > begin ? " " : "", bytes[i]);
  }
  return text.data;
}

bool jt_check_mem(const char *file, int line, const char *expr, const void *got, const void *want,
                  size_t n) {
  if (n == 0) {
    jti_pass_check();
    return true;
  }
  if (!got || !want) {
    report(file, line, expr,
           (jti_record){.outcome = JTI_FAIL,
                        .message = formatted("%s is NULL", !got && !want ? "each of both"
                                                           : got         ? "want"
                                                                         : "got")});
    return false;
  }
  if (memcmp(got, want, n) == 0) {
    jti_pass_check();
    return true;
  }
  const unsigned char *a = got;
  const unsigned char *b = want;
  size_t first = 0;
  while (a[first] == b[first]) {
    ++first;
  }
  size_t differing = 0;
  for (size_t i = first; i < n; ++i) {
    differing += a[i] != b[i];
  }
  report(
      file, line, expr,
      (jti_record){.outcome = JTI_FAIL,
                   .got = hex_around(a, n, first),
                   .want = hex_around(b, n, first),
                   .message = formatted("first difference at offset %zu; %zu of %zu bytes differ",
                                        first, differing, n)});
  return false;
}

void jt_fail(const char *file, int line, const char *format, ...) {
  va_list args;
  va_start(args, format);
  report(file, line, NULL,
         (jti_record){.outcome = JTI_FAIL, .message = formatted_list(format, args)});
  va_end(args);
}

void jt_error(const char *file, int line, const char *format, ...) {
  va_list args;
  va_start(args, format);
  report(file, line, NULL,
         (jti_record){.outcome = JTI_ERROR, .message = formatted_list(format, args)});
  va_end(args);
}

void jt_skip(const char *file, int line, const char *format, ...) {
  va_list args;
  va_start(args, format);
  report(file, line, NULL,
         (jti_record){.outcome = JTI_SKIP, .message = formatted_list(format, args)});
  va_end(args);
  jt_end_test();
}

void jt_skip_check(const char *file, int line, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *reason = formatted_list(format, args);
  va_end(args);
  jti_add_skipped(file, line, reason);
  free(reason);
}

bool jt_broken(const char *file, int line, const char *expr, bool ok) {
  if (ok) {
    report(file, line, expr,
           (jti_record){
               .outcome = JTI_ERROR,
               .got = jti_copy("true"),
               .want = jti_copy("false"),
               .message = jti_copy("unbroken: passed unexpectedly; remove the broken marker")});
  } else {
    report(file, line, expr, (jti_record){.outcome = JTI_BROKEN});
  }
  return ok;
}

static bool soft(const char *file, int line, const char *expr, bool ok) {
  if (ok) {
    jti_pass_check();
  } else {
    report(file, line, expr,
           (jti_record){.outcome = JTI_SOFT, .got = jti_copy("false"), .want = jti_copy("true")});
  }
  return ok;
}

static bool not_boolean(const char *file, int line, const char *expr, char *got, const char *kind) {
  report(file, line, expr,
         (jti_record){.outcome = JTI_ERROR,
                      .got = got,
                      .want = jti_copy("a boolean"),
                      .message = formatted("soft check of a non-boolean: %s", kind)});
  return false;
}

bool jt_soft_int(const char *file, int line, const char *expr, long long value) {
  if (value == 0 || value == 1) {
    return soft(file, line, expr, value == 1);
  }
  return not_boolean(file, line, expr, formatted("%lld", value), "an integer other than 0 and 1");
}

bool jt_soft_uint(const char *file, int line, const char *expr, unsigned long long value) {
  if (value <= 1) {
    return soft(file, line, expr, value == 1);
  }
  return not_boolean(file, line, expr, formatted("%llu", value), "an integer other than 0 and 1");
}

bool jt_soft_double(const char *file, int line, const char *expr, double value) {
  return not_boolean(file, line, expr, formatted("%.17g", value), "a floating-point number");
}

bool jt_soft_other(const char *file, int line, const char *expr, ...) {
  return not_boolean(file, line, expr, NULL, "a pointer, a struct or another type");
}
