/* What the hub says of a file: the HEAD of huggingface_hub.get_hf_file_metadata. */
#include <stdlib.h>
#include <string.h>

#include "base/locale.h"
#include "hub/hub.h"

#define RETRY_AFTER_LONGEST 300

static char *shown_value(char buffer[JIMM_SHOW_TEXT], const char *value) {
  return jimm_show(buffer, JIMM_SHOW_TEXT, value == NULL ? "" : value,
                   value == NULL ? 0 : strlen(value));
}

/* ---- errors ---- */

bool jimm_hub_status_is_passing(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

double jimm_hub_retry_after(const jimm_http_response *response) {
  bool conflict = false;
  const char *text = jimm_http_field(response, "Retry-After", &conflict);
  return text == NULL ? -1 : (double)jimm_http_number(text, RETRY_AFTER_LONGEST);
}

static bool is_text(const char *value, const char *expected) {
  return value != NULL && strcmp(value, expected) == 0;
}

static jimm_status not_found(const char *what, bool has_token) {
  return jimm_fail(
      JIMM_ERROR_REPO_NOT_FOUND,
      "%s: there is no such repository, or it is private: check the name%s", what,
      has_token ? " and what the token may read" : ", or set HF_TOKEN to a token that may read it");
}

jimm_status jimm_hub_status_error(const jimm_http_response *response, const char *what,
                                  const char *revision, bool has_token) {
  bool conflict = false;
  const char *code = jimm_http_field(response, "X-Error-Code", &conflict);
  const char *message = jimm_http_field(response, "X-Error-Message", &conflict);
  const int status = response->status;
  char shown[JIMM_SHOW_TEXT];
  if (is_text(code, "RevisionNotFound")) {
    return jimm_fail(JIMM_ERROR_REVISION_NOT_FOUND,
                     "%s: the repository has no branch, tag or commit \"%s\"", what, revision);
  }
  if (is_text(code, "EntryNotFound")) {
    return jimm_fail(JIMM_ERROR_ENTRY_NOT_FOUND, "%s: the repository has no such file%s%s%s", what,
                     revision[0] == 0 ? "" : " in revision \"", revision,
                     revision[0] == 0 ? "" : "\"");
  }
  if (is_text(code, "GatedRepo")) {
    return jimm_fail(JIMM_ERROR_GATED_REPO,
                     "%s: access must be asked for: accept the terms on the repository's page%s",
                     what,
                     has_token ? ", with the account of the token"
                               : ", then set HF_TOKEN to a token of that account");
  }
  if (status == 401 && is_text(message, "Invalid credentials in Authorization header")) {
    return jimm_fail(JIMM_ERROR_UNAUTHORIZED,
                     "%s: the hub does not know the token: check HF_TOKEN, or log in again", what);
  }
  if (is_text(code, "RepoNotFound") || status == 401) {
    return not_found(what, has_token);
  }
  if (status == 403) {
    return jimm_fail(JIMM_ERROR_UNAUTHORIZED, "%s: forbidden (403)%s%s", what,
                     message == NULL ? "" : ": ",
                     message == NULL ? "" : shown_value(shown, message));
  }
  if (status == 404 || status == 410) {
    return jimm_fail(JIMM_ERROR_ENTRY_NOT_FOUND, "%s: not found (%d)", what, status);
  }
  return jimm_fail(JIMM_ERROR_NETWORK, "%s: the server answers %d%s%s", what, status,
                   message == NULL ? "" : ": ", message == NULL ? "" : shown_value(shown, message));
}

/* ---- the answer ---- */

/* A field that must not be there twice with different values. */
static const char *field(const jimm_http_response *response, const char *name, const char *what,
                         jimm_status *status) {
  bool conflict = false;
  const char *value = jimm_http_field(response, name, &conflict);
  if (conflict && *status == JIMM_OK) {
    *status = jimm_fail(JIMM_ERROR_FORMAT, "%s: the answer has several %s", what, name);
  }
  return value;
}

/* An etag without the marks around it. */
static const char *strip_etag(jimm_arena *arena, const char *etag) {
  while (*etag == 'W' || *etag == '/') {
    etag++;
  }
  while (*etag == '"') {
    etag++;
  }
  size_t length = strlen(etag);
  while (length > 0 && etag[length - 1] == '"') {
    length--;
  }
  return jimm_arena_format(arena, "%.*s", (int)length, etag);
}

static jimm_status read_etag(jimm_hub_call *call, const jimm_http_response *response,
                             const char *what, jimm_hub_metadata *metadata) {
  jimm_status status = JIMM_OK;
  char shown[JIMM_SHOW_TEXT];
  const char *linked = field(response, "X-Linked-Etag", what, &status);
  const char *etag =
      linked != NULL && linked[0] != 0 ? linked : field(response, "ETag", what, &status);
  if (status != JIMM_OK) {
    return status;
  }
  if (etag == NULL || etag[0] == 0) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: the answer has no ETag: is %s a hub?", what,
                     call->endpoint);
  }
  metadata->etag = strip_etag(&call->arena, etag);
  if (metadata->etag == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  return jimm_hub_is_etag(metadata->etag)
             ? JIMM_OK
             : jimm_fail(JIMM_ERROR_FORMAT,
                         "%s: ETag %s: expected 1 to 200 letters, digits, '-', '_' and '.'", what,
                         shown_value(shown, etag));
}

