/* Where the client finds its token, its cache and its hub, when it asks nobody, and what it tells
 * while it downloads. */
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case.h"
#include "server/server.h"

#define SIZE HUB_LARGE_SIZE

/* ---- tokens ---- */

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
    hub_begin(name);
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
    hub_check_authorization("/ns/", 1, want);
  }
}

TEST(token_is_no_password_of_another_program) {
  static const char netrc[] = "machine 127.0.0.1 login me password secret\n";
  hub_begin("netrc");
  hub_write_file(hub_path("home/.netrc"), netrc, sizeof netrc - 1);
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", NULL, NULL), JIMM_OK);
  hub_check_authorization("/ns/", 1, "");
  hub_check_authorization("/cdn/", 2, "");
}

TEST(token_that_would_be_a_header_is_refused) {
  static const char *const tokens[] = {"a\r\nX-Evil: 1", "a\nb", "a b", "\x01", "caf\xc3\xa9"};
  for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
    char name[20];
    snprintf(name, sizeof name, "evil%zu", i);
    hub_begin(name);
    setenv("HF_TOKEN", tokens[i], 1);
    const jimm_status status = hub_download("ns/name", "a.txt", NULL, NULL);
    TEST_CHECK_MSG(status != JIMM_OK, "row %zu", i);
    TEST_CHECK_MSG(strstr(jimm_error_message(), tokens[i]) == NULL, "the token is in: %s",
                   jimm_error_message());
    TEST_CHECK_INT(hub_count(NULL, NULL), 0);
  }
}

/* ---- no connection ---- */

TEST(no_connection) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  const char *path;
  hub_begin("no_connection");
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
    hub_begin(name);
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

/* What the cache answers alone needs neither hub nor token, and a plain url no token. */
TEST(what_is_not_needed_may_be_wrong) {
  static const char *const wrong[][2] = {{"HF_TOKEN", "a b"}, {"HF_ENDPOINT", "nonsense"}};
  for (size_t i = 0; i < 2; i++) {
    jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
    char name[20], url[100];
    snprintf(name, sizeof name, "wrong%zu", i);
    hub_begin(name);
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, NULL), JIMM_OK);
    setenv(wrong[i][0], wrong[i][1], 1);
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, NULL), JIMM_ERROR_INVALID_ARGUMENT);
    options.offline = true;
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, NULL), JIMM_OK);
    options.offline = false;
    options.revision = HUB_COMMIT;
    TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, NULL), JIMM_OK);
    snprintf(url, sizeof url, "%s/ns/name/resolve/main/a.txt", hub_endpoint(1));
    TEST_CHECK_INT(jimm_hub_fetch(url, hub_path("fetched"), NULL), JIMM_OK);
  }
}

