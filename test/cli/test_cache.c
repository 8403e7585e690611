/* jimm cache: what is there, whether it is whole, and removing it. */
#include <fcntl.h>
#include <jimm-test/jimm-test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub/cache_tree.h"
#include "terminal.h"

/* The standard cache, where the program looks for it. */
static void begin(void) {
  setenv("HF_HUB_CACHE", scratch_path("hub"), 1);
  tree_begin(scratch_path("hub"));
  tree_clear();
  tree_standard();
}

static const char table[] =
    "repository                  revision        commit         size  file\n"
    "gpt2                        main            22222222       12 B  a/b/c/vocab.txt\n"
    "gpt2                        total                          12 B  1 file\n"
    "timm/test_resnet.r160_in1k  main refs/pr/1  11111111        3 B  config.json\n"
    "timm/test_resnet.r160_in1k  main refs/pr/1  11111111       12 B  model.safetensors\n"
    "timm/test_resnet.r160_in1k  -               22222222        3 B  config.json\n"
    "timm/test_resnet.r160_in1k  total                          15 B  3 files\n"
    "datasets/ns/cats            v1.0            11111111       14 B  data.bin\n"
    "datasets/ns/cats            total                          14 B  1 file\n"
    "5 files in 3 repositories, 41 B: ";

TEST(cache_ls_is_a_table) {
  begin();
  const run_result *run = RUN("cache", "ls");
  check_quiet(run, 0);
  TEST_CHECK(strncmp(run->out, table, sizeof table - 1) == 0);
  char last[1024];
  snprintf(last, sizeof last, "%s\n", tree_path(""));
  TEST_CHECK_STR(run->out + sizeof table - 1, last);
  unsetenv("HF_HUB_CACHE");
  run = RUN("cache", "ls", "--cache", "hub");
  check_quiet(run, 0);
  TEST_CHECK(strncmp(run->out, table, sizeof table - 1) == 0);
  run = RUN("cache", "ls"); /* HF_HOME, where nothing is */
  check_quiet(run, 0);
  TEST_CHECK_CONTAINS(run->out, "0 files in 0 repositories, 0 B: ");
  TEST_CHECK_CONTAINS(run->out, "/no-cache/hub\n");
  check_quiet(RUN("cache", "ls", "--json"), 0);
  json_t *array = run_json();
  TEST_CHECK_INT(length_of(array), 0);
  json_decref(array);
}

static void check_listed(const char *glob, const char *const *names) {
  const run_result *run = RUN("cache", "ls", glob);
  check_quiet(run, 0);
  static const char *const all[] = {"gpt2 ", "timm/test_resnet.r160_in1k ", "datasets/ns/cats "};
  for (size_t i = 0; i < 3; i++) {
    bool wanted = false;
    for (size_t k = 0; names[k] != NULL; k++) {
      wanted = wanted || strcmp(names[k], all[i]) == 0;
    }
    TEST_CHECK_MSG((strstr(run->out, all[i]) != NULL) == wanted, "%s: %s", glob, all[i]);
  }
}

TEST(cache_ls_takes_names_and_patterns) {
  begin();
#define LISTED(glob, ...) check_listed(glob, (const char *const[]){__VA_ARGS__, NULL})
  LISTED("timm/*", "timm/test_resnet.r160_in1k ");
  LISTED("test_resnet.r160_in1k", "timm/test_resnet.r160_in1k ");
  LISTED("test_resnet", "timm/test_resnet.r160_in1k "); /* the default tag */
  LISTED("timm/test_resnet", "timm/test_resnet.r160_in1k ");
  LISTED("test_resnet_r160_in1k", "timm/test_resnet.r160_in1k ");
  LISTED("test_*", "timm/test_resnet.r160_in1k ");
  LISTED("gpt2", "gpt2 ");
  LISTED("datasets/*", "datasets/ns/cats ");
  LISTED("*cats", "datasets/ns/cats ");
  LISTED("*t*", "gpt2 ", "timm/test_resnet.r160_in1k ", "datasets/ns/cats ");
  static const char *const none[] = {"cats", "ns/cats", "resnet50", "Test_*", "timm", "data"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    const run_result *run = RUN("cache", "ls", "gpt2", none[i]);
    TEST_CHECK_INT(run->status, 1);
    TEST_CHECK_STR(run->out, "");
    TEST_CHECK_CONTAINS(run->err, "no repository matches '");
    TEST_CHECK_CONTAINS(run->err, none[i]);
  }
}

