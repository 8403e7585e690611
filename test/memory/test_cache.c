/* Every allocation on the ways through the cache fails once. */
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <string.h>

#include "hub/cache_tree.h"
#include "walk.h"

static jimm_status list(const char *unused) {
  (void)unused;
  jimm_cache *cache = NULL;
  const jimm_status status = jimm_cache_open(tree_path(""), &cache);
  jimm_cache_close(&cache);
  return status;
}

static jimm_status verify(const char *name) {
  jimm_cache *cache = NULL;
  jimm_status status = jimm_cache_open(tree_path(""), &cache);
  for (int64_t i = 0; status == JIMM_OK && i < jimm_cache_count(cache); i++) {
    if (strcmp(jimm_cache_file(cache, i)->name, name) == 0) {
      status = jimm_cache_verify(jimm_cache_file(cache, i), NULL, NULL);
      break;
    }
  }
  jimm_cache_close(&cache);
  return status;
}

static jimm_status remove_all(const char *unused) {
  (void)unused;
  tree_clear();
  tree_standard();
  const jimm_cached_file *files[8];
  jimm_cache *cache = NULL;
  int64_t count = 0;
  jimm_status status = jimm_cache_open(tree_path(""), &cache);
  if (status == JIMM_OK) {
    count = jimm_cache_count(cache);
    for (int64_t i = 0; i < count; i++) {
      files[i] = jimm_cache_file(cache, i);
    }
    status = jimm_cache_remove(cache, files, count, NULL, NULL, NULL);
  }
  jimm_cache_close(&cache);
  return status;
}

static const memory_walk rows[] = {
    {"list a cache", list, "", JIMM_OK, FOREIGN_FAILS},
    {"verify a file", verify, "model.safetensors", JIMM_OK, FOREIGN_IGNORED}, /* OpenSSL */
    {"verify what cannot be", verify, "data.bin", JIMM_ERROR_UNSUPPORTED, FOREIGN_FAILS},
    {"remove everything", remove_all, "", JIMM_OK, FOREIGN_IGNORED},
};

TEST_SETUP() {
  tree_begin(walk_input("cache"));
  tree_standard();
  memory_walks_add(rows, sizeof rows / sizeof rows[0]);
}

TEST_MAIN()
