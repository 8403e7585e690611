/* Options and environment of the hub, as huggingface_hub.constants reads them. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/locale.h"
#include "base/options.h"
#include "base/os.h"
#include "hub/hub.h"

#define PUBLIC_HUB "https://huggingface.co"
#define TOKEN_LIMIT ((size_t)4096)
#define SECONDS_DEFAULT 10.0

/* A variable's value; NULL when it is unset or empty. */
static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value == NULL || value[0] == 0 ? NULL : value;
}

/* As Python's client: 1, ON, YES, TRUE in any case. */
static bool is_true(const char *value) {
  static const char *const words[] = {"1", "ON", "YES", "TRUE"};
  for (size_t i = 0; value != NULL && i < sizeof words / sizeof words[0]; i++) {
    if (strcasecmp(value, words[i]) == 0) {
      return true;
    }
  }
  return false;
}

static double seconds_of(const char *name, double standard, double least) {
  const char *text = variable(name);
  if (text == NULL) {
    return standard;
  }
  char *end = NULL;
  const double value = jimm_strtod(text, &end);
  return end != text && *end == 0 && isfinite(value) && value >= least ? value : standard;
}

/* ---- paths ---- */

/* Appends the home folder of the user whose name has `length` bytes at `name`; of who runs the
 * program when that is none. False when there is no such user. */
static bool append_home(const char *name, size_t length, jimm_text *out) {
  enum { BYTES = 16384 };
  const char *home = length == 0 ? variable("HOME") : NULL;
  if (home != NULL) {
    jimm_text_append_bytes(out, home, strlen(home));
    return true;
  }
  char *buffer = jimm_alloc(BYTES);
  char *user = jimm_strndup(name, length);
  struct passwd entry, *found = NULL;
  if (buffer == NULL || user == NULL) {
    out->failed = 1;
  } else if (length == 0) {
    (void)getpwuid_r(getuid(), &entry, buffer, BYTES, &found);
  } else {
    (void)getpwnam_r(user, &entry, buffer, BYTES, &found);
  }
  if (found != NULL && found->pw_dir != NULL) {
    jimm_text_append_bytes(out, found->pw_dir, strlen(found->pw_dir));
  }
  jimm_free(user);
  jimm_free(buffer);
  return found != NULL && found->pw_dir != NULL;
}

/* Appends the value of the variable that `text` begins with after its "$"; returns its length, 0
 * when it is none or unset: then it stays as it is (os.path.expandvars). */
