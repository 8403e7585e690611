#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/locale.h"

/* ---- errors ---- */

jimm_status jimm_os_fail(const char *path, const char *doing, int error) {
  jimm_status status = error == ENOENT || error == ENOTDIR ? JIMM_ERROR_NOT_FOUND
                       : error == ENOMEM                   ? JIMM_ERROR_OUT_OF_MEMORY
                                                           : JIMM_ERROR_IO;
  return jimm_fail(status, "%s: cannot %s: %s", path, doing, jimm_errno_text(error));
}

const char *jimm_os_kind(mode_t mode) {
  return S_ISDIR(mode)    ? "a folder"
         : S_ISFIFO(mode) ? "a pipe"
         : S_ISCHR(mode)  ? "a device"
         : S_ISBLK(mode)  ? "a block device"
         : S_ISSOCK(mode) ? "a socket"
                          : "not a regular file";
}

/* ---- reading ---- */

/* Opens for reading. O_NONBLOCK keeps the open of a pipe without a writer from waiting for ever. */
static int open_for_reading(const char *path, int flags) {
  int descriptor;
  do {
    descriptor = open(path, O_RDONLY | O_CLOEXEC | flags);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

/* The same, and what was opened. */
static jimm_status open_and_look(const char *path, int flags, int *descriptor, struct stat *info) {
  *descriptor = open_for_reading(path, flags);
  if (*descriptor < 0) {
    return jimm_os_fail(path, "open", errno);
  }
  if (fstat(*descriptor, info) != 0) {
    const int error = errno;
    close(*descriptor);
    return jimm_os_fail(path, "read its size", error);
  }
  return JIMM_OK;
}

jimm_status jimm_os_map(const char *path, jimm_mapping *mapping) {
  *mapping = (jimm_mapping){NULL, 0};
  int descriptor;
  struct stat info;
  const jimm_status status = open_and_look(path, O_NONBLOCK, &descriptor, &info);
  if (status != JIMM_OK) {
    return status;
  }
  if (!S_ISREG(info.st_mode)) {
    close(descriptor);
    return jimm_fail(JIMM_ERROR_IO, "%s: expected a regular file, found %s", path,
                     jimm_os_kind(info.st_mode));
  }
  if ((uintmax_t)info.st_size > (uintmax_t)PTRDIFF_MAX) {
    close(descriptor);
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: %jd bytes are too many to map", path,
                     (intmax_t)info.st_size);
  }
  if (info.st_size == 0) {
    close(descriptor);
    return JIMM_OK;
  }
  void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  int error = errno;
  close(descriptor); /* the mapping keeps the file */
  if (data == MAP_FAILED) {
    return jimm_os_fail(path, "map", error);
  }
  *mapping = (jimm_mapping){data, (size_t)info.st_size};
  return JIMM_OK;
}

void jimm_os_unmap(jimm_mapping *mapping) {
  if (mapping->data != NULL) {
    munmap((void *)(uintptr_t)mapping->data, mapping->size);
  }
  *mapping = (jimm_mapping){NULL, 0};
}

/* Reads to the end of the file into *data (capacity bytes, grown as needed). */
static jimm_status read_all(const char *path, int descriptor, size_t limit, size_t capacity,
                            unsigned char **data, size_t *size) {
  size_t length = 0;
  *data = jimm_alloc(capacity);
  if (*data == NULL) {
    return jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "%s", path);
  }
  for (;;) {
    /* always room for a byte and the zero after it */
    if (jimm_reserve(data, length, length + 2, 1, &capacity) != JIMM_OK) {
      return jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "%s", path);
    }
    size_t room = capacity - length - 1;
    room = room > (size_t)1 << 30 ? (size_t)1 << 30 : room;
    ssize_t got = read(descriptor, *data + length, room);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return jimm_os_fail(path, "read", errno);
    }
    if (got == 0) {
      break;
    }
    length += (size_t)got;
    if (length > limit) {
      return jimm_fail(JIMM_ERROR_LIMIT, "%s: more than the limit of %zu bytes", path, limit);
    }
  }
  (*data)[length] = 0;
  *size = length;
  return JIMM_OK;
}

jimm_status jimm_os_read_file(const char *path, size_t limit, unsigned char **data, size_t *size) {
  *data = NULL;
  *size = 0;
  int descriptor;
  struct stat info;
  jimm_status status = open_and_look(path, 0, &descriptor, &info);
  if (status != JIMM_OK) {
    return status;
  }
  if (S_ISDIR(info.st_mode)) {
    close(descriptor);
    return jimm_fail(JIMM_ERROR_IO, "%s: expected a file, found a folder", path);
  }
  if (S_ISREG(info.st_mode) && (uintmax_t)info.st_size > limit) {
    close(descriptor);
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: %jd bytes are more than the limit of %zu", path,
                     (intmax_t)info.st_size, limit);
  }
  size_t capacity = S_ISREG(info.st_mode) ? (size_t)info.st_size + 2 : 65536;
  status = read_all(path, descriptor, limit, capacity, data, size);
  close(descriptor);
  if (status != JIMM_OK) {
    jimm_free(*data);
    *data = NULL;
  }
  return status;
}

