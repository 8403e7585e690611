// Tests that misbehave on purpose, one for each outcome and for each way to lose one. test_testkit
// runs this program with --filter and reads its report; nothing here is meant to pass as a whole.
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jimm-test/jimm-test.h"

typedef struct pair {
  int first;
  int second;
} pair;

static volatile int zero = 0;

// ---- Outcomes -----------------------------------------------------------------------------------

TEST(pass) {
  int one = 1;
  TEST_CHECK(one == 1);
  TEST_CHECK_MSG(one == 1, "one is %d", one);
  TEST_REQUIRE(one == 1);
  TEST_REQUIRE_MSG(one == 1, "one is %d", one);
  TEST_CHECK_INT(-3, -3);
  TEST_REQUIRE_INT(one, 1);
  TEST_CHECK_UINT(~0ull, ~0ull);
  TEST_REQUIRE_UINT(7u, 7u);
  TEST_CHECK_STR("abc", "abc");
  TEST_CHECK_STR(NULL, NULL);
  TEST_REQUIRE_STR("", "");
  TEST_CHECK_CONTAINS("abc", "bc");
  TEST_CHECK_DOUBLE(1.0, 1.0 + 1e-9, 1e-8, 0);
  TEST_CHECK_DOUBLE(-1e9, -1e9 - 1, 0, 1e-8);
  TEST_CHECK_DOUBLE(INFINITY, INFINITY, 0, 0);
  TEST_CHECK_MEM("abc", "abc", 3);
  TEST_CHECK_MEM(NULL, "abc", 0);
}

TEST(fail_check) {
  TEST_CHECK_MSG(zero == 1, "zero is %d", zero);
  TEST_CHECK(zero == 0);
}
TEST(fail_int) {
  TEST_CHECK_INT(zero, -2);
}
TEST(fail_uint) {
  TEST_CHECK_UINT(18446744073709551615u, 1u);
}
TEST(fail_str) {
  TEST_CHECK_STR("left \"x\"\n", "left y");
}
TEST(fail_str_null) {
  TEST_CHECK_STR(NULL, "NULL");
}
TEST(fail_contains) {
  TEST_CHECK_CONTAINS("haystack", "needle");
}
TEST(fail_contains_null) {
  TEST_CHECK_CONTAINS(NULL, "");
}
TEST(fail_double) {
  TEST_CHECK_DOUBLE(1.5, 1.0, 0.1, 0.1);
}
TEST(fail_double_nan) {
  TEST_CHECK_DOUBLE(NAN, NAN, 1e300, 1e300);
}
TEST(fail_double_infinite) {
  TEST_CHECK_DOUBLE(1.0, INFINITY, 0, 1);
}
TEST(fail_double_tolerance) {
  TEST_CHECK_DOUBLE(1.0, 1.0, NAN, 0);
}
TEST(fail_mem) {
  TEST_CHECK_MEM("abcdef", "abcxef", 6);
}
TEST(fail_mem_null) {
  TEST_CHECK_MEM(NULL, "a", 1);
}
TEST(fail_explicit) {
  TEST_FAIL("row %d", 12);
}
TEST(fail_invalid_text) {
  TEST_CHECK_STR("\xff\x01\xc3\xa4", "x");
}
TEST(error_explicit) {
  TEST_ERROR("no fixture %s", "abc");
}
TEST(no_checks) {}
TEST(late_add) {
  jt_add("late", NULL, NULL, NULL);
}

static void require_in_helper(const char *text) {
  char *held = strdup(text);
  bool good = strcmp(held, "good") == 0;
  free(held);
  TEST_REQUIRE_STR(good ? "good" : "bad", "good");
}
TEST(require_stops) {
  require_in_helper("bad");
  TEST_FAIL("not reached");
}
TEST(require_plain_stops) {
  TEST_REQUIRE(zero == 1);
  TEST_FAIL("not reached");
}

TEST(worst_wins) {
  TEST_BROKEN(zero == 1);
  TEST_CHECK(zero == 1);
  TEST_BROKEN(zero == 0);
}

TEST(skipped) {
  TEST_CHECK(zero == 0);
  TEST_SKIP("no %s # here", "camera");
  TEST_FAIL("not reached");
}
TEST(skip_after_fail) {
  TEST_CHECK(zero == 1);
  TEST_SKIP("too late");
}

