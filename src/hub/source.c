/* Where a model comes from: a name, a weights file, a weights folder, a repository of the hub. */
#include "hub/source.h"

#include <errno.h>
#include <string.h>

#include <jimm/label.h>

#include "base/alloc.h"
#include "base/locale.h"
#include "base/options.h"
#include "base/os.h"
#include "model/options.h"

struct jimm_source {
  jimm_model_name name;
  jimm_model_options options;
  jimm_folder *folder;   /* NULL: neither a folder nor a repository */
  char *weights, *place; /* of the weights; of the repository's folder */
};

/* Messages name what they are about. */
static jimm_status fail_naming(jimm_status status, const char *what) {
  return strstr(jimm_error_message(), what) != NULL ? status
                                                    : jimm_fail_context(status, "%s", what);
}

/* ---- opening ---- */

/* The name without "@revision". */
static jimm_status find_model(const char *model, jimm_source *source) {
  char *name = jimm_strndup(model, strcspn(model, "@"));
  if (name == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  const jimm_status status = jimm_model_find(name, &source->name);
  jimm_free(name);
  return status == JIMM_OK ? status : fail_naming(status, model);
}

/* The folder says what it holds. */
static jimm_status take_folder(const char *path, jimm_source *source) {
  const jimm_status status = jimm_folder_open(path, &source->folder);
  if (status != JIMM_OK) {
    return fail_naming(status, path);
  }
  const jimm_model_name *found = jimm_folder_model(source->folder);
  if (source->name.arch != NULL && source->name.arch != found->arch) {
    return jimm_fail(JIMM_ERROR_MISMATCH, "%s: holds weights of %s, not of %s", path,
                     found->arch->name, source->name.arch->name);
  }
  source->name = *found;
  source->options = *jimm_folder_options(source->folder);
  return JIMM_OK;
}

static jimm_status keep_weights(const char *path, jimm_source *source) {
  source->weights = jimm_strdup(path);
  return source->weights == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

/* What the hub has under `name`. Of a repository config.json is read; without `weights` nothing
 * else of it is downloaded. */
static jimm_status take_hub(const char *name, bool weights, const jimm_hub_options *options,
                            jimm_source *source) {
  const jimm_status status =
      jimm_hub_locate(name, options, weights ? &source->weights : NULL, &source->place);
  if (status != JIMM_OK) {
    return fail_naming(status, name);
  }
  return source->place == NULL ? JIMM_OK : take_folder(source->place, source);
}

static jimm_status take_weights(const char *model, const char *weights,
                                const jimm_hub_options *options, jimm_source *source) {
  if (jimm_os_is_folder(weights)) {
    const jimm_status status = take_folder(weights, source);
    return status == JIMM_OK ? keep_weights(jimm_folder_weights(source->folder), source) : status;
  }
  if (jimm_hub_is_named(weights)) {
    const jimm_status status =
        model != NULL || jimm_hub_is_repo(weights) ? JIMM_OK : find_model(weights, source);
    return status == JIMM_OK ? take_hub(weights, true, options, source) : status;
  }
  if (model == NULL && !jimm_os_exists(weights)) {
    return jimm_fail(JIMM_ERROR_NOT_FOUND, "%s: %s", weights, jimm_errno_text(errno));
  }
  if (model == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "%s: a weights file does not say which model it is for", weights);
  }
  return keep_weights(weights, source);
}

static jimm_status open_source(const char *model, const char *weights,
                               const jimm_source_options *options, jimm_source *source) {
  const bool repo = jimm_hub_is_repo(model);
  if (repo && weights != NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s brings its own weights, but %s are given",
                     model, weights);
  }
  if (repo) {
    return take_hub(model, !options->describe, options->hub, source);
  }
  const jimm_status status = model == NULL ? JIMM_OK : find_model(model, source);
  if (status != JIMM_OK) {
    return status;
  }
  if (weights != NULL) {
    return take_weights(model, weights, options->hub, source);
  }
  return options->describe ? JIMM_OK : take_hub(model, true, options->hub, source);
}

jimm_status jimm_source_open(const char *model, const char *weights,
                             const jimm_source_options *options, jimm_source **source) {
  if (source == NULL || (model == NULL && weights == NULL)) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_source_open: %s",
                     source == NULL ? "source is NULL" : "model and weights are NULL");
  }
  *source = NULL;
  jimm_source_options settings = JIMM_SOURCE_OPTIONS_INIT;
  jimm_status status =
      jimm_copy_options("jimm_source_options", options, &settings, sizeof settings);
  if (status != JIMM_OK) {
    return status;
  }
  jimm_source *opened = jimm_calloc(1, sizeof *opened);
  if (opened == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  opened->options = (jimm_model_options)JIMM_MODEL_OPTIONS_INIT;
  status = open_source(model, weights, &settings, opened);
  if (status != JIMM_OK) {
    jimm_source_close(&opened);
  }
  *source = opened;
  return status;
}

