/* jimm_hub_download against the tests' hub: what is on the disk afterwards is, byte for byte, what
 * huggingface_hub 2.4.0 leaves there (test/parity/check_hub.py lets that say so itself). */
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/case.h"
#include "hub/server/server.h"

TEST_SETUP() {
  hub_server_start();
}

static void publish(const char *name, const char *body, bool lfs, char etag[65]) {
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = name,
                          .body = body,
                          .lfs = lfs},
              etag);
}

/* The tree of one file "a.txt" with the bytes "hello", of one repository. */
#define ONE_FILE                   \
  "d .locks\n"                     \
  "d .locks/%1$s\n"                \
  "k .locks/%1$s/%2$s.lock\n"      \
  "t CACHEDIR.TAG\n"               \
  "d %1$s\n"                       \
  "d %1$s/blobs\n"                 \
  "- %1$s/blobs/%2$s \"hello\"\n"  \
  "d %1$s/refs\n"                  \
  "- %1$s/refs/main \"" HUB_COMMIT \
  "\"\n"                           \
  "d %1$s/snapshots\n"             \
  "d %1$s/snapshots/" HUB_COMMIT   \
  "\n"                             \
  "l %1$s/snapshots/" HUB_COMMIT "/a.txt -> ../../blobs/%2$s\n"

static const char *one_file(const char *folder, const char *etag) {
  static char want[2000];
  snprintf(want, sizeof want, ONE_FILE, folder, etag);
  return want;
}

/* ---- 1: trees and modes ---- */

typedef struct tree_case {
  const char *name;
  mode_t mask;
  bool lfs, cached;
  const char *etag;
} tree_case;

static const char git_hello[] = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0";
static const char sha_hello[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

static const tree_case trees[] = {
    {"tree of a git file, umask 022", 0022, false, false, git_hello},
    {"tree of a git file, umask 002", 0002, false, false, git_hello},
    {"tree of a git file, umask 077", 0077, false, false, git_hello},
    {"tree of a git file behind a relative redirect", 0022, false, true, git_hello},
    {"tree of an LFS file, umask 022", 0022, true, false, sha_hello},
    {"tree of an LFS file, umask 002", 0002, true, false, sha_hello},
    {"tree of an LFS file, umask 077", 0077, true, false, sha_hello}};

static void check_tree(void *row) {
  const tree_case *one = row;
  const char *path;
  char etag[65], place[100];
  hub_clear();
  snprintf(place, sizeof place, "tree%d", (int)(one - trees));
  hub_place(place);
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = "a.txt",
                          .body = "hello",
                          .lfs = one->lfs,
                          .cached = one->cached},
              etag);
  TEST_CHECK_STR(etag, one->etag);
  const mode_t before = umask(one->mask);
  const jimm_status status = hub_download("ns/name", "a.txt", NULL, &path);
  umask(before);
  TEST_CHECK_INT(status, JIMM_OK);
  TEST_CHECK_STR(path, hub_path(HUB_REPO "/snapshots/" HUB_COMMIT "/a.txt"));
  hub_check_tree(hub_path("cache"), one->mask, one_file("models--ns--name", etag));
  char *rest = hub_tree(hub_path("."));
  TEST_CHECK_MSG(strstr(rest, "home/") == NULL && strstr(rest, "tmp/") == NULL, "%s", rest);
  free(rest);
  TEST_CHECK_INT(hub_count("HEAD", NULL), one->cached ? 2 : 1);
  TEST_CHECK_INT(hub_count("GET", NULL), 1);
}

TEST_SETUP() {
  for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++) {
    jt_add(trees[i].name, check_tree, (void *)(uintptr_t)&trees[i], NULL);
  }
}

/* ---- 2, 3, 4: names ---- */

