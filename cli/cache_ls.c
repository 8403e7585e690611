/* jimm cache ls */
#include <string.h>

#include "cache.h"

json_t *cache_file_json(const jimm_cached_file *file) {
  static const char *const types[] = {"model", "dataset", "space"};
  json_t *object = json_object();
  json_t *refs = json_array();
  for (const char *ref = file->refs; *ref != 0;) {
    const size_t size = strcspn(ref, " ");
    char name[4096];
    snprintf(name, sizeof name, "%.*s", (int)size, ref);
    cli_json_append(&refs, cli_json_text(name));
    ref += size + (ref[size] == ' ');
  }
  cli_json_set(&object, "repo", cli_json_text(file->repo));
  cli_json_set(&object, "repo_type", cli_json_text(types[file->repo_type]));
  cli_json_set(&object, "commit", cli_json_text(file->commit));
  cli_json_set(&object, "refs", refs);
  cli_json_set(&object, "file", cli_json_text(file->name));
  cli_json_set(&object, "path", cli_json_text(file->path));
  cli_json_set(&object, "blob", cli_json_text(file->blob));
  cli_json_set(&object, "bytes", file->bytes < 0 ? json_null() : json_integer(file->bytes));
  return object;
}

static int print_json(const cache_choice *choice) {
  json_t *array = json_array();
  for (int64_t i = 0; i < choice->count; i++) {
    cli_json_append(&array, cache_file_json(choice->files[i]));
  }
  return cli_json_print(array);
}

static int print_table(const cache_choice *choice) {
  int repo_width = (int)strlen("repository"), ref_width = (int)strlen("revision");
  char name[CLI_NAME_SIZE], size[32];
  for (int64_t i = 0; i < choice->count; i++) {
    const jimm_cached_file *file = choice->files[i];
    const int refs = (int)strlen(file->refs);
    const int length = (int)strlen(cli_repo_name(file->repo_type, file->repo, name));
    repo_width = length > repo_width ? length : repo_width;
    ref_width = refs > ref_width && refs <= 40 ? refs : ref_width;
  }
  if (choice->count > 0) {
    printf("%-*s  %-*s  %-8s  %9s  %s\n", repo_width, "repository", ref_width, "revision", "commit",
           "size", "file");
  }
  int64_t repos = 0, sum = 0;
  for (int64_t first = 0, end; first < choice->count; first = end) {
    end = cache_repo_end(choice, first);
    const int64_t bytes = cache_bytes(choice, first, end);
    if (bytes < 0) {
      return cli_fail_memory();
    }
    for (int64_t i = first; i < end; i++) {
      const jimm_cached_file *file = choice->files[i];
      printf("%-*s  %-*s  %.8s  %9s  ", repo_width,
             cli_repo_name(file->repo_type, file->repo, name), ref_width,
             file->refs[0] == 0 ? "-" : file->refs, file->commit,
             file->bytes < 0 ? "missing" : cli_bytes(file->bytes, size));
      cli_put_text(stdout, file->name, false);
      putchar('\n');
    }
    printf("%-*s  %-*s  %-8s  %9s  %lld file%s\n", repo_width, name, ref_width, "total", "",
           cli_bytes(bytes, size), (long long)(end - first), end - first == 1 ? "" : "s");
    sum += bytes;
    repos++;
  }
  printf("%lld file%s in %lld repositor%s, %s: ", (long long)choice->count,
         choice->count == 1 ? "" : "s", (long long)repos, repos == 1 ? "y" : "ies",
         cli_bytes(sum, size));
  cli_put_text(stdout, jimm_cache_path(choice->cache), false);
  putchar('\n');
  return CLI_OK;
}

int cache_ls(const cache_choice *choice, const cache_values *values) {
  return values->json ? print_json(choice) : print_table(choice);
}
