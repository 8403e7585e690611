/* jimm cache */
#include "cache.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* ---- which files ---- */

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
  for (int64_t i = 0; i < jimm_cache_count(choice->cache); i++) {
    const jimm_cached_file *file = jimm_cache_file(choice->cache, i);
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

static int open_choice(cache_choice *choice, const cache_values *values, int count,
                       char **arguments) {
  if (jimm_cache_open(values->cache, &choice->cache) != JIMM_OK) {
    return cli_fail_library(values->cache);
  }
  repo_glob *globs = read_globs(count, arguments);
  choice->files = calloc((size_t)jimm_cache_count(choice->cache) + 1, sizeof *choice->files);
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
  const jimm_cached_file **files = malloc((count + 1) * sizeof *files);
  int64_t sum = 0;
  if (files == NULL) {
    return -1;
  }
  memcpy(files, choice->files + first, count * sizeof *files);
  qsort(files, count, sizeof *files, compare_blobs);
  for (size_t i = 0; i < count; i++) {
    const bool seen = i > 0 && strcmp(files[i]->blob, files[i - 1]->blob) == 0;
    sum += seen || files[i]->bytes < 0 ? 0 : files[i]->bytes;
  }
  free(files);
  return sum;
}

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
  int status = open_choice(&choice, values, count, arguments);
  if (status == CLI_OK && values->verb == CACHE_LS) {
    status = values->json ? print_json(&choice) : print_table(&choice);
  } else if (status == CLI_OK && values->verb == CACHE_VERIFY) {
    status = cache_verify(&choice, values);
  } else if (status == CLI_OK) {
    status = cache_rm(&choice, values);
  }
  free(choice.files);
  jimm_cache_close(&choice.cache);
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
