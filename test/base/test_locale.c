// Numbers and names as text, whatever the locale.
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/locale.h"
#include "folder.h"

// glibc's compiled LC_NUMERIC with a comma as decimal point, so that no locale need be installed.
static const unsigned char comma_numeric[] = {
    0x14, 0x11, 3,    0x20, 6,   0, 0,    0, 0x20, 0, 0,    0, 0x22, 0,   0,   0,   0x23, 0,
    0,    0,    0x24, 0,    0,   0, 0x28, 0, 0,    0, 0x2c, 0, 0,    0,   ',', 0,   0,    0,
    '.',  0,    0,    0,    ',', 0, 0,    0, 0,    0, 0,    0, 'U',  'T', 'F', '-', '8',  0};

TEST(numbers_do_not_follow_the_locale) {
  const char *file = in_folder("comma/LC_NUMERIC");
  mkdir(in_folder("comma"), 0777);
  TEST_REQUIRE(write_bytes(file, comma_numeric, sizeof comma_numeric));
  setenv("LOCPATH", in_folder("."), 1);
  const bool set = setlocale(LC_NUMERIC, "comma") != NULL;
  unsetenv("LOCPATH");
  if (!set) {
    TEST_SKIP("this C library does not take the test's locale");
  }
  char plain[16], buffer[64], *end;
  snprintf(plain, sizeof plain, "%.1f", 0.5);
  TEST_CHECK_STR(plain, "0,5");  // the locale is what the test needs
  char *text = jimm_format("%g %.2f", 1.5e-5, 0.5);
  TEST_CHECK_STR(text, "1.5e-05 0.50");
  jimm_free(text);
  jimm_fail(JIMM_ERROR_IO, "%.1f", 2.5);
  TEST_CHECK_STR(jimm_error_message(), "2.5");
  jimm_snprintf(buffer, sizeof buffer, "%g", 0.125);
  TEST_CHECK_STR(buffer, "0.125");
  TEST_CHECK_DOUBLE(jimm_strtod("0.25,", &end), 0.25, 0, 0);
  TEST_CHECK_STR(end, ",");
  jimm_arena arena = {NULL};
  jimm_json *json;
  TEST_CHECK_INT(jimm_json_parse("x", "1.75", 4, &arena, &json), JIMM_OK);
  TEST_CHECK_DOUBLE(json->number, 1.75, 0, 0);
  jimm_arena_close(&arena);
  snprintf(plain, sizeof plain, "%.1f", 0.5);
  TEST_CHECK_STR(plain, "0,5");  // and it is still set
  setlocale(LC_NUMERIC, "C");
}

TEST(utf8_prefix_follows_rfc_3629) {
  static const struct {
    const char *text;
    size_t valid;
  } rows[] = {{"plain", 5},
              {"\xC3\xA9", 2},
              {"\xE2\x82\xAC", 3},
              {"\xF0\x9F\x98\x80", 4},
              {"\xF4\x8F\xBF\xBF", 4},
              {"\xED\x9F\xBF", 3},
              {"a\x80", 1},
              {"a\xC3", 1},
              {"\xC0\x80", 0},  // overlong
              {"\xC1\xBF", 0},
              {"\xE0\x9F\xBF", 0},
              {"\xF0\x8F\xBF\xBF", 0},
              {"\xED\xA0\x80", 0},      // a surrogate
              {"\xF4\x90\x80\x80", 0},  // above U+10FFFF
              {"\xF5\x80\x80\x80", 0},
              {"\xFF", 0},
              {"ab\xE2\x82", 2}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    TEST_CHECK_UINT(jimm_utf8_valid_prefix(rows[i].text, strlen(rows[i].text)), rows[i].valid);
  }
}

TEST(shown_names_are_harmless) {
  char buffer[24];
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "a.b", 3), "\"a.b\"");
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "\x1B[31m\n", 6), "\"\\x1B[31m\\x0A\"");
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "\xC2\x9B\xC2\xA0", 4), "\"\\xC2\\x9B\xC2\xA0\"");
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "\xE2\x80\xAE\xE2\x80\x94", 6),
                 "\"\\xE2\\x80\\xAE\xE2\x80\x94\"");
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "\xE2\x81\xA7", 3), "\"\\xE2\\x81\\xA7\"");
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "\xFF\xC3\xA9", 3), "\"\\xFF\xC3\xA9\"");
  const char *cut = jimm_show(buffer, sizeof buffer, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 35);
  TEST_CHECK(strlen(cut) < sizeof buffer);
  TEST_CHECK_STR(cut + strlen(cut) - 4, "...\"");
}
