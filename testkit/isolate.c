// One test in a process of its own. The child sends its records through a pipe as they come, so
// that nothing said before a crash is lost; its stdout and stderr come through a second pipe, are
// passed on to stderr, and their end is kept for the report of an error.
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { TAIL_BYTES = 4096, TAIL_LINES = 24 };

// A child that ended its test but does not exit, for an atexit function that waits for a thread
// which is not there after a fork, may not stop the program. Generous: leak checkers take time.
static const double exit_patience = 60;

typedef struct child {
  pid_t pid;
  int wire;    // records; -1 after the end
  int output;  // stdout and stderr; -1 after the end
  jti_text frames;
  jti_text tail;
  bool ended;    // the test came to its end
  bool damaged;  // the records make no sense
  bool killed;   // by us, because it took too long
  int status;
} child;

static bool open_pipe(int ends[2]) {
  if (pipe(ends) != 0) {
    return false;
  }
  for (int i = 0; i < 2; ++i) {
    fcntl(ends[i], F_SETFD, FD_CLOEXEC);
  }
  return true;
}

static void run_child(const jti_test *test, pid_t parent, int wire, int output,
                      unsigned long long *passed) JT_NORETURN;

static void run_child(const jti_test *test, pid_t parent, int wire, int output,
                      unsigned long long *passed) {
  setpgid(0, 0);
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != parent) {
    _exit(1);
  }
  jti_unwatch_crashes();
  jti_tap_close();
  int null = open("/dev/null", O_RDONLY);
  if (null >= 0) {
    dup2(null, 0);
  }
  if (null > 2) {
    close(null);
  }
  dup2(output, 1);
  dup2(output, 2);
  close(output);
  jti_begin_child(wire, passed);
  jti_result result = {.name = test->name};
  jti_run_body(test, &result);
  jti_free_result(&result);
  jti_wire_end(wire);
  close(wire);
  // The ordinary way out, so that leak checkers and coverage see this process like any other.
  exit(0);
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

// Reads what is there. Closes the descriptor and sets it to -1 at its end.
static void drain(child *c, int *fd) {
  char buffer[8192];
  while (*fd >= 0) {
    ssize_t got = read(*fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return;
    }
    if (got <= 0) {
      close(*fd);
      *fd = -1;
    } else if (fd == &c->output) {
      pass_on(buffer, (size_t)got);
      keep_tail(&c->tail, buffer, (size_t)got);
    } else {
      jti_text_add(&c->frames, buffer, (size_t)got);
      if (!c->damaged) {
        c->damaged = !jti_wire_read(&c->frames, &c->ended);
      }
    }
    // One who writes without pause must not keep the clock from being looked at.
    if ((size_t)got < sizeof buffer) {
      return;
    }
    struct pollfd more = {.fd = *fd, .events = POLLIN};
    if (*fd < 0 || poll(&more, 1, 0) <= 0) {
      return;
    }
  }
}

static bool has_exited(const child *c) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  // WNOWAIT leaves the zombie in place: its process group can still be named safely.
  return waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

static void watch(child *c, double timeout) {
  double deadline = timeout > 0 ? jti_clock() + timeout : 0;
  double exit_deadline = 0;
  while (!has_exited(c)) {
    double now = jti_clock();
    if (c->ended && exit_deadline <= 0) {
      exit_deadline = now + exit_patience;
    }
    bool late = !c->ended && deadline > 0 && now >= deadline;
    if (!c->killed && (late || (exit_deadline > 0 && now >= exit_deadline))) {
      c->killed = true;
      kill(-c->pid, SIGKILL);
      kill(c->pid, SIGKILL);
    }
    // Closed pipes usually mean that the exit is a moment away; without them, nothing wakes us.
    bool silent = c->wire < 0 && c->output < 0;
    int wait = c->wire < 0 ? (silent ? 1 : 2) : 20;
    struct pollfd ends[2] = {{.fd = c->wire, .events = POLLIN},
                             {.fd = c->output, .events = POLLIN}};
    if (poll(ends, 2, wait) > 0) {
      if (ends[0].revents) {
        drain(c, &c->wire);
      }
      if (ends[1].revents) {
        drain(c, &c->output);
      }
    }
  }
  kill(-c->pid, SIGKILL);  // what the test started and left behind
  while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR) {
    continue;
  }
  drain(c, &c->wire);
  drain(c, &c->output);
  if (c->wire >= 0) {
    close(c->wire);
  }
  if (c->output >= 0) {
    close(c->output);
  }
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

static void judge(const jti_test *test, const child *c, jti_result *result, double timeout) {
  const char *when = c->ended ? "after the test ended" : "before the test ended";
  char *summary = sanitizer_summary(&c->tail);
  size_t before = result->count;
  if (c->killed && !c->ended) {
    jti_add_problem(JTI_ERROR, test->file, test->line, "timed out after %g s", timeout);
  } else if (c->killed) {
    jti_add_problem(JTI_ERROR, test->file, test->line, "the process did not exit %s", when);
  } else if (WIFSIGNALED(c->status)) {
    int number = WTERMSIG(c->status);
    const char *name = jti_signal_name(number);
    jti_add_problem(JTI_ERROR, test->file, test->line, "crashed with %s (signal %d) %s%s",
                    name ? name : "a signal", number, when, summary);
  } else if (!c->ended || WEXITSTATUS(c->status) != 0) {
    jti_add_problem(JTI_ERROR, test->file, test->line, "exited with status %d %s%s",
                    WEXITSTATUS(c->status), when, summary);
  }
  if (c->damaged) {
    jti_add_problem(JTI_ERROR, test->file, test->line, "the records of the test are damaged");
  }
  free(summary);
  if (result->count > before) {
    jti_text_add(&result->stderr_tail, c->tail.data, c->tail.size);
  }
}

void jti_run_isolated(const jti_test *test, jti_result *result, double timeout) {
  jti_attach(result);
  int wire[2] = {-1, -1};
  int output[2] = {-1, -1};
  unsigned long long *passed =
      mmap(NULL, sizeof *passed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  child c = {.pid = -1};
  if (passed != MAP_FAILED && open_pipe(wire) && open_pipe(output)) {
    fflush(NULL);
    pid_t parent = getpid();
    c.pid = fork();
    if (c.pid == 0) {
      close(wire[0]);
      close(output[0]);
      run_child(test, parent, wire[1], output[1], passed);
    }
  }
  int problem = errno;
  if (wire[1] >= 0) {
    close(wire[1]);
  }
  if (output[1] >= 0) {
    close(output[1]);
  }
  if (c.pid > 0) {
    setpgid(c.pid, c.pid);
    c.wire = wire[0];
    c.output = output[0];
    fcntl(c.wire, F_SETFL, O_NONBLOCK);
    fcntl(c.output, F_SETFL, O_NONBLOCK);
    watch(&c, timeout);
    trim_tail(&c.tail);
    judge(test, &c, result, timeout);
    result->counts.passed = *passed;
  } else {
    if (wire[0] >= 0) {
      close(wire[0]);
    }
    if (output[0] >= 0) {
      close(output[0]);
    }
    jti_add_problem(JTI_ERROR, test->file, test->line, "cannot start a process for the test: %s",
                    strerror(problem));
  }
  if (passed != MAP_FAILED) {
    munmap(passed, sizeof *passed);
  }
  jti_text_free(&c.frames);
  jti_text_free(&c.tail);
  jti_close_sets();
  jti_attach(NULL);
}
