/* The one place that talks to the operating system: files, mappings, folders, processors. */
#ifndef JIMM_BASE_OS_H
#define JIMM_BASE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <jimm/base.h>

/* A failure of the operating system on `path`; `doing` is what was tried: "open". */
JIMM_SIBLING jimm_status jimm_os_fail(const char *path, const char *doing, int error);
/* "a folder", "a pipe", ...: what is no regular file. */
const char *jimm_os_kind(mode_t mode);

/* A file mapped read-only. Empty files have data NULL and size 0. */
typedef struct jimm_mapping {
  const unsigned char *data;
  size_t size;
} jimm_mapping;
jimm_status jimm_os_map(const char *path, jimm_mapping *mapping);
void jimm_os_unmap(jimm_mapping *mapping);
/* Tells the system that these bytes of a mapping will not be needed soon: whole pages inside the
 * range leave this process's memory; reading them again still works. Any address; ranges that lie
 * in no file mapping must not be passed. */
void jimm_os_release_pages(const void *data, size_t size);

/* Tells the system that this memory had better lie on huge pages. */
void jimm_os_advise_huge(void *data, size_t size);

/* Reads a whole regular file (or pipe), at most `limit` bytes: more is JIMM_ERROR_LIMIT. `*data` is
 * from jimm_alloc, with a zero byte after the end. */
JIMM_SIBLING jimm_status jimm_os_read_file(const char *path, size_t limit, unsigned char **data,
                                           size_t *size);

/* A file that appears whole or not at all: written beside `path`, flushed, then renamed. Symbolic
 * links stay links; an existing `path` that is no regular file (a folder, a device) or that may not
 * be written is refused. The mode is that of the file that is replaced, or of a new one what the
 * umask leaves of 0666. jimm_remove_temporaries (base.h) knows the writers that are open. */
typedef struct jimm_writer {
  char *path;             /* what the new file replaces, links followed */
  char *temporary;        /* the path under which it is written */
  const char *base;       /* last part of path */
  const char *name;       /* last part of temporary; NULL while there is no such file */
  int folder, descriptor; /* of both, and of the temporary; -1: closed */
  int slot;               /* in the table of temporaries; -1: in none */
  unsigned char *buffer;
  size_t used;
} jimm_writer;
JIMM_SIBLING jimm_status jimm_writer_open(const char *path, jimm_writer *writer);
JIMM_SIBLING jimm_status jimm_writer_write(jimm_writer *writer, const void *data, size_t size);
/* Flushes, syncs, renames. On any failure nothing is left but the old file, if there was one. */
JIMM_SIBLING jimm_status jimm_writer_commit(jimm_writer *writer);
/* Removes the temporary file; harmless after commit. */
JIMM_SIBLING void jimm_writer_abandon(jimm_writer *writer);
/* The temporary's path, for libraries that open files by name (HDF5); commit renames it. */
JIMM_SIBLING const char *jimm_writer_path(const jimm_writer *writer);

JIMM_SIBLING bool jimm_os_is_folder(const char *path);
JIMM_SIBLING bool jimm_os_exists(const char *path);
int jimm_os_processors(void); /* affinity mask cut to the control group's quota, at least 1 */
/* The processors that the control group's quota allows, rounded up; 0 when there is no quota. The
 * files are looked for below `root`: "" on a live system, a folder in tests. */
int jimm_os_quota(const char *root);
/* Seconds of a clock that only goes forward. */
JIMM_SIBLING double jimm_os_seconds(void);
/* Random bytes for hash keys and names of temporary files; not for cryptography. */
JIMM_SIBLING void jimm_os_random(void *bytes, size_t size);

#endif
