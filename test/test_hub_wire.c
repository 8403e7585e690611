/* What the client says to servers, and what it makes of answers that are right, wrong or cut. */
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub_case.h"
#include "hub_server.h"

#define SIZE 300000
#define SEED 11
#define TOKEN "hf_test_token"

static const char *place;

/* A place, and an LFS file "a.bin" of SIZE bytes, a git file "a.txt". */
static void begin(const char *name) {
  hub_clear();
  place = hub_place(name);
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = "a.bin",
                          .size = SIZE,
                          .seed = SEED,
                          .lfs = true},
              NULL);
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = "a.txt",
                          .body = "hello"},
              NULL);
}

/* Downloads a.bin and checks that it is right and alone. */
static void check_whole(void) {
  static unsigned char want[SIZE];
  const char *path;
  hub_bytes(SEED, 0, want, SIZE);
  const jimm_status status = hub_download("ns/name", "a.bin", NULL, &path);
  TEST_CHECK_MSG(status == JIMM_OK, "%d: %s", (int)status, jimm_error_message());
  TEST_CHECK(status == JIMM_OK && hub_file_equals(path, want, SIZE));
  TEST_CHECK_INT(hub_count_files(hub_path("cache/models--ns--name/blobs"), ""), 1);
}

static void check_nothing_left(void) {
  TEST_CHECK_INT(hub_count_files(hub_path("cache/models--ns--name/blobs"), ""), 0);
  TEST_CHECK_INT(hub_count_files(hub_path("cache/models--ns--name/snapshots"), ""), 0);
}

/* The Range of each GET to the content network: "-" for none, separated by spaces. */
static const char *ranges(void) {
  static char text[1000];
  hub_log log = hub_log_read("/cdn/");
  text[0] = 0;
  for (int i = 0; i < log.count; i++) {
    const char *range = hub_request_header(&log.items[i], "Range");
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i == 0 ? "" : " ",
             range[0] == 0 ? "-" : range);
  }
  hub_log_free(&log);
  return text;
}

static void rule(hub_rule what) {
  what.method = "GET";
  what.target = "/cdn/";
  what.prefix = what.hub = true;
  hub_rule_add(&what);
}

/* ---- 13, 14: connections that are cut, ranges ---- */

TEST(transfer_goes_on_where_a_connection_was_cut) {
  begin("cut");
  rule((hub_rule){.times = 1, .cut = 70000});
  rule((hub_rule){.times = 1, .cut = 100000});
  check_whole();
  TEST_CHECK_STR(ranges(), "- bytes=70000- bytes=170000-");
  TEST_CHECK_INT(hub_count("HEAD", NULL), 1);
}

TEST(transfer_goes_on_after_a_reset_and_a_silence) {
  begin("silence");
  rule((hub_rule){.times = 1, .cut = 100000, .reset = true});
  rule((hub_rule){.times = 1, .pause_at = 66000, .pause = 4000});
  check_whole();
  TEST_CHECK_INT(hub_count("GET", NULL), 3);
}

TEST(transfer_begins_anew_when_a_range_is_ignored_or_wrong) {
  static const char *const answers[] = {"ignore",
                                        "refuse",
                                        "bytes 69999-299999/300000",
                                        "bytes 70001-299999/300000",
                                        "bytes 70000-299999/300001",
                                        "bytes 70000-299998/300000",
                                        "bytes 70000-299999/*",
                                        "bytes 0-299999/300000",
                                        "bytes 299999-70000/300000",
                                        "bytes -1-299999/300000",
                                        "pages 70000-299999/300000",
                                        "70000-299999/300000",
                                        "bytes 70000-299999",
                                        ""};
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    char name[20];
    snprintf(name, sizeof name, "range%zu", i);
    begin(name);
    rule((hub_rule){.times = 1, .cut = 70000});
    rule((hub_rule){.times = 1, .range = answers[i]});
    check_whole();
    TEST_CHECK_STR(ranges(),
                   strcmp(answers[i], "ignore") == 0 ? "- bytes=70000-" : "- bytes=70000- -");
  }
}

