#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define LOG_MAX 100000

static int served[HUB_PORTS], listening[HUB_PORTS];

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void hub_sleep(int64_t milliseconds) {
  const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&time, NULL);
}

/* ---- the log ---- */

static struct {
  pthread_mutex_t mutex;
  hub_request *items;
  int64_t first, count; /* tickets below `first` were cleared */
  int64_t start_ms;
} requests = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static char *copy(const char *text) {
  char *copied = strdup(text);
  if (copied == NULL) {
    abort();
  }
  return copied;
}

int64_t hub_log_begin(const hub_incoming *request) {
  pthread_mutex_lock(&requests.mutex);
  if (requests.items == NULL) {
    requests.items = calloc(LOG_MAX, sizeof requests.items[0]);
  }
  if (requests.items == NULL || requests.count == LOG_MAX) {
    abort();
  }
  requests.items[requests.count] = (hub_request){.number = requests.count,
                                                 .port = request->port,
                                                 .method = copy(request->method),
                                                 .target = copy(request->target),
                                                 .headers = copy(request->headers),
                                                 .time_ms = now_ms() - requests.start_ms};
  const int64_t ticket = requests.first + requests.count++;
  pthread_mutex_unlock(&requests.mutex);
  return ticket;
}

static void change(int64_t ticket, int64_t status, int64_t sent, bool done) {
  pthread_mutex_lock(&requests.mutex);
  if (ticket >= requests.first) {
    hub_request *item = &requests.items[ticket - requests.first];
    item->status = status != 0 ? status : item->status;
    item->sent += sent;
    item->done = item->done || done;
  }
  pthread_mutex_unlock(&requests.mutex);
}

void hub_log_status(int64_t ticket, int64_t status) {
  change(ticket, status, 0, false);
}

void hub_log_sent(int64_t ticket, int64_t bytes) {
  change(ticket, 0, bytes, false);
}

void hub_log_done(int64_t ticket) {
  change(ticket, 0, 0, true);
}

json_t *hub_log_json(const char *prefix) {
  json_t *list = json_array();
  pthread_mutex_lock(&requests.mutex);
  for (int64_t i = 0; i < requests.count; i++) {
    if (strncmp(requests.items[i].target, prefix, strlen(prefix)) == 0) {
      json_array_append_new(list, hub_to_json(&requests.items[i], hub_request_fields));
    }
  }
  pthread_mutex_unlock(&requests.mutex);
  return list;
}

void hub_log_clear(void) {
  pthread_mutex_lock(&requests.mutex);
  for (int64_t i = 0; i < requests.count; i++) {
    hub_free_texts(&requests.items[i], hub_request_fields);
  }
  requests.first += requests.count;
  requests.count = 0;
  pthread_mutex_unlock(&requests.mutex);
}

/* ---- connections ---- */

bool hub_send(const hub_connection *connection, const void *data, size_t size) {
  const char *at = data;
  while (size > 0) {
    const ssize_t sent = connection->tls != NULL ? hub_tls_send(connection, at, size)
                                                 : send(connection->socket, at, size, MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    at += sent;
    size -= (size_t)sent;
  }
  return true;
}

bool hub_header(const char *headers, const char *name, char *value, size_t size) {
  const size_t length = strlen(name);
  for (const char *line = headers; *line != 0; line = strchr(line, '\n') + 1) {
    if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
      const char *from = line + length + 1 + strspn(line + length + 1, " \t");
      snprintf(value, size, "%.*s", (int)strcspn(from, "\r\n"), from);
      return true;
    }
    if (strchr(line, '\n') == NULL) {
      break;
    }
  }
  return false;
}

/* Reads until `size` bytes are in the buffer. */
static bool receive(hub_connection *connection, size_t size) {
  while (connection->used < size) {
    char *to = connection->buffer + connection->used;
    const size_t room = HUB_REQUEST_MAX - connection->used;
    const ssize_t got = connection->tls != NULL ? hub_tls_receive(connection, to, room)
                                                : recv(connection->socket, to, room, 0);
    if (got <= 0) {
      return false;
    }
    connection->used += (size_t)got;
  }
  return true;
}

/* Reads the head of a request; its size, or 0 at the end. */
static size_t receive_head(hub_connection *connection) {
  for (;;) {
    connection->buffer[connection->used] = 0;
    const char *end = memmem(connection->buffer, connection->used, "\r\n\r\n", 4);
    if (end != NULL) {
      return (size_t)(end - connection->buffer) + 4;
    }
    if (connection->used == HUB_REQUEST_MAX || !receive(connection, connection->used + 1)) {
      return 0;
    }
  }
}

