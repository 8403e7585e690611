/* A hub on this machine, for tests of the client: it publishes files as the Hugging Face Hub does,
 * misbehaves where a rule says so, and keeps a log of all requests.
 *
 *   hub_server_start();    in TEST_SETUP: a child process, forked before threads
 *   hub_publish(&(hub_file){.repo = "ns/name", .commit = C, .revisions = "main",
 *                           .name = "a.txt", .body = "text"}, etag);
 *   hub_rule_add(&(hub_rule){.method = "GET", .target = "/ns/name/", .prefix = true, .times = 1,
 *                            .hub = true, .cut = 100, .reset = true});
 *
 * It listens on several ports of 127.0.0.1: the first is the hub, the second its content network,
 * the third a stranger, the fourth the hub by TLS. A request that no rule answers is answered from
 * what is published, and what is not published is refused as the hub refuses it. The program
 * hub_server is the same for others: the calls are requests to /.control (control.c), in JSON.
 *
 * In headers, raw, before, body, extra and trailer some words are replaced: @1@ to @4@ by the
 * ports, @nul@ by a zero byte, @a100@ by a hundred times the letter a, @h100@ by as many headers.
 */
#ifndef TEST_HUB_SERVER_H
#define TEST_HUB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HUB_PORTS 4

/* When a request is matched, and what it gets. Rules are tried in their order. Texts may be NULL;
 * they are bytes, not necessarily UTF-8. */
typedef struct hub_rule {
  const char *method; /* NULL: any */
  const char *target; /* of the request line, as it is sent; NULL: any */
  bool prefix;        /* target is only the beginning */
  int64_t port;       /* 1 to 4; 0: any */
  const char *header; /* must occur in the request's headers, in any case */
  int64_t times;      /* then the rule is used up; 0: never */
  bool first;         /* goes before the rules that are there */

  bool hub;            /* as the hub answers, changed by what else is set here */
  int64_t status;      /* 0: 200 */
  const char *headers; /* lines with their ends, verbatim; the server adds the length */
  const char *raw;     /* instead of status line and headers */
  const char *before;  /* before the status line */
  const char *body;    /* or: */
  int64_t size, seed;  /* so many bytes of hub_bytes */
  const char *file;    /* or the bytes of that file */
  const char *length;  /* Content-Length as it is sent; "": none; NULL: the true one */
  bool chunked;        /* Transfer-Encoding */
  const char *trailer; /* headers after the last chunk */
  const char *range; /* to a Range: NULL honours it, "ignore" sends 200, "refuse" 416; else 206 and
                        this as Content-Range */
  bool body_on_head; /* the body follows the headers of a HEAD, too */
  const char *extra; /* after the body */
  const char *endless; /* "headers" or "body": until the client goes away */
  int64_t wait;        /* milliseconds before the first byte */
  int64_t pause_at;    /* after so many bytes of the body, wait */
  int64_t pause;       /* milliseconds */
  int64_t drip;        /* milliseconds after each byte, of the headers too */
  int64_t rate;        /* bytes of the body in a second */
  int64_t cut;         /* ends after so many bytes of the body; -1: after the headers */
  int64_t cut_head;    /* ends after so many bytes of the headers; -1: before them */
  bool reset;          /* a cut is a reset, not an end */
  bool close;          /* the connection ends after the answer, without being announced */
} hub_rule;

typedef struct hub_file {
  int64_t type;          /* jimm_repo_type */
  const char *repo;      /* "ns/name" */
  const char *commit;    /* 40 digits */
  const char *revisions; /* names for the commit, separated by spaces; moves those that exist */
  const char *name;      /* in the repository; NULL: a commit without files */
  const char *body;      /* or */
  int64_t size, seed;    /* so many bytes of hub_bytes */
  const char *file;      /* or the bytes of that file */
  bool lfs;              /* redirect to the content network; else the answer itself */
  bool cached;           /* a relative redirect to /api/resolve-cache */
  bool no_size;          /* no X-Linked-Size */
  bool secure;           /* the content network's address is one of https */
  const char *token;     /* private: needs that token */
  bool gated;            /* its terms have not been accepted */
} hub_file;

/* A request that came, and what happened to it. */
typedef struct hub_request {
  int64_t number; /* 0 is the first */
  int64_t port;   /* 1 to 4 */
  char *method, *target;
  char *headers;   /* the lines as they came, without the request line */
  int64_t status;  /* that was sent; 0: none */
  int64_t sent;    /* bytes of the body */
  bool done;       /* nothing more is sent */
  int64_t time_ms; /* since the server's start */
} hub_request;

typedef struct hub_log {
  hub_request *items;
  int count;
} hub_log;

/* Starts the server; it ends with this process. Failures end the running test. */
void hub_server_start(void);
void hub_server_stop(void);
/* "http://127.0.0.1:PORT" of a port; https of the fourth. */
const char *hub_endpoint(int port);
int hub_port(int port);
/* Writes the certificate of the fourth port, for SSL_CERT_FILE. */
void hub_certificate(const char *path);

void hub_rule_add(const hub_rule *rule);
/* etag[65] (may be NULL) receives the name that the file's blob will have. */
void hub_publish(const hub_file *file, char *etag);
/* Forgets rules, the log, and what is published. */
void hub_clear(void);
/* Forgets rules and the log. */
void hub_clear_rules(void);

/* The requests whose target begins with `prefix` (NULL: all); hub_log_free gives them back. */
hub_log hub_log_read(const char *prefix);
void hub_log_free(hub_log *log);
/* How many of them have that method (NULL: any). Asks the server. */
int hub_count(const char *method, const char *prefix);
/* The value of a header, "" when it has none; valid until the next call. */
const char *hub_request_header(const hub_request *request, const char *name);

/* Bytes `offset` and on of the endless sequence `seed`. */
void hub_bytes(int64_t seed, int64_t offset, void *bytes, size_t size);
/* The name that the hub gives to those bytes: git's SHA-1 of a blob, or SHA-256. */
void hub_name_bytes(const void *bytes, size_t size, bool lfs, char name[65]);

#endif
