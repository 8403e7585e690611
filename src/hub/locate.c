/* Weights by a model's name, as timm.models.load_pretrained finds them. */
#include <string.h>

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

/* The first of the weights' names that the repository has. A hub that could not be reached for one
 * name is not waited for again: the cache may have the other. */
static jimm_status download_weights(const char *repo, const jimm_hub_options *options,
                                    char **path) {
  jimm_status first = JIMM_OK;
  jimm_hub_options settings = *options;
  char *reason = NULL;
  for (size_t i = 0; i < WEIGHTS_NAMES; i++) {
    const jimm_status status = jimm_hub_download(repo, weights_names[i], &settings, path);
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
static jimm_status fetch_url(const char *url, const jimm_hub_options *options, char **path) {
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
  if (status == JIMM_OK && !jimm_os_exists(file)) {
    status = jimm_hub_make_parents(file);
  }
  if (status == JIMM_OK) {
    status = jimm_hub_fetch(url, file, options);
  }
  jimm_arena_close(&arena);
  if (status != JIMM_OK) {
    jimm_free(file);
    return status;
  }
  *path = file;
  return JIMM_OK;
}

static jimm_status locate_variant(const jimm_model_name *name, const jimm_hub_options *options,
                                  char **weights) {
  const jimm_variant *variant = name->variant;
  if (!variant->has_weights || (variant->hub_id == NULL && variant->url == NULL)) {
    return jimm_fail(JIMM_ERROR_NOT_FOUND,
                     "%s%s%s: timm has released no weights for it; jimm init makes fresh ones",
                     name->arch->name, variant->tag[0] == 0 ? "" : ".", variant->tag);
  }
  jimm_status status = JIMM_ERROR_ENTRY_NOT_FOUND;
  if (variant->hub_id != NULL) {
    status = download_weights(variant->hub_id, options, weights);
  }
  /* The url is where the weights were before they came to the hub. */
  if ((status == JIMM_ERROR_ENTRY_NOT_FOUND || status == JIMM_ERROR_NOT_CACHED ||
       status == JIMM_ERROR_REPO_NOT_FOUND) &&
      variant->url != NULL && !variant->custom_load && options->revision == NULL) {
    char *reason = jimm_strdup(jimm_error_message());
    if (reason == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
    const jimm_status fetched = fetch_url(variant->url, options, weights);
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

static jimm_status locate_repo(const char *repo, const jimm_hub_options *options, char **weights,
                               char **folder) {
  char *config = NULL;
  jimm_status status = jimm_hub_download(repo, "config.json", options, &config);
  if (status != JIMM_OK) {
    return status;
  }
  /* The rest comes from the same commit, though the branch may move on. The folder that the file
   * lies in has its name. */
  *strrchr(config, '/') = 0;
  jimm_hub_options pinned = *options;
  pinned.revision = strrchr(config, '/') + 1;
  if (weights != NULL) {
    status = download_weights(repo, &pinned, weights);
  }
  if (status != JIMM_OK) {
    jimm_free(config);
    return status;
  }
  *folder = config;
  return JIMM_OK;
}

static jimm_status locate(const char *name, jimm_hub_options *options, char **weights,
                          char **folder) {
  jimm_arena arena = {0};
  parts found = {0};
  jimm_model_name model;
  jimm_status status = split(&arena, name, &found);
  if (status == JIMM_OK) {
    options->revision = found.revision != NULL ? found.revision : options->revision;
    if (is_repo(&found)) {
      status = locate_repo(found.name, options, weights, folder);
    } else {
      status = jimm_model_find(found.name, &model);
      if (status == JIMM_OK && weights != NULL) {
        status = locate_variant(&model, options, weights);
      }
    }
  }
  jimm_arena_close(&arena);
  return status;
}

jimm_status jimm_hub_locate(const char *name, const jimm_hub_options *options, char **weights,
                            char **folder) {
  if (name == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_hub_locate: name is NULL");
  }
  jimm_hub_options settings = JIMM_HUB_OPTIONS_INIT;
  if (options != NULL) {
    settings = *options;
  }
  settings.repo_type = JIMM_REPO_MODEL;
  char *place = NULL;
  if (weights != NULL) {
    *weights = NULL;
  }
  const jimm_status status = locate(name, &settings, weights, &place);
  if (folder != NULL) {
    *folder = place;
  } else {
    jimm_free(place);
  }
  return status;
}
