/* What downloads show on a terminal while they go on. */
#include <jimm-test/jimm-test.h>
#include <stdlib.h>
#include <string.h>

#include "hub/server/server.h"
#include "models.h"
#include "terminal.h"

TEST(download_shows_progress_on_a_terminal) {
  models_begin();
  models_publish(MODEL, "model.safetensors", 600000);
  models_publish(MODEL_18, "model.safetensors", 500000);
  models_slow_down(500000);
  terminal_open(TERMINAL_ERR, 76, "");
  const run_result *run = RUN("download", "test_resnet", "resnet18.a1_in1k");
  TEST_CHECK_INT(run->status, 0);
  MODELS_CHECK_PATHS(run->out, WEIGHTS_AT(STORED), WEIGHTS_AT(STORED_18));
  const char *shown = terminal_close();
  int width = 0;
  TEST_CHECK_STR(terminal_seen(shown, &width),
                 "test_resnet        600.0 kB  to be downloaded\n"
                 "resnet18.a1_in1k   500.0 kB  to be downloaded\n"
                 "total                1.1 MB  to be downloaded");
  TEST_CHECK_MSG(width == 75, "%d columns", width);
  TEST_CHECK_CONTAINS(shown, "#-");
  TEST_CHECK_CONTAINS(shown, " of 600.0 kB  test_resnet\033[K");
  TEST_CHECK_CONTAINS(shown, " of 1.1 MB, ");
  TEST_CHECK_CONTAINS(shown, "/s, ");
  TEST_CHECK_CONTAINS(shown, " s left ");
  int draws = 0;
  for (const char *at = shown; (at = strstr(at, " of 1.1 MB, ")) != NULL; at++) {
    draws++;
  }
  TEST_CHECK_MSG(draws >= 3 && draws <= 25, "drawn %d times in about 1.2 seconds", draws);
}

/* A hub that does not answer is no silence. */
TEST(download_shows_what_it_waits_for) {
  models_begin();
  models_publish(MODEL, "model.safetensors", 3000);
  hub_rule_add(&(hub_rule){.method = "HEAD",
                           .target = "/" MODEL "/",
                           .prefix = true,
                           .times = 2,
                           .status = 429,
                           .headers = "Retry-After: 1\r\n"});
  terminal_open(TERMINAL_ERR, 76, "");
  TEST_CHECK_INT(RUN("download", "test_resnet")->status, 0);
  const char *shown = terminal_close();
  TEST_CHECK_CONTAINS(shown, "asking again in 1 s  test_resnet\033[K");
  TEST_CHECK_STR(terminal_seen(shown, NULL), "");
  models_publish(MODEL_18, "model.safetensors", 2000);
  hub_rule_add(&(hub_rule){.method = "HEAD",
                           .target = "/" MODEL_18 "/",
                           .prefix = true,
                           .times = 1,
                           .status = 429,
                           .headers = "Retry-After: 1\r\n"});
  terminal_open(TERMINAL_ERR, 76, "");
  TEST_CHECK_INT(RUN("predict", "-m", "resnet18.a1_in1k", "none.png")->status, 1);
  TEST_CHECK_CONTAINS(terminal_close(), "asking again in 1 s  model.safetensors\033[K");
}

/* What fails does not make the rest unknown. */
TEST(download_knows_the_rest_without_what_failed) {
  models_begin();
  models_publish(MODEL, "model.safetensors", 600000);
  models_slow_down(500000);
  terminal_open(TERMINAL_ERR, 100, "");
  TEST_CHECK_INT(RUN("download", "test_resnet", "nosuch")->status, 1);
  const char *shown = terminal_close();
  TEST_CHECK_CONTAINS(shown, " of 600.0 kB, ");
  TEST_CHECK_CONTAINS(shown, " s left ");
}

TEST(download_is_silent_when_told) {
  models_begin();
  models_publish(MODEL, "model.safetensors", 200000);
  models_slow_down(400000);
  setenv("HF_HUB_DISABLE_PROGRESS_BARS", "yes", 1);
  terminal_open(TERMINAL_ERR, 80, "");
  TEST_CHECK_INT(RUN("download", "test_resnet")->status, 0);
  TEST_CHECK_STR(terminal_close(), "");
  unsetenv("HF_HUB_DISABLE_PROGRESS_BARS");
  setenv("TERM", "dumb", 1);
  models_begin();
  models_publish(MODEL, "model.safetensors", 200000);
  terminal_open(TERMINAL_ERR, 80, "");
  setenv("TERM", "dumb", 1);
  TEST_CHECK_INT(RUN("download", "test_resnet")->status, 0);
  TEST_CHECK_STR(terminal_close(), "");
}

/* Messages and lines do not run into each other. */
TEST(download_messages_make_room) {
  models_begin();
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = models_publish(MODEL, "model.safetensors", 300000),
                           .prefix = true,
                           .hub = true,
                           .rate = 300000});
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = models_publish(MODEL_18, "model.safetensors", 2000),
                           .prefix = true,
                           .status = 404,
                           .wait = 400});
  terminal_open(TERMINAL_ERR, 400, "");
  const run_result *run = RUN("download", "--jobs", "2", "test_resnet", "resnet18.a1_in1k");
  TEST_CHECK_INT(run->status, 1);
  const char *seen = terminal_seen(terminal_close(), NULL);
  TEST_CHECK(strstr(seen, "\njimm download: ") != NULL);
  TEST_CHECK_CONTAINS(seen, "\njimm download: 1 of 2 failed");
  TEST_CHECK(strchr(seen, '[') == NULL);
}
