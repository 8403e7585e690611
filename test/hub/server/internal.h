/* The inside of the hub server: the way of a request through its files.
 *
 *   serve.c    listeners, connections, requests, the log
 *   control.c  /.control: rules, files and the log from outside
 *   rules.c    which rule answers
 *   repo.c     what is published, and how the hub answers from it
 *   answer.c   an answer goes to the client, well or ill
 *   tls.c      the port that speaks TLS
 */
#ifndef TEST_HUB_INTERNAL_H
#define TEST_HUB_INTERNAL_H

#include <sys/types.h>

#include "wire.h"

#define HUB_REQUEST_MAX ((size_t)1 << 17)

typedef struct hub_connection {
  int socket;
  int port;           /* 1 and on */
  struct ssl_st *tls; /* NULL: none */
  bool whole;         /* the last answer was not cut */
  size_t used;
  char buffer[HUB_REQUEST_MAX + 1];
} hub_connection;

typedef struct hub_incoming {
  const char *method, *target, *headers;
  int port;
  int64_t ticket; /* of the log */
} hub_incoming;

/* ---- serve.c ---- */

/* Never returns. The sockets listen already; the ports are those of the whole server. */
_Noreturn void hub_serve(const int *sockets);
int hub_listen(int *port); /* a socket on a free port of 127.0.0.1, or -1 */
int hub_served_port(int port);
/* False: the client is gone. */
bool hub_send(const hub_connection *connection, const void *data, size_t size);
void hub_sleep(int64_t milliseconds);
/* A header's value in `value`; false when there is none. */
bool hub_header(const char *headers, const char *name, char *value, size_t size);

int64_t hub_log_begin(const hub_incoming *request);
void hub_log_status(int64_t ticket, int64_t status);
void hub_log_sent(int64_t ticket, int64_t bytes);
void hub_log_done(int64_t ticket);
json_t *hub_log_json(const char *prefix);
void hub_log_clear(void);

/* ---- control.c ---- */

/* `body` is zero-terminated. */
bool hub_control(hub_connection *connection, const char *target, const char *body);

/* ---- rules.c ---- */

void hub_rules_add(hub_rule *rule); /* takes the texts over */
void hub_rules_clear(void);
/* The first rule that fits, with texts of its own; false: none. */
bool hub_rules_take(const hub_incoming *request, hub_rule *rule);
/* What is set in `over` replaces what `rule` says; headers are appended. */
void hub_rules_merge(hub_rule *rule, const hub_rule *over);

/* ---- repo.c ---- */

/* Takes the texts over. False: a file that can't be read. */
bool hub_repo_publish(hub_file *file, char etag[65]);
void hub_repo_clear(void);
/* The hub's answer, with texts of its own. */
void hub_repo_answer(const hub_incoming *request, hub_rule *answer);

/* ---- tls.c ---- */

void hub_tls_begin(void);
const char *hub_tls_certificate(void); /* in PEM */
bool hub_tls_accept(hub_connection *connection);
ssize_t hub_tls_receive(const hub_connection *connection, void *data, size_t size);
ssize_t hub_tls_send(const hub_connection *connection, const void *data, size_t size);
void hub_tls_close(hub_connection *connection, bool whole); /* whole: says goodbye */

/* ---- answer.c ---- */

/* True: the connection stays open for the next request. */
bool hub_answer_send(const hub_connection *connection, const hub_incoming *request,
                     const hub_rule *answer);

#endif
