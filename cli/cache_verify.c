/* jimm cache verify */
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "progress.h"

typedef enum cache_outcome {
  CACHE_OK = 0,
  CACHE_DAMAGED = 1,
  CACHE_UNKNOWN = 2,
  CACHE_UNREADABLE = 3
} cache_outcome;

typedef struct cache_check {
  const cache_choice *choice;
  bool progress;
  int64_t bytes, total; /* of blobs that were read before the one that is; of all */
  int64_t counts[4];    /* by cache_outcome */
  cli_rate rate;
} cache_check;

static cache_outcome outcome_of(jimm_status status) {
  return status == JIMM_OK                  ? CACHE_OK
         : status == JIMM_ERROR_INTEGRITY   ? CACHE_DAMAGED
         : status == JIMM_ERROR_UNSUPPORTED ? CACHE_UNKNOWN
                                            : CACHE_UNREADABLE;
}

static bool show(void *context, const jimm_hub_progress *progress) {
  cache_check *check = context;
  char line[CLI_PROGRESS_LINE];
  const char *lines[] = {line};
  const int64_t bytes = check->bytes + progress->bytes;
  cli_rate_add(&check->rate, bytes);
  if (check->progress && cli_progress_due()) {
    cli_transfer_line(line, progress->name, bytes < check->total ? bytes : check->total,
                      check->total, check->rate.value);
    cli_progress_draw(lines, 1);
  }
  return false;
}

static void print_line(const jimm_cached_file *file, cache_outcome outcome, const char *reason) {
  static const char *const words[] = {"ok", "DAMAGED", "not checkable", "unreadable"};
  char name[CLI_NAME_SIZE];
  printf("%-13s  %s  %.8s  ", words[outcome], cli_repo_name(file->repo_type, file->repo, name),
         file->commit);
  cli_put_text(stdout, file->name, false);
  if (outcome == CACHE_DAMAGED || outcome == CACHE_UNREADABLE) {
    fputs("  ", stdout);
    cli_put_text(stdout, reason, false);
  }
  putchar('\n');
}

static json_t *make_json(const jimm_cached_file *file, cache_outcome outcome, const char *reason) {
  static const char *const words[] = {"ok", "damaged", "not checkable", "unreadable"};
  json_t *object = cache_file_json(file);
  cli_json_set(&object, "outcome", cli_json_text(words[outcome]));
  cli_json_set(&object, "reason", outcome == CACHE_OK ? json_null() : cli_json_text(reason));
  return object;
}

/* Of an earlier file with the same blob, its number, else `index`. */
static int64_t first_with_blob(const cache_choice *choice, int64_t index) {
  for (int64_t i = index; i-- > 0 && cache_same_repo(choice->files[i], choice->files[index]);) {
    if (strcmp(choice->files[i]->blob, choice->files[index]->blob) == 0) {
      index = i;
    }
  }
  return index;
}

static int check_files(cache_check *check, jimm_status *statuses, bool json) {
  const cache_choice *choice = check->choice;
  int status = CLI_OK;
  for (int64_t i = 0; status == CLI_OK && i < choice->count && !ferror(stdout); i++) {
    const jimm_cached_file *file = choice->files[i];
    const int64_t same = first_with_blob(choice, i);
    const char *reason = "as the same bytes above";
    if (same == i || file->bytes < 0) {
      statuses[i] = jimm_cache_verify(file, show, check);
      check->bytes += file->bytes < 0 ? 0 : file->bytes;
      reason = jimm_error_message();
    } else {
      statuses[i] = statuses[same];
    }
    if (statuses[i] == JIMM_ERROR_OUT_OF_MEMORY) {
      return cli_fail_library(file->path);
    }
    const cache_outcome outcome = outcome_of(statuses[i]);
    check->counts[outcome]++;
    cli_progress_clear();
    if (json) {
      status = cli_json_print_element(make_json(file, outcome, reason), i == 0);
    } else {
      print_line(file, outcome, reason);
    }
    fflush(stdout);
  }
  return status;
}

static void print_summary(const cache_check *check, FILE *file) {
  fprintf(file, "%lld ok, %lld damaged, %lld not checkable", (long long)check->counts[CACHE_OK],
          (long long)check->counts[CACHE_DAMAGED], (long long)check->counts[CACHE_UNKNOWN]);
  if (check->counts[CACHE_UNREADABLE] > 0) {
    fprintf(file, ", %lld unreadable", (long long)check->counts[CACHE_UNREADABLE]);
  }
  fputc('\n', file);
}

int cache_verify(const cache_choice *choice, const cache_values *values) {
  cache_check check = {.choice = choice, .progress = cli_progress_wanted_by_hub()};
  jimm_status *statuses = calloc((size_t)choice->count + 1, sizeof *statuses);
  for (int64_t first = 0, end; first < choice->count; first = end) {
    end = cache_repo_end(choice, first);
    const int64_t bytes = cache_bytes(choice, first, end);
    if (bytes < 0) {
      free(statuses);
      return cli_fail_memory();
    }
    check.total += bytes;
  }
  int status = statuses == NULL ? cli_fail_memory() : check_files(&check, statuses, values->json);
  free(statuses);
  cli_progress_clear();
  if (status != CLI_OK) {
    return status;
  }
  if (values->json) {
    fputs(choice->count == 0 ? "[]\n" : "\n]\n", stdout);
  }
  print_summary(&check, values->json ? stderr : stdout);
  return check.counts[CACHE_DAMAGED] + check.counts[CACHE_UNREADABLE] > 0 ? CLI_FAILED : CLI_OK;
}
