/* Which files `jimm cache` is asked to work on. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"

/* A pattern of the command line. */
typedef struct repo_glob {
  const char *text;
  const char *hub_id; /* of the model of that name; NULL: it is none */
  bool found;
} repo_glob;

bool cache_same_repo(const jimm_cached_file *a, const jimm_cached_file *b) {
  return a->repo_type == b->repo_type && strcmp(a->repo, b->repo) == 0;
}

/* The pattern is for the name of a repository; without a slash also for one of timm's, or it is the
 * name of a model. */
static bool matches(const repo_glob *glob, const jimm_cached_file *file) {
  char name[CLI_NAME_SIZE];
  cli_repo_name(file->repo_type, file->repo, name);
  const bool timm = strncmp(name, "timm/", 5) == 0 && strchr(glob->text, '/') == NULL;
  return fnmatch(glob->text, name, 0) == 0 || (timm && fnmatch(glob->text, name + 5, 0) == 0) ||
         (glob->hub_id != NULL && strcmp(glob->hub_id, name) == 0);
}

static bool has_ref(const jimm_cached_file *file, const char *revision) {
  const size_t length = strlen(revision);
  for (const char *ref = file->refs; *ref != 0;) {
    const size_t size = strcspn(ref, " ");
    if (size == length && memcmp(ref, revision, size) == 0) {
      return true;
    }
    ref += size + (ref[size] == ' ');
  }
  return false;
}

/* A ref of the file's commit, or the commit, or at least seven digits of it. */
static bool is_of_revision(const jimm_cached_file *file, const char *revision) {
  const size_t length = strlen(revision);
  return revision[0] != 0 &&
         (has_ref(file, revision) ||
          (length >= 7 && length <= 40 && strncmp(file->commit, revision, length) == 0));
}

static repo_glob *read_globs(int count, char **arguments) {
  repo_glob *globs = calloc((size_t)count + 1, sizeof *globs);
  for (int i = 0; globs != NULL && i < count; i++) {
    jimm_model_name name;
    globs[i].text = arguments[i];
    if (strpbrk(arguments[i], "*?[") == NULL && jimm_model_find(arguments[i], &name) == JIMM_OK) {
      globs[i].hub_id = name.variant->hub_id;
    }
  }
  return globs;
}

static int choose(cache_choice *choice, const char *revision, int count, repo_glob *globs) {
  bool any = false;
  const jimm_cached_file *file = NULL;
  for (int64_t i = 0; (file = jimm_cache_file(choice->cache, i)) != NULL; i++) {
    bool chosen = count == 0;
    for (int k = 0; k < count; k++) {
      const bool matched = matches(&globs[k], file);
      globs[k].found = globs[k].found || matched;
      chosen = chosen || matched;
    }
    any = any || chosen;
    if (chosen && (revision == NULL || is_of_revision(file, revision))) {
      choice->files[choice->count++] = file;
    }
  }
  for (int k = 0; k < count; k++) {
    if (!globs[k].found) {
      return cli_fail("%s: no repository matches '%s'", jimm_cache_path(choice->cache),
                      globs[k].text);
    }
  }
  if (any && choice->count == 0) {
    return cli_fail(
        "%s: no revision '%s' of what was named (a branch, a tag, or at least seven "
        "digits of a commit)",
        jimm_cache_path(choice->cache), revision);
  }
  return CLI_OK;
}

int cache_choose(cache_choice *choice, const cache_values *values, int count, char **arguments) {
  if (jimm_cache_open(values->cache, &choice->cache) != JIMM_OK) {
    return cli_fail_library(values->cache);
  }
  repo_glob *globs = read_globs(count, arguments);
  choice->files = calloc((size_t)jimm_cache_count(choice->cache) + 1, sizeof(void *));
  const int status = globs == NULL || choice->files == NULL
                         ? cli_fail_memory()
                         : choose(choice, values->revision, count, globs);
  free(globs);
  return status;
}

int64_t cache_repo_end(const cache_choice *choice, int64_t first) {
  int64_t end = first + 1;
  while (end < choice->count && cache_same_repo(choice->files[first], choice->files[end])) {
    end++;
  }
  return end;
}

static int compare_blobs(const void *a, const void *b) {
  return strcmp((*(const jimm_cached_file *const *)a)->blob,
                (*(const jimm_cached_file *const *)b)->blob);
}

int64_t cache_bytes(const cache_choice *choice, int64_t first, int64_t end) {
  const size_t count = (size_t)(end - first);
  const jimm_cached_file **files = malloc((count + 1) * sizeof(void *));
  int64_t sum = 0;
  if (files == NULL) {
    return -1;
  }
  memcpy(files, choice->files + first, count * sizeof(void *));
  qsort(files, count, sizeof(void *), compare_blobs);
  for (size_t i = 0; i < count; i++) {
    const bool seen = i > 0 && strcmp(files[i]->blob, files[i - 1]->blob) == 0;
    sum += seen || files[i]->bytes < 0 ? 0 : files[i]->bytes;
  }
  free(files);
  return sum;
}

void cache_choice_close(cache_choice *choice) {
  free(choice->files);
  jimm_cache_close(&choice->cache);
}
