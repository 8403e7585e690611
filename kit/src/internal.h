// internal.h: what the files of the kit share. The walk of one test through them:
//
//   arguments.c what is asked for            seed.c     the program's seed, and the order it gives
//   registry.c  which tests there are        main.c     the loop over the tests
//   run.c       the body of a test           record.c   what records and results own
//   check.c     a check makes a record  ->   result.c   collects records, takes the worst outcome
//   set.c       which set is open            wire.c     carries all of it into a pipe
//   isolate.c   the same in a child     ->   child.c    starts, watches and ends a child process
//                                            relay.c    takes all of it out of the pipe
//   crash.c     the last words of a process that dies
//   tap.c       a finished result becomes lines on the report's stream
//   table.c     the counts of sets           junit.c    the report once more, as XML
//   jet.c       call-tree checks, by jimm-jet's JSON lines (json.c); gradient.h has the gradient
//   checks
#ifndef JIMM_TEST_INTERNAL_H
#define JIMM_TEST_INTERNAL_H

#include "jimm-test/jimm-test.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

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
// Room for `more` items behind the first `count`. The old block is freed only after `items` is the
// new one: a crash handler may read it at any time. Without any yet, `items` is NULL and the
// capacity 0.
#define JTI_RESERVE(items, count, more, capacity)                                   \
  do {                                                                              \
    if ((capacity) - (count) < (more)) {                                            \
      void *jti_left_ = (items);                                                    \
      (items) = jti_grow(jti_left_, (count), (more), &(capacity), sizeof *(items)); \
      free(jti_left_);                                                              \
    }                                                                               \
  } while (0)
void *jti_grow(void *items, size_t count, size_t more, size_t *capacity, size_t size);
void jti_text_add(jti_text *text, const char *data, size_t size);
void jti_text_printf(jti_text *text, const char *format, ...) JT_PRINTF(2, 3);
void jti_text_vprintf(jti_text *text, const char *format, va_list args) JT_PRINTF(2, 0);
void jti_text_yaml(jti_text *text, const char *s);      // as a double-quoted YAML scalar
void jti_text_tap(jti_text *text, const char *s);       // as a description or reason on a TAP line
void jti_text_seconds(jti_text *text, double seconds);  // "0.012", whatever the locale
void jti_text_argument(jti_text *text, const char *s);  // as one word of a shell command
// Length of the UTF-8 sequence at `s`, which is zero-terminated; 0 when it is not well-formed.
size_t jti_utf8_length(const unsigned char *s);
// As it is, but for control characters and malformed UTF-8. `s` is zero-terminated.
void jti_text_plain(jti_text *text, const char *s, size_t size);
void jti_text_free(jti_text *text);
// All of it, also when signals come in between; false, with errno, when it cannot be written. It
// may be called by a handler of signals.
bool jti_write(int fd, const char *data, size_t size);
// Reads a struct of options, the first member of which is the size that it had where the caller was
// compiled: what it does not have yet stays as it is, and 0 or more than is known stands for
// `size`. `given` may be NULL.
void jti_take_options(void *options, size_t size, const void *given);

// ---- json.c -------------------------------------------------------------------------------------

// The string that the object on this line has by a key, owned by the caller; NULL when it has none.
char *jti_json_string(const char *line, const char *key);

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

// ---- arguments.c --------------------------------------------------------------------------------

typedef enum jti_when { JTI_AUTO, JTI_NEVER, JTI_ALWAYS } jti_when;

typedef struct jti_settings {
  const char **filters;  // owned, the texts are borrowed from argv
  size_t filter_count;
  const char **excludes;
  size_t exclude_count;
  bool list;
  bool help;
  bool isolate;
  bool shuffle;
  bool seed_given;
  unsigned long long seed;
  jti_when color;
  const char *junit;         // a file's name, or NULL
  const char *timeout_text;  // as given, or NULL
  double timeout;            // of tests without one of their own
  double scale;
} jti_settings;

// Says what is wrong on stderr and returns false.
bool jti_parse(int argc, char **argv, jti_settings *settings);
void jti_free_settings(jti_settings *settings);
void jti_print_help(void);
bool jti_selected(const jti_settings *settings, const jti_test *test);
// The arguments that run one test as it is run now, if they are more than its name; else NULL.
// Owned by the caller.
char *jti_repeat_command(const jti_settings *settings, const char *test);
const char *jti_program(void);  // argv[0]

