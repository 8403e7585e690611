/* Weights by a model's name, as timm.models.load_pretrained finds them. */
#include <string.h>

#include "base/locale.h"
#include "base/log.h"
#include "base/options.h"
#include "base/os.h"
#include "hub/hub.h"

static const char *const weights_names[] = {"model.safetensors", "pytorch_model.bin"};
#define WEIGHTS_NAMES (sizeof weights_names / sizeof weights_names[0])

/* A model's name in its parts: "hf://ns/name@revision". */
typedef struct parts {
  bool scheme;      /* it began with one */
  const char *name; /* without scheme and revision */
  const char *revision;
} parts;

/* The name after "hf://" and its like; NULL when it has none. */
static const char *after_scheme(const char *name) {
  static const char *const schemes[] = {"hf://", "hf-hub:", "hf_hub:"};
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
    if (strncmp(name, schemes[i], strlen(schemes[i])) == 0) {
      return name + strlen(schemes[i]);
    }
  }
  return NULL;
}

static jimm_status split(jimm_arena *arena, const char *name, parts *found) {
  const char *rest = after_scheme(name);
  found->scheme = rest != NULL;
  rest = rest == NULL ? name : rest;
  const char *at = strchr(rest, '@');
  found->name = rest;
  found->revision = at == NULL ? NULL : at + 1;
  if (at != NULL && at[1] == 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: expected a revision after \"@\"", name);
  }
  const char *plain = at == NULL ? rest : jimm_arena_format(arena, "%.*s", (int)(at - rest), rest);
  if (plain == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  found->name = plain;
  return JIMM_OK;
}

/* timm's own repositories are registered tags, however they are named. */
static bool is_repo(const parts *name) {
  jimm_model_name found;
  return name->scheme && (strncmp(name->name, "timm/", 5) != 0 ||
                          jimm_model_find(name->name, &found) == JIMM_ERROR_NOT_FOUND);
}

bool jimm_hub_is_named(const char *name) {
  return name != NULL && after_scheme(name) != NULL;
}

bool jimm_hub_is_repo(const char *name) {
  jimm_arena arena = {0};
  parts found = {0};
  /* One whose revision is missing is a repository's, too: jimm_hub_locate says what is wrong. */
  const bool repo =
      name != NULL && split(&arena, name, &found) != JIMM_ERROR_OUT_OF_MEMORY && is_repo(&found);
  jimm_arena_close(&arena);
  return repo;
}

/* ---- what is done about files ---- */

/* Adds what is known of one more file. */
static void add_info(jimm_hub_info *sum, const jimm_hub_info *one) {
  sum->bytes = sum->bytes < 0 || one->bytes < 0 ? -1 : sum->bytes + one->bytes;
  sum->missing = sum->missing < 0 || one->missing < 0 ? -1 : sum->missing + one->missing;
  sum->cached = sum->cached && one->cached;
  memcpy(sum->commit, one->commit, sizeof sum->commit);
  memcpy(sum->etag, one->etag, sizeof sum->etag);
}

static void name_repo(jimm_hub_info *sum, const char *repo) {
  if (sum != NULL) {
    jimm_snprintf(sum->repo, sizeof sum->repo, "%s", repo);
  }
}

/* Downloads the file, and *path is where; with `sum` only asks, and *path stays NULL. */
static jimm_status take_file(const char *repo, const char *filename,
                             const jimm_hub_options *options, jimm_hub_info *sum, char **path) {
  if (sum == NULL) {
    return jimm_hub_download(repo, filename, options, path);
  }
  jimm_hub_info one = JIMM_HUB_INFO_INIT;
  const jimm_status status = jimm_hub_ask(repo, filename, options, &one);
  if (status == JIMM_OK) {
    add_info(sum, &one);
  }
  return status;
}

/* The first of the weights' names that the repository has. A hub that could not be reached for one
 * name is not waited for again: the cache may have the other. */
