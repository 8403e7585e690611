/* The tests' hub, by plain sockets: what it serves, and that its misbehaviour is what a rule says.
 */
#include <arpa/inet.h>
#include <jimm-test/jimm-test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

TEST_SETUP() {
  hub_server_start();
}

/* Sends the bytes to a port and reads until the server ends; errno-like -1 in *size: a reset. */
static const char *talk(int port, const char *request, long *size) {
  static char reply[1 << 20];
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)hub_port(port))};
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  TEST_REQUIRE(made >= 0);
  TEST_REQUIRE(connect(made, (struct sockaddr *)&address, sizeof address) == 0);
  TEST_REQUIRE(send(made, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
  ssize_t got;
  size_t used = 0;
  while ((got = recv(made, reply + used, sizeof reply - used - 1, 0)) > 0) {
    used += (size_t)got;
  }
  close(made);
  reply[used] = 0;
  *size = got < 0 ? -1 : (long)used;
  return reply;
}

static const char *get(const char *target, const char *headers) {
  static char request[2000];
  long size;
  snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n\r\n",
           target, headers);
  return talk(1, request, &size);
}

TEST(server_publishes_as_the_hub) {
  char etag[65];
  hub_clear();
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = COMMIT,
                          .revisions = "main refs/pr/1",
                          .name = "a b/caf\xc3\xa9 #1?.txt",
                          .body = "hello\n"},
              etag);
  TEST_CHECK_STR(etag, "ce013625030ba8dba906f756967f9e9ca394464a"); /* git hash-object */
  const char *reply = get("/ns/name/resolve/main/a%20b/caf%C3%A9%20%231%3F.txt", "");
  TEST_CHECK_CONTAINS(reply, "HTTP/1.1 200 OK\r\n");
  TEST_CHECK_CONTAINS(reply, "\r\nX-Repo-Commit: " COMMIT "\r\n");
  TEST_CHECK_CONTAINS(reply, "\r\nETag: \"ce013625030ba8dba906f756967f9e9ca394464a\"\r\n");
  TEST_CHECK_CONTAINS(reply, "\r\nContent-Length: 6\r\n\r\nhello\n");
  TEST_CHECK_CONTAINS(get("/ns/name/resolve/refs%2Fpr%2F1/a%20b/caf%C3%A9%20%231%3F.txt", ""),
                      "200 OK");
  TEST_CHECK_CONTAINS(get("/ns/name/resolve/main/b", ""), "X-Error-Code: EntryNotFound\r\n");
  TEST_CHECK_CONTAINS(get("/ns/name/resolve/main/b", ""), "X-Repo-Commit: " COMMIT);
  TEST_CHECK_CONTAINS(get("/ns/name/resolve/old/b", ""), "X-Error-Code: RevisionNotFound\r\n");
  TEST_CHECK_CONTAINS(get("/ns/other/resolve/main/b", ""), "401 Unauthorized\r\n");
  TEST_CHECK_CONTAINS(get("/datasets/ns/name/resolve/main/b", "Authorization: Bearer x\r\n"),
                      "404 Not Found\r\n");
}