// ---- seed.c -------------------------------------------------------------------------------------

void jti_set_seed(unsigned long long seed);
unsigned long long jti_random_seed(void);
void jti_shuffle_tests(unsigned long long seed);

// ---- record.c -----------------------------------------------------------------------------------

// One check that has something to say. Every pointer is owned; NULL where it does not apply.
typedef struct jti_record {
  jti_outcome outcome;
  bool check;  // of a check, which is counted with it
  int line;
  char *file;
  char *expr;
  char *got;
  char *want;
  char *message;
  char *set;  // the path of the set it was made in
} jti_record;

typedef struct jti_counts {
  unsigned long long passed;   // checks that simply passed
  unsigned long long told;     // checks with a record: all other executed ones
  unsigned long long skipped;  // checks that could not be made
  unsigned long long records[JTI_OUTCOMES];
} jti_counts;

// Checks that could not be made for the same reason.
typedef struct jti_skipped {
  char *file;  // of the first of them
  int line;
  char *reason;
  unsigned long long count;
} jti_skipped;

typedef struct jti_set {
  char *name;
  size_t depth;               // 0: directly in the test
  size_t parent;              // 1 + its index in the list; 0: the test
  size_t outer;               // length of the parent's path
  unsigned long long number;  // of its jt_set; 0 in the parent of an isolated test
  char *file;                 // where it was opened; NULL when it is closed
  int line;
  jti_counts counts;  // while it is open: those of the test when it was opened
  double seconds;     // while it is open: the clock when it was opened
} jti_set;

typedef struct jti_set_list {
  jti_set *items;  // in the order of their opening: a set's inner ones follow it
  size_t count;
  size_t capacity;
  size_t open;  // 1 + the index of the innermost open set; 0: none
} jti_set_list;

enum { JTI_KEPT_REASONS = 20 };

// What one test did. `diagnostic` is the YAML text of the records so far, and with `skip_lines`,
// `set_line` and `repeat` kept ready at all times so that a crash handler, which may not allocate,
// can still write it.
typedef struct jti_result {
  const char *name;
  const char *file;  // of the test, NULL when it has no place
  int line;
  size_t number;
  jti_outcome outcome;
  jti_counts counts;
  jti_record *records;
  size_t count;
  size_t capacity;
  size_t unreported;  // records beyond the limit: counted, not kept
  jti_skipped reasons[JTI_KEPT_REASONS];
  size_t reason_count;
  jti_set_list sets;
  char *path;  // of the innermost open set, or NULL
  double seconds;
  char *repeat;          // YAML: the command that repeats it, or NULL
  jti_text stderr_tail;  // of an isolated test that ended in an error
  jti_text diagnostic;
  jti_text skip_lines;  // comments, one for each reason
  char *set_line;       // YAML, or NULL
} jti_result;

const char *jti_outcome_name(jti_outcome outcome);
void jti_free_record(jti_record *record);
void jti_free_result(jti_result *result);
// The first record that made the outcome what it is, or NULL.
const jti_record *jti_cause(const jti_result *result);

// ---- result.c, run.c ----------------------------------------------------------------------------

// The part of a process's state that a check needs.
typedef struct jti_state {
  jti_result *result;  // of the running test; NULL between tests
  pthread_t thread;    // the thread that runs it
  pid_t process;       // the process that runs it
  jmp_buf end;
  int wire;                           // in an isolated child: where records go; else -1
  unsigned long long *shared_passed;  // in an isolated child: the parent's counter
  unsigned long long seen_passed;     // what of it is in the result's counts already
  size_t strays;                      // failed checks outside any test
} jti_state;

extern jti_state jti_now;

void jti_lock(void);  // for all of jti_now and of the running result
void jti_unlock(void);
// Takes the record's strings over. In an isolated child it goes to the parent. The second form is
// for those who hold the lock.
void jti_add_record(jti_record *record);
void jti_add_locked(jti_record *record);
void jti_add_problem(jti_outcome outcome, const char *file, int line, const char *format, ...)
    JT_PRINTF(4, 5);
