// More tests that misbehave on purpose: sets, skipped checks, and tests for the kinds of reports.
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jimm-test/jimm-test.h"

static volatile int zero = 0;

// ---- Sets ---------------------------------------------------------------------------------------

static void numbered_set(int number) {
  char name[32];
  snprintf(name, sizeof name, "number %d", number);
  TEST_SET(name) {
    memset(name, 'x', sizeof name - 1);  // the kit has a copy
    TEST_CHECK(number < 3);
  }
}
TEST(set_nested) {
  TEST_SET("outer") {
    TEST_CHECK(zero == 0);
    TEST_SET("inner \"x\"") {
      TEST_CHECK(zero == 0);
      TEST_CHECK_INT(zero, 4711);
      TEST_BROKEN(zero == 1);
      TEST_SOFTFAIL(zero == 1);
      TEST_SKIP_CHECK("not here");
    }
    for (int i = 2; i < 4; ++i) {
      numbered_set(i);
    }
    TEST_ERROR("between sets");
  }
  jt_check("place.c", 5, "after a set", zero == 1);
}

static int leave_by_return(void) {
  TEST_SET("returns") {
    TEST_SET("deeper") {
      TEST_CHECK(zero == 0);
      return 1;
    }
    TEST_FAIL("not reached");
  }
  return 0;
}
TEST(set_left) {
  int rounds = 0;
  for (int i = 0; i < 2; ++i) {
    TEST_SET("breaks") {
      TEST_CHECK(zero == 0);
      if (zero == 0) {
        break;
      }
      TEST_FAIL("not reached");
    }
    TEST_SET("continues") {
      TEST_CHECK(zero == 0);
      if (zero == 0) {
        continue;
      }
      TEST_FAIL("not reached");
    }
    ++rounds;
  }
  TEST_CHECK_INT(rounds, 2);
  TEST_CHECK_INT(leave_by_return(), 1);
  TEST_SET("goes") {
    TEST_CHECK(zero == 0);
    goto out;
  }
out:
  jt_fail("place.c", 5, "after all sets");
}

TEST(set_required) {
  TEST_SET("outer") {
    TEST_SET("inner") {
      TEST_REQUIRE_INT(zero, 1);
      TEST_FAIL("not reached");
    }
  }
}
TEST(set_required_next) {
  jt_fail("place.c", 5, "not in a set");
}

TEST(set_empty) {
  TEST_CHECK(zero == 0);
  TEST_SET("full") {
    TEST_CHECK(zero == 0);
    TEST_SET("hollow") {}
  }
}
TEST_OPTIONS(set_hollow_child, .isolate = true) {
  TEST_CHECK(zero == 0);
  TEST_SET("full") {
    TEST_CHECK(zero == 0);
    TEST_SET("hollow") {}
  }
}
TEST(set_alone_is_empty) {
  TEST_SET(NULL) {}
}
TEST(set_ends_empty) {
  TEST_CHECK(zero == 0);
  TEST_SET("ended") {
    jt_end_test();
  }
}
TEST(set_not_made) {
  TEST_CHECK(zero == 0);
  TEST_SET("no camera") {
    TEST_SKIP_CHECK("no camera");
  }
}
TEST(set_skips_test) {
  TEST_CHECK(zero == 0);
  TEST_SET("camera") {
    TEST_SKIP("no camera");
  }
}

TEST_OPTIONS(set_in_child, .isolate = true) {
  TEST_CHECK(zero == 0);
  TEST_SET("first") {
    TEST_CHECK(zero == 0);
    TEST_CHECK(zero == 0);
  }
  TEST_SET("second") {
    TEST_CHECK(zero == 0);
    TEST_SET("third") {
      TEST_CHECK_INT(zero, 4711);
      TEST_SKIP_CHECK("said in the child");
    }
  }
}
TEST_OPTIONS(set_child_dies, .isolate = true) {
  TEST_SET("done") {
    TEST_CHECK(zero == 0);
  }
  TEST_SET("outer") {
    TEST_CHECK(zero == 0);
    TEST_SET("inner") {
      TEST_CHECK(zero == 0);
      TEST_CHECK(zero == 0);
      TEST_CHECK_INT(zero, 4711);
      TEST_SKIP_CHECK("said before the crash");
      abort();
    }
  }
}
TEST(set_dies) {
  TEST_SET("outer") {
    TEST_SKIP_CHECK("said before the crash");
    TEST_SET("inner") {
      TEST_CHECK_INT(zero, 4711);
      abort();
    }
  }
}

