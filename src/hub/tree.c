/* The cache's tree on disk, as huggingface_hub lays it out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/locale.h"
#include "base/log.h"
#include "base/os.h"
#include "hub/hub.h"

#define REF_LIMIT ((size_t)4096)

static const char tag[] =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file is a cache directory tag created by huggingface_hub.\n"
    "# For information about cache directory tags, see:\n"
    "#\thttps://bford.info/cachedir/\n";

bool jimm_hub_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

jimm_status jimm_hub_make_parents(const char *path) {
  char *folder = jimm_strdup(path);
  if (folder == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_status status = JIMM_OK;
  for (char *slash = strchr(folder + 1, '/'); slash != NULL && status == JIMM_OK;
       slash = strchr(slash + 1, '/')) {
    *slash = 0;
    if (mkdir(folder, 0777) != 0) {
      const int error = errno == EEXIST ? ENOTDIR : errno;
      if (!jimm_os_is_folder(folder)) {
        status = jimm_fail(JIMM_ERROR_IO, "%s: cannot make the folder: %s", folder,
                           jimm_errno_text(error));
      }
    }
    *slash = '/';
  }
  jimm_free(folder);
  return status;
}

char *jimm_hub_pointer(jimm_hub_call *call, const jimm_hub_file *file, const char *commit) {
  return jimm_arena_format(&call->arena, "%s/snapshots/%s/%s", file->storage, commit,
                           file->filename);
}

/* ---- refs ---- */

/* What a ref says; NULL when there is none that can be read. Freed with jimm_free. */
static jimm_status read_ref(const char *path, char **text) {
  unsigned char *bytes = NULL;
  size_t size = 0;
  const jimm_status status =
      jimm_os_exists(path) ? jimm_os_read_file(path, REF_LIMIT, &bytes, &size) : JIMM_OK;
  *text = (char *)bytes;
  return status == JIMM_ERROR_OUT_OF_MEMORY ? status : JIMM_OK;
}

jimm_status jimm_hub_cached_commit(jimm_hub_call *call, const jimm_hub_file *file,
                                   const char **commit) {
  *commit = NULL;
  if (jimm_hub_is_commit(file->revision)) {
    *commit = file->revision;
    return JIMM_OK;
  }
  const char *path = jimm_arena_format(&call->arena, "%s/refs/%s", file->storage, file->revision);
  char *text = NULL;
  jimm_status status = path == NULL ? JIMM_ERROR_OUT_OF_MEMORY : read_ref(path, &text);
  /* What is no commit could lead out of the snapshots. */
  if (text != NULL && jimm_hub_is_commit(text)) {
    *commit = jimm_arena_strdup(&call->arena, text);
    status = *commit == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  }
  jimm_free(text);
  return status;
}

jimm_status jimm_hub_cached(jimm_hub_call *call, const jimm_hub_file *file, const char **path) {
  const char *commit = NULL;
  const jimm_status status = jimm_hub_cached_commit(call, file, &commit);
  *path = NULL;
  if (status != JIMM_OK || commit == NULL) {
    return status;
  }
  const char *pointer = jimm_hub_pointer(call, file, commit);
  if (pointer == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  *path = jimm_hub_exists(pointer) ? pointer : NULL;
  return JIMM_OK;
}

/* Writes a small file through a temporary beside it. */
static jimm_status write_small(const char *path, const char *temporary, const char *text) {
  const int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file < 0) {
    return jimm_os_fail(temporary, "write", errno);
  }
  const size_t size = strlen(text);
  const ssize_t written = write(file, text, size);
  const int error = written < 0 ? errno : ENOSPC;
  if (close(file) == 0 && written == (ssize_t)size && rename(temporary, path) == 0) {
    return JIMM_OK;
  }
  const int last = written == (ssize_t)size ? errno : error;
  (void)unlink(temporary);
  return jimm_os_fail(path, "write", last);
}

