// Status messages, of each thread its own.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>

#include "base/locale.h"

static void *other_thread(void *message) {
  strcpy(message, jimm_error_message());
  jimm_fail(JIMM_ERROR_IO, "the other thread's");
  return NULL;
}

TEST(message_is_set_prefixed_and_per_thread) {
  TEST_CHECK_INT(jimm_fail(JIMM_ERROR_SHAPE, "want %d", 3), JIMM_ERROR_SHAPE);
  TEST_CHECK_STR(jimm_error_message(), "want 3");
  TEST_CHECK_INT(jimm_fail_context(JIMM_ERROR_IO, "%s", "file"), JIMM_ERROR_IO);
  TEST_CHECK_STR(jimm_error_message(), "file: want 3");
  jimm_fail(JIMM_ERROR_IO, "again: %s", jimm_error_message());  // may quote itself
  TEST_CHECK_STR(jimm_error_message(), "again: file: want 3");
  char seen[64] = "not run";
  pthread_t thread;
  TEST_REQUIRE_INT(pthread_create(&thread, NULL, other_thread, seen), 0);
  pthread_join(thread, NULL);
  TEST_CHECK_STR(seen, "");
  TEST_CHECK_STR(jimm_error_message(), "again: file: want 3");
}

TEST(long_messages_are_kept_to_16_kib_and_cut_at_a_character) {
  char text[20001];
  memset(text, 'x', 10000);
  text[10000] = 0;
  jimm_fail(JIMM_ERROR_IO, "%s", text);
  TEST_CHECK_STR(jimm_error_message(), text);
  for (int shift = 0; shift < 3; shift++) {  // three-byte characters at every phase of the cut
    memset(text, 'a', (size_t)shift);
    for (int i = shift; i + 3 < 20000; i += 3) {
      memcpy(text + i, "\xE2\x82\xAC", 4);
    }
    jimm_fail(JIMM_ERROR_IO, "%s", text);
    const char *message = jimm_error_message();
    size_t length = strlen(message);
    TEST_CHECK(length > 16300 && length < 16384);
    TEST_CHECK_STR(message + length - 3, "...");
    TEST_CHECK_UINT(jimm_utf8_valid_prefix(message, length), length);
    jimm_fail_context(JIMM_ERROR_IO, "context");
    length = strlen(message);
    TEST_CHECK(length > 16300 && length < 16384);
    TEST_CHECK_MEM(message, "context: ", 9);
    TEST_CHECK_UINT(jimm_utf8_valid_prefix(message, length), length);
  }
}

TEST(status_names_are_all_there) {
  for (int i = JIMM_OK; i <= JIMM_ERROR_CANCELLED; i++) {
    TEST_CHECK(strcmp(jimm_status_name((jimm_status)i), "unknown status") != 0);
    for (int j = JIMM_OK; j < i; j++) {
      TEST_CHECK(strcmp(jimm_status_name((jimm_status)i), jimm_status_name((jimm_status)j)) != 0);
    }
  }
  TEST_CHECK_STR(jimm_status_name((jimm_status)99), "unknown status");
  TEST_CHECK_STR(jimm_status_name((jimm_status)-1), "unknown status");
  TEST_CHECK_STR(jimm_version(), JIMM_VERSION_STRING);
}

TEST_MAIN()
