/* Names of repositories, files and revisions: what may become part of a path or a url. Stricter
 * than the Python client where that costs nobody a real name. */
#include <string.h>

#include "base/locale.h"
#include "hub/hub.h"

#define NAME_LONGEST 96
#define COMPONENT_LONGEST 255
#define PATH_LONGEST 2048
#define ETAG_LONGEST 200

static const char name_characters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

static bool is_one_of(char c, const char *set) {
  return c != 0 && strchr(set, c) != NULL;
}

static jimm_status wrong(const char *what, const char *name, const char *expected) {
  char shown[JIMM_SHOW_TEXT];
  return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s %s: expected %s", what,
                   jimm_show(shown, sizeof shown, name, strlen(name)), expected);
}

/* ---- repositories ---- */

/* A name or a namespace: begins and ends with a letter, a digit or "_". */
static bool is_name(const char *name, size_t length) {
  return length > 0 && length <= NAME_LONGEST && strspn(name, name_characters) >= length &&
         !is_one_of(name[0], "-.") && !is_one_of(name[length - 1], "-.");
}

jimm_status jimm_hub_check_repo(const char *repo) {
  const char *slash = strchr(repo, '/');
  const char *name = slash == NULL ? repo : slash + 1;
  const size_t length = strlen(name);
  if (!is_name(name, length) || (slash != NULL && !is_name(repo, (size_t)(slash - repo)))) {
    return wrong("repository", repo,
                 "NAME or NAMESPACE/NAME of letters, digits, '-', '_' and '.', at most 96 each, "
                 "that do not begin or end with '-' or '.'");
  }
  if (strstr(repo, "--") != NULL || strstr(repo, "..") != NULL) {
    return wrong("repository", repo, "a name without \"--\" and \"..\"");
  }
  if (length >= 4 && strcmp(name + length - 4, ".git") == 0) {
    return wrong("repository", repo, "a name that does not end with \".git\"");
  }
  return JIMM_OK;
}

/* ---- files and revisions ---- */

static bool is_dots(const char *part, size_t length) {
  return (length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.');
}

/* Paths that Windows would take for another drive or the root count, too: what one machine caches,
 * another may read. `room`: bytes that a component must leave free. */
static const char *path_fault(const char *path, size_t room) {
  const size_t length = strlen(path);
  if (length == 0) {
    return "a name that is not empty";
  }
  if (length > PATH_LONGEST) {
    return "a name of at most 2048 bytes";
  }
  if (jimm_utf8_valid_prefix(path, length) != length) {
    return "UTF-8";
  }
  for (const char *part = path;;) {
    const size_t size = strcspn(part, "/");
    if (size == 0) {
      return "a relative path without empty parts";
    }
    if (size > COMPONENT_LONGEST - room) {
      return "parts of at most 255 bytes";
    }
    if (part[0] == '\\' || (size > 1 && part[1] == ':')) {
      return "a path without drives and without a backslash at a part's beginning";
    }
    for (const char *piece = part; piece <= part + size;) {
      const size_t piece_size = strcspn(piece, "/\\");
      if (is_dots(piece, piece_size)) {
        return "a path without \".\" and \"..\"";
      }
      piece += piece_size + 1;
    }
    if (part[size] == 0) {
      return NULL;
    }
    part += size + 1;
  }
}

jimm_status jimm_hub_check_filename(const char *filename) {
  const char *fault = path_fault(filename, 0);
  return fault == NULL ? JIMM_OK : wrong("file", filename, fault);
}

jimm_status jimm_hub_check_revision(const char *revision) {
  const char *fault = path_fault(revision, 13); /* ".01234567.tmp" is put behind it */
  return fault == NULL ? JIMM_OK : wrong("revision", revision, fault);
}

bool jimm_hub_is_commit(const char *revision) {
  return strlen(revision) == 40 && strspn(revision, "0123456789abcdef") == 40;
}

bool jimm_hub_is_etag(const char *etag) {
  const size_t length = strlen(etag);
  return length > 0 && length <= ETAG_LONGEST && strspn(etag, name_characters) == length &&
         !is_dots(etag, length);
}

/* ---- where they go ---- */

char *jimm_hub_repo_folder(jimm_arena *arena, jimm_repo_type repo_type, const char *repo) {
  static const char *const types[] = {"models", "datasets", "spaces"};
  const char *slash = strchr(repo, '/');
  if (slash == NULL) {
    return jimm_arena_format(arena, "%s--%s", types[repo_type], repo);
  }
  return jimm_arena_format(arena, "%s--%.*s--%s", types[repo_type], (int)(slash - repo), repo,
                           slash + 1);
}

/* Percent-encodes all but the unreserved characters of RFC 3986 and those of `also`. */
static void append_encoded(jimm_text *url, const char *text, const char *also) {
  for (const char *c = text; *c != 0; c++) {
    if (is_one_of(*c, name_characters) || *c == '~' || is_one_of(*c, also)) {
      jimm_text_append_bytes(url, c, 1);
    } else {
      jimm_text_append(url, "%%%02X", (unsigned int)(unsigned char)*c);
    }
  }
}

char *jimm_hub_url(const jimm_hub_call *call, jimm_arena *arena, const char *repo,
                   const char *revision, const char *filename) {
  static const char *const prefixes[] = {"", "datasets/", "spaces/"};
  jimm_text url = {0};
  jimm_text_append(&url, "%s/%s%s/resolve/", call->endpoint, prefixes[call->options.repo_type],
                   repo);
  append_encoded(&url, revision, "");
  jimm_text_append_bytes(&url, "/", 1);
  append_encoded(&url, filename, "/");
  char *text = jimm_text_take(&url);
  char *kept = text == NULL ? NULL : jimm_arena_strdup(arena, text);
  jimm_free(text);
  return kept;
}
