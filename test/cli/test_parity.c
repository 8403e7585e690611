/* jimm parity. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jimm-test/jimm-test.h>

#include "parity/golden_folder.h"
#include "run.h"

static char golden_dir[PATH_MAX];
static char golden_text[1 << 20];

/* The program runs in another folder than the tests. */
static void use_goldens(const char *folder) {
  static char own[PATH_MAX];
  if (own[0] == 0) {
    TEST_REQUIRE_MSG(realpath(golden_folder(), own) != NULL, "%s", golden_folder());
  }
  snprintf(golden_dir, sizeof golden_dir, "%s", folder == NULL ? own : folder);
  TEST_REQUIRE(setenv("JIMM_GOLDEN_DIR", golden_dir, 1) == 0);
}

/* A folder of goldens with only that of test_resnet, its first `what` replaced. */
static void make_goldens(const char *what, const char *with) {
  static char changed[sizeof golden_text + 256];
  char path[PATH_MAX + 32];
  use_goldens(NULL);
  snprintf(path, sizeof path, "%s/test_resnet.json", golden_dir);
  FILE *file = fopen(path, "rb");
  TEST_REQUIRE_MSG(file != NULL, "%s", path);
  const size_t size = fread(golden_text, 1, sizeof golden_text - 1, file);
  fclose(file);
  golden_text[size] = 0;
  const char *at = strstr(golden_text, what);
  TEST_REQUIRE_MSG(at != NULL, "%s", what);
  const int length = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - golden_text),
                              golden_text, with, at + strlen(what));
  mkdir(scratch_path("goldens"), 0777);
  scratch_write("goldens/test_resnet.json", changed, (size_t)length);
  use_goldens(scratch_path("goldens"));
}

static const char *last_line(const char *text) {
  const char *line = text;
  for (const char *at = text; *at != 0; at++) {
    if (*at == '\n' && at[1] != 0) {
      line = at + 1;
    }
  }
  return line;
}

TEST(parity_passes) {
  use_goldens(NULL);
  const run_result *run = RUN("parity", "test_resn*", "test_convnext3");
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_STR(run->err, "");
  TEST_CHECK_CONTAINS(run->out, "test_resnet     ok    features ");
  TEST_CHECK_CONTAINS(run->out, "test_convnext3  ok    features ");
  TEST_CHECK_CONTAINS(run->out, "% of the bar");
  TEST_CHECK_CONTAINS(run->out, " MiB\n");
  TEST_CHECK_STR(last_line(run->out), "2 passed, 0 failed, 0 skipped\n");
  run = RUN("parity", "--golden", "--trace", "test_convnext3");
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_CONTAINS(run->out, "steps against the float64 reference: no jump, at most ");
}

TEST(parity_json) {
  use_goldens(NULL);
  const run_result *run = RUN("parity", "--json", "--trace", "--sensitivity", "test_convnext3");
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_STR(run->err, "1 passed, 0 failed, 0 skipped\n");
  json_t *root = run_json();
  TEST_REQUIRE(json_array_size(root) == 1);
  const json_t *item = json_array_get(root, 0);
  TEST_CHECK_STR(json_string_value(json_object_get(item, "name")), "test_convnext3");
  TEST_CHECK_STR(json_string_value(json_object_get(item, "family")), "convnext");
  TEST_CHECK_STR(json_string_value(json_object_get(item, "outcome")), "passed");
  TEST_CHECK(json_number_value(json_object_get(item, "seconds")) > 0);
  TEST_CHECK(json_integer_value(json_object_get(item, "peak_bytes")) > 1 << 20);
  const double share = json_number_value(json_object_get(item, "share_of_bar"));
  TEST_CHECK(share > 0 && share < 1);
  TEST_CHECK(json_array_size(json_object_get(item, "outputs")) > 30);
  TEST_CHECK_UINT(json_array_size(json_object_get(item, "differences")), 0);
  const json_t *trace = json_object_get(item, "trace");
  TEST_CHECK(json_is_null(json_object_get(trace, "jump")));
  TEST_CHECK(json_array_size(json_object_get(trace, "steps")) > 20);
  const json_t *sensitivity = json_object_get(item, "sensitivity");
  TEST_CHECK(json_integer_value(json_object_get(sensitivity, "parameters")) > 50);
  TEST_CHECK(json_number_value(json_object_get(sensitivity, "least_effect")) > 2e-5);
  json_decref(root);
}

