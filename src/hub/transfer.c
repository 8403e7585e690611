/* Bytes from a url into a file: redirects, interrupted connections, verification. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/locale.h"
#include "base/log.h"
#include "base/os.h"
#include "hub/hub.h"

#define ATTEMPTS 5
#define WAIT_LONGEST 8.0
/* What an attempt must bring to count as progress. */
#define PROGRESS_BYTES 65536
/* A file whose size nobody states ends somewhere. */
#define UNSTATED_LARGEST INT64_C(268435456)

typedef struct state {
  jimm_hub_call *call;
  const jimm_hub_transfer *transfer;
  jimm_hash hash;
  int64_t size;    /* -1: not known yet */
  int64_t written; /* bytes in the file, all hashed */
  int64_t asked;   /* where the running request asked to begin */
  int restarts;    /* how often what was there had to be thrown away */
  /* The running request's: */
  jimm_status status;   /* why a callback ended it */
  const char *location; /* or where it leads; in the arena */
  bool again;           /* or that it must begin anew from the start */
  bool expired;         /* or that the url must be asked for anew */
  bool passing;         /* or that another time may go better */
  double wait;          /* seconds that the server asks for; -1: none */
} state;

/* Tells how far it is. */
static bool tell(state *s, bool always) {
  jimm_hub_teller *teller = &s->call->teller;
  teller->now.bytes = s->written;
  teller->now.total = s->size;
  return jimm_hub_tell(teller, always);
}

/* ---- the file ---- */

/* What the bytes can be held to. */
static jimm_hash_type wanted_hash(const jimm_hub_transfer *transfer) {
  return transfer->prefix != NULL ? JIMM_HASH_SHA256
         : transfer->etag == NULL ? JIMM_HASH_NONE
                                  : jimm_hash_of_etag(transfer->etag);
}

/* Throws away what is there. */
static jimm_status restart(state *s) {
  const jimm_hub_transfer *transfer = s->transfer;
  if (ftruncate(transfer->descriptor, 0) != 0 || lseek(transfer->descriptor, 0, SEEK_SET) != 0) {
    return jimm_os_fail(transfer->path, "write", errno);
  }
  s->written = 0;
  const jimm_hash_type type = wanted_hash(transfer);
  /* git's hash begins with the size. */
  const jimm_hash_type known = type == JIMM_HASH_GIT && s->size < 0 ? JIMM_HASH_NONE : type;
  return jimm_hash_begin(&s->hash, known, s->size);
}

static bool fail(state *s, jimm_status status) {
  s->status = status;
  return false;
}

static bool receive(void *context, const void *data, size_t size) {
  state *s = context;
  const jimm_hub_transfer *transfer = s->transfer;
  const int64_t most = s->size >= 0 ? s->size : UNSTATED_LARGEST;
  if ((int64_t)size > most - s->written) {
    return fail(s, s->size >= 0
                       ? jimm_fail(JIMM_ERROR_INTEGRITY, "%s: expected %lld bytes, got more",
                                   transfer->name, (long long)s->size)
                       : jimm_fail(JIMM_ERROR_LIMIT,
                                   "%s: the server does not say how long the file is, and sends "
                                   "more than %lld bytes",
                                   transfer->name, (long long)UNSTATED_LARGEST));
  }
  const char *bytes = data;
  size_t left = size;
  while (left > 0) {
    const ssize_t written = write(transfer->descriptor, bytes, left);
    if (written < 0 && errno != EINTR) {
      return fail(s, jimm_os_fail(transfer->path, "write", errno));
    }
    bytes += written < 0 ? 0 : written;
    left -= written < 0 ? 0 : (size_t)written;
  }
  if (!jimm_hash_add(&s->hash, data, size)) {
    return fail(s, jimm_fail(JIMM_ERROR_INTERNAL, "OpenSSL cannot hash"));
  }
  s->written += (int64_t)size;
  return tell(s, false) || fail(s, jimm_hub_cancelled(transfer->name));
}

static bool tick(void *context) {
  state *s = context;
  return tell(s, false) || fail(s, jimm_hub_cancelled(s->transfer->name));
}

/* ---- the answer's header ---- */

/* "bytes FIRST-LAST/TOTAL" must continue what is there, up to the end. */
static bool continues(state *s, const char *range) {
  static const char unit[] = "bytes ";
  if (range == NULL || strncmp(range, unit, sizeof unit - 1) != 0) {
    return false;
  }
  range += sizeof unit - 1;
  const int64_t first = jimm_http_read_number(&range, JIMM_HUB_SIZE_LARGEST);
  const bool dash = *range == '-';
  range += dash;
  const int64_t last = jimm_http_read_number(&range, JIMM_HUB_SIZE_LARGEST);
  const bool slash = *range == '/';
  range += slash;
  const int64_t total = jimm_http_number(range, JIMM_HUB_SIZE_LARGEST);
  return dash && slash && first == s->written && last >= first && last == total - 1 &&
         (s->size < 0 || total == s->size);
}