static size_t expand_variable(const char *text, jimm_text *out) {
  const bool braces = text[1] == '{';
  const char *name = text + 1 + braces;
  const size_t length = braces ? strcspn(name, "}")
                               : strspn(name,
                                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789_");
  if (length == 0 || (braces && name[length] != '}')) {
    return 0;
  }
  char *key = jimm_strndup(name, length);
  if (key == NULL) {
    out->failed = 1;
    return 0;
  }
  const char *value = getenv(key);
  jimm_free(key);
  if (value == NULL) {
    return 0;
  }
  jimm_text_append_bytes(out, value, strlen(value));
  return length + 1 + 2 * (size_t)braces;
}

/* An absolute path without a slash at its end: "~", "~user" and variables expanded. */
static const char *expand(jimm_arena *arena, const char *path) {
  jimm_text out = {0};
  if (path[0] == '~') {
    const size_t user = strcspn(path + 1, "/");
    path += append_home(path + 1, user, &out) ? 1 + user : 0;
  }
  while (*path != 0) {
    const size_t length = *path == '$' ? expand_variable(path, &out) : 0;
    if (length == 0) {
      jimm_text_append_bytes(&out, path, 1);
    }
    path += length == 0 ? 1 : length;
  }
  char *text = jimm_text_take(&out);
  if (text == NULL) {
    return NULL;
  }
  size_t length = strlen(text);
  while (length > 1 && text[length - 1] == '/') {
    text[--length] = 0;
  }
  char here[PATH_MAX];
  const bool absolute = text[0] == '/' || getcwd(here, sizeof here) == NULL;
  const char *kept =
      absolute ? jimm_arena_strdup(arena, text) : jimm_arena_format(arena, "%s/%s", here, text);
  jimm_free(text);
  return kept;
}

/* The folder that `name` says, or `fallback` in $XDG_CACHE_HOME or ~/.cache. */
static const char *home_of(jimm_arena *arena, const char *name, const char *fallback) {
  const char *home = variable(name);
  if (home != NULL) {
    return expand(arena, home);
  }
  const char *caches = variable("XDG_CACHE_HOME");
  const char *path =
      jimm_arena_format(arena, "%s/%s", caches == NULL ? "~/.cache" : caches, fallback);
  return path == NULL ? NULL : expand(arena, path);
}

static const char *hub_home(jimm_arena *arena) {
  return home_of(arena, "HF_HOME", "huggingface");
}

jimm_status jimm_hub_cache_folder(const char *option, jimm_arena *arena, const char **path) {
  const char *said = option;
  said = said == NULL || said[0] == 0 ? variable("HF_HUB_CACHE") : said;
  said = said == NULL ? variable("HUGGINGFACE_HUB_CACHE") : said;
  if (said == NULL) {
    const char *home = hub_home(arena);
    *path = home == NULL ? NULL : jimm_arena_format(arena, "%s/hub", home);
  } else {
    *path = expand(arena, said);
  }
  return *path == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

jimm_status jimm_hub_torch_folder(jimm_arena *arena, const char **path) {
  const char *home = home_of(arena, "TORCH_HOME", "torch");
  *path = home == NULL ? NULL : jimm_arena_format(arena, "%s/hub/checkpoints", home);
  return *path == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

/* ---- token and endpoint ---- */

/* Takes a token, trimmed. What could not stand in a header is refused: it would add others. */
static jimm_status take_token(jimm_hub_call *call, const char *text, const char *from) {
  const char *end = text + strlen(text);
  while (text < end && strchr(" \t\r\n", *text) != NULL) {
    text++;
  }
  while (end > text && strchr(" \t\r\n", end[-1]) != NULL) {
    end--;
  }
  if (text == end) {
    return JIMM_OK;
  }
  for (const char *c = text; c < end; c++) {
    if (*c <= ' ' || *c > '~') {
      return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                       "%s: expected a token of printable characters, without spaces", from);
    }
  }
  call->token = jimm_arena_format(&call->arena, "%.*s", (int)(end - text), text);
  return call->token == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

static jimm_status read_token_file(jimm_hub_call *call) {
  const char *said = variable("HF_TOKEN_PATH");
  const char *home = said == NULL ? hub_home(&call->arena) : "";
  const char *path = home == NULL   ? NULL
                     : said == NULL ? jimm_arena_format(&call->arena, "%s/token", home)
                                    : expand(&call->arena, said);
  if (path == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  if (!jimm_os_exists(path)) {
    return JIMM_OK;
  }
  unsigned char *text = NULL;
  size_t size = 0;
  jimm_status status = jimm_os_read_file(path, TOKEN_LIMIT, &text, &size);
  if (status == JIMM_OK) {
    status = take_token(call, (const char *)text, path);
  }
  jimm_free(text);
  return status;
}

static jimm_status find_token(jimm_hub_call *call) {
  if (call->options.token != NULL) {
    return take_token(call, call->options.token, "token");
  }
  if (is_true(getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) {
    return JIMM_OK;
  }
  static const char *const names[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *token = variable(names[i]);
    if (token != NULL) {
      const jimm_status status = take_token(call, token, names[i]);
      if (status != JIMM_OK || call->token != NULL) {
        return status;
      }
    }
  }
  return read_token_file(call);
}

static jimm_status find_endpoint(jimm_hub_call *call) {
  const char *said = call->options.endpoint;
  said = said == NULL || said[0] == 0 ? variable("HF_ENDPOINT") : said;
  said = said == NULL ? PUBLIC_HUB : said;
  size_t length = strlen(said);
  while (length > 0 && said[length - 1] == '/') {
    length--;
  }
  const bool plain = strcspn(said, " \t\r\n\"'<>\\^`{|}@?#") == strlen(said);
  const bool http = strncmp(said, "http://", 7) == 0 && length > 7;
  if (!plain || !(http || (strncmp(said, "https://", 8) == 0 && length > 8))) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "endpoint \"%s\": expected http://HOST or https://HOST", said);
  }
  call->endpoint = jimm_arena_format(&call->arena, "%.*s", (int)length, said);
  return call->endpoint == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

/* ---- one call ---- */

jimm_status jimm_hub_call_begin(jimm_hub_call *call, const jimm_hub_options *options) {
  *call = (jimm_hub_call){.options = JIMM_HUB_OPTIONS_INIT};
  jimm_status status =
      jimm_copy_options("jimm_hub_options", options, &call->options, sizeof call->options);
  if (status != JIMM_OK) {
    return status;
  }
  call->teller.tell = call->options.progress;
  call->teller.context = call->options.context;
  const jimm_repo_type type = call->options.repo_type;
  if ((uint32_t)type > JIMM_REPO_SPACE) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "repo_type %d: expected JIMM_REPO_MODEL, _DATASET or _SPACE", (int)type);
  }
  const char *offline = variable("HF_HUB_OFFLINE");
  offline = offline == NULL ? variable("TRANSFORMERS_OFFLINE") : offline;
  call->offline = call->options.offline || is_true(offline);
  call->no_symlinks = is_true(getenv("HF_HUB_DISABLE_SYMLINKS"));
  call->etag_seconds = seconds_of("HF_HUB_ETAG_TIMEOUT", SECONDS_DEFAULT, 0.001);
  call->download_seconds = seconds_of("HF_HUB_DOWNLOAD_TIMEOUT", SECONDS_DEFAULT, 0.001);
  call->retry_seconds = seconds_of("JIMM_HUB_RETRY_SECONDS", 1.0, 0);
  return jimm_hub_cache_folder(call->options.cache, &call->arena, &call->cache);
}

jimm_status jimm_hub_address(jimm_hub_call *call) {
  const jimm_status status = find_endpoint(call);
  return status == JIMM_OK ? find_token(call) : status;
}

void jimm_hub_call_end(jimm_hub_call *call) {
  jimm_http_close(&call->http);
  jimm_arena_close(&call->arena);
}

jimm_status jimm_hub_connect(jimm_hub_call *call) {
  return call->http != NULL ? JIMM_OK : jimm_http_open(&call->http);
}
