/* jimm init */
#include "cli.h"
#include "model_options.h"

typedef struct init_values {
  const char *output;
  cli_seed seed;
  cli_model_options model;
} init_values;

static int write_fresh(const jimm_model_name *name, const init_values *values) {
  jimm_model_options model_options = JIMM_MODEL_OPTIONS_INIT;
  cli_apply_model_options(&values->model, &model_options);
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  if (jimm_graph_build(name, &model_options, &graph) != JIMM_OK) {
    return cli_fail_library(name->arch->name);
  }
  int result = CLI_OK;
  if (jimm_state_init(name->family, graph, values->seed.value, &state) != JIMM_OK) {
    result = cli_fail_library(name->arch->name);
  } else if (jimm_state_save(state, values->output) != JIMM_OK) {
    result = cli_fail_library(values->output);
  }
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  return result;
}

static int run(const void *values_, int count, char **arguments) {
  const init_values *values = values_;
  cli_source source;
  (void)count;
  if (values->output == NULL || !values->seed.given) {
    return cli_usage("option --%s is missing", values->output == NULL ? "output" : "seed");
  }
  if (!cli_has_extension(values->output, ".safetensors")) {
    return cli_usage("option --output: expected a file ending in .safetensors, got '%s'",
                     values->output);
  }
  int status = cli_source_open(arguments[0], NULL, CLI_NEED_NAME, &source);
  if (status == CLI_OK) {
    status = cli_check_output(values->output);
  }
  if (status == CLI_OK) {
    status = write_fresh(source.name, values);
  }
  cli_source_close(&source);
  return status;
}

static const init_values defaults = {.model =
#include "model_unset.h"
};

static const cli_option options[] = {
    {.name = "seed",
     .type = CLI_SEED,
     .argument = "SEED",
     .offset = offsetof(init_values, seed),
     .help = "the same number gives the same weights, to the bit, on every machine"},
    {.name = "output",
     .letter = 'o',
     .type = CLI_TEXT,
     .argument = "FILE.safetensors",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(init_values, output),
     .help = "where to write the weights, in float32 under timm's names"},
#define CLI_MODEL_VALUES init_values
#include "model_rows.h"
};

const cli_command cli_init = {
    .arguments = "MODEL --seed SEED -o FILE.safetensors",
    .details =
        "Writes fresh, untrained weights, drawn as timm draws those of a new model of that "
        "family (not the same numbers: PyTorch's generator is another). The file appears whole "
        "or not at all.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .least = 1,
    .most = 1,
    .words = {CLI_WORDS_MODEL, CLI_WORDS_NONE},
    .values_size = sizeof(init_values),
    .defaults = &defaults,
    .run = run,
};