TEST(server_leads_to_its_content_network) {
  char etag[65], line[200];
  hub_clear();
  hub_publish(&(hub_file){.type = 1,
                          .repo = "name",
                          .commit = COMMIT,
                          .revisions = "main",
                          .name = "abc",
                          .body = "abc",
                          .lfs = true},
              etag);
  TEST_CHECK_STR(etag, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const char *reply = get("/datasets/name/resolve/main/abc", "");
  snprintf(line, sizeof line, "\r\nLocation: http://127.0.0.1:%d/cdn/%s?", hub_port(2), etag);
  TEST_CHECK_CONTAINS(reply, line);
  TEST_CHECK_CONTAINS(reply, "\r\nX-Linked-Size: 3\r\n");
  snprintf(line, sizeof line, "/cdn/%s?Signature=1", etag);
  TEST_CHECK_CONTAINS(get(line, ""), "\r\n\r\nabc");
  TEST_CHECK_CONTAINS(get(line, "Range: bytes=1-\r\n"), "206 Partial Content\r\n");
  TEST_CHECK_CONTAINS(get(line, "Range: bytes=1-\r\n"), "Content-Range: bytes 1-2/3\r\n");
  TEST_CHECK_CONTAINS(get(line, "Range: bytes=1-\r\n"), "\r\n\r\nbc");
  TEST_CHECK_CONTAINS(get(line, "Range: bytes=3-\r\n"), "416 ");
  TEST_CHECK_INT(hub_count("GET", "/cdn/"), 5);
  TEST_CHECK_INT(hub_count("HEAD", NULL), 0);
}

TEST(server_misbehaves_as_told) {
  long size;
  const char *reply;
  hub_clear();
  hub_rule_add(&(hub_rule){.target = "/a",
                           .times = 1,
                           .status = 299,
                           .headers = "X-Port: @2@\r\nX-Long: @a5@\r\n@h2@",
                           .chunked = true,
                           .trailer = "X-Last: 1\r\n",
                           .body = "abc"});
  hub_rule_add(&(hub_rule){.target = "/a", .raw = "no HTTP at all@nul@", .extra = "end"});
  reply = get("/a", "");
  char line[60];
  snprintf(line, sizeof line, "X-Port: %d\r\nX-Long: aaaaa\r\nX-Many-0: value\r\n", hub_port(2));
  TEST_CHECK_CONTAINS(reply, "HTTP/1.1 299 ");
  TEST_CHECK_CONTAINS(reply, line);
  TEST_CHECK_CONTAINS(reply, "\r\n\r\n3\r\nabc\r\n0\r\nX-Last: 1\r\n\r\n");
  reply = talk(1, "GET /a HTTP/1.1\r\n\r\n", &size);
  TEST_CHECK_INT(size, 18);
  TEST_CHECK_MEM(reply, "no HTTP at all\0end", 18);
  hub_rule_add(&(hub_rule){.target = "/cut", .size = 100000, .seed = 3, .cut = 70001});
  reply = talk(1, "GET /cut HTTP/1.1\r\n\r\n", &size);
  unsigned char bytes[9];
  hub_bytes(3, 70001 - 9, bytes, 9);
  TEST_REQUIRE(size > 70001);
  TEST_CHECK_MEM(reply + size - 9, bytes, 9);
  TEST_CHECK_CONTAINS(reply, "Content-Length: 100000\r\n\r\n");
  hub_rule_add(&(hub_rule){.target = "/reset", .size = 10, .cut = 5, .reset = true});
  talk(1, "GET /reset HTTP/1.1\r\n\r\n", &size);
  TEST_CHECK_INT(size, -1);
  hub_rule_add(&(hub_rule){.target = "/head", .cut_head = 8});
  TEST_CHECK_STR(talk(1, "GET /head HTTP/1.1\r\n\r\n", &size), "HTTP/1.1");
}

TEST(server_keeps_connections_and_a_log) {
  long size;
  hub_clear();
  hub_rule_add(&(hub_rule){.target = "/p", .prefix = true, .header = "x-key: 1", .body = "key"});
  hub_rule_add(&(hub_rule){.target = "/p", .prefix = true, .body = "none"});
  const char *reply = talk(3,
                           "GET /p1 HTTP/1.1\r\n\r\nHEAD /p2 HTTP/1.1\r\n\r\n"
                           "GET /p3 HTTP/1.1\r\nX-Key: 1\r\nConnection: close\r\n\r\n",
                           &size);
  TEST_CHECK_CONTAINS(reply, "\r\n\r\nnoneHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nHTTP/1.1 ");
  TEST_CHECK_CONTAINS(reply, "\r\n\r\nkey");
  hub_log log = hub_log_read("/p");
  TEST_REQUIRE_INT(log.count, 3);
  TEST_CHECK_STR(log.items[1].method, "HEAD");
  TEST_CHECK_STR(log.items[1].target, "/p2");
  TEST_CHECK_INT(log.items[1].sent, 0);
  TEST_CHECK_INT(log.items[2].sent, 3);
  TEST_CHECK_INT(log.items[2].port, 3);
  TEST_CHECK_STR(hub_request_header(&log.items[2], "x-key"), "1");
  TEST_CHECK_STR(hub_request_header(&log.items[0], "x-key"), "");
  hub_log_free(&log);
}

TEST_MAIN()
