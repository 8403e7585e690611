/* jimm cache rm */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "progress.h"

/* What the chosen files' blobs take that no other file of the cache needs. -1: out of memory. */
static int64_t count_freed(const cache_choice *choice, int64_t first, int64_t end) {
  cache_choice freed = {choice->cache, NULL, 0};
  freed.files = calloc((size_t)(end - first) + 1, sizeof(void *));
  if (freed.files == NULL) {
    return -1;
  }
  for (int64_t i = first; i < end; i++) {
    bool needed = false;
    for (int64_t k = 0; !needed && k < jimm_cache_count(choice->cache); k++) {
      const jimm_cached_file *other = jimm_cache_file(choice->cache, k);
      bool chosen = strcmp(other->blob, choice->files[i]->blob) != 0;
      for (int64_t m = first; !chosen && m < end; m++) {
        chosen = choice->files[m] == other;
      }
      needed = !chosen;
    }
    if (!needed) {
      freed.files[freed.count++] = choice->files[i];
    }
  }
  const int64_t bytes = cache_bytes(&freed, 0, freed.count);
  free(freed.files);
  return bytes;
}

/* "timm/resnet50.a1_in1k: 2 files removed, 102.5 MB freed" */
static void print_repo(const jimm_cached_file *file, int64_t count, const char *done, int64_t freed,
                       const char *how) {
  char name[CLI_NAME_SIZE], size[32];
  printf("%s: %lld file%s %s, %s %s\n", cli_repo_name(file->repo_type, file->repo, name),
         (long long)count, count == 1 ? "" : "s", done, cli_bytes(freed, size), how);
}

/* Prints what would go, file by file when `files`. */
static int print_plan(const cache_choice *choice, bool files) {
  for (int64_t first = 0, end; first < choice->count; first = end) {
    end = cache_repo_end(choice, first);
    const int64_t freed = count_freed(choice, first, end);
    if (freed < 0) {
      return cli_fail_memory();
    }
    for (int64_t i = first; files && i < end; i++) {
      cli_put_text(stdout, choice->files[i]->path, false);
      putchar('\n');
    }
    print_repo(choice->files[first], end - first, "to be removed", freed, "to be freed");
  }
  return CLI_OK;
}

/* Asks on the terminal; only a word that begins with y is a yes. */
static bool ask(void) {
  char answer[64] = "";
  fflush(stdout);
  fputs("Remove? [y/N] ", stderr);
  return fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

static bool show_wait(void *context, const jimm_hub_progress *progress) {
  char line[CLI_PROGRESS_LINE];
  const char *lines[] = {line};
  (void)context;
  if (progress->waits_for != NULL) {
    cli_hub_line(line, progress, -1);
    cli_progress_draw(lines, 1);
  } else {
    cli_progress_clear();
  }
  return false;
}

static int remove_files(const cache_choice *choice) {
  int status = CLI_OK;
  int64_t sum = 0, repos = 0;
  char size[32];
  for (int64_t first = 0, end; first < choice->count; first = end) {
    int64_t freed = 0;
    end = cache_repo_end(choice, first);
    const jimm_status removed =
        jimm_cache_remove(choice->cache, choice->files + first, end - first,
                          cli_progress_wanted_by_hub() ? show_wait : NULL, NULL, &freed);
    cli_progress_clear();
    if (removed == JIMM_OK) {
      print_repo(choice->files[first], end - first, "removed", freed, "freed");
    } else {
      status = cli_fail_library(NULL);
    }
    sum += freed;
    repos++;
  }
  if (repos > 1) {
    printf("%s freed\n", cli_bytes(sum, size));
  }
  return status;
}

int cache_rm(const cache_choice *choice, const cache_values *values) {
  const bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
  if (values->dry_run) {
    return print_plan(choice, true);
  }
  if (!values->yes && !terminal) {
    return cli_usage(
        "there is no terminal to ask on: --yes removes without asking, --dry-run "
        "prints what would go");
  }
  if (!values->yes) {
    const int status = print_plan(choice, false);
    if (status != CLI_OK) {
      return status;
    }
    if (!ask()) {
      return cli_fail("nothing was removed");
    }
  }
  return remove_files(choice);
}
