#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

typedef struct published {
  hub_file file;
  int64_t size;
  char etag[65];
} published;

static struct {
  pthread_mutex_t mutex;
  published *items;
  size_t count, capacity;
} repo = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static const char *const prefixes[] = {"", "datasets/", "spaces/"};
static const char *const kinds[] = {"models/", "datasets/", "spaces/"};

bool hub_repo_publish(hub_file *file, char etag[65]) {
  published item = {.file = *file};
  hub_content content;
  bool known = hub_content_open(&content, file->body, file->size, file->seed, file->file) &&
               hub_content_name(&content, file->lfs, item.etag);
  item.size = content.size;
  hub_content_close(&content);
  if (!known || file->type < 0 || file->type > 2) {
    hub_free_texts(file, hub_file_fields);
    return false;
  }
  pthread_mutex_lock(&repo.mutex);
  if (repo.count == repo.capacity) {
    repo.capacity = 2 * repo.capacity + 16;
    repo.items = realloc(repo.items, repo.capacity * sizeof repo.items[0]);
    if (repo.items == NULL) {
      abort();
    }
  }
  repo.items[repo.count++] = item;
  pthread_mutex_unlock(&repo.mutex);
  memcpy(etag, item.etag, 65);
  return true;
}

void hub_repo_clear(void) {
  pthread_mutex_lock(&repo.mutex);
  while (repo.count > 0) {
    hub_free_texts(&repo.items[--repo.count].file, hub_file_fields);
  }
  pthread_mutex_unlock(&repo.mutex);
}

/* ---- texts ---- */

__attribute__((format(printf, 1, 2))) static char *format(const char *text, ...) {
  va_list arguments;
  char *made = NULL;
  va_start(arguments, text);
  if (vasprintf(&made, text, arguments) < 0) {
    abort();
  }
  va_end(arguments);
  return made;
}

/* Percent-encodings of the first `size` bytes become bytes; the caller frees. */
static char *decode(const char *text, size_t size) {
  char *decoded = format("%.*s", (int)size, text), *to = decoded;
  for (const char *from = decoded; *from != 0; from++) {
    char hex[3] = {0};
    if (*from == '%' && from[1] != 0 && from[2] != 0) {
      memcpy(hex, from + 1, 2);
      *to++ = (char)strtol(hex, NULL, 16);
      from += 2;
    } else {
      *to++ = *from;
    }
  }
  *to = 0;
  return decoded;
}

static bool has_word(const char *words, const char *word) {
  const size_t length = strlen(word);
  for (const char *at = words; at != NULL && *at != 0;) {
    const size_t span = strcspn(at, " ");
    if (span == length && memcmp(at, word, length) == 0) {
      return true;
    }
    at += span + (at[span] == ' ');
  }
  return false;
}

/* ---- the hub's answers ---- */

/* What a resolve address asks for. */
typedef struct question {
  int64_t type;
  char *repo, *revision, *name;
  const char *raw_name; /* as it was sent */
} question;

static void split(const char *path, size_t size, question *asked) {
  static const char mark[] = "/resolve/";
  *asked = (question){0};
  for (int64_t type = 1; type <= 2; type++) {
    if (strncmp(path, prefixes[type], strlen(prefixes[type])) == 0) {
      asked->type = type;
      path += strlen(prefixes[type]);
      size -= strlen(prefixes[type]);
    }
  }
  const char *found = memmem(path, size, mark, strlen(mark));
  if (found == NULL) {
    return;
  }
  const char *revision = found + strlen(mark), *end = path + size;
  const char *slash = memchr(revision, '/', (size_t)(end - revision));
  if (slash != NULL) {
    asked->repo = decode(path, (size_t)(found - path));
    asked->revision = decode(revision, (size_t)(slash - revision));
    asked->name = decode(slash + 1, (size_t)(end - slash - 1));
    asked->raw_name = slash + 1;
  }
}

static void refuse(hub_rule *answer, int status, const char *code, const char *message,
                   const char *commit) {
  answer->status = status;
  answer->headers = format(
      "Content-Type: text/plain; charset=utf-8\r\n%s%s%sX-Error-Message: %s\r\n%s%s%s",
      code == NULL ? "" : "X-Error-Code: ", code == NULL ? "" : code, code == NULL ? "" : "\r\n",
      message, commit == NULL ? "" : "X-Repo-Commit: ", commit == NULL ? "" : commit,
      commit == NULL ? "" : "\r\n");
  answer->body = format("%s", message);
}

static void take_content(hub_rule *answer, const published *item) {
  answer->body = item->file.body == NULL ? NULL : format("%s", item->file.body);
  answer->file = item->file.file == NULL ? NULL : format("%s", item->file.file);
  answer->size = item->file.size;
  answer->seed = item->file.seed;
}

/* Fills the answer when the repository may not be read. */
static bool forbids(const hub_file *file, const char *authorization, hub_rule *answer) {
  if (file->token != NULL && authorization[0] == 0) {
    refuse(answer, 401, "RepoNotFound", "Repository not found", NULL);
  } else if (file->token != NULL && (strncmp(authorization, "Bearer ", 7) != 0 ||
                                     strcmp(authorization + 7, file->token) != 0)) {
    refuse(answer, 401, NULL, "Invalid credentials in Authorization header", NULL);
  } else if (file->gated) {
    refuse(answer, authorization[0] == 0 ? 401 : 403, "GatedRepo",
           "Access to this repository is restricted. You must accept its terms.", NULL);
  } else {
    return false;
  }
  return true;
}

