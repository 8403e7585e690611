#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"

#define ENDLESS_MAX ((int64_t)1 << 32)

/* ---- growing text ---- */

typedef struct text {
  char *data;
  size_t size, capacity;
} text;

static void add(text *to, const char *data, size_t size) {
  if (to->size + size + 1 > to->capacity) {
    to->capacity = 2 * (to->size + size) + 256;
    to->data = realloc(to->data, to->capacity);
    if (to->data == NULL) {
      abort();
    }
  }
  memcpy(to->data + to->size, data, size);
  to->size += size;
  to->data[to->size] = 0;
}

static void add_text(text *to, const char *data) {
  add(to, data, strlen(data));
}

/* Adds the text with its words between @ replaced (server.h). */
static void expand(text *to, const char *from) {
  for (int count; *from != 0;) {
    int length = 0, number = 0;
    if (strncmp(from, "@nul@", 5) == 0) {
      add(to, "", 1);
      from += 5;
    } else if (sscanf(from, "@a%d@%n", &number, &length) == 1 && length > 0) {
      for (count = 0; count < number; count++) {
        add(to, "a", 1);
      }
      from += length;
    } else if (sscanf(from, "@h%d@%n", &number, &length) == 1 && length > 0) {
      for (count = 0; count < number; count++) {
        char line[64];
        add(to, line, (size_t)snprintf(line, sizeof line, "X-Many-%d: value\r\n", count));
      }
      from += length;
    } else if (sscanf(from, "@%1d@%n", &number, &length) == 1 && length > 0 && number >= 1 &&
               number <= HUB_PORTS) {
      char port[16];
      add(to, port, (size_t)snprintf(port, sizeof port, "%d", hub_served_port(number)));
      from += length;
    } else {
      add(to, from++, 1);
    }
  }
}

/* ---- sending ---- */

typedef struct answering {
  const hub_connection *connection;
  const hub_rule *rule;
  int64_t ticket;
  hub_content content;
  int64_t start, end; /* of the content: what is sent */
  int64_t status;
  const char *content_range;
  char range_text[80];
} answering;

static bool send_slowly(const answering *to, const char *data, size_t size) {
  if (to->rule->drip == 0) {
    return hub_send(to->connection, data, size);
  }
  for (size_t i = 0; i < size; i++) {
    if (!hub_send(to->connection, data + i, 1)) {
      return false;
    }
    hub_sleep(to->rule->drip);
  }
  return true;
}

static bool send_block(const answering *to, const char *data, size_t size) {
  char frame[32];
  if (!to->rule->chunked) {
    return send_slowly(to, data, size);
  }
  const int length = snprintf(frame, sizeof frame, "%zx\r\n", size);
  return send_slowly(to, frame, (size_t)length) && send_slowly(to, data, size) &&
         send_slowly(to, "\r\n", 2);
}

/* How many bytes go in one block at `sent`: up to the next place where something happens. */
static size_t next_block(const answering *to, int64_t sent) {
  int64_t size = 65536;
  const hub_rule *rule = to->rule;
  const int64_t marks[] = {to->end - to->start, rule->pause > 0 ? rule->pause_at : 0, rule->cut};
  if (rule->rate > 0 && size > rule->rate / 20) {
    size = rule->rate / 20 > 0 ? rule->rate / 20 : 1;
  }
  for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
    if (marks[i] > sent && marks[i] - sent < size) {
      size = marks[i] - sent;
    }
  }
  return (size_t)size;
}

/* False: the connection ends. */
static bool send_body(const answering *to) {
  const hub_rule *rule = to->rule;
  const bool endless = rule->endless != NULL && strcmp(rule->endless, "body") == 0;
  const int64_t total = endless ? ENDLESS_MAX : to->end - to->start;
  char *block = malloc(65536);
  bool open = block != NULL;
  for (int64_t sent = 0; open && sent < total;) {
    if (rule->pause > 0 && sent == rule->pause_at) {
      hub_sleep(rule->pause);
    }
    const size_t size = next_block(to, sent);
    if (sent < to->end - to->start) {
      open = hub_content_read(&to->content, to->start + sent, block, size);
    } else {
      hub_bytes(0, sent, block, size);
    }
    open = open && send_block(to, block, size);
    if (open) {
      sent += (int64_t)size;
      hub_log_sent(to->ticket, (int64_t)size);
    }
    if (rule->cut > 0 && sent == rule->cut) {
      open = false;
    }
    if (rule->rate > 0) {
      hub_sleep((int64_t)size * 1000 / rule->rate);
    }
  }
  free(block);
  if (open && rule->chunked) {
    text end = {0};
    add_text(&end, "0\r\n");
    expand(&end, rule->trailer == NULL ? "" : rule->trailer);
    add_text(&end, "\r\n");
    open = send_slowly(to, end.data, end.size);
    free(end.data);
  }
  return open && !endless;
}

static const char *reason(int64_t status) {
  switch (status) {
    case 200:
      return "OK";
    case 206:
      return "Partial Content";
    case 302:
      return "Found";
    case 307:
      return "Temporary Redirect";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 416:
      return "Range Not Satisfiable";
    default:
      return "Status";
  }
}

