/* Work in child processes that end well, crash, hang or send too little. */
#include <jimm-test/jimm-test.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/child.h"

#define LARGE 3000000 /* more than a pipe holds */

static void send_large(void *context, const jimm_child *child) {
  uint8_t *data = malloc(LARGE);
  for (size_t i = 0; data != NULL && i < LARGE; i++) {
    data[i] = (uint8_t)(i * *(const unsigned *)context >> 3);
  }
  jimm_child_write(child, data, data == NULL ? 0 : LARGE);
  free(data);
}

static void crash(void *context, const jimm_child *child) {
  jimm_child_write(child, "four", 4);
  raise(*(const int *)context);
}

static void hang(void *context, const jimm_child *child) {
  (void)context;
  jimm_child_write(child, "four", 4);
  for (;;) {
    pause();
  }
}

TEST(child_sends_what_it_found) {
  unsigned factor = 12345;
  jimm_child child;
  TEST_REQUIRE_INT(jimm_child_start(&child, send_large, &factor), JIMM_OK);
  uint8_t *got = malloc(LARGE);
  TEST_REQUIRE(got != NULL);
  TEST_CHECK(jimm_child_read(&child, got, LARGE / 3));
  TEST_CHECK(jimm_child_read(&child, got + LARGE / 3, LARGE - LARGE / 3));
  size_t wrong = 0;
  for (size_t i = 0; i < LARGE; i++) {
    wrong += got[i] != (uint8_t)(i * factor >> 3);
  }
  TEST_CHECK_UINT(wrong, 0);
  TEST_CHECK(!jimm_child_read(&child, got, 1));
  TEST_CHECK_INT(jimm_child_end(&child, false), 0);
  free(got);
}

TEST(child_that_crashes) {
  static int signals[] = {SIGSEGV, SIGABRT, SIGFPE, SIGBUS};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    jimm_child child;
    char got[8] = "";
    TEST_REQUIRE_INT(jimm_child_start(&child, crash, &signals[i]), JIMM_OK);
    TEST_CHECK(jimm_child_read(&child, got, 4));
    TEST_CHECK_STR(got, "four");
    TEST_CHECK(!jimm_child_read(&child, got, 1));
    TEST_CHECK_INT(jimm_child_end(&child, false), signals[i]);
  }
}

TEST(child_that_hangs_or_has_more_to_say) {
  jimm_child child;
  unsigned factor = 3;
  char got[8] = "";
  TEST_REQUIRE_INT(jimm_child_start(&child, hang, NULL), JIMM_OK);
  TEST_CHECK(jimm_child_read(&child, got, 4));
  TEST_CHECK_INT(jimm_child_end(&child, true), SIGKILL);
  TEST_REQUIRE_INT(jimm_child_start(&child, send_large, &factor), JIMM_OK);
  TEST_CHECK(jimm_child_read(&child, got, 1));
  TEST_CHECK(jimm_child_end(&child, true) != 0);
}

/* Sends its soft limits of address space and processor time: at first, after 1 MiB, after 4001. */
static void send_limits(void *context, const jimm_child *child) {
  const size_t more[] = {0, (size_t)1 << 20, (size_t)4000 << 20};
  (void)context;
  for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
    struct rlimit memory, seconds;
    jimm_child_expect(more[i]);
    getrlimit(RLIMIT_AS, &memory);
    getrlimit(RLIMIT_CPU, &seconds);
    const uint64_t got[2] = {memory.rlim_cur, seconds.rlim_cur};
    jimm_child_write(child, got, sizeof got);
  }
}

static void read_limits(uint64_t got[3][2]) {
  jimm_child child;
  TEST_REQUIRE_INT(jimm_child_start(&child, send_limits, NULL), JIMM_OK);
  TEST_CHECK(jimm_child_read(&child, got, 3 * sizeof got[0]));
  TEST_CHECK_INT(jimm_child_end(&child, false), 0);
}

TEST(child_has_limits_that_grow_with_good_data) {
  uint64_t got[3][2];
  read_limits(got);
  TEST_CHECK_UINT(got[0][1], 10);
  TEST_CHECK_UINT(got[1][1], 10);
  TEST_CHECK_UINT(got[2][1], 10 + 1000);
  if (got[0][0] == RLIM_INFINITY) {
    TEST_SKIP("this system sets no limit of address space");
  }
  TEST_CHECK(got[0][0] > (uint64_t)512 << 20);
  TEST_CHECK_UINT(got[1][0] - got[0][0], 4 << 20);
  TEST_CHECK_UINT(got[2][0] - got[1][0], (uint64_t)16000 << 20);
}

TEST(child_keeps_limits_of_the_process) {
  struct rlimit before;
  struct rusage used;
  uint64_t got[3][2];
  getrlimit(RLIMIT_CPU, &before);
  getrusage(RUSAGE_SELF, &used);
  const rlim_t low = (rlim_t)used.ru_utime.tv_sec + (rlim_t)used.ru_stime.tv_sec + 100;
  TEST_REQUIRE(setrlimit(RLIMIT_CPU, &(struct rlimit){low, before.rlim_max}) == 0);
  read_limits(got);
  TEST_REQUIRE(setrlimit(RLIMIT_CPU, &before) == 0);
  TEST_CHECK_UINT(got[0][1], 10);
  TEST_CHECK_UINT(got[2][1], low);
}

static void allocate_without_end(void *context, const jimm_child *child) {
  uint64_t blocks = 0;
  (void)context;
  while (blocks < 1000 && mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                               -1, 0) != MAP_FAILED) {
    blocks++;
  }
  jimm_child_write(child, &blocks, sizeof blocks);
}

TEST(child_that_allocates_without_end) {
  jimm_child child;
  uint64_t blocks = 0;
  TEST_REQUIRE_INT(jimm_child_start(&child, allocate_without_end, NULL), JIMM_OK);
  TEST_CHECK(jimm_child_read(&child, &blocks, sizeof blocks));
  TEST_CHECK_INT(jimm_child_end(&child, false), 0);
  if (blocks == 1000) {
    TEST_SKIP("this system sets no limit of address space");
  }
  TEST_CHECK_MSG(blocks > 400 && blocks <= 512, "%llu MiB", (unsigned long long)blocks);
}
