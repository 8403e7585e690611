/* What a golden must be, and what it holds jimm to. */
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>
#include <jimm/parity.h>

#include "folder.h"
#include "golden_folder.h"
#include "require_ok.h"

static char golden_text[1 << 20];

/* The golden of test_resnet with the first `what`, and `more` characters behind it, replaced;
 * checked. */
static jimm_status check_replaced(const char *what, size_t (*more)(const char *behind),
                                  const char *with, jimm_parity_report **report) {
  static char changed[sizeof golden_text + 4096];
  char path[1024];
  snprintf(path, sizeof path, "%s/test_resnet.json", golden_folder());
  const long size = read_bytes(path, golden_text, sizeof golden_text - 1);
  TEST_REQUIRE_MSG(size > 0, "%s", path);
  golden_text[size] = 0;
  const char *at = strstr(golden_text, what);
  TEST_REQUIRE_MSG(at != NULL, "%s", what);
  const char *behind = at + strlen(what);
  snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - golden_text), golden_text, with,
           behind + (more == NULL ? 0 : more(behind)));
  const char *file = in_folder("changed.json");
  TEST_REQUIRE(write_bytes(file, changed, strlen(changed)));
  return jimm_parity_check_golden(file, NULL, report);
}

static jimm_status check_changed(const char *what, const char *with, jimm_parity_report **report) {
  return check_replaced(what, NULL, with, report);
}

static size_t to_comma(const char *behind) {
  return strcspn(behind, ",");
}

TEST(goldens_that_are_not_whole_are_refused) {
  static const struct {
    const char *what, *with, *mention;
    jimm_status status;
  } rows[] = {
      {"\"arch\"", "\"arc\"", "\"arch\": expected a string", JIMM_ERROR_FORMAT},
      {"\"arch\":\"test_resnet\"", "\"arch\":\"resnet9000\"", "resnet9000", JIMM_ERROR_NOT_FOUND},
      {"\"cases\":[", "\"cases\":[3,", "\"name\": expected a string", JIMM_ERROR_FORMAT},
      {"\"parameters\":[[", "\"parameters\":[[1,", "parameters", JIMM_ERROR_FORMAT},
      {"\"seed\":1", "\"seed\":-1", "seed", JIMM_ERROR_FORMAT},
      {"\"entries\":[", "\"entries\":[0,", "entries", JIMM_ERROR_FORMAT},
      {"\"max_abs\":", "\"max_abs\":-", "largest value", JIMM_ERROR_FORMAT},
      {"\"cases\"", "\"case\"", "cases", JIMM_ERROR_FORMAT},
      {"\"names\":[", "\"names\":[7,", "names", JIMM_ERROR_FORMAT},
      {"{", "", "changed.json", JIMM_ERROR_FORMAT},
  };
  jimm_parity_report *report = NULL;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    TEST_CHECK_INT(check_changed(rows[i].what, rows[i].with, &report), rows[i].status);
    TEST_CHECK(report == NULL);
    TEST_CHECK_CONTAINS(jimm_error_message(), rows[i].mention);
    TEST_CHECK_CONTAINS(jimm_error_message(), "changed.json");
  }
  TEST_CHECK_INT(jimm_parity_check_golden(in_folder("none.json"), NULL, &report),
                 JIMM_ERROR_NOT_FOUND);
  jimm_parity_options options = JIMM_PARITY_OPTIONS_INIT;
  options.size = 4096;
  TEST_CHECK_INT(jimm_parity_check_golden(in_folder("changed.json"), &options, &report),
                 JIMM_ERROR_INVALID_ARGUMENT);
}

TEST(goldens_hold_values_and_attributes) {
  static const struct {
    const char *what, *with, *difference;
  } rows[] = {
      {"\"eps\":1e-05", "\"eps\":1e-06", "eps is not timm's"},
      {",\"parameter\",", ",\"buffer\",", "timm's is a buffer"},
      {"\"op\":\"relu\"", "\"op\":\"silu\"", "jimm relu, timm silu"},
      {"\"blocks\":[\"", "\"blocks\":[\"layer7\",\"", "layer7.add"},
      {"\"op\":\"conv2d\",\"kernel\":[3,3]", "\"op\":\"conv2d\",\"kernel\":[5,3]",
       "kernel is not timm's"},
      {"[\"layer1\",", "[\"layer7\",", "timm layer7"},
  };
  jimm_parity_report *report = NULL;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    REQUIRE_OK(check_changed(rows[i].what, rows[i].with, &report));
    TEST_CHECK_MSG(!report->passed, "%s", rows[i].with);
    TEST_CHECK_CONTAINS(report->differences, rows[i].difference);
    jimm_parity_report_close(&report);
  }
  REQUIRE_OK(check_changed("\"arch\"", "\"arch\"", &report));
  TEST_CHECK(report->passed);
  TEST_CHECK_STR(report->differences, "");
  jimm_parity_report_close(&report);
  static const char *const numbers[][2] = {{"\"max_abs\":", "\"max_abs\":9"},
                                           {"\"entries\":[", "\"entries\":[9"},
                                           {"\"projections\":[", "\"projections\":[9"}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    REQUIRE_OK(check_replaced(numbers[i][0], to_comma, numbers[i][1], &report));
    TEST_CHECK_MSG(!report->passed && report->share > 1, "%s", numbers[i][0]);
    jimm_parity_report_close(&report);
  }
}

TEST_MAIN()
