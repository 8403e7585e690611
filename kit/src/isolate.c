// One test in a process of its own. What it writes to stdout and stderr is passed on to stderr, and
// its end is kept for the report of an error.
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TAIL_BYTES = 4096, TAIL_LINES = 24 };

typedef struct isolated {
  const jti_test *test;
  jti_text tail;
} isolated;

static void run_test(void *ctx) {
  const isolated *it = ctx;
  jti_result result = {.name = it->test->name};
  jti_run_body(it->test, &result);
  jti_free_result(&result);
}

static void keep_tail(jti_text *tail, const char *data, size_t size) {
  jti_text_add(tail, data, size);
  if (tail->size > 4 * TAIL_BYTES) {
    size_t drop = tail->size - TAIL_BYTES;
    memmove(tail->data, tail->data + drop, tail->size - drop + 1);
    tail->size -= drop;
  }
}

static void pass_on(const char *data, size_t size) {
  while (size) {
    ssize_t written = write(2, data, size);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return;
    }
    data += written;
    size -= (size_t)written;
  }
}

static void take_output(void *ctx, const char *data, size_t size) {
  isolated *it = ctx;
  pass_on(data, size);
  keep_tail(&it->tail, data, size);
}

// The last lines only, and no half line at the beginning.
static void trim_tail(jti_text *tail) {
  size_t start = tail->size > TAIL_BYTES ? tail->size - TAIL_BYTES : 0;
  size_t lines = 0;
  size_t at = tail->size;
  if (at && tail->data[at - 1] == '\n') {
    --at;
  }
  while (at > start) {
    if (tail->data[at - 1] == '\n' && ++lines == TAIL_LINES) {
      break;
    }
    --at;
  }
  if (at && at == start) {
    while (at < tail->size && tail->data[at - 1] != '\n') {
      ++at;
    }
  }
  if (at && tail->size) {
    memmove(tail->data, tail->data + at, tail->size - at + 1);
    tail->size -= at;
  }
  // A zero byte would end the text early for those who read it as a string.
  for (size_t i = 0; i < tail->size; ++i) {
    if (!tail->data[i]) {
      tail->data[i] = '?';
    }
  }
}

// Every sanitizer sums up in one line that says more than the exit status does.
static char *sanitizer_summary(const jti_text *tail) {
  const char *found = tail->size ? strstr(tail->data, "SUMMARY: ") : NULL;
  if (!found) {
    return jti_copy("");
  }
  jti_text text = {0};
  jti_text_printf(&text, "; %.*s", (int)strcspn(found, "\n"), found);
  return text.data;
}

static void judge(const isolated *it, const jti_end *end, jti_result *result, double timeout) {
  const jti_test *test = it->test;
  const char *when = end->ended ? "after the test ended" : "before the test ended";
  char *summary = sanitizer_summary(&it->tail);
  size_t before = result->count;
  if (end->killed && !end->ended) {
    jti_add_problem(JTI_ERROR, test->file, test->line, "timed out after %g s", timeout);
  } else if (end->killed) {
    jti_add_problem(JTI_ERROR, test->file, test->line, "the process did not exit %s", when);
  } else if (WIFSIGNALED(end->status)) {
    int number = WTERMSIG(end->status);
    const char *name = jti_signal_name(number);
    jti_add_problem(JTI_ERROR, test->file, test->line, "crashed with %s (signal %d) %s%s",
                    name ? name : "a signal", number, when, summary);
  } else if (!end->ended || WEXITSTATUS(end->status) != 0) {
    jti_add_problem(JTI_ERROR, test->file, test->line, "exited with status %d %s%s",
                    WEXITSTATUS(end->status), when, summary);
  }
  if (end->damaged) {
    jti_add_problem(JTI_ERROR, test->file, test->line, "the records of the test are damaged");
  }
  free(summary);
  if (result->count > before) {
    jti_text_add(&result->stderr_tail, it->tail.data, it->tail.size);
  }
}

void jti_run_isolated(const jti_test *test, jti_result *result, double timeout) {
  jti_attach(result);
  isolated it = {.test = test};
  jti_end end;
  unsigned long long *passed =
      mmap(NULL, sizeof *passed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  jti_errand errand = {.work = run_test,
                       .ctx = &it,
                       .passed = passed,
                       .timeout = timeout,
                       .take_output = take_output};
  if (passed != MAP_FAILED && jti_child_run(&errand, &end)) {
    trim_tail(&it.tail);
    judge(&it, &end, result, timeout);
    result->counts.passed = *passed;
  } else {
    jti_add_problem(JTI_ERROR, test->file, test->line, "cannot start a process for the test: %s",
                    strerror(errno));
  }
  if (passed != MAP_FAILED) {
    munmap(passed, sizeof *passed);
  }
  jti_text_free(&it.tail);
  jti_close_sets();
  jti_attach(NULL);
}
