/* Removing from the cache: nothing but what was meant goes, and not while others work on it. */
#include <fcntl.h>
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <jimm/jimm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache_case.h"
#include "folder.h"

TEST(blobs_go_with_their_last_pointer) {
  cache_begin();
  tree_standard();
  TEST_CHECK_INT(cache_remove(CACHE_RESNET "@1/config.json", NULL),
                 0); /* also of the other commit */
  TEST_CHECK(!tree_has(REPO_A "/snapshots/" COMMIT_A "/config.json"));
  TEST_CHECK(tree_has(REPO_A "/snapshots/" COMMIT_A "/model.safetensors"));
  TEST_CHECK(tree_has(REPO_A "/snapshots/" COMMIT_B "/config.json"));
  TEST_CHECK(tree_has(REPO_A "/blobs/" CONFIG_GIT));
  TEST_CHECK(tree_has(REPO_A "/refs/main"));
  TEST_CHECK(tree_has(REPO_A "/.no_exist/" COMMIT_A "/adapter_config.json"));
  TEST_CHECK_INT(cache_remove(CACHE_RESNET "@2/config.json", NULL), 3);
  TEST_CHECK(!tree_has(REPO_A "/snapshots/" COMMIT_B));
  TEST_CHECK(!tree_has(REPO_A "/blobs/" CONFIG_GIT));
  TEST_CHECK(!tree_has(REPO_A "/.no_exist/" COMMIT_B));
  TEST_CHECK(tree_has(REPO_A "/blobs/" WEIGHTS_SHA256));
  TEST_CHECK(tree_has(REPO_A "/.no_exist/" COMMIT_A "/adapter_config.json"));
  TEST_CHECK(tree_has(REPO_A "/trees/" COMMIT_A ".json"));
  TEST_CHECK(tree_has(REPO_A "/refs/main"));
  TEST_CHECK(tree_has(REPO_A "/refs/refs/pr/1"));
  TEST_CHECK_INT(cache_remove(CACHE_RESNET "@1/model.safetensors", NULL), 12);
  TEST_CHECK(!tree_has(REPO_A));
  TEST_CHECK(tree_has(".locks/" REPO_A "/" WEIGHTS_SHA256 ".lock"));
  TEST_CHECK(tree_has(REPO_B "/blobs/" WEIGHTS_GIT));
  TEST_CHECK(tree_has("CACHEDIR.TAG"));
}

TEST(a_commit_goes_with_what_is_said_of_it) {
  cache_begin();
  tree_standard();
  tree_file(REPO_A "/refs/v2", COMMIT_B);
  tree_file(REPO_A "/refs/gone", "3333333333333333333333333333333333333333");
  TEST_CHECK_INT(cache_remove(CACHE_RESNET "@1/config.json", CACHE_RESNET "@1/model.safetensors"),
                 12);
  TEST_CHECK(!tree_has(REPO_A "/snapshots/" COMMIT_A));
  TEST_CHECK(!tree_has(REPO_A "/.no_exist/" COMMIT_A));
  TEST_CHECK(!tree_has(REPO_A "/trees/" COMMIT_A ".json"));
  TEST_CHECK(!tree_has(REPO_A "/refs/main"));
  TEST_CHECK(!tree_has(REPO_A "/refs/refs"));
  TEST_CHECK(tree_has(REPO_A "/refs/v2"));
  TEST_CHECK(tree_has(REPO_A "/refs/gone")); /* not this call's */
  TEST_CHECK(tree_has(REPO_A "/blobs/" CONFIG_GIT));
  TEST_CHECK(tree_has(REPO_A "/.no_exist/" COMMIT_B "/adapter_config.json"));
}

/* With the last file of a repository go leftovers of downloads, but nothing that is not known. */
TEST(the_last_file_takes_the_leftovers_along) {
  cache_begin();
  tree_standard();
  tree_file(REPO_B "/blobs/" WEIGHTS_GIT ".0a1b2c3d.incomplete", "12345");
  tree_folder(REPO_B "/snapshots/" COMMIT_A "/x/y");
  TEST_CHECK_INT(cache_remove("gpt2@2/a/b/c/vocab.txt", NULL), 17);
  TEST_CHECK(!tree_has(REPO_B));
  tree_file(REPO_C "/notes.txt", "mine");
  tree_file(REPO_C "/refs/deep/one", COMMIT_B);
  TEST_CHECK_INT(cache_remove("datasets/ns/cats@1/data.bin", NULL), 14);
  TEST_CHECK(tree_has(REPO_C "/notes.txt"));
  TEST_CHECK(!tree_has(REPO_C "/blobs"));
  TEST_CHECK(!tree_has(REPO_C "/refs"));
  TEST_CHECK(!tree_has(REPO_C "/snapshots"));
}

