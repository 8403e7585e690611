/* Removing files of a cache: pointers, blobs that nobody needs any more, and what stands for
 * nothing after that. Everything is reached from the cache's open folder without following a link,
 * so that nothing outside it can be meant. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/locale.h"
#include "hub/hub.h"
#include "hub/scan.h"
#include "hub/store.h"

/* So many blobs are locked at once: for each batch the repository's pointers are read anew. */
#define BATCH ((size_t)32)

/* One call, and the repository that it is at. */
typedef struct removal {
  const jimm_cache *cache;
  jimm_hub_teller teller;
  int root, repository; /* open folders */
  const char *folder;   /* the repository's name in the cache */
  jimm_arena arena;
  int64_t freed;
  const jimm_cache_entry **entries; /* all that is to be removed, sorted by folder and blob */
  const char *swept[BATCH];         /* blobs of the store that a batch has let go of */
  size_t swept_count;
} removal;

static jimm_status fail_at(const removal *r, const char *path, const char *doing, int error) {
  const char *what = r->folder == NULL ? "" : r->folder;
  char shown[JIMM_WALK_PATH];
  jimm_snprintf(shown, sizeof shown, "%s/%s/%s", r->cache->path, what, path);
  return jimm_walk_fail(shown, doing, error);
}

/* ---- single names ---- */

/* Removes `path` below the repository: a file, a link, or with AT_REMOVEDIR a folder if it is
 * empty. *removed (may be NULL): it was there and is gone. */
static jimm_status remove_path(const removal *r, const char *path, int flags, bool *removed) {
  const char *name = NULL;
  const int folder = jimm_walk_open_parent(r->repository, path, &name);
  const int result = folder < 0 ? -1 : unlinkat(folder, name, flags);
  const int error = errno;
  if (folder >= 0) {
    close(folder);
  }
  if (removed != NULL) {
    *removed = result == 0;
  }
  if (result == 0 || error == ENOENT || error == ENOTDIR || error == ELOOP ||
      (flags == AT_REMOVEDIR && (error == ENOTEMPTY || error == EEXIST))) {
    return JIMM_OK;
  }
  return fail_at(r, path, "remove", error);
}

static bool look_at(const removal *r, const char *path, struct stat *info) {
  const char *name = NULL;
  const int folder = jimm_walk_open_parent(r->repository, path, &name);
  const bool found = folder >= 0 && fstatat(folder, name, info, AT_SYMLINK_NOFOLLOW) == 0;
  if (folder >= 0) {
    close(folder);
  }
  return found;
}

/* Removes what is no folder. Its bytes were of use to somebody: they count. */
static jimm_status remove_bytes(removal *r, const char *path) {
  struct stat info;
  bool removed = false;
  if (!look_at(r, path, &info) || S_ISDIR(info.st_mode)) {
    return JIMM_OK;
  }
  const jimm_status status = remove_path(r, path, 0, &removed);
  r->freed += removed && S_ISREG(info.st_mode) ? (int64_t)info.st_size : 0;
  return status;
}

static jimm_status remove_pointer(removal *r, const jimm_cache_entry *entry) {
  const char *path =
      jimm_arena_format(&r->arena, "snapshots/%s/%s", entry->file.commit, entry->file.name);
  return path == NULL ? JIMM_ERROR_OUT_OF_MEMORY : remove_bytes(r, path);
}

/* Removes a blob. Where it is a link into the store, that is looked after later. */
static jimm_status remove_blob(removal *r, const char *etag) {
  char target[JIMM_WALK_PATH];
  const char *path = jimm_arena_format(&r->arena, "blobs/%s", etag);
  const int blobs = jimm_walk_open(r->repository, "blobs");
  const char *stored =
      blobs < 0 ? NULL : jimm_cache_stored(r->cache, blobs, r->folder, etag, target);
  if (blobs >= 0) {
    close(blobs);
  }
  if (stored != NULL && r->swept_count < BATCH) {
    stored = jimm_arena_strdup(&r->arena, stored);
    path = stored == NULL ? NULL : path;
    r->swept[r->swept_count++] = stored;
  }
  return path == NULL ? JIMM_ERROR_OUT_OF_MEMORY : remove_bytes(r, path);
}

static jimm_status sweep(removal *r) {
  jimm_status status = JIMM_OK;
  for (size_t i = 0; status == JIMM_OK && i < r->swept_count; i++) {
    status = jimm_store_sweep(r->cache, r->root, r->swept[i], &r->freed);
  }
  r->swept_count = 0;
  return status;
}

