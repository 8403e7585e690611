// The thread pool: every index once, forks, denormals, limits.
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jimm-test/jimm-test.h>

#include "base/alloc.h"
#include "base/pool.h"

#if defined(__has_feature)  // clang
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum { COUNT = 1000 };

typedef struct work {
  atomic_int calls[COUNT];
  float tiny, product[COUNT];
  pthread_t thread[COUNT];
  size_t number[COUNT];
  atomic_int busy[4];  // tasks that run now, by the number of their thread
  atomic_int clashes;
} work;

static void do_one(void *context, size_t index, size_t thread) {
  work *w = context;
  if (thread >= 4 || atomic_fetch_add(&w->busy[thread & 3], 1) != 0) {
    atomic_fetch_add(&w->clashes, 1);
  }
  atomic_fetch_add(&w->calls[index], 1);
  volatile float tiny = w->tiny;
  w->product[index] = tiny * 0.5f;  // a denormal, unless they are flushed
  w->thread[index] = pthread_self();
  w->number[index] = thread;
  atomic_fetch_add(&w->busy[thread & 3], -1);
}

static bool each_once(const work *w, size_t count) {
  for (size_t i = 0; i < COUNT; i++) {
    if (atomic_load(&w->calls[i]) != (i < count)) {
      return false;
    }
  }
  return true;
}

static work *make_work(void) {
  work *w = calloc(1, sizeof *w);
  w->tiny = 0x1p-126f;
  return w;
}

static bool denormals_live(void) {
  volatile float tiny = 0x1p-126f;
  return tiny * 0.5f != 0;
}

TEST(pool_calls_every_index_once) {
  for (int threads = 1; threads <= 4; threads++) {
    jimm_pool *pool;
    TEST_REQUIRE_INT(jimm_pool_create(threads, &pool), JIMM_OK);
    TEST_CHECK_INT(jimm_pool_threads(pool), threads);
    TEST_REQUIRE_INT(jimm_pool_start(pool), JIMM_OK);
    TEST_REQUIRE_INT(jimm_pool_start(pool), JIMM_OK);
    static const size_t counts[] = {0, 1, 2, 3, 7, COUNT};
    for (size_t c = 0; c < 6; c++) {
      work *w = make_work();
      jimm_pool_run(pool, do_one, w, counts[c], c % 2 == 0);
      TEST_CHECK_MSG(each_once(w, counts[c]), "%d threads, %zu tasks", threads, counts[c]);
      TEST_CHECK_INT(atomic_load(&w->clashes), 0);
      for (size_t i = 0; i < counts[c]; i++) {
        TEST_CHECK(w->number[i] < (size_t)threads);
        TEST_CHECK(threads > 1 || pthread_equal(w->thread[i], pthread_self()));
      }
      free(w);
    }
    jimm_pool_close(&pool);
    TEST_CHECK(pool == NULL);
    jimm_pool_close(&pool);
  }
}

TEST(pool_flushes_denormals_in_tasks_only) {
  TEST_REQUIRE(denormals_live());
  for (int threads = 1; threads <= 2; threads++) {
    jimm_pool *pool;
    TEST_REQUIRE_INT(jimm_pool_create(threads, &pool), JIMM_OK);
    TEST_REQUIRE_INT(jimm_pool_start(pool), JIMM_OK);
    work *w = make_work();
    jimm_pool_run(pool, do_one, w, COUNT, false);
    bool flushed = true;
    for (size_t i = 0; i < COUNT; i++) {
      flushed = flushed && w->product[i] == 0;
    }
    TEST_CHECK_MSG(flushed, "%d threads", threads);
    TEST_CHECK(denormals_live());
    free(w);
    jimm_pool_close(&pool);
  }
}

TEST(pool_refuses_odd_thread_counts) {
  jimm_pool *pool = NULL;
  TEST_CHECK_INT(jimm_pool_create(-1, &pool), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_pool_create(JIMM_THREADS_MAX + 1, &pool), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_pool_create(10000, &pool), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "threads is 10000, expected 1 to 1024");
  TEST_CHECK(pool == NULL);
  TEST_REQUIRE_INT(jimm_pool_create(JIMM_THREADS_DEFAULT, &pool), JIMM_OK);
  TEST_CHECK_INT(jimm_pool_threads(pool), jimm_default_threads());
  jimm_pool_close(&pool);
}

