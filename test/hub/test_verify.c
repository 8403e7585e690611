/* Whether a cached file is whole. */
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <jimm/jimm.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_case.h"

TEST(bytes_are_compared_with_the_blobs_name) {
  cache_begin();
  tree_standard();
  jimm_cache *cache = cache_open();
  const jimm_cached_file *weights = cache_require(cache, CACHE_RESNET "@1/model.safetensors");
  const jimm_cached_file *config = cache_require(cache, CACHE_RESNET "@1/config.json");
  const jimm_cached_file *vocabulary = cache_require(cache, "gpt2@2/a/b/c/vocab.txt");
  TEST_CHECK_INT(jimm_cache_verify(weights, NULL, NULL), JIMM_OK);
  TEST_CHECK_INT(jimm_cache_verify(config, NULL, NULL), JIMM_OK);
  TEST_CHECK_INT(jimm_cache_verify(vocabulary, NULL, NULL), JIMM_OK);
  TEST_CHECK_INT(jimm_cache_verify(cache_require(cache, "datasets/ns/cats@1/data.bin"), NULL, NULL),
                 JIMM_ERROR_UNSUPPORTED);
  tree_file(REPO_A "/blobs/" WEIGHTS_SHA256, "the weightz\n");
  tree_file(REPO_A "/blobs/" CONFIG_GIT, "{}\n\n");
  tree_file(REPO_B "/blobs/" WEIGHTS_GIT, "");
  TEST_CHECK_INT(jimm_cache_verify(weights, NULL, NULL), JIMM_ERROR_INTEGRITY);
  TEST_CHECK_CONTAINS(jimm_error_message(), "snapshots/" COMMIT_A "/model.safetensors: damaged");
  TEST_CHECK_CONTAINS(jimm_error_message(), "expected the SHA-256 " WEIGHTS_SHA256 ", got ");
  TEST_CHECK_CONTAINS(jimm_error_message(), "12 bytes");
  TEST_CHECK_INT(jimm_cache_verify(config, NULL, NULL), JIMM_ERROR_INTEGRITY);
  TEST_CHECK_CONTAINS(jimm_error_message(), "expected the git hash " CONFIG_GIT);
  TEST_CHECK_INT(jimm_cache_verify(vocabulary, NULL, NULL), JIMM_ERROR_INTEGRITY);
  unlink(tree_path(REPO_B "/blobs/" WEIGHTS_GIT));
  TEST_CHECK_INT(jimm_cache_verify(vocabulary, NULL, NULL), JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(jimm_error_message(), "cannot open: No such file");
  TEST_REQUIRE_INT(mkfifo(tree_path(REPO_B "/blobs/" WEIGHTS_GIT), 0600), 0);
  TEST_CHECK_INT(jimm_cache_verify(vocabulary, NULL, NULL), JIMM_ERROR_INTEGRITY);
  jimm_cache_close(&cache);
}

typedef struct told {
  int calls, stop_at;
  int64_t bytes, total;
  char name[64];
} told;

static bool listen_to(void *context, const jimm_hub_progress *progress) {
  told *t = context;
  TEST_CHECK(progress->bytes >= t->bytes);
  TEST_CHECK(progress->waits_for == NULL);
  t->bytes = progress->bytes;
  t->total = progress->total;
  snprintf(t->name, sizeof t->name, "%s", progress->name);
  return ++t->calls == t->stop_at;
}

TEST(verifying_tells_how_far_it_is) {
  cache_begin();
  tree_standard();
  jimm_cache *cache = cache_open();
  const jimm_cached_file *weights = cache_require(cache, CACHE_RESNET "@1/model.safetensors");
  told t = {0, 0, 0, 0, ""};
  TEST_CHECK_INT(jimm_cache_verify(weights, listen_to, &t), JIMM_OK);
  TEST_CHECK(t.calls > 0);
  TEST_CHECK_INT(t.bytes, 12);
  TEST_CHECK_INT(t.total, 12);
  TEST_CHECK_STR(t.name, "model.safetensors");
  t = (told){0, 1, 0, 0, ""};
  TEST_CHECK_INT(jimm_cache_verify(weights, listen_to, &t), JIMM_ERROR_CANCELLED);
  TEST_CHECK_CONTAINS(jimm_error_message(), "model.safetensors: cancelled");
  TEST_CHECK_INT(t.calls, 1);
  jimm_cache_close(&cache);
}
