/* Between the files that remove from a cache: one call, and what it does to single names.
 * Everything is reached from the cache's open folder without following a link, so that nothing
 * outside it can be meant. */
#ifndef JIMM_HUB_REMOVE_H
#define JIMM_HUB_REMOVE_H

#include <sys/stat.h>

#include "hub/hub.h"
#include "hub/scan.h"

/* So many blobs are locked at once: for each batch the repository's pointers are read anew. */
#define JIMM_REMOVAL_BATCH ((size_t)32)

/* One call, and the repository that it is at. */
typedef struct jimm_removal {
  const jimm_cache *cache;
  jimm_hub_teller teller;
  int root, repository; /* open folders */
  const char *folder;   /* the repository's name in the cache */
  jimm_arena arena;
  int64_t freed;
  const jimm_cache_entry **entries;      /* all that is to be removed, sorted by folder and blob */
  const char *swept[JIMM_REMOVAL_BATCH]; /* blobs of the store that a batch has let go of */
  size_t swept_count;
} jimm_removal;

/* ---- remove_names.c ---- */

jimm_status jimm_removal_fail(const jimm_removal *r, const char *path, const char *doing,
                              int error);
/* Removes `path` below the repository: a file, a link, or with AT_REMOVEDIR a folder if it is
 * empty. *removed (may be NULL): it was there and is gone. */
jimm_status jimm_removal_take(const jimm_removal *r, const char *path, int flags, bool *removed);
/* Whether there is such a name, and what it is; a link is itself. */
bool jimm_removal_look(const jimm_removal *r, const char *path, struct stat *info);
jimm_status jimm_removal_take_pointer(jimm_removal *r, const jimm_cache_entry *entry);
/* Removes a blob. Where it is a link into the store, that is looked after later. */
jimm_status jimm_removal_take_blob(jimm_removal *r, const char *etag);
/* Looks after what blobs have let go of in the store. */
jimm_status jimm_removal_sweep(jimm_removal *r);

/* ---- remove_tidy.c ---- */

/* Removes what stands for nothing once r->entries[first .. end-1], all of one repository, are gone.
 */
jimm_status jimm_removal_tidy(jimm_removal *r, size_t first, size_t end);

#endif
