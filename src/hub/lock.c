/* The lock of a blob: flock(2) on a file that stays, as the Python client's filelock has it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/os.h"
#include "hub/hub.h"

#define POLL_SECONDS 0.05
#define SAY_SECONDS 10.0

char *jimm_hub_lock_path(jimm_arena *arena, const char *cache, const char *folder,
                         const char *etag) {
  return jimm_arena_format(arena, "%s/.locks/%s/%s.lock", cache, folder, etag);
}

/* Opens or makes the file. Who makes it lets the group use it, whatever the umask. -1 with errno.
 * O_NONBLOCK: a pipe in its place must not hold us. */
static int open_lock(const char *path, bool *made) {
  const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  int file = open(path, flags | O_CREAT | O_EXCL, 0664);
  *made = file >= 0;
  if (*made) {
    (void)fchmod(file, 0664);
    return file;
  }
  if (errno != EEXIST && errno != EACCES) {
    return -1;
  }
  return open(path, flags);
}

/* Some versions remove the file when they let go: then the lock on it guards nothing any more. */
static bool is_current(int file, const char *path) {
  struct stat ours, named;
  return fstat(file, &ours) == 0 && stat(path, &named) == 0 && ours.st_dev == named.st_dev &&
         ours.st_ino == named.st_ino;
}

typedef enum attempt { TAKEN, HELD, WITHOUT, FAILED } attempt;

static attempt try_lock(const char *path, int *descriptor) {
  bool made = false;
  const int file = open_lock(path, &made);
  if (file < 0) {
    return errno == ENOENT || errno == EAGAIN ? HELD : FAILED;
  }
  if (flock(file, LOCK_EX | LOCK_NB) == 0) {
    if (is_current(file, path)) {
      *descriptor = file;
      return TAKEN;
    }
    close(file);
    return HELD;
  }
  const int error = errno;
  const bool without = error == ENOSYS || error == EOPNOTSUPP || error == ENOLCK;
  if (without && made) {
    /* Where there are no locks, the Python client takes a file in this place for one that is held,
     * and an empty one for one that is held for ever. */
    (void)unlink(path);
  }
  close(file);
  errno = error;
  return error == EWOULDBLOCK || error == EINTR ? HELD : without ? WITHOUT : FAILED;
}

void jimm_hub_lock_give(jimm_hub_lock *lock) {
  if (lock->descriptor >= 0) {
    (void)flock(lock->descriptor, LOCK_UN);
    close(lock->descriptor);
    lock->descriptor = -1;
  }
}

static jimm_status take(jimm_hub_teller *teller, const char *path, jimm_hub_lock *lock) {
  double waited = 0;
  double said = 0;
  for (;;) {
    const jimm_status status = jimm_hub_make_parents(path);
    if (status != JIMM_OK) {
      return status;
    }
    switch (try_lock(path, &lock->descriptor)) {
      case TAKEN:
        teller->now.waits_for = NULL;
        if (waited <= 0 || jimm_hub_tell(teller, true)) {
          return JIMM_OK;
        }
        jimm_hub_lock_give(lock);
        return jimm_hub_cancelled(teller->now.name);
      case WITHOUT:
        /* Each download has a file of its own and renames it, so that two are only slower. */
        jimm_log(JIMM_LOG_WARNING, "%s: this file system has no locks; going on without", path);
        return JIMM_OK;
      case FAILED:
        return jimm_os_fail(path, "lock", errno);
      case HELD:
        break;
    }
    if (waited - said >= SAY_SECONDS) {
      said = waited;
      jimm_log(JIMM_LOG_INFO, "waiting for another download of the same file (%s, %.0f s)", path,
               waited);
    }
    teller->now.waits_for = path;
    if (!jimm_hub_wait(teller, POLL_SECONDS)) {
      return jimm_hub_cancelled(teller->now.name);
    }
    waited += POLL_SECONDS;
  }
}

jimm_status jimm_hub_lock_take(jimm_hub_teller *teller, const char *path, jimm_hub_lock *lock) {
  lock->descriptor = -1;
  const jimm_status status = take(teller, path, lock);
  teller->now.waits_for = NULL;
  return status;
}