TEST(download_of_datasets_spaces_and_single_names) {
  static const struct {
    jimm_repo_type type;
    const char *repo, *folder, *target;
  } rows[] = {{JIMM_REPO_MODEL, "gpt2", "models--gpt2", "/gpt2/resolve/main/a.txt"},
              {JIMM_REPO_DATASET, "squad", "datasets--squad", "/datasets/squad/resolve/main/a.txt"},
              {JIMM_REPO_DATASET, "n.s/a_-b", "datasets--n.s--a_-b",
               "/datasets/n.s/a_-b/resolve/main/a.txt"},
              {JIMM_REPO_SPACE, "ns/app", "spaces--ns--app", "/spaces/ns/app/resolve/main/a.txt"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
    char etag[65], place[20];
    snprintf(place, sizeof place, "names%zu", i);
    hub_clear();
    hub_place(place);
    options.repo_type = rows[i].type;
    hub_publish(&(hub_file){.type = rows[i].type,
                            .repo = rows[i].repo,
                            .commit = HUB_COMMIT,
                            .revisions = "main",
                            .name = "a.txt",
                            .body = "hello"},
                etag);
    TEST_CHECK_INT(hub_download(rows[i].repo, "a.txt", &options, NULL), JIMM_OK);
    TEST_CHECK_INT(hub_count("HEAD", rows[i].target), 1);
    hub_check_tree(hub_path("cache"), 0022, one_file(rows[i].folder, etag));
  }
}

TEST(download_of_names_that_need_encoding) {
  static const char name[] = "a b/c+d/~e,f/caf\xc3\xa9 #1?%41.txt";
  const char *path;
  char etag[65];
  hub_clear();
  hub_place("encoding");
  publish(name, "hello", false, etag);
  TEST_CHECK_INT(hub_download("ns/name", name, NULL, &path), JIMM_OK);
  TEST_CHECK(hub_file_equals(path, "hello", 5));
  TEST_CHECK_INT(
      hub_count("HEAD", "/ns/name/resolve/main/a%20b/c%2Bd/~e%2Cf/caf%C3%A9%20%231%3F%2541.txt"),
      1);
  char link[200] = "", want[200];
  snprintf(want, sizeof want, "../../../../../blobs/%s", etag);
  TEST_CHECK(readlink(path, link, sizeof link - 1) > 0);
  TEST_CHECK_STR(link, want);
}

TEST(download_of_a_pull_request) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  const char *path;
  hub_clear();
  hub_place("request");
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = HUB_COMMIT,
                          .revisions = "refs/pr/1",
                          .name = "a.txt",
                          .body = "hello"},
              NULL);
  options.revision = "refs/pr/1";
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
  TEST_CHECK_INT(hub_count("HEAD", "/ns/name/resolve/refs%2Fpr%2F1/a.txt"), 1);
  TEST_CHECK(hub_file_equals(hub_path(HUB_REPO "/refs/refs/pr/1"), HUB_COMMIT, 40));
  options.offline = true;
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
  TEST_CHECK(hub_file_equals(path, "hello", 5));
  options.revision = NULL;
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_ERROR_NOT_CACHED);
}

/* ---- 5, 6: what the cache answers ---- */

TEST(download_of_a_cached_commit_asks_nobody) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  const char *path;
  hub_clear();
  hub_place("commit");
  publish("a.txt", "hello", true, NULL);
  options.revision = HUB_COMMIT;
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
  TEST_CHECK_INT(access(hub_path(HUB_REPO "/refs"), F_OK), -1);
  hub_clear_rules();
  char *before = hub_tree(hub_path("."));
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
  TEST_CHECK(hub_file_equals(path, "hello", 5));
  jimm_hub_info info = JIMM_HUB_INFO_INIT;
  TEST_CHECK_INT(jimm_hub_ask("ns/name", "a.txt", &options, &info), JIMM_OK);
  TEST_CHECK(info.cached);
  TEST_CHECK_STR(info.commit, HUB_COMMIT);
  TEST_CHECK_INT(info.bytes, 5);
  TEST_CHECK_INT(hub_count(NULL, NULL), 0);
  char *after = hub_tree(hub_path("."));
  TEST_CHECK_STR(after, before);
  free(before);
  free(after);
}

