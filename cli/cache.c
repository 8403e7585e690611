/* jimm cache */
#include "cache.h"

#include <string.h>

/* ---- jimm cache ls ---- */

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

/* ---- the command ---- */

static int run(const void *values_, int count, char **arguments) {
  const cache_values *values = values_;
  cache_choice choice = {NULL, NULL, 0};
  int status = cache_choose(&choice, values, count, arguments);
  if (status == CLI_OK && values->verb == CACHE_LS) {
    status = values->json ? print_json(&choice) : print_table(&choice);
  } else if (status == CLI_OK && values->verb == CACHE_VERIFY) {
    status = cache_verify(&choice, values);
  } else if (status == CLI_OK) {
    status = cache_rm(&choice, values);
  }
  cache_choice_close(&choice);
  return status;
}

static const cache_values defaults = {0, NULL, NULL, false, false, false};

static const cli_verb verbs[] = {
    {"ls", "[REPO-GLOB...]", "list the files: repository, branches and tags, commit, size", 0},
    {"verify", "[REPO-GLOB...]",
     "compare every file's bytes with their hash: ok, DAMAGED, or not checkable where nothing says "
     "what they should be",
     0},
    {"rm", "REPO-GLOB...",
     "remove files: asks first; what other revisions need stays, a repository goes with its last "
     "file",
     1},
    {NULL, NULL, NULL, 0}};

enum { LS = 1 << CACHE_LS, VERIFY = 1 << CACHE_VERIFY, RM = 1 << CACHE_RM };

static const cli_option options[] = {
    {.name = "cache",
     .type = CLI_TEXT,
     .argument = "DIR",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(cache_values, cache),
     .help = "the cache's folder (default: $HF_HUB_CACHE, else $HF_HOME/hub, else "
             "~/.cache/huggingface/hub)"},
    {.name = "json",
     .type = CLI_FLAG,
     .verbs = LS | VERIFY,
     .offset = offsetof(cache_values, json),
     .help = "print one JSON array with an object for each file"},
    {.name = "revision",
     .type = CLI_TEXT,
     .argument = "REVISION",
     .verbs = RM,
     .offset = offsetof(cache_values, revision),
     .help = "only this branch, tag or commit (or its first digits, at least seven)"},
    {.name = "dry-run",
     .type = CLI_FLAG,
     .verbs = RM,
     .offset = offsetof(cache_values, dry_run),
     .help = "only print what would be removed"},
    {.name = "yes",
     .type = CLI_FLAG,
     .verbs = RM,
     .offset = offsetof(cache_values, yes),
     .help = "do not ask; needed where there is no terminal to ask on"},
};

const cli_command cli_cache = {
    .arguments = "ls|verify|rm [REPO-GLOB...]",
    .details =
        "Shows, checks and empties the cache of the Hugging Face Hub, which jimm shares with "
        "Python. REPO-GLOB is a shell pattern (quote it) for \"ns/name\", \"datasets/ns/name\" or "
        "\"spaces/ns/name\"; without a slash it is for the names of timm's repositories, too: "
        "resnet50.a1_in1k, 'resnet*', and resnet50 is its default tag. One that matches nothing is "
        "an error.\n"
        "Bytes that several commits of a repository share count once.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .verbs = verbs,
    .verb_offset = offsetof(cache_values, verb),
    .least = 0,
    .most = -1,
    .words = {CLI_WORDS_CACHED, CLI_WORDS_CACHED},
    .values_size = sizeof(cache_values),
    .defaults = &defaults,
    .run = run,
};