static jimm_status take_weights(const char *repo, const jimm_hub_options *options,
                                jimm_hub_info *sum, char **path) {
  jimm_status first = JIMM_OK;
  jimm_hub_options settings = *options;
  char *reason = NULL;
  for (size_t i = 0; i < WEIGHTS_NAMES; i++) {
    const jimm_status status = take_file(repo, weights_names[i], &settings, sum, path);
    if (status != JIMM_ERROR_ENTRY_NOT_FOUND && status != JIMM_ERROR_NOT_CACHED) {
      jimm_free(reason);
      return status;
    }
    if (i == 0) {
      first = status;
      reason = jimm_strdup(jimm_error_message());
      if (reason == NULL) {
        return JIMM_ERROR_OUT_OF_MEMORY;
      }
    }
    if (status == JIMM_ERROR_NOT_CACHED && options->force) {
      break;
    }
    settings.offline = settings.offline || status == JIMM_ERROR_NOT_CACHED;
  }
  jimm_fail(first, "%s", reason);
  jimm_free(reason);
  return first;
}

/* ---- registered tags ---- */

/* torch's cache of downloads: torch.hub.load_state_dict_from_url. */
static jimm_status take_url(const char *url, const jimm_hub_options *options, jimm_hub_info *sum,
                            char **path) {
  jimm_arena arena = {0};
  const char *folder = NULL;
  const int length = jimm_http_shown(url);
  const char *name = url + length;
  while (name > url && name[-1] != '/') {
    name--;
  }
  jimm_status status = jimm_hub_torch_folder(&arena, &folder);
  char *file =
      status == JIMM_OK ? jimm_format("%s/%.*s", folder, (int)(url + length - name), name) : NULL;
  status = status == JIMM_OK && file == NULL ? JIMM_ERROR_OUT_OF_MEMORY : status;
  if (status == JIMM_OK && sum != NULL) {
    status = jimm_hub_ask_fetch(file, options, sum);
  } else if (status == JIMM_OK) {
    status = jimm_os_exists(file) ? JIMM_OK : jimm_hub_make_parents(file);
    status = status == JIMM_OK ? jimm_hub_fetch(url, file, options) : status;
  }
  jimm_arena_close(&arena);
  if (status != JIMM_OK || sum != NULL) {
    jimm_free(file);
    return status;
  }
  *path = file;
  return JIMM_OK;
}

