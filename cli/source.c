/* Where a model comes from, as the command line says it: MODEL, -w, --seed. */
#include <unistd.h>

#include "cli.h"
#include "progress.h"

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

/* What the words of the command line cannot mean together. */
static int check_words(const char *model, const char *weights) {
  if (weights != NULL && jimm_hub_is_repo(model)) {
    return cli_usage("%s brings its own weights: leave -w out, or name a model of jimm", model);
  }
  if (model == NULL && weights != NULL && !cli_is_folder(weights) && !jimm_hub_is_named(weights) &&
      access(weights, F_OK) == 0) {
    return cli_usage(
        "%s: a weights file does not say which model it is for; name the model, or "
        "give a weights folder (config.json and model.safetensors)",
        weights);
  }
  return CLI_OK;
}

int cli_source_open(const char *model, const char *weights, cli_need need, cli_source *source) {
  *source = (cli_source){.opened = NULL};
  const int status = check_words(model, weights);
  if (status != CLI_OK) {
    return status;
  }
  cli_rate rate = {0};
  jimm_hub_options hub = JIMM_HUB_OPTIONS_INIT;
  hub.progress = cli_progress_wanted_by_hub() ? show_progress : NULL;
  hub.context = &rate;
  jimm_source_options options = JIMM_SOURCE_OPTIONS_INIT;
  options.describe = need == CLI_NEED_NAME;
  options.hub = &hub;
  /* A deprecated alias is logged by the library, and so reaches stderr. */
  const jimm_status opened = jimm_source_open(model, weights, &options, &source->opened);
  cli_progress_clear();
  if (opened != JIMM_OK) {
    return cli_fail_library(NULL);
  }
  source->name = jimm_source_model(source->opened);
  source->options = *jimm_source_model_options(source->opened);
  source->weights = jimm_source_weights(source->opened);
  return CLI_OK;
}

void cli_source_close(cli_source *source) {
  jimm_source_close(&source->opened);
}

int64_t cli_source_classes(const cli_source *source) {
  return source->options.num_classes >= 0 ? source->options.num_classes
                                          : source->name->variant->num_classes;
}

const char *cli_source_label(const cli_source *source, int64_t index, const char **synset) {
  return jimm_source_label(source->opened, cli_source_classes(source), index, synset);
}

/* Once the weights are in use, says what their licence forbids. */
static void note_restriction(const cli_source *source) {
  const char *restriction = jimm_source_restriction(source->opened);
  char name[CLI_NAME_SIZE];
  if (restriction != NULL) {
    cli_note("note: the licence of the weights of %s is %s: %s",
             cli_variant_name(source->name->arch, source->name->variant, name),
             source->name->variant->license, restriction);
  }
}

static int load_weights(const cli_source *source, bool reset_head, jimm_model **model) {
  jimm_weights_options options = JIMM_WEIGHTS_OPTIONS_INIT;
  options.reset_head = reset_head;
  if (jimm_source_load(source->opened, &source->options, &options, model) != JIMM_OK) {
    return cli_fail_library(NULL);
  }
  note_restriction(source);
  return CLI_OK;
}

int cli_source_load(const cli_source *source, const cli_seed *seed, bool reset_head,
                    jimm_model **model) {
  if (!seed->given) {
    return load_weights(source, reset_head, model);
  }
  jimm_graph *graph = NULL;
  jimm_status status = jimm_source_graph(source->opened, &source->options, &graph);
  if (status == JIMM_OK) {
    status = jimm_model_create_synthetic(graph, seed->value, model);
  }
  jimm_graph_close(&graph);
  return status == JIMM_OK ? CLI_OK : cli_fail_library(source->name->arch->name);
}
