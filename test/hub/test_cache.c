/* The cache: what is in it, whether it is whole, and that nothing but what was meant goes, whatever
 * somebody has put there. */
#include <errno.h>
#include <fcntl.h>
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <jimm/jimm.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache_tree.h"
#include "folder.h"

static void begin(void) {
  tree_begin(in_folder("cache"));
  tree_clear();
}

static jimm_cache *open_cache(void) {
  jimm_cache *cache = NULL;
  TEST_REQUIRE_MSG(jimm_cache_open(tree_path(""), &cache) == JIMM_OK, "%s", jimm_error_message());
  TEST_REQUIRE(cache != NULL);
  return cache;
}

/* The file "REPO@C/NAME", C the first digit of the commit; NULL when it is not listed. */
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

static const jimm_cached_file *require(const jimm_cache *cache, const char *wanted) {
  const jimm_cached_file *file = find(cache, wanted);
  TEST_REQUIRE_MSG(file != NULL, "%s is not listed", wanted);
  return file;
}

#define RESNET "timm/test_resnet.r160_in1k"

/* ---- what there is ---- */

TEST(no_cache_is_an_empty_one) {
  begin();
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
  begin();
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
  begin();
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

typedef struct expected_file {
  int32_t type;
  const char *repo, *commit, *name, *folder, *etag;
  int64_t bytes;
  const char *refs;
} expected_file;

static const expected_file standard[] = {
    {JIMM_REPO_MODEL, "gpt2", COMMIT_B, "a/b/c/vocab.txt", REPO_B, WEIGHTS_GIT, 12, "main"},
    {JIMM_REPO_MODEL, RESNET, COMMIT_A, "config.json", REPO_A, CONFIG_GIT, 3, "main refs/pr/1"},
    {JIMM_REPO_MODEL, RESNET, COMMIT_A, "model.safetensors", REPO_A, WEIGHTS_SHA256, 12,
     "main refs/pr/1"},
    {JIMM_REPO_MODEL, RESNET, COMMIT_B, "config.json", REPO_A, CONFIG_GIT, 3, ""},
    {JIMM_REPO_DATASET, "ns/cats", COMMIT_A, "data.bin", REPO_C, "some-etag", 14, "v1.0"},
};
enum { STANDARD = sizeof standard / sizeof standard[0] };

static void check_standard(const jimm_cache *cache) {
  TEST_REQUIRE_INT(jimm_cache_count(cache), STANDARD);
  for (int i = 0; i < STANDARD; i++) {
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

TEST(what_is_listed) {
  begin();
  tree_standard();
  jimm_cache *cache = open_cache();
  check_standard(cache);
  TEST_CHECK(jimm_cache_file(cache, -1) == NULL);
  TEST_CHECK(jimm_cache_file(cache, STANDARD) == NULL);
  jimm_cache_close(&cache);
}

TEST(the_order_is_that_of_bytes) {
  static const char *const names[] = {"B", "a", "a-b", "a.b", "a/b", "a0", "z", "\xc3\xa9"};
  begin();
  for (size_t i = 0; i < 8; i++) {
    char path[256];
    const size_t turned = (i * 3 + 1) % 8;
    if (turned != 1) { /* "a" would be a file and a folder */
      snprintf(path, sizeof path, "spaces--x--y/snapshots/" COMMIT_A "/%s", names[turned]);
      tree_file(path, "");
    }
  }
  jimm_cache *cache = open_cache();
  TEST_REQUIRE_INT(jimm_cache_count(cache), 7);
  for (int64_t i = 0; i < 7; i++) {
    TEST_CHECK_STR(jimm_cache_file(cache, i)->name, names[i == 0 ? 0 : i + 1]);
    TEST_CHECK_INT(jimm_cache_file(cache, i)->repo_type, JIMM_REPO_SPACE);
  }
  jimm_cache_close(&cache);
}

TEST(without_links_a_file_is_its_own_blob) {
  begin();
  tree_file(REPO_A "/snapshots/" COMMIT_A "/model.safetensors", WEIGHTS);
  jimm_cache *cache = open_cache();
  const jimm_cached_file *file = require(cache, RESNET "@1/model.safetensors");
  TEST_CHECK_STR(file->blob, file->path);
  TEST_CHECK_INT(file->bytes, 12);
  TEST_CHECK_STR(file->refs, "");
  TEST_CHECK_INT(jimm_cache_verify(file, NULL, NULL), JIMM_ERROR_UNSUPPORTED);
  TEST_CHECK_CONTAINS(jimm_error_message(), "a file of its own");
  jimm_cache_close(&cache);
}

TEST(absolute_pointers_into_the_cache) {
  begin();
  tree_file(REPO_A "/blobs/" WEIGHTS_SHA256, WEIGHTS);
  tree_link(REPO_A "/snapshots/" COMMIT_A "/a", tree_path(REPO_A "/blobs/" WEIGHTS_SHA256));
  tree_link("door", "."); /* another way to the same place */
  tree_link(REPO_A "/snapshots/" COMMIT_A "/b", tree_path("door/" REPO_A "/blobs/" WEIGHTS_SHA256));
  jimm_cache *cache = open_cache();
  TEST_CHECK_INT(require(cache, RESNET "@1/a")->bytes, 12);
  TEST_CHECK_INT(require(cache, RESNET "@1/b")->bytes, -1);
  jimm_cache_close(&cache);
  TEST_REQUIRE_INT(jimm_cache_open(tree_path("door"), &cache), JIMM_OK);
  TEST_CHECK_INT(require(cache, RESNET "@1/a")->bytes, 12);
  TEST_CHECK_INT(require(cache, RESNET "@1/b")->bytes, 12);
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
  begin();
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
  jimm_cache *cache = open_cache();
  TEST_CHECK_INT(jimm_cache_count(cache), count + 1);
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, RESNET "@1/%d", i);
    const jimm_cached_file *file = require(cache, name);
    TEST_CHECK_MSG(file->bytes == -1, "%s: %lld bytes", targets[i], (long long)file->bytes);
    TEST_CHECK_MSG(strncmp(file->blob, tree_path(REPO_A), strlen(tree_path(REPO_A))) == 0, "%s",
                   file->blob);
    TEST_CHECK_INT(jimm_cache_verify(file, NULL, NULL), JIMM_ERROR_INTEGRITY);
    TEST_CHECK_CONTAINS(jimm_error_message(), "damaged: expected a pointer to a blob");
  }
  const jimm_cached_file *good = require(cache, RESNET "@1/good");
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
  begin();
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
  jimm_cache *cache = open_cache();
  const jimm_cached_file *loop = require(cache, "folder@1/loop");
  TEST_CHECK_INT(loop->bytes, -1); /* a link to a folder is a pointer to no blob */
  jimm_cache_close(&cache);
  TEST_REQUIRE_INT(unlink(tree_path("models--folder/snapshots/" COMMIT_A "/loop")), 0);
  cache = open_cache();
  check_standard(cache);
  jimm_cache_close(&cache);
}

TEST(refs_that_say_nothing) {
  static char much[100000];
  begin();
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
  jimm_cache *cache = open_cache();
  check_standard(cache);
  jimm_cache_close(&cache);
  tree_file(REPO_B "/refs/line", COMMIT_B "\n");
  cache = open_cache();
  TEST_CHECK_STR(require(cache, "gpt2@2/a/b/c/vocab.txt")->refs, "line main");
  jimm_cache_close(&cache);
}

/* Folders in folders to the longest path that there is, and beyond. */
TEST_OPTIONS(no_depth_is_too_much, .timeout = 120) {
  begin();
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
  jimm_cache *cache = open_cache();
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
  begin();
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
  check_standard(cache);
  TEST_CHECK_INT(warnings, 2);
  jimm_cache_close(&cache);
}

/* ---- whole? ---- */

TEST(bytes_are_compared_with_the_blobs_name) {
  begin();
  tree_standard();
  jimm_cache *cache = open_cache();
  const jimm_cached_file *weights = require(cache, RESNET "@1/model.safetensors");
  const jimm_cached_file *config = require(cache, RESNET "@1/config.json");
  const jimm_cached_file *vocabulary = require(cache, "gpt2@2/a/b/c/vocab.txt");
  TEST_CHECK_INT(jimm_cache_verify(weights, NULL, NULL), JIMM_OK);
  TEST_CHECK_INT(jimm_cache_verify(config, NULL, NULL), JIMM_OK);
  TEST_CHECK_INT(jimm_cache_verify(vocabulary, NULL, NULL), JIMM_OK);
  TEST_CHECK_INT(jimm_cache_verify(require(cache, "datasets/ns/cats@1/data.bin"), NULL, NULL),
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
  begin();
  tree_standard();
  jimm_cache *cache = open_cache();
  const jimm_cached_file *weights = require(cache, RESNET "@1/model.safetensors");
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

/* ---- removing ---- */

/* Removes the named files; what that frees. */
static int64_t remove_files(const char *a, const char *b) {
  jimm_cache *cache = open_cache();
  const jimm_cached_file *files[2] = {require(cache, a), b == NULL ? NULL : require(cache, b)};
  int64_t freed = -1;
  TEST_CHECK_MSG(jimm_cache_remove(cache, files, b == NULL ? 1 : 2, NULL, NULL, &freed) == JIMM_OK,
                 "%s", jimm_error_message());
  jimm_cache_close(&cache);
  return freed;
}

TEST(blobs_go_with_their_last_pointer) {
  begin();
  tree_standard();
  TEST_CHECK_INT(remove_files(RESNET "@1/config.json", NULL), 0); /* also of the other commit */
  TEST_CHECK(!tree_has(REPO_A "/snapshots/" COMMIT_A "/config.json"));
  TEST_CHECK(tree_has(REPO_A "/snapshots/" COMMIT_A "/model.safetensors"));
  TEST_CHECK(tree_has(REPO_A "/snapshots/" COMMIT_B "/config.json"));
  TEST_CHECK(tree_has(REPO_A "/blobs/" CONFIG_GIT));
  TEST_CHECK(tree_has(REPO_A "/refs/main"));
  TEST_CHECK(tree_has(REPO_A "/.no_exist/" COMMIT_A "/adapter_config.json"));
  TEST_CHECK_INT(remove_files(RESNET "@2/config.json", NULL), 3);
  TEST_CHECK(!tree_has(REPO_A "/snapshots/" COMMIT_B));
  TEST_CHECK(!tree_has(REPO_A "/blobs/" CONFIG_GIT));
  TEST_CHECK(!tree_has(REPO_A "/.no_exist/" COMMIT_B));
  TEST_CHECK(tree_has(REPO_A "/blobs/" WEIGHTS_SHA256));
  TEST_CHECK(tree_has(REPO_A "/.no_exist/" COMMIT_A "/adapter_config.json"));
  TEST_CHECK(tree_has(REPO_A "/trees/" COMMIT_A ".json"));
  TEST_CHECK(tree_has(REPO_A "/refs/main"));
  TEST_CHECK(tree_has(REPO_A "/refs/refs/pr/1"));
  TEST_CHECK_INT(remove_files(RESNET "@1/model.safetensors", NULL), 12);
  TEST_CHECK(!tree_has(REPO_A));
  TEST_CHECK(tree_has(".locks/" REPO_A "/" WEIGHTS_SHA256 ".lock"));
  TEST_CHECK(tree_has(REPO_B "/blobs/" WEIGHTS_GIT));
  TEST_CHECK(tree_has("CACHEDIR.TAG"));
}

TEST(a_commit_goes_with_what_is_said_of_it) {
  begin();
  tree_standard();
  tree_file(REPO_A "/refs/v2", COMMIT_B);
  tree_file(REPO_A "/refs/gone", "3333333333333333333333333333333333333333");
  TEST_CHECK_INT(remove_files(RESNET "@1/config.json", RESNET "@1/model.safetensors"), 12);
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
  begin();
  tree_standard();
  tree_file(REPO_B "/blobs/" WEIGHTS_GIT ".0a1b2c3d.incomplete", "12345");
  tree_folder(REPO_B "/snapshots/" COMMIT_A "/x/y");
  TEST_CHECK_INT(remove_files("gpt2@2/a/b/c/vocab.txt", NULL), 17);
  TEST_CHECK(!tree_has(REPO_B));
  tree_file(REPO_C "/notes.txt", "mine");
  tree_file(REPO_C "/refs/deep/one", COMMIT_B);
  TEST_CHECK_INT(remove_files("datasets/ns/cats@1/data.bin", NULL), 14);
  TEST_CHECK(tree_has(REPO_C "/notes.txt"));
  TEST_CHECK(!tree_has(REPO_C "/blobs"));
  TEST_CHECK(!tree_has(REPO_C "/refs"));
  TEST_CHECK(!tree_has(REPO_C "/snapshots"));
}

TEST(files_that_are_their_own_blobs) {
  begin();
  tree_file(REPO_A "/snapshots/" COMMIT_A "/sub/model.safetensors", WEIGHTS);
  tree_file(REPO_A "/snapshots/" COMMIT_A "/config.json", CONFIG);
  TEST_CHECK_INT(remove_files(RESNET "@1/sub/model.safetensors", NULL), 12);
  TEST_CHECK(!tree_has(REPO_A "/snapshots/" COMMIT_A "/sub"));
  TEST_CHECK(tree_has(REPO_A "/snapshots/" COMMIT_A "/config.json"));
  TEST_CHECK_INT(remove_files(RESNET "@1/config.json", NULL), 3);
  TEST_CHECK(!tree_has(REPO_A));
}

/* More blobs than are locked at once. */
TEST(many_files) {
  enum { COUNT = 100 };
  const jimm_cached_file *files[COUNT];
  char name[256], target[256];
  begin();
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
  jimm_cache *cache = open_cache();
  TEST_REQUIRE_INT(jimm_cache_count(cache), COUNT + COUNT / 10);
  for (int i = 0; i < COUNT; i++) {
    snprintf(name, sizeof name, "gpt2@1/%d", i);
    files[i] = require(cache, name);
  }
  int64_t freed = 0;
  TEST_CHECK_INT(jimm_cache_remove(cache, files, COUNT, NULL, NULL, &freed), JIMM_OK);
  TEST_CHECK_INT(freed, 7 * (COUNT - COUNT / 10));
  jimm_cache_close(&cache);
  cache = open_cache();
  TEST_CHECK_INT(jimm_cache_count(cache), COUNT / 10);
  for (int64_t i = 0; i < jimm_cache_count(cache); i++) {
    TEST_CHECK_INT(jimm_cache_file(cache, i)->bytes, 7);
  }
  jimm_cache_close(&cache);
}

TEST(what_is_removed_must_be_of_the_cache) {
  begin();
  tree_standard();
  jimm_cache *cache = open_cache();
  const jimm_cached_file copy = *jimm_cache_file(cache, 0);
  const jimm_cached_file *files[] = {jimm_cache_file(cache, 1), &copy};
  int64_t freed = 7;
  TEST_CHECK_INT(jimm_cache_remove(cache, files, 2, NULL, NULL, &freed),
                 JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(freed, 0);
  check_standard(cache);
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
    begin();
    tree_standard();
    jimm_cache *cache = open_cache();
    const jimm_cached_file *files[STANDARD];
    for (int k = 0; k < STANDARD; k++) {
      files[k] = jimm_cache_file(cache, k);
    }
    /* the real thing is outside now, and the cache holds a link to it */
    const char *outside = in_folder("outside");
    char moved[1024];
    snprintf(moved, sizeof moved, "%s", in_folder("outside/it"));
    nftw(outside, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
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
    const jimm_status status = jimm_cache_remove(cache, files, STANDARD, NULL, NULL, NULL);
    TEST_CHECK_MSG(status == JIMM_OK || status == JIMM_ERROR_IO, "%s", jimm_error_message());
    list = popen(line, "r");
    size = fread(after, 1, sizeof after - 1, list);
    after[size] = 0;
    pclose(list);
    TEST_CHECK_STR(after, before);
    jimm_cache_close(&cache);
  }
}

/* ---- the store that repositories share ---- */

#define HASH "ab00000000000000000000000000000000000000000000000000000000000000"

static void store_standard(void) {
  begin();
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
  jimm_cache *cache = open_cache();
  const jimm_cached_file *file = require(cache, RESNET "@1/w");
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
  TEST_CHECK_INT(remove_files(RESNET "@1/w", NULL), 0);
  TEST_CHECK(!tree_has(REPO_A));
  TEST_CHECK(tree_has("blobs/ab/" HASH));
  TEST_CHECK_INT(remove_files("gpt2@1/w", NULL), 12);
  TEST_CHECK(!tree_has(REPO_B));
  TEST_CHECK(!tree_has("blobs/ab/" HASH));
  TEST_CHECK(!tree_has("blobs/ab/" HASH ".refs"));
  TEST_CHECK(tree_has("blobs/.huggingface-shared-blobs"));
}

TEST(a_store_that_is_not_understood_stays) {
  store_standard(); /* without a list */
  TEST_CHECK_INT(remove_files(RESNET "@1/w", "gpt2@1/w"), 0);
  TEST_CHECK(tree_has("blobs/ab/" HASH));
  store_standard();
  tree_file("blobs/ab/" HASH ".refs", STORE_LIST);
  tree_file("blobs/.huggingface-shared-blobs", "2\n");
  TEST_CHECK_INT(remove_files(RESNET "@1/w", "gpt2@1/w"), 0);
  TEST_CHECK(tree_has("blobs/ab/" HASH));
  TEST_CHECK(!tree_has(REPO_A));
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
  begin();
  tree_standard();
  const char *pointer = REPO_A "/snapshots/" COMMIT_A "/model.safetensors";
  const pid_t child = hold_lock(WEIGHTS_SHA256, pointer);
  TEST_CHECK_INT(remove_files(RESNET "@1/model.safetensors", NULL), 12);
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
  begin();
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
  snprintf(want, sizeof want, RESNET " %s/.locks/" REPO_A "/" WEIGHTS_SHA256 ".lock",
           jimm_cache_path(cache));
  TEST_CHECK_STR(seen, want);
  TEST_CHECK_INT(freed, 0);
  TEST_CHECK(tree_has(pointer));
  jimm_cache_close(&cache);
  check_child(child, 0);
}

/* Its snapshot folder may be empty as yet. */
TEST(a_download_of_another_file_keeps_its_folders) {
  begin();
  tree_standard();
  const char *snapshot = REPO_A "/snapshots/" COMMIT_B;
  const pid_t child = hold_lock("another", snapshot);
  TEST_CHECK_INT(remove_files(RESNET "@2/config.json", NULL), 0);
  TEST_CHECK(tree_has(snapshot));
  TEST_CHECK(tree_has(REPO_A "/.no_exist/" COMMIT_B));
  check_child(child, 0);
}

TEST_MAIN()
