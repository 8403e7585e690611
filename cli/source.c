/* Where a model comes from: a name, a weights file, a weights folder, a seed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "progress.h"

static int open_folder(const char *path, cli_source *source) {
  if (jimm_folder_open(path, &source->folder) != JIMM_OK) {
    return cli_fail_library(path);
  }
  const jimm_model_name *found = jimm_folder_model(source->folder);
  if (source->name.arch != NULL && source->name.arch != found->arch) {
    return cli_fail("%s: holds weights of %s, not of %s", path, found->arch->name,
                    source->name.arch->name);
  }
  source->name = *found;
  source->variant = jimm_folder_variant(source->folder);
  source->options = *jimm_folder_options(source->folder);
  source->weights = jimm_folder_weights(source->folder);
  return CLI_OK;
}

/* The name without "@revision". */
static int find_model(const char *model, cli_source *source) {
  char *name = strndup(model, strcspn(model, "@"));
  if (name == NULL) {
    return cli_fail_memory();
  }
  /* A deprecated alias is logged by the library, and so reaches stderr. */
  const jimm_status status = jimm_model_find(name, &source->name);
  free(name);
  source->variant = source->name.variant;
  return status == JIMM_OK ? CLI_OK : cli_fail_library(model);
}

/* One line on the terminal while a file comes. */
static bool show_progress(void *context, const jimm_hub_progress *progress) {
  cli_rate *rate = context;
  char line[CLI_PROGRESS_LINE];
  const char *lines[1] = {line};
  cli_rate_add(rate, progress->bytes);
  cli_hub_line(line, progress, rate->value);
  cli_progress_draw(lines, 1);
  return false;
}

/* What the hub has under `name`: weights of a registered tag, or a repository, whose config.json is
 * read; without `weights` nothing else of it is downloaded. */
static int open_hub(const char *name, bool weights, cli_source *source) {
  cli_rate rate = {0};
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  options.progress = cli_progress_wanted_by_hub() ? show_progress : NULL;
  options.context = &rate;
  const jimm_status status =
      jimm_hub_locate(name, &options, weights ? &source->located : NULL, &source->place);
  cli_progress_clear();
  if (status != JIMM_OK) {
    return cli_fail_library(name);
  }
  if (source->place == NULL) {
    source->weights = source->located;
    return CLI_OK;
  }
  const int result = open_folder(source->place, source);
  source->weights = weights ? source->located : NULL;
  return result;
}

/* -w: a place at the hub, a folder or a file. */
static int open_weights(const char *model, const char *weights, cli_source *source) {
  if (cli_is_folder(weights)) {
    return open_folder(weights, source);
  }
  if (jimm_hub_is_named(weights)) {
    const int status =
        model != NULL || jimm_hub_is_repo(weights) ? CLI_OK : find_model(weights, source);
    return status == CLI_OK ? open_hub(weights, true, source) : status;
  }
  if (model == NULL && access(weights, F_OK) != 0) {
    return cli_fail("%s: %s", weights, strerror(errno));
  }
  if (model == NULL) {
    return cli_usage(
        "%s: a weights file does not say which model it is for; name the model, or "
        "give a weights folder (config.json and model.safetensors)",
        weights);
  }
  source->weights = weights;
  return CLI_OK;
}

int cli_source_open(const char *model, const char *weights, cli_need need, cli_source *source) {
  *source = (cli_source){.options = JIMM_MODEL_OPTIONS_INIT};
  const bool repo = model != NULL && jimm_hub_is_repo(model);
  if (repo && weights != NULL) {
    return cli_usage("%s brings its own weights: leave -w out, or name a model of jimm", model);
  }
  if (repo) {
    return open_hub(model, need == CLI_NEED_WEIGHTS, source);
  }
  const int status = model == NULL ? CLI_OK : find_model(model, source);
  if (status != CLI_OK) {
    return status;
  }
  if (weights != NULL) {
    return open_weights(model, weights, source);
  }
  return need == CLI_NEED_WEIGHTS ? open_hub(model, true, source) : CLI_OK;
}

void cli_source_close(cli_source *source) {
  jimm_folder_close(&source->folder);
  jimm_text_free(source->located);
  jimm_text_free(source->place);
}

int64_t cli_source_classes(const cli_source *source) {
  return source->options.num_classes >= 0 ? source->options.num_classes
                                          : source->variant->num_classes;
}

const char *cli_source_label(const cli_source *source, int64_t index, const char **synset) {
  *synset = NULL;
  if (source->folder != NULL && jimm_folder_label_count(source->folder) > 0) {
    return jimm_folder_label(source->folder, index);
  }
  const jimm_labels *labels = jimm_labels_find(cli_source_classes(source));
  if (labels == NULL) {
    return NULL;
  }
  *synset = jimm_labels_synset(labels, index);
  return jimm_labels_description(labels, index);
}

static int load_weights(const cli_source *source, jimm_graph *graph, bool reset_head,
                        jimm_model **model) {
  jimm_weights_options options = JIMM_WEIGHTS_OPTIONS_INIT;
  options.reset_head = reset_head;
  jimm_state *state = NULL;
  jimm_status status = jimm_state_open(source->weights, &state);
  if (status == JIMM_OK) {
    status = jimm_model_create(graph, state, &options, model);
  }
  jimm_state_close(&state);
  return status == JIMM_OK ? CLI_OK : cli_fail_library(source->weights);
}

/* Once the weights are in use, says what their licence forbids. A folder states its own licence; a
 * file is taken to be what its name says: released weights of that tag, or made from them. */
static void note_restriction(const cli_source *source) {
  const char *license = source->variant->license;
  const char *restriction = jimm_license_restriction(license);
  char name[CLI_NAME_SIZE];
  if (restriction != NULL) {
    cli_note("note: the licence of the weights of %s is %s: %s",
             cli_variant_name(source->name.arch, source->variant, name), license, restriction);
  }
}

int cli_source_load(const cli_source *source, const cli_seed *seed, bool reset_head,
                    jimm_model **model) {
  jimm_model_name name = source->name;
  name.variant = source->variant; /* of a folder: its own number of classes */
  jimm_graph *graph = NULL;
  if (jimm_graph_build(&name, &source->options, &graph) != JIMM_OK) {
    return cli_fail_library(name.arch->name);
  }
  int status = CLI_OK;
  if (!seed->given) {
    status = load_weights(source, graph, reset_head, model);
    if (status == CLI_OK) {
      note_restriction(source);
    }
  } else if (jimm_model_create_synthetic(graph, seed->value, model) != JIMM_OK) {
    status = cli_fail_library(name.arch->name);
  }
  jimm_graph_close(&graph);
  return status;
}
