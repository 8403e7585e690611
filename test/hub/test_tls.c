/* https: certificates, redirects to a plainer protocol, connections that end without a goodbye. */
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "case.h"
#include "server/server.h"

TEST_SETUP() {
  hub_server_start();
}

/* A place whose hub is the port of TLS, trusted or not, with the two files. */
static void begin(const char *place, bool trusted, bool secure) {
  hub_clear();
  hub_place(place);
  setenv("HF_ENDPOINT", hub_endpoint(4), 1);
  setenv("HF_TOKEN", HUB_TOKEN, 1);
  unsetenv("SSL_CERT_FILE");
  unsetenv("CURL_CA_BUNDLE");
  unsetenv("REQUESTS_CA_BUNDLE");
  hub_certificate(hub_path("certificate.pem"));
  if (trusted) {
    setenv("SSL_CERT_FILE", hub_path("certificate.pem"), 1);
  }
  hub_publish_pair(secure);
}

static void end(void) {
  unsetenv("SSL_CERT_FILE");
}

/* No request to a plain port has been made. */
static void check_all_secure(void) {
  hub_log log = hub_log_read(NULL);
  for (int i = 0; i < log.count; i++) {
    TEST_CHECK_MSG(log.items[i].port == 4, "%s at port %d", log.items[i].target,
                   (int)log.items[i].port);
  }
  hub_log_free(&log);
}

TEST(https_of_a_trusted_hub) {
  const char *path;
  begin("tls", true, true);
  TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, &path), JIMM_OK);
  TEST_CHECK(hub_file_equals(path, "hello", 5));
  const jimm_status status = hub_download("ns/name", "a.bin", NULL, &path);
  TEST_CHECK_MSG(status == JIMM_OK, "%s", jimm_error_message());
  TEST_CHECK_INT(hub_count(NULL, NULL), 4);
  check_all_secure();
  end();
}

TEST(https_that_nobody_vouches_for) {
  static const char *const variables[] = {NULL, "SSL_CERT_FILE", "CURL_CA_BUNDLE",
                                          "REQUESTS_CA_BUNDLE"};
  for (size_t i = 0; i < 4; i++) {
    char name[20], endpoint[60];
    jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
    snprintf(name, sizeof name, "untrusted%zu", i);
    begin(name, false, true);
    if (variables[i] != NULL) {
      /* Trusted, but for another name than localhost. */
      setenv(variables[i], hub_path("certificate.pem"), 1);
      TEST_CHECK_INT(hub_download("ns/name", "a.txt", NULL, NULL), JIMM_OK);
      hub_clear_rules();
    }
    snprintf(endpoint, sizeof endpoint, "https://%s:%d",
             variables[i] == NULL ? "127.0.0.1" : "localhost", hub_port(4));
    options.endpoint = endpoint;
    options.force = true;
    const jimm_status status = hub_download("ns/name", "a.txt", &options, NULL);
    TEST_CHECK_MSG(status == JIMM_ERROR_NETWORK || status == JIMM_ERROR_NOT_CACHED, "%d",
                   (int)status);
    TEST_CHECK_MSG(strstr(jimm_error_message(), "certificate") != NULL ||
                       strstr(jimm_error_message(), "SSL") != NULL,
                   "%s", jimm_error_message());
    TEST_CHECK_INT(hub_count(NULL, NULL), 0);
    if (variables[i] != NULL) {
      unsetenv(variables[i]);
    }
  }
}

