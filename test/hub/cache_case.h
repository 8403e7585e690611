/* What tests of the cache share: the cache of cache_tree.h, and looking files up in it. Checks that
 * fail end the test. */
#ifndef TEST_CACHE_CASE_H
#define TEST_CACHE_CASE_H

#include <jimm/hub.h>
#include <stdint.h>

#include "cache_tree.h"

#define CACHE_RESNET "timm/test_resnet.r160_in1k" /* REPO_A */

/* An empty cache. */
void cache_begin(void);
jimm_cache *cache_open(void);
/* The file "REPO@C/NAME", C the first digit of the commit. */
const jimm_cached_file *cache_require(const jimm_cache *cache, const char *wanted);
/* How many files tree_standard makes. */
enum { CACHE_STANDARD = 5 };
/* The cache lists these and no others, and says of them what is true. */
void cache_check_standard(const jimm_cache *cache);
/* Removes the named files, `b` may be NULL; what that frees. */
int64_t cache_remove(const char *a, const char *b);

#endif
