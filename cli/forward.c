/* jimm forward */
#include <string.h>

#include "cli.h"

enum { WHAT_ALL = 3, OUTPUTS = 3 };
static const char *const what_choices[] = {"logits", "features", "pre_logits", "all", NULL};

enum { EVALUATOR_PLAN = 0, EVALUATOR_REFERENCE = 1, EVALUATOR_REFERENCE64 = 2 };
static const char *const evaluator_choices[] = {"plan", "reference", "reference64", NULL};

static const char *const pool_choices[] = {"avg", "max", "avgmax", "catavgmax", "", NULL};

typedef struct forward_values {
  const char *weights, *input, *output;
  cli_seed seed;
  int64_t num_classes, in_chans, threads;
  int32_t what, evaluator, global_pool; /* global_pool -1: the model's own */
  bool reset_head, check_finite;
} forward_values;

/* What is asked for, as the library wants it. */
typedef struct forward_request {
  const forward_values *values;
  const char *const *names;
  int32_t count;
  jimm_tensor input;
  jimm_tensor outputs[OUTPUTS];
} forward_request;

static int check_values(const forward_values *values, int count) {
  if (values->input == NULL || values->output == NULL) {
    return cli_usage("option --%s is missing", values->input == NULL ? "input" : "output");
  }
  bool npy = cli_has_extension(values->output, ".npy");
  if (!npy && !cli_has_extension(values->output, ".safetensors")) {
    return cli_usage("option --output: expected a file ending in .npy or .safetensors, got '%s'",
                     values->output);
  }
  if (npy && values->what == WHAT_ALL) {
    return cli_usage(
        "option --output: a .npy file holds one tensor; expected a .safetensors file "
        "with --what all, got '%s'",
        values->output);
  }
  if ((values->weights != NULL) == values->seed.given) {
    return cli_usage("expected either -w FILE or --synthetic SEED, got %s",
                     values->seed.given ? "both" : "neither");
  }
  if (values->weights == NULL && values->reset_head) {
    return cli_usage("option --reset-head: only weights from a file (-w) have a head to reset");
  }
  if (values->weights == NULL && count == 0) {
    return cli_usage("expected MODEL");
  }
  if (values->threads != JIMM_THREADS_DEFAULT && values->evaluator != EVALUATOR_PLAN) {
    return cli_usage("option --threads: the %s evaluator runs on one thread",
                     evaluator_choices[values->evaluator]);
  }
  return CLI_OK;
}

/* Reads the input and brings it to the element type of the evaluator. */
static int read_input(forward_request *request, int64_t channels) {
  const forward_values *values = request->values;
  jimm_tensor *input = &request->input;
  char shape[JIMM_SHAPE_TEXT];
  if (jimm_npy_read(values->input, input) != JIMM_OK) {
    return cli_fail_library(values->input);
  }
  jimm_shape_format(&input->shape, shape, sizeof shape);
  if (input->dtype != JIMM_F32 && input->dtype != JIMM_F64) {
    return cli_fail("%s: expected elements of type F32 or F64, got %s", values->input,
                    jimm_dtype_name(input->dtype));
  }
  if (input->shape.rank != 4) {
    return cli_fail("%s: expected a tensor of rank 4 [N, %lld, H, W], got rank %d %s",
                    values->input, (long long)channels, (int)input->shape.rank, shape);
  }
  if (input->shape.dim[1] != channels) {
    return cli_fail(
        "%s: expected %lld channels [N, %lld, H, W], got %s (--in-chans says how many "
        "channels the model takes)",
        values->input, (long long)channels, (long long)channels, shape);
  }
  if (input->dtype == JIMM_F64 && values->evaluator != EVALUATOR_REFERENCE64) {
    jimm_tensor converted = {.dtype = JIMM_DTYPE_NONE};
    if (jimm_tensor_convert(input, JIMM_F32, &converted) != JIMM_OK) {
      return cli_fail_library(values->input);
    }
    jimm_tensor_close(input);
    *input = converted;
    cli_note("note: %s: float64 input rounded to float32 (--evaluator reference64 keeps it)",
             values->input);
  }
  return CLI_OK;
}

