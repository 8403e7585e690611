#include "cache_case.h"

#include <jimm-test/jimm-test.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"

void cache_begin(void) {
  tree_begin(in_folder("cache"));
  tree_clear();
}

jimm_cache *cache_open(void) {
  jimm_cache *cache = NULL;
  TEST_REQUIRE_MSG(jimm_cache_open(tree_path(""), &cache) == JIMM_OK, "%s", jimm_error_message());
  TEST_REQUIRE(cache != NULL);
  return cache;
}

/* NULL when it is not listed. */
static const jimm_cached_file *find(const jimm_cache *cache, const char *wanted) {
  static const char *const types[] = {"", "datasets/", "spaces/"};
  for (int64_t i = 0; i < jimm_cache_count(cache); i++) {
    const jimm_cached_file *file = jimm_cache_file(cache, i);
    char name[8192];
    snprintf(name, sizeof name, "%s%s@%c/%s", types[file->repo_type], file->repo, file->commit[0],
             file->name);
    if (strcmp(name, wanted) == 0) {
      return file;
    }
  }
  return NULL;
}

const jimm_cached_file *cache_require(const jimm_cache *cache, const char *wanted) {
  const jimm_cached_file *file = find(cache, wanted);
  TEST_REQUIRE_MSG(file != NULL, "%s is not listed", wanted);
  return file;
}

typedef struct expected_file {
  jimm_repo_type type;
  const char *repo, *commit, *name, *folder, *etag;
  int64_t bytes;
  const char *refs;
} expected_file;

static const expected_file standard[CACHE_STANDARD] = {
    {JIMM_REPO_MODEL, "gpt2", COMMIT_B, "a/b/c/vocab.txt", REPO_B, WEIGHTS_GIT, 12, "main"},
    {JIMM_REPO_MODEL, CACHE_RESNET, COMMIT_A, "config.json", REPO_A, CONFIG_GIT, 3,
     "main refs/pr/1"},
    {JIMM_REPO_MODEL, CACHE_RESNET, COMMIT_A, "model.safetensors", REPO_A, WEIGHTS_SHA256, 12,
     "main refs/pr/1"},
    {JIMM_REPO_MODEL, CACHE_RESNET, COMMIT_B, "config.json", REPO_A, CONFIG_GIT, 3, ""},
    {JIMM_REPO_DATASET, "ns/cats", COMMIT_A, "data.bin", REPO_C, "some-etag", 14, "v1.0"},
};

void cache_check_standard(const jimm_cache *cache) {
  TEST_REQUIRE_INT(jimm_cache_count(cache), CACHE_STANDARD);
  for (int i = 0; i < CACHE_STANDARD; i++) {
    const jimm_cached_file *file = jimm_cache_file(cache, i);
    const expected_file *want = &standard[i];
    char text[1024];
    TEST_CHECK_INT(file->repo_type, want->type);
    TEST_CHECK_STR(file->repo, want->repo);
    TEST_CHECK_STR(file->commit, want->commit);
    TEST_CHECK_STR(file->name, want->name);
    TEST_CHECK_STR(file->refs, want->refs);
    TEST_CHECK_INT(file->bytes, want->bytes);
    snprintf(text, sizeof text, "%s/snapshots/%s/%s", want->folder, want->commit, want->name);
    TEST_CHECK_STR(file->path, tree_path(text));
    snprintf(text, sizeof text, "%s/blobs/%s", want->folder, want->etag);
    TEST_CHECK_STR(file->blob, tree_path(text));
    TEST_CHECK_INT(access(file->path, R_OK), 0);
  }
}

int64_t cache_remove(const char *a, const char *b) {
  jimm_cache *cache = cache_open();
  const jimm_cached_file *files[2] = {cache_require(cache, a),
                                      b == NULL ? NULL : cache_require(cache, b)};
  int64_t freed = -1;
  TEST_CHECK_MSG(jimm_cache_remove(cache, files, b == NULL ? 1 : 2, NULL, NULL, &freed) == JIMM_OK,
                 "%s", jimm_error_message());
  jimm_cache_close(&cache);
  return freed;
}
