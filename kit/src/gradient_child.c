// A piece of work in a process of its own: what it finds comes back through shared memory, what it
// records through the pipe of child.c.
#include "gradient.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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

// ---- The work -----------------------------------------------------------------------------------

typedef struct piece {
  void (*work)(void *ctx, jti_shared *shared);
  void *ctx;
  jti_shared *shared;
} piece;

// In either process: a check that ends the test ends the work.
static void work_to_the_end(const piece *it) {
  jmp_buf outside;
  memcpy(&outside, &jti_now.end, sizeof outside);
  if (setjmp(jti_now.end) == 0) {
    it->work(it->ctx, it->shared);
  } else if (!it->shared->message[0]) {
    jti_shared_say(it->shared, "a check in it ended it");
  }
  memcpy(&jti_now.end, &outside, sizeof outside);
}

static void work_in_child(void *ctx) {
  jti_now.thread = pthread_self();
  work_to_the_end(ctx);
  // What the program registered with atexit is for the end of the test.
  fflush(NULL);
  jti_wire_end(jti_now.wire);
  _exit(0);
}

static char *how_it_ended(const jti_end *end, double timeout) {
  jti_text text = {0};
  if (end->killed) {
    jti_text_printf(&text, "took more than %g s", timeout);
  } else if (WIFSIGNALED(end->status)) {
    const char *name = jti_signal_name(WTERMSIG(end->status));
    jti_text_printf(&text, "crashed with %s (signal %d)", name ? name : "a signal",
                    WTERMSIG(end->status));
  } else if (!end->ended) {
    jti_text_printf(&text, "ended the process with status %d", WEXITSTATUS(end->status));
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
  piece it = {work, ctx, shared};
  if (p->options.in_process) {
    work_to_the_end(&it);
    return NULL;
  }
  jti_end end;
  jti_errand errand = {
      .work = work_in_child, .ctx = &it, .passed = &shared->checks, .timeout = time_limit(p)};
  if (!jti_child_run(&errand, &end)) {
    jti_text text = {0};
    jti_text_printf(&text, "could not get a process: %s", strerror(errno));
    return text.data;
  }
  if (end.damaged) {
    jti_add_problem(JTI_ERROR, NULL, 0, "the records of a child process are damaged");
  }
  return how_it_ended(&end, errand.timeout);
}