TEST(download_of_a_cached_branch_asks_once) {
  const char *path;
  hub_clear();
  hub_place("branch");
  publish("a.txt", "hello", true, NULL);
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
  hub_clear_rules();
  char *before = hub_tree(hub_path("."));
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
  TEST_CHECK_INT(hub_count("HEAD", NULL), 1);
  TEST_CHECK_INT(hub_count(NULL, NULL), 1);
  char *after = hub_tree(hub_path("."));
  TEST_CHECK_STR(after, before);
  free(before);
  free(after);
}

TEST(download_of_known_bytes_under_another_name_only_links) {
  const char *path;
  char etag[65];
  hub_clear();
  hub_place("link");
  publish("a.bin", "hello", true, NULL);
  publish("sub/b.bin", "hello", true, etag);
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", NULL, &path), JIMM_OK);
  TEST_CHECK_INT(hub_download("ns/name", "sub/b.bin", NULL, &path), JIMM_OK);
  TEST_CHECK(hub_file_equals(path, "hello", 5));
  TEST_CHECK_INT(hub_count("GET", NULL), 1);
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/blobs"), ""), 1);
}

TEST(download_by_force_asks_and_gets_again) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  const char *path;
  char etag[65];
  hub_clear();
  hub_place("force");
  publish("a.txt", "hello", true, etag);
  options.revision = HUB_COMMIT;
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
  hub_write_file(path, "wrong", 5); /* through the pointer: a damaged blob */
  hub_clear_rules();
  options.force = true;
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
  TEST_CHECK(hub_file_equals(path, "hello", 5));
  TEST_CHECK_INT(hub_count("HEAD", NULL), 1);
  TEST_CHECK_INT(hub_count("GET", NULL), 1);
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/blobs"), ""), 1);
}

/* What stands in the pointer's place need not lead to the blob: it is replaced, not written into.
 */
TEST(download_by_force_replaces_what_is_no_pointer_to_the_blob) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  options.force = true;
  for (int i = 0; i < 4; i++) {
    const char *path;
    char name[40], other[200];
    hub_clear();
    snprintf(name, sizeof name, "force_%d", i);
    hub_place(name);
    publish("a.txt", "hello", false, NULL);
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
    TEST_CHECK_INT(unlink(path), 0);
    snprintf(other, sizeof other, "%s", hub_path(HUB_REPO "/blobs/other"));
    hub_write_file(i % 2 == 0 ? path : other, "wrong", 5);
    if (i % 2 == 1) {
      TEST_REQUIRE(symlink("../../blobs/other", path) == 0);
    }
    if (i >= 2) {
      setenv("HF_HUB_DISABLE_SYMLINKS", "1", 1);
    }
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
    TEST_CHECK(hub_file_equals(path, "hello", 5));
    TEST_CHECK(i % 2 == 0 || hub_file_equals(other, "wrong", 5));
  }
}

/* ---- 12, 15: bytes that are not the file's ---- */

TEST(download_leaves_incomplete_files_of_others_alone) {
  static const char *const poison[] = {"he", "HELLO", "HELLO, world"};
  for (size_t i = 0; i < sizeof poison / sizeof poison[0]; i++) {
    char etag[65], place[20], name[200];
    const char *path;
    snprintf(place, sizeof place, "poison%zu", i);
    hub_clear();
    hub_place(place);
    publish("a.txt", "hello", true, etag);
    TEST_REQUIRE(mkdir(hub_path("cache"), 0777) == 0);
    TEST_REQUIRE(mkdir(hub_path(HUB_REPO), 0777) == 0);
    TEST_REQUIRE(mkdir(hub_path(HUB_REPO "/blobs"), 0777) == 0);
    snprintf(name, sizeof name, HUB_REPO "/blobs/%s.incomplete", etag);
    hub_write_file(hub_path(name), poison[i], strlen(poison[i]));
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
    TEST_CHECK(hub_file_equals(path, "hello", 5));
    TEST_CHECK(hub_file_equals(hub_path(name), poison[i], strlen(poison[i])));
    TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/blobs"), ""), 2);
  }
}

