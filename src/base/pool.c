#include "base/pool.h"

#include <pthread.h>
#include <pthreadpool.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/locale.h"
#include "base/os.h"

struct jimm_pool {
  int threads;
  bool started;
  pid_t process;         /* the process that started the threads, */
  unsigned generation;   /* and how many forks lay between it and the first one */
  pthreadpool_t workers; /* NULL with one thread: the caller does everything */
};

/* Threads do not survive fork. Children are told from parents by a count that fork raises, and by
 * the process id where a child was made past the C library (clone). */
static atomic_uint fork_generation;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void count_fork(void) {
  atomic_fetch_add(&fork_generation, 1);
}

static void watch_forks(void) {
  pthread_atfork(NULL, NULL, count_fork);
}

int jimm_default_threads(void) {
  int threads = jimm_os_processors();
  return threads > JIMM_THREADS_MAX ? JIMM_THREADS_MAX : threads;
}

jimm_status jimm_pool_create(int threads, jimm_pool **pool) {
  *pool = NULL;
  if (threads < 0 || threads > JIMM_THREADS_MAX) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "threads is %d, expected 1 to %d (or %d for the default)", threads,
                     JIMM_THREADS_MAX, JIMM_THREADS_DEFAULT);
  }
  jimm_pool *made = jimm_calloc(1, sizeof *made);
  if (made == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  made->threads = threads == JIMM_THREADS_DEFAULT ? jimm_default_threads() : threads;
  *pool = made;
  return JIMM_OK;
}

static bool is_ours(const jimm_pool *pool) {
  return pool->started && pool->process == getpid() &&
         pool->generation == atomic_load(&fork_generation);
}

void jimm_pool_close(jimm_pool **pool) {
  if (pool == NULL || *pool == NULL) {
    return;
  }
  /* In a forked child the workers are not there to be joined: what they used is left alone. */
  if ((*pool)->workers != NULL && is_ours(*pool)) {
    pthreadpool_destroy((*pool)->workers);
  }
  jimm_free(*pool);
  *pool = NULL;
}

int jimm_pool_threads(const jimm_pool *pool) {
  return pool->threads;
}

static void *wait_for_gate(void *gate) {
  pthread_mutex_lock(gate);
  pthread_mutex_unlock(gate);
  return NULL;
}

/* pthreadpool_create does not look whether its threads could be started and would wait for them for
 * ever. So the same number is started and ended first: limits show as an error here. */
static jimm_status check_thread_limit(int count) {
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  pthread_t *probes = jimm_calloc((size_t)count, sizeof *probes);
  if (probes == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  int made = 0, error = 0;
  pthread_mutex_lock(&gate);
  while (made < count && (error = pthread_create(&probes[made], NULL, wait_for_gate, &gate)) == 0) {
    made++;
  }
  pthread_mutex_unlock(&gate);
  for (int i = 0; i < made; i++) {
    pthread_join(probes[i], NULL);
  }
  pthread_mutex_destroy(&gate);
  jimm_free(probes);
  if (error != 0) {
    return jimm_fail(JIMM_ERROR_LIMIT, "only %d of %d threads could be started: %s", made + 1,
                     count + 1, jimm_errno_text(error));
  }
  return JIMM_OK;
}

jimm_status jimm_pool_start(jimm_pool *pool) {
  if (is_ours(pool)) {
    return JIMM_OK;
  }
  pthread_once(&fork_once, watch_forks);
  pthreadpool_t workers = NULL;
  if (pool->threads > 1) {
    /* Workers inherit this mask: signals stay with the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    /* but a fault belongs to the thread that makes it: blocked, it could not be handled */
    static const int faults[] = {SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
      sigdelset(&all, faults[i]);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before);
    jimm_status status = check_thread_limit(pool->threads - 1);
    if (status == JIMM_OK) {
      workers = pthreadpool_create((size_t)pool->threads);
      if (workers == NULL) {
        status = jimm_fail(JIMM_ERROR_OUT_OF_MEMORY,
                           "out of memory: a pool of %d threads could not be made", pool->threads);
      }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != JIMM_OK) {
      return status;
    }
  }
  pool->workers = workers;
  pool->process = getpid();
  pool->generation = atomic_load(&fork_generation);
  pool->started = true;
  return JIMM_OK;
}

/* ThreadSanitizer does not see how pthreadpool, which is not built for it, orders the caller before
 * the tasks and the tasks before the caller's return; told so, it checks the tasks themselves. */
#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

#ifdef THREAD_SANITIZER
void __tsan_acquire(void *address);
void __tsan_release(void *address);

typedef struct ordered_task {
  void (*task)(void *context, size_t index);
  void *context;
  char before, after;
} ordered_task;

static void run_ordered(void *context, size_t index) {
  ordered_task *o = context;
  __tsan_acquire(&o->before);
  o->task(o->context, index);
  __tsan_release(&o->after);
}
#endif

void jimm_pool_run(jimm_pool *pool, void (*task)(void *context, size_t index), void *context,
                   size_t count, bool more) {
  uint32_t flags = PTHREADPOOL_FLAG_DISABLE_DENORMALS;
  if (!more) {
    flags |= PTHREADPOOL_FLAG_YIELD_WORKERS;
  }
#ifdef THREAD_SANITIZER
  ordered_task ordered = {task, context, 0, 0};
  __tsan_release(&ordered.before);
  pthreadpool_parallelize_1d(pool->workers, run_ordered, &ordered, count, flags);
  __tsan_acquire(&ordered.after);
#else
  pthreadpool_parallelize_1d(pool->workers, task, context, count, flags);
#endif
}
