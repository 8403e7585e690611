/* jimm download */
#include "download.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---- what is asked for ---- */

/* A new item, which takes over `name`. NULL: out of memory. */
static download_item *add_item(download_list *list, char *name) {
  if (name != NULL &&
      !cli_reserve(&list->items, list->count + 1, sizeof *list->items, &list->capacity)) {
    free(name);
    return NULL;
  }
  if (name == NULL) {
    return NULL;
  }
  download_item *item = &list->items[list->count++];
  *item = (download_item){.name = name, .info = JIMM_HUB_INFO_INIT, .now.total = -1};
  return item;
}

static int add_file(download_list *list, const download_values *values, const char *name) {
  static const char *const prefixes[] = {"", "datasets/", "spaces/"};
  download_item *item = add_item(list, strdup(name));
  if (item == NULL) {
    return cli_fail_memory();
  }
  item->repo = values->repo;
  item->revision = values->revision;
  for (int32_t type = JIMM_REPO_DATASET; type <= JIMM_REPO_SPACE; type++) {
    if (strncmp(values->repo, prefixes[type], strlen(prefixes[type])) == 0) {
      item->repo += strlen(prefixes[type]);
      item->repo_type = (jimm_repo_type)type;
      break;
    }
  }
  return CLI_OK;
}

/* Every released tag of the family, or of all. */
static int add_family(download_list *list, const jimm_family *family) {
  int status = CLI_OK;
  for (int32_t a = 0; a < family->arch_count; a++) {
    const jimm_arch *arch = &family->archs[a];
    for (int32_t v = 0; status == CLI_OK && v < arch->variant_count; v++) {
      char name[CLI_NAME_SIZE];
      if (arch->variants[v].has_weights) {
        download_item *item =
            add_item(list, strdup(cli_variant_name(arch, &arch->variants[v], name)));
        status = item == NULL ? cli_fail_memory() : CLI_OK;
      }
    }
  }
  return status;
}

static int add_families(download_list *list, const download_values *values) {
  int status = CLI_OK;
  for (int32_t f = 0; status == CLI_OK && f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    if (values->all || strcmp(values->family, family->name) == 0) {
      status = add_family(list, family);
    }
  }
  return status;
}

static int make_list(download_list *list, const download_values *values, int count,
                     char **arguments) {
  int status = CLI_OK;
  for (int i = 0; status == CLI_OK && i < count; i++) {
    if (values->repo != NULL) {
      status = add_file(list, values, arguments[i]);
    } else {
      status = add_item(list, strdup(arguments[i])) == NULL ? cli_fail_memory() : CLI_OK;
    }
  }
  if (status == CLI_OK && (values->all || values->family != NULL)) {
    status = add_families(list, values);
  }
  return status;
}

static void close_list(download_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    download_item *item = &list->items[i];
    free(item->name);
    free(item->message);
    jimm_text_free(item->path);
    jimm_text_free(item->folder);
  }
  free(list->items);
}

static int check_values(const download_values *values, int count) {
  if (values->repo != NULL && (values->all || values->family != NULL)) {
    return cli_usage("option --repo takes files of one repository, not --family or --all");
  }
  if (values->repo != NULL && count == 0) {
    return cli_usage("expected FILE after --repo");
  }
  if (values->repo == NULL && values->revision != NULL) {
    return cli_usage("option --revision goes with --repo; of a model it is MODEL@REVISION");
  }
  if (values->repo == NULL && count == 0 && !values->all && values->family == NULL) {
    return cli_usage("expected MODEL, --family, --all or --repo");
  }
  if (values->offline && values->force) {
    return cli_usage("expected --offline or --force, got both");
  }
  return values->family == NULL ? CLI_OK : cli_check_family(values->family);
}

/* ---- before it begins ---- */

typedef struct download_sum {
  int64_t missing, cached;
  size_t unknown, failed, fetched; /* items */
} download_sum;

static download_sum add_up(const download_list *list) {
  download_sum sum = {0, 0, 0, 0, 0};
  for (size_t i = 0; i < list->count; i++) {
    const download_item *item = &list->items[i];
    if (item->status != JIMM_OK) {
      sum.failed++;
    } else if (item->info.missing < 0) {
      sum.unknown++;
    } else {
      sum.missing += item->info.missing;
      sum.cached += item->info.bytes < 0 ? 0 : item->info.bytes - item->info.missing;
      sum.fetched += !item->info.cached;
    }
  }
  return sum;
}

