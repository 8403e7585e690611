// The house bar of each precision is the one that pages quote.
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>

#include "base/cpu.h"

static bool file_says(const char *path, const char *text) {
  FILE *file = fopen(path, "r");
  TEST_REQUIRE_MSG(file != NULL, "%s", path);
  static char page[1 << 17];
  const size_t length = fread(page, 1, sizeof page - 1, file);
  page[length] = 0;
  fclose(file);
  return strstr(page, text) != NULL;
}

// Pages and help quote the bar that the table has.
TEST(the_house_bar_is_the_documented_one) {
#define PRECISION(NAME, name, times, floor)                                       \
  TEST_CHECK_STR(jimm_precision_name(JIMM_PRECISION_##NAME), #name);              \
  TEST_CHECK_DOUBLE(jimm_house_bar(JIMM_PRECISION_##NAME, 0.0), floor, 0.0, 0.0); \
  TEST_CHECK_DOUBLE(jimm_house_bar(JIMM_PRECISION_##NAME, 1.0), times, 0.0, 0.0);
#include "base/precisions.def"
#undef PRECISION
#define PRECISION(NAME, name, times, floor) "max(" #floor ", " #times " x "
  static const char highest[] =
#include "base/precisions.def"
      ;
#undef PRECISION
  TEST_CHECK(file_says("README.md", highest));
  TEST_CHECK(file_says("docs/parity.md", highest));
  TEST_CHECK(file_says("docs/measured.md", highest));
  TEST_CHECK(file_says("cli/parity.c", "is the larger of 2e-6 and three times"));
  TEST_CHECK_STR(highest, "max(2e-6, 3 x ");
  TEST_CHECK(jimm_precision_name((jimm_precision)-1) == NULL);
  TEST_CHECK(jimm_precision_name((jimm_precision)JIMM_PRECISION_COUNT) == NULL);
  TEST_CHECK_DOUBLE(jimm_house_bar((jimm_precision)JIMM_PRECISION_COUNT, 1.0), 0.0, 0.0, 0.0);
}