/* The first `times` answers (0: all) have `body`. `sized`: the answers say how long the file is. */
static void check_wrong_bytes(const char *place, bool lfs, const char *body, int64_t times,
                              bool sized) {
  const char *path;
  hub_clear();
  hub_place(place);
  publish("a.txt", "hello", lfs, NULL);
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = "/",
                           .prefix = true,
                           .hub = true,
                           .body = body,
                           .times = times,
                           .chunked = !sized});
  if (!sized) {
    hub_rule_add(
        &(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .hub = true, .length = ""});
  }
  const jimm_status status = hub_download("ns/name", "a.txt", NULL, &path);
  TEST_CHECK_INT(status, times == 1 ? JIMM_OK : JIMM_ERROR_INTEGRITY);
  TEST_CHECK_INT(hub_count("GET", NULL), 2);
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/blobs"), ""), times == 1);
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/snapshots"), ""), times == 1);
  if (times == 1) {
    TEST_CHECK(hub_file_equals(path, "hello", 5));
  }
}

TEST(download_of_wrong_bytes_of_the_right_size) {
  check_wrong_bytes("wrong_lfs", true, "HELLO", 0, true);
  check_wrong_bytes("wrong_git", false, "HELLO", 0, true);
  check_wrong_bytes("wrong_once", true, "HELLO", 1, true);
  /* git's hash begins with the size, which is only known at the end */
  check_wrong_bytes("wrong_unsized", false, "HELLO!", 0, false);
  check_wrong_bytes("wrong_unsized_once", false, "HELLO!", 1, false);
}

/* ---- 18: names that are refused ---- */

static void check_refused(const char *repo, const char *file, const char *revision) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  char *path = NULL;
  options.revision = revision;
  const jimm_status status = jimm_hub_download(repo, file, &options, &path);
  TEST_CHECK_MSG(status == JIMM_ERROR_INVALID_ARGUMENT && path == NULL, "%s %s %s: %d", repo, file,
                 revision == NULL ? "" : revision, (int)status);
  TEST_CHECK_MSG(jimm_error_message()[0] != 0, "%s %s: no message", repo, file);
  jimm_text_free(path);
}

TEST(download_refuses_names_before_any_request) {
  static char huge[300], long_repo[98];
  memset(huge, 'a', 256);
  memset(long_repo, 'r', 97);
  const char *const files[] = {"",   "..",  "../a",     "a/..",  "a/../b", "/a",   "/",
                               ".",  "./a", "a/./b",    "a//b",  "a/",     "C:/a", "c:\\a",
                               "C:", huge,  "a\\..\\b", "..\\a", "\\a"};
  const char *const repos[] = {"",        "/",        "a/b/c",  "../a",   "a/..",   "a--b",
                               "ns/a--b", "a..b",     "ns/.",   "ns/",    "/name",  "a b",
                               "a.git",   "ns/a.git", "ns/a?b", "ns/a#b", "ns/a%b", ".",
                               "..",      "-a",       "a.",     "ns\n/a", long_repo};
  const char *const revisions[] = {"..",    "../main", "a/../b", "/main",
                                   "main/", "a//b",    "./a",    "a/./b"};
  hub_clear();
  hub_place("refused");
  publish("a.txt", "hello", false, NULL);
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    check_refused("ns/name", files[i], NULL);
  }
  for (size_t i = 0; i < sizeof repos / sizeof repos[0]; i++) {
    check_refused(repos[i], "a.txt", NULL);
  }
  for (size_t i = 0; i < sizeof revisions / sizeof revisions[0]; i++) {
    check_refused("ns/name", "a.txt", revisions[i]);
  }
  check_refused(NULL, "a.txt", NULL);
  check_refused("ns/name", NULL, NULL);
  TEST_CHECK_INT(hub_count(NULL, NULL), 0);
  TEST_CHECK_INT(access(hub_path("cache"), F_OK), -1);
}

/* ---- 20, 21, 23: pointers and blobs ---- */

