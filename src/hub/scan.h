/* What jimm_cache_open found, for those who verify and remove it. */
#ifndef JIMM_HUB_SCAN_H
#define JIMM_HUB_SCAN_H

#include <jimm/hub.h>

#include "base/alloc.h"
#include "hub/walk.h"

typedef struct jimm_cache_entry {
  jimm_cached_file file; /* first, so that a caller's pointer leads to the whole */
  const char *folder;    /* of the repository, in the cache: "models--ns--name" */
  const char *etag; /* the name of its blob; NULL: a file of its own, or a pointer to no blob */
} jimm_cache_entry;

struct jimm_cache {
  const char *path; /* absolute */
  const char *real; /* the same without links, for pointers that are absolute; NULL: not known */
  jimm_arena arena;
  jimm_cache_entry *entries;
  size_t count, capacity;
};

/* The name of the blob to which the pointer `name` in the open folder `folder` leads, in `target`;
 * NULL when it is no link or leads elsewhere than to a blob of its repository. `from` is the
 * folder's path from the cache's. */
const char *jimm_cache_blob_name(const jimm_cache *cache, int folder, const char *from,
                                 const char *name, char target[JIMM_WALK_PATH]);

/* huggingface_hub 2 keeps what it got by its own protocol in a store that all repositories share:
 * a blob is then a link to blobs/ab/ab... of the cache. Where the blob `etag` of `repo` (an entry
 * of the cache's folder) leads there, its path from the cache's folder; NULL when it is no such
 * link. `blobs` is the open folder of the blob. */
const char *jimm_cache_stored(const jimm_cache *cache, int blobs, const char *repo,
                              const char *etag, char target[JIMM_WALK_PATH]);

#endif