/* ---- a batch of blobs ---- */

typedef struct batch {
  removal *r;
  const char *etags[BATCH];
  bool needed[BATCH]; /* a pointer leads to it */
  jimm_hub_lock locks[BATCH];
  size_t count, locked;
} batch;

static jimm_status note_pointer(void *context, const jimm_walk_entry *entry) {
  batch *b = context;
  const removal *r = b->r;
  if (!S_ISLNK(entry->info->st_mode)) {
    return JIMM_OK;
  }
  char from[JIMM_WALK_PATH], target[JIMM_WALK_PATH];
  const size_t above = strlen(entry->relative) - strlen(entry->name);
  jimm_snprintf(from, sizeof from, "%s/snapshots/%.*s", r->folder, (int)above, entry->relative);
  from[strlen(from) - 1] = 0;
  const char *etag = jimm_cache_blob_name(r->cache, entry->folder, from, entry->name, target);
  for (size_t i = 0; etag != NULL && i < b->count; i++) {
    b->needed[i] = b->needed[i] || strcmp(b->etags[i], etag) == 0;
  }
  return JIMM_OK;
}

static jimm_status walk_snapshots(removal *r,
                                  jimm_status (*visit)(void *context, const jimm_walk_entry *entry),
                                  void *context) {
  const char *shown = jimm_arena_format(&r->arena, "%s/%s/snapshots", r->cache->path, r->folder);
  return shown == NULL ? JIMM_ERROR_OUT_OF_MEMORY
                       : jimm_walk(r->repository, "snapshots", shown, &r->arena, visit, context);
}

/* Takes the locks in the order of their names, as every other removal does. */
static jimm_status lock_batch(batch *b) {
  for (; b->locked < b->count; b->locked++) {
    const char *path =
        jimm_hub_lock_path(&b->r->arena, b->r->cache->path, b->r->folder, b->etags[b->locked]);
    const jimm_status status = path == NULL
                                   ? JIMM_ERROR_OUT_OF_MEMORY
                                   : jimm_hub_lock_take(&b->r->teller, path, &b->locks[b->locked]);
    if (status != JIMM_OK) {
      return status;
    }
  }
  return JIMM_OK;
}

/* Removes r->entries[first .. end-1], which have the batch's blobs, and those of the blobs to which
 * no other pointer leads. */
static jimm_status remove_batch(removal *r, batch *b, size_t first, size_t end) {
  jimm_status status = lock_batch(b);
  for (size_t i = first; status == JIMM_OK && i < end; i++) {
    status = remove_pointer(r, r->entries[i]);
  }
  if (status == JIMM_OK && b->count > 0) {
    status = walk_snapshots(r, note_pointer, b);
  }
  for (size_t i = 0; status == JIMM_OK && i < b->count; i++) {
    status = b->needed[i] ? JIMM_OK : remove_blob(r, b->etags[i]);
  }
  while (b->locked > 0) {
    jimm_hub_lock_give(&b->locks[--b->locked]);
  }
  return status == JIMM_OK ? sweep(r) : status;
}

/* r->entries[first .. end-1] are all of one repository. */
static jimm_status remove_entries(removal *r, size_t first, size_t end) {
  jimm_status status = JIMM_OK;
  while (status == JIMM_OK && first < end) {
    batch b = {.r = r};
    size_t next = first;
    for (; next < end; next++) {
      const char *etag = r->entries[next]->etag;
      if (etag != NULL && (b.count == 0 || strcmp(b.etags[b.count - 1], etag) != 0)) {
        if (b.count == BATCH) {
          break;
        }
        b.etags[b.count++] = etag;
      }
    }
    status = remove_batch(r, &b, first, next);
    first = next;
  }
  return status;
}

/* ---- what stands for nothing ---- */

/* Another process holds one of the repository's locks: what looks empty may be just about to be
 * filled. */
