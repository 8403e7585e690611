// A piece of work in a process of its own: what it finds comes back through shared memory, what it
// records through the pipe of wire.c.
#include "gradient.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
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

// ---- Shared memory ------------------------------------------------------------------------------

static size_t shared_size(size_t count) {
  return sizeof(jti_shared) + count * sizeof(double);
}

jti_shared *jti_shared_make(size_t count) {
  void *memory =
      mmap(NULL, shared_size(count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    fprintf(stderr, "jimm-test: no memory for %zu derivatives: %s\n", count, strerror(errno));
    exit(1);
  }
  jti_shared *shared = memory;
  shared->count = count;
  return shared;
}

void jti_shared_free(jti_shared *shared) {
  if (shared) {
    munmap(shared, shared_size(shared->count));
  }
}

void jti_shared_say(jti_shared *shared, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(shared->message, sizeof shared->message, format, args);
  va_end(args);
}

// ---- The child ----------------------------------------------------------------------------------

typedef struct errand {
  void (*work)(void *ctx, jti_shared *shared);
  void *ctx;
  jti_shared *shared;
} errand;

// In either process: a check that ends the test ends the work.
static void work_to_the_end(const errand *e) {
  jmp_buf outside;
  memcpy(&outside, &jti_now.end, sizeof outside);
  if (setjmp(jti_now.end) == 0) {
    e->work(e->ctx, e->shared);
  } else if (!e->shared->message[0]) {
    jti_shared_say(e->shared, "a check in it ended it");
  }
  memcpy(&jti_now.end, &outside, sizeof outside);
  e->shared->done = true;
}

static void run_child(const errand *e, pid_t parent, int wire) JT_NORETURN;

static void run_child(const errand *e, pid_t parent, int wire) {
  setpgid(0, 0);
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != parent) {
    _exit(1);
  }
  jti_unwatch_crashes();
  jti_tap_close();
  jti_now.thread = pthread_self();
  jti_begin_child(wire, &e->shared->checks);
  work_to_the_end(e);
  jti_wire_end(wire);
  fflush(NULL);
  _exit(0);
}

// ---- The parent ---------------------------------------------------------------------------------

typedef struct watched {
  pid_t pid;
  int wire;  // -1 after its end
  jti_text frames;
  bool ended, killed;
  int status;
} watched;

static void drain(watched *w) {
  char buffer[8192];
  ssize_t got;
  while (w->wire >= 0) {
    got = read(w->wire, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return;
    }
    if (got <= 0) {
      close(w->wire);
      w->wire = -1;
      return;
    }
    jti_text_add(&w->frames, buffer, (size_t)got);
    if (!jti_wire_read(&w->frames, &w->ended)) {
      jti_add_problem(JTI_ERROR, NULL, 0, "the records of a child process are damaged");
      close(w->wire);
      w->wire = -1;
    }
  }
}

static bool has_exited(const watched *w) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  return waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

static void watch(watched *w, double timeout) {
  double deadline = jti_clock() + timeout;
  while (!has_exited(w)) {
    if (!w->killed && jti_clock() >= deadline) {
      w->killed = true;
      kill(-w->pid, SIGKILL);
      kill(w->pid, SIGKILL);
    }
    struct pollfd end = {.fd = w->wire, .events = POLLIN};
    if (poll(&end, 1, w->wire < 0 ? 1 : 20) > 0) {
      drain(w);
    }
  }
  kill(-w->pid, SIGKILL);  // what it started and left behind
  while (waitpid(w->pid, &w->status, 0) < 0 && errno == EINTR) {
    continue;
  }
  drain(w);
  if (w->wire >= 0) {
    close(w->wire);
  }
  jti_text_free(&w->frames);
}

static char *how_it_ended(const watched *w, double timeout) {
  jti_text text = {0};
  if (w->killed) {
    jti_text_printf(&text, "took more than %g s", timeout);
  } else if (WIFSIGNALED(w->status)) {
    const char *name = jti_signal_name(WTERMSIG(w->status));
    jti_text_printf(&text, "crashed with %s (signal %d)", name ? name : "a signal",
                    WTERMSIG(w->status));
  } else if (!w->ended) {
    jti_text_printf(&text, "ended the process with status %d", WEXITSTATUS(w->status));
  }
  return text.data;
}

static double time_limit(const jti_gradient_problem *p) {
  const char *text = getenv("JT_TIMEOUT_SCALE");
  double scale = text ? strtod(text, NULL) : 1;
  return p->options.timeout * (isfinite(scale) && scale > 0 ? scale : 1);
}

char *jti_gradient_run(const jti_gradient_problem *p, void (*work)(void *ctx, jti_shared *shared),
                       void *ctx, jti_shared *shared) {
  errand e = {work, ctx, shared};
  if (p->options.in_process) {
    work_to_the_end(&e);
    return NULL;
  }
  int wire[2];
  if (pipe(wire) != 0) {
    return jti_copy("could not get a process: no pipe");
  }
  fcntl(wire[0], F_SETFD, FD_CLOEXEC);
  fcntl(wire[1], F_SETFD, FD_CLOEXEC);
  fflush(NULL);
  pid_t parent = getpid();
  watched w = {.pid = fork(), .wire = wire[0]};
  if (w.pid == 0) {
    close(wire[0]);
    run_child(&e, parent, wire[1]);
  }
  close(wire[1]);
  if (w.pid < 0) {
    close(wire[0]);
    return jti_copy("could not get a process");
  }
  setpgid(w.pid, w.pid);
  fcntl(w.wire, F_SETFL, O_NONBLOCK);
  watch(&w, time_limit(p));
  return how_it_ended(&w, time_limit(p));
}
