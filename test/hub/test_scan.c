/* What a cache holds, whatever somebody has put there. */
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <jimm/jimm.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cache_case.h"
#include "folder.h"

TEST(no_cache_is_an_empty_one) {
  cache_begin();
  jimm_cache *cache = NULL;
  TEST_REQUIRE_INT(jimm_cache_open(tree_path("absent"), &cache), JIMM_OK);
  TEST_CHECK_INT(jimm_cache_count(cache), 0);
  TEST_CHECK_STR(jimm_cache_path(cache), tree_path("absent"));
  TEST_CHECK(jimm_cache_file(cache, 0) == NULL);
  jimm_cache_close(&cache);
  TEST_CHECK(cache == NULL);
  jimm_cache_close(&cache);
  TEST_CHECK_INT(jimm_cache_open("", &cache), JIMM_ERROR_INVALID_ARGUMENT);
  tree_file("file", "");
  TEST_CHECK_INT(jimm_cache_open(tree_path("file"), &cache), JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(jimm_error_message(), "/file: cannot read the cache: Not a directory");
  TEST_CHECK(cache == NULL);
}

TEST(the_environment_says_which) {
  cache_begin();
  jimm_cache *cache = NULL;
  setenv("HF_HUB_CACHE", tree_path("here/"), 1);
  TEST_REQUIRE_INT(jimm_cache_open(NULL, &cache), JIMM_OK);
  unsetenv("HF_HUB_CACHE");
  TEST_CHECK_STR(jimm_cache_path(cache), tree_path("here"));
  jimm_cache_close(&cache);
}

/* "~", and the home of another user. */
TEST(homes_are_expanded) {
  const struct passwd *user = getpwuid(getuid());
  char home[400], text[400], want[420];
  cache_begin();
  TEST_REQUIRE(user != NULL);
  snprintf(home, sizeof home, "%s", user->pw_dir);
  snprintf(text, sizeof text, "~%s/x", user->pw_name);
  snprintf(want, sizeof want, "%s/x", home);
  const char *own = getenv("HOME");
  char *kept = own == NULL ? NULL : strdup(own);
  const char *const rows[][3] = {
      {text, "/elsewhere", want}, {"~/x", NULL, want}, {"~/x", "/elsewhere", "/elsewhere/x"}};
  for (size_t i = 0; i < 3; i++) {
    jimm_cache *cache = NULL;
    if (rows[i][1] == NULL) {
      unsetenv("HOME");
    } else {
      setenv("HOME", rows[i][1], 1);
    }
    setenv("HF_HUB_CACHE", rows[i][0], 1);
    TEST_REQUIRE_INT(jimm_cache_open(NULL, &cache), JIMM_OK);
    TEST_CHECK_STR(jimm_cache_path(cache), rows[i][2]);
    jimm_cache_close(&cache);
  }
  unsetenv("HF_HUB_CACHE");
  unsetenv("HOME");
  if (kept != NULL) {
    setenv("HOME", kept, 1);
    free(kept);
  }
}

TEST(what_is_listed) {
  cache_begin();
  tree_standard();
  jimm_cache *cache = cache_open();
  cache_check_standard(cache);
  TEST_CHECK(jimm_cache_file(cache, -1) == NULL);
  TEST_CHECK(jimm_cache_file(cache, CACHE_STANDARD) == NULL);
  jimm_cache_close(&cache);
}

TEST(the_order_is_that_of_bytes) {
  static const char *const names[] = {"B", "a", "a-b", "a.b", "a/b", "a0", "z", "\xc3\xa9"};
  cache_begin();
  for (size_t i = 0; i < 8; i++) {
    char path[256];
    const size_t turned = (i * 3 + 1) % 8;
    if (turned != 1) { /* "a" would be a file and a folder */
      snprintf(path, sizeof path, "spaces--x--y/snapshots/" COMMIT_A "/%s", names[turned]);
      tree_file(path, "");
    }
  }
  jimm_cache *cache = cache_open();
  TEST_REQUIRE_INT(jimm_cache_count(cache), 7);
  for (int64_t i = 0; i < 7; i++) {
    TEST_CHECK_STR(jimm_cache_file(cache, i)->name, names[i == 0 ? 0 : i + 1]);
    TEST_CHECK_INT(jimm_cache_file(cache, i)->repo_type, JIMM_REPO_SPACE);
  }
  jimm_cache_close(&cache);
}

TEST(without_links_a_file_is_its_own_blob) {
  cache_begin();
  tree_file(REPO_A "/snapshots/" COMMIT_A "/model.safetensors", WEIGHTS);
  jimm_cache *cache = cache_open();
  const jimm_cached_file *file = cache_require(cache, CACHE_RESNET "@1/model.safetensors");
  TEST_CHECK_STR(file->blob, file->path);
  TEST_CHECK_INT(file->bytes, 12);
  TEST_CHECK_STR(file->refs, "");
  TEST_CHECK_INT(jimm_cache_verify(file, NULL, NULL), JIMM_ERROR_UNSUPPORTED);
  TEST_CHECK_CONTAINS(jimm_error_message(), "a file of its own");
  jimm_cache_close(&cache);
}

TEST(absolute_pointers_into_the_cache) {
  cache_begin();
  tree_file(REPO_A "/blobs/" WEIGHTS_SHA256, WEIGHTS);
  tree_link(REPO_A "/snapshots/" COMMIT_A "/a", tree_path(REPO_A "/blobs/" WEIGHTS_SHA256));
  tree_link("door", "."); /* another way to the same place */
  tree_link(REPO_A "/snapshots/" COMMIT_A "/b", tree_path("door/" REPO_A "/blobs/" WEIGHTS_SHA256));
  jimm_cache *cache = cache_open();
  TEST_CHECK_INT(cache_require(cache, CACHE_RESNET "@1/a")->bytes, 12);
  TEST_CHECK_INT(cache_require(cache, CACHE_RESNET "@1/b")->bytes, -1);
  jimm_cache_close(&cache);
  TEST_REQUIRE_INT(jimm_cache_open(tree_path("door"), &cache), JIMM_OK);
  TEST_CHECK_INT(cache_require(cache, CACHE_RESNET "@1/a")->bytes, 12);
  TEST_CHECK_INT(cache_require(cache, CACHE_RESNET "@1/b")->bytes, 12);
  jimm_cache_close(&cache);
}

/* ---- damage ---- */

static void make_socket(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char here[PATH_MAX];
  TEST_REQUIRE(getcwd(here, sizeof here) != NULL && chdir(tree_path("")) == 0);
  snprintf(address.sun_path, sizeof address.sun_path, "socket");
  const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  TEST_REQUIRE(descriptor >= 0);
  TEST_REQUIRE_INT(bind(descriptor, (const struct sockaddr *)&address, sizeof address), 0);
  close(descriptor);
  TEST_REQUIRE_INT(chdir(here), 0);
  TEST_REQUIRE_INT(rename(tree_path("socket"), tree_path(name)), 0);
}

TEST(pointers_that_lead_nowhere) {
  static const char *const targets[] = {
      "../../blobs/absent",
      "../../blobs",
      "../../blobs/",
      "../../blobs/..",
      "../../blobs/sub/blob",
      "../../blobs/folder",
      "../../blobs/socket",
      "../../blobs/pipe",
      "../../blobs/out",
      "../../blobs/inside",
      "../../blobs/loop",
      "../blobs/" WEIGHTS_SHA256,
      "../../../models--other/blobs/" WEIGHTS_SHA256,
      "../../../models--timm--test_resnet.r161_in1k/blobs/" WEIGHTS_SHA256,
      "../../../../../../../../../etc/passwd",
      "/etc/passwd",
      "/",
      "itself",
      "../" COMMIT_A "/0",
  };
  cache_begin();
  tree_file(REPO_A "/blobs/" WEIGHTS_SHA256, WEIGHTS);
  tree_file("models--other/blobs/" WEIGHTS_SHA256, WEIGHTS);
  tree_file("models--timm--test_resnet.r161_in1k/blobs/" WEIGHTS_SHA256, WEIGHTS);
  tree_file(REPO_A "/blobs/sub/blob", WEIGHTS);
  tree_folder(REPO_A "/blobs/folder");
  make_socket(REPO_A "/blobs/socket");
  TEST_REQUIRE_INT(mkfifo(tree_path(REPO_A "/blobs/pipe"), 0600), 0);
  tree_link(REPO_A "/blobs/out", "/etc/passwd");
  tree_link(REPO_A "/blobs/inside", WEIGHTS_SHA256);
  tree_link(REPO_A "/blobs/loop", "loop");
  const int count = (int)(sizeof targets / sizeof targets[0]);
  char name[256];
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, REPO_A "/snapshots/" COMMIT_A "/%d", i);
    tree_link(name, targets[i]);
  }
  tree_link(REPO_A "/snapshots/" COMMIT_A "/good", "./.././../blobs//" WEIGHTS_SHA256);
  jimm_cache *cache = cache_open();
  TEST_CHECK_INT(jimm_cache_count(cache), count + 1);
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, CACHE_RESNET "@1/%d", i);
    const jimm_cached_file *file = cache_require(cache, name);
    TEST_CHECK_MSG(file->bytes == -1, "%s: %lld bytes", targets[i], (long long)file->bytes);
    TEST_CHECK_MSG(strncmp(file->blob, tree_path(REPO_A), strlen(tree_path(REPO_A))) == 0, "%s",
                   file->blob);
    TEST_CHECK_INT(jimm_cache_verify(file, NULL, NULL), JIMM_ERROR_INTEGRITY);
    TEST_CHECK_CONTAINS(jimm_error_message(), "damaged: expected a pointer to a blob");
  }
  const jimm_cached_file *good = cache_require(cache, CACHE_RESNET "@1/good");
  TEST_CHECK_INT(good->bytes, 12);
  TEST_CHECK_STR(good->blob, tree_path(REPO_A "/blobs/" WEIGHTS_SHA256));
  jimm_cache_close(&cache);
}