static bool is_busy(removal *r, jimm_status *status) {
  const char **names = NULL;
  size_t count = 0;
  bool busy = false;
  const char *path = jimm_arena_format(&r->arena, ".locks/%s", r->folder);
  const int folder = path == NULL ? -1 : jimm_walk_open(r->root, path);
  *status = path == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  if (folder >= 0) {
    *status = jimm_walk_list(folder, path, &r->arena, &names, &count);
  }
  for (size_t i = 0; !busy && i < count; i++) {
    const int file = openat(folder, names[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file >= 0) {
      busy = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
      close(file);
    }
  }
  if (folder >= 0) {
    close(folder);
  }
  return busy;
}

/* What lies below a folder, every folder before what is in it. Zero-initialise. */
typedef struct finds {
  const char **paths;
  bool *folders; /* that is what it is */
  size_t count, capacity, files;
} finds;

static jimm_status note_find(void *context, const jimm_walk_entry *entry) {
  finds *f = context;
  if (f->count == f->capacity) {
    const size_t capacity = f->capacity == 0 ? 16 : 2 * f->capacity;
    const char **paths = jimm_grow(f->paths, f->count, capacity, sizeof *paths);
    f->paths = paths == NULL ? f->paths : paths;
    bool *folders = paths == NULL ? NULL : jimm_grow(f->folders, f->count, capacity, 1);
    if (folders == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
    f->folders = folders;
    f->capacity = capacity;
  }
  f->folders[f->count] = S_ISDIR(entry->info->st_mode);
  f->files += !f->folders[f->count];
  f->paths[f->count++] = entry->relative;
  return JIMM_OK;
}

/* Removes the empty folders below `path` and itself, if it is empty then; with `files` everything
 * that is no folder, too. *kept (may be NULL): how many files there were. */
static jimm_status clear(removal *r, const char *path, bool files, size_t *kept) {
  finds f = {NULL, NULL, 0, 0, 0};
  const char *shown = jimm_arena_format(&r->arena, "%s/%s/%s", r->cache->path, r->folder, path);
  jimm_status status = shown == NULL
                           ? JIMM_ERROR_OUT_OF_MEMORY
                           : jimm_walk(r->repository, path, shown, &r->arena, note_find, &f);
  for (size_t i = f.count; status == JIMM_OK && i-- > 0;) {
    const char *below = jimm_arena_format(&r->arena, "%s/%s", path, f.paths[i]);
    if (below == NULL) {
      status = JIMM_ERROR_OUT_OF_MEMORY;
    } else if (f.folders[i]) {
      status = remove_path(r, below, AT_REMOVEDIR, NULL);
    } else if (files) {
      status = remove_path(r, below, 0, NULL);
    }
  }
  if (kept != NULL) {
    *kept = f.files;
  }
  jimm_free(f.paths);
  jimm_free(f.folders);
  return status == JIMM_OK ? remove_path(r, path, AT_REMOVEDIR, NULL) : status;
}

/* Blobs that no pointer led to, and what interrupted downloads have left. */
static jimm_status clear_blobs(removal *r) {
  const char **names = NULL;
  size_t count = 0;
  const int folder = jimm_walk_open(r->repository, "blobs");
  jimm_status status =
      folder < 0 ? JIMM_OK : jimm_walk_list(folder, r->folder, &r->arena, &names, &count);
  for (size_t i = 0; status == JIMM_OK && i < count; i++) {
    status = remove_blob(r, names[i]);
    if (status == JIMM_OK && r->swept_count == BATCH) {
      status = sweep(r);
    }
  }
  if (folder >= 0) {
    close(folder);
  }
  status = status == JIMM_OK ? sweep(r) : status;
  return status == JIMM_OK ? remove_path(r, "blobs", AT_REMOVEDIR, NULL) : status;
}

/* The last file is gone, and with it the repository. */
static jimm_status clear_repository(removal *r) {
  static const char *const folders[] = {".no_exist", "trees", "refs"};
  jimm_status status = clear_blobs(r);
  for (size_t i = 0; status == JIMM_OK && i < 3; i++) {
    status = clear(r, folders[i], true, NULL);
  }
  if (status == JIMM_OK && unlinkat(r->root, r->folder, AT_REMOVEDIR) != 0 && errno != ENOTEMPTY &&
      errno != EEXIST && errno != ENOENT) {
    status = fail_at(r, "", "remove", errno);
  }
  return status;
}

typedef struct ref_search {
  removal *r;
  const char *commit;
} ref_search;

static jimm_status remove_ref(void *context, const jimm_walk_entry *entry) {
  const ref_search *s = context;
  char text[64];
  if (!S_ISREG(entry->info->st_mode) ||
      jimm_walk_read(entry->folder, entry->name, text, sizeof text) < 40 ||
      strncmp(text, s->commit, 40) != 0) {
    return JIMM_OK;
  }
  return unlinkat(entry->folder, entry->name, 0) == 0 || errno == ENOENT
             ? JIMM_OK
             : fail_at(s->r, entry->relative, "remove", errno);
}

/* What is said of a commit whose snapshot is gone. */
static jimm_status forget_commit(removal *r, const char *commit) {
  struct stat info;
  ref_search search = {r, commit};
  const char *snapshot = jimm_arena_format(&r->arena, "snapshots/%s", commit);
  const char *no_exist = jimm_arena_format(&r->arena, ".no_exist/%s", commit);
  const char *listing = jimm_arena_format(&r->arena, "trees/%s.json", commit);
  const char *shown = jimm_arena_format(&r->arena, "%s/%s/refs", r->cache->path, r->folder);
  if (snapshot == NULL || no_exist == NULL || listing == NULL || shown == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  if (look_at(r, snapshot, &info)) {
    return JIMM_OK;
  }
  jimm_status status = clear(r, no_exist, true, NULL);
  if (status == JIMM_OK) {
    status = remove_path(r, listing, 0, NULL);
  }
  if (status == JIMM_OK) {
    status = jimm_walk(r->repository, "refs", shown, &r->arena, remove_ref, &search);
  }
  return status == JIMM_OK ? clear(r, "refs", false, NULL) : status;
}

static jimm_status tidy(removal *r, size_t first, size_t end) {
  jimm_status status = JIMM_OK;
  size_t kept = 0;
  if (is_busy(r, &status) || status != JIMM_OK) {
    return status;
  }
  status = clear(r, "snapshots", false, &kept);
  for (size_t i = first; status == JIMM_OK && kept > 0 && i < end; i++) {
    status = forget_commit(r, r->entries[i]->file.commit);
  }
  return status == JIMM_OK && kept == 0 ? clear_repository(r) : status;
}

/* ---- the call ---- */

static int compare_entries(const void *a, const void *b) {
  const jimm_cache_entry *x = *(const jimm_cache_entry *const *)a;
  const jimm_cache_entry *y = *(const jimm_cache_entry *const *)b;
  const int by_folder = strcmp(x->folder, y->folder);
  return by_folder != 0 ? by_folder
                        : strcmp(x->etag == NULL ? "" : x->etag, y->etag == NULL ? "" : y->etag);
}

static jimm_status remove_from_repository(removal *r, size_t first, size_t end) {
  r->folder = r->entries[first]->folder;
  r->teller.now = (jimm_hub_progress){.name = r->entries[first]->file.repo, .total = -1};
  r->repository = jimm_walk_open(r->root, r->folder);
  if (r->repository < 0) {
    return errno == ENOENT ? JIMM_OK : fail_at(r, "", "open", errno);
  }
  jimm_status status = remove_entries(r, first, end);
  if (status == JIMM_OK) {
    status = tidy(r, first, end);
  }
  close(r->repository);
  return status;
}

static jimm_status remove_sorted(removal *r, size_t count) {
  jimm_status status = JIMM_OK;
  r->root = open(r->cache->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (r->root < 0) {
    return errno == ENOENT ? JIMM_OK : jimm_walk_fail(r->cache->path, "open", errno);
  }
  for (size_t first = 0, end; status == JIMM_OK && first < count; first = end) {
    for (end = first + 1; end < count; end++) {
      if (strcmp(r->entries[end]->folder, r->entries[first]->folder) != 0) {
        break;
      }
    }
    status = remove_from_repository(r, first, end);
  }
  close(r->root);
  return status;
}

jimm_status jimm_cache_remove(const jimm_cache *cache, const jimm_cached_file *const *files,
                              int64_t count,
                              bool (*progress)(void *context, const jimm_hub_progress *progress),
                              void *context, int64_t *freed) {
  removal r = {.cache = cache, .teller = {.tell = progress, .context = context}};
  if (freed != NULL) {
    *freed = 0;
  }
  if (count <= 0) {
    return JIMM_OK;
  }
  r.entries = jimm_calloc((size_t)count, sizeof(void *));
  if (r.entries == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_status status = JIMM_OK;
  for (int64_t i = 0; status == JIMM_OK && i < count; i++) {
    const jimm_cache_entry *entry = (const jimm_cache_entry *)files[i];
    if (entry < cache->entries || entry >= cache->entries + cache->count) {
      status = jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                         "jimm_cache_remove: file %lld: expected one of this cache's "
                         "(jimm_cache_file), got another",
                         (long long)i);
    }
    r.entries[i] = entry;
  }
  if (status == JIMM_OK) {
    qsort(r.entries, (size_t)count, sizeof(void *), compare_entries);
    status = remove_sorted(&r, (size_t)count);
  }
  if (freed != NULL) {
    *freed = r.freed;
  }
  jimm_free(r.entries);
  jimm_arena_close(&r.arena);
  return status;
}
