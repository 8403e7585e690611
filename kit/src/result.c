#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Records kept per outcome and test: a check in a loop may fail a million times, and the first ones
// tell most. The limit is per outcome, so that drift cannot push a failure out of the report.
enum { KEPT_RECORDS = 20 };

jti_state jti_now = {.wire = -1};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void jti_lock(void) {
  pthread_mutex_lock(&lock);
}
void jti_unlock(void) {
  pthread_mutex_unlock(&lock);
}

double jti_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static size_t count_outcome(const jti_result *result, jti_outcome outcome) {
  size_t count = 0;
  for (size_t i = 0; i < result->count; ++i) {
    count += result->records[i].outcome == outcome;
  }
  return count;
}

static void keep(jti_result *result, jti_record *record) {
  if (record->outcome > result->outcome) {
    result->outcome = record->outcome;
  }
  if (count_outcome(result, record->outcome) >= KEPT_RECORDS) {
    result->unreported++;
    jti_free_record(record);
    return;
  }
  JTI_RESERVE(result->records, result->count, 1, result->capacity);
  jti_tap_diagnose(&result->diagnostic, record);
  result->records[result->count++] = *record;
  *record = (jti_record){0};
}

// A check where no test runs: in a thread that outlived its test, or before jt_main. It belongs to
// no line of the report, but it must not vanish.
static void stray(jti_record *record) {
  if (record->outcome >= JTI_FAIL) {
    jti_now.strays++;
  }
  fprintf(stderr, "jimm-test: %s outside a test: %s:%d: %s %s\n", jti_outcome_name(record->outcome),
          record->file ? record->file : "?", record->line, record->expr ? record->expr : "",
          record->message ? record->message : "");
  jti_free_record(record);
}

void jti_add_locked(jti_record *record) {
  jti_result *result = jti_now.result;
  if (!result) {
    stray(record);
    return;
  }
  result->counts.told += record->check;
  result->counts.records[record->outcome]++;
  if (jti_now.wire >= 0) {  // the parent knows the path
    jti_wire_record(jti_now.wire, record);
    jti_free_record(record);
  } else {
    record->set = jti_copy(result->path);
    keep(result, record);
  }
}

void jti_add_record(jti_record *record) {
  jti_lock();
  jti_add_locked(record);
  jti_unlock();
}

void jti_add_problem(jti_outcome outcome, const char *file, int line, const char *format, ...) {
  jti_text message = {0};
  va_list args;
  va_start(args, format);
  jti_text_vprintf(&message, format, args);
  va_end(args);
  jti_record record = {
      .outcome = outcome, .file = jti_copy(file), .line = line, .message = message.data};
  jti_add_record(&record);
}

void jti_pass_check(void) {
  jti_lock();
  if (jti_now.shared_passed) {
    ++*jti_now.shared_passed;
  } else if (jti_now.result) {
    jti_now.result->counts.passed++;
  }
  jti_unlock();
}

static void keep_reason(jti_result *result, const char *file, int line, const char *reason) {
  for (size_t i = 0; i < result->reason_count; ++i) {
    if (strcmp(result->reasons[i].reason, reason) == 0) {
      result->reasons[i].count++;
      return;
    }
  }
  if (result->reason_count == JTI_KEPT_REASONS) {
    return;
  }
  result->reasons[result->reason_count++] =
      (jti_skipped){.file = jti_copy(file), .line = line, .reason = jti_copy(reason), .count = 1};
  jti_text_printf(&result->skip_lines, "# skipped check: %s:%d: ", file ? file : "?", line);
  jti_text_plain(&result->skip_lines, reason, strlen(reason));
  jti_text_printf(&result->skip_lines, "\n");
}

void jti_add_skipped(const char *file, int line, const char *reason) {
  jti_lock();
  jti_result *result = jti_now.result;
  if (!result) {
    fprintf(stderr, "jimm-test: skipped check outside a test: %s:%d: %s\n", file ? file : "?", line,
            reason);
  } else {
    result->counts.skipped++;
    if (jti_now.wire >= 0) {
      jti_wire_skipped(jti_now.wire, file, line, reason);
    } else {
      keep_reason(result, file, line, reason);
    }
  }
  jti_unlock();
}

const char *jti_running_test(void) {
  jti_lock();
  const char *name = jti_now.result ? jti_now.result->name : NULL;
  jti_unlock();
  return name;
}

void jt_note(const char *format, ...) {
  jti_text text = {0};
  va_list args;
  va_start(args, format);
  jti_text_vprintf(&text, format, args);
  va_end(args);
  jti_lock();
  if (jti_now.wire >= 0) {
    jti_wire_note(jti_now.wire, text.data);
  } else {
    jti_tap_note(text.data);
  }
  jti_unlock();
  jti_text_free(&text);
}

void jti_begin_child(int wire, unsigned long long *shared_passed) {
  // Another thread of the parent may have held the lock at the moment of the fork.
  pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
  memcpy(&lock, &fresh, sizeof lock);
  jti_now.wire = wire;
  jti_now.shared_passed = shared_passed;
  jti_now.seen_passed = *shared_passed;
  jti_now.process = getpid();
}

void jti_attach(jti_result *result) {
  jti_lock();
  jti_now.result = result;
  jti_now.thread = pthread_self();
  jti_now.process = getpid();
  jti_unlock();
}

void jti_finish_result(const jti_test *test, jti_result *result) {
  if (result->outcome != JTI_PASS || result->counts.passed) {
    return;
  }
  jti_record record = {.outcome = JTI_ERROR, .file = jti_copy(test->file), .line = test->line};
  if (result->reason_count) {
    const jti_skipped *first = &result->reasons[0];
    free(record.file);
    record.outcome = JTI_SKIP;
    record.file = jti_copy(first->file);
    record.line = first->line;
    record.message = jti_copy(first->reason);
  } else {
    record.message = jti_copy("no checks executed");
  }
  result->counts.records[record.outcome]++;
  keep(result, &record);
}