TEST(parity_fails) {
  make_goldens("\"max_abs\":", "\"max_abs\":1");
  const run_result *run = RUN("parity", "test_resnet");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->out, "test_resnet  FAIL  features ");
  TEST_CHECK_CONTAINS(run->out, "    batch, features: ");
  TEST_CHECK_CONTAINS(run->out, ", the bar is 2.0e-06 (timm's own float32: ");
  TEST_CHECK_CONTAINS(run->out, "    --trace says where it begins\n");
  TEST_CHECK_STR(last_line(run->out), "0 passed, 1 failed, 0 skipped\n");
  run = RUN("parity", "--trace", "test_resnet");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->out, "the graph is not timm's: a fixture with stages");
  make_goldens("\"eps\":1e-05", "\"eps\":1e-03");
  run = RUN("parity", "test_resnet");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->out, "(batch_norm): eps is not timm's\n");
  TEST_CHECK_CONTAINS(run->out, " more\n");
  make_goldens("\"arch\"", "\"ark\"");
  run = RUN("parity", "test_resnet");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->out, "FAIL  ");
  TEST_CHECK_CONTAINS(run->out, "test_resnet.json: \"arch\": expected a string\n");
  run = RUN("parity", "--json", "test_resnet");
  TEST_CHECK_INT(run->status, 1);
  json_t *root = run_json();
  const json_t *item = json_array_get(root, 0);
  TEST_CHECK_STR(json_string_value(json_object_get(item, "outcome")), "failed");
  TEST_CHECK_CONTAINS(json_string_value(json_object_get(item, "reason")), "expected a string");
  json_decref(root);
}

TEST(parity_skips_are_counted) {
  make_goldens("\"arch\"", "\"arch\"");
  const run_result *run = RUN("parity", "test_resnet", "resnet1*", "--threads", "1");
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_CONTAINS(run->out, "resnet18     skip  no golden in ");
  TEST_CHECK_CONTAINS(run->out, " skipped: no golden in ");
  TEST_CHECK_CONTAINS(last_line(run->out), "1 passed, 0 failed, ");
  run = RUN("parity", "--require", "test_resnet", "resnet18");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "--require: 1 skipped");
  run = RUN("parity", "resnet18");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "nothing was compared");
}

TEST(parity_fixtures) {
  mkdir(scratch_path("fixtures"), 0777);
  scratch_write("fixtures/resnet18_io.h5", "no HDF5", 7);
  scratch_write("fixtures/model9_in1c_featsonly_io.h5", "no HDF5", 7);
  scratch_write("fixtures/readme.txt", "-", 1);
  const run_result *run = RUN("parity", "--fixtures", scratch_path("fixtures"), "resnet18");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->out, "resnet18  FAIL  ");
  TEST_CHECK_CONTAINS(run->out, "not an HDF5 file");
  TEST_CHECK_STR(last_line(run->out), "0 passed, 1 failed, 0 skipped\n");
  run = RUN("parity", "--fixtures", scratch_path("fixtures"), "model9", "resnet26");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->out, "model9, 1 channel, pyramid  FAIL  ");
  TEST_CHECK_CONTAINS(run->out, "resnet26                    skip  no fixture in ");
  TEST_CHECK_STR(last_line(run->out), "0 passed, 1 failed, 1 skipped\n");
  run = RUN("parity", "--fixtures", scratch_path("nowhere"));
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "cannot be read");
}

TEST(parity_page) {
  use_goldens(NULL);
  const run_result *run =
      RUN("parity", "test_convnext3", "test_resnet", "--html", scratch_path("page.html"));
  TEST_CHECK_INT(run->status, 0);
  static char page[1 << 18];
  FILE *file = fopen(scratch_path("page.html"), "rb");
  TEST_REQUIRE(file != NULL);
  page[fread(page, 1, sizeof page - 1, file)] = 0;
  fclose(file);
  TEST_CHECK_CONTAINS(page, "<!doctype html>");
  TEST_CHECK_CONTAINS(page, "<tr class=passed><th>test_resnet");
  TEST_CHECK_CONTAINS(page, "<polyline class='path'");
  TEST_CHECK_CONTAINS(page, "</html>");
  run = RUN("parity", "test_resnet", "--html", scratch_path("nowhere/page.html"));
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_STR(run->out, "");
  TEST_CHECK_CONTAINS(run->err, "nowhere");
}

TEST(parity_usage) {
  use_goldens(NULL);
  const run_result *run = RUN("parity", "--golden", "--fixtures", ".");
  TEST_CHECK_INT(run->status, 2);
  TEST_CHECK_CONTAINS(run->err, "got both");
  run = RUN("parity", "resnet9000", "test_resnet");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "no architecture matches 'resnet9000'");
  TEST_CHECK_STR(run->out, "");
  run = run_program(NULL, "/dev/full",
                    (const char *const[]){"parity", "test_resnet", "test_convnext3", NULL});
  TEST_CHECK_INT(run->status, 1);
}
