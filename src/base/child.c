#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/locale.h"

#define MEMORY_BYTES ((uint64_t)512 << 20)
#define CPU_SECONDS 10
/* What a byte of good data costs: copies of it; time at a rate that emulators reach. */
#define COPIES 4
#define BYTES_PER_SECOND ((uint64_t)4 << 20)
#define PIPE_BYTES 1048576

/* ---- limits, in the child ---- */

static struct {
  bool known;
  struct rlimit memory, seconds; /* of the process when it began */
  uint64_t most_bytes;           /* of address space; 0: not known */
  uint64_t most_seconds, more;   /* of processor time; bytes that are no whole second yet */
} limits;

/* The bytes of address space that the process has; 0 when the system does not say. */
static uint64_t address_space(void) {
  char text[64];
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  const ssize_t length = file < 0 ? 0 : read(file, text, sizeof(text));
  uint64_t pages = 0;
  for (ssize_t i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
    pages = 10 * pages + (uint64_t)(text[i] - '0');
  }
  if (file >= 0) {
    close(file);
  }
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The soft limit that `most` asks for, at most that with which the process began. */
static struct rlimit soften(const struct rlimit *began, uint64_t most) {
  return (struct rlimit){most < began->rlim_cur ? (rlim_t)most : began->rlim_cur, began->rlim_max};
}

static void apply_limits(void) {
  if (limits.most_bytes > 0) {
    const struct rlimit memory = soften(&limits.memory, limits.most_bytes);
    setrlimit(RLIMIT_AS, &memory);
  }
  const struct rlimit seconds = soften(&limits.seconds, limits.most_seconds);
  setrlimit(RLIMIT_CPU, &seconds);
}

void jimm_child_limit(uint64_t bytes) {
  struct rusage used;
  if (!limits.known) {
    getrlimit(RLIMIT_AS, &limits.memory);
    getrlimit(RLIMIT_CPU, &limits.seconds);
    limits.known = true;
  }
  getrusage(RUSAGE_SELF, &used);
  const uint64_t space = address_space();
  limits.most_bytes = space > 0 ? space + bytes : 0;
  limits.most_seconds = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + CPU_SECONDS;
  limits.more = 0;
  apply_limits();
}

void jimm_child_expect(size_t bytes) {
  if (!limits.known) {
    return;
  }
  limits.most_bytes += limits.most_bytes > 0 ? COPIES * (uint64_t)bytes : 0;
  limits.more += bytes;
  limits.most_seconds += limits.more / BYTES_PER_SECOND;
  limits.more %= BYTES_PER_SECOND;
  apply_limits();
}

/* ---- the child and its pipe ---- */

static _Noreturn void run_child(const jimm_child *child,
                                void (*work)(void *context, const jimm_child *child),
                                void *context) {
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGXCPU};
  for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
    signal(crashes[i], SIG_DFL);
  }
  signal(SIGPIPE, SIG_DFL);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  jimm_child_limit(MEMORY_BYTES);
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