/* `location`: where the answer leads; NULL: nowhere. */
static jimm_status read_commit(jimm_hub_call *call, const jimm_http_response *response,
                               const char *what, const char *location, const char **commit) {
  jimm_status status = JIMM_OK;
  char shown[JIMM_SHOW_TEXT];
  const char *value = field(response, "X-Repo-Commit", what, &status);
  *commit = NULL;
  if (status != JIMM_OK) {
    return status;
  }
  if (value == NULL && location != NULL) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: the answer has no X-Repo-Commit, and leads to %.*s: is %s the hub's own "
                     "address?",
                     what, jimm_http_shown(location), location, call->endpoint);
  }
  if (value == NULL) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: the answer has no X-Repo-Commit: is %s a hub?", what,
                     call->endpoint);
  }
  if (!jimm_hub_is_commit(value)) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: X-Repo-Commit %s: expected 40 hexadecimal digits",
                     what, shown_value(shown, value));
  }
  *commit = jimm_arena_strdup(&call->arena, value);
  return *commit == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

static jimm_status read_size(const jimm_http_response *response, const char *what,
                             jimm_hub_metadata *metadata) {
  jimm_status status = JIMM_OK;
  char shown[JIMM_SHOW_TEXT];
  const char *text = field(response, "X-Linked-Size", what, &status);
  const char *encoding = field(response, "Content-Encoding", what, &status);
  text = text != NULL && text[0] == 0 ? NULL : text;
  if (text == NULL && !jimm_hub_is_redirect(response->status) &&
      (encoding == NULL || strcmp(encoding, "identity") == 0)) {
    text = field(response, "Content-Length", what, &status);
  }
  metadata->size = -1;
  if (status != JIMM_OK || text == NULL) {
    return status;
  }
  metadata->size = jimm_http_number(text, JIMM_HUB_SIZE_LARGEST);
  return metadata->size >= 0
             ? JIMM_OK
             : jimm_fail(JIMM_ERROR_FORMAT, "%s: size %s: expected a number of bytes", what,
                         shown_value(shown, text));
}

static jimm_status read_metadata(jimm_hub_call *call, const jimm_http_response *response,
                                 const char *what, const char *url, const char *location,
                                 jimm_hub_metadata *metadata) {
  jimm_status status = read_commit(call, response, what, location, &metadata->commit);
  if (status == JIMM_OK) {
    status = read_etag(call, response, what, metadata);
  }
  if (status == JIMM_OK) {
    status = read_size(response, what, metadata);
  }
  if (status == JIMM_OK) {
    metadata->location = location != NULL ? location : jimm_arena_strdup(&call->arena, url);
    status = metadata->location == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  }
  return status;
}

/* ---- the request ---- */

static bool tick(void *context) {
  jimm_hub_call *call = context;
  return jimm_hub_tell(&call->teller, false);
}

/* Whether `location` says no host of its own. */
static bool is_relative(const char *location) {
  const size_t scheme = strcspn(location, ":/?#");
  return location[scheme] != ':' && strncmp(location, "//", 2) != 0;
}

