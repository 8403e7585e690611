/* jimm forward */
#include <string.h>

#include "cli.h"
#include "model_options.h"

enum { WHAT_PYRAMID = 3, WHAT_ALL = 4, SINGLE_OUTPUTS = 3 };
static const char *const what_choices[] = {"logits",  "features", "pre_logits",
                                           "pyramid", "all",      NULL};

/* The three outputs by name, and as many taps of a pyramid as anybody will ask for. */
enum { TAPS_MOST = 61, OUTPUTS_MOST = SINGLE_OUTPUTS + TAPS_MOST };

enum { EVALUATOR_PLAN = 0, EVALUATOR_REFERENCE = 1, EVALUATOR_REFERENCE64 = 2 };
static const char *const evaluator_choices[] = {"plan", "reference", "reference64", NULL};

typedef struct forward_values {
  const char *weights, *input, *output, *out_indices;
  cli_seed seed;
  cli_model_options model;
  int64_t threads;
  int32_t what, evaluator;
  bool reset_head, check_finite;
} forward_values;

/* What is asked for, as the library wants it. */
typedef struct forward_request {
  const forward_values *values;
  int64_t taps[TAPS_MOST]; /* --out-indices */
  int32_t tap_count;       /* 0: all */
  const char *names[OUTPUTS_MOST];
  int32_t count;
  jimm_tensor input;
  jimm_tensor outputs[OUTPUTS_MOST];
} forward_request;

/* "1,2,-1" */
static int read_indices(const char *text, forward_request *request) {
  char word[24];
  for (const char *at = text;;) {
    size_t length = strcspn(at, ",");
    if (length == 0 || length >= sizeof word || request->tap_count == TAPS_MOST) {
      return cli_usage("option --out-indices: expected indices as in 1,2,-1, got '%s'", text);
    }
    memcpy(word, at, length);
    word[length] = 0;
    if (!cli_read_integer(word, &request->taps[request->tap_count++])) {
      return cli_usage("option --out-indices: expected an integer, got '%s'", word);
    }
    if (at[length] == 0) {
      return CLI_OK;
    }
    at += length + 1;
  }
}

/* The names of the outputs that are asked for; they are the graph's. */
static int name_outputs(const jimm_graph *graph, forward_request *request) {
  int32_t what = request->values->what;
  int32_t taps = jimm_graph_feature_count(graph);
  if (what < SINGLE_OUTPUTS) {
    request->names[request->count++] = what_choices[what];
    return CLI_OK;
  }
  for (int32_t i = 0; what == WHAT_ALL && i < SINGLE_OUTPUTS; i++) {
    request->names[request->count++] = what_choices[i];
  }
  int32_t asked = request->tap_count > 0 ? request->tap_count : taps;
  if (asked == 0 || asked > TAPS_MOST) {
    return cli_fail("option --what: this model has %d feature maps, expected 1 to %d", (int)asked,
                    (int)TAPS_MOST);
  }
  for (int32_t i = 0; i < asked; i++) {
    int64_t index = request->tap_count > 0 ? request->taps[i] : i;
    const jimm_feature_info *tap =
        index < -taps || index >= taps ? NULL : jimm_graph_feature(graph, (int32_t)index);
    if (tap == NULL) {
      return cli_usage("option --out-indices: expected indices from %d to %d, got %lld", -(int)taps,
                       (int)taps - 1, (long long)index);
    }
    for (int32_t k = 0; k < request->count; k++) {
      if (request->names[k] == tap->output) {
        return cli_usage("option --out-indices: index %lld is given twice", (long long)index);
      }
    }
    request->names[request->count++] = tap->output;
  }
  return CLI_OK;
}

static int check_values(const forward_values *values, int count, int32_t taps) {
  if (values->input == NULL || values->output == NULL) {
    return cli_usage("option --%s is missing", values->input == NULL ? "input" : "output");
  }
  bool npy = cli_has_extension(values->output, ".npy");
  if (!npy && !cli_has_extension(values->output, ".safetensors")) {
    return cli_usage("option --output: expected a file ending in .npy or .safetensors, got '%s'",
                     values->output);
  }
  if (values->out_indices != NULL && values->what != WHAT_PYRAMID) {
    return cli_usage("option --out-indices: only --what pyramid has indices");
  }
  if (npy && (values->what == WHAT_ALL || (values->what == WHAT_PYRAMID && taps != 1))) {
    return cli_usage(
        "option --output: a .npy file holds one tensor; expected a .safetensors file "
        "with --what %s, got '%s'",
        what_choices[values->what], values->output);
  }
  if (values->weights != NULL && values->seed.given) {
    return cli_usage("expected either -w FILE or --synthetic SEED, got both");
  }
  if (values->seed.given && values->reset_head) {
    return cli_usage("option --reset-head: synthetic weights have no head to reset");
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
  int status =
      read_input(request, source->options.in_chans >= 0 ? source->options.in_chans
                                                        : source->name->variant->data.channels);
  if (status == CLI_OK) {
    status = cli_source_load(source, &values->seed, values->reset_head, &model);
  }
  if (status == CLI_OK) {
    status = name_outputs(jimm_model_graph(model), request);
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
  if (status == CLI_OK && write_outputs(request) != JIMM_OK) {
    status = cli_fail_library(values->output);
  }
  jimm_model_close(&model); /* the names are its graph's */
  jimm_tensor_close(&request->input);
  for (int32_t i = 0; i < OUTPUTS_MOST; i++) {
    jimm_tensor_close(&request->outputs[i]);
  }
  return status;
}

static int run(const void *values_, int count, char **arguments) {
  const forward_values *values = values_;
  forward_request request = {.values = values};
  int status = values->out_indices != NULL ? read_indices(values->out_indices, &request) : CLI_OK;
  if (status == CLI_OK) {
    status = check_values(values, count, request.tap_count);
  }
  if (status != CLI_OK) {
    return status;
  }
  cli_source source;
  status = cli_source_open(count > 0 ? arguments[0] : NULL, values->weights,
                           values->seed.given ? CLI_NEED_NAME : CLI_NEED_WEIGHTS, &source);
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
    cli_apply_model_options(&values->model, &source.options);
    status = forward(&source, &request);
  }
  cli_source_close(&source);
  return status;
}

static const forward_values defaults = {.threads = JIMM_THREADS_DEFAULT, .model =
#include "model_unset.h"
};

static const cli_option options[] = {
    {.name = "weights",
     .letter = 'w',
     .type = CLI_TEXT,
     .argument = "FILE|FOLDER",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(forward_values, weights),
     .help = "a safetensors file, a PyTorch checkpoint, a weights folder, or hf://NAMESPACE/NAME "
             "(with the last two MODEL may be left out); default: what timm has released"},
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
             "sees), pyramid (feature maps of falling size, feat_01 and so on, as timm's "
             "features_only gives them), or all"},
    {.name = "out-indices",
     .type = CLI_TEXT,
     .argument = "I,J,...",
     .offset = offsetof(forward_values, out_indices),
     .help = "which maps of the pyramid: 0 is feat_01, -1 is the last (default: all of them)"},
#define CLI_MODEL_VALUES forward_values
#include "model_rows.h"
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
