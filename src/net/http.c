#include "net/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/os.h"
#include "net/curl.h"

#define SLOWEST 64 /* bytes a second */
#define RECEIVE_BYTES 524288L

struct jimm_http {
  const jimm_curl *curl;
  CURL *easy;
  char message[CURL_ERROR_SIZE];
};

/* One exchange. */
typedef struct exchange {
  const jimm_http_request *request;
  jimm_http_response *response;
  bool complete; /* the header is */
  bool stopped;  /* a callback wants no more */
  bool silent;   /* nothing came for idle_seconds */
  double heard;  /* when something came last */
} exchange;

jimm_status jimm_http_open(jimm_http **http) {
  const jimm_curl *curl = NULL;
  *http = NULL;
  const jimm_status status = jimm_curl_load(&curl);
  if (status != JIMM_OK) {
    return status;
  }
  jimm_http *opened = jimm_calloc(1, sizeof *opened);
  if (opened == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  opened->curl = curl;
  opened->easy = curl->easy_init();
  if (opened->easy == NULL) {
    jimm_free(opened);
    return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: libcurl cannot begin");
  }
  *http = opened;
  return JIMM_OK;
}

void jimm_http_close(jimm_http **http) {
  if (*http != NULL) {
    (*http)->curl->easy_cleanup((*http)->easy);
    jimm_free(*http);
    *http = NULL;
  }
}

void jimm_http_response_close(jimm_http_response *response) {
  jimm_free(response->fields.data);
  *response = (jimm_http_response){0};
}

/* ---- what libcurl calls ---- */

/* The header ends here: of an answer to come ("100 Continue"), or of the answer. */
static void end_header(exchange *e) {
  if (e->response->status < 200) {
    return;
  }
  e->complete = true;
  if (e->request->begin != NULL && !e->request->begin(e->request->context, e->response)) {
    e->stopped = true;
  }
}

static size_t receive_field(char *line, size_t one, size_t size, void *context) {
  exchange *e = context;
  (void)one;
  e->heard = jimm_os_seconds();
  if (e->complete) {
    return size; /* a trailer: nobody asked for one */
  }
  if (jimm_http_receive_line(e->response, line, size)) {
    end_header(e);
  }
  const jimm_http_response *response = e->response;
  return response->malformed != NULL || e->stopped || response->fields.failed ? 0 : size;
}

static size_t receive_data(char *data, size_t one, size_t size, void *context) {
  exchange *e = context;
  (void)one;
  const jimm_http_request *request = e->request;
  if (request->data != NULL && !request->data(request->context, data, size)) {
    e->stopped = true;
    return 0;
  }
  e->heard = jimm_os_seconds(); /* what the callback took was not the server's time */
  return size;
}

static int receive_tick(void *context, curl_off_t total, curl_off_t now, curl_off_t upload_total,
                        curl_off_t upload_now) {
  exchange *e = context;
  (void)total;
  (void)now;
  (void)upload_total;
  (void)upload_now;
  if (e->request->tick != NULL && !e->request->tick(e->request->context)) {
    e->stopped = true;
    return 1;
  }
  /* libcurl's lowest speed is a mean over seconds: after a burst it sees a silence late. */
  if (e->request->idle_seconds > 0 && jimm_os_seconds() - e->heard > e->request->idle_seconds) {
    e->silent = true;
    return 1;
  }
  return 0;
}

/* ---- the request ---- */

static long milliseconds(double seconds) {
  return seconds > 1e6 ? 1000000000L : (long)(seconds * 1000 + 0.5);
}

/* False when an option cannot be set: for lack of memory, as libcurl is new enough. */
static bool set_options(const jimm_http *http, exchange *e, struct curl_slist *fields) {
  bool set = true;
  const jimm_http_request *request = e->request;
  CURL *easy = http->easy;
  /* Other errors are none: after a name that was not found, libcurl refuses to set BUFFERSIZE. */
#define SET(option, value) \
  set = http->curl->easy_setopt(easy, CURLOPT_##option, value) != CURLE_OUT_OF_MEMORY && set
  SET(ERRORBUFFER, http->message);
  SET(URL, request->url);
  SET(HTTPHEADER, fields);
  SET(PROTOCOLS_STR, "http,https");
  SET(FOLLOWLOCATION, 0L);
  SET(NOSIGNAL, 1L);
  SET(TCP_KEEPALIVE, 1L);
  SET(HTTP09_ALLOWED, 0L);
  SET(SUPPRESS_CONNECT_HEADERS, 1L);
  SET(CONNECTTIMEOUT_MS, milliseconds(request->connect_seconds));
  if (request->total_seconds > 0) {
    SET(TIMEOUT_MS, milliseconds(request->total_seconds));
  }
  if (request->idle_seconds > 0) {
    SET(LOW_SPEED_LIMIT, (long)SLOWEST);
    SET(LOW_SPEED_TIME, (long)(request->idle_seconds + 0.999));
  }
  /* As the curl program and Python's clients let people name their certificates. */
  static const char *const bundles[] = {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"};
  for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++) {
    const char *bundle = getenv(bundles[i]);
    if (bundle != NULL && bundle[0] != 0) {
      SET(CAINFO, bundle);
      break;
    }
  }
  SET(HEADERFUNCTION, receive_field);
  SET(HEADERDATA, e);
  SET(WRITEFUNCTION, receive_data);
  SET(WRITEDATA, e);
  SET(NOPROGRESS, 0L);
  SET(XFERINFOFUNCTION, receive_tick);
  SET(XFERINFODATA, e);
  if (strcmp(request->method, "HEAD") == 0) {
    SET(NOBODY, 1L);
  } else {
    SET(HTTPGET, 1L);
    if (request->body != NULL) {
      SET(POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
      SET(POSTFIELDS, request->body);
    }
    SET(CUSTOMREQUEST, request->method);
  }
#undef SET
  /* Refused while libcurl has a buffer from before; that one serves as well. */
  (void)http->curl->easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
  return set;
}

/* Whether the same request may go well another time. */
static bool is_passing(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return true;
    default:
      return false;
  }
}

static jimm_http_outcome judge(const jimm_http *http, const exchange *e, CURLcode code,
                               jimm_status *status) {
  const char *url = e->request->url;
  const int shown = jimm_http_shown(url);
  /* libcurl calls a field of more than 100 KiB so. */
  const bool long_field =
      code == CURLE_OUT_OF_MEMORY && e->response->status > 0 && !e->complete && !e->stopped;
  if (long_field && !e->response->fields.failed) {
    *status = jimm_fail(JIMM_ERROR_NETWORK,
                        "%.*s: the answer's header has a field that is too long", shown, url);
    return JIMM_HTTP_REFUSED;
  }
  if (e->response->fields.failed || code == CURLE_OUT_OF_MEMORY) {
    *status = jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: the answer of %.*s", shown, url);
    return JIMM_HTTP_REFUSED;
  }
  if (e->stopped) {
    return JIMM_HTTP_STOPPED;
  }
  if (e->response->malformed != NULL) {
    *status = jimm_fail(JIMM_ERROR_NETWORK, "%.*s: the answer's header has %s", shown, url,
                        e->response->malformed);
    return JIMM_HTTP_REFUSED;
  }
  if (e->silent) {
    *status = jimm_fail(JIMM_ERROR_NETWORK, "%.*s: nothing came for %g seconds", shown, url,
                        e->request->idle_seconds);
    return JIMM_HTTP_BROKEN;
  }
  if (code == CURLE_OK && e->complete) {
    return JIMM_HTTP_DONE;
  }
  const char *reason = http->message[0] != 0 ? http->message : http->curl->easy_strerror(code);
  *status = jimm_fail(JIMM_ERROR_NETWORK, "%.*s: %s", shown, url,
                      code == CURLE_OK ? "no answer in HTTP" : reason);
  return is_passing(code) ? JIMM_HTTP_BROKEN : JIMM_HTTP_REFUSED;
}

jimm_http_outcome jimm_http_perform(jimm_http *http, const jimm_http_request *request,
                                    jimm_http_response *response, jimm_status *status) {
  exchange e = {.request = request, .response = response};
  struct curl_slist *fields = NULL;
  *status = JIMM_OK;
  for (const char *const *field = request->fields; field != NULL && *field != NULL; field++) {
    struct curl_slist *longer = http->curl->slist_append(fields, *field);
    if (longer == NULL) {
      http->curl->slist_free_all(fields);
      *status = jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: a request");
      return JIMM_HTTP_REFUSED;
    }
    fields = longer;
  }
  http->curl->easy_reset(http->easy); /* keeps the connections */
  http->message[0] = 0;
  e.heard = jimm_os_seconds();
  if (!set_options(http, &e, fields)) {
    http->curl->slist_free_all(fields);
    *status = jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: a request");
    return JIMM_HTTP_REFUSED;
  }
  jimm_log(JIMM_LOG_DEBUG, "%s %.*s", request->method, jimm_http_shown(request->url), request->url);
  const CURLcode code = http->curl->easy_perform(http->easy);
  http->curl->slist_free_all(fields);
  return judge(http, &e, code, status);
}