static void print_table(FILE *file, const download_list *list) {
  const download_sum sum = add_up(list);
  int width = (int)strlen("total");
  char size[32];
  for (size_t i = 0; i < list->count; i++) {
    const int length = (int)strlen(list->items[i].name);
    width = length > width && length <= 60 ? length : width;
  }
  for (size_t i = 0; i < list->count; i++) {
    const download_item *item = &list->items[i];
    const jimm_hub_info *info = &item->info;
    cli_put_text(file, item->name, false);
    fprintf(file, "%*s  %9s  %s\n",
            strlen(item->name) < (size_t)width ? width - (int)strlen(item->name) : 0, "",
            item->status != JIMM_OK || info->bytes < 0 ? "-" : cli_bytes(info->bytes, size),
            item->status != JIMM_OK ? jimm_status_name(item->status)
            : info->cached          ? "cached"
            : info->bytes < 0       ? "to be downloaded, of unknown size"
                                    : "to be downloaded");
  }
  fprintf(file, "%-*s  %9s  to be downloaded", width, "total", cli_bytes(sum.missing, size));
  if (sum.cached > 0) {
    fprintf(file, ", %s cached", cli_bytes(sum.cached, size));
  }
  if (sum.unknown > 0) {
    fprintf(file, ", %zu of unknown size", sum.unknown);
  }
  if (sum.failed > 0) {
    fprintf(file, ", %zu failed", sum.failed);
  }
  fputc('\n', file);
}

/* What is free where the cache is, or will be made. -1: not known. */
static int64_t free_bytes(const char *path) {
  struct statvfs info;
  char *folder = strdup(path);
  int result = -1;
  while (folder != NULL && (result = statvfs(folder, &info)) != 0 && errno == ENOENT) {
    char *slash = strrchr(folder, '/');
    if (slash == NULL || slash[1] == 0) {
      break;
    }
    slash[slash == folder] = 0;
  }
  free(folder);
  const uint64_t blocks = result == 0 ? info.f_bavail : 0;
  const uint64_t block = result == 0 ? info.f_frsize : 1;
  return result != 0 ? -1 : blocks > INT64_MAX / block ? INT64_MAX : (int64_t)(blocks * block);
}

static int check_space(const download_list *list, const download_values *values) {
  jimm_cache *cache = NULL;
  char need[32], room[32];
  const download_sum sum = add_up(list);
  if (sum.missing == 0) {
    return CLI_OK;
  }
  if (jimm_cache_open(values->cache, &cache) != JIMM_OK) {
    return cli_fail_library(values->cache);
  }
  const int64_t bytes = free_bytes(jimm_cache_path(cache));
  int status = CLI_OK;
  if (bytes >= 0 && bytes < sum.missing) {
    status = cli_fail("%s: %s (%lld bytes) are to be downloaded, but only %s (%lld bytes) are free",
                      jimm_cache_path(cache), cli_bytes(sum.missing, need), (long long)sum.missing,
                      cli_bytes(bytes, room), (long long)bytes);
  }
  jimm_cache_close(&cache);
  return status;
}

/* ---- afterwards ---- */

static json_t *make_json(const download_item *item) {
  static const char *const types[] = {"model", "dataset", "space"};
  json_t *object = json_object();
  const jimm_hub_info *info = &item->info;
  const char *at = item->repo == NULL ? strchr(item->name, '@') : NULL;
  const char *revision = at == NULL ? item->revision : at + 1;
  const char *repo = info->repo[0] == 0 ? item->repo : info->repo;
  const bool known = info->bytes >= 0 && item->status == JIMM_OK;
  cli_json_set(&object, "name", cli_json_text(item->name));
  cli_json_set(&object, "repo", cli_json_text(repo));
  cli_json_set(&object, "repo_type", cli_json_text(types[item->repo_type]));
  cli_json_set(&object, "revision", cli_json_text(revision));
  cli_json_set(&object, "commit", info->commit[0] == 0 ? json_null() : cli_json_text(info->commit));
  cli_json_set(&object, "bytes", known ? json_integer(info->bytes) : json_null());
  cli_json_set(&object, "cached", json_boolean(info->cached && item->status == JIMM_OK));
  cli_json_set(&object, "path", cli_json_text(item->path));
  cli_json_set(&object, "folder", cli_json_text(item->folder));
  cli_json_set(&object, "status", cli_json_text(jimm_status_name(item->status)));
  cli_json_set(&object, "message", cli_json_text(item->message));
  return object;
}

static int print_results(const download_list *list, const download_values *values) {
  json_t *array = values->json ? json_array() : NULL;
  for (size_t i = 0; i < list->count; i++) {
    const download_item *item = &list->items[i];
    if (values->json) {
      cli_json_append(&array, make_json(item));
    } else if (item->status == JIMM_OK && item->path != NULL) {
      puts(item->folder == NULL ? item->path : item->folder);
    }
  }
  return values->json ? cli_json_print(array) : CLI_OK;
}