static void *open_elsewhere(void *unused) {
  TEST_SET("elsewhere") {
    TEST_CHECK(zero == 0);
    TEST_SET("deeper") {
      TEST_REQUIRE_INT(zero, 4711);
    }
  }
  return unused;
}
TEST(set_elsewhere) {
  TEST_SET("of the test") {
    for (int i = 0; i < 2; ++i) {
      pthread_t thread;
      TEST_REQUIRE(pthread_create(&thread, NULL, open_elsewhere, NULL) == 0);
      pthread_join(thread, NULL);
    }
  }
}
static void *close_elsewhere(void *set) {
  jt_set_close(set);
  return NULL;
}
TEST(set_closed_elsewhere) {
  jt_set set = jt_set_open("place.c", 12, "mine");
  pthread_t thread;
  TEST_REQUIRE(pthread_create(&thread, NULL, close_elsewhere, &set) == 0);
  pthread_join(thread, NULL);
  TEST_CHECK_INT(zero, 4711);
}
TEST_OPTIONS(set_forked, .isolate = true) {
  pid_t pid_of_fork = 0;
  TEST_SET("of the test") {
    pid_t pid = fork();
    if (pid == 0) {
      TEST_SET("of the fork") {
        TEST_CHECK(zero == 0);
      }
      break;  // out of the test's own set, in the fork's copy only
    }
    TEST_CHECK(waitpid(pid, NULL, 0) == pid);
    TEST_CHECK_INT(zero, 4711);
    pid_of_fork = pid;
  }
  if (!pid_of_fork) {
    _exit(0);
  }
}

TEST(set_functions) {
  jt_set outer = jt_set_open("place.c", 12, "outer");
  jt_set inner = jt_set_open("place.c", 13, "inner");
  TEST_CHECK_INT(zero, 4711);
  jt_set_close(&outer);
  jt_check("place.c", 5, "after a set", zero == 1);
  jt_set_close(&inner);  // closed with the outer one
  jt_set_close(&outer);
  jt_set left = jt_set_open("place.c", 14, "left open");
  TEST_CHECK(left.number != 0);
}
// A helper that recovers by itself leaves a set open; the next one out closes it.
TEST(set_jumped_over) {
  static jmp_buf back;
  TEST_SET("outer") {
    if (setjmp(back) == 0) {
      TEST_SET("inner") {
        TEST_CHECK(zero == 0);
        longjmp(back, 1);
      }
    }
  }
  jt_fail("place.c", 5, "after all sets");
}

// Other threads check while the test opens and closes sets: none of their checks is lost.
static void *check_meanwhile(void *unused) {
  for (int i = 0; i < 1000; ++i) {
    TEST_CHECK(zero == 0);
  }
  TEST_SKIP_CHECK("by a thread");
  return unused;
}
static void open_meanwhile(void) {
  pthread_t workers[2];
  for (int i = 0; i < 2; ++i) {
    TEST_REQUIRE(pthread_create(&workers[i], NULL, check_meanwhile, NULL) == 0);
  }
  for (int i = 0; i < 50; ++i) {
    TEST_SET("busy") {
      TEST_SET("busier") {
        TEST_CHECK(zero == 0);
      }
    }
  }
  for (int i = 0; i < 2; ++i) {
    pthread_join(workers[i], NULL);
  }
}
TEST(set_meanwhile) {
  open_meanwhile();
}
TEST_OPTIONS(set_meanwhile_in_child, .isolate = true) {
  open_meanwhile();
}