static bool begin_whole(state *s, const jimm_http_response *response) {
  bool conflict = false;
  const char *text = jimm_http_field(response, "Content-Length", &conflict);
  const int64_t length = text == NULL ? -1 : jimm_http_number(text, JIMM_HUB_SIZE_LARGEST);
  if (conflict || (text != NULL && length < 0)) {
    return fail(s, jimm_fail(JIMM_ERROR_FORMAT, "%s: the answer's Content-Length is no number",
                             s->transfer->name));
  }
  if (s->size >= 0 && length >= 0 && length != s->size) {
    return fail(s, jimm_fail(JIMM_ERROR_INTEGRITY, "%s: expected %lld bytes, the server has %lld",
                             s->transfer->name, (long long)s->size, (long long)length));
  }
  if (s->size < 0) {
    s->size = length;
  }
  if (s->written > 0 || s->hash.type == JIMM_HASH_NONE) {
    const jimm_status status = restart(s); /* the range was ignored, or the size is known now */
    return status == JIMM_OK || fail(s, status);
  }
  return true;
}

static bool begin_redirect(state *s, const jimm_http_response *response) {
  bool conflict = false;
  const char *location = jimm_http_field(response, "Location", &conflict);
  if (location == NULL || conflict) {
    return fail(s, jimm_fail(JIMM_ERROR_FORMAT, "%s: the answer %d has no Location",
                             s->transfer->name, response->status));
  }
  s->location = jimm_arena_strdup(&s->call->arena, location);
  return s->location != NULL ? false : fail(s, JIMM_ERROR_OUT_OF_MEMORY);
}

/* What is at a plain url has no token that could help. */
static jimm_status plain_error(const char *url, int status) {
  const bool forbidden = status == 401 || status == 403;
  return jimm_fail(status == 404 || status == 410 ? JIMM_ERROR_ENTRY_NOT_FOUND
                   : forbidden                    ? JIMM_ERROR_UNAUTHORIZED
                                                  : JIMM_ERROR_NETWORK,
                   "%s: the server answers %d%s", url, status, forbidden ? ", forbidden" : "");
}

static bool begin_error(state *s, const jimm_http_response *response) {
  const int status = response->status;
  s->passing = jimm_hub_status_is_passing(status);
  s->wait = jimm_hub_retry_after(response);
  /* Signed urls are good for a while. */
  s->expired = s->transfer->renew != NULL &&
               (status == 400 || status == 401 || status == 403 || status == 404 || status == 410);
  const jimm_hub_transfer *transfer = s->transfer;
  return fail(s, transfer->trusted == NULL
                     ? plain_error(transfer->name, status)
                     : jimm_hub_status_error(response, transfer->name, "", s->call->token != NULL));
}

static bool begin(void *context, const jimm_http_response *response) {
  state *s = context;
  bool conflict = false;
  if (jimm_hub_is_redirect(response->status)) {
    return begin_redirect(s, response);
  }
  if (response->status == 416 && s->asked > 0) {
    s->again = true;
    return false;
  }
  if (response->status != 200 && response->status != 206) {
    return begin_error(s, response);
  }
  const char *encoding = jimm_http_field(response, "Content-Encoding", &conflict);
  if (encoding != NULL && (conflict || strcasecmp(encoding, "identity") != 0)) {
    return fail(s, jimm_fail(JIMM_ERROR_FORMAT,
                             "%s: expected the bytes as they are, the server encodes them",
                             s->transfer->name));
  }
  if (response->status == 200) {
    return begin_whole(s, response);
  }
  const char *range = jimm_http_field(response, "Content-Range", &conflict);
  if (s->asked > 0 && !conflict && continues(s, range)) {
    return true;
  }
  if (s->asked > 0) {
    s->again = true; /* another part than was asked for: from the start, then */
    return false;
  }
  return fail(s, jimm_fail(JIMM_ERROR_FORMAT, "%s: the server sends a part that nobody asked for",
                           s->transfer->name));
}

/* ---- one attempt: a request and its redirects ---- */