jimm_status jimm_hub_write_ref(jimm_hub_call *call, const jimm_hub_file *file, const char *commit) {
  if (strcmp(file->revision, commit) == 0) {
    return JIMM_OK;
  }
  const char *path = jimm_arena_format(&call->arena, "%s/refs/%s", file->storage, file->revision);
  unsigned int number;
  jimm_os_random(&number, sizeof number);
  const char *temporary =
      path == NULL ? NULL : jimm_arena_format(&call->arena, "%s.%08x.tmp", path, number);
  if (temporary == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  char *old = NULL;
  jimm_status status = read_ref(path, &old);
  const bool same = old != NULL && strcmp(old, commit) == 0;
  jimm_free(old);
  if (same || status != JIMM_OK) {
    return status;
  }
  status = jimm_hub_make_parents(path);
  return status == JIMM_OK ? write_small(path, temporary, commit) : status;
}

/* ---- small marks ---- */

jimm_status jimm_hub_write_tag(jimm_hub_call *call) {
  const char *path = jimm_arena_format(&call->arena, "%s/CACHEDIR.TAG", call->cache);
  if (path == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  if (!jimm_hub_exists(path)) {
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file >= 0) {
      (void)!write(file, tag, sizeof tag - 1);
      close(file);
    }
  }
  return JIMM_OK;
}

jimm_status jimm_hub_write_no_exist(jimm_hub_call *call, const jimm_hub_file *file,
                                    const char *commit) {
  const char *path =
      jimm_arena_format(&call->arena, "%s/.no_exist/%s/%s", file->storage, commit, file->filename);
  if (path == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  const jimm_status status = jimm_hub_exists(path) ? JIMM_OK : jimm_hub_make_parents(path);
  if (status != JIMM_OK) {
    return status == JIMM_ERROR_OUT_OF_MEMORY ? status : JIMM_OK;
  }
  const int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (descriptor >= 0) {
    close(descriptor);
  }
  return JIMM_OK;
}

/* ---- pointers ---- */

/* "../../blobs/etag", with one ".." more for each folder in the file's name. */
static char *relative_blob(const jimm_hub_call *call, const char *blob, const char *pointer) {
  const char *name = strrchr(blob, '/') + 1;
  const char *storage_end = name - strlen("/blobs/");
  const size_t storage = (size_t)(storage_end - blob);
  (void)call;
  jimm_text text = {0};
  for (const char *c = pointer + storage + 1; *c != 0; c++) {
    if (*c == '/') {
      jimm_text_append(&text, "../");
    }
  }
  jimm_text_append(&text, "blobs/%s", name);
  return jimm_text_take(&text);
}

/* The blob could not be had. Where there are neither locks nor links, another process may have
 * moved the same bytes to the pointer's place. */
static jimm_status not_moved(const char *path, const char *doing, int error, const char *pointer) {
  return error == ENOENT && jimm_hub_exists(pointer) ? JIMM_OK : jimm_os_fail(path, doing, error);
}

/* Copies the blob's bytes to the pointer's place, through a temporary. */
static jimm_status copy_blob(const char *blob, const char *pointer) {
  jimm_writer writer;
  const int source = open(blob, O_RDONLY | O_CLOEXEC);
  if (source < 0) {
    return not_moved(blob, "open", errno, pointer);
  }
  jimm_status status = jimm_writer_open(pointer, &writer);
  if (status == JIMM_OK) {
    unsigned char buffer[16384];
    ssize_t size = 0;
    do {
      size = read(source, buffer, sizeof buffer);
      if (size < 0 && errno != EINTR) {
        status = jimm_os_fail(blob, "read", errno);
      } else if (size > 0) {
        status = jimm_writer_write(&writer, buffer, (size_t)size);
      }
    } while (status == JIMM_OK && size != 0);
    if (status == JIMM_OK) {
      status = jimm_writer_commit(&writer);
    } else {
      jimm_writer_abandon(&writer);
    }
  }
  close(source);
  return status;
}

static bool says_no_links(int error) {
  return error == EPERM || error == ENOTSUP || error == ENOSYS;
}

/* In place of a file, which stays until the link is there: without links it is somebody's. */
static jimm_status replace_file(const char *target, const char *pointer, bool *possible) {
  unsigned int number;
  jimm_os_random(&number, sizeof number);
  char *temporary = jimm_format("%s.%08x.tmp", pointer, number);
  if (temporary == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_status status = JIMM_OK;
  *possible = symlink(target, temporary) == 0;
  if (!*possible) {
    status = says_no_links(errno) ? JIMM_OK : jimm_os_fail(pointer, "link", errno);
  } else if (rename(temporary, pointer) != 0) {
    status = jimm_os_fail(pointer, "link", errno);
    (void)unlink(temporary);
  }
  jimm_free(temporary);
  return status;
}

static jimm_status make_link(const char *target, const char *pointer, bool *possible) {
  *possible = true;
  for (int attempt = 0; attempt < 2; attempt++) {
    if (symlink(target, pointer) == 0) {
      return JIMM_OK;
    }
    const int error = errno;
    if (error == EEXIST && attempt == 0) {
      /* One that leads nowhere, or another process was faster: its file is the same. */
      if (jimm_hub_exists(pointer)) {
        return JIMM_OK;
      }
      (void)unlink(pointer);
    } else if (says_no_links(error)) {
      *possible = false;
      return JIMM_OK;
    } else if (error != EEXIST) {
      return jimm_os_fail(pointer, "link", error);
    }
  }
  return jimm_hub_exists(pointer) ? JIMM_OK : jimm_os_fail(pointer, "link", EEXIST);
}

jimm_status jimm_hub_link(const jimm_hub_call *call, const char *blob, const char *pointer,
                          bool fresh) {
  bool possible = false, file = false;
  struct stat info, blob_info;
  if (lstat(pointer, &info) == 0) {
    const bool link = S_ISLNK(info.st_mode);
    file = !link;
    if (link && stat(pointer, &info) == 0 && stat(blob, &blob_info) == 0 &&
        info.st_dev == blob_info.st_dev && info.st_ino == blob_info.st_ino) {
      return JIMM_OK;
    }
    /* A link that leads elsewhere must not be written through. */
    if (link) {
      (void)unlink(pointer);
    }
  }
  if (!call->no_symlinks) {
    char *target = relative_blob(call, blob, pointer);
    if (target == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
    const jimm_status status =
        file ? replace_file(target, pointer, &possible) : make_link(target, pointer, &possible);
    jimm_free(target);
    if (status != JIMM_OK || possible) {
      return status;
    }
  }
  if (!fresh) {
    return copy_blob(blob, pointer);
  }
  return rename(blob, pointer) == 0 ? JIMM_OK : not_moved(pointer, "write", errno, pointer);
}
