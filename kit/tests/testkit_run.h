// testkit_run.h: running a program of misbehaving tests (testkit_victims.c) and reading its report.
#ifndef TESTKIT_RUN_H
#define TESTKIT_RUN_H

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

typedef struct report {
  char *text;  // standard output; to be freed
  int status;  // as of waitpid
} report;

// The victims stand beside this program unless JT_VICTIMS says where they are.
bool victims_find(void);
const char *victims_path(void);
// Runs the victims with the arguments and environment settings of a shell command.
report victims_run(const char *settings, const char *arguments);
report victims_run_one(const char *name);
report victims_command(const char *command);  // the same for any shell command
bool victims_exited(const report *r, int status);
// Runs them and checks the exit status and that `text` is in the report.
void victims_expect(const char *settings, const char *arguments, int status, const char *text);

typedef struct expectation {
  const char *victim;
  int status;
  const char *line;         // the result line
  const char *counts;       // the summary
  const char *findings[6];  // what else the report says
  const char *absent;
} expectation;

// The function of a test for one expectation, its context.
void victims_check(void *ctx);

#define PASSED(checks) "# 1 passed, 0 failed, 0 errors, 0 broken, 0 soft, 0 skipped (" checks ")"
#define FAILED(checks) "# 0 passed, 1 failed, 0 errors, 0 broken, 0 soft, 0 skipped (" checks ")"
#define ERRED(checks) "# 0 passed, 0 failed, 1 errors, 0 broken, 0 soft, 0 skipped (" checks ")"
#define BROKE(checks) "# 0 passed, 0 failed, 0 errors, 1 broken, 0 soft, 0 skipped (" checks ")"
#define SOFT(checks) "# 0 passed, 0 failed, 0 errors, 0 broken, 1 soft, 0 skipped (" checks ")"
#define SKIPPED(checks) "# 0 passed, 0 failed, 0 errors, 0 broken, 0 soft, 1 skipped (" checks ")"
#define BAD(name) "\nnot ok 1 - " name "\n  ---\n"

#endif  // TESTKIT_RUN_H
