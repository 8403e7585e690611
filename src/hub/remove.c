/* Removing files of a cache: pointers, then blobs that nobody needs any more. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/locale.h"
#include "hub/remove.h"

/* ---- a batch of blobs ---- */

typedef struct batch {
  jimm_removal *r;
  const char *etags[JIMM_REMOVAL_BATCH];
  bool needed[JIMM_REMOVAL_BATCH]; /* a pointer leads to it */
  jimm_hub_lock locks[JIMM_REMOVAL_BATCH];
  size_t count, locked;
} batch;

static jimm_status note_pointer(void *context, const jimm_walk_entry *entry) {
  batch *b = context;
  const jimm_removal *r = b->r;
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

static jimm_status walk_snapshots(jimm_removal *r,
                                  jimm_status (*visit)(void *context, const jimm_walk_entry *entry),
                                  void *context) {
  const char *shown = jimm_arena_format(&r->arena, "%s/%s/snapshots", r->cache->path, r->folder);
  return shown == NULL ? JIMM_ERROR_OUT_OF_MEMORY
                       : jimm_walk(r->repository, "snapshots", shown, &r->arena, visit, context);
}

/* Takes the locks in the order of their names, as every other jimm_removal does. */
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
static jimm_status remove_batch(jimm_removal *r, batch *b, size_t first, size_t end) {
  jimm_status status = lock_batch(b);
  for (size_t i = first; status == JIMM_OK && i < end; i++) {
    status = jimm_removal_take_pointer(r, r->entries[i]);
  }
  if (status == JIMM_OK && b->count > 0) {
    status = walk_snapshots(r, note_pointer, b);
  }
  for (size_t i = 0; status == JIMM_OK && i < b->count; i++) {
    status = b->needed[i] ? JIMM_OK : jimm_removal_take_blob(r, b->etags[i]);
  }
  while (b->locked > 0) {
    jimm_hub_lock_give(&b->locks[--b->locked]);
  }
  return status == JIMM_OK ? jimm_removal_sweep(r) : status;
}

/* r->entries[first .. end-1] are all of one repository. */
static jimm_status remove_entries(jimm_removal *r, size_t first, size_t end) {
  jimm_status status = JIMM_OK;
  while (status == JIMM_OK && first < end) {
    batch b = {.r = r};
    size_t next = first;
    for (; next < end; next++) {
      const char *etag = r->entries[next]->etag;
      if (etag != NULL && (b.count == 0 || strcmp(b.etags[b.count - 1], etag) != 0)) {
        if (b.count == JIMM_REMOVAL_BATCH) {
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

/* ---- the call ---- */

static int compare_entries(const void *a, const void *b) {
  const jimm_cache_entry *x = *(const jimm_cache_entry *const *)a;
  const jimm_cache_entry *y = *(const jimm_cache_entry *const *)b;
  const int by_folder = strcmp(x->folder, y->folder);
  return by_folder != 0 ? by_folder
                        : strcmp(x->etag == NULL ? "" : x->etag, y->etag == NULL ? "" : y->etag);
}

static jimm_status remove_from_repository(jimm_removal *r, size_t first, size_t end) {
  r->folder = r->entries[first]->folder;
  r->teller.now = (jimm_hub_progress){.name = r->entries[first]->file.repo, .total = -1};
  r->repository = jimm_walk_open(r->root, r->folder);
  if (r->repository < 0) {
    return errno == ENOENT ? JIMM_OK : jimm_removal_fail(r, "", "open", errno);
  }
  jimm_status status = remove_entries(r, first, end);
  if (status == JIMM_OK) {
    status = jimm_removal_tidy(r, first, end);
  }
  close(r->repository);
  return status;
}

static jimm_status remove_sorted(jimm_removal *r, size_t count) {
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
  jimm_removal r = {.cache = cache, .teller = {.tell = progress, .context = context}};
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
