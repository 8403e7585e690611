// Log lines, and who hears them.
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>

#include "base/cpu.h"
#include "base/log.h"

static char last_line[4096];
static int line_count;

static void take_line(void *context, jimm_log_level level, const char *message) {
  (void)context;
  (void)level;
  line_count++;
  snprintf(last_line, sizeof last_line, "%s", message);
}

TEST(log_lines_reach_the_receiver) {
  line_count = 0;
  jimm_log(JIMM_LOG_WARNING, "nobody hears this");
  jimm_set_log(take_line, NULL, JIMM_LOG_INFO);
  jimm_log(JIMM_LOG_DEBUG, "too detailed");
  TEST_CHECK_INT(line_count, 0);
  jimm_log(JIMM_LOG_INFO, "two\nlines %d", 2);
  TEST_CHECK_INT(line_count, 1);
  TEST_CHECK_STR(last_line, "two lines 2");
  jimm_log(JIMM_LOG_WARNING, "%03000d\xC3\xA9", 1);
  TEST_CHECK_UINT(strlen(last_line), 2047);
  TEST_CHECK_UINT(jimm_cpu_mask(5, "baseline,sse9"), 5);
  TEST_CHECK_CONTAINS(last_line, "JIMM_CPU=baseline,sse9");
  TEST_CHECK_CONTAINS(last_line, "there is no \"sse9\"");
  jimm_set_log(NULL, NULL, JIMM_LOG_DEBUG);
  jimm_log(JIMM_LOG_WARNING, "nobody hears this either");
  TEST_CHECK_INT(line_count, 3);
}
