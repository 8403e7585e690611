#include "hub/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/locale.h"
#include "hub/hub.h"

#define LIST_BYTES ((size_t)1 << 20)

/* The store is one, of the layout that is known. */
static bool is_store(int root) {
  char text[8];
  const int folder = jimm_walk_open(root, "blobs");
  const bool is = folder >= 0 &&
                  jimm_walk_read(folder, ".huggingface-shared-blobs", text, sizeof text) == 2 &&
                  memcmp(text, "1\n", 2) == 0;
  if (folder >= 0) {
    close(folder);
  }
  return is;
}

/* The lock of one blob of the store; -1: it cannot be had. */
static int lock_blob(int folder, const char *hash) {
  char name[96];
  struct stat info;
  jimm_snprintf(name, sizeof name, "%s.lock", hash);
  const int file =
      openat(folder, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (file < 0) {
    return -1;
  }
  (void)fchmod(file, 0666); /* whatever the umask: others share the store */
  int result = fstat(file, &info) != 0 || !S_ISREG(info.st_mode) ? -1 : 0;
  while (result == 0 && (result = flock(file, LOCK_EX)) != 0 && errno == EINTR) {
    result = 0;
  }
  if (result != 0) {
    close(file);
    return -1;
  }
  return file;
}

/* `line` is "REPOSITORY/blobs/ETAG" where the blob is a link to `target`. */
static bool is_reference(const jimm_cache *cache, int root, const char *line, const char *target) {
  static const char middle[] = "/blobs/";
  char repo[256], path[JIMM_WALK_PATH];
  const size_t length = strcspn(line, "/");
  if (length >= sizeof repo || strncmp(line + length, middle, sizeof middle - 1) != 0) {
    return false;
  }
  const char *etag = line + length + sizeof middle - 1;
  memcpy(repo, line, length);
  repo[length] = 0;
  jimm_snprintf(path, sizeof path, "%s/blobs", repo);
  const int blobs = strchr(etag, '/') != NULL ? -1 : jimm_walk_open(root, path);
  const char *leads = blobs < 0 ? NULL : jimm_cache_stored(cache, blobs, repo, etag, path);
  if (blobs >= 0) {
    close(blobs);
  }
  return leads != NULL && strcmp(leads, target) == 0;
}

/* No line of the list is a reference to `target`. */
static bool is_free(const jimm_cache *cache, int root, char *list, const char *target) {
  for (char *line = list; *line != 0;) {
    const size_t length = strcspn(line, "\n");
    const bool last = line[length] == 0;
    line[length] = 0;
    if (is_reference(cache, root, line, target)) {
      return false;
    }
    line += length + !last;
  }
  return true;
}

jimm_status jimm_store_sweep(const jimm_cache *cache, int root, const char *target,
                             int64_t *freed) {
  char name[96];
  const char *hash = NULL;
  struct stat info;
  const int folder = is_store(root) ? jimm_walk_open_parent(root, target, &hash) : -1;
  const int lock = folder < 0 ? -1 : lock_blob(folder, hash);
  char *list = lock < 0 ? NULL : jimm_alloc(LIST_BYTES);
  jimm_status status = lock >= 0 && list == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  if (list != NULL) {
    jimm_snprintf(name, sizeof name, "%s.refs", hash);
    if (jimm_walk_read(folder, name, list, LIST_BYTES) >= 0 && is_free(cache, root, list, target) &&
        fstatat(folder, hash, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
        unlinkat(folder, hash, 0) == 0) {
      (void)unlinkat(folder, name, 0);
      *freed += (int64_t)info.st_size;
    }
  }
  jimm_free(list);
  if (lock >= 0) {
    close(lock);
  }
  if (folder >= 0) {
    close(folder);
  }
  return status;
}