TEST(transfer_ends_after_attempts_that_bring_nothing) {
  begin("nothing");
  rule((hub_rule){.cut = -1});
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", NULL, NULL), JIMM_ERROR_NETWORK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "a.bin");
  TEST_CHECK_INT(hub_count("GET", NULL), 5);
  check_nothing_left();
}

TEST(transfer_asks_for_a_new_url_when_one_has_expired) {
  begin("expired");
  rule((hub_rule){.times = 1, .cut = 70000});
  rule((hub_rule){.times = 1, .status = 403, .body = "Request has expired"});
  check_whole();
  TEST_CHECK_STR(ranges(), "- bytes=70000- bytes=70000-");
  TEST_CHECK_INT(hub_count("HEAD", NULL), 2);
}

TEST(transfer_does_not_go_on_with_another_file) {
  begin("changed");
  rule((hub_rule){.times = 1, .cut = 70000});
  rule((hub_rule){.times = 1, .status = 403, .body = "Request has expired"});
  hub_rule_add(
      &(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .times = 1, .hub = true});
  hub_rule_add(&(hub_rule){
      .method = "HEAD",
      .target = "/ns/",
      .prefix = true,
      .status = 302,
      .headers = "X-Repo-Commit: " HUB_COMMIT "\r\nX-Linked-Size: 300000\r\nX-Linked-Etag: "
                 "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\r\n"
                 "Location: http://127.0.0.1:@2@/cdn/other\r\n"});
  TEST_CHECK(hub_download("ns/name", "a.bin", NULL, NULL) != JIMM_OK);
  TEST_CHECK_INT(hub_count("GET", "/cdn/other"), 0);
  check_nothing_left();
}

TEST(transfer_without_a_stated_size) {
  static const struct {
    bool chunked;
    const char *length;
  } rows[] = {{false, NULL}, {true, NULL}, {false, ""}};
  static const bool lfs[] = {true, false};
  for (size_t i = 0; i < 6; i++) {
    char name[20];
    const char *path;
    snprintf(name, sizeof name, "size%zu", i);
    begin(name);
    hub_publish(&(hub_file){.repo = "ns/name",
                            .commit = HUB_COMMIT,
                            .revisions = "main",
                            .name = "b",
                            .body = "hello",
                            .lfs = lfs[i / 3],
                            .no_size = true},
                NULL);
    hub_rule_add(
        &(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .hub = true, .length = ""});
    hub_rule_add(&(hub_rule){.method = "GET",
                             .target = "/",
                             .prefix = true,
                             .hub = true,
                             .chunked = rows[i % 3].chunked,
                             .length = rows[i % 3].length});
    const jimm_status status = hub_download("ns/name", "b", NULL, &path);
    TEST_CHECK_MSG(status == JIMM_OK, "%zu: %s", i, jimm_error_message());
    TEST_CHECK(hub_file_equals(path, "hello", 5));
  }
}

/* ---- 25: nothing in it ---- */

TEST(transfer_of_nothing) {
  static const bool lfs[] = {false, true};
  for (size_t i = 0; i < 2; i++) {
    const char *path;
    begin(lfs[i] ? "empty_lfs" : "empty_git");
    hub_publish(&(hub_file){.repo = "ns/name",
                            .commit = HUB_COMMIT,
                            .revisions = "main",
                            .name = "empty",
                            .body = "",
                            .lfs = lfs[i]},
                NULL);
    TEST_CHECK_INT(hub_download("ns/name", "empty", NULL, &path), JIMM_OK);
    TEST_CHECK(hub_file_equals(path, "", 0));
  }
}

/* ---- 16, 17: redirects and tokens ---- */