TEST(cache_ls_json) {
  begin();
  tree_link(REPO_A "/snapshots/" COMMIT_A "/dangling", "../../blobs/gone");
  check_quiet(RUN("cache", "ls", "test_resnet", "--json"), 0);
  json_t *array = run_json();
  TEST_REQUIRE_INT(length_of(array), 4);
  const json_t *weights = json_array_get(array, 2);
  TEST_CHECK_STR(json_string_value(json_object_get(weights, "repo")), "timm/test_resnet.r160_in1k");
  TEST_CHECK_STR(json_string_value(json_object_get(weights, "repo_type")), "model");
  TEST_CHECK_STR(json_string_value(json_object_get(weights, "commit")), COMMIT_A);
  TEST_CHECK_STR(json_string_value(json_object_get(weights, "file")), "model.safetensors");
  TEST_CHECK_STR(json_string_value(json_object_get(weights, "path")),
                 tree_path(REPO_A "/snapshots/" COMMIT_A "/model.safetensors"));
  TEST_CHECK_STR(json_string_value(json_object_get(weights, "blob")),
                 tree_path(REPO_A "/blobs/" WEIGHTS_SHA256));
  TEST_CHECK_INT(json_integer_value(json_object_get(weights, "bytes")), 12);
  const json_t *refs = json_object_get(weights, "refs");
  TEST_REQUIRE_INT(length_of(refs), 2);
  TEST_CHECK_STR(json_string_value(json_array_get(refs, 1)), "refs/pr/1");
  const json_t *dangling = json_array_get(array, 1);
  TEST_CHECK_STR(json_string_value(json_object_get(dangling, "file")), "dangling");
  TEST_CHECK(json_is_null(json_object_get(dangling, "bytes")));
  TEST_CHECK_INT(length_of(json_object_get(json_array_get(array, 3), "refs")), 0);
  json_decref(array);
}

/* A file's name does not steer the terminal. */
TEST(cache_shows_names_harmlessly) {
  begin();
  tree_file(REPO_B "/snapshots/" COMMIT_B "/\033[2Jx\ny", "");
  TEST_CHECK_CONTAINS(RUN("cache", "ls")->out, "  \\x1b[2Jx\\x0ay\n");
  TEST_CHECK_CONTAINS(RUN("cache", "verify")->out, "  \\x1b[2Jx\\x0ay\n");
  TEST_CHECK_CONTAINS(RUN("cache", "rm", "gpt2", "--dry-run")->out, "/\\x1b[2Jx\\x0ay\n");
}

/* ---- verify ---- */

TEST(cache_verify_says_what_is_damaged) {
  begin();
  const run_result *run = RUN("cache", "verify");
  check_quiet(run, 0);
  TEST_CHECK_STR(run->out,
                 "ok             gpt2  22222222  a/b/c/vocab.txt\n"
                 "ok             timm/test_resnet.r160_in1k  11111111  config.json\n"
                 "ok             timm/test_resnet.r160_in1k  11111111  model.safetensors\n"
                 "ok             timm/test_resnet.r160_in1k  22222222  config.json\n"
                 "not checkable  datasets/ns/cats  11111111  data.bin\n"
                 "4 ok, 0 damaged, 1 not checkable\n");
  tree_file(REPO_A "/blobs/" CONFIG_GIT, "[]\n");
  tree_link(REPO_B "/snapshots/" COMMIT_B "/dangling", "../../blobs/gone");
  run = RUN("cache", "verify");
  check_quiet(run, 1);
  TEST_CHECK_CONTAINS(run->out,
                      "DAMAGED        timm/test_resnet.r160_in1k  11111111  config.json ");
  TEST_CHECK_CONTAINS(run->out,
                      "DAMAGED        timm/test_resnet.r160_in1k  22222222  config.json ");
  TEST_CHECK_CONTAINS(run->out, "expected the git hash " CONFIG_GIT ", got ");
  TEST_CHECK_CONTAINS(run->out, "DAMAGED        gpt2  22222222  dangling ");
  TEST_CHECK_CONTAINS(run->out, "\n2 ok, 3 damaged, 1 not checkable\n");
  TEST_CHECK_INT(count_lines(run->out), 7);
  run = RUN("cache", "verify", "datasets/*");
  check_quiet(run, 0);
  TEST_CHECK_CONTAINS(run->out, "\n0 ok, 0 damaged, 1 not checkable\n");
}

TEST(cache_verify_json) {
  begin();
  tree_file(REPO_A "/blobs/" WEIGHTS_SHA256, WEIGHTS "more");
  const run_result *run = RUN("cache", "verify", "--json", "test_resnet", "datasets/*");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_STR(run->err, "2 ok, 1 damaged, 1 not checkable\n");
  json_t *array = run_json();
  static const char *const outcomes[] = {"ok", "damaged", "ok", "not checkable"};
  TEST_REQUIRE_INT(length_of(array), 4);
  for (size_t i = 0; i < 4; i++) {
    const json_t *object = json_array_get(array, i);
    TEST_CHECK_STR(json_string_value(json_object_get(object, "outcome")), outcomes[i]);
    TEST_CHECK(json_is_null(json_object_get(object, "reason")) == (outcomes[i][0] == 'o'));
  }
  json_decref(array);
}