static jimm_status run_plan(jimm_model *model, forward_request *request) {
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.batch = request->input.shape.dim[0];
  options.height = request->input.shape.dim[2];
  options.width = request->input.shape.dim[3];
  options.threads = (int32_t)request->values->threads;
  options.outputs = request->names;
  options.output_count = request->count;
  jimm_plan *plan = NULL;
  jimm_status status = jimm_plan_create(model, &options, &plan);
  for (int32_t i = 0; status == JIMM_OK && i < request->count; i++) {
    jimm_shape shape;
    status = jimm_plan_output_shape(plan, i, &shape);
    if (status == JIMM_OK) {
      status = jimm_tensor_create(JIMM_F32, &shape, &request->outputs[i]);
    }
  }
  if (status == JIMM_OK) {
    status = jimm_plan_run(plan, &request->input, request->outputs);
  }
  jimm_plan_close(&plan);
  return status;
}

static jimm_dtype evaluator_dtype(const forward_values *values) {
  return values->evaluator == EVALUATOR_REFERENCE64 ? JIMM_F64 : JIMM_F32;
}

static jimm_status run_model(jimm_model *model, forward_request *request) {
  if (request->values->evaluator == EVALUATOR_PLAN) {
    return run_plan(model, request);
  }
  return jimm_reference_run(model, evaluator_dtype(request->values), &request->input,
                            request->count, request->names, request->outputs);
}

static jimm_status write_outputs(forward_request *request) {
  const char *path = request->values->output;
  if (cli_has_extension(path, ".npy")) {
    return jimm_npy_write(path, &request->outputs[0]);
  }
  jimm_state *state = NULL;
  jimm_status status = jimm_state_create(&state);
  for (int32_t i = 0; status == JIMM_OK && i < request->count; i++) {
    status = jimm_state_add_owned(state, request->names[i], &request->outputs[i]);
  }
  if (status == JIMM_OK) {
    status = jimm_state_save(state, path);
  }
  jimm_state_close(&state);
  return status;
}

static int check_finite(const jimm_model *model, const char *weights, forward_request *request) {
  const int status = cli_check_tensor(&request->input, request->values->input);
  return status == CLI_OK ? cli_check_weights(model, weights) : status;
}

static int forward(const cli_source *source, forward_request *request) {
  const forward_values *values = request->values;
  jimm_model *model = NULL;
  int status = read_input(request, source->options.in_chans >= 0 ? source->options.in_chans
                                                                 : source->variant->data.channels);
  if (status == CLI_OK) {
    status = cli_source_load(source, &values->seed, values->reset_head, &model);
  }
  if (status == CLI_OK && values->check_finite) {
    status = check_finite(model, source->weights, request);
  }
  if (status == CLI_OK && run_model(model, request) != JIMM_OK) {
    status = cli_fail_library(values->input);
  }
  if (status == CLI_OK && values->check_finite) {
    status = cli_check_outputs(model, evaluator_dtype(values), &request->input, request->count,
                               request->outputs, values->input);
  }
  jimm_model_close(&model);
  if (status == CLI_OK && write_outputs(request) != JIMM_OK) {
    status = cli_fail_library(values->output);
  }
  jimm_tensor_close(&request->input);
  for (int32_t i = 0; i < OUTPUTS; i++) {
    jimm_tensor_close(&request->outputs[i]);
  }
  return status;
}

static void apply_options(const forward_values *values, jimm_model_options *options) {
  if (values->num_classes >= 0) {
    options->num_classes = values->num_classes;
  }
  if (values->in_chans >= 0) {
    options->in_chans = values->in_chans;
  }
  if (values->global_pool >= 0) {
    options->global_pool = pool_choices[values->global_pool];
  }
}

static int run(const void *values_, int count, char **arguments) {
  const forward_values *values = values_;
  int status = check_values(values, count);
  if (status != CLI_OK) {
    return status;
  }
  cli_source source;
  status = cli_source_open(count > 0 ? arguments[0] : NULL, values->weights, &source);
  if (status == CLI_OK) {
    status = cli_check_output(values->output);
  }
  if (status == CLI_OK) {
    status = cli_check_apart(values->output, values->input, "the input");
  }
  if (status == CLI_OK) {
    status = cli_check_apart(values->output, source.weights, "the weights");
  }
  if (status == CLI_OK) {
    forward_request request = {.values = values};
    bool all = values->what == WHAT_ALL;
    request.names = all ? what_choices : &what_choices[values->what];
    request.count = all ? OUTPUTS : 1;
    apply_options(values, &source.options);
    status = forward(&source, &request);
  }
  cli_source_close(&source);
  return status;
}