TEST(broken_expected) {
  TEST_BROKEN(zero == 1);
}
TEST(broken_unbroken) {
  TEST_BROKEN(zero == 0);
}
TEST(soft_true) {
  TEST_SOFTFAIL(zero == 0);
  TEST_SOFTFAIL((bool)true);
  TEST_SOFTFAIL((unsigned char)1);
}
TEST(soft_false) {
  TEST_SOFTFAIL(zero == 0);
  TEST_SOFTFAIL(zero == 1);
}
TEST(soft_zero) {
  TEST_SOFTFAIL(0ul);
}
TEST(soft_pointer) {
  TEST_SOFTFAIL("text");
}
TEST(soft_null) {
  TEST_SOFTFAIL((void *)NULL);
}
TEST(soft_float) {
  TEST_SOFTFAIL(1.0f);
}
TEST(soft_double) {
  TEST_SOFTFAIL(0.0);
}
TEST(soft_long_double) {
  TEST_SOFTFAIL(1.0L);
}
TEST(soft_two) {
  TEST_SOFTFAIL(2);
}
TEST(soft_negative) {
  TEST_SOFTFAIL(-1ll);
}
TEST(soft_unsigned) {
  TEST_SOFTFAIL(~0ull);
}
TEST(soft_struct) {
  pair p = {0, 1};
  TEST_SOFTFAIL(p);
}
TEST_OPTIONS(soft_crash, .isolate = true) {
  TEST_SOFTFAIL(zero == 1);
  TEST_SOFTFAIL(raise(SIGSEGV) == 0);
}

TEST(many_failures) {
  for (int i = 0; i < 1000; ++i) {
    TEST_SOFTFAIL(i < 0);
  }
  TEST_CHECK_INT(zero, 4711);
}

// ---- Death without isolation --------------------------------------------------------------------

TEST(plain_segv) {
  TEST_CHECK_INT(zero, 4711);
  raise(SIGSEGV);
}
TEST(plain_abort) {
  abort();
}
TEST(plain_fpe) {
  raise(SIGFPE);
}
TEST(plain_bus) {
  raise(SIGBUS);
}
TEST(plain_ill) {
  raise(SIGILL);
}
TEST(plain_terminated) {
  raise(SIGTERM);
}
TEST(plain_exit) {
  TEST_CHECK(zero == 0);
  exit(0);
}

static int deep(volatile char *above) {
  volatile char room[4096];
  room[0] = above ? above[0] : 0;
  return zero ? 0 : deep(room) + room[0];
}
TEST(plain_overflow) {
  TEST_CHECK_INT(deep(NULL), 0);
}

TEST(plain_print) {
  printf("not ok 1 - printed by a test\n");
  TEST_CHECK(zero == 0);
  TEST_NOTE("first line\nsecond %s", "line");
}

TEST(plain_fork) {
  TEST_CHECK(zero == 0);
  if (fork() == 0) {
    TEST_REQUIRE(zero == 1);
  }
}

// Processes of the test's own share the report, but their end is not the end of the test.
TEST(plain_fork_dies) {
  for (int i = 0; i < 2; ++i) {
    pid_t pid = fork();
    if (pid == 0 && i == 0) {
      abort();
    }
    if (pid == 0) {
      exit(5);
    }
    int status = 0;
    TEST_REQUIRE(waitpid(pid, &status, 0) == pid);
    TEST_CHECK(i == 0 ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 5);
  }
}

// ---- Death and life in a child ------------------------------------------------------------------

