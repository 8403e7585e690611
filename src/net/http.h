/* HTTP: one request and its answer. Redirects, retries and ranges are the caller's: they are where
 * clients differ, and where tokens leak. */
#ifndef JIMM_NET_HTTP_H
#define JIMM_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/status.h>

#include "base/alloc.h"

/* A connection, kept open between requests to the same server. One thread at a time. */
typedef struct jimm_http jimm_http;
jimm_status jimm_http_open(jimm_http **http);
void jimm_http_close(jimm_http **http);

typedef struct jimm_http_response {
  int status;       /* 200 */
  jimm_text fields; /* name, zero byte, value, zero byte, ... */
  int field_count;
  const char *malformed; /* what is wrong with the header; NULL: nothing */
} jimm_http_response;
/* Takes a line of the header, with or without its end; each status line begins anew. True for the
 * empty line at the end. */
bool jimm_http_receive_line(jimm_http_response *response, const char *line, size_t size);
/* The value of the header field `name` (case ignored), trimmed; NULL when there is none, "" with
 * *conflict set when it is there several times with different values. */
const char *jimm_http_field(const jimm_http_response *response, const char *name, bool *conflict);
void jimm_http_response_close(jimm_http_response *response);
/* The decimal number that `text` is; -1 when it is none, or more than `largest`. */
int64_t jimm_http_number(const char *text, int64_t largest);
/* The same at the beginning of *text, which moves behind the digits. */
int64_t jimm_http_read_number(const char **text, int64_t largest);

typedef struct jimm_http_request {
  const char *method;        /* "GET", "HEAD", "POST", ... */
  const char *url;           /* http or https */
  const char *const *fields; /* "Name: value", ended by NULL */
  const void *body;          /* sent when not NULL */
  size_t body_size;
  double connect_seconds; /* until there is a connection */
  double idle_seconds;    /* fewer than 64 bytes a second for so long: no answer; 0: no limit */
  double total_seconds;   /* for everything; 0: no limit */
  /* Called when the header is complete, before the body; false ends the exchange. May be NULL. */
  bool (*begin)(void *context, const jimm_http_response *response);
  /* Receives the body in pieces; false ends the exchange. NULL: the body is dropped. */
  bool (*data)(void *context, const void *data, size_t size);
  /* Called several times a second while nothing happens, too; false ends the exchange. May be NULL.
   */
  bool (*tick)(void *context);
  void *context;
} jimm_http_request;

typedef enum jimm_http_outcome {
  JIMM_HTTP_DONE,    /* an answer, whatever its status, with its whole body */
  JIMM_HTTP_STOPPED, /* a callback ended it */
  JIMM_HTTP_BROKEN,  /* no connection, or lost, or too slow: it may go better another time */
  JIMM_HTTP_REFUSED  /* no HTTP, a bad certificate, out of memory: it will not */
} jimm_http_outcome;

/* Sends the request. `response` (zeroed by the caller, closed by it in any case) has the status and
 * fields as far as they came. For BROKEN and REFUSED the thread's message says why, and *status,
 * which is JIMM_OK otherwise, is JIMM_ERROR_NETWORK or what else it was. */
jimm_http_outcome jimm_http_perform(jimm_http *http, const jimm_http_request *request,
                                    jimm_http_response *response, jimm_status *status);

/* ---- urls ---- */

/* `location` as seen from `base` (RFC 3986): *absolute is from jimm_alloc. FORMAT when it is no
 * http or https url, or has a user name: those are no redirects that a client should follow. */
jimm_status jimm_http_join(const char *base, const char *location, char **absolute);
/* Whether both have the same scheme, host and port. False for what is no url. */
jimm_status jimm_http_same_origin(const char *a, const char *b, bool *same);
bool jimm_http_is_secure(const char *url); /* https */
/* The url without its query, which may hold signatures, for messages: length of that part. */
int jimm_http_shown(const char *url);

#endif