TEST(cache_verify_shows_progress_on_a_terminal) {
  begin();
  terminal_open(TERMINAL_ERR, 100, "");
  const run_result *run = RUN("cache", "verify");
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_CONTAINS(run->out, "4 ok, 0 damaged");
  const char *shown = terminal_close();
  TEST_CHECK_CONTAINS(shown, "[#######-----------------]  29 %  12 B of 41 B"); /* the first */
  TEST_CHECK_CONTAINS(shown, "/s  a/b/c/vocab.txt");
  TEST_CHECK_STR(terminal_seen(shown, NULL), "");
  setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1", 1);
  terminal_open(TERMINAL_ERR, 100, "");
  TEST_CHECK_INT(RUN("cache", "verify")->status, 0);
  TEST_CHECK_STR(terminal_close(), "");
  unsetenv("HF_HUB_DISABLE_PROGRESS_BARS");
}

/* ---- rm ---- */

TEST(cache_rm_asks_or_is_told) {
  begin();
  const run_result *run = RUN("cache", "rm", "test_resnet");
  TEST_CHECK_INT(run->status, 2);
  TEST_CHECK_CONTAINS(run->err, "there is no terminal to ask on: --yes removes");
  TEST_CHECK(tree_has(REPO_A "/snapshots/" COMMIT_A "/config.json"));
  static const char *const noes[] = {"n\n", "\n", "x\n", "\004"};
  for (size_t i = 0; i < sizeof noes / sizeof noes[0]; i++) {
    terminal_open(TERMINAL_IN | TERMINAL_ERR, 80, noes[i]);
    run = RUN("cache", "rm", "test_resnet");
    TEST_CHECK_INT(run->status, 1);
    TEST_CHECK_STR(run->out,
                   "timm/test_resnet.r160_in1k: 3 files to be removed, 15 B to be freed\n");
    const char *shown = terminal_close();
    TEST_CHECK_CONTAINS(shown, "Remove? [y/N] ");
    TEST_CHECK_CONTAINS(shown, "nothing was removed");
    TEST_CHECK(tree_has(REPO_A "/snapshots/" COMMIT_A "/config.json"));
  }
  terminal_open(TERMINAL_IN | TERMINAL_ERR, 80, "y\n");
  run = RUN("cache", "rm", "test_resnet");
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_CONTAINS(run->out, "timm/test_resnet.r160_in1k: 3 files removed, 15 B freed\n");
  terminal_close();
  TEST_CHECK(!tree_has(REPO_A));
  TEST_CHECK(tree_has(REPO_B));
}

/* A download that runs is waited for, which is seen. */
TEST(cache_rm_shows_what_it_waits_for) {
  begin();
  const char *name = ".locks/" REPO_A "/" WEIGHTS_SHA256 ".lock";
  tree_file(name, "");
  const int lock = open(tree_path(name), O_RDWR);
  TEST_REQUIRE(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0);
  fflush(NULL);
  const pid_t holder = fork();
  TEST_REQUIRE(holder >= 0);
  if (holder == 0) {
    usleep(500000);
    _exit(0);
  }
  close(lock); /* the child has it still */
  terminal_open(TERMINAL_ERR, 80, "");
  TEST_CHECK_INT(RUN("cache", "rm", "--yes", "test_resnet")->status, 0);
  const char *shown = terminal_close();
  TEST_CHECK_CONTAINS(shown, "waiting for another process  timm/test_resnet.r160_in1k\033[K");
  TEST_CHECK_STR(terminal_seen(shown, NULL), "");
  TEST_CHECK(!tree_has(REPO_A));
  TEST_REQUIRE(waitpid(holder, NULL, 0) == holder);
}

