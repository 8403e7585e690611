/* The store of blobs that all repositories of a cache share (huggingface_hub 2): what a blob there
 * takes goes when no repository points to it any more. */
#ifndef JIMM_HUB_STORE_H
#define JIMM_HUB_STORE_H

#include "hub/scan.h"

/* Removes the store's blob `target` ("blobs/ab/ab...", from the cache's open folder `root`) unless
 * its list of references has one that still leads to it; adds its bytes to *freed. As the Python
 * client does, leaves it where that list is missing or cannot be read. */
jimm_status jimm_store_sweep(const jimm_cache *cache, int root, const char *target, int64_t *freed);

#endif
