/* The child process of src/base/child.c, kept for many inputs (-Wl,--wrap), since a fork costs more
 * than most inputs: it receives an input, does the work on it and sends what the work wrote in
 * blocks, each behind its size; a size of 0 ends them, and LAST when the child ends too. It is made
 * anew when it crashes, after INPUTS of them and when it is LARGE, so that what the HDF5 library
 * leaks on damaged files does not add up. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "fuzz.h"
#include "parity/hdf5.h"

#define INPUTS 200
#define LARGE (128L << 10) /* KiB */
#define LAST SIZE_MAX

jimm_status __wrap_jimm_child_start(jimm_child *child,
                                    void (*work)(void *context, const jimm_child *child),
                                    void *context);
void __wrap_jimm_child_write(const jimm_child *child, const void *data, size_t size);
bool __wrap_jimm_child_read(const jimm_child *child, void *data, size_t size);
int __wrap_jimm_child_end(jimm_child *child, bool now);

static struct {
  pid_t pid;
  int to, from, inputs;
  size_t left; /* of the block that is being read */
  bool ended;  /* the last block was read */
  bool gone;   /* the child ended before that */
} server;

static bool transfer(int descriptor, void *data, size_t size, bool out) {
  uint8_t *at = data;
  while (size > 0) {
    const ssize_t got = out ? write(descriptor, at, size) : read(descriptor, at, size);
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

static _Noreturn void serve(int in, int out, void (*work)(void *context, const jimm_child *child),
                            void *context) {
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM, SIGXCPU};
  const jimm_child self = {0, out};
  size_t size, end = 0;
  for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
    signal(crashes[i], SIG_DFL);
  }
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  fuzz_require(dup2(open("/dev/null", O_WRONLY), STDERR_FILENO) >= 0);
  for (bool first = true; transfer(in, &size, sizeof(size), false); first = false) {
    uint8_t *data = malloc(size + 1);
    jimm_hdf5_session session;
    if (data == NULL || !transfer(in, data, size, false)) {
      break;
    }
    if (!first) {
      jimm_hdf5_enter(&session); /* the work leaves it */
    }
    fuzz_data = data;
    fuzz_size = size;
    /* less than in earnest, to be used up sooner */
    jimm_child_limit(32 << 20);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    const rlim_t seconds = (rlim_t)used.ru_utime.tv_sec + (rlim_t)used.ru_stime.tv_sec + 2;
    setrlimit(RLIMIT_CPU, &(struct rlimit){seconds, RLIM_INFINITY});
    work(context, &self);
    free(data);
    if (getrusage(RUSAGE_SELF, &used) == 0 && used.ru_maxrss > LARGE) {
      end = LAST;
    }
    if (!transfer(out, &end, sizeof(end), true) || end == LAST) {
      break;
    }
  }
  _exit(0);
}

static void start_server(void (*work)(void *context, const jimm_child *child), void *context) {
  int down[2], up[2];
  signal(SIGPIPE, SIG_IGN);
  fuzz_require(pipe(down) == 0 && pipe(up) == 0);
  server.pid = fork();
  fuzz_require(server.pid >= 0);
  if (server.pid == 0) {
    close(down[1]);
    close(up[0]);
    serve(down[0], up[1], work, context);
  }
  close(down[0]);
  close(up[1]);
  server.to = down[1];
  server.from = up[0];
  server.inputs = 0;
}

/* The status of waitpid. */
static int end_server(void) {
  int status = 0;
  pid_t ended;
  close(server.to);
  close(server.from);
  do {
    ended = waitpid(server.pid, &status, 0);
  } while (ended < 0 && errno == EINTR);
  fuzz_require(ended == server.pid);
  server.pid = 0;
  return status;
}

jimm_status __wrap_jimm_child_start(jimm_child *child,
                                    void (*work)(void *context, const jimm_child *child),
                                    void *context) {
  if (server.pid == 0) {
    start_server(work, context);
  }
  if (!transfer(server.to, &fuzz_size, sizeof(fuzz_size), true)) {
    /* what the input before did to its memory came to light after its end */
    end_server();
    start_server(work, context);
    fuzz_require(transfer(server.to, &fuzz_size, sizeof(fuzz_size), true));
  }
  server.inputs++;
  server.left = 0;
  server.ended = server.gone = false;
  transfer(server.to, (void *)(uintptr_t)fuzz_data, fuzz_size,
           true); /* read finds out if it failed */
  *child = (jimm_child){server.pid, server.from};
  return JIMM_OK;
}

void __wrap_jimm_child_write(const jimm_child *child, const void *data, size_t size) {
  if (size > 0 && (!transfer(child->descriptor, &size, sizeof(size), true) ||
                   !transfer(child->descriptor, (void *)(uintptr_t)data, size, true))) {
    _exit(1);
  }
}

bool __wrap_jimm_child_read(const jimm_child *child, void *data, size_t size) {
  uint8_t *at = data;
  while (size > 0 && !server.ended && !server.gone) {
    if (server.left == 0) {
      server.gone = !transfer(child->descriptor, &server.left, sizeof(server.left), false);
      server.ended = !server.gone && (server.left == 0 || server.left == LAST);
      server.inputs = server.left == LAST ? INPUTS : server.inputs;
      continue;
    }
    const size_t part = size < server.left ? size : server.left;
    server.gone = !transfer(child->descriptor, at, part, false);
    at += part;
    size -= part;
    server.left -= part;
  }
  return size == 0;
}

int __wrap_jimm_child_end(jimm_child *child, bool now) {
  uint8_t rest;
  (void)now;
  while (__wrap_jimm_child_read(child, &rest, 1)) {
  }
  if (!server.gone && server.inputs < INPUTS) {
    return 0; /* serves on */
  }
  const int status = end_server();
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