// Runs the pool in this process; 0 when every index came once.
static int use(jimm_pool *pool) {
  if (jimm_pool_start(pool) != JIMM_OK) {
    return 2;
  }
  work *w = make_work();
  jimm_pool_run(pool, do_one, w, COUNT, false);
  bool good = each_once(w, COUNT);
  free(w);
  return good ? 0 : 1;
}

static int exit_status_of(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + status;
}

TEST_OPTIONS(pool_survives_fork, .timeout = 30.0) {
#if defined(__SANITIZE_THREAD__)
  TEST_SKIP("ThreadSanitizer cannot start threads in a forked child");
#endif
  jimm_pool *pool;
  TEST_REQUIRE_INT(jimm_pool_create(3, &pool), JIMM_OK);
  TEST_REQUIRE_INT(use(pool), 0);  // its threads run in the parent
  pid_t child = fork();
  if (child == 0) {
    int result = use(pool);  // the child has none of them
    pid_t grandchild = fork();
    if (grandchild == 0) {
      result = use(pool);
      jimm_pool_close(&pool);
      _exit(result);
    }
    int inner = exit_status_of(grandchild);
    result = result == 0 ? use(pool) : result;  // and still its own
    jimm_pool_close(&pool);
    _exit(result == 0 ? inner : result);
  }
  TEST_CHECK_INT(exit_status_of(child), 0);
  TEST_CHECK_INT(use(pool), 0);  // the parent's still run
  child = fork();
  if (child == 0) {
    jimm_pool_close(&pool);  // without using it: must not wait for threads that are not there
    _exit(pool == NULL ? 0 : 1);
  }
  TEST_CHECK_INT(exit_status_of(child), 0);
  jimm_pool_close(&pool);
}

static long count_threads(void) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  long threads = -1;
  while (file != NULL && threads < 0 && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "Threads:", 8) == 0) {
      threads = strtol(line + 8, NULL, 10);
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  return threads;
}

static void *do_nothing(void *context) {
  return context;
}

TEST_OPTIONS(pool_starts_no_thread_before_its_time, .isolate = true) {
  pthread_t thread;
  const long first = count_threads();
  TEST_REQUIRE_INT(pthread_create(&thread, NULL, do_nothing, NULL), 0);
  pthread_join(thread, NULL);
  const long before = count_threads();
  if (first != 1 || before != 1) {
    TEST_SKIP("the system does not tell this process's threads alone (emulation or a sanitizer?)");
  }
  jimm_pool *pool;
  TEST_REQUIRE_INT(jimm_pool_create(3, &pool), JIMM_OK);
  TEST_CHECK_INT(count_threads(), before);
  TEST_REQUIRE_INT(jimm_pool_start(pool), JIMM_OK);
  TEST_CHECK_INT(count_threads(), before + 2);
  jimm_pool_close(&pool);
  jimm_pool *single;
  TEST_REQUIRE_INT(jimm_pool_create(1, &single), JIMM_OK);
  TEST_CHECK_INT(use(single), 0);
  TEST_CHECK_INT(count_threads(), before);
  jimm_pool_close(&single);
}

// Little address space stands for a limit on threads: their stacks do not fit.
TEST_OPTIONS(pool_reports_threads_that_cannot_start, .timeout = 30.0) {
#if SANITIZED
  TEST_SKIP("sanitizers need the address space");
#endif
  jimm_pool *pool;
  TEST_REQUIRE_INT(jimm_pool_create(JIMM_THREADS_MAX, &pool), JIMM_OK);
  struct rlimit limit;
  TEST_REQUIRE_INT(getrlimit(RLIMIT_AS, &limit), 0);
  limit.rlim_cur = (rlim_t)512 << 20;
  TEST_REQUIRE_INT(setrlimit(RLIMIT_AS, &limit), 0);
  void *big = mmap(NULL, (size_t)1 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (big != MAP_FAILED) {
    munmap(big, (size_t)1 << 30);
    jimm_pool_close(&pool);
    TEST_SKIP("RLIMIT_AS has no effect (emulation or a sanitizer?)");
  }
  TEST_CHECK_INT(jimm_pool_start(pool), JIMM_ERROR_LIMIT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "of 1024 threads could be started");
  jimm_pool_close(&pool);
}