bool jimm_os_is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool jimm_os_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

void jimm_os_random(void *bytes, size_t size) {
  unsigned char *at = bytes;
  size_t left = size;
  while (left > 0) {
    ssize_t got = getrandom(at, left, GRND_NONBLOCK);
    if (got <= 0) {
      break;
    }
    at += got;
    left -= (size_t)got;
  }
  if (left > 0) { /* early in the boot, or not allowed to ask: what differs between processes */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t mixed = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30 ^ (uint64_t)getpid() << 44 ^
                     (uint64_t)(uintptr_t)&now;
    for (; left > 0; left--) {
      mixed = mixed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
      *at++ = (unsigned char)(mixed >> 56);
    }
  }
}

/* ---- processors ---- */

/* Reads a short text below `root`; false when it is not there. */
static bool read_text(char *buffer, size_t size, const char *root, const char *a, const char *b,
                      const char *c) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s%s%s%s", root, a, b, c);
  int descriptor =
      length < 0 || (size_t)length >= sizeof path ? -1 : open_for_reading(path, O_NONBLOCK);
  if (descriptor < 0) {
    return false;
  }
  size_t at = 0;
  ssize_t got;
  while (at < size - 1 && (got = read(descriptor, buffer + at, size - 1 - at)) > 0) {
    at += (size_t)got;
  }
  buffer[at] = 0;
  close(descriptor);
  return at > 0;
}

/* quota / period rounded up; 0 when either is no limit. */
static int whole_processors(long long quota, long long period) {
  if (quota <= 0 || period <= 0) {
    return 0;
  }
  long long whole = quota / period + (quota % period != 0);
  return whole > INT_MAX ? INT_MAX : (int)whole;
}

/* The limit of one control group: cpu.max (version 2) or cpu.cfs_* (version 1) in `folder`. */
static int group_limit(const char *root, const char *mount, const char *folder) {
  char text[256], *end;
  if (read_text(text, sizeof text, root, mount, folder, "/cpu.max")) {
    long long quota = strtoll(text, &end, 10); /* "max" reads as 0: no limit */
    return whole_processors(quota, strtoll(end, NULL, 10));
  }
  char period[256];
  if (read_text(text, sizeof text, root, mount, folder, "/cpu.cfs_quota_us") &&
      read_text(period, sizeof period, root, mount, folder, "/cpu.cfs_period_us")) {
    return whole_processors(strtoll(text, NULL, 10), strtoll(period, NULL, 10));
  }
  return 0;
}

static int smaller_limit(int a, int b) {
  return a == 0 ? b : b == 0 || a < b ? a : b;
}

/* The smallest limit from `folder` up to the mount's root. Inside a container the folder may not be
 * visible: the root then is the container's own group. */
static int tightest_limit(const char *root, const char *mount, char *folder) {
  int limit = 0;
  for (;;) {
    size_t length = strlen(folder);
    if (length > 0 && folder[length - 1] == '/') {
      folder[length - 1] = 0;
    }
    limit = smaller_limit(limit, group_limit(root, mount, folder));
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
      return limit;
    }
    *slash = 0;
  }
}

/* Whether a comma-separated list of controllers has "cpu". */
static bool lists_cpu(const char *list) {
  for (const char *at = list; at != NULL; at = strchr(at, ',')) {
    at += *at == ',';
    if (strncmp(at, "cpu", 3) == 0 && (at[3] == ',' || at[3] == 0)) {
      return true;
    }
  }
  return false;
}

int jimm_os_quota(const char *root) {
  char groups[8192];
  if (!read_text(groups, sizeof groups, root, "/proc/self/cgroup", "", "")) {
    return 0;
  }
  int limit = 0;
  char *rest = groups, *line;
  while ((line = strsep(&rest, "\n")) != NULL) { /* "number:controllers:folder" */
    char *controllers = strchr(line, ':');
    char *folder = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (folder == NULL || strstr(folder, "/..") != NULL) {
      continue;
    }
    *controllers++ = 0;
    *folder++ = 0;
    const char *const v2[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    const char *const v1[] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"};
    const char *const *mounts = controllers[0] == 0 ? v2 : lists_cpu(controllers) ? v1 : NULL;
    for (int i = 0; mounts != NULL && i < 2; i++) {
      char walk[4096];
      snprintf(walk, sizeof walk, "%.*s", (int)sizeof walk - 1, folder);
      limit = smaller_limit(limit, tightest_limit(root, mounts[i], walk));
    }
  }
  return limit;
}

int jimm_os_processors(void) {
  /* The kernel's mask may have more bits than cpu_set_t; it never has more than these. */
  cpu_set_t sets[64];
  int count = 1;
  if (sched_getaffinity(0, sizeof sets, sets) == 0) {
    count = CPU_COUNT_S(sizeof sets, sets);
  }
  int quota = jimm_os_quota("");
  count = quota != 0 && quota < count ? quota : count;
  return count < 1 ? 1 : count;
}

double jimm_os_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
