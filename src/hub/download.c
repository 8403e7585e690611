/* jimm_hub_download: huggingface_hub.hf_hub_download. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* renameat */
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/locale.h"
#include "base/log.h"
#include "base/options.h"
#include "base/os.h"
#include "base/temporary.h"
#include "hub/hub.h"

#define HEAD_RETRIES 5
#define HEAD_WAIT_LONGEST 8.0

jimm_status jimm_hub_file_begin(jimm_hub_call *call, const char *repo, const char *filename,
                                jimm_hub_file *file) {
  const char *revision = call->options.revision;
  *file = (jimm_hub_file){.repo = repo,
                          .filename = filename,
                          .revision = revision == NULL || revision[0] == 0 ? "main" : revision};
  call->teller.now = (jimm_hub_progress){.name = filename, .total = -1};
  jimm_status status = jimm_hub_check_repo(repo);
  if (status == JIMM_OK) {
    status = jimm_hub_check_filename(filename);
  }
  if (status == JIMM_OK) {
    status = jimm_hub_check_revision(file->revision);
  }
  if (status != JIMM_OK) {
    return status;
  }
  file->folder = jimm_hub_repo_folder(&call->arena, call->options.repo_type, repo);
  file->storage = file->folder == NULL
                      ? NULL
                      : jimm_arena_format(&call->arena, "%s/%s", call->cache, file->folder);
  return file->storage == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

/* ---- the blob ---- */

typedef struct blob {
  jimm_hub_call *call;
  const jimm_hub_file *file;
  const jimm_hub_metadata *metadata;
} blob;

/* The signed url has expired: asks for a new one, which must be for the same bytes. */
static jimm_status renew(void *context, const char **url, bool *passing, double *wait) {
  const blob *b = context;
  jimm_hub_metadata fresh;
  jimm_hub_trouble trouble;
  const jimm_status status = jimm_hub_head(b->call, b->file, &fresh, &trouble);
  *passing = trouble.transient;
  *wait = trouble.wait;
  if (status != JIMM_OK) {
    return status;
  }
  if (strcmp(fresh.etag, b->metadata->etag) != 0) {
    return jimm_fail(JIMM_ERROR_NETWORK,
                     "%s: the file has changed at the hub while it was downloaded: try again",
                     b->file->filename);
  }
  *url = fresh.location;
  return JIMM_OK;
}

static void warn_of_space(const char *folder, const jimm_hub_file *file, int64_t size) {
  struct statvfs space;
  if (size <= 0 || statvfs(folder, &space) != 0) {
    return;
  }
  const unsigned long long room = (unsigned long long)space.f_bavail * space.f_frsize;
  if (room < (unsigned long long)size) {
    jimm_log(JIMM_LOG_WARNING, "%s has %lld bytes, but only %llu are free in %s", file->filename,
             (long long)size, room, folder);
  }
}

/* Downloads into the open temporary and gives it its name. */
static jimm_status fill_blob(blob *b, int folder, int descriptor, const char *temporary,
                             const char *path) {
  const jimm_hub_transfer transfer = {.name = b->file->filename,
                                      .url = b->metadata->location,
                                      .trusted = b->call->endpoint,
                                      .etag = b->metadata->etag,
                                      .size = b->metadata->size,
                                      .descriptor = descriptor,
                                      .path = path,
                                      .renew = renew,
                                      .context = b};
  jimm_status status = jimm_hub_transfer_run(b->call, &transfer);
  if (status == JIMM_OK && fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP) {
    status = jimm_os_fail(path, "write", errno);
  }
  if (status == JIMM_OK && renameat(folder, temporary, folder, b->metadata->etag) != 0) {
    status = jimm_os_fail(path, "write", errno);
  }
  return status;
}

/* blobs/ETAG, through a temporary file that is this download's alone. Old versions' ETAG.incomplete
 * is never touched: it may hold anything. */
static jimm_status download_blob(blob *b, const char *path) {
  char *folder_path = jimm_strndup(path, (size_t)(strrchr(path, '/') - path));
  if (folder_path == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  warn_of_space(folder_path, b->file, b->metadata->size);
  const int folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  jimm_status status = folder < 0 ? jimm_os_fail(folder_path, "open", errno) : JIMM_OK;
  jimm_free(folder_path);
  if (status != JIMM_OK) {
    return status;
  }
  unsigned int number;
  char temporary[JIMM_TEMPORARY_NAME_BYTES];
  jimm_os_random(&number, sizeof number);
  jimm_snprintf(temporary, sizeof temporary, "%s.%08x.incomplete", b->metadata->etag, number);
  const int slot = jimm_temporary_enter(folder, temporary);
  const int descriptor =
      openat(folder, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    status = jimm_os_fail(path, "write", errno);
  } else {
    status = fill_blob(b, folder, descriptor, temporary, path);
    if (close(descriptor) != 0 && errno != EINTR && status == JIMM_OK) {
      status = jimm_os_fail(path, "write", errno);
    }
    if (status != JIMM_OK) {
      (void)unlinkat(folder, temporary, 0);
    } else {
      (void)fsync(folder);
    }
  }
  jimm_temporary_leave(slot);
  close(folder);
  return status;
}

/* ---- the order of steps ---- */

/* Under the lock: the blob if it is not there, and the pointer. */
static jimm_status complete(blob *b, const char *path, const char *pointer) {
  jimm_status status = JIMM_OK;
  const bool fresh = !jimm_hub_exists(path);
  if (b->call->options.force || !jimm_hub_exists(pointer)) {
    if (fresh || b->call->options.force) {
      status = download_blob(b, path);
    }
    if (status == JIMM_OK) {
      status = jimm_hub_make_parents(pointer); /* again: it was empty, and the cache tidied */
    }
    if (status == JIMM_OK) {
      status = jimm_hub_link(b->call, path, pointer, fresh);
    }
  }
  return status;
}

static jimm_status store(jimm_hub_call *call, const jimm_hub_file *file,
                         const jimm_hub_metadata *metadata, const char *pointer) {
  const char *path = jimm_arena_format(&call->arena, "%s/blobs/%s", file->storage, metadata->etag);
  const char *lock_path =
      jimm_hub_lock_path(&call->arena, call->cache, file->folder, metadata->etag);
  if (path == NULL || lock_path == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_status status = jimm_hub_make_parents(path);
  if (status == JIMM_OK) {
    status = jimm_hub_make_parents(pointer);
  }
  if (status == JIMM_OK) {
    status = jimm_hub_write_tag(call);
  }
  if (status == JIMM_OK) {
    status = jimm_hub_write_ref(call, file, metadata->commit);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_hub_lock lock;
  call->teller.now.total = metadata->size;
  status = jimm_hub_lock_take(&call->teller, lock_path, &lock);
  if (status == JIMM_OK) {
    blob b = {call, file, metadata};
    status = complete(&b, path, pointer);
    jimm_hub_lock_give(&lock);
  }
  return status;
}

/* The revision has no such file: the cache remembers that. The thread's message stays. */
static jimm_status note_missing(jimm_hub_call *call, const jimm_hub_file *file,
                                const char *commit) {
  const char *reason = jimm_arena_strdup(&call->arena, jimm_error_message());
  if (reason == NULL || jimm_hub_write_no_exist(call, file, commit) != JIMM_OK ||
      jimm_hub_write_ref(call, file, commit) == JIMM_ERROR_OUT_OF_MEMORY) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  return jimm_fail(JIMM_ERROR_ENTRY_NOT_FOUND, "%s", reason);
}

/* The HEAD failed for good: what the cache has, or the reason why there is nothing. */
static jimm_status fall_back(jimm_hub_call *call, const jimm_hub_file *file, jimm_status status,
                             const jimm_hub_trouble *trouble) {
  if (status == JIMM_ERROR_ENTRY_NOT_FOUND && trouble->commit != NULL && !call->asks) {
    return note_missing(call, file, trouble->commit);
  }
  if (status == JIMM_ERROR_NETWORK && trouble->transient) {
    const char *reason = jimm_arena_strdup(&call->arena, jimm_error_message());
    return reason == NULL
               ? JIMM_ERROR_OUT_OF_MEMORY
               : jimm_fail(JIMM_ERROR_NOT_CACHED,
                           "%s of %s (%s) is not in the cache, and the hub can't be reached: %s",
                           file->filename, file->repo, file->revision, reason);
  }
  return status;
}

/* Where the hub has the file. */
static jimm_status address(jimm_hub_call *call, jimm_hub_file *file) {
  const jimm_status status = jimm_hub_address(call);
  if (status != JIMM_OK) {
    return status;
  }
  file->url = jimm_hub_url(call, &call->arena, file->repo, file->revision, file->filename);
  return file->url == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

/* The hub's answer. *cached: the hub can't be asked, and this is what the cache has. */
static jimm_status consult(jimm_hub_call *call, jimm_hub_file *file, jimm_hub_metadata *metadata,
                           const char **cached) {
  jimm_hub_trouble trouble = {.stale_ok = true, .wait = -1};
  double wait = call->retry_seconds;
  *cached = NULL;
  const jimm_status addressed = address(call, file);
  if (addressed != JIMM_OK) {
    return addressed;
  }
  for (int attempt = 0;; attempt++) {
    const jimm_status status = jimm_hub_head(call, file, metadata, &trouble);
    if (status == JIMM_OK || status == JIMM_ERROR_OUT_OF_MEMORY) {
      return status;
    }
    if (attempt == 0 && trouble.stale_ok && !call->options.force) {
      const char *reason = jimm_arena_strdup(&call->arena, jimm_error_message());
      const jimm_status found =
          reason == NULL ? JIMM_ERROR_OUT_OF_MEMORY : jimm_hub_cached(call, file, cached);
      if (found != JIMM_OK) {
        return found;
      }
      if (*cached != NULL) {
        jimm_log(JIMM_LOG_INFO, "%s; taking what the cache has", reason);
        return JIMM_OK;
      }
      jimm_fail(status, "%s", reason);
    }
    if (!trouble.transient || attempt == HEAD_RETRIES) {
      return fall_back(call, file, status, &trouble);
    }
    if (!jimm_hub_wait_to_retry(&call->teller, trouble.wait >= 0 ? trouble.wait : wait)) {
      return jimm_hub_cancelled(file->filename);
    }
    wait = 2 * wait < HEAD_WAIT_LONGEST ? 2 * wait : HEAD_WAIT_LONGEST;
  }
}

static jimm_status not_cached(const jimm_hub_call *call, const jimm_hub_file *file) {
  return jimm_fail(JIMM_ERROR_NOT_CACHED,
                   "%s of %s (%s) is not in the cache %s, and the hub is not asked in offline mode",
                   file->filename, file->repo, file->revision, call->cache);
}

/* What the cache answers alone. */
static jimm_status look(jimm_hub_call *call, const jimm_hub_file *file, const char **path) {
  jimm_status status = JIMM_OK;
  const bool pinned = jimm_hub_is_commit(file->revision);
  *path = NULL;
  if (call->offline && call->options.force) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: a download cannot be forced in offline mode",
                     file->filename);
  }
  if (call->offline || (pinned && !call->options.force)) {
    status = jimm_hub_cached(call, file, path);
  }
  return status == JIMM_OK && call->offline && *path == NULL ? not_cached(call, file) : status;
}

static jimm_status find(jimm_hub_call *call, jimm_hub_file *file, const char **path) {
  jimm_status status = look(call, file, path);
  if (status != JIMM_OK || *path != NULL) {
    return status;
  }
  jimm_hub_metadata metadata;
  status = consult(call, file, &metadata, path);
  if (status != JIMM_OK || *path != NULL) {
    return status;
  }
  const char *pointer = jimm_hub_pointer(call, file, metadata.commit);
  if (pointer == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  *path = pointer;
  if (!call->options.force && jimm_hub_exists(pointer)) {
    /* The cache may be read-only: a ref that stays old is no error. */
    const jimm_status written = jimm_hub_write_ref(call, file, metadata.commit);
    return written == JIMM_ERROR_OUT_OF_MEMORY ? written : JIMM_OK;
  }
  return store(call, file, &metadata, pointer);
}

jimm_status jimm_hub_download(const char *repo, const char *filename,
                              const jimm_hub_options *options, char **path) {
  if (repo == NULL || filename == NULL || path == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_hub_download: repo, filename or path is NULL");
  }
  *path = NULL;
  jimm_hub_call call;
  jimm_hub_file file;
  const char *found = NULL;
  jimm_status status = jimm_hub_call_begin(&call, options);
  if (status == JIMM_OK) {
    status = jimm_hub_file_begin(&call, repo, filename, &file);
  }
  if (status == JIMM_OK) {
    status = find(&call, &file, &found);
  }
  if (status == JIMM_OK) {
    *path = jimm_strdup(found);
    status = *path == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  }
  jimm_hub_call_end(&call);
  return status;
}

/* ---- jimm_hub_ask ---- */

static void describe(jimm_hub_info *info, const char *commit, const char *etag, int64_t bytes,
                     bool cached) {
  info->bytes = bytes;
  info->missing = cached ? 0 : bytes;
  info->cached = cached;
  jimm_snprintf(info->commit, sizeof info->commit, "%s", commit == NULL ? "" : commit);
  jimm_snprintf(info->etag, sizeof info->etag, "%s", etag == NULL ? "" : etag);
}

static jimm_status ask(jimm_hub_call *call, jimm_hub_file *file, jimm_hub_info *info) {
  const char *path = NULL;
  const char *commit = NULL;
  jimm_hub_metadata metadata = {.size = -1};
  struct stat details;
  jimm_status status = look(call, file, &path);
  if (status == JIMM_OK && path == NULL) {
    status = consult(call, file, &metadata, &path);
  }
  if (status != JIMM_OK) {
    return status;
  }
  if (path != NULL) {
    status = jimm_hub_cached_commit(call, file, &commit);
    describe(info, commit, NULL, stat(path, &details) == 0 ? (int64_t)details.st_size : -1, true);
    return status;
  }
  const char *pointer = jimm_hub_pointer(call, file, metadata.commit);
  const char *blob_path =
      jimm_arena_format(&call->arena, "%s/blobs/%s", file->storage, metadata.etag);
  if (pointer == NULL || blob_path == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  const bool cached =
      !call->options.force && (stat(pointer, &details) == 0 || stat(blob_path, &details) == 0);
  describe(info, metadata.commit, metadata.etag,
           metadata.size < 0 && cached ? (int64_t)details.st_size : metadata.size, cached);
  return JIMM_OK;
}

jimm_status jimm_hub_ask(const char *repo, const char *filename, const jimm_hub_options *options,
                         jimm_hub_info *info) {
  if (repo == NULL || filename == NULL || info == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_hub_ask: repo, filename or info is NULL");
  }
  jimm_hub_call call;
  jimm_hub_file file;
  jimm_hub_info found = JIMM_HUB_INFO_INIT;
  jimm_status status = jimm_copy_result("jimm_hub_info", &found, sizeof found, info);
  if (status != JIMM_OK) {
    return status;
  }
  status = jimm_hub_call_begin(&call, options);
  call.asks = true;
  if (status == JIMM_OK) {
    status = jimm_hub_file_begin(&call, repo, filename, &file);
  }
  if (status == JIMM_OK) {
    jimm_snprintf(found.repo, sizeof found.repo, "%s", repo);
    status = ask(&call, &file, &found);
  }
  jimm_hub_call_end(&call);
  return status == JIMM_OK ? jimm_copy_result("jimm_hub_info", &found, sizeof found, info) : status;
}