static void check_authorization(const char *prefix, int64_t port, const char *want) {
  hub_log log = hub_log_read(prefix);
  TEST_CHECK_MSG(log.count > 0, "no request to %s", prefix);
  for (int i = 0; i < log.count; i++) {
    TEST_CHECK_INT(log.items[i].port, port);
    TEST_CHECK_STR(hub_request_header(&log.items[i], "Authorization"), want);
  }
  hub_log_free(&log);
}

TEST(token_goes_to_the_hub_alone) {
  begin("token");
  setenv("HF_TOKEN", TOKEN, 1);
  check_whole();
  check_authorization("/ns/", 1, "Bearer " TOKEN);
  check_authorization("/cdn/", 2, "");
}

TEST(token_does_not_come_back_after_a_stranger) {
  begin("token_back");
  setenv("HF_TOKEN", TOKEN, 1);
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = "/cdn/",
                           .prefix = true,
                           .status = 302,
                           .headers = "Location: http://localhost:@3@/third\r\n"});
  hub_rule_add(&(hub_rule){
      .target = "/third", .status = 307, .headers = "Location: http://127.0.0.1:@1@/back\r\n"});
  hub_rule_add(&(hub_rule){.target = "/back", .size = SIZE, .seed = SEED});
  check_whole();
  check_authorization("/cdn/", 2, "");
  check_authorization("/third", 3, "");
  check_authorization("/back", 1, "");
}

TEST(token_does_not_follow_another_name_of_the_same_host) {
  begin("token_name");
  setenv("HF_TOKEN", TOKEN, 1);
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = "/cdn/",
                           .prefix = true,
                           .status = 302,
                           .headers = "Location: http://localhost:@1@/same\r\n"});
  hub_rule_add(&(hub_rule){.target = "/same", .size = SIZE, .seed = SEED});
  check_whole();
  check_authorization("/same", 1, "");
}

TEST(redirects_of_a_renamed_repository) {
  const char *path;
  begin("renamed");
  setenv("HF_TOKEN", TOKEN, 1);
  hub_rule_add(&(hub_rule){.target = "/old/name/resolve/main/a.txt",
                           .status = 307,
                           .headers = "Location: /mid/name/resolve/main/a.txt\r\n"});
  hub_rule_add(&(hub_rule){.target = "/mid/name/resolve/main/a.txt",
                           .status = 301,
                           .headers = "Location: ../../../../new/name/resolve/main/a.txt\r\n"});
  hub_rule_add(&(hub_rule){.target = "/new/name/resolve/main/a.txt",
                           .status = 308,
                           .headers = "Location: /ns/name/resolve/main/a.txt\r\n"});
  TEST_CHECK_INT(hub_download("old/name", "a.txt", NULL, &path), JIMM_OK);
  TEST_CHECK_STR(path, hub_path("cache/models--old--name/snapshots/" HUB_COMMIT "/a.txt"));
  TEST_CHECK(hub_file_equals(path, "hello", 5));
  TEST_CHECK_INT(hub_count("HEAD", NULL), 4);
  check_authorization("/", 1, "Bearer " TOKEN);
}

TEST(redirects_without_end) {
  begin("loop");
  hub_rule_add(&(hub_rule){.target = "/ns/name/resolve/main/a.txt",
                           .status = 302,
                           .headers = "Location: /ns/name/resolve/main/a.txt\r\n"});
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, NULL), JIMM_ERROR_NETWORK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "redirects");
  TEST_CHECK_INT(hub_count(NULL, NULL), 21);
  hub_clear_rules();
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = "/cdn/",
                           .prefix = true,
                           .status = 302,
                           .headers = "Location: http://127.0.0.1:@3@/l\r\n"});
  hub_rule_add(&(hub_rule){
      .target = "/l", .status = 302, .headers = "Location: http://127.0.0.1:@3@/l\r\n"});
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", NULL, NULL), JIMM_ERROR_NETWORK);
  TEST_CHECK_INT(hub_count("GET", NULL), 21);
  check_nothing_left();
}