static void many_sets(int count) {
  for (int i = 0; i < count; ++i) {
    char name[32];
    snprintf(name, sizeof name, "set %d", i);
    TEST_SET(name) {
      TEST_CHECK(i != 7);
    }
  }
}
TEST(set_hundred) {
  many_sets(99);
}
TEST(set_one_more) {
  many_sets(100);
}

// ---- Checks that cannot be made -----------------------------------------------------------------

TEST(unmade_some) {
  TEST_CHECK(zero == 0);
  for (int i = 0; i < 3; ++i) {
    TEST_SKIP_CHECK("no %s", "camera");
  }
  jt_skip_check("place.c", 5, "no\nlight");
}
TEST(unmade_all) {
  TEST_SKIP_CHECK("the first reason");
  TEST_SKIP_CHECK("the second reason");
}
TEST_OPTIONS(unmade_and_bad, .isolate = true) {
  TEST_SKIP_CHECK("no camera");
  TEST_CHECK_INT(zero, 4711);
}
TEST_OPTIONS(unmade_in_child, .isolate = true) {
  TEST_SKIP_CHECK("said in the child");
}
TEST(unmade_and_soft) {
  TEST_SKIP_CHECK("no camera");
  TEST_SOFTFAIL(zero == 1);
}
TEST(unmade_many) {
  TEST_CHECK(zero == 0);
  for (int i = 0; i < 25; ++i) {
    TEST_SKIP_CHECK("reason %d", i);
  }
}

// ---- Booleans of every kind ---------------------------------------------------------------------

TEST(soft_kinds) {
  enum listed { NO, YES } listed = YES;
  struct {
    unsigned one : 1;
    bool yes : 1;
  } flags = {1, true};
  const bool constant = true;
  volatile bool moving = true;
  TEST_SOFTFAIL(listed);
  TEST_SOFTFAIL(listed == YES);
  TEST_SOFTFAIL(flags.one);
  TEST_SOFTFAIL(flags.yes);
  TEST_SOFTFAIL(constant);
  TEST_SOFTFAIL(moving);
  TEST_SOFTFAIL(zero == 0 || listed == NO);
}

// ---- Seeds and orders ---------------------------------------------------------------------------

TEST(seed_drawn) {
  TEST_NOTE("the seed is %llu", jt_seed());
  TEST_CHECK(zero == 0);
}
TEST(seed_bad) {
  TEST_CHECK_INT(zero, 4711);
}
TEST(seed_dies) {
  abort();
}

#define ORDERED(n)         \
  TEST(order_##n) {        \
    TEST_CHECK(zero == 0); \
  }
ORDERED(1)
ORDERED(2)
ORDERED(3)
ORDERED(4)
ORDERED(5)
ORDERED(6)
ORDERED(7)
ORDERED(8)

// ---- Texts that a report must escape ------------------------------------------------------------

static void odd_text(void *unused) {
  (void)unused;
  TEST_SET("set <&>\x02") {
    TEST_CHECK_STR("]]> & <got> \x1b[31m \xff \xef\xbf\xbf \xc3\xa4", "want\r\n");
    TEST_SKIP_CHECK("<reason>\x03");
  }
}
static void odd_death(void *unused) {
  (void)unused;
  fprintf(stderr, "<last> & words \x01\xfe\n");
  abort();
}

TEST_SETUP() {
  jt_add("odd text <a b='c' d=\"e\"> &amp; \x01\n\xff", odd_text, NULL, NULL);
  jt_add("odd death", odd_death, NULL, &JT_OPTIONS(.isolate = true));
  const char *removed = getenv("VICTIM_REMOVES");
  if (removed) {
    rmdir(removed);
  }
  const char *wanted = getenv("VICTIM_SETUP");
  if (wanted && strcmp(wanted, "set") == 0) {
    TEST_SET("prepared") {
      TEST_SKIP_CHECK("no tables");
    }
  } else if (wanted && strcmp(wanted, "stray set") == 0) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, open_elsewhere, NULL) == 0) {
      pthread_join(thread, NULL);
    }
  }
}