TEST(download_follows_a_branch_that_moves) {
  const char *path;
  char old[65], new[65], want[3000];
  hub_clear();
  hub_place("moves");
  publish("a.txt", "hello", false, old);
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = HUB_COMMIT_2,
                          .revisions = "main",
                          .name = "a.txt",
                          .body = "hello again"},
              new);
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
  TEST_CHECK(hub_file_equals(path, "hello again", 11));
  TEST_REQUIRE(strcmp(new, old) < 0);
#define REPO "models--ns--name"
  snprintf(want, sizeof want,
           "d .locks\nd .locks/" REPO "\nk .locks/" REPO "/%2$s.lock\nk .locks/" REPO
           "/%1$s.lock\nt CACHEDIR.TAG\nd " REPO "\nd " REPO "/blobs\n- " REPO
           "/blobs/%2$s \"hello again\"\n- " REPO "/blobs/%1$s \"hello\"\nd " REPO "/refs\n- " REPO
           "/refs/main \"" HUB_COMMIT_2 "\"\nd " REPO "/snapshots\nd " REPO "/snapshots/" HUB_COMMIT
           "\nl " REPO "/snapshots/" HUB_COMMIT "/a.txt -> ../../blobs/%1$s\nd " REPO
           "/snapshots/" HUB_COMMIT_2 "\nl " REPO "/snapshots/" HUB_COMMIT_2
           "/a.txt -> ../../blobs/%2$s\n",
           old, new);
  hub_check_tree(hub_path("cache"), 0022, want);
}

TEST(download_repairs_a_dangling_pointer) {
  const char *path;
  char etag[65], blob[200];
  hub_clear();
  hub_place("dangling");
  publish("a.txt", "hello", false, etag);
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
  snprintf(blob, sizeof blob, HUB_REPO "/blobs/%s", etag);
  for (int i = 0; i < 2; i++) {
    jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
    options.revision = i == 0 ? NULL : HUB_COMMIT;
    TEST_REQUIRE(unlink(hub_path(blob)) == 0);
    options.offline = true;
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_ERROR_NOT_CACHED);
    options.offline = false;
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
    TEST_CHECK(hub_file_equals(path, "hello", 5));
    hub_check_tree(hub_path("cache"), 0022, one_file(REPO, etag));
  }
}

TEST(download_believes_no_ref_that_is_no_commit) {
  static const char *const refs[] = {"../../../secret",
                                     HUB_COMMIT "\n",
                                     HUB_COMMIT "0",
                                     "",
                                     "..",
                                     ".",
                                     "main",
                                     HUB_COMMIT "/../../../../secret"};
  for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++) {
    jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
    char name[20];
    const char *path;
    snprintf(name, sizeof name, "ref%zu", i);
    hub_clear();
    hub_place(name);
    publish("a.txt", "hello", false, NULL);
    TEST_REQUIRE(mkdir(hub_path("secret"), 0777) == 0);
    hub_write_file(hub_path("secret/a.txt"), "secret", 6);
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, NULL), JIMM_OK);
    hub_write_file(hub_path(HUB_REPO "/refs/main"), refs[i], strlen(refs[i]));
    options.offline = true;
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_ERROR_NOT_CACHED);
    options.offline = false;
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
    TEST_CHECK(hub_file_equals(hub_path(HUB_REPO "/refs/main"), HUB_COMMIT, 40));
  }
}

