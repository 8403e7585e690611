/* What a cache holds. Whatever is in the folder, nothing is read but names, links and refs. */
#include "hub/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/locale.h"
#include "hub/hub.h"

/* ---- names ---- */

static const char *const type_prefixes[] = {"models--", "datasets--", "spaces--"};

/* "models--ns--name" as type and "ns/name", a text of the arena. NULL when the folder is no
 * repository's, or there is no memory (*status). */
static const char *read_folder_name(const char *folder, jimm_repo_type *type, jimm_arena *arena,
                                    jimm_status *status) {
  for (int i = JIMM_REPO_MODEL; i <= JIMM_REPO_SPACE; i++) {
    const char *prefix = type_prefixes[i];
    *type = (jimm_repo_type)i;
    if (strncmp(folder, prefix, strlen(prefix)) != 0) {
      continue;
    }
    char *repo = jimm_arena_strdup(arena, folder + strlen(prefix));
    char *gap = repo == NULL ? NULL : strstr(repo, "--");
    if (gap != NULL) {
      gap[0] = '/';
      memmove(gap + 1, gap + 2, strlen(gap + 2) + 1);
    }
    *status = repo == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
    return repo != NULL && jimm_hub_check_repo(repo) == JIMM_OK ? repo : NULL;
  }
  return NULL;
}

/* ---- links ---- */

const char *jimm_cache_blob_name(const jimm_cache *cache, int folder, const char *from,
                                 const char *name, char target[JIMM_WALK_PATH]) {
  static const char blobs[] = "/blobs/";
  char text[JIMM_WALK_PATH];
  const size_t length = strcspn(from, "/");
  if (!jimm_walk_link(folder, name, text) ||
      !jimm_walk_target(cache->path, cache->real, from, text, target) ||
      strncmp(target, from, length) != 0 ||
      strncmp(target + length, blobs, sizeof blobs - 1) != 0) {
    return NULL;
  }
  const char *blob = target + length + sizeof blobs - 1;
  return jimm_hub_is_etag(blob) ? blob : NULL;
}

const char *jimm_cache_stored(const jimm_cache *cache, int blobs, const char *repo,
                              const char *etag, char target[JIMM_WALK_PATH]) {
  char text[JIMM_WALK_PATH], from[JIMM_WALK_PATH];
  jimm_snprintf(from, sizeof from, "%s/blobs", repo);
  if (!jimm_walk_link(blobs, etag, text) ||
      !jimm_walk_target(cache->path, cache->real, from, text, target) ||
      strncmp(target, "blobs/", 6) != 0 || strlen(target) != 6 + 3 + 64 ||
      strspn(target + 9, "0123456789abcdef") != 64 || target[8] != '/' ||
      strncmp(target + 6, target + 9, 2) != 0) {
    return NULL;
  }
  return target;
}

/* ---- one repository ---- */

typedef struct scanned_ref {
  char commit[41];
  const char *name;
} scanned_ref;

typedef struct scan {
  jimm_cache *cache;
  int root, repository, blobs; /* open folders; blobs is -1 when there is none */
  jimm_arena arena;            /* what is needed no longer than the scan lasts */
  const char *folder, *repo, *commit, *joined_refs;
  jimm_repo_type type;
  scanned_ref *refs;
  size_t ref_count, ref_capacity;
} scan;

static jimm_status visit_ref(void *context, const jimm_walk_entry *entry) {
  scan *s = context;
  char text[64];
  if (!S_ISREG(entry->info->st_mode) || strpbrk(entry->relative, " \t\r\n\f\v") != NULL) {
    return JIMM_OK;
  }
  const long length = jimm_walk_read(entry->folder, entry->name, text, sizeof text);
  text[length < 0 ? 0 : strcspn(text, "\r\n")] = 0;
  if (!jimm_hub_is_commit(text)) {
    return JIMM_OK;
  }
  const jimm_status status =
      jimm_reserve(&s->refs, s->ref_count, s->ref_count + 1, sizeof *s->refs, &s->ref_capacity);
  if (status != JIMM_OK) {
    return status;
  }
  scanned_ref *ref = &s->refs[s->ref_count++];
  memcpy(ref->commit, text, sizeof ref->commit);
  ref->name = entry->relative;
  return JIMM_OK;
}

static int compare_refs(const void *a, const void *b) {
  return strcmp(((const scanned_ref *)a)->name, ((const scanned_ref *)b)->name);
}