void jti_pass_check(void);  // counts one that passed; others are counted with their record
void jti_add_skipped(const char *file, int line, const char *reason);
const char *jti_running_test(void);   // its name, or NULL
void jti_attach(jti_result *result);  // records go to `result` from now on; NULL: to nobody
void jti_begin_child(int wire, unsigned long long *shared_passed);
// Calls the test's function, with jti_now set up for it, until it returns or is ended.
void jti_run_body(const jti_test *test, jti_result *result);
// The finishing touch of a result: no checks and no skip is an error.
void jti_finish_result(const jti_test *test, jti_result *result);
double jti_clock(void);  // seconds, monotonic

// ---- set.c --------------------------------------------------------------------------------------

// What a child did: it opened a set, or (`name` is NULL) closed the innermost one, after `passed`
// more checks had passed. Returns false when there is none to close.
bool jti_relay_set(const char *name, unsigned long long passed, double now);
// At the end of a test, with its result attached; of an isolated one, in either process.
void jti_close_sets(void);

// ---- wire.c, relay.c, child.c, isolate.c --------------------------------------------------------

// The kind of a frame is its first byte; the length of what follows its header the next four.
enum {
  JTI_FRAME_HEADER = 5,
  JTI_FRAME_RECORD = 'R',
  JTI_FRAME_SKIPPED = 'S',
  JTI_FRAME_SET = 'T',
  JTI_FRAME_NOTE = 'N',
  JTI_FRAME_END = 'E'
};

void jti_wire_record(int fd, const jti_record *record);
void jti_wire_note(int fd, const char *text);
void jti_wire_skipped(int fd, const char *file, int line, const char *reason);
void jti_wire_set(int fd, const char *name, unsigned long long passed, double now);
void jti_wire_end(int fd);
// Consumes whole frames from the front of `input` into the running result. Sets *ended on the end
// frame. Returns false when the bytes make no sense.
bool jti_wire_read(jti_text *input, bool *ended);

// What a child process is for.
typedef struct jti_errand {
  void (*work)(void *ctx);  // in the child, whose records go to the parent; then it exits
  void *ctx;
  unsigned long long *passed;  // counts the child's checks that pass, in memory that both share
  double timeout;  // seconds until the child and all that it started are killed; 0: none
  // In the parent: takes what the child writes to stdout and stderr, which then has no stdin. NULL:
  // the child has the parent's streams.
  void (*take_output)(void *ctx, const char *data, size_t size);
} jti_errand;

typedef struct jti_end {
  bool ended;    // the work came to its end
  bool damaged;  // the records make no sense
  bool killed;   // by us: the work took too long, or after its end the process did not exit
  int status;    // of waitpid
} jti_end;

// Returns when the child is gone. False, with errno, when there was none.
bool jti_child_run(const jti_errand *errand, jti_end *end);

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
  unsigned long long checks;   // all
  unsigned long long skipped;  // of these, the ones that could not be made
} jti_summary;

typedef enum jti_color { JTI_RED, JTI_GREEN, JTI_YELLOW, JTI_DIM, JTI_PLAIN } jti_color;

void jti_tap_open(int fd, jti_when color);
void jti_tap_plan(size_t tests);
void jti_tap_note(const char *text);  // a comment, of as many lines as the text has
void jti_tap_result(const jti_result *result);
void jti_tap_skipped(const jti_result *result);  // the reasons alone; jti_tap_result has them, too
void jti_tap_summary(const jti_summary *summary);
void jti_tap_diagnose(jti_text *out, const jti_record *record);  // one record as a YAML list item
char *jti_tap_crash_line(const jti_result *result);              // owned by the caller
const char *jti_tap_color(jti_color color);                      // "" when there are none
void jti_tap_close(void);
bool jti_tap_lost(void);  // some of the report could not be written

// ---- table.c ------------------------------------------------------------------------------------

void jti_table_add(const jti_result *result);  // nothing, when the test had no sets
// The table as lines, nothing when it is empty.
void jti_table_write(jti_text *out);
void jti_table_of(const jti_result *result, jti_text *out);  // the table of one test alone
void jti_table_free(void);

// ---- junit.c ------------------------------------------------------------------------------------

// Tries whether `path` can be written and removes an older report there. Says on stderr why not.
bool jti_junit_open(const char *path);
void jti_junit_add(const jti_result *result);  // nothing, when no report is open
// Writes the report. Says on stderr what failed. True when there was none to write.
bool jti_junit_close(void);

#endif  // JIMM_TEST_INTERNAL_H