TEST(files_that_are_their_own_blobs) {
  cache_begin();
  tree_file(REPO_A "/snapshots/" COMMIT_A "/sub/model.safetensors", WEIGHTS);
  tree_file(REPO_A "/snapshots/" COMMIT_A "/config.json", CONFIG);
  TEST_CHECK_INT(cache_remove(CACHE_RESNET "@1/sub/model.safetensors", NULL), 12);
  TEST_CHECK(!tree_has(REPO_A "/snapshots/" COMMIT_A "/sub"));
  TEST_CHECK(tree_has(REPO_A "/snapshots/" COMMIT_A "/config.json"));
  TEST_CHECK_INT(cache_remove(CACHE_RESNET "@1/config.json", NULL), 3);
  TEST_CHECK(!tree_has(REPO_A));
}

/* More blobs than are locked at once. */
TEST(many_files) {
  enum { COUNT = 100 };
  const jimm_cached_file *files[COUNT];
  char name[256], target[256];
  cache_begin();
  for (int i = 0; i < COUNT; i++) {
    snprintf(name, sizeof name, REPO_B "/blobs/%040d", i);
    tree_file(name, "1234567");
    snprintf(name, sizeof name, REPO_B "/snapshots/" COMMIT_A "/%d", i);
    snprintf(target, sizeof target, "../../blobs/%040d", i);
    tree_link(name, target);
    snprintf(name, sizeof name, REPO_B "/snapshots/" COMMIT_B "/%d", i);
    if (i % 10 == 0) {
      tree_link(name, target);
    }
  }
  jimm_cache *cache = cache_open();
  TEST_REQUIRE_INT(jimm_cache_count(cache), COUNT + COUNT / 10);
  for (int i = 0; i < COUNT; i++) {
    snprintf(name, sizeof name, "gpt2@1/%d", i);
    files[i] = cache_require(cache, name);
  }
  int64_t freed = 0;
  TEST_CHECK_INT(jimm_cache_remove(cache, files, COUNT, NULL, NULL, &freed), JIMM_OK);
  TEST_CHECK_INT(freed, 7 * (COUNT - COUNT / 10));
  jimm_cache_close(&cache);
  cache = cache_open();
  TEST_CHECK_INT(jimm_cache_count(cache), COUNT / 10);
  for (int64_t i = 0; i < jimm_cache_count(cache); i++) {
    TEST_CHECK_INT(jimm_cache_file(cache, i)->bytes, 7);
  }
  jimm_cache_close(&cache);
}