static jimm_status locate_variant(const jimm_model_name *name, const jimm_hub_options *options,
                                  jimm_hub_info *sum, char **weights) {
  const jimm_variant *variant = name->variant;
  if (!variant->has_weights || (variant->hub_id == NULL && variant->url == NULL)) {
    return jimm_fail(JIMM_ERROR_NOT_FOUND,
                     "%s%s%s: timm has released no weights for it; jimm init makes fresh ones",
                     name->arch->name, variant->tag[0] == 0 ? "" : ".", variant->tag);
  }
  jimm_status status = JIMM_ERROR_ENTRY_NOT_FOUND;
  if (variant->hub_id != NULL) {
    name_repo(sum, variant->hub_id);
    status = take_weights(variant->hub_id, options, sum, weights);
  }
  /* The url is where the weights were before they came to the hub. */
  if ((status == JIMM_ERROR_ENTRY_NOT_FOUND || status == JIMM_ERROR_NOT_CACHED ||
       status == JIMM_ERROR_REPO_NOT_FOUND) &&
      variant->url != NULL && !variant->custom_load && options->revision == NULL) {
    char *reason = jimm_strdup(jimm_error_message());
    if (reason == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
    const jimm_status fetched = take_url(variant->url, options, sum, weights);
    if (sum != NULL && fetched == JIMM_OK && status == JIMM_ERROR_NOT_CACHED && !sum->cached) {
      jimm_log(JIMM_LOG_WARNING, "%s; the weights would come from %.*s", reason,
               jimm_http_shown(variant->url), variant->url);
    }
    if (fetched == JIMM_OK || fetched == JIMM_ERROR_OUT_OF_MEMORY ||
        fetched == JIMM_ERROR_CANCELLED || variant->hub_id == NULL) {
      status = fetched;
    } else {
      jimm_fail(status, "%s", reason);
    }
    jimm_free(reason);
  }
  return status;
}

/* ---- repositories in timm's format ---- */

static jimm_status ask_repo(const char *repo, const jimm_hub_options *options, jimm_hub_info *sum) {
  jimm_hub_options pinned = *options;
  name_repo(sum, repo);
  const jimm_status status = take_file(repo, "config.json", options, sum, NULL);
  pinned.revision = sum->commit[0] == 0 ? pinned.revision : sum->commit;
  return status == JIMM_OK ? take_weights(repo, &pinned, sum, NULL) : status;
}

static jimm_status locate_repo(const char *repo, const jimm_hub_options *options, char **weights,
                               char **folder) {
  char *config = NULL;
  jimm_status status = take_file(repo, "config.json", options, NULL, &config);
  if (status != JIMM_OK) {
    return status;
  }
  /* The rest comes from the same commit, though the branch may move on. The folder that the file
   * lies in has its name. */
  *strrchr(config, '/') = 0;
  jimm_hub_options pinned = *options;
  pinned.revision = strrchr(config, '/') + 1;
  if (weights != NULL) {
    status = take_weights(repo, &pinned, NULL, weights);
  }
  if (status != JIMM_OK) {
    jimm_free(config);
    return status;
  }
  *folder = config;
  return JIMM_OK;
}

/* With `sum` only asks. */
static jimm_status locate(const char *name, jimm_hub_options *options, jimm_hub_info *sum,
                          char **weights, char **folder) {
  jimm_arena arena = {0};
  parts found = {0};
  jimm_model_name model;
  jimm_status status = split(&arena, name, &found);
  if (status == JIMM_OK) {
    options->revision = found.revision != NULL ? found.revision : options->revision;
    if (is_repo(&found)) {
      status = sum != NULL ? ask_repo(found.name, options, sum)
                           : locate_repo(found.name, options, weights, folder);
    } else {
      status = jimm_model_find(found.name, &model);
      if (status == JIMM_OK && (sum != NULL || weights != NULL)) {
        status = locate_variant(&model, options, sum, weights);
      }
    }
  }
  jimm_arena_close(&arena);
  return status;
}

static jimm_status take_options(const jimm_hub_options *given, jimm_hub_options *options) {
  *options = (jimm_hub_options)JIMM_HUB_OPTIONS_INIT;
  const jimm_status status = jimm_copy_options("jimm_hub_options", given, options, sizeof *options);
  options->repo_type = JIMM_REPO_MODEL;
  return status;
}

jimm_status jimm_hub_locate(const char *name, const jimm_hub_options *options, char **weights,
                            char **folder) {
  if (name == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_hub_locate: name is NULL");
  }
  char *place = NULL;
  if (weights != NULL) {
    *weights = NULL;
  }
  jimm_hub_options settings;
  jimm_status status = take_options(options, &settings);
  if (status == JIMM_OK) {
    status = locate(name, &settings, NULL, weights, &place);
  }
  if (folder != NULL) {
    *folder = place;
  } else {
    jimm_free(place);
  }
  return status;
}

jimm_status jimm_hub_ask_model(const char *name, const jimm_hub_options *options,
                               jimm_hub_info *info) {
  if (name == NULL || info == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_hub_ask_model: name or info is NULL");
  }
  jimm_hub_info sum = JIMM_HUB_INFO_INIT;
  jimm_status status = jimm_copy_result("jimm_hub_info", &sum, sizeof sum, info);
  jimm_hub_options settings;
  if (status == JIMM_OK) {
    status = take_options(options, &settings);
  }
  if (status != JIMM_OK) {
    return status;
  }
  sum.bytes = sum.missing = 0;
  sum.cached = true;
  status = locate(name, &settings, &sum, NULL, NULL);
  if (status != JIMM_OK) {
    sum.bytes = sum.missing = -1;
    sum.cached = false;
  }
  const jimm_status copied = jimm_copy_result("jimm_hub_info", &sum, sizeof sum, info);
  return status == JIMM_OK ? copied : status;
}
