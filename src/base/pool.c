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

/* A thread's part of a run: the indices from `next` to `end`. It takes them one by one, and then
 * those that others have not come to. On a cache line of its own. */
typedef struct share {
  _Alignas(JIMM_ALIGNMENT) atomic_size_t next;
  size_t end;
} share;

struct jimm_pool {
  int threads;
  bool started;
  pid_t process;         /* the process that started the threads, */
  unsigned generation;   /* and how many forks lay between it and the first one */
  pthreadpool_t workers; /* NULL with one thread: the caller does everything */
  jimm_task task;        /* of the run that goes on: its context and shares in use, too */
  void *context;
  size_t shares;
  share share[]; /* [threads] */
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
  const int resolved = threads == JIMM_THREADS_DEFAULT ? jimm_default_threads() : threads;
  jimm_pool *made = jimm_calloc(1, sizeof *made + (size_t)resolved * sizeof made->share[0]);
  if (made == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  made->threads = resolved;
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
#define ACQUIRE(address) __tsan_acquire(address)
#define RELEASE(address) __tsan_release(address)
#else
#define ACQUIRE(address) ((void)(address))
#define RELEASE(address) ((void)(address))
#endif

/* What pthreadpool calls a task: the whole work of one thread, whose index is thus that of the
 * task. A thread that comes late may find its share done by others. */
static void work(void *context, size_t thread) {
  jimm_pool *pool = context;
  ACQUIRE(&pool->task);
  for (size_t i = 0; i < pool->shares; i++) {
    share *s = &pool->share[(thread + i) % pool->shares];
    while (atomic_load_explicit(&s->next, memory_order_relaxed) < s->end) {
      const size_t index = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
      if (index < s->end) {
        pool->task(pool->context, index, thread);
      }
    }
  }
  RELEASE(&pool->context);
}

void jimm_pool_run(jimm_pool *pool, jimm_task task, void *context, size_t count, bool more) {
  const size_t threads = (size_t)pool->threads;
  uint32_t flags = PTHREADPOOL_FLAG_DISABLE_DENORMALS;
  if (!more) {
    flags |= PTHREADPOOL_FLAG_YIELD_WORKERS;
  }
  pool->task = task;
  pool->context = context;
  pool->shares = count < threads ? count : threads;
  size_t first = 0;
  for (size_t i = 0; i < pool->shares; i++) {
    const size_t end = first + (count - first) / (pool->shares - i);
    atomic_store_explicit(&pool->share[i].next, first, memory_order_relaxed);
    pool->share[i].end = end;
    first = end;
  }
  RELEASE(&pool->task);
  pthreadpool_parallelize_1d(pool->workers, work, pool, pool->shares, flags);
  ACQUIRE(&pool->context);
}