TEST(what_is_removed_must_be_of_the_cache) {
  cache_begin();
  tree_standard();
  jimm_cache *cache = cache_open();
  const jimm_cached_file copy = *jimm_cache_file(cache, 0);
  const jimm_cached_file *files[] = {jimm_cache_file(cache, 1), &copy};
  int64_t freed = 7;
  TEST_CHECK_INT(jimm_cache_remove(cache, files, 2, NULL, NULL, &freed),
                 JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(freed, 0);
  cache_check_standard(cache);
  TEST_CHECK_INT(jimm_cache_remove(cache, NULL, 0, NULL, NULL, &freed), JIMM_OK);
  files[1] = files[0]; /* twice is once */
  TEST_CHECK_INT(jimm_cache_remove(cache, files, 2, NULL, NULL, NULL), JIMM_OK);
  TEST_CHECK_INT(jimm_cache_remove(cache, files, 2, NULL, NULL, &freed),
                 JIMM_OK); /* and again is nothing */
  TEST_CHECK_INT(freed, 0);
  jimm_cache_close(&cache);
}

/* Whatever has become of the tree since it was listed: nothing outside it goes. */
TEST(nothing_outside_is_removed) {
  static const char *const swaps[] = {
      REPO_A,          REPO_A "/snapshots", REPO_A "/snapshots/" COMMIT_A,
      REPO_A "/blobs", REPO_A "/refs",      REPO_A "/.no_exist",
      REPO_A "/trees"};
  for (size_t i = 0; i < sizeof swaps / sizeof swaps[0]; i++) {
    cache_begin();
    tree_standard();
    jimm_cache *cache = cache_open();
    const jimm_cached_file *files[CACHE_STANDARD];
    for (int k = 0; k < CACHE_STANDARD; k++) {
      files[k] = jimm_cache_file(cache, k);
    }
    /* the real thing is outside now, and the cache holds a link to it */
    const char *outside = in_folder("outside");
    char moved[1024];
    snprintf(moved, sizeof moved, "%s", in_folder("outside/it"));
    remove_tree(outside);
    TEST_REQUIRE_INT(mkdir(outside, 0777), 0);
    TEST_REQUIRE_INT(rename(tree_path(swaps[i]), moved), 0);
    char before[4096], after[4096], line[2048];
    snprintf(line, sizeof line, "cd %s && find . | LC_ALL=C sort", outside);
    FILE *list = popen(line, "r");
    size_t size = fread(before, 1, sizeof before - 1, list);
    before[size] = 0;
    pclose(list);
    TEST_CHECK_CONTAINS(before, "./it");
    tree_link(swaps[i], moved);
    const jimm_status status = jimm_cache_remove(cache, files, CACHE_STANDARD, NULL, NULL, NULL);
    TEST_CHECK_MSG(status == JIMM_OK || status == JIMM_ERROR_IO, "%s", jimm_error_message());
    list = popen(line, "r");
    size = fread(after, 1, sizeof after - 1, list);
    after[size] = 0;
    pclose(list);
    TEST_CHECK_STR(after, before);
    jimm_cache_close(&cache);
  }
}

/* ---- while others work ---- */

/* Holds the lock of `etag` in another process for a third of a second. Its exit status says whether
 * `path` was there until the end. */
static pid_t hold_lock(const char *etag, const char *path) {
  char name[512];
  int ready[2];
  snprintf(name, sizeof name, ".locks/" REPO_A "/%s.lock", etag);
  tree_file(name, "");
  TEST_REQUIRE_INT(pipe(ready), 0);
  fflush(NULL);
  const pid_t child = fork();
  TEST_REQUIRE(child >= 0);
  if (child == 0) {
    const int file = open(tree_path(name), O_RDWR);
    if (file < 0 || flock(file, LOCK_EX) != 0) {
      _exit(9);
    }
    (void)!write(ready[1], "", 1);
    usleep(300000);
    _exit(tree_has(path) ? 0 : 1);
  }
  char byte;
  TEST_REQUIRE_INT(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  close(ready[1]);
  return child;
}

static void check_child(pid_t child, int want) {
  int state = 0;
  TEST_REQUIRE(waitpid(child, &state, 0) == child);
  TEST_CHECK_INT(WIFEXITED(state) ? WEXITSTATUS(state) : -1, want);
}

TEST(a_download_of_the_same_file_is_waited_for) {
  cache_begin();
  tree_standard();
  const char *pointer = REPO_A "/snapshots/" COMMIT_A "/model.safetensors";
  const pid_t child = hold_lock(WEIGHTS_SHA256, pointer);
  TEST_CHECK_INT(cache_remove(CACHE_RESNET "@1/model.safetensors", NULL), 12);
  TEST_CHECK(!tree_has(pointer));
  check_child(child, 0);
  TEST_CHECK(tree_has(".locks/" REPO_A "/" WEIGHTS_SHA256 ".lock"));
}

static bool note_wait(void *context, const jimm_hub_progress *progress) {
  char *seen = context;
  snprintf(seen, 400, "%s %s", progress->name,
           progress->waits_for == NULL ? "nothing" : progress->waits_for);
  return true;
}

TEST(a_removal_that_waits_says_so_and_may_be_cancelled) {
  cache_begin();
  tree_standard();
  const char *pointer = REPO_A "/snapshots/" COMMIT_A "/model.safetensors";
  const pid_t child = hold_lock(WEIGHTS_SHA256, pointer);
  jimm_cache *cache = NULL;
  char seen[400] = "", want[400];
  int64_t freed = -1;
  TEST_REQUIRE_INT(jimm_cache_open(tree_path(""), &cache), JIMM_OK);
  for (int64_t i = 0; i < jimm_cache_count(cache); i++) {
    const jimm_cached_file *file = jimm_cache_file(cache, i);
    if (strcmp(file->name, "model.safetensors") == 0) {
      TEST_CHECK_INT(jimm_cache_remove(cache, &file, 1, note_wait, seen, &freed),
                     JIMM_ERROR_CANCELLED);
    }
  }
  snprintf(want, sizeof want, CACHE_RESNET " %s/.locks/" REPO_A "/" WEIGHTS_SHA256 ".lock",
           jimm_cache_path(cache));
  TEST_CHECK_STR(seen, want);
  TEST_CHECK_INT(freed, 0);
  TEST_CHECK(tree_has(pointer));
  jimm_cache_close(&cache);
  check_child(child, 0);
}

/* Its snapshot folder may be empty as yet. */
TEST(a_download_of_another_file_keeps_its_folders) {
  cache_begin();
  tree_standard();
  const char *snapshot = REPO_A "/snapshots/" COMMIT_B;
  const pid_t child = hold_lock("another", snapshot);
  TEST_CHECK_INT(cache_remove(CACHE_RESNET "@2/config.json", NULL), 0);
  TEST_CHECK(tree_has(snapshot));
  TEST_CHECK(tree_has(REPO_A "/.no_exist/" COMMIT_B));
  check_child(child, 0);
}

TEST_MAIN()