TEST_OPTIONS(isolated_pass, .timeout = 60) {
  printf("ok 99 - printed by a test\n");
  TEST_CHECK(zero == 0);
  TEST_NOTE("from the child");
  TEST_CHECK_INT(1, 1);
}
TEST_OPTIONS(isolated_fail, .isolate = true) {
  TEST_CHECK_STR(NULL, "want");
  TEST_CHECK_INT(zero, 4711);
}
TEST_OPTIONS(isolated_no_checks, .isolate = true) {}
TEST_OPTIONS(isolated_skip, .isolate = true) {
  TEST_SKIP("from the child");
}
TEST_OPTIONS(isolated_segv, .isolate = true) {
  TEST_CHECK_INT(zero, 4711);
  fprintf(stderr, "last words 1\n...\n  key: last words 2\n");
  raise(SIGSEGV);
}
TEST_OPTIONS(isolated_abort, .isolate = true) {
  printf("unflushed words\n");  // the kit makes stdout line-buffered
  abort();
}
TEST_OPTIONS(isolated_kill, .isolate = true) {
  raise(SIGKILL);
}
TEST_OPTIONS(isolated_exit0, .isolate = true) {
  TEST_CHECK(zero == 0);
  exit(0);
}
TEST_OPTIONS(isolated_exit3, .isolate = true) {
  exit(3);
}

static void exit_badly(void) {
  _exit(7);
}
TEST_OPTIONS(isolated_late_exit, .isolate = true) {
  TEST_CHECK(zero == 0);
  atexit(exit_badly);
}
TEST_OPTIONS(isolated_timeout, .timeout = 0.2) {
  TEST_CHECK(zero == 0);
  for (;;) {
    pause();
  }
}
TEST(timeout_from_argument) {
  TEST_CHECK(zero == 0);
  for (;;) {
    pause();
  }
}
// The grandchild holds both pipes open; the test must end nevertheless, and the grandchild with it.
TEST_OPTIONS(isolated_orphan, .isolate = true) {
  TEST_CHECK(zero == 0);
  if (fork() == 0) {
    sleep(600);
    _exit(0);
  }
}
TEST_OPTIONS(isolated_flood, .isolate = true) {
  for (int i = 0; i < 20000; ++i) {
    fprintf(stderr, "line %d of a flood\n", i);
    TEST_CHECK(zero == 0);
  }
  TEST_ERROR("flooded");
  abort();
}
TEST_OPTIONS(isolated_many_records, .isolate = true) {
  for (int i = 0; i < 5000; ++i) {
    TEST_CHECK_INT(i, -1);
  }
}

// ---- Threads ------------------------------------------------------------------------------------

static void *check_often(void *unused) {
  for (int i = 0; i < 1000; ++i) {
    TEST_CHECK(i >= 0);
  }
  TEST_REQUIRE(zero == 1);
  TEST_FAIL("not reached");
  return unused;
}
TEST(threads) {
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) {
    TEST_REQUIRE(pthread_create(&threads[i], NULL, check_often, NULL) == 0);
  }
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
  }
  TEST_NOTE("the test goes on");
}

// ---- Rows added at run time, and a setup that misbehaves ----------------------------------------

static void row(void *ctx) {
  TEST_CHECK_INT(*(const int *)ctx, 2);
}

static int rows[] = {1, 2, 3};

TEST_SETUP() {
  jt_add("row 1", row, &rows[0], NULL);
  jt_add("row 2 \\ with #hash", row, &rows[1], &JT_OPTIONS(.isolate = true));
  jt_add(
      "row 3 # TO"
      "DO later\nand #  skip this",
      row, &rows[2], &JT_OPTIONS(.isolate = true));
  const char *wanted = getenv("VICTIM_SETUP");
  if (!wanted) {
    return;
  }
  if (strcmp(wanted, "fail") == 0) {
    TEST_CHECK_INT(zero, 4711);
  } else if (strcmp(wanted, "skip") == 0) {
    TEST_SKIP("no network");
  } else if (strcmp(wanted, "crash") == 0) {
    abort();
  }
}

TEST_SETUP() {
  if (getenv("VICTIM_STRAY")) {
    return;
  }
  TEST_CHECK(zero == 0);
}

int main(int argc, char **argv) {
  if (getenv("VICTIM_STRAY")) {
    TEST_CHECK(zero == 1);  // no test runs yet
    if (strcmp(getenv("VICTIM_STRAY"), "set") == 0) {
      TEST_SET("too early") {
        TEST_SKIP_CHECK("too early");
      }
    }
  }
  if (getenv("VICTIM_EMPTY")) {
    // jt_main forgets all tests when it returns: a second call is a program without any.
    char program[] = "victims", bad[] = "--bad";
    char *bad_arguments[] = {program, bad, NULL};
    jt_main(2, bad_arguments);
  }
  return jt_main(argc, argv);
}