static void write_token(const char *name, const char *token) {
  hub_write_file(hub_path(name), token, strlen(token));
}

TEST(token_is_found_where_the_environment_says) {
  static const struct {
    const char *variables[4]; /* NAME=VALUE */
    const char *option, *want;
  } rows[] = {{{NULL}, NULL, "home_token"},
              {{"HF_TOKEN=one"}, NULL, "one"},
              {{"HF_TOKEN="}, NULL, "home_token"},
              {{"HF_TOKEN= one\n"}, NULL, "one"},
              {{"HUGGING_FACE_HUB_TOKEN=two"}, NULL, "two"},
              {{"HF_TOKEN=one", "HUGGING_FACE_HUB_TOKEN=two"}, NULL, "one"},
              {{"HF_TOKEN=", "HUGGING_FACE_HUB_TOKEN=two"}, NULL, "two"},
              {{"HF_TOKEN_PATH=../token_file"}, NULL, "file_token"},
              {{"HF_TOKEN_PATH=../token_file", "HF_TOKEN=one"}, NULL, "one"},
              {{"HF_TOKEN_PATH=nothing"}, NULL, ""},
              {{"HF_TOKEN=one", "HF_HUB_DISABLE_IMPLICIT_TOKEN=1"}, NULL, ""},
              {{"HF_TOKEN=one", "HF_HUB_DISABLE_IMPLICIT_TOKEN=0"}, NULL, "one"},
              {{"HF_HUB_DISABLE_IMPLICIT_TOKEN=1"}, "mine", "mine"},
              {{"HF_TOKEN=one"}, "mine", "mine"},
              {{"HF_TOKEN=one"}, "", ""}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char name[20], want[40] = "", *split;
    jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
    snprintf(name, sizeof name, "where%zu", i);
    begin(name);
    TEST_REQUIRE(mkdir(hub_path("home/.cache"), 0777) == 0 &&
                 mkdir(hub_path("home/.cache/huggingface"), 0777) == 0);
    write_token("home/.cache/huggingface/token", "home_token\n");
    write_token("token_file", " file_token \n");
    for (int v = 0; v < 4 && rows[i].variables[v] != NULL; v++) {
      char *variable = strdup(rows[i].variables[v]);
      split = strchr(variable, '=');
      *split = 0;
      setenv(variable, split + 1, 1);
      free(variable);
    }
    options.token = rows[i].option;
    const jimm_status status = hub_download("ns/name", "a.txt", &options, NULL);
    TEST_CHECK_MSG(status == JIMM_OK, "row %zu: %s", i, jimm_error_message());
    if (rows[i].want[0] != 0) {
      snprintf(want, sizeof want, "Bearer %s", rows[i].want);
    }
    check_authorization("/ns/", 1, want);
  }
}

TEST(token_that_would_be_a_header_is_refused) {
  static const char *const tokens[] = {"a\r\nX-Evil: 1", "a\nb", "a b", "\x01", "caf\xc3\xa9"};
  for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
    char name[20];
    snprintf(name, sizeof name, "evil%zu", i);
    begin(name);
    setenv("HF_TOKEN", tokens[i], 1);
    const jimm_status status = hub_download("ns/name", "a.txt", NULL, NULL);
    TEST_CHECK_MSG(status != JIMM_OK, "row %zu", i);
    TEST_CHECK_MSG(strstr(jimm_error_message(), tokens[i]) == NULL, "the token is in: %s",
                   jimm_error_message());
    TEST_CHECK_INT(hub_count(NULL, NULL), 0);
  }
}

/* ---- 24: statuses ---- */

typedef struct status_case {
  int64_t status;
  const char *headers;
  jimm_status want;
  bool cached;  /* what is cached for the branch is the answer */
  int requests; /* when it is not cached */
  const char *mentions;
} status_case;