static jimm_http_outcome request_once(state *s, const char *url, bool trusted,
                                      jimm_status *status) {
  jimm_hub_call *call = s->call;
  jimm_arena scratch = {0};
  const char *fields[5] = {"Accept-Encoding: identity", "User-Agent: jimm/" JIMM_VERSION_STRING};
  int count = 2;
  bool made = true;
  if (trusted && call->token != NULL) {
    fields[count] = jimm_arena_format(&scratch, "Authorization: Bearer %s", call->token);
    made = fields[count++] != NULL;
  }
  s->asked = s->written;
  if (made && s->written > 0) {
    fields[count] = jimm_arena_format(&scratch, "Range: bytes=%lld-", (long long)s->written);
    made = fields[count] != NULL;
  }
  s->status = JIMM_OK;
  s->location = NULL;
  s->again = s->expired = s->passing = false;
  s->wait = -1;
  jimm_http_outcome outcome = JIMM_HTTP_REFUSED;
  *status = JIMM_ERROR_OUT_OF_MEMORY;
  if (made) {
    const jimm_http_request request = {.method = "GET",
                                       .url = url,
                                       .fields = fields,
                                       .connect_seconds = call->download_seconds,
                                       .idle_seconds = call->download_seconds,
                                       .begin = begin,
                                       .data = receive,
                                       .tick = tick,
                                       .context = s};
    jimm_http_response response = {0};
    outcome = jimm_http_perform(call->http, &request, &response, status);
    jimm_http_response_close(&response);
  }
  jimm_arena_close(&scratch);
  return outcome;
}

/* Follows redirects from `start`. The token goes to the trusted origin, and nowhere any more once a
 * redirect has left it. */
static jimm_http_outcome attempt(state *s, const char *start, jimm_status *status) {
  const jimm_hub_transfer *transfer = s->transfer;
  bool trusted = false;
  if (transfer->trusted != NULL) {
    *status = jimm_http_same_origin(transfer->trusted, start, &trusted);
    if (*status != JIMM_OK) {
      return JIMM_HTTP_REFUSED;
    }
  }
  const char *url = start;
  for (int hop = 0; hop <= JIMM_HUB_REDIRECTS_MOST; hop++) {
    const jimm_http_outcome outcome = request_once(s, url, trusted, status);
    if (transfer->etag != NULL && (outcome == JIMM_HTTP_BROKEN || outcome == JIMM_HTTP_REFUSED)) {
      jimm_fail_context(*status, "%s", transfer->name);
    }
    if (outcome != JIMM_HTTP_STOPPED || s->location == NULL || s->status != JIMM_OK) {
      return outcome;
    }
    char *next = NULL;
    *status = jimm_hub_follow(transfer->name, url, s->location, &next);
    if (*status != JIMM_OK) {
      return JIMM_HTTP_REFUSED;
    }
    bool same = false;
    *status = trusted ? jimm_http_same_origin(url, next, &same) : JIMM_OK;
    trusted = same;
    url = jimm_arena_strdup(&s->call->arena, next);
    jimm_free(next);
    if (url == NULL || *status != JIMM_OK) {
      *status = JIMM_ERROR_OUT_OF_MEMORY;
      return JIMM_HTTP_REFUSED;
    }
  }
  *status = jimm_hub_too_many_redirects(transfer->name);
  return JIMM_HTTP_REFUSED;
}

/* ---- all attempts ---- */

typedef enum verdict { WHOLE, RETRY, RENEW, GIVE_UP } verdict;

static verdict judge(state *s, jimm_http_outcome outcome, jimm_status *status) {
  switch (outcome) {
    case JIMM_HTTP_DONE:
      if (s->size < 0 || s->written == s->size) {
        return WHOLE;
      }
      *status = jimm_fail(JIMM_ERROR_NETWORK, "%s: the connection ended after %lld of %lld bytes",
                          s->transfer->name, (long long)s->written, (long long)s->size);
      return RETRY;
    case JIMM_HTTP_STOPPED:
      *status = s->status;
      if (s->again) {
        *status = restart(s);
        if (*status == JIMM_OK) {
          *status = jimm_fail(JIMM_ERROR_NETWORK, "%s: the server cannot go on from where it was",
                              s->transfer->name);
          return s->restarts++ < ATTEMPTS ? RETRY : GIVE_UP;
        }
        return GIVE_UP;
      }
      return s->expired ? RENEW : s->passing ? RETRY : GIVE_UP;
    case JIMM_HTTP_BROKEN:
      return RETRY;
    case JIMM_HTTP_REFUSED:
      return GIVE_UP;
  }
  return GIVE_UP;
}

/* Five attempts that bring nothing end it, and so does having to begin anew more often than that.
 */
