/* Files that appear whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h> /* renameat */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/locale.h"
#include "base/os.h"
#include "base/temporary.h"

#define BUFFER_BYTES ((size_t)65536)

#define NAME_BYTES 32 /* ".jimm-0123456789abcdef.tmp" */

/* ---- opening ---- */

/* The path that the new file gets: symbolic links are followed, so that they stay links. An
 * existing target must be a regular file: renaming over a device or a pipe would destroy it. */
static jimm_status resolve_target(const char *path, char **target) {
  struct stat info;
  if (path[0] == 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "cannot write a file with an empty name");
  }
  if (lstat(path, &info) != 0) {
    if (errno != ENOENT) {
      return jimm_os_fail(path, "write", errno);
    }
    if (path[strlen(path) - 1] == '/') {
      return jimm_fail(JIMM_ERROR_IO, "%s: cannot write: expected a file, found a folder's name",
                       path);
    }
    *target = jimm_strdup(path);
    return *target == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  }
  if (stat(path, &info) != 0) {
    return jimm_fail(JIMM_ERROR_IO, "%s: cannot write: a symbolic link that leads nowhere (%s)",
                     path, jimm_errno_text(errno));
  }
  if (!S_ISREG(info.st_mode)) {
    return jimm_fail(JIMM_ERROR_IO, "%s: cannot write: expected a regular file, found %s", path,
                     jimm_os_kind(info.st_mode));
  }
  /* A rename asks only the folder: without this a write-protected file would be replaced. */
  if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0) {
    return jimm_os_fail(path, "write", errno);
  }
  char resolved[PATH_MAX];
  if (realpath(path, resolved) == NULL) {
    return jimm_os_fail(path, "write", errno);
  }
  *target = jimm_strdup(resolved);
  return *target == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

/* Opens the folder of writer->path: from here on neither a new working folder nor a renamed one
 * leads elsewhere. O_PATH asks for no right to list it. */
static jimm_status open_folder(jimm_writer *writer) {
  char *slash = strrchr(writer->path, '/');
  writer->base = slash == NULL ? writer->path : slash + 1;
  const char first = slash == NULL ? 0 : slash[1];
  const char *folder = slash == NULL ? "." : writer->path;
  if (slash != NULL) {
    slash[1] = 0;
  }
  writer->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  const int error = errno;
  if (slash != NULL) {
    slash[1] = first;
  }
  return writer->folder < 0 ? jimm_os_fail(writer->path, "write", error) : JIMM_OK;
}

/* Makes the temporary file beside writer->path. The mode of a new file is what the umask leaves of
 * 0666. */
static jimm_status open_temporary(jimm_writer *writer) {
  const size_t folder = (size_t)(writer->base - writer->path);
  writer->temporary = jimm_alloc(folder + NAME_BYTES);
  if (writer->temporary == NULL) {
    return jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "%s", writer->path);
  }
  memcpy(writer->temporary, writer->path, folder);
  char *name = writer->temporary + folder;
  for (int attempt = 0; attempt < 100; attempt++) {
    uint64_t number;
    jimm_os_random(&number, sizeof number);
    jimm_snprintf(name, NAME_BYTES, ".jimm-%016llx.tmp", (unsigned long long)number);
    writer->slot = jimm_temporary_enter(writer->folder, name);
    do {
      writer->descriptor =
          openat(writer->folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (writer->descriptor < 0 && errno == EINTR);
    if (writer->descriptor >= 0) {
      writer->name = name;
      return JIMM_OK;
    }
    const int error = errno;
    jimm_temporary_leave(writer->slot);
    writer->slot = -1;
    if (error != EEXIST) {
      return jimm_os_fail(writer->path, "write", error);
    }
  }
  return jimm_fail(JIMM_ERROR_IO, "%s: cannot write: no name for a temporary file is free",
                   writer->path);
}

/* A file that is replaced keeps its mode, and its owner where the system allows: what was private
 * stays private. */
static jimm_status keep_mode(const jimm_writer *writer) {
  struct stat old, made;
  if (fstatat(writer->folder, writer->base, &old, 0) != 0) {
    return errno == ENOENT ? JIMM_OK : jimm_os_fail(writer->path, "write", errno);
  }
  int result = fstat(writer->descriptor, &made);
  if (result == 0 && (made.st_uid != old.st_uid || made.st_gid != old.st_gid)) {
    /* Only root can give files away. */
    (void)!fchown(writer->descriptor, old.st_uid, old.st_gid);
  }
  if (result == 0 && (made.st_mode & 0777) != (old.st_mode & 0777)) {
    result = fchmod(writer->descriptor, old.st_mode & 0777);
  }
  return result == 0 ? JIMM_OK : jimm_os_fail(writer->path, "write", errno);
}

static const jimm_writer closed = {.folder = -1, .descriptor = -1, .slot = -1};

jimm_status jimm_writer_open(const char *path, jimm_writer *writer) {
  *writer = closed;
  jimm_status status = resolve_target(path, &writer->path);
  if (status == JIMM_OK) {
    writer->buffer = jimm_alloc(BUFFER_BYTES);
    status = writer->buffer == NULL
                 ? jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "%s", writer->path)
                 : open_folder(writer);
  }
  if (status == JIMM_OK) {
    status = open_temporary(writer);
  }
  if (status == JIMM_OK) {
    status = keep_mode(writer);
  }
  if (status != JIMM_OK) {
    jimm_writer_abandon(writer);
  }
  return status;
}