static int finish(const download_list *list) {
  size_t failed = 0, cancelled = 0;
  for (size_t i = 0; i < list->count; i++) {
    failed += list->items[i].status != JIMM_OK;
    cancelled += list->items[i].status == JIMM_ERROR_CANCELLED;
  }
  if (cancelled > 0) {
    cli_note("cancelled: %zu of %zu are there", list->count - failed, list->count);
  } else if (failed > 0 && list->count > 1) {
    cli_note("%zu of %zu failed", failed, list->count);
  }
  if (cli_caught_signal() != 0) {
    fflush(stdout);
    cli_end_by_caught_signal();
  }
  return failed == 0 ? CLI_OK : CLI_FAILED;
}

static int download(download_list *list, const download_values *values) {
  download_ask(list, values);
  const download_sum sum = add_up(list);
  if (values->dry_run) {
    if (!values->json) {
      print_table(stdout, list);
    }
    const int status = values->json ? print_results(list, values) : CLI_OK;
    return status != CLI_OK ? status : finish(list);
  }
  if (isatty(STDERR_FILENO) && sum.fetched + sum.unknown > 0 && list->count > 1) {
    print_table(stderr, list);
  }
  int status = check_space(list, values);
  if (status != CLI_OK) {
    return status;
  }
  download_run(list, values);
  status = print_results(list, values);
  const int end = finish(list);
  return status != CLI_OK ? status : end;
}

static int run(const void *values_, int count, char **arguments) {
  const download_values *values = values_;
  download_list list = {NULL, 0, 0};
  int status = check_values(values, count);
  if (status == CLI_OK) {
    status = make_list(&list, values, count, arguments);
  }
  if (status == CLI_OK) {
    status = download(&list, values);
  }
  close_list(&list);
  return status;
}

static const download_values defaults = {.jobs = 4};

static const cli_option options[] = {
    {.name = "family",
     .type = CLI_TEXT,
     .argument = "FAMILY",
     .words = CLI_WORDS_FAMILY,
     .offset = offsetof(download_values, family),
     .help = "also all released weights of this family, as 'jimm list --family' names them"},
    {.name = "all",
     .type = CLI_FLAG,
     .offset = offsetof(download_values, all),
     .help = "all released weights, as 'jimm list' names them"},
    {.name = "repo",
     .type = CLI_TEXT,
     .argument = "REPO",
     .offset = offsetof(download_values, repo),
     .help = "the arguments are files of this repository: NAMESPACE/NAME, "
             "datasets/NAMESPACE/NAME or spaces/NAMESPACE/NAME"},
    {.name = "revision",
     .type = CLI_TEXT,
     .argument = "REVISION",
     .offset = offsetof(download_values, revision),
     .help = "with --repo: the branch, tag or commit (default: main)"},
    {.name = "jobs",
     .type = CLI_INTEGER,
     .argument = "N",
     .minimum = 1,
     .maximum = 16,
     .offset = offsetof(download_values, jobs),
     .help = "downloads at once (default: 4)"},
    {.name = "dry-run",
     .type = CLI_FLAG,
     .offset = offsetof(download_values, dry_run),
     .help = "only ask: print sizes and what is cached"},
    {.name = "force",
     .type = CLI_FLAG,
     .offset = offsetof(download_values, force),
     .help = "download again what is in the cache"},
    {.name = "offline",
     .type = CLI_FLAG,
     .offset = offsetof(download_values, offline),
     .help = "only what is in the cache; also with HF_HUB_OFFLINE"},
    {.name = "cache",
     .type = CLI_TEXT,
     .argument = "DIR",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(download_values, cache),
     .help = "the cache's folder (default: $HF_HUB_CACHE, else $HF_HOME/hub, else "
             "~/.cache/huggingface/hub)"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(download_values, json),
     .help = "print one JSON array with an object for each"},
};

const cli_command cli_download = {
    .arguments = "MODEL... | --repo REPO FILE...",
    .details =
        "Downloads weights by name into the cache of the Hugging Face Hub, which jimm shares with "
        "Python, and prints where they are, a path a line in the order asked. MODEL is a name as "
        "'jimm list' has it, or hf://NAMESPACE/NAME for any repository in timm's format, whose "
        "folder is printed; each with @REVISION. What is in the cache takes one small request.\n"
        "Before it begins it asks for the sizes, and refuses when the disk has no room for them. "
        "What fails does not keep the rest from coming. Ctrl-C leaves no half of a file.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .least = 0,
    .most = -1,
    .words = {CLI_WORDS_MODEL, CLI_WORDS_MODEL},
    .values_size = sizeof(download_values),
    .defaults = &defaults,
    .run = run,
};
