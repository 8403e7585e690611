/* What the client says to servers, and what it makes of answers that are right, wrong or cut. */
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "case.h"
#include "server/server.h"

#define SIZE HUB_LARGE_SIZE
#define SEED HUB_LARGE_SEED

/* Downloads a.bin and checks that it is right and alone. */
static void check_whole(void) {
  static unsigned char want[SIZE];
  const char *path;
  hub_bytes(SEED, 0, want, SIZE);
  const jimm_status status = hub_download("ns/name", "a.bin", NULL, &path);
  TEST_CHECK_MSG(status == JIMM_OK, "%d: %s", (int)status, jimm_error_message());
  TEST_CHECK(status == JIMM_OK && hub_file_equals(path, want, SIZE));
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/blobs"), ""), 1);
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
  hub_begin("cut");
  rule((hub_rule){.times = 1, .cut = 70000});
  rule((hub_rule){.times = 1, .cut = 100000});
  check_whole();
  TEST_CHECK_STR(ranges(), "- bytes=70000- bytes=170000-");
  TEST_CHECK_INT(hub_count("HEAD", NULL), 1);
}

TEST(transfer_goes_on_after_a_reset_and_a_silence) {
  hub_begin("silence");
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
    hub_begin(name);
    rule((hub_rule){.times = 1, .cut = 70000});
    rule((hub_rule){.times = 1, .range = answers[i]});
    check_whole();
    TEST_CHECK_STR(ranges(),
                   strcmp(answers[i], "ignore") == 0 ? "- bytes=70000-" : "- bytes=70000- -");
  }
}

/* Each attempt brings something, and each second one throws it away. */
TEST(transfer_ends_after_beginning_anew_too_often) {
  hub_begin("anew");
  rule((hub_rule){.cut = 70000, .range = "refuse"});
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", NULL, NULL), JIMM_ERROR_NETWORK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "a.bin: the server cannot go on from where it was");
  TEST_CHECK_INT(hub_count("GET", NULL), 12);
  hub_check_nothing_left();
}

TEST(transfer_ends_after_attempts_that_bring_nothing) {
  hub_begin("nothing");
  rule((hub_rule){.cut = -1});
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", NULL, NULL), JIMM_ERROR_NETWORK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "a.bin");
  TEST_CHECK_INT(hub_count("GET", NULL), 5);
  hub_check_nothing_left();
}

TEST(transfer_asks_for_a_new_url_when_one_has_expired) {
  hub_begin("expired");
  rule((hub_rule){.times = 1, .cut = 70000});
  rule((hub_rule){.times = 1, .status = 403, .body = "Request has expired"});
  check_whole();
  TEST_CHECK_STR(ranges(), "- bytes=70000- bytes=70000-");
  TEST_CHECK_INT(hub_count("HEAD", NULL), 2);
}

/* A hub that is in trouble just then is asked again, as often as a content network would be. */
TEST(transfer_asks_again_for_a_new_url) {
  hub_begin("expired_in_trouble");
  rule((hub_rule){.times = 1, .cut = 70000});
  rule((hub_rule){.times = 3, .status = 403, .body = "Request has expired"});
  hub_rule_add(
      &(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .times = 1, .hub = true});
  hub_rule_add(
      &(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .times = 2, .status = 503});
  check_whole();
  TEST_CHECK_STR(ranges(), "- bytes=70000- bytes=70000- bytes=70000- bytes=70000-");
  TEST_CHECK_INT(hub_count("HEAD", NULL), 4);
  hub_begin("expired_with_a_wait");
  rule((hub_rule){.times = 2, .status = 403, .body = "Request has expired"});
  hub_rule_add(
      &(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .times = 1, .hub = true});
  hub_rule_add(&(hub_rule){.method = "HEAD",
                           .target = "/ns/",
                           .prefix = true,
                           .times = 1,
                           .status = 429,
                           .headers = "Retry-After: 1\r\n"});
  const double start = hub_clock();
  check_whole();
  TEST_CHECK(hub_clock() - start > 1);
  hub_begin("expired_for_good");
  rule((hub_rule){.status = 403, .body = "Request has expired"});
  hub_rule_add(
      &(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .times = 1, .hub = true});
  hub_rule_add(&(hub_rule){.method = "HEAD", .target = "/ns/", .prefix = true, .status = 503});
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", NULL, NULL), JIMM_ERROR_NETWORK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "503");
  TEST_CHECK_INT(hub_count("GET", NULL), 5);
  hub_check_nothing_left();
}

/* Urls may expire as often as they like while bytes come. */
TEST(transfer_of_many_urls) {
  hub_begin("many_urls");
  for (int i = 0; i < 2; i++) {
    rule((hub_rule){.times = 1, .cut = 70000});
    rule((hub_rule){.times = 3, .status = 403, .body = "Request has expired"});
  }
  rule((hub_rule){.times = 1, .cut = 140000});
  rule((hub_rule){.times = 2, .status = 403, .body = "Request has expired"});
  check_whole();
  TEST_CHECK_INT(hub_count("HEAD", NULL), 9);
}