jimm_status jimm_hub_read_answer(jimm_hub_call *call, const jimm_hub_file *file, const char *url,
                                 const jimm_http_response *response, jimm_hub_metadata *metadata,
                                 jimm_hub_trouble *trouble, char **next) {
  const char *what = file->url;
  jimm_status status = JIMM_OK;
  *next = NULL;
  if (jimm_hub_is_redirect(response->status)) {
    const char *location = field(response, "Location", what, &status);
    if (status != JIMM_OK) {
      return status;
    }
    if (location == NULL) {
      return jimm_fail(JIMM_ERROR_FORMAT, "%s: the answer %d has no Location", what,
                       response->status);
    }
    char *absolute = NULL;
    status = jimm_hub_follow(what, url, location, &absolute);
    if (status != JIMM_OK) {
      return status;
    }
    /* The hub describes the file in the very answer that leads away. An answer that does not, and
     * stays at the hub, is one for a repository that has moved. */
    bool conflict = false;
    const bool describes = jimm_http_field(response, "X-Repo-Commit", &conflict) != NULL;
    bool stays = is_relative(location);
    if (!stays && !describes) {
      status = jimm_http_same_origin(url, absolute, &stays);
    }
    if (status != JIMM_OK) {
      jimm_free(absolute);
      return status;
    }
    if (stays) {
      *next = absolute;
      return JIMM_OK;
    }
    const char *kept = jimm_arena_strdup(&call->arena, absolute);
    jimm_free(absolute);
    return kept == NULL ? JIMM_ERROR_OUT_OF_MEMORY
                        : read_metadata(call, response, what, url, kept, metadata);
  }
  if (response->status == 200) {
    return read_metadata(call, response, what, url, NULL, metadata);
  }
  trouble->transient = jimm_hub_status_is_passing(response->status);
  trouble->wait = jimm_hub_retry_after(response);
  status = jimm_hub_status_error(response, what, file->revision, call->token != NULL);
  trouble->stale_ok =
      status != JIMM_ERROR_REVISION_NOT_FOUND && status != JIMM_ERROR_ENTRY_NOT_FOUND;
  if (status == JIMM_ERROR_ENTRY_NOT_FOUND) {
    bool conflict = false;
    const char *commit = jimm_http_field(response, "X-Repo-Commit", &conflict);
    if (commit != NULL && jimm_hub_is_commit(commit)) {
      trouble->commit = jimm_arena_strdup(&call->arena, commit);
      status = trouble->commit == NULL ? JIMM_ERROR_OUT_OF_MEMORY : status;
    }
  }
  return status;
}

static jimm_status ask(jimm_hub_call *call, const jimm_hub_file *file, const char *url,
                       jimm_hub_metadata *metadata, jimm_hub_trouble *trouble, char **next) {
  const char *fields[4] = {"Accept-Encoding: identity", "User-Agent: jimm/" JIMM_VERSION_STRING};
  if (call->token != NULL) {
    fields[2] = jimm_arena_format(&call->arena, "Authorization: Bearer %s", call->token);
    if (fields[2] == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
  }
  const jimm_http_request request = {.method = "HEAD",
                                     .url = url,
                                     .fields = fields,
                                     .connect_seconds = call->etag_seconds,
                                     .total_seconds = call->etag_seconds,
                                     .tick = tick,
                                     .context = call};
  jimm_http_response response = {0};
  jimm_status status = JIMM_OK;
  *next = NULL;
  switch (jimm_http_perform(call->http, &request, &response, &status)) {
    case JIMM_HTTP_DONE:
      status = jimm_hub_read_answer(call, file, url, &response, metadata, trouble, next);
      break;
    case JIMM_HTTP_STOPPED:
      status = jimm_hub_cancelled(file->filename);
      trouble->stale_ok = false;
      break;
    case JIMM_HTTP_BROKEN:
      trouble->transient = true;
      break;
    case JIMM_HTTP_REFUSED:
      break;
  }
  jimm_http_response_close(&response);
  return status;
}

jimm_status jimm_hub_head(jimm_hub_call *call, const jimm_hub_file *file,
                          jimm_hub_metadata *metadata, jimm_hub_trouble *trouble) {
  *metadata = (jimm_hub_metadata){.size = -1};
  *trouble = (jimm_hub_trouble){.stale_ok = true, .wait = -1};
  jimm_status status = jimm_hub_connect(call);
  char *url = status == JIMM_OK ? jimm_strdup(file->url) : NULL;
  if (status == JIMM_OK && url == NULL) {
    status = JIMM_ERROR_OUT_OF_MEMORY;
  }
  for (int hop = 0; status == JIMM_OK && url != NULL; hop++) {
    char *next = NULL;
    status = ask(call, file, url, metadata, trouble, &next);
    if (status == JIMM_OK && next != NULL && hop >= JIMM_HUB_REDIRECTS_MOST) {
      status = jimm_hub_too_many_redirects(file->url);
    }
    jimm_free(url);
    url = next;
  }
  jimm_free(url);
  return status;
}