TEST(https_does_not_lead_to_http) {
  static const char *const leads[] = {NULL, /* the hub's own content network is plain */
                                      "Location: http://127.0.0.1:@3@/right\r\n",
                                      "Location: http://127.0.0.1:@1@/right\r\n",
                                      "Location: HTTP://127.0.0.1:@3@/right\r\n"};
  for (size_t i = 0; i < 2 * sizeof leads / sizeof leads[0]; i++) {
    char name[20];
    const bool at_get = i % 2 == 1;
    const char *where = leads[i / 2];
    snprintf(name, sizeof name, "downgrade%zu", i);
    begin(name, true, where != NULL);
    hub_rule_add(&(hub_rule){.target = "/right", .size = HUB_LARGE_SIZE, .seed = HUB_LARGE_SEED});
    if (where != NULL) {
      char headers[600];
      snprintf(headers, sizeof headers,
               "%s"
               "X-Repo-Commit: " HUB_COMMIT
               "\r\nX-Linked-Etag: \"abc\"\r\n"
               "X-Linked-Size: 300000\r\n",
               where);
      hub_rule_add(&(hub_rule){.method = at_get ? "GET" : "HEAD",
                               .target = at_get ? "/cdn/" : "/ns/",
                               .prefix = true,
                               .status = 302,
                               .headers = at_get ? where : headers});
    }
    const jimm_status status = hub_download("ns/name", "a.bin", NULL, NULL);
    TEST_CHECK_MSG(status == JIMM_ERROR_NETWORK || status == JIMM_ERROR_FORMAT, "row %zu: %d: %s",
                   i, (int)status, jimm_error_message());
    check_all_secure();
    hub_check_nothing_left();
    end();
  }
}

TEST(https_does_not_lead_to_http_that_says_nothing_of_the_file) {
  begin("nothing", true, true);
  hub_rule_add(&(hub_rule){.method = "HEAD",
                           .target = "/ns/",
                           .prefix = true,
                           .status = 307,
                           .headers = "Location: http://127.0.0.1:@1@/other\r\n"});
  TEST_CHECK(hub_download("ns/name", "a.txt", NULL, NULL) != JIMM_OK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "from https to http");
  check_all_secure();
  end();
}

TEST(fetch_by_https_does_not_lead_to_http) {
  char url[100];
  begin("fetch_downgrade", true, true);
  hub_rule_add(&(hub_rule){
      .target = "/from", .status = 301, .headers = "Location: http://127.0.0.1:@3@/to\r\n"});
  hub_rule_add(&(hub_rule){.target = "/to", .body = "abc"});
  snprintf(url, sizeof url, "%s/from", hub_endpoint(4));
  TEST_CHECK_INT(jimm_hub_fetch(url, "a", NULL), JIMM_ERROR_NETWORK);
  TEST_CHECK_INT(access("a", F_OK), -1);
  check_all_secure();
  end();
}

TEST(http_may_lead_to_https_without_the_token) {
  const char *path;
  begin("upgrade", true, true);
  setenv("HF_ENDPOINT", hub_endpoint(1), 1);
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", NULL, &path), JIMM_OK);
  hub_log log = hub_log_read(NULL);
  TEST_REQUIRE_INT(log.count, 2);
  TEST_CHECK_INT(log.items[1].port, 4);
  TEST_CHECK_STR(hub_request_header(&log.items[0], "Authorization"), "Bearer " HUB_TOKEN);
  TEST_CHECK_STR(hub_request_header(&log.items[1], "Authorization"), "");
  hub_log_free(&log);
  end();
}

/* Who cuts the connection cannot say goodbye in its place: where nobody states a size, the hash
 * tells. */
TEST(https_that_is_cut_is_no_end) {
  static const int64_t cuts[] = {0, 4000};
  for (size_t i = 0; i < 2; i++) {
    begin(i == 0 ? "tls_whole" : "tls_cut", true, true);
    hub_publish(&(hub_file){.repo = "ns/name",
                            .commit = HUB_COMMIT,
                            .revisions = "main",
                            .name = "b.bin",
                            .size = 5000,
                            .lfs = true,
                            .secure = true,
                            .no_size = true},
                NULL);
    hub_rule_add(&(hub_rule){.method = "GET",
                             .target = "/cdn/",
                             .prefix = true,
                             .hub = true,
                             .length = "",
                             .cut = cuts[i]});
    const jimm_status status = hub_download("ns/name", "b.bin", NULL, NULL);
    TEST_CHECK_MSG(status == JIMM_OK ? i == 0 : i == 1, "%d: %s", (int)status,
                   jimm_error_message());
    if (i == 1) {
      hub_check_nothing_left();
    }
    end();
  }
}

TEST_MAIN()