TEST(transfer_does_not_go_on_with_another_file) {
  hub_begin("changed");
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
  hub_check_nothing_left();
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
    hub_begin(name);
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
    hub_begin(lfs[i] ? "empty_lfs" : "empty_git");
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

TEST(token_goes_to_the_hub_alone) {
  hub_begin("token");
  setenv("HF_TOKEN", HUB_TOKEN, 1);
  check_whole();
  hub_check_authorization("/ns/", 1, "Bearer " HUB_TOKEN);
  hub_check_authorization("/cdn/", 2, "");
}

TEST(token_does_not_come_back_after_a_stranger) {
  hub_begin("token_back");
  setenv("HF_TOKEN", HUB_TOKEN, 1);
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = "/cdn/",
                           .prefix = true,
                           .status = 302,
                           .headers = "Location: http://localhost:@3@/third\r\n"});
  hub_rule_add(&(hub_rule){
      .target = "/third", .status = 307, .headers = "Location: http://127.0.0.1:@1@/back\r\n"});
  hub_rule_add(&(hub_rule){.target = "/back", .size = SIZE, .seed = SEED});
  check_whole();
  hub_check_authorization("/cdn/", 2, "");
  hub_check_authorization("/third", 3, "");
  hub_check_authorization("/back", 1, "");
}

TEST(token_does_not_follow_another_name_of_the_same_host) {
  hub_begin("token_name");
  setenv("HF_TOKEN", HUB_TOKEN, 1);
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = "/cdn/",
                           .prefix = true,
                           .status = 302,
                           .headers = "Location: http://localhost:@1@/same\r\n"});
  hub_rule_add(&(hub_rule){.target = "/same", .size = SIZE, .seed = SEED});
  check_whole();
  hub_check_authorization("/same", 1, "");
}

TEST(redirects_of_a_renamed_repository) {
  const char *path;
  hub_begin("renamed");
  setenv("HF_TOKEN", HUB_TOKEN, 1);
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
  hub_check_authorization("/", 1, "Bearer " HUB_TOKEN);
}

/* Not the hub's own address: one that leads to it, as from http to https. */
TEST(redirects_of_an_address_that_is_not_the_hubs) {
  hub_begin("not_the_hubs");
  hub_rule_add(&(hub_rule){.method = "HEAD",
                           .target = "/ns/",
                           .prefix = true,
                           .status = 301,
                           .headers = "Location: https://hub.example/ns/name?signature=1\r\n"});
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, NULL), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "leads to https://hub.example/ns/name: is http://127");
}

TEST(redirects_without_end) {
  hub_begin("loop");
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
  hub_check_nothing_left();
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
    hub_begin(name);
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
  hub_begin("pass");
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

TEST(statuses_that_stay_are_asked_for_after_longer_and_longer) {
  hub_begin("longer");
  setenv("JIMM_HUB_RETRY_SECONDS", "0.03", 1);
  hub_rule_add(&(hub_rule){.target = "/ns/", .prefix = true, .status = 503});
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, NULL), JIMM_ERROR_NOT_CACHED);
  hub_log log = hub_log_read(NULL);
  TEST_REQUIRE_INT(log.count, 6);
  for (int i = 0; i + 1 < log.count; i++) {
    const int64_t gap = log.items[i + 1].time_ms - log.items[i].time_ms;
    TEST_CHECK_MSG(gap >= (30 << i) - 2, "%lld ms after question %d", (long long)gap, i);
  }
  hub_log_free(&log);
}

TEST(statuses_of_the_content_network) {
  static const int64_t gone[] = {400, 401, 402, 403, 404, 410, 451, 501};
  for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
    char name[20];
    snprintf(name, sizeof name, "gone%zu", i);
    hub_begin(name);
    rule((hub_rule){.status = gone[i], .body = "no"});
    const jimm_status status = hub_download("ns/name", "a.bin", NULL, NULL);
    TEST_CHECK_MSG(status != JIMM_OK && status != JIMM_ERROR_INTEGRITY, "row %zu: %d", i,
                   (int)status);
    TEST_CHECK(hub_count("GET", NULL) <= 10);
    hub_check_nothing_left();
  }
}

/* ---- requests ---- */

TEST(requests_say_who_asks_and_want_plain_bytes) {
  hub_begin("who");
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

/* As if it was not there. */
TEST(sizes_that_are_empty) {
  const char *path;
  hub_begin("empty_size");
  hub_rule_add(&(hub_rule){.method = "HEAD",
                           .target = "/ns/",
                           .prefix = true,
                           .length = "5",
                           .headers = "X-Repo-Commit: " HUB_COMMIT "\r\nX-Linked-Size:\r\n"
                                      "ETag: \"b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0\"\r\n"});
  const jimm_status status = hub_download("ns/name", "a.txt", NULL, &path);
  TEST_CHECK_MSG(status == JIMM_OK, "%s", jimm_error_message());
  TEST_CHECK(hub_file_equals(path, "hello", 5));
}