static const status_case statuses[] = {
    {401, "X-Error-Code: RepoNotFound\r\n", JIMM_ERROR_REPO_NOT_FOUND, true, 1, "HF_TOKEN"},
    {404, "X-Error-Code: RepoNotFound\r\n", JIMM_ERROR_REPO_NOT_FOUND, true, 1, "ns/name"},
    {401, "X-Error-Message: Invalid credentials in Authorization header\r\n",
     JIMM_ERROR_UNAUTHORIZED, true, 1, "token"},
    {401, "", JIMM_ERROR_REPO_NOT_FOUND, true, 1, "HF_TOKEN"},
    {403, "X-Error-Code: GatedRepo\r\n", JIMM_ERROR_GATED_REPO, true, 1, "terms"},
    {401, "X-Error-Code: GatedRepo\r\n", JIMM_ERROR_GATED_REPO, true, 1, "terms"},
    {403, "X-Error-Message: no\r\n", JIMM_ERROR_UNAUTHORIZED, true, 1, "403"},
    {404, "X-Error-Code: RevisionNotFound\r\n", JIMM_ERROR_REVISION_NOT_FOUND, false, 1, "main"},
    {404, "X-Error-Code: EntryNotFound\r\n", JIMM_ERROR_ENTRY_NOT_FOUND, false, 1, "a.txt"},
    {404, "X-Error-Code: EntryNotFound\r\nX-Repo-Commit: ../../x\r\n", JIMM_ERROR_ENTRY_NOT_FOUND,
     false, 1, "a.txt"},
    {416, "", JIMM_ERROR_NETWORK, true, 1, "416"},
    {418, "", JIMM_ERROR_NETWORK, true, 1, "418"},
    {429, "Retry-After: 0\r\n", JIMM_ERROR_NOT_CACHED, true, 6, "429"},
    {500, "", JIMM_ERROR_NOT_CACHED, true, 6, "500"},
    {502, "", JIMM_ERROR_NOT_CACHED, true, 6, "502"},
    {503, "", JIMM_ERROR_NOT_CACHED, true, 6, "503"},
    {504, "", JIMM_ERROR_NOT_CACHED, true, 6, "504"}};

static void answer_all(const status_case *one, int64_t times) {
  hub_rule_add(&(hub_rule){.target = "/ns/",
                           .prefix = true,
                           .status = one->status,
                           .headers = one->headers,
                           .times = times});
}

TEST(statuses_of_the_hub) {
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    const status_case *one = &statuses[i];
    const char *path;
    char name[20];
    snprintf(name, sizeof name, "status%zu", i);
    begin(name);
    answer_all(one, 0);
    jimm_status status = hub_download("ns/name", "a.txt", NULL, &path);
    TEST_CHECK_MSG(status == one->want, "row %zu: %d: %s", i, (int)status, jimm_error_message());
    TEST_CHECK_CONTAINS(jimm_error_message(), one->mentions);
    TEST_CHECK_INT(hub_count("HEAD", NULL), one->requests);
    TEST_CHECK_INT(hub_count("GET", NULL), 0);
    TEST_CHECK_INT(hub_count_files(hub_path("cache"), ""), 0);
    hub_clear_rules();
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
    answer_all(one, 0);
    hub_clear_rules();
    answer_all(one, 0);
    status = hub_download("ns/name", "a.txt", NULL, &path);
    TEST_CHECK_MSG(status == (one->cached ? JIMM_OK : one->want), "row %zu, cached: %d: %s", i,
                   (int)status, jimm_error_message());
    TEST_CHECK_INT(hub_count(NULL, NULL), 1);
  }
}

TEST(statuses_that_pass) {
  begin("pass");
  hub_rule_add(
      &(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .status = 503, .times = 2});
  hub_rule_add(&(hub_rule){.method = "HEAD",
                           .target = "/ns/",
                           .prefix = true,
                           .status = 429,
                           .headers = "Retry-After: 1\r\n",
                           .times = 1});
  rule((hub_rule){.status = 503, .times = 2});
  rule((hub_rule){.status = 429, .headers = "Retry-After: 1\r\n", .times = 1});
  const double start = hub_clock();
  check_whole();
  TEST_CHECK(hub_clock() - start > 2.0);
  TEST_CHECK_INT(hub_count("HEAD", NULL), 4);
  TEST_CHECK_INT(hub_count("GET", NULL), 4);
}