static const forward_values defaults = {.num_classes = CLI_UNSET,
                                        .in_chans = CLI_UNSET,
                                        .threads = JIMM_THREADS_DEFAULT,
                                        .global_pool = -1};

static const cli_option options[] = {
    {.name = "weights",
     .letter = 'w',
     .type = CLI_TEXT,
     .argument = "FILE|FOLDER",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(forward_values, weights),
     .help = "a .safetensors file, or a weights folder (MODEL may then be left out)"},
    {.name = "synthetic",
     .type = CLI_SEED,
     .argument = "SEED",
     .offset = offsetof(forward_values, seed),
     .help = "make weights from this number, of the sizes of trained ones, instead of reading any"},
    {.name = "input",
     .type = CLI_TEXT,
     .argument = "X.npy",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(forward_values, input),
     .help = "the input: float32 of shape [N, channels, height, width]; float64 is rounded to "
             "float32 except for reference64"},
    {.name = "output",
     .type = CLI_TEXT,
     .argument = "FILE",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(forward_values, output),
     .help = "where to write: one tensor to a .npy file, or tensors by name to a .safetensors "
             "file; float32, of reference64 float64"},
    {.name = "what",
     .type = CLI_CHOICE,
     .argument = "WHAT",
     .choices = what_choices,
     .offset = offsetof(forward_values, what),
     .help = "logits (default), features (the last feature map), pre_logits (what the classifier "
             "sees), or all three"},
    {.name = "num-classes",
     .type = CLI_INTEGER,
     .argument = "N",
     .minimum = 0,
     .maximum = INT32_MAX,
     .offset = offsetof(forward_values, num_classes),
     .help = "classes of the head; 0: no classifier, logits are pre_logits (default: as the tag)"},
    {.name = "in-chans",
     .type = CLI_INTEGER,
     .argument = "C",
     .minimum = 1,
     .maximum = INT32_MAX,
     .offset = offsetof(forward_values, in_chans),
     .help = "channels of the input (default 3); weights of an input convolution for 3 are adapted "
             "as timm does"},
    {.name = "global-pool",
     .type = CLI_CHOICE,
     .argument = "P",
     .choices = pool_choices,
     .offset = offsetof(forward_values, global_pool),
     .help = "avg, max, avgmax, catavgmax, or '' for none (default: the model's own)"},
    {.name = "evaluator",
     .type = CLI_CHOICE,
     .argument = "E",
     .choices = evaluator_choices,
     .offset = offsetof(forward_values, evaluator),
     .help = "plan (default): the fast one; reference or reference64: the plain one in float32 or "
             "float64, slow, one thread"},
    {.name = "threads",
     .type = CLI_INTEGER,
     .argument = "T",
     .minimum = 1,
     .maximum = JIMM_THREADS_MAX,
     .offset = offsetof(forward_values, threads),
     .help = "threads of the plan (default: the processors that this process may use)"},
    {.name = "reset-head",
     .type = CLI_FLAG,
     .offset = offsetof(forward_values, reset_head),
     .help = "drop a classifier whose size is not the one asked for and make a new, untrained one; "
             "without this, such weights are an error"},
    {.name = "check-finite",
     .type = CLI_FLAG,
     .offset = offsetof(forward_values, check_finite),
     .help = "NaN or infinity in the weights, the input or an output is an error that names the "
             "tensor and element, or the node of the graph where it begins; nothing is written"},
};

const cli_command cli_forward = {
    .arguments = "MODEL (-w FILE|FOLDER | --synthetic SEED) --input X.npy --output FILE",
    .details =
        "Runs a model on a tensor and writes what it computes. The file appears whole or not "
        "at all.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .least = 0,
    .most = 1,
    .words = {CLI_WORDS_MODEL, CLI_WORDS_NONE},
    .values_size = sizeof(forward_values),
    .defaults = &defaults,
    .run = run,
};
