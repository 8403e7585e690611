#include "models.h"

#include <jimm-test/jimm-test.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/server/server.h"
#include "run.h"

void models_begin(void) {
  static const char *const unset[] = {"HF_HUB_OFFLINE", "HF_TOKEN", "http_proxy", "all_proxy",
                                      "HF_HUB_DISABLE_PROGRESS_BARS"};
  for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++) {
    unsetenv(unset[i]);
  }
  setenv("HF_ENDPOINT", hub_endpoint(1), 1);
  setenv("HF_HUB_CACHE", scratch_path("hub"), 1);
  setenv("HF_HUB_ETAG_TIMEOUT", "10", 1);
  setenv("JIMM_HUB_RETRY_SECONDS", "0.002", 1);
  hub_clear();
  tree_begin(scratch_path("hub"));
  tree_clear();
}

const char *models_publish(const char *repo, const char *name, int64_t size) {
  static char target[80] = "/cdn/";
  hub_publish(&(hub_file){.repo = repo,
                          .commit = COMMIT_A,
                          .revisions = "main v1",
                          .name = name,
                          .size = size,
                          .seed = size,
                          .lfs = size > 1000},
              target + 5);
  return target;
}

void models_slow_down(int64_t rate) {
  hub_rule_add(
      &(hub_rule){.method = "GET", .target = "/cdn/", .prefix = true, .hub = true, .rate = rate});
}

void models_check_paths(const char *out, const char *const *names) {
  char want[4096];
  size_t length = 0;
  want[0] = 0;
  for (size_t i = 0; names[i] != NULL; i++) {
    length += (size_t)snprintf(want + length, sizeof want - length, "%s\n", tree_path(names[i]));
  }
  TEST_CHECK_STR(out, want);
}