TEST(statuses_of_the_content_network) {
  static const int64_t gone[] = {400, 401, 402, 403, 404, 410, 451, 501};
  for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
    char name[20];
    snprintf(name, sizeof name, "gone%zu", i);
    begin(name);
    rule((hub_rule){.status = gone[i], .body = "no"});
    const jimm_status status = hub_download("ns/name", "a.bin", NULL, NULL);
    TEST_CHECK_MSG(status != JIMM_OK && status != JIMM_ERROR_INTEGRITY, "row %zu: %d", i,
                   (int)status);
    TEST_CHECK(hub_count("GET", NULL) <= 10);
    check_nothing_left();
  }
}

/* ---- no connection ---- */

TEST(no_connection) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  const char *path;
  begin("no_connection");
  options.endpoint = "http://127.0.0.1:1";
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, NULL), JIMM_ERROR_NOT_CACHED);
  TEST_CHECK_CONTAINS(jimm_error_message(), "a.txt");
  TEST_CHECK_INT(access(hub_path("cache"), F_OK), -1);
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
  TEST_CHECK(hub_file_equals(path, "hello", 5));
  options.force = true;
  TEST_CHECK(hub_download("ns/name", "a.txt", &options, NULL) != JIMM_OK);
}

TEST(offline_asks_nobody) {
  static const struct {
    const char *name, *value;
    bool offline;
  } rows[] = {{"HF_HUB_OFFLINE", "1", true},       {"HF_HUB_OFFLINE", "yes", true},
              {"HF_HUB_OFFLINE", "True", true},    {"HF_HUB_OFFLINE", "on", true},
              {"HF_HUB_OFFLINE", "0", false},      {"HF_HUB_OFFLINE", "", false},
              {"TRANSFORMERS_OFFLINE", "1", true}, {"TRANSFORMERS_OFFLINE", "no", false}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *path;
    char name[20];
    snprintf(name, sizeof name, "offline%zu", i);
    begin(name);
    setenv(rows[i].name, rows[i].value, 1);
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path),
                   rows[i].offline ? JIMM_ERROR_NOT_CACHED : JIMM_OK);
    TEST_CHECK_INT(hub_count(NULL, NULL), rows[i].offline ? 0 : 2);
    unsetenv(rows[i].name);
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
    hub_clear_rules();
    setenv(rows[i].name, rows[i].value, 1);
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
    TEST_CHECK_INT(hub_count(NULL, NULL), rows[i].offline ? 0 : 1);
  }
}

TEST(cache_is_where_the_environment_says) {
  static const struct {
    const char *variables[5];
    const char *option, *want;
  } rows[] = {{{NULL}, NULL, "home/.cache/huggingface/hub"},
              {{"XDG_CACHE_HOME=%s/xdg"}, NULL, "xdg/huggingface/hub"},
              {{"XDG_CACHE_HOME=%s/xdg", "HF_HOME=%s/hf"}, NULL, "hf/hub"},
              {{"HF_HOME=~/own"}, NULL, "home/own/hub"},
              {{"HF_HOME=$HOME/own"}, NULL, "home/own/hub"},
              {{"HF_HOME=%s/hf", "HUGGINGFACE_HUB_CACHE=%s/old"}, NULL, "old"},
              {{"HUGGINGFACE_HUB_CACHE=%s/old", "HF_HUB_CACHE=%s/new"}, NULL, "new"},
              {{"HF_HUB_CACHE=relative/new"}, NULL, "work/relative/new"},
              {{"HF_HUB_CACHE=%s/new"}, "%s/option", "option"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
    char name[20], option[1200], value[1200];
    const char *path;
    snprintf(name, sizeof name, "cache%zu", i);
    begin(name);
    const char *root = place;
    unsetenv("HF_HUB_CACHE");
    for (int v = 0; v < 5 && rows[i].variables[v] != NULL; v++) {
      const char *split = strchr(rows[i].variables[v], '=');
      char variable[60];
      snprintf(variable, sizeof variable, "%.*s", (int)(split - rows[i].variables[v]),
               rows[i].variables[v]);
      const char *at = strstr(split, "%s");
      snprintf(value, sizeof value, "%s%s", at == NULL ? split + 1 : root,
               at == NULL ? "" : at + 2);
      setenv(variable, value, 1);
    }
    if (rows[i].option != NULL) {
      snprintf(option, sizeof option, "%s%s", root, rows[i].option + 2);
      options.cache = option;
    }
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, &path), JIMM_OK);
    snprintf(value, sizeof value, "%s/models--ns--name/snapshots/" HUB_COMMIT "/a.txt",
             hub_path(rows[i].want));
    TEST_CHECK_STR(path, value);
    TEST_REQUIRE(chdir("/") == 0);
  }
}