TEST(cache_rm_of_a_revision) {
  begin();
  const run_result *run = RUN("cache", "rm", "*", "--revision", "main", "--dry-run");
  check_quiet(run, 0);
  TEST_CHECK_CONTAINS(run->out, "gpt2: 1 file to be removed, 12 B to be freed\n");
  TEST_CHECK_CONTAINS(run->out, "/snapshots/" COMMIT_A "/config.json\n");
  TEST_CHECK_CONTAINS(run->out, "r160_in1k: 2 files to be removed, 12 B to be freed\n");
  TEST_CHECK(tree_has(REPO_B "/blobs/" WEIGHTS_GIT));
  TEST_CHECK(tree_has(REPO_A "/snapshots/" COMMIT_A "/config.json"));
  run = RUN("cache", "rm", "*", "--revision", "3", "--yes");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "no revision '3' of what was named");
  TEST_CHECK_INT(RUN("cache", "rm", "*", "--revision", "222222", "--yes")->status, 1);
  TEST_CHECK_INT(RUN("cache", "rm", "*", "--revision", "ain", "--yes")->status, 1);
  run = RUN("cache", "rm", "test_resnet", "--revision", "2222222", "--yes");
  check_quiet(run, 0);
  TEST_CHECK_STR(run->out, "timm/test_resnet.r160_in1k: 1 file removed, 0 B freed\n");
  TEST_CHECK(!tree_has(REPO_A "/snapshots/" COMMIT_B));
  run = RUN("cache", "rm", "*", "--revision", "refs/pr/1", "--yes");
  check_quiet(run, 0);
  TEST_CHECK_STR(run->out, "timm/test_resnet.r160_in1k: 2 files removed, 15 B freed\n");
  TEST_CHECK(!tree_has(REPO_A));
  run = RUN("cache", "rm", "gpt2", "datasets/*", "--yes");
  check_quiet(run, 0);
  TEST_CHECK_STR(run->out,
                 "gpt2: 1 file removed, 12 B freed\n"
                 "datasets/ns/cats: 1 file removed, 14 B freed\n26 B freed\n");
  TEST_CHECK_CONTAINS(RUN("cache", "ls")->out, "0 files in 0 repositories");
}

/* What fails does not keep the rest. */
TEST(cache_rm_goes_on) {
  begin();
  tree_file(".locks/" REPO_B, "no folder");
  const run_result *run = RUN("cache", "rm", "*", "--yes");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "jimm cache: ");
  TEST_CHECK_CONTAINS(run->err, ".locks/" REPO_B);
  TEST_CHECK_CONTAINS(run->out, "timm/test_resnet.r160_in1k: 3 files removed, 15 B freed\n");
  TEST_CHECK(tree_has(REPO_B "/snapshots/" COMMIT_B "/a/b/c/vocab.txt"));
  TEST_CHECK(!tree_has(REPO_A));
}

/* ---- the command line ---- */

TEST(cache_has_words_of_its_own) {
  static const char *const rows[][5] = {
      {"expected ls|verify|rm [REPO-GLOB...]", NULL},
      {"unknown word 'list': expected ls|verify|rm", "list"},
      {"unknown word 'gpt2': expected ls|verify|rm", "gpt2", "ls"},
      {"expected rm REPO-GLOB...", "rm", "--yes"},
      {"option --yes does not go with 'ls'", "ls", "--yes"},
      {"option --json does not go with 'rm'", "--json", "rm", "x"},
      {"option --revision does not go with 'verify'", "verify", "--revision=x"},
      {"option --dry-run does not go with 'verify'", "--dry-run", "verify"}};
  begin();
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const run_result *run = RUN("cache", rows[i][1], rows[i][2], rows[i][3]);
    TEST_CHECK_INT(run->status, 2);
    TEST_CHECK_CONTAINS(run->err, rows[i][0]);
    TEST_CHECK_CONTAINS(run->err, "Try 'jimm cache --help'.\n");
    TEST_CHECK_STR(run->out, "");
  }
  const run_result *run = RUN("cache", "--help");
  check_quiet(run, 0);
  TEST_CHECK_CONTAINS(run->out, "  rm REPO-GLOB...  ");
  TEST_CHECK_CONTAINS(run->out, "(ls, verify) print one JSON array");
  run = RUN("--man");
  TEST_CHECK_CONTAINS(run->out, "\\fBrm REPO\\-GLOB...\\fR");
  TEST_CHECK_CONTAINS(run->out, "(rm) do not ask");
}

TEST(cache_completion) {
  begin();
  TEST_CHECK_STR(RUN("--complete", "cache", "")->out, "ls\nverify\nrm\n");
  TEST_CHECK_STR(RUN("--complete", "cache", "--json", "v")->out, "verify\n");
  TEST_CHECK_STR(RUN("--complete", "cache", "rm", "--")->out,
                 "--cache\n--revision\n--dry-run\n--yes\n--help\n");
  TEST_CHECK_STR(RUN("--complete", "cache", "ls", "--")->out, "--cache\n--json\n--help\n");
  TEST_CHECK_STR(RUN("--complete", "cache", "--y")->out, "--yes\n");
  TEST_CHECK_STR(RUN("--complete", "cache", "rm", "--yes", "")->out,
                 "gpt2\ntimm/test_resnet.r160_in1k\ndatasets/ns/cats\n");
  TEST_CHECK_STR(RUN("--complete", "cache", "ls", "gpt2", "d")->out, "datasets/ns/cats\n");
  TEST_CHECK_STR(RUN("--complete", "cache", "ls", "--cache", "")->out, ":files\n");
}
