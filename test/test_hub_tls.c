/* The hub over https: whose certificate is taken, and that nothing leads from https to http. */
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub_case.h"
#include "hub_server.h"
#include "tls_front.h"

#define TOKEN "hf_canary"

static char endpoint[64], certificate[600];

TEST_SETUP() {
  hub_server_start();
  hub_place("tls");
  snprintf(certificate, sizeof certificate, "%s", hub_path("certificate.pem"));
  snprintf(endpoint, sizeof endpoint, "https://127.0.0.1:%d",
           tls_front_start(hub_port(1), certificate));
}

static void begin(const char *name, bool trusted) {
  hub_clear();
  hub_place(name);
  setenv("HF_ENDPOINT", endpoint, 1);
  setenv("HF_TOKEN", TOKEN, 1);
  setenv("JIMM_HUB_RETRY_SECONDS", "0", 1);
  unsetenv("CURL_CA_BUNDLE");
  if (trusted) {
    setenv("SSL_CERT_FILE", certificate, 1);
  } else {
    unsetenv("SSL_CERT_FILE");
  }
}

static void publish(bool lfs) {
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = "a.bin",
                          .body = "hello",
                          .lfs = lfs},
              NULL);
}

static void refuse(const char *why) {
  const char *path = NULL;
  TEST_CHECK(hub_download("ns/name", "a.bin", NULL, &path) != JIMM_OK);
  TEST_CHECK_CONTAINS(jimm_error_message(), why);
  TEST_CHECK_INT(hub_count_files(hub_path("cache"), "a.bin"), 0);
}

TEST(tls_download_with_a_certificate_that_is_trusted) {
  const char *path = NULL;
  begin("trusted", true);
  publish(false);
  TEST_CHECK_MSG(hub_download("ns/name", "a.bin", NULL, &path) == JIMM_OK, "%s",
                 jimm_error_message());
  TEST_CHECK(hub_file_equals(path, "hello", 5));
  TEST_CHECK_INT(hub_count("HEAD", "/ns/"), 1);
  TEST_CHECK_INT(hub_count("GET", "/ns/"), 1);
}

TEST(tls_certificate_that_nobody_trusts) {
  begin("untrusted", false);
  publish(false);
  refuse("certificate");
  TEST_CHECK_INT(hub_count(NULL, "/ns/"), 0); /* not even the request was sent */
}

TEST(tls_certificate_for_another_name) {
  begin("name", true);
  publish(false);
  char other[64];
  snprintf(other, sizeof other, "https://localhost%s", strrchr(endpoint, ':'));
  setenv("HF_ENDPOINT", other, 1);
  refuse("certificate");
  TEST_CHECK_INT(hub_count(NULL, "/ns/"), 0);
}

/* The content network of the tests' hub has http alone. */
TEST(tls_hub_that_leads_to_http) {
  begin("lead", true);
  publish(true);
  refuse("from https to http");
  TEST_CHECK_INT(hub_count("GET", NULL), 0);
}

TEST(tls_get_that_leads_to_http) {
  begin("get", true);
  publish(false);
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = "/ns/",
                           .prefix = true,
                           .status = 302,
                           .headers = "Location: http://127.0.0.1:@1@/other\r\n"});
  refuse("from https to http");
  TEST_CHECK_INT(hub_count(NULL, "/other"), 0);
}

TEST(tls_head_that_leads_to_http) {
  begin("head", true);
  publish(false);
  hub_rule_add(&(hub_rule){.method = "HEAD",
                           .target = "/ns/",
                           .prefix = true,
                           .status = 307,
                           .headers = "Location: http://127.0.0.1:@1@/other\r\n"});
  refuse("from https to http");
  TEST_CHECK_INT(hub_count(NULL, "/other"), 0);
}

TEST_MAIN()
