/* Removing what stands for nothing: blobs that no pointer leads to, empty folders, refs of commits
 * that are gone, and with its last file the repository. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "hub/remove.h"

/* Another process holds one of the repository's locks: what looks empty may be just about to be
 * filled. */
static bool is_busy(jimm_removal *r, jimm_status *status) {
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

typedef struct find {
  const char *path;
  bool folder; /* that is what it is */
} find;

/* What lies below a folder, every folder before what is in it. Zero-initialise. */
typedef struct finds {
  find *items;
  size_t count, capacity, files;
} finds;

static jimm_status note_find(void *context, const jimm_walk_entry *entry) {
  finds *f = context;
  const bool folder = S_ISDIR(entry->info->st_mode);
  const jimm_status status =
      jimm_reserve(&f->items, f->count, f->count + 1, sizeof *f->items, &f->capacity);
  if (status == JIMM_OK) {
    f->items[f->count++] = (find){entry->relative, folder};
    f->files += !folder;
  }
  return status;
}

/* Removes the empty folders below `path` and itself, if it is empty then; with `files` everything
 * that is no folder, too. *kept (may be NULL): how many files there were. */
static jimm_status clear(jimm_removal *r, const char *path, bool files, size_t *kept) {
  finds f = {NULL, 0, 0, 0};
  const char *shown = jimm_arena_format(&r->arena, "%s/%s/%s", r->cache->path, r->folder, path);
  jimm_status status = shown == NULL
                           ? JIMM_ERROR_OUT_OF_MEMORY
                           : jimm_walk(r->repository, path, shown, &r->arena, note_find, &f);
  for (size_t i = f.count; status == JIMM_OK && i-- > 0;) {
    const char *below = jimm_arena_format(&r->arena, "%s/%s", path, f.items[i].path);
    if (below == NULL) {
      status = JIMM_ERROR_OUT_OF_MEMORY;
    } else if (f.items[i].folder) {
      status = jimm_removal_take(r, below, AT_REMOVEDIR, NULL);
    } else if (files) {
      status = jimm_removal_take(r, below, 0, NULL);
    }
  }
  if (kept != NULL) {
    *kept = f.files;
  }
  jimm_free(f.items);
  return status == JIMM_OK ? jimm_removal_take(r, path, AT_REMOVEDIR, NULL) : status;
}

/* Blobs that no pointer led to, and what interrupted downloads have left. */
static jimm_status clear_blobs(jimm_removal *r) {
  const char **names = NULL;
  size_t count = 0;
  const int folder = jimm_walk_open(r->repository, "blobs");
  jimm_status status =
      folder < 0 ? JIMM_OK : jimm_walk_list(folder, r->folder, &r->arena, &names, &count);
  for (size_t i = 0; status == JIMM_OK && i < count; i++) {
    status = jimm_removal_take_blob(r, names[i]);
    if (status == JIMM_OK && r->swept_count == JIMM_REMOVAL_BATCH) {
      status = jimm_removal_sweep(r);
    }
  }
  if (folder >= 0) {
    close(folder);
  }
  status = status == JIMM_OK ? jimm_removal_sweep(r) : status;
  return status == JIMM_OK ? jimm_removal_take(r, "blobs", AT_REMOVEDIR, NULL) : status;
}

/* The last file is gone, and with it the repository. */
static jimm_status clear_repository(jimm_removal *r) {
  static const char *const folders[] = {".no_exist", "trees", "refs"};
  jimm_status status = clear_blobs(r);
  for (size_t i = 0; status == JIMM_OK && i < 3; i++) {
    status = clear(r, folders[i], true, NULL);
  }
  if (status == JIMM_OK && unlinkat(r->root, r->folder, AT_REMOVEDIR) != 0 && errno != ENOTEMPTY &&
      errno != EEXIST && errno != ENOENT) {
    status = jimm_removal_fail(r, "", "remove", errno);
  }
  return status;
}

typedef struct ref_search {
  jimm_removal *r;
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
             : jimm_removal_fail(s->r, entry->relative, "remove", errno);
}

/* What is said of a commit whose snapshot is gone. */
static jimm_status forget_commit(jimm_removal *r, const char *commit) {
  struct stat info;
  ref_search search = {r, commit};
  const char *snapshot = jimm_arena_format(&r->arena, "snapshots/%s", commit);
  const char *no_exist = jimm_arena_format(&r->arena, ".no_exist/%s", commit);
  const char *listing = jimm_arena_format(&r->arena, "trees/%s.json", commit);
  const char *shown = jimm_arena_format(&r->arena, "%s/%s/refs", r->cache->path, r->folder);
  if (snapshot == NULL || no_exist == NULL || listing == NULL || shown == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  if (jimm_removal_look(r, snapshot, &info)) {
    return JIMM_OK;
  }
  jimm_status status = clear(r, no_exist, true, NULL);
  if (status == JIMM_OK) {
    status = jimm_removal_take(r, listing, 0, NULL);
  }
  if (status == JIMM_OK) {
    status = jimm_walk(r->repository, "refs", shown, &r->arena, remove_ref, &search);
  }
  return status == JIMM_OK ? clear(r, "refs", false, NULL) : status;
}

jimm_status jimm_removal_tidy(jimm_removal *r, size_t first, size_t end) {
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