static jimm_status get_all(state *s) {
  const jimm_hub_transfer *transfer = s->transfer;
  const char *url = transfer->url;
  double wait = 0;
  for (int fruitless = 0;;) {
    const int64_t before = s->written;
    jimm_status status = JIMM_OK;
    const verdict what = judge(s, attempt(s, url, &status), &status);
    if (what == WHOLE) {
      return JIMM_OK;
    }
    if (what == GIVE_UP) {
      return status;
    }
    if (what == RENEW) {
      /* A hub that has its troubles, too, is asked again after the next attempt. */
      const char *fresh = NULL;
      bool passing = false;
      const jimm_status renewed = transfer->renew(transfer->context, &fresh, &passing, &s->wait);
      if (renewed != JIMM_OK && !passing) {
        return renewed;
      }
      url = renewed == JIMM_OK ? fresh : url;
      status = renewed == JIMM_OK ? status : renewed;
      wait = renewed == JIMM_OK || wait > 0 ? wait : s->call->retry_seconds;
    }
    const bool fruit = s->written - before >= PROGRESS_BYTES;
    fruitless = fruit ? 0 : fruitless + 1;
    if (fruitless >= ATTEMPTS) {
      return status;
    }
    jimm_log(JIMM_LOG_INFO, "%s; trying again", jimm_error_message());
    const double pause = s->wait >= 0 ? s->wait : wait;
    if (!tell(s, false) || !jimm_hub_wait_to_retry(&s->call->teller, pause)) {
      return jimm_hub_cancelled(transfer->name);
    }
    const double next = wait <= 0 ? s->call->retry_seconds : 2 * wait;
    wait = fruit ? 0 : next < WAIT_LONGEST ? next : WAIT_LONGEST;
  }
}

/* git's hash of a file whose size was not known before its end. */
static jimm_status hash_again(state *s) {
  const jimm_hub_transfer *transfer = s->transfer;
  jimm_status status = jimm_hash_begin(&s->hash, JIMM_HASH_GIT, s->written);
  unsigned char buffer[16384];
  for (int64_t at = 0; status == JIMM_OK && at < s->written;) {
    const ssize_t size = pread(transfer->descriptor, buffer, sizeof buffer, (off_t)at);
    if (size > 0 && jimm_hash_add(&s->hash, buffer, (size_t)size)) {
      at += size;
    } else if (size >= 0 || errno != EINTR) {
      status = jimm_os_fail(transfer->path, "read", size < 0 ? errno : EIO);
    }
  }
  return status;
}

static jimm_status verify(state *s) {
  const jimm_hub_transfer *transfer = s->transfer;
  if (s->hash.type != wanted_hash(transfer)) {
    const jimm_status status = hash_again(s);
    if (status != JIMM_OK) {
      return status;
    }
  }
  char found[JIMM_HASH_TEXT];
  if (!jimm_hash_end(&s->hash, found)) {
    return jimm_fail(JIMM_ERROR_INTERNAL, "OpenSSL cannot hash");
  }
  const char *expected = transfer->prefix != NULL ? transfer->prefix : transfer->etag;
  if (found[0] == 0 || strncmp(found, expected, strlen(expected)) == 0) {
    return JIMM_OK;
  }
  return jimm_fail(JIMM_ERROR_INTEGRITY,
                   "%s: the bytes are not those that were promised: expected the %s %s, got %s",
                   transfer->name, s->hash.type == JIMM_HASH_GIT ? "git hash" : "SHA-256", expected,
                   found);
}

jimm_status jimm_hub_transfer_run(jimm_hub_call *call, const jimm_hub_transfer *transfer) {
  state s = {.call = call, .transfer = transfer, .size = transfer->size};
  call->teller.now = (jimm_hub_progress){.name = transfer->name, .total = transfer->size};
  jimm_status status = jimm_hub_connect(call);
  /* Wrong bytes may be a server's passing fault: once more, from the start. */
  for (int round = 0; round < 2 && status == JIMM_OK; round++) {
    s.size = transfer->size;
    status = restart(&s);
    if (status == JIMM_OK) {
      status = get_all(&s);
    }
    if (status == JIMM_OK) {
      status = verify(&s);
    }
    if (status != JIMM_ERROR_INTEGRITY) {
      break;
    }
    if (round == 0) {
      jimm_log(JIMM_LOG_WARNING, "%s; trying once more", jimm_error_message());
      status = JIMM_OK;
    }
  }
  jimm_hash_close(&s.hash);
  return status == JIMM_OK && !tell(&s, true) ? jimm_hub_cancelled(transfer->name) : status;
}
