/* Work in child processes that end well, crash, hang or send too little. */
#include <jimm-test/jimm-test.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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
