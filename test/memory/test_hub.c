/* Every allocation on the way of a download fails once: that is said, nothing half stays in the
 * cache, and no token goes astray. */
#include <errno.h>
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "hub/case.h"
#include "hub/server/server.h"
#include "walk.h"

#define REPO "ns/name"
/* It is the SHA-256 of "hello" that begins so. */
#define HASHED "public-2cf24dba.txt"

/* An empty cache, or the one that the walk before left. */
static const char *cache(bool fresh) {
  const char *path = walk_input("cache");
  if (fresh) {
    remove_tree(path);
  }
  return path;
}

static jimm_status download_into(const char *name, bool fresh, bool offline) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  char *path = NULL;
  options.cache = cache(fresh);
  options.token = "a-token";
  options.offline = offline;
  const jimm_status status = jimm_hub_download(REPO, name, &options, &path);
  TEST_CHECK((status == JIMM_OK) == (path != NULL));
  TEST_CHECK_INT(hub_count_files(options.cache, ".incomplete"), 0);
  TEST_CHECK_INT(hub_count_files(options.cache, ".tmp"), 0);
  jimm_text_free(path);
  return status;
}

static jimm_status download(const char *name) {
  return download_into(name, true, false);
}

static jimm_status hit(const char *name) {
  return download_into(name, false, false);
}

static jimm_status offline(const char *name) {
  return download_into(name, false, true);
}

static jimm_status ask(const char *name) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  jimm_hub_info info = JIMM_HUB_INFO_INIT;
  options.cache = cache(true);
  options.token = "a-token";
  return jimm_hub_ask(REPO, name, &options, &info);
}

static jimm_status ask_model(const char *name) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  jimm_hub_info info = JIMM_HUB_INFO_INIT;
  options.cache = cache(true);
  options.token = "a-token";
  return jimm_hub_ask_model(name, &options, &info);
}

static jimm_status fetch(const char *name) {
  char url[256];
  snprintf(url, sizeof url, "%s/ns/public/resolve/main/%s", hub_endpoint(1), name);
  (void)remove(walk_input("fetched"));
  return jimm_hub_fetch(url, walk_input("fetched"), NULL);
}

static jimm_status locate(const char *name) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  char *weights = NULL;
  char *folder = NULL;
  options.cache = cache(true);
  options.token = "a-token";
  const jimm_status status = jimm_hub_locate(name, &options, &weights, &folder);
  jimm_text_free(weights);
  jimm_text_free(folder);
  return status;
}

static const memory_walk rows[] = {
    {"git's file", download, "a.txt", JIMM_OK, FOREIGN_IGNORED},
    {"a large file, by the content network", download, "b.bin", JIMM_OK, FOREIGN_IGNORED},
    {"a file that is there", hit, "b.bin", JIMM_OK, FOREIGN_IGNORED},
    {"offline", offline, "b.bin", JIMM_OK, FOREIGN_IGNORED},
    {"no such file", download, "c.bin", JIMM_ERROR_ENTRY_NOT_FOUND, FOREIGN_IGNORED},
    {"a bad name", download, "../c", JIMM_ERROR_INVALID_ARGUMENT, FOREIGN_IGNORED},
    {"ask", ask, "b.bin", JIMM_OK, FOREIGN_IGNORED},
    {"fetch", fetch, "public.txt", JIMM_OK, FOREIGN_IGNORED},
    {"fetch what its name promises", fetch, HASHED, JIMM_OK, FOREIGN_IGNORED},
    {"a repository's weights", locate, "hf://" REPO, JIMM_OK, FOREIGN_IGNORED},
    {"a repository that is asked about", ask_model, "hf://" REPO, JIMM_OK, FOREIGN_IGNORED},
    {"a repository's other weights", locate, "hf://ns/other@main", JIMM_OK, FOREIGN_IGNORED},
};

static void publish(const char *repo, const char *name, const char *body, bool lfs) {
  hub_publish(&(hub_file){.repo = repo,
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = name,
                          .body = body,
                          .lfs = lfs,
                          .token = "a-token"},
              NULL);
}

TEST_SETUP() {
  hub_server_start();
  publish(REPO, "a.txt", "hello", false);
  publish(REPO, "b.bin", "the bytes of a large file", true);
  publish(REPO, "config.json", "{}", false);
  publish(REPO, "model.safetensors", "weights", true);
  hub_publish(&(hub_file){.repo = "ns/public",
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = "public.txt",
                          .body = "hello"},
              NULL);
  hub_publish(&(hub_file){.repo = "ns/public",
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = HASHED,
                          .body = "hello"},
              NULL);
  publish("ns/other", "config.json", "{}", false);
  publish("ns/other", "pytorch_model.bin", "weights", true);
  setenv("HF_ENDPOINT", hub_endpoint(1), 1);
  setenv("HF_HOME", "$HOME/${HOME}/none", 1);
  setenv("JIMM_HUB_RETRY_SECONDS", "0", 1);
  memory_walks_add(rows, sizeof rows / sizeof rows[0]);
}

TEST_MAIN()
