// internal.h: what the files of the kit share. The walk of one test through them:
//
//   registry.c  which tests there are        main.c     arguments, the loop, the summary
//   check.c     a check makes a record  ->   result.c   collects records, takes the worst outcome
//   isolate.c   the same in a child     ->   wire.c     carries records through a pipe
//   crash.c     the last words of a process that dies
//   tap.c       a finished result becomes lines on the report's stream
#ifndef JIMM_TEST_INTERNAL_H
#define JIMM_TEST_INTERNAL_H

#include "jimm-test/jimm-test.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

// Ordered from best to worst: a test's outcome is the maximum over its records. Skip is above pass
// because checks that passed before a TEST_SKIP do not make a pass of the test.
typedef enum jti_outcome {
  JTI_PASS,
  JTI_SKIP,
  JTI_SOFT,
  JTI_BROKEN,
  JTI_FAIL,
  JTI_ERROR,
  JTI_OUTCOMES
} jti_outcome;

// ---- text.c: growing text, and the escapes of TAP and YAML --------------------------------------

typedef struct jti_text {
  char *data;  // zero-terminated once anything was added, else NULL
  size_t size;
  size_t capacity;
} jti_text;

void *jti_alloc(size_t size);   // zeroed; ends the program when there is no memory
char *jti_copy(const char *s);  // NULL gives NULL
void jti_text_add(jti_text *text, const char *data, size_t size);
void jti_text_printf(jti_text *text, const char *format, ...) JT_PRINTF(2, 3);
void jti_text_vprintf(jti_text *text, const char *format, va_list args) JT_PRINTF(2, 0);
void jti_text_yaml(jti_text *text, const char *s);  // as a double-quoted YAML scalar
void jti_text_tap(jti_text *text, const char *s);   // as a description or reason on a TAP line
// As it is, but for control characters and malformed UTF-8. `s` is zero-terminated.
void jti_text_plain(jti_text *text, const char *s, size_t size);
void jti_text_free(jti_text *text);

// ---- registry.c ---------------------------------------------------------------------------------

typedef struct jti_test {
  const char *name;
  const char *file;  // NULL for tests from jt_add
  int line;
  void (*plain)(void);
  void (*with_context)(void *ctx);
  void *ctx;
  jt_options options;
  char *owned_name;
  size_t order;
} jti_test;

typedef struct jti_test_list {
  jti_test *items;
  size_t count;
  size_t capacity;
} jti_test_list;

jti_test_list *jti_tests(void);
jti_test_list *jti_setups(void);
void jti_sort_tests(void);
void jti_close_registry(bool closed);  // while closed, jt_add is an error
void jti_free_registry(void);

// ---- result.c -----------------------------------------------------------------------------------

// One check that has something to say. Every pointer is owned; NULL where it does not apply.
typedef struct jti_record {
  jti_outcome outcome;
  int line;
  char *file;
  char *expr;
  char *got;
  char *want;
  char *message;
} jti_record;

// What one test did. `diagnostic` is the YAML text of the records so far, kept ready at all times
// so that a crash handler, which may not allocate, can still write it.
typedef struct jti_result {
  const char *name;
  size_t number;
  jti_outcome outcome;
  unsigned long long checks;
  jti_record *records;
  size_t count;
  size_t capacity;
  size_t unreported;  // records beyond the limit: counted, not kept
  double seconds;
  jti_text stderr_tail;  // of an isolated test that ended in an error
  jti_text diagnostic;
} jti_result;

// The part of a process's state that a check needs.
typedef struct jti_state {
  jti_result *result;  // of the running test; NULL between tests
  pthread_t thread;    // the thread that runs it
  jmp_buf end;
  int wire;                           // in an isolated child: where records go; else -1
  unsigned long long *shared_checks;  // in an isolated child: the parent's counter
  size_t strays;                      // failed checks outside any test
} jti_state;

extern jti_state jti_now;

const char *jti_outcome_name(jti_outcome outcome);
// Takes the record's strings over. In an isolated child it goes to the parent.
void jti_add_record(jti_record *record);
void jti_add_problem(jti_outcome outcome, const char *file, int line, const char *format, ...)
    JT_PRINTF(4, 5);
void jti_count_check(void);
void jti_attach(jti_result *result);  // records go to `result` from now on; NULL: to nobody
void jti_begin_child(int wire, unsigned long long *shared_checks);
// Calls the test's function, with jti_now set up for it, until it returns or is ended.
void jti_run_body(const jti_test *test, jti_result *result);
// The finishing touch of a result: no checks and no skip is an error.
void jti_finish_result(const jti_test *test, jti_result *result);
void jti_free_record(jti_record *record);
void jti_free_result(jti_result *result);
double jti_clock(void);  // seconds, monotonic

// ---- wire.c, isolate.c --------------------------------------------------------------------------

void jti_wire_record(int fd, const jti_record *record);
void jti_wire_note(int fd, const char *text);
void jti_wire_end(int fd);
// Consumes whole frames from the front of `input` into the running result. Sets *ended on the end
// frame. Returns false when the bytes make no sense.
bool jti_wire_read(jti_text *input, bool *ended);

// Runs the test in a child process. `timeout` in seconds, 0 for none.
void jti_run_isolated(const jti_test *test, jti_result *result, double timeout);

// ---- crash.c ------------------------------------------------------------------------------------

void jti_watch_crashes(int report);       // last words go to descriptor `report`
void jti_unwatch_crashes(void);           // in an isolated child, and at the end
void jti_crash_line(const char *line);    // what to write if a crash comes now; NULL: nothing
const char *jti_signal_name(int number);  // NULL when unknown

// ---- tap.c --------------------------------------------------------------------------------------

typedef struct jti_summary {
  size_t tests[JTI_OUTCOMES];
  unsigned long long checks;
} jti_summary;

void jti_tap_open(int fd);
void jti_tap_plan(size_t tests);
void jti_tap_note(const char *text);
void jti_tap_result(const jti_result *result);
void jti_tap_summary(const jti_summary *summary);
void jti_tap_diagnose(jti_text *out, const jti_record *record);  // one record as a YAML list item
char *jti_tap_crash_line(const jti_result *result);              // owned by the caller
void jti_tap_close(void);
bool jti_tap_lost(void);  // some of the report could not be written

#endif  // JIMM_TEST_INTERNAL_H
