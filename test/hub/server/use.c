/* The calls of server.h: the server in a child process, and requests to its /.control. */
#include <arpa/inet.h>
#include <jimm-test/jimm-test.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

static struct {
  pid_t owner, child;
  int ports[HUB_PORTS];
  char endpoints[HUB_PORTS][40];
} server;

void hub_server_stop(void) {
  if (server.owner == getpid() && server.child > 0) {
    kill(server.child, SIGKILL);
    waitpid(server.child, NULL, 0);
    server.child = 0;
  }
}

void hub_server_start(void) {
  int sockets[HUB_PORTS];
  for (int i = 0; i < HUB_PORTS; i++) {
    sockets[i] = hub_listen(&server.ports[i]);
    TEST_REQUIRE_MSG(sockets[i] >= 0, "no port to listen on");
    snprintf(server.endpoints[i], sizeof server.endpoints[i], "http%s://127.0.0.1:%d",
             i == HUB_PORTS - 1 ? "s" : "", server.ports[i]);
  }
  fflush(NULL);
  server.owner = getpid();
  server.child = fork();
  TEST_REQUIRE(server.child >= 0);
  if (server.child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != server.owner) {
      _exit(1);
    }
    hub_serve(sockets);
  }
  for (int i = 0; i < HUB_PORTS; i++) {
    close(sockets[i]);
  }
  atexit(hub_server_stop);
}

const char *hub_endpoint(int port) {
  return server.endpoints[port - 1];
}

int hub_port(int port) {
  return server.ports[port - 1];
}

/* ---- requests to /.control ---- */

static char *exchange(const char *method, const char *what, const char *body) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)server.ports[0])};
  char head[1000];
  size_t used = 0, capacity = 65536;
  char *reply = malloc(capacity);
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  TEST_REQUIRE(reply != NULL && made >= 0);
  TEST_REQUIRE(connect(made, (struct sockaddr *)&address, sizeof address) == 0);
  const int size =
      snprintf(head, sizeof head, "%s /.control/%s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", method,
               what, strlen(body));
  TEST_REQUIRE(size > 0 && size < (int)sizeof head);
  const hub_connection to = {.socket = made};
  TEST_REQUIRE(hub_send(&to, head, (size_t)size) && hub_send(&to, body, strlen(body)));
  shutdown(made, SHUT_WR);
  for (ssize_t got; (got = recv(made, reply + used, capacity - used - 1, 0)) > 0;) {
    used += (size_t)got;
    if (capacity - used < 4096) {
      capacity *= 2;
      reply = realloc(reply, capacity);
      TEST_REQUIRE(reply != NULL);
    }
  }
  close(made);
  reply[used] = 0;
  return reply;
}

/* Takes `request` (may be NULL) over; the caller frees the answer. */
static json_t *ask(const char *method, const char *what, json_t *request) {
  char *body = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
  json_error_t error;
  json_decref(request);
  char *reply = exchange(method, what, body == NULL ? "" : body);
  const char *text = strstr(reply, "\r\n\r\n");
  json_t *answer = text == NULL ? NULL : json_loads(text + 4, 0, &error);
  TEST_REQUIRE_MSG(answer != NULL, "the server says '%s' to %s", reply, what);
  const char *problem = json_string_value(json_object_get(answer, "error"));
  TEST_REQUIRE_MSG(problem == NULL, "%s: %s: %s", what, problem, body == NULL ? "" : body);
  free(reply);
  free(body);
  return answer;
}

void hub_rule_add(const hub_rule *rule) {
  json_decref(ask("POST", "rule", hub_to_json(rule, hub_rule_fields)));
}

void hub_publish(const hub_file *file, char *etag) {
  json_t *answer = ask("POST", "publish", hub_to_json(file, hub_file_fields));
  if (etag != NULL) {
    snprintf(etag, 65, "%s", json_string_value(json_object_get(answer, "etag")));
  }
  json_decref(answer);
}

void hub_certificate(const char *path) {
  json_t *answer = ask("GET", "certificate", NULL);
  const char *text = json_string_value(json_object_get(answer, "certificate"));
  FILE *file = fopen(path, "w");
  TEST_REQUIRE(file != NULL && text != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
  json_decref(answer);
}

void hub_clear(void) {
  json_decref(ask("POST", "clear", NULL));
}

void hub_clear_rules(void) {
  json_decref(ask("POST", "clear-rules", NULL));
}

hub_log hub_log_read(const char *prefix) {
  char what[900], problem[200];
  snprintf(what, sizeof what, "log?%s", prefix == NULL ? "" : prefix);
  json_t *answer = ask("GET", what, NULL);
  hub_log log = {.count = (int)json_array_size(answer)};
  log.items = calloc((size_t)log.count + 1, sizeof log.items[0]);
  TEST_REQUIRE(log.items != NULL);
  for (int i = 0; i < log.count; i++) {
    TEST_REQUIRE(hub_from_json(json_array_get(answer, (size_t)i), hub_request_fields, &log.items[i],
                               problem));
  }
  json_decref(answer);
  return log;
}

void hub_log_free(hub_log *log) {
  for (int i = 0; i < log->count; i++) {
    hub_free_texts(&log->items[i], hub_request_fields);
  }
  free(log->items);
  *log = (hub_log){0};
}

int hub_count(const char *method, const char *prefix) {
  hub_log log = hub_log_read(prefix);
  int count = 0;
  for (int i = 0; i < log.count; i++) {
    count += method == NULL || strcmp(log.items[i].method, method) == 0;
  }
  hub_log_free(&log);
  return count;
}

const char *hub_request_header(const hub_request *request, const char *name) {
  static char value[2000];
  value[0] = 0;
  hub_header(request->headers, name, value, sizeof value);
  return value;
}