TEST(options_without_their_size_are_refused) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  jimm_hub_info info = JIMM_HUB_INFO_INIT, no_info = JIMM_HUB_INFO_INIT;
  jimm_open_options open_options = JIMM_OPEN_OPTIONS_INIT;
  jimm_model *model = NULL;
  hub_begin("sizes");
  options.size = 0;
  no_info.size = sizeof no_info + 8; /* of a version to come */
  open_options.size = sizeof(size_t);
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", &options, NULL), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "jimm_hub_options: size is 0");
  TEST_CHECK_INT(jimm_hub_ask("ns/name", "a.txt", &options, &info), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_hub_ask_model("hf://ns/name", &options, &info), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_hub_locate("hf://ns/name", &options, NULL, NULL),
                 JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_hub_fetch(hub_endpoint(1), hub_path("fetched"), &options),
                 JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_hub_ask("ns/name", "a.txt", NULL, &no_info), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_hub_ask_model("hf://ns/name", NULL, &no_info), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "jimm_hub_info: size is ");
  TEST_CHECK_INT(jimm_model_open("hf://ns/name", &open_options, &model, NULL),
                 JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "jimm_open_options: size is ");
  open_options = (jimm_open_options)JIMM_OPEN_OPTIONS_INIT;
  open_options.hub = &options;
  TEST_CHECK_INT(jimm_model_open("hf://ns/name", &open_options, &model, NULL),
                 JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(hub_count(NULL, NULL), 0);
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
              {{"HF_HOME=$UNSET_/own"}, NULL, "work/$UNSET_/own/hub"},
              {{"HF_HOME=~nobody_of_that_name/own"}, NULL, "work/~nobody_of_that_name/own/hub"},
              {{"HF_HOME=%s/hf", "HUGGINGFACE_HUB_CACHE=%s/old"}, NULL, "old"},
              {{"HUGGINGFACE_HUB_CACHE=%s/old", "HF_HUB_CACHE=%s/new"}, NULL, "new"},
              {{"HF_HUB_CACHE=relative/new"}, NULL, "work/relative/new"},
              {{"HF_HUB_CACHE=%s/new"}, "%s/option", "option"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
    char name[20], option[1200], value[1200];
    const char *path;
    snprintf(name, sizeof name, "cache%zu", i);
    const char *root = hub_begin(name);
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

/* ---- progress ---- */

typedef struct watch {
  int calls;
  int64_t last, total, cancel_at;
  double retry_seconds; /* the longest that it waits before it asks again */
  bool backwards;
  char name[40];
} watch;

static bool watch_progress(void *context, const jimm_hub_progress *progress) {
  watch *w = context;
  w->calls++;
  w->backwards = w->backwards || progress->bytes < w->last;
  w->retry_seconds =
      progress->retry_seconds > w->retry_seconds ? progress->retry_seconds : w->retry_seconds;
  w->last = progress->bytes;
  w->total = progress->total;
  snprintf(w->name, sizeof w->name, "%s", progress->name);
  return w->cancel_at >= 0 && progress->bytes >= w->cancel_at;
}

static void slow_down(void) {
  hub_rule_add(
      &(hub_rule){.method = "GET", .target = "/cdn/", .prefix = true, .hub = true, .rate = 600000});
}

TEST(progress_is_told_and_may_cancel) {
  watch w = {.cancel_at = -1};
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  options.progress = watch_progress;
  options.context = &w;
  hub_begin("progress");
  slow_down();
  const double start = hub_clock();
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", &options, NULL), JIMM_OK);
  TEST_CHECK(!w.backwards);
  TEST_CHECK_INT(w.last, SIZE);
  TEST_CHECK_INT(w.total, SIZE);
  TEST_CHECK_STR(w.name, "a.bin");
  const double seconds = hub_clock() - start;
  TEST_CHECK_MSG(w.calls >= 3 && w.calls <= 10 * seconds + 3, "%d calls in %.1f s", w.calls,
                 seconds);
  hub_begin("cancel");
  slow_down();
  w = (watch){.cancel_at = 60000};
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", &options, NULL), JIMM_ERROR_CANCELLED);
  TEST_CHECK_INT(hub_count("GET", NULL), 1);
  hub_check_nothing_left();
}

/* While the server is silent, too. */
TEST(progress_may_cancel_a_silent_server) {
  watch w = {.cancel_at = 0};
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  options.progress = watch_progress;
  options.context = &w;
  hub_begin("silent");
  setenv("HF_HUB_ETAG_TIMEOUT", "20", 1);
  hub_rule_add(&(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .wait = 3000});
  const double start = hub_clock();
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", &options, NULL), JIMM_ERROR_CANCELLED);
  TEST_CHECK(hub_clock() - start < 2.5);
}

/* Waits for a hub in trouble are told, and while it is asked for a new url nothing goes back. */
TEST(progress_tells_of_waits) {
  watch w = {.cancel_at = -1};
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  options.progress = watch_progress;
  options.context = &w;
  hub_begin("tells_of_waits");
  hub_rule_add(&(hub_rule){.method = "HEAD",
                           .target = "/ns/",
                           .prefix = true,
                           .times = 1,
                           .status = 429,
                           .headers = "Retry-After: 1\r\n"});
  hub_rule_add(
      &(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .times = 1, .hub = true});
  hub_rule_add(&(hub_rule){
      .method = "HEAD", .target = "/ns/", .prefix = true, .times = 1, .hub = true, .wait = 400});
  hub_rule_add(&(hub_rule){
      .method = "GET", .target = "/cdn/", .prefix = true, .times = 1, .hub = true, .cut = 70000});
  hub_rule_add(
      &(hub_rule){.method = "GET", .target = "/cdn/", .prefix = true, .times = 1, .status = 403});
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", &options, NULL), JIMM_OK);
  TEST_CHECK_INT(hub_count("HEAD", NULL), 3);
  TEST_CHECK(w.retry_seconds > 0.8 && w.retry_seconds <= 1);
  TEST_CHECK(!w.backwards);
  TEST_CHECK_INT(w.last, SIZE);
}
