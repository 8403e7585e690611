// A child process for a test or for a part of one. It sends its records through a pipe as they
// come, so that nothing said before a crash is lost; where it is asked for, its stdout and stderr
// come through a second pipe.
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

// A child that ended its work but does not exit, for an atexit function that waits for a thread
// which is not there after a fork, may not stop the program. Generous: leak checkers take time.
static const double exit_patience = 60;

typedef struct child {
  const jti_errand *errand;
  jti_end *end;
  pid_t pid;
  int wire;    // records; -1 after the end
  int output;  // stdout and stderr; -1 after the end, or where they are the parent's
  jti_text frames;
} child;

// ---- In the child -------------------------------------------------------------------------------

static void take_streams(int output) {
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
}

static void run(const jti_errand *errand, pid_t parent, int wire, int output) JT_NORETURN;

static void run(const jti_errand *errand, pid_t parent, int wire, int output) {
  setpgid(0, 0);
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != parent) {
    _exit(1);
  }
  jti_unwatch_crashes();
  jti_tap_close();
  if (output >= 0) {
    take_streams(output);
  }
  jti_begin_child(wire, errand->passed);
  errand->work(errand->ctx);
  jti_wire_end(wire);
  close(wire);
  // The ordinary way out, so that leak checkers and coverage see this process like any other.
  exit(0);
}

// ---- In the parent ------------------------------------------------------------------------------

static void close_end(int *fd) {
  if (*fd >= 0) {
    close(*fd);
  }
  *fd = -1;
}

static bool open_pipe(int ends[2]) {
  if (pipe(ends) != 0) {
    return false;
  }
  for (int i = 0; i < 2; ++i) {
    fcntl(ends[i], F_SETFD, FD_CLOEXEC);
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return true;
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
      close_end(fd);
    } else if (fd == &c->output) {
      c->errand->take_output(c->errand->ctx, buffer, (size_t)got);
    } else if (!c->end->damaged) {
      jti_text_add(&c->frames, buffer, (size_t)got);
      c->end->damaged = !jti_wire_read(&c->frames, &c->end->ended);
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

static void watch(child *c) {
  jti_end *end = c->end;
  double timeout = c->errand->timeout;
  double deadline = timeout > 0 ? jti_clock() + timeout : 0;
  double exit_deadline = 0;
  while (!has_exited(c)) {
    double now = jti_clock();
    if (end->ended && exit_deadline <= 0) {
      exit_deadline = now + exit_patience;
    }
    bool late = !end->ended && deadline > 0 && now >= deadline;
    if (!end->killed && (late || (exit_deadline > 0 && now >= exit_deadline))) {
      end->killed = true;
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
  kill(-c->pid, SIGKILL);  // what it started and left behind
  while (waitpid(c->pid, &end->status, 0) < 0 && errno == EINTR) {
    continue;
  }
  drain(c, &c->wire);
  drain(c, &c->output);
}

bool jti_child_run(const jti_errand *errand, jti_end *end) {
  int wire[2] = {-1, -1};
  int output[2] = {-1, -1};
  *end = (jti_end){.status = 0};
  child c = {.errand = errand, .end = end, .pid = -1};
  if (open_pipe(wire) && (!errand->take_output || open_pipe(output))) {
    fflush(NULL);
    pid_t parent = getpid();
    c.pid = fork();
    if (c.pid == 0) {
      close_end(&wire[0]);
      close_end(&output[0]);
      run(errand, parent, wire[1], output[1]);
    }
  }
  int problem = errno;
  close_end(&wire[1]);
  close_end(&output[1]);
  c.wire = wire[0];
  c.output = output[0];
  if (c.pid > 0) {
    setpgid(c.pid, c.pid);
    watch(&c);
  }
  close_end(&c.wire);
  close_end(&c.output);
  jti_text_free(&c.frames);
  errno = problem;
  return c.pid > 0;
}
