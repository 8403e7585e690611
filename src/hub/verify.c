/* Whether a cached file's bytes are those that its blob's name promises. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/hub.h"
#include "hub/walk.h"

#define BLOCK_BYTES ((size_t)1 << 18)

typedef struct check {
  const jimm_cached_file *file;
  jimm_hub_teller teller;
} check;

static jimm_status go_on(check *c, bool last) {
  return jimm_hub_tell(&c->teller, last) ? JIMM_OK : jimm_hub_cancelled(c->file->path);
}

/* Reads the file to its end into the hash. */
static jimm_status hash_file(check *c, int descriptor, jimm_hash *hash) {
  unsigned char *block = jimm_alloc(BLOCK_BYTES);
  jimm_status status = block == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  ssize_t got = 1;
  while (status == JIMM_OK && got != 0) {
    got = read(descriptor, block, BLOCK_BYTES);
    if (got < 0 && errno != EINTR) {
      status = jimm_walk_fail(c->file->blob, "read", errno);
    } else if (got > 0 && !jimm_hash_add(hash, block, (size_t)got)) {
      status = jimm_fail(JIMM_ERROR_INTERNAL, "%s: OpenSSL cannot hash", c->file->blob);
    } else if (got > 0) {
      c->teller.now.bytes += got;
      status = go_on(c, false);
    }
  }
  jimm_free(block);
  return status == JIMM_OK ? go_on(c, true) : status;
}

static jimm_status compare_hash(check *c, int descriptor, const char *etag) {
  char found[JIMM_HASH_TEXT];
  jimm_hash hash = {JIMM_HASH_NONE, NULL};
  const jimm_hash_type type = jimm_hash_of_etag(etag);
  jimm_status status = jimm_hash_begin(&hash, type, c->teller.now.total);
  if (status == JIMM_OK) {
    status = hash_file(c, descriptor, &hash);
  }
  if (status == JIMM_OK && !jimm_hash_end(&hash, found)) {
    status = jimm_fail(JIMM_ERROR_INTERNAL, "%s: OpenSSL cannot hash", c->file->blob);
  }
  jimm_hash_close(&hash);
  if (status == JIMM_OK && strcmp(found, etag) != 0) {
    status = jimm_fail(JIMM_ERROR_INTEGRITY,
                       "%s: damaged: expected the %s %s, got %s (%lld bytes in %s)", c->file->path,
                       type == JIMM_HASH_GIT ? "git hash" : "SHA-256", etag, found,
                       (long long)c->teller.now.bytes, c->file->blob);
  }
  return status;
}

jimm_status jimm_cache_verify(const jimm_cached_file *file,
                              bool (*progress)(void *context, const jimm_hub_progress *progress),
                              void *context) {
  const char *slash = strrchr(file->blob, '/');
  const char *etag = slash == NULL ? file->blob : slash + 1;
  struct stat info;
  if (file->bytes < 0) {
    return jimm_fail(JIMM_ERROR_INTEGRITY,
                     "%s: damaged: expected a pointer to a blob of the repository, found one that "
                     "leads %s",
                     file->path, strcmp(file->blob, file->path) == 0 ? "elsewhere" : "nowhere");
  }
  if (strcmp(file->blob, file->path) == 0 || jimm_hash_of_etag(etag) == JIMM_HASH_NONE) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "%s: cannot be verified: expected a blob named by its SHA-256 or git hash, "
                     "found %s",
                     file->path,
                     strcmp(file->blob, file->path) == 0 ? "a file of its own" : file->blob);
  }
  const int descriptor = open(file->blob, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) {
    return jimm_walk_fail(file->blob, "open", errno);
  }
  jimm_status status = JIMM_OK;
  if (fstat(descriptor, &info) != 0) {
    status = jimm_walk_fail(file->blob, "read its size", errno);
  } else if (!S_ISREG(info.st_mode)) {
    status = jimm_fail(JIMM_ERROR_INTEGRITY,
                       "%s: damaged: expected a regular file, found something else", file->blob);
  } else {
    check c = {.file = file, .teller = {.tell = progress, .context = context}};
    c.teller.now = (jimm_hub_progress){.name = file->name, .total = (int64_t)info.st_size};
    status = compare_hash(&c, descriptor, etag);
  }
  close(descriptor);
  return status;
}