void jimm_source_close(jimm_source **source) {
  if (source == NULL || *source == NULL) {
    return;
  }
  jimm_folder_close(&(*source)->folder);
  jimm_free((*source)->weights);
  jimm_free((*source)->place);
  jimm_free(*source);
  *source = NULL;
}

/* ---- reading ---- */

const jimm_model_name *jimm_source_model(const jimm_source *source) {
  return &source->name;
}

const jimm_model_options *jimm_source_model_options(const jimm_source *source) {
  return &source->options;
}

const char *jimm_source_weights(const jimm_source *source) {
  return source->weights;
}

const jimm_folder *jimm_source_folder(const jimm_source *source) {
  return source->folder;
}

jimm_folder *jimm_source_take_folder(jimm_source *source) {
  jimm_folder *folder = source->folder;
  source->folder = NULL;
  return folder;
}

const char *jimm_source_label(const jimm_source *source, int64_t classes, int64_t index,
                              const char **synset) {
  const char *unwanted;
  synset = synset == NULL ? &unwanted : synset;
  *synset = NULL;
  if (source->folder != NULL && jimm_folder_label_count(source->folder) > 0) {
    return jimm_folder_label(source->folder, index);
  }
  const jimm_labels *labels = jimm_labels_find(classes);
  if (labels == NULL) {
    return NULL;
  }
  *synset = jimm_labels_synset(labels, index);
  return jimm_labels_description(labels, index);
}

const char *jimm_source_restriction(const jimm_source *source) {
  return jimm_license_restriction(source->name.variant->license);
}

/* ---- loading ---- */

/* What the caller's options leave open is as the source has it. */
static jimm_status merge_options(const jimm_source *source, const jimm_model_options *given,
                                 jimm_model_options *wanted) {
  *wanted = (jimm_model_options)JIMM_MODEL_OPTIONS_INIT;
  const jimm_status status = jimm_copy_options("jimm_model_options", given, wanted, sizeof *wanted);
  jimm_model_options_fill(wanted, &source->options);
  return status;
}

static jimm_status build(const jimm_source *source, const jimm_model_options *options,
                         jimm_graph **graph) {
  const jimm_status status = jimm_graph_build(&source->name, options, graph);
  return status == JIMM_OK ? status : fail_naming(status, source->name.arch->name);
}

jimm_status jimm_source_graph(const jimm_source *source, const jimm_model_options *options,
                              jimm_graph **graph) {
  if (source == NULL || graph == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_source_graph: source or graph is NULL");
  }
  *graph = NULL;
  jimm_model_options wanted;
  const jimm_status status = merge_options(source, options, &wanted);
  return status == JIMM_OK ? build(source, &wanted, graph) : status;
}

static jimm_status bind(const jimm_source *source, jimm_graph *graph,
                        const jimm_weights_options *options, jimm_model **model) {
  jimm_state *state = NULL;
  jimm_status status = jimm_state_open(source->weights, &state);
  if (status == JIMM_OK) {
    status = jimm_model_create(graph, state, options, model);
  }
  jimm_state_close(&state);
  return status == JIMM_OK ? status : fail_naming(status, source->weights);
}

jimm_status jimm_source_load(const jimm_source *source, const jimm_model_options *options,
                             const jimm_weights_options *weights, jimm_model **model) {
  if (source == NULL || model == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_source_load: source or model is NULL");
  }
  *model = NULL;
  if (source->weights == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_source_load: the source was opened without its weights");
  }
  jimm_model_options wanted;
  jimm_weights_options binding = JIMM_WEIGHTS_OPTIONS_INIT;
  jimm_status status = merge_options(source, options, &wanted);
  if (status == JIMM_OK) {
    status = jimm_copy_options("jimm_weights_options", weights, &binding, sizeof binding);
  }
  if (status != JIMM_OK) {
    return status;
  }
  if (weights == NULL) {
    binding.reset_head =
        wanted.num_classes >= 0 && wanted.num_classes != source->name.variant->num_classes;
  }
  jimm_graph *graph = NULL;
  status = build(source, &wanted, &graph);
  if (status == JIMM_OK) {
    status = bind(source, graph, &binding, model);
  }
  jimm_graph_close(&graph);
  return status;
}
