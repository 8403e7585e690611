#include "tap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 500 };

static struct {
  const char *name;
  void (*function)(void *ctx);
  void *ctx;
} tests[MOST];
static size_t count;

// The test that runs. What it says comes behind its line.
static jmp_buf leave;
static size_t checks, bad;
static char reason[256];  // why it was skipped
static char *notes;
static FILE *said;

void tap_add(const char *name, void (*function)(void *ctx), void *ctx) {
  if (count == MOST) {
    fprintf(stderr, "more than %d tests\n", MOST);
    abort();
  }
  tests[count].name = name;
  tests[count].function = function;
  tests[count++].ctx = ctx;
}

bool tap_check(bool good, const char *file, int line, const char *expression, const char *format,
               ...) {
  ++checks;
  if (!good) {
    va_list args;
    ++bad;
    fprintf(said, "%s:%d: %s: ", file, line, expression);
    va_start(args, format);
    vfprintf(said, format, args);
    va_end(args);
    fputc('\n', said);
  }
  return good;
}

bool tap_contains(const char *text, const char *needle, const char *file, int line,
                  const char *expression) {
  return tap_check(text && strstr(text, needle), file, line, expression, "it has no \"%s\"",
                   needle);
}

bool tap_equal(size_t got, size_t want, const char *file, int line, const char *expression) {
  return tap_check(got == want, file, line, expression, "%zu, not %zu", got, want);
}

void tap_note(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(said, format, args);
  va_end(args);
  fputc('\n', said);
}

void tap_leave(void) {
  longjmp(leave, 1);
}

void tap_skip(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(reason, sizeof reason, format, args);
  va_end(args);
  tap_leave();
}

static void run(size_t number, size_t t, size_t *passed, size_t *skipped) {
  size_t size = 0;
  notes = NULL;
  said = open_memstream(&notes, &size);
  if (!said) {
    abort();
  }
  checks = bad = 0;
  reason[0] = '\0';
  if (setjmp(leave) == 0) {
    tests[t].function(tests[t].ctx);
  }
  if (!checks && !reason[0]) {
    tap_check(false, __FILE__, __LINE__, tests[t].name, "no checks");
  }
  fclose(said);
  printf("%sok %zu - %s%s%s\n", bad ? "not " : "", number, tests[t].name,
         !bad && reason[0] ? " # SKIP " : "", bad ? "" : reason);
  *passed += !bad && !reason[0];
  *skipped += !bad && reason[0];
  char *rest = NULL;
  for (char *line = strtok_r(notes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    printf("# %s\n", line);
  }
  fflush(stdout);
  free(notes);
}

int tap_main(int argc, char **argv) {
  size_t chosen[MOST];
  size_t n = 0;
  size_t passed = 0;
  size_t skipped = 0;
  size_t all_checks = 0;
  for (size_t t = 0; t < count; ++t) {
    bool wanted = argc < 2;
    for (int i = 1; i + 1 < argc; i += 2) {
      wanted |= strcmp(argv[i], "--filter") == 0 && strstr(tests[t].name, argv[i + 1]);
    }
    if (wanted) {
      chosen[n++] = t;
    }
  }
  printf("TAP version 14\n1..%zu\n", n);
  for (size_t i = 0; i < n; ++i) {
    run(i + 1, chosen[i], &passed, &skipped);
    all_checks += checks;
  }
  printf("# %zu passed, %zu failed, 0 errors, 0 broken, 0 soft, %zu skipped (%zu checks)\n", passed,
         n - passed - skipped, skipped, all_checks);
  return n && passed + skipped == n ? 0 : 1;
}
