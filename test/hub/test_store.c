/* The store that repositories share. */
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <jimm/jimm.h>

#include "cache_case.h"

#define HASH "ab00000000000000000000000000000000000000000000000000000000000000"

static void store_standard(void) {
  cache_begin();
  tree_file("blobs/.huggingface-shared-blobs", "1\n");
  tree_file("blobs/ab/" HASH, WEIGHTS);
  tree_link(REPO_A "/blobs/" WEIGHTS_SHA256, "../../blobs/ab/" HASH);
  tree_link(REPO_B "/blobs/" WEIGHTS_SHA256, "../../blobs/ab/" HASH);
  tree_link(REPO_A "/snapshots/" COMMIT_A "/w", "../../blobs/" WEIGHTS_SHA256);
  tree_link(REPO_B "/snapshots/" COMMIT_A "/w", "../../blobs/" WEIGHTS_SHA256);
}

#define STORE_LIST                                                     \
  REPO_A "/blobs/" WEIGHTS_SHA256 "\n" REPO_B "/blobs/" WEIGHTS_SHA256 \
         "\n"                                                          \
         "models--gone/blobs/x\n../../etc/passwd\n/etc/passwd\n"

TEST(shared_blobs_count_as_blobs) {
  store_standard();
  jimm_cache *cache = cache_open();
  const jimm_cached_file *file = cache_require(cache, CACHE_RESNET "@1/w");
  TEST_CHECK_INT(file->bytes, 12);
  TEST_CHECK_STR(file->blob, tree_path(REPO_A "/blobs/" WEIGHTS_SHA256));
  TEST_CHECK_INT(jimm_cache_verify(file, NULL, NULL), JIMM_OK);
  tree_file("blobs/ab/" HASH, OTHERS);
  TEST_CHECK_INT(jimm_cache_verify(file, NULL, NULL), JIMM_ERROR_INTEGRITY);
  jimm_cache_close(&cache);
}

TEST(a_shared_blob_goes_with_its_last_repository) {
  store_standard();
  tree_file("blobs/ab/" HASH ".refs", STORE_LIST);
  TEST_CHECK_INT(cache_remove(CACHE_RESNET "@1/w", NULL), 0);
  TEST_CHECK(!tree_has(REPO_A));
  TEST_CHECK(tree_has("blobs/ab/" HASH));
  TEST_CHECK_INT(cache_remove("gpt2@1/w", NULL), 12);
  TEST_CHECK(!tree_has(REPO_B));
  TEST_CHECK(!tree_has("blobs/ab/" HASH));
  TEST_CHECK(!tree_has("blobs/ab/" HASH ".refs"));
  TEST_CHECK(tree_has("blobs/.huggingface-shared-blobs"));
}

TEST(a_store_that_is_not_understood_stays) {
  store_standard(); /* without a list */
  TEST_CHECK_INT(cache_remove(CACHE_RESNET "@1/w", "gpt2@1/w"), 0);
  TEST_CHECK(tree_has("blobs/ab/" HASH));
  store_standard();
  tree_file("blobs/ab/" HASH ".refs", STORE_LIST);
  tree_file("blobs/.huggingface-shared-blobs", "2\n");
  TEST_CHECK_INT(cache_remove(CACHE_RESNET "@1/w", "gpt2@1/w"), 0);
  TEST_CHECK(tree_has("blobs/ab/" HASH));
  TEST_CHECK(!tree_has(REPO_A));
}