/* ---- requests ---- */

TEST(requests_say_who_asks_and_want_plain_bytes) {
  begin("who");
  check_whole();
  hub_log log = hub_log_read(NULL);
  TEST_REQUIRE_INT(log.count, 2);
  for (int i = 0; i < log.count; i++) {
    TEST_CHECK_STR(hub_request_header(&log.items[i], "Accept-Encoding"), "identity");
    TEST_CHECK(strncmp(hub_request_header(&log.items[i], "User-Agent"), "jimm/", 5) == 0);
    TEST_CHECK_STR(hub_request_header(&log.items[i], "Range"), "");
    TEST_CHECK_STR(hub_request_header(&log.items[i], "Authorization"), "");
    TEST_CHECK_STR(hub_request_header(&log.items[i], "Cookie"), "");
  }
  hub_log_free(&log);
}

/* ---- progress ---- */

typedef struct watch {
  int calls;
  int64_t last, total, cancel_at;
  bool backwards;
  char name[40];
} watch;

static bool watch_progress(void *context, const jimm_hub_progress *progress) {
  watch *w = context;
  w->calls++;
  w->backwards = w->backwards || progress->bytes < w->last;
  w->last = progress->bytes;
  w->total = progress->total;
  snprintf(w->name, sizeof w->name, "%s", progress->name);
  return w->cancel_at >= 0 && progress->bytes >= w->cancel_at;
}

TEST(progress_is_told_and_may_cancel) {
  watch w = {.cancel_at = -1};
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  options.progress = watch_progress;
  options.context = &w;
  begin("progress");
  rule((hub_rule){.rate = 600000});
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", &options, NULL), JIMM_OK);
  TEST_CHECK(!w.backwards);
  TEST_CHECK_INT(w.last, SIZE);
  TEST_CHECK_INT(w.total, SIZE);
  TEST_CHECK_STR(w.name, "a.bin");
  TEST_CHECK_MSG(w.calls >= 3 && w.calls <= 12, "%d calls in half a second", w.calls);
  begin("cancel");
  rule((hub_rule){.rate = 600000});
  w = (watch){.cancel_at = 60000};
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", &options, NULL), JIMM_ERROR_CANCELLED);
  TEST_CHECK_INT(hub_count("GET", NULL), 1);
  check_nothing_left();
}

/* While the server is silent, too. */
TEST(progress_may_cancel_a_silent_server) {
  watch w = {.cancel_at = 0};
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  options.progress = watch_progress;
  options.context = &w;
  begin("silent");
  setenv("HF_HUB_ETAG_TIMEOUT", "20", 1);
  hub_rule_add(&(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .wait = 3000});
  const double start = hub_clock();
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", &options, NULL), JIMM_ERROR_CANCELLED);
  TEST_CHECK(hub_clock() - start < 2.5);
}