TEST(download_without_links) {
  static const char *const want =
      "d .locks\nd .locks/" REPO "\nk .locks/" REPO "/%1$s.lock\nt CACHEDIR.TAG\nd " REPO
      "\nd " REPO "/blobs\nd " REPO "/refs\n- " REPO "/refs/main \"" HUB_COMMIT "\"\nd " REPO
      "/snapshots\nd " REPO "/snapshots/" HUB_COMMIT "\n- " REPO "/snapshots/" HUB_COMMIT
      "/a.txt \"hello\"\n";
  const char *path;
  char etag[65], full[2000], name[200];
  hub_clear();
  hub_place("no_links");
  publish("a.txt", "hello", false, etag);
  publish("b.txt", "hello", false, NULL);
  setenv("HF_HUB_DISABLE_SYMLINKS", "1", 1);
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
  snprintf(full, sizeof full, want, etag);
  hub_check_tree(hub_path("cache"), 0022, full);
  hub_clear_rules();
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
  TEST_CHECK_INT(hub_count("GET", NULL), 0);
  /* A blob that is there, perhaps for other pointers, is copied. */
  snprintf(name, sizeof name, HUB_REPO "/blobs/%s", etag);
  hub_write_file(hub_path(name), "hello", 5);
  TEST_CHECK_INT(hub_download("ns/name", "b.txt", NULL, &path), JIMM_OK);
  TEST_CHECK_INT(hub_count("GET", NULL), 0);
  TEST_CHECK(hub_file_equals(hub_path(name), "hello", 5));
  struct stat info;
  TEST_CHECK(lstat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1);
  TEST_CHECK(hub_file_equals(path, "hello", 5));
}

/* By force a blob is fresh though others point to it: moving it away would leave them dangling. */
TEST(download_without_links_by_force_leaves_no_pointer_dangling) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  const char *path;
  char before[2000];
  hub_clear();
  hub_place("no_links_force");
  publish("a.txt", "hello", false, NULL);
  publish("b.txt", "hello", false, NULL);
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
  snprintf(before, sizeof before, "%s", path);
  setenv("HF_HUB_DISABLE_SYMLINKS", "1", 1);
  options.force = true;
  TEST_CHECK_INT(hub_download("ns/name", "b.txt", &options, &path), JIMM_OK);
  TEST_CHECK(hub_file_equals(path, "hello", 5));
  TEST_CHECK(hub_file_equals(before, "hello", 5));
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
  TEST_CHECK(hub_file_equals(before, "hello", 5));
}

TEST(download_records_files_that_are_not_there) {
  const char *path;
  hub_clear();
  hub_place("no_exist");
  publish("a.txt", "hello", false, NULL);
  TEST_CHECK_INT(hub_download("ns/name", "sub/b.txt", NULL, &path), JIMM_ERROR_ENTRY_NOT_FOUND);
  TEST_CHECK_CONTAINS(jimm_error_message(), "sub/b.txt");
  TEST_CHECK_INT(hub_count("GET", NULL), 0);
  hub_check_tree(hub_path("cache"), 0022,
                 "d " REPO "\nd " REPO "/.no_exist\nd " REPO "/.no_exist/" HUB_COMMIT "\nd " REPO
                 "/.no_exist/" HUB_COMMIT "/sub\n- " REPO "/.no_exist/" HUB_COMMIT
                 "/sub/b.txt 0 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\nd " REPO "/refs\n- " REPO
                 "/refs/main \"" HUB_COMMIT "\"\n");
}

TEST(ask_says_what_a_download_would_do_and_writes_nothing) {
  jimm_hub_info info = JIMM_HUB_INFO_INIT;
  char etag[65];
  hub_clear();
  hub_place("ask");
  publish("a.txt", "hello", true, etag);
  TEST_CHECK_INT(jimm_hub_ask("ns/name", "a.txt", NULL, &info), JIMM_OK);
  TEST_CHECK_STR(info.etag, etag);
  TEST_CHECK_STR(info.commit, HUB_COMMIT);
  TEST_CHECK_INT(info.bytes, 5);
  TEST_CHECK(!info.cached);
  TEST_CHECK_INT(jimm_hub_ask("ns/name", "b.txt", NULL, &info), JIMM_ERROR_ENTRY_NOT_FOUND);
  TEST_CHECK_INT(hub_count("HEAD", NULL), 2);
  TEST_CHECK_INT(hub_count(NULL, NULL), 2);
  TEST_CHECK_INT(access(hub_path("cache"), F_OK), -1);
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, NULL), JIMM_OK);
  info = (jimm_hub_info)JIMM_HUB_INFO_INIT;
  TEST_CHECK_INT(jimm_hub_ask("ns/name", "a.txt", NULL, &info), JIMM_OK);
  TEST_CHECK(info.cached);
}

TEST_MAIN()