/* None of these is a file of a repository. */
TEST(what_does_not_belong_there_is_left_out) {
  static const char *const folders[] = {
      "models--",      "models",           "models--a--b--c", "models---a",      "models--a--",
      "models--a..b",  "models--.a",       "models--a.git",   "model--a",        "models--a b",
      "datasets--a--", "spaces--a--b--c-", "other",           "models--\xc3\xa9"};
  static const char *const commits[] = {"main", "111", COMMIT_A "1", "..x",
                                        "111111111111111111111111111111111111111G"};
  char name[512];
  cache_begin();
  tree_standard();
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    snprintf(name, sizeof name, "%s/snapshots/" COMMIT_A "/file", folders[i]);
    tree_file(name, WEIGHTS);
  }
  for (size_t i = 0; i < sizeof commits / sizeof commits[0]; i++) {
    snprintf(name, sizeof name, REPO_A "/snapshots/%s/file", commits[i]);
    tree_file(name, WEIGHTS);
  }
  tree_file("models--a-file", "");
  tree_file("models--empty/snapshots", "a file");
  tree_file("models--flat/snapshots/" COMMIT_A, "a file");
  tree_link("models--link", REPO_B);
  tree_link("models--out", "/");
  tree_link("models--loop", "models--loop");
  tree_link("models--snapshots/snapshots", "../" REPO_B "/snapshots");
  tree_link("models--commit/snapshots/" COMMIT_A, "../../" REPO_B "/snapshots/" COMMIT_B);
  tree_link("models--folder/snapshots/" COMMIT_A "/loop", ".");
  make_socket("models--gpt2/snapshots/" COMMIT_B "/socket");
  TEST_REQUIRE_INT(mkfifo(tree_path(REPO_B "/snapshots/" COMMIT_B "/pipe"), 0600), 0);
  jimm_cache *cache = cache_open();
  const jimm_cached_file *loop = cache_require(cache, "folder@1/loop");
  TEST_CHECK_INT(loop->bytes, -1); /* a link to a folder is a pointer to no blob */
  jimm_cache_close(&cache);
  TEST_REQUIRE_INT(unlink(tree_path("models--folder/snapshots/" COMMIT_A "/loop")), 0);
  cache = cache_open();
  cache_check_standard(cache);
  jimm_cache_close(&cache);
}

