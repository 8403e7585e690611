#include "cache_tree.h"

#include <errno.h>
#include <ftw.h>
#include <jimm-test/jimm-test.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[512];

void tree_begin(const char *path) {
  snprintf(root, sizeof root, "%s", path);
  TEST_REQUIRE(mkdir(root, 0777) == 0 || errno == EEXIST);
}

const char *tree_path(const char *name) {
  static char paths[8][8192];
  static unsigned turn;
  char *path = paths[turn++ % 8];
  snprintf(path, sizeof paths[0], "%s%s%s", root, name[0] == 0 ? "" : "/", name);
  return path;
}

static void make_parents(char *path) {
  for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
       slash = strchr(slash + 1, '/')) {
    *slash = 0;
    TEST_REQUIRE_MSG(mkdir(path, 0777) == 0 || errno == EEXIST, "%s", path);
    *slash = '/';
  }
}

static char *fresh(const char *name) {
  static char path[8192];
  snprintf(path, sizeof path, "%s", tree_path(name));
  make_parents(path);
  return path;
}

void tree_folder(const char *name) {
  const char *path = fresh(name);
  TEST_REQUIRE_MSG(mkdir(path, 0777) == 0 || errno == EEXIST, "%s", path);
}

void tree_file(const char *name, const char *text) {
  FILE *file = fopen(fresh(name), "wb");
  TEST_REQUIRE_MSG(file != NULL, "%s", name);
  TEST_REQUIRE(fputs(text, file) >= 0);
  TEST_REQUIRE(fclose(file) == 0);
}

void tree_link(const char *name, const char *target) {
  TEST_REQUIRE_MSG(symlink(target, fresh(name)) == 0, "%s", name);
}

bool tree_has(const char *name) {
  struct stat info;
  return lstat(tree_path(name), &info) == 0;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *walk) {
  (void)info;
  (void)flag;
  return walk->level == 0 ? 0 : remove(path);
}

void tree_clear(void) {
  nftw(root, remove_one, 64, FTW_DEPTH | FTW_PHYS);
}

void tree_standard(void) {
  tree_file("CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
  tree_file(".locks/" REPO_A "/" WEIGHTS_SHA256 ".lock", "");
  tree_file(REPO_A "/blobs/" WEIGHTS_SHA256, WEIGHTS);
  tree_file(REPO_A "/blobs/" CONFIG_GIT, CONFIG);
  tree_file(REPO_A "/refs/main", COMMIT_A);
  tree_file(REPO_A "/refs/refs/pr/1", COMMIT_A);
  tree_link(REPO_A "/snapshots/" COMMIT_A "/model.safetensors", "../../blobs/" WEIGHTS_SHA256);
  tree_link(REPO_A "/snapshots/" COMMIT_A "/config.json", "../../blobs/" CONFIG_GIT);
  tree_link(REPO_A "/snapshots/" COMMIT_B "/config.json", "../../blobs/" CONFIG_GIT);
  tree_file(REPO_A "/.no_exist/" COMMIT_A "/adapter_config.json", "");
  tree_file(REPO_A "/.no_exist/" COMMIT_B "/adapter_config.json", "");
  tree_file(REPO_A "/trees/" COMMIT_A ".json", "{}");
  tree_file(REPO_B "/blobs/" WEIGHTS_GIT, WEIGHTS);
  tree_file(REPO_B "/refs/main", COMMIT_B);
  tree_link(REPO_B "/snapshots/" COMMIT_B "/a/b/c/vocab.txt", "../../../../../blobs/" WEIGHTS_GIT);
  tree_file(REPO_C "/blobs/some-etag", OTHERS);
  tree_file(REPO_C "/refs/v1.0", COMMIT_A);
  tree_link(REPO_C "/snapshots/" COMMIT_A "/data.bin", "../../blobs/some-etag");
}
