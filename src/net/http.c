#include "net/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "net/curl.h"

/* More header than any server sends. */
#define FIELDS_LIMIT ((size_t)262144)
#define FIELD_COUNT_LIMIT 1000
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
  int fields;
  bool complete; /* the header is */
  bool stopped;  /* a callback wants no more */
  const char *malformed;
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

const char *jimm_http_field(const jimm_http_response *response, const char *name, bool *conflict) {
  const char *found = NULL;
  const char *at = response->fields.data;
  const char *end = at == NULL ? NULL : at + response->fields.length;
  while (at != end) {
    const char *value = at + strlen(at) + 1;
    if (strcasecmp(at, name) == 0) {
      if (found != NULL && strcmp(found, value) != 0) {
        *conflict = true;
        return "";
      }
      found = value;
    }
    at = value + strlen(value) + 1;
  }
  return found;
}

/* ---- what libcurl calls ---- */

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The status of "HTTP/1.1 200 OK"; 0 when the line is none. */
static int read_status(const char *line, size_t size) {
  size_t at = 0;
  while (at < size && line[at] != ' ') {
    at++;
  }
  if (size < at + 4 || strncmp(line, "HTTP/", 5) != 0) {
    return 0;
  }
  int status = 0;
  for (size_t i = at + 1; i < at + 4; i++) {
    if (line[i] < '0' || line[i] > '9') {
      return 0;
    }
    status = 10 * status + (line[i] - '0');
  }
  return status;
}

static void add_field(exchange *e, const char *line, size_t size) {
  jimm_text *fields = &e->response->fields;
  const char *colon = memchr(line, ':', size);
  if (is_space(line[0])) {
    e->malformed = "a field that is continued on the next line";
    return;
  }
  if (colon == NULL) {
    return; /* no field; libcurl lets such lines be, and so do browsers */
  }
  for (size_t i = 0; i < size; i++) {
    const unsigned char c = (unsigned char)line[i];
    if ((c < ' ' && c != '\t') || c == 127) {
      e->malformed = "a control character";
      return;
    }
  }
  if (++e->fields > FIELD_COUNT_LIMIT || fields->length + size > FIELDS_LIMIT) {
    e->malformed = "more than 256 KiB or 1000 fields";
    return;
  }
  const char *value = colon + 1;
  const char *end = line + size;
  while (value < end && is_space(*value)) {
    value++;
  }
  while (end > value && is_space(end[-1])) {
    end--;
  }
  jimm_text_append_bytes(fields, line, (size_t)(colon - line));
  jimm_text_append_bytes(fields, "", 1);
  jimm_text_append_bytes(fields, value, (size_t)(end - value));
  jimm_text_append_bytes(fields, "", 1);
}

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
  size_t length = size;
  while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
    length--;
  }
  if (e->complete) {
    return size; /* a trailer: nobody asked for one */
  }
  if (strncmp(line, "HTTP/", size < 5 ? size : 5) == 0 && size >= 5) {
    e->response->status = read_status(line, length);
    e->response->fields.length = 0;
    e->fields = 0;
    if (e->response->status < 100) {
      e->malformed = "a status that is no number of three digits";
    }
  } else if (length == 0) {
    end_header(e);
  } else {
    add_field(e, line, length);
  }
  return e->malformed != NULL || e->stopped || e->response->fields.failed ? 0 : size;
}

static size_t receive_data(char *data, size_t one, size_t size, void *context) {
  exchange *e = context;
  (void)one;
  const jimm_http_request *request = e->request;
  if (request->data != NULL && !request->data(request->context, data, size)) {
    e->stopped = true;
    return 0;
  }
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
  return 0;
}

/* ---- the request ---- */

static long milliseconds(double seconds) {
  return seconds > 1e6 ? 1000000000L : (long)(seconds * 1000 + 0.5);
}

static void set_options(const jimm_http *http, exchange *e, struct curl_slist *fields) {
  const jimm_http_request *request = e->request;
  CURL *easy = http->easy;
#define SET(option, value) (void)http->curl->easy_setopt(easy, CURLOPT_##option, value)
  SET(ERRORBUFFER, http->message);
  SET(URL, request->url);
  SET(HTTPHEADER, fields);
  SET(PROTOCOLS_STR, "http,https");
  SET(FOLLOWLOCATION, 0L);
  SET(NOSIGNAL, 1L);
  SET(TCP_KEEPALIVE, 1L);
  SET(BUFFERSIZE, RECEIVE_BYTES);
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
  if (e->response->fields.failed || code == CURLE_OUT_OF_MEMORY) {
    *status = jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: the answer of %.*s", shown, url);
    return JIMM_HTTP_REFUSED;
  }
  if (e->stopped) {
    return JIMM_HTTP_STOPPED;
  }
  if (e->malformed != NULL) {
    *status =
        jimm_fail(JIMM_ERROR_NETWORK, "%.*s: the answer's header has %s", shown, url, e->malformed);
    return JIMM_HTTP_REFUSED;
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
  set_options(http, &e, fields);
  jimm_log(JIMM_LOG_DEBUG, "%s %.*s", request->method, jimm_http_shown(request->url), request->url);
  const CURLcode code = http->curl->easy_perform(http->easy);
  http->curl->slist_free_all(fields);
  return judge(http, &e, code, status);
}