TEST(refs_that_say_nothing) {
  static char much[100000];
  cache_begin();
  tree_standard();
  memset(much, '1', sizeof much - 1);
  tree_file(REPO_B "/refs/much", much);
  tree_file(REPO_B "/refs/short", "222");
  tree_file(REPO_B "/refs/empty", "");
  tree_file(REPO_B "/refs/words", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz");
  tree_file(REPO_B "/refs/with space", COMMIT_B);
  tree_link(REPO_B "/refs/link", "main");
  tree_link(REPO_B "/refs/up", "../..");
  TEST_REQUIRE_INT(mkfifo(tree_path(REPO_B "/refs/pipe"), 0600), 0);
  jimm_cache *cache = cache_open();
  cache_check_standard(cache);
  jimm_cache_close(&cache);
  tree_file(REPO_B "/refs/line", COMMIT_B "\n");
  cache = cache_open();
  TEST_CHECK_STR(cache_require(cache, "gpt2@2/a/b/c/vocab.txt")->refs, "line main");
  jimm_cache_close(&cache);
}

/* Folders in folders to the longest path that there is, and beyond. */
TEST_OPTIONS(no_depth_is_too_much, .timeout = 120) {
  cache_begin();
  tree_file(REPO_B "/snapshots/" COMMIT_B "/top", WEIGHTS);
  char here[PATH_MAX];
  TEST_REQUIRE(getcwd(here, sizeof here) != NULL);
  TEST_REQUIRE_INT(chdir(tree_path(REPO_B "/snapshots/" COMMIT_B)), 0);
  const size_t used = strlen(tree_path(REPO_B "/snapshots/" COMMIT_B));
  const int deepest = (int)(PATH_MAX - used) / 2 - 1;
  for (int i = 0; i < 2500; i++) {
    TEST_REQUIRE_INT(mkdir("d", 0777), 0);
    TEST_REQUIRE_INT(chdir("d"), 0);
    if (i % 400 == 100) {
      FILE *file = fopen("f", "w");
      TEST_REQUIRE(file != NULL && fclose(file) == 0);
    }
  }
  TEST_REQUIRE_INT(chdir(here), 0);
  jimm_cache *cache = cache_open();
  int reachable = 1;
  for (int i = 100; i < deepest; i += 400) {
    reachable++;
  }
  TEST_CHECK_INT(jimm_cache_count(cache), reachable);
  for (int64_t i = 0; i < jimm_cache_count(cache); i++) {
    TEST_CHECK_INT(access(jimm_cache_file(cache, i)->path, R_OK), 0);
  }
  jimm_cache_close(&cache);
  TEST_REQUIRE_INT(chdir(tree_path("")), 0);
  TEST_CHECK_INT(system("rm -rf " REPO_B), 0);
  TEST_REQUIRE_INT(chdir(here), 0);
}

static int warnings;

static void count_warning(void *context, jimm_log_level level, const char *message) {
  (void)context;
  (void)level;
  warnings += strstr(message, "cannot be read and is left out: Permission denied") != NULL;
}

TEST_OPTIONS(folders_that_may_not_be_read, .isolate = true) {
  cache_begin();
  tree_standard();
  tree_file("models--closed/snapshots/" COMMIT_A "/file", WEIGHTS);
  tree_file("models--half/snapshots/" COMMIT_A "/file", WEIGHTS);
  TEST_REQUIRE_INT(chmod(tree_path("models--closed"), 0), 0);
  TEST_REQUIRE_INT(chmod(tree_path("models--half/snapshots/" COMMIT_A), 0), 0);
  TEST_REQUIRE_INT(chmod(in_folder(""), 0755), 0);
  if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0)) {
    TEST_SKIP("cannot become another user");
  }
  jimm_set_log(count_warning, NULL, JIMM_LOG_WARNING);
  jimm_cache *cache = NULL;
  const jimm_status status = jimm_cache_open(tree_path(""), &cache);
  if (getuid() == 0) {
    TEST_REQUIRE_INT(seteuid(0), 0);
  }
  chmod(tree_path("models--closed"), 0755);
  chmod(tree_path("models--half/snapshots/" COMMIT_A), 0755);
  TEST_REQUIRE_INT(status, JIMM_OK);
  cache_check_standard(cache);
  TEST_CHECK_INT(warnings, 2);
  jimm_cache_close(&cache);
}