static bool answer(hub_connection *connection, hub_incoming *request) {
  hub_rule rule, hub;
  request->ticket = hub_log_begin(request);
  const bool ruled = hub_rules_take(request, &rule);
  if (!ruled || rule.hub) {
    hub_repo_answer(request, &hub);
    if (ruled) {
      hub_rules_merge(&hub, &rule);
      hub_free_texts(&rule, hub_rule_fields);
    }
    rule = hub;
  }
  const bool open = hub_answer_send(connection, request, &rule);
  connection->whole = rule.cut == 0 && rule.cut_head == 0;
  hub_free_texts(&rule, hub_rule_fields);
  hub_log_done(request->ticket);
  return open;
}

/* One request: false at the connection's end. */
static bool handle(hub_connection *connection) {
  const size_t size = receive_head(connection);
  char *head = connection->buffer, *rest = NULL, *body = NULL;
  if (size == 0) {
    return false;
  }
  /* The line's end becomes the end of the last header's line. */
  head[size - 2] = 0;
  hub_incoming request = {.port = connection->port, .method = strtok_r(head, " ", &rest)};
  request.target = strtok_r(NULL, " ", &rest);
  if (request.method == NULL || request.target == NULL) {
    return false;
  }
  strtok_r(NULL, "\r", &rest);
  request.headers = rest != NULL && *rest == '\n' ? rest + 1 : "";
  char length[32] = "0";
  hub_header(request.headers, "Content-Length", length, sizeof length);
  const size_t whole = size + (size_t)strtoul(length, NULL, 10);
  bool open;
  if (strncmp(request.target, "/.control", 9) == 0) {
    if (whole > HUB_REQUEST_MAX || !receive(connection, whole) ||
        (body = strndup(connection->buffer + size, whole - size)) == NULL) {
      return false;
    }
    open = hub_control(connection, request.target, body);
    free(body);
  } else {
    open = answer(connection, &request);
  }
  if (open && whole <= connection->used) {
    connection->used -= whole;
    memmove(connection->buffer, connection->buffer + whole, connection->used);
  }
  return open && whole <= HUB_REQUEST_MAX;
}

static void *serve_connection(void *argument) {
  hub_connection *connection = argument;
  if (connection->port != HUB_PORTS || hub_tls_accept(connection)) {
    while (handle(connection)) {
    }
  }
  if (connection->tls != NULL) {
    hub_tls_close(connection, connection->whole);
  }
  close(connection->socket);
  free(connection);
  return NULL;
}

static void *serve_port(void *argument) {
  const int port = (int)(intptr_t)argument;
  for (;;) {
    const int accepted = accept4(listening[port], NULL, NULL, SOCK_CLOEXEC);
    hub_connection *connection = malloc(sizeof *connection);
    pthread_t thread;
    if (accepted < 0 || connection == NULL) {
      free(connection);
      hub_sleep(10);
      continue;
    }
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    connection->socket = accepted;
    connection->port = port + 1;
    connection->used = 0;
    connection->tls = NULL;
    connection->whole = true;
    if (pthread_create(&thread, NULL, serve_connection, connection) != 0) {
      close(accepted);
      free(connection);
    } else {
      pthread_detach(thread);
    }
  }
  return NULL;
}

int hub_served_port(int port) {
  return served[port - 1];
}

int hub_listen(int *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0 || bind(made, (struct sockaddr *)&address, size) != 0 || listen(made, 512) != 0 ||
      getsockname(made, (struct sockaddr *)&address, &size) != 0) {
    return -1;
  }
  *port = ntohs(address.sin_port);
  return made;
}

_Noreturn void hub_serve(const int *sockets) {
  signal(SIGPIPE, SIG_IGN);
  hub_tls_begin();
  requests.start_ms = now_ms();
  for (int i = 0; i < HUB_PORTS; i++) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    listening[i] = sockets[i];
    if (getsockname(sockets[i], (struct sockaddr *)&address, &size) != 0) {
      abort();
    }
    served[i] = ntohs(address.sin_port);
  }
  for (int i = 0; i < HUB_PORTS; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve_port, (void *)(intptr_t)i) != 0) {
      abort();
    }
  }
  for (;;) {
    pause();
  }
}