/* ---- writing ---- */

static jimm_status write_all(const jimm_writer *writer, const unsigned char *data, size_t size) {
  while (size > 0) {
    const ssize_t written = write(writer->descriptor, data, size);
    if (written < 0 && errno != EINTR) {
      return jimm_os_fail(writer->path, "write", errno);
    }
    data += written < 0 ? 0 : written;
    size -= written < 0 ? 0 : (size_t)written;
  }
  return JIMM_OK;
}

static jimm_status flush(jimm_writer *writer) {
  const size_t size = writer->used;
  writer->used = 0;
  return write_all(writer, writer->buffer, size);
}

jimm_status jimm_writer_write(jimm_writer *writer, const void *data, size_t size) {
  if (size > BUFFER_BYTES - writer->used) {
    const jimm_status status = flush(writer);
    if (status != JIMM_OK) {
      return status;
    }
  }
  if (size > BUFFER_BYTES) {
    return write_all(writer, data, size);
  }
  if (size > 0) {
    memcpy(writer->buffer + writer->used, data, size);
    writer->used += size;
  }
  return JIMM_OK;
}

/* Not every file system can sync; the file is whole in any case. */
static jimm_status sync_file(const jimm_writer *writer) {
  int result;
  do {
    result = fsync(writer->descriptor);
  } while (result != 0 && errno == EINTR);
  return result == 0 || errno == EINVAL || errno == ENOTSUP
             ? JIMM_OK
             : jimm_os_fail(writer->path, "write", errno);
}

static jimm_status close_file(jimm_writer *writer) {
  const int result = close(writer->descriptor); /* closed whatever the answer is */
  writer->descriptor = -1;
  return result == 0 || errno == EINTR ? JIMM_OK : jimm_os_fail(writer->path, "write", errno);
}

/* Makes the rename itself last, where that is possible. */
static void sync_folder(const jimm_writer *writer) {
  const int descriptor = openat(writer->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    (void)fsync(descriptor);
    close(descriptor);
  }
}

jimm_status jimm_writer_commit(jimm_writer *writer) {
  jimm_status status = flush(writer);
  if (status == JIMM_OK) {
    status = sync_file(writer);
  }
  if (status == JIMM_OK) {
    status = close_file(writer);
  }
  if (status == JIMM_OK) {
    if (renameat(writer->folder, writer->name, writer->folder, writer->base) == 0) {
      writer->name = NULL; /* there is nothing left to remove */
      sync_folder(writer);
    } else {
      status = jimm_os_fail(writer->path, "write", errno);
    }
  }
  jimm_writer_abandon(writer);
  return status;
}

void jimm_writer_abandon(jimm_writer *writer) {
  if (writer->descriptor >= 0) {
    close(writer->descriptor);
  }
  if (writer->name != NULL) {
    (void)unlinkat(writer->folder, writer->name, 0);
  }
  jimm_temporary_leave(writer->slot);
  if (writer->folder >= 0) {
    close(writer->folder);
  }
  jimm_free(writer->buffer);
  jimm_free(writer->temporary);
  jimm_free(writer->path);
  *writer = closed;
}

const char *jimm_writer_path(const jimm_writer *writer) {
  return writer->temporary;
}