static void add_head(const answering *to, text *head) {
  const hub_rule *rule = to->rule;
  char line[200];
  if (rule->before != NULL) {
    expand(head, rule->before);
  }
  if (rule->raw != NULL) {
    expand(head, rule->raw);
    return;
  }
  snprintf(line, sizeof line, "HTTP/1.1 %lld %s\r\n", (long long)to->status, reason(to->status));
  add_text(head, line);
  if (to->content_range != NULL) {
    snprintf(line, sizeof line, "Content-Range: %s\r\n", to->content_range);
    add_text(head, line);
  }
  expand(head, rule->headers == NULL ? "" : rule->headers);
  const bool bare = to->status < 200 || to->status == 204 || to->status == 304;
  if (rule->chunked) {
    add_text(head, "Transfer-Encoding: chunked\r\n");
  }
  if (rule->length != NULL && rule->length[0] != 0) {
    add_text(head, "Content-Length: ");
    expand(head, rule->length);
    add_text(head, "\r\n");
  } else if (rule->length == NULL && !rule->chunked && !bare) {
    snprintf(line, sizeof line, "Content-Length: %lld\r\n", (long long)(to->end - to->start));
    add_text(head, line);
  }
  if (rule->endless == NULL || strcmp(rule->endless, "headers") != 0) {
    add_text(head, "\r\n");
  }
}

/* What part of the content a Range asks for, and what is said about it. */
static void apply_range(answering *to, const hub_incoming *request) {
  char value[100];
  long long first = 0, last = to->content.size - 1;
  const char *how = to->rule->range;
  if (to->status != 200 || strcmp(request->method, "GET") != 0 ||
      !hub_header(request->headers, "Range", value, sizeof value) ||
      sscanf(value, "bytes=%lld-%lld", &first, &last) < 1 ||
      (how != NULL && strcmp(how, "ignore") == 0)) {
    return;
  }
  if (last >= to->content.size) {
    last = to->content.size - 1;
  }
  if ((how != NULL && strcmp(how, "refuse") == 0) || first > last) {
    to->status = 416;
    to->end = to->start;
    snprintf(to->range_text, sizeof to->range_text, "bytes */%lld", (long long)to->content.size);
  } else {
    to->status = 206;
    to->start = first;
    to->end = last + 1;
    snprintf(to->range_text, sizeof to->range_text, "bytes %lld-%lld/%lld", first, last,
             (long long)to->content.size);
  }
  to->content_range = how == NULL || to->status == 416 ? to->range_text : how;
}

static void send_endless_headers(const answering *to) {
  char line[1100];
  memset(line, 'a', sizeof line);
  for (int64_t sent = 0; sent < ENDLESS_MAX; sent += 1000) {
    const int size = snprintf(line, 1000, "X-Endless-%lld: ", (long long)sent);
    line[size] = 'a';
    memcpy(line + 998, "\r\n", 2);
    if (!send_slowly(to, line, 1000)) {
      return;
    }
  }
}

static bool keeps_open(const hub_rule *rule, const hub_incoming *request) {
  char value[64] = "";
  hub_header(request->headers, "Connection", value, sizeof value);
  return !rule->close && rule->raw == NULL && strcasecmp(value, "close") != 0 &&
         !(rule->length != NULL && rule->length[0] == 0 && !rule->chunked);
}

static bool send_whole(const answering *to, const hub_incoming *request) {
  const hub_rule *rule = to->rule;
  text head = {0};
  add_head(to, &head);
  if (rule->cut_head != 0) {
    const size_t size = rule->cut_head < 0 ? 0 : (size_t)rule->cut_head;
    send_slowly(to, head.data, size < head.size ? size : head.size);
    free(head.data);
    return false;
  }
  bool open = send_slowly(to, head.data, head.size) && rule->cut >= 0;
  free(head.data);
  if (open && rule->endless != NULL && strcmp(rule->endless, "headers") == 0) {
    send_endless_headers(to);
    return false;
  }
  if (open && (strcmp(request->method, "HEAD") != 0 || rule->body_on_head)) {
    open = send_body(to);
  }
  if (open && rule->extra != NULL) {
    text extra = {0};
    expand(&extra, rule->extra);
    open = send_slowly(to, extra.data, extra.size);
    free(extra.data);
  }
  return open && keeps_open(rule, request);
}

bool hub_answer_send(const hub_connection *connection, const hub_incoming *request,
                     const hub_rule *rule) {
  answering to = {.connection = connection,
                  .rule = rule,
                  .ticket = request->ticket,
                  .status = rule->status == 0 ? 200 : rule->status};
  if (!hub_content_open(&to.content, rule->body, rule->size, rule->seed, rule->file)) {
    return false;
  }
  to.end = to.content.size;
  apply_range(&to, request);
  hub_sleep(rule->wait);
  hub_log_status(to.ticket, to.status);
  const bool open = send_whole(&to, request);
  hub_content_close(&to.content);
  if (!open && rule->reset) {
    setsockopt(connection->socket, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
               sizeof(struct linger));
  }
  return open;
}