/* The names of the commit's refs, which are sorted. */
static const char *join_refs(scan *s, const char *commit) {
  jimm_text joined = {NULL, 0, 0, 0};
  for (size_t i = 0; i < s->ref_count; i++) {
    if (strcmp(s->refs[i].commit, commit) == 0) {
      jimm_text_append(&joined, "%s%s", joined.length == 0 ? "" : " ", s->refs[i].name);
    }
  }
  char *text = jimm_text_take(&joined);
  const char *own = text == NULL ? NULL : jimm_arena_strdup(&s->cache->arena, text);
  jimm_free(text);
  return own;
}

/* Bytes of the blob; -1 when there is none. */
static int64_t measure_blob(const scan *s, const char *etag) {
  struct stat info;
  char target[JIMM_WALK_PATH];
  const char *name = NULL;
  if (s->blobs < 0 || fstatat(s->blobs, etag, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return -1;
  }
  if (S_ISLNK(info.st_mode) &&
      jimm_cache_stored(s->cache, s->blobs, s->folder, etag, target) != NULL) {
    const int folder = jimm_walk_open_parent(s->root, target, &name);
    if (folder < 0 || fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      info.st_mode = 0;
    }
    if (folder >= 0) {
      close(folder);
    }
  }
  return S_ISREG(info.st_mode) ? (int64_t)info.st_size : -1;
}

static jimm_status add_file(scan *s, const char *name, const char *etag, int64_t bytes) {
  jimm_cache *cache = s->cache;
  const jimm_status status = jimm_reserve(&cache->entries, cache->count, cache->count + 1,
                                          sizeof *cache->entries, &cache->capacity);
  if (status != JIMM_OK) {
    return status;
  }
  jimm_arena *arena = &cache->arena;
  const char *path =
      jimm_arena_format(arena, "%s/%s/snapshots/%s/%s", cache->path, s->folder, s->commit, name);
  const char *blob = path;
  if (etag != NULL) {
    blob = jimm_arena_format(arena, "%s/%s/blobs/%s", cache->path, s->folder, etag);
    etag = blob == NULL ? NULL : strrchr(blob, '/') + 1;
  }
  if (path == NULL || blob == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  name = path + strlen(path) - strlen(name);
  cache->entries[cache->count++] = (jimm_cache_entry){
      {s->repo, s->type, s->commit, name, path, blob, bytes, s->joined_refs}, s->folder, etag};
  return JIMM_OK;
}

static jimm_status visit_file(void *context, const jimm_walk_entry *entry) {
  scan *s = context;
  if (S_ISREG(entry->info->st_mode)) { /* where there are no links, the file itself */
    return add_file(s, entry->relative, NULL, (int64_t)entry->info->st_size);
  }
  if (!S_ISLNK(entry->info->st_mode)) {
    return JIMM_OK;
  }
  char from[JIMM_WALK_PATH], target[JIMM_WALK_PATH];
  const size_t above = strlen(entry->relative) - strlen(entry->name);
  jimm_snprintf(from, sizeof from, "%s/snapshots/%s/%.*s", s->folder, s->commit, (int)above,
                entry->relative);
  from[strlen(from) - 1] = 0;
  const char *etag = jimm_cache_blob_name(s->cache, entry->folder, from, entry->name, target);
  return add_file(s, entry->relative, etag, etag == NULL ? -1 : measure_blob(s, etag));
}

/* Everything in the snapshot of s->commit. */
static jimm_status scan_snapshot(scan *s) {
  char below[64];
  jimm_snprintf(below, sizeof below, "snapshots/%s", s->commit);
  const char *shown = jimm_arena_format(&s->arena, "%s/%s/%s", s->cache->path, s->folder, below);
  s->joined_refs = join_refs(s, s->commit);
  if (shown == NULL || s->joined_refs == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  return jimm_walk(s->repository, below, shown, &s->arena, visit_file, s);
}

static jimm_status scan_snapshots(scan *s) {
  const char **names = NULL;
  size_t count = 0;
  const char *shown = jimm_arena_format(&s->arena, "%s/%s/snapshots", s->cache->path, s->folder);
  if (shown == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  const int folder = jimm_walk_open(s->repository, "snapshots");
  if (folder < 0) {
    return jimm_walk_tolerate(shown, "", errno);
  }
  jimm_status status = jimm_walk_list(folder, shown, &s->arena, &names, &count);
  for (size_t i = 0; status == JIMM_OK && i < count; i++) {
    if (jimm_hub_is_commit(names[i])) {
      s->commit = jimm_arena_strdup(&s->cache->arena, names[i]);
      status = s->commit == NULL ? JIMM_ERROR_OUT_OF_MEMORY : scan_snapshot(s);
    }
  }
  close(folder);
  return status;
}

static jimm_status scan_repository(scan *s) {
  const char *shown = jimm_arena_format(&s->arena, "%s/%s/refs", s->cache->path, s->folder);
  if (shown == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  s->ref_count = 0;
  s->blobs = jimm_walk_open(s->repository, "blobs");
  jimm_status status = jimm_walk(s->repository, "refs", shown, &s->arena, visit_ref, s);
  if (status == JIMM_OK && s->ref_count > 0) {
    qsort(s->refs, s->ref_count, sizeof *s->refs, compare_refs);
  }
  if (status == JIMM_OK) {
    status = scan_snapshots(s);
  }
  if (s->blobs >= 0) {
    close(s->blobs);
  }
  return status;
}

/* ---- the cache ---- */

static int compare_entries(const void *a, const void *b) {
  const jimm_cached_file *x = a, *y = b;
  const int by_type = (int)x->repo_type - (int)y->repo_type;
  const int by_repo = by_type != 0 ? by_type : strcmp(x->repo, y->repo);
  const int by_commit = by_repo != 0 ? by_repo : strcmp(x->commit, y->commit);
  return by_commit != 0 ? by_commit : strcmp(x->name, y->name);
}

static jimm_status scan_entry(scan *s, const char *name) {
  jimm_arena *arena = &s->cache->arena;
  jimm_status status = JIMM_OK;
  s->repo = read_folder_name(name, &s->type, arena, &status);
  if (s->repo == NULL) {
    return status;
  }
  s->folder = jimm_arena_strdup(arena, name);
  if (s->folder == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  s->repository = jimm_walk_open(s->root, name);
  if (s->repository < 0) {
    return jimm_walk_tolerate(s->cache->path, name, errno);
  }
  status = scan_repository(s);
  close(s->repository);
  return status;
}

static jimm_status scan_cache(jimm_cache *cache) {
  char real[PATH_MAX];
  scan s = {.cache = cache, .root = open(cache->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (s.root < 0) {
    return errno == ENOENT ? JIMM_OK : jimm_walk_fail(cache->path, "read the cache", errno);
  }
  const char **names = NULL;
  size_t count = 0;
  jimm_status status = jimm_walk_list(s.root, cache->path, &s.arena, &names, &count);
  if (status == JIMM_OK && realpath(cache->path, real) != NULL) {
    cache->real = jimm_arena_strdup(&cache->arena, real);
    status = cache->real == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  }
  for (size_t i = 0; status == JIMM_OK && i < count; i++) {
    status = scan_entry(&s, names[i]);
  }
  if (cache->count > 0) {
    qsort(cache->entries, cache->count, sizeof *cache->entries, compare_entries);
  }
  close(s.root);
  jimm_free(s.refs);
  jimm_arena_close(&s.arena);
  return status;
}

jimm_status jimm_cache_open(const char *path, jimm_cache **cache) {
  *cache = NULL;
  if (path != NULL && path[0] == 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_cache_open: expected the path of a folder, got an empty one");
  }
  jimm_cache *made = jimm_calloc(1, sizeof *made);
  if (made == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_status status = jimm_hub_cache_folder(path, &made->arena, &made->path);
  if (status == JIMM_OK) {
    status = scan_cache(made);
  }
  if (status != JIMM_OK) {
    jimm_cache_close(&made);
    return status;
  }
  *cache = made;
  return JIMM_OK;
}

void jimm_cache_close(jimm_cache **cache) {
  if (*cache != NULL) {
    jimm_free((*cache)->entries);
    jimm_arena_close(&(*cache)->arena);
    jimm_free(*cache);
    *cache = NULL;
  }
}

const char *jimm_cache_path(const jimm_cache *cache) {
  return cache->path;
}

int64_t jimm_cache_count(const jimm_cache *cache) {
  return (int64_t)cache->count;
}

const jimm_cached_file *jimm_cache_file(const jimm_cache *cache, int64_t index) {
  return index < 0 || (size_t)index >= cache->count ? NULL : &cache->entries[index].file;
}
