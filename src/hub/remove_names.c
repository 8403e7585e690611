/* Removing single names of a repository. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/locale.h"
#include "hub/remove.h"
#include "hub/store.h"

jimm_status jimm_removal_fail(const jimm_removal *r, const char *path, const char *doing,
                              int error) {
  const char *what = r->folder == NULL ? "" : r->folder;
  char shown[JIMM_WALK_PATH];
  jimm_snprintf(shown, sizeof shown, "%s/%s/%s", r->cache->path, what, path);
  return jimm_walk_fail(shown, doing, error);
}

jimm_status jimm_removal_take(const jimm_removal *r, const char *path, int flags, bool *removed) {
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
  return jimm_removal_fail(r, path, "remove", error);
}

bool jimm_removal_look(const jimm_removal *r, const char *path, struct stat *info) {
  const char *name = NULL;
  const int folder = jimm_walk_open_parent(r->repository, path, &name);
  const bool found = folder >= 0 && fstatat(folder, name, info, AT_SYMLINK_NOFOLLOW) == 0;
  if (folder >= 0) {
    close(folder);
  }
  return found;
}

/* Removes what is no folder. Its bytes were of use to somebody: they count. */
static jimm_status remove_bytes(jimm_removal *r, const char *path) {
  struct stat info;
  bool removed = false;
  if (!jimm_removal_look(r, path, &info) || S_ISDIR(info.st_mode)) {
    return JIMM_OK;
  }
  const jimm_status status = jimm_removal_take(r, path, 0, &removed);
  r->freed += removed && S_ISREG(info.st_mode) ? (int64_t)info.st_size : 0;
  return status;
}

jimm_status jimm_removal_take_pointer(jimm_removal *r, const jimm_cache_entry *entry) {
  const char *path =
      jimm_arena_format(&r->arena, "snapshots/%s/%s", entry->file.commit, entry->file.name);
  return path == NULL ? JIMM_ERROR_OUT_OF_MEMORY : remove_bytes(r, path);
}

jimm_status jimm_removal_take_blob(jimm_removal *r, const char *etag) {
  char target[JIMM_WALK_PATH];
  const char *path = jimm_arena_format(&r->arena, "blobs/%s", etag);
  const int blobs = jimm_walk_open(r->repository, "blobs");
  const char *stored =
      blobs < 0 ? NULL : jimm_cache_stored(r->cache, blobs, r->folder, etag, target);
  if (blobs >= 0) {
    close(blobs);
  }
  if (stored != NULL && r->swept_count < JIMM_REMOVAL_BATCH) {
    stored = jimm_arena_strdup(&r->arena, stored);
    path = stored == NULL ? NULL : path;
    r->swept[r->swept_count++] = stored;
  }
  return path == NULL ? JIMM_ERROR_OUT_OF_MEMORY : remove_bytes(r, path);
}

jimm_status jimm_removal_sweep(jimm_removal *r) {
  jimm_status status = JIMM_OK;
  for (size_t i = 0; status == JIMM_OK && i < r->swept_count; i++) {
    status = jimm_store_sweep(r->cache, r->root, r->swept[i], &r->freed);
  }
  r->swept_count = 0;
  return status;
}
