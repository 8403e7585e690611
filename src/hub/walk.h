/* Reading and emptying a tree of files that anybody may have made: no link is followed, everything
 * is reached from an open folder, and no more than a few descriptors are open however deep it is.
 */
#ifndef JIMM_HUB_WALK_H
#define JIMM_HUB_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include <jimm/status.h>

#include "base/alloc.h"

/* Paths from a cache's folder are shorter than this, the zero byte included. */
#define JIMM_WALK_PATH 4096

/* A failure of the operating system on `path`; `doing` is what was tried: "remove". */
jimm_status jimm_walk_fail(const char *path, const char *doing, int error);
/* Whether `name` in the folder `shown`, which could not be opened or looked at, is left out
 * (JIMM_OK, with a warning in the log where it is there but closed to this process), or whether
 * that is a failure of the whole. */
jimm_status jimm_walk_tolerate(const char *shown, const char *name, int error);

/* Opens the folder `path` below `folder`, part by part ("" is `folder` itself); -1 with errno when
 * a part is no folder, be it a link to one. The caller closes it. */
int jimm_walk_open(int folder, const char *path);
/* Opens the folder that `path` lies in, and gives its last part. */
int jimm_walk_open_parent(int folder, const char *path, const char **name);
/* Reads the regular file `name` in `folder`: its length, at most size - 1, with a zero byte after
 * it; -1 with errno when it is no such file or longer. */
long jimm_walk_read(int folder, const char *name, char *text, size_t size);

/* The names in the open folder, which stays open, in the order of their bytes; they live as long as
 * the arena. `shown` is the folder's path for messages. What cannot be read has no names. */
jimm_status jimm_walk_list(int folder, const char *shown, jimm_arena *arena, const char ***names,
                           size_t *count);

/* An entry below the folder where a walk began. */
typedef struct jimm_walk_entry {
  int folder;           /* that it lies in; open during the visit only */
  const char *name;     /* in that folder */
  const char *relative; /* its path from the beginning; lives as long as the walk's arena */
  const struct stat *info;
} jimm_walk_entry;
/* Calls `visit` for everything below `path`, which lies below `folder`, every folder before what is
 * in it; `shown` is the path of `path` for messages. What vanishes, cannot be read or lies too deep
 * to have a path is left out; the first failure of `visit` ends the walk and is its status. */
jimm_status jimm_walk(int folder, const char *path, const char *shown, jimm_arena *arena,
                      jimm_status (*visit)(void *context, const jimm_walk_entry *entry),
                      void *context);

/* What the link `text`, which lies in the folder `from` of the cache `root` (from its folder; no
 * links in it), leads to, as a path from the cache's folder; false when that is outside. Looks at
 * the text alone. Absolute links must begin with `root` or `real`. */
bool jimm_walk_target(const char *root, const char *real, const char *from, const char *text,
                      char target[JIMM_WALK_PATH]);
/* The text of the link `name` in `folder`; false when it is none or too long. */
bool jimm_walk_link(int folder, const char *name, char text[JIMM_WALK_PATH]);

#endif