static void give(const published *item, const question *asked, hub_rule *answer) {
  const hub_file *file = &item->file;
  char *size =
      file->no_size ? format("%s", "") : format("X-Linked-Size: %lld\r\n", (long long)item->size);
  if (file->lfs) {
    answer->status = 302;
    answer->headers = format(
        "Content-Type: text/plain; charset=utf-8\r\nX-Repo-Commit: %s\r\n"
        "ETag: W/\"not-of-the-file\"\r\nX-Linked-Etag: \"%s\"\r\n%sVary: Accept\r\n"
        "Location: %s/cdn/%s?Expires=1&Signature=a%%2Bb~c_&Key-Pair-Id=K"
        "\r\n",
        file->commit, item->etag, size,
        file->secure ? "https://127.0.0.1:@4@" : "http://127.0.0.1:@2@", item->etag);
    answer->body = format("Found. Redirecting to the content network");
  } else if (file->cached) {
    const int length = (int)strcspn(asked->raw_name, "?");
    answer->status = 307;
    answer->headers = format(
        "X-Repo-Commit: %s\r\nX-Linked-Etag: \"%s\"\r\n%sLocation: /api/resolve-cache/%s%s/%s/%.*s"
        "?etag=%%22%s%%22\r\n",
        file->commit, item->etag, size, kinds[file->type], file->repo, file->commit, length,
        asked->raw_name, item->etag);
    answer->body = format("Temporary Redirect");
  } else {
    answer->headers = format(
        "Content-Type: text/plain; charset=utf-8\r\nX-Repo-Commit: %s\r\nAccept-Ranges: bytes\r\n"
        "ETag: \"%s\"\r\n",
        file->commit, item->etag);
    take_content(answer, item);
  }
  free(size);
}

static void resolve(const question *asked, const char *authorization, hub_rule *answer) {
  const published *named = NULL, *found = NULL, *any = NULL;
  for (size_t i = repo.count; i-- > 0;) {
    const published *item = &repo.items[i];
    if (item->file.type == asked->type && strcmp(item->file.repo, asked->repo) == 0) {
      any = any == NULL ? item : any;
      if (named == NULL && (has_word(item->file.revisions, asked->revision) ||
                            strcmp(item->file.commit, asked->revision) == 0)) {
        named = item;
      }
    }
  }
  for (size_t i = repo.count; named != NULL && i-- > 0 && found == NULL;) {
    const published *item = &repo.items[i];
    if (item->file.type == asked->type && strcmp(item->file.repo, asked->repo) == 0 &&
        strcmp(item->file.commit, named->file.commit) == 0 && item->file.name != NULL &&
        strcmp(item->file.name, asked->name) == 0) {
      found = item;
    }
  }
  if (any == NULL) {
    refuse(answer, authorization[0] == 0 ? 401 : 404, "RepoNotFound", "Repository not found", NULL);
  } else if (forbids(&any->file, authorization, answer)) {
    return;
  } else if (named == NULL) {
    refuse(answer, 404, "RevisionNotFound", "Invalid rev id", NULL);
  } else if (found == NULL) {
    refuse(answer, 404, "EntryNotFound", "Entry not found", named->file.commit);
  } else {
    give(found, asked, answer);
  }
}

/* The bytes behind an address of the content network or of /api/resolve-cache. */
static bool deliver(const char *target, hub_rule *answer) {
  static const char cdn[] = "/cdn/", api[] = "/api/resolve-cache/";
  char *path = decode(target, strcspn(target, "?"));
  const published *found = NULL;
  for (size_t i = repo.count; i-- > 0 && found == NULL;) {
    const published *item = &repo.items[i];
    const hub_file *file = &item->file;
    char *place = format("%s%s%s/%s/%s", api, kinds[file->type], file->repo, file->commit,
                         file->name == NULL ? "" : file->name);
    if ((file->lfs && strncmp(path, cdn, strlen(cdn)) == 0 &&
         strcmp(path + strlen(cdn), item->etag) == 0) ||
        (file->cached && strcmp(path, place) == 0)) {
      found = item;
    }
    free(place);
  }
  free(path);
  if (found != NULL) {
    answer->headers = found->file.lfs
                          ? format(
                                "Content-Type: binary/octet-stream\r\nAccept-Ranges: bytes\r\n"
                                "ETag: \"of-the-network\"\r\n")
                          : format(
                                "Content-Type: text/plain; charset=utf-8\r\n"
                                "X-Repo-Commit: %s\r\nETag: \"%s\"\r\n",
                                found->file.commit, found->etag);
    take_content(answer, found);
  }
  return found != NULL;
}

void hub_repo_answer(const hub_incoming *request, hub_rule *answer) {
  question asked;
  char authorization[300] = "";
  *answer = (hub_rule){0};
  hub_header(request->headers, "Authorization", authorization, sizeof authorization);
  split(request->target + 1, strcspn(request->target + 1, "?"), &asked);
  pthread_mutex_lock(&repo.mutex);
  if (asked.name != NULL) {
    resolve(&asked, authorization, answer);
  } else if (!deliver(request->target, answer)) {
    refuse(answer, 404, NULL, "Nothing is here", NULL);
  }
  pthread_mutex_unlock(&repo.mutex);
  free(asked.repo);
  free(asked.revision);
  free(asked.name);
}
