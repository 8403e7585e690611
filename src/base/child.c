#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/locale.h"

/* A child that computes longer than this hangs. */
#define CPU_SECONDS 600
#define PIPE_BYTES 1048576

static _Noreturn void run_child(const jimm_child *child,
                                void (*work)(void *context, const jimm_child *child),
                                void *context) {
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGXCPU};
  for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
    signal(crashes[i], SIG_DFL);
  }
  signal(SIGPIPE, SIG_DFL);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_SECONDS, CPU_SECONDS + 5});
  work(context, child);
  _exit(0);
}

jimm_status jimm_child_start(jimm_child *child,
                             void (*work)(void *context, const jimm_child *child), void *context) {
  int ends[2];
  *child = (jimm_child){-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return jimm_fail(JIMM_ERROR_IO, "a pipe to a child process: %s", jimm_errno_text(errno));
  }
  fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* a wish: fewer calls */
  const pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    run_child(&(jimm_child){0, ends[1]}, work, context);
  }
  const int error = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return jimm_fail(error == ENOMEM ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_ERROR_IO,
                     "a child process: %s", jimm_errno_text(error));
  }
  *child = (jimm_child){pid, ends[0]};
  return JIMM_OK;
}

void jimm_child_write(const jimm_child *child, const void *data, size_t size) {
  const uint8_t *at = data;
  while (size > 0) {
    const ssize_t written = write(child->descriptor, at, size);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      _exit(1);
    }
    at += written;
    size -= (size_t)written;
  }
}

bool jimm_child_read(const jimm_child *child, void *data, size_t size) {
  uint8_t *at = data;
  while (size > 0) {
    const ssize_t got = read(child->descriptor, at, size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    at += got;
    size -= (size_t)got;
  }
  return true;
}

int jimm_child_end(jimm_child *child, bool now) {
  int status = 0;
  close(child->descriptor);
  if (now) {
    kill(child->pid, SIGKILL);
  }
  pid_t ended;
  do {
    ended = waitpid(child->pid, &status, 0);
  } while (ended < 0 && errno == EINTR);
  *child = (jimm_child){-1, -1};
  return ended > 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
