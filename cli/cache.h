/* What `jimm cache` is asked to work on. */
#ifndef JIMM_CLI_CACHE_H
#define JIMM_CLI_CACHE_H

#include "cli.h"

typedef enum cache_verb { CACHE_LS = 0, CACHE_VERIFY = 1, CACHE_RM = 2 } cache_verb;

typedef struct cache_values {
  int32_t verb; /* cache_verb */
  const char *cache, *revision;
  bool json, dry_run, yes;
} cache_values;

/* The files that the patterns and the revision choose, in the cache's order. */
typedef struct cache_choice {
  jimm_cache *cache;
  const jimm_cached_file **files;
  int64_t count;
} cache_choice;

/* Opens the cache and chooses. Returns CLI_OK or, after a message, CLI_FAILED; closed in any case.
 */
int cache_choose(cache_choice *choice, const cache_values *values, int count, char **arguments);
void cache_choice_close(cache_choice *choice);
bool cache_same_repo(const jimm_cached_file *a, const jimm_cached_file *b);
/* The first file after `first` that is of another repository, or count. */
int64_t cache_repo_end(const cache_choice *choice, int64_t first);
/* Bytes of choice->files[first .. end-1], each blob once. */
int64_t cache_bytes(const cache_choice *choice, int64_t first, int64_t end);
/* Members of one file's object. */
json_t *cache_file_json(const jimm_cached_file *file);

int cache_ls(const cache_choice *choice, const cache_values *values);
int cache_verify(const cache_choice *choice, const cache_values *values);
int cache_rm(const cache_choice *choice, const cache_values *values);

#endif
