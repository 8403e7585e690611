/* jimm predict */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ahead.h"
#include "cli.h"
#include "progress.h"

/* With fewer images than this nobody needs to see progress. */
enum { PROGRESS_LEAST = 8 };

typedef struct predict_values {
  const char *model, *weights;
  int64_t k, threads, num_classes;
  bool json, test_size, check_finite;
} predict_values;

/* A model made ready for one image at a time. */
typedef struct image_predictor {
  const predict_values *values;
  cli_source source;
  jimm_data_config data;
  jimm_model *model;
  jimm_plan_options options;
  jimm_plan *plan;
  int workers; /* threads that classify one image each; 0: the plan has them all */
  cli_ahead *ahead;
  int64_t classes, k;
  jimm_top *top;
  size_t printed; /* elements of the JSON array */
  size_t done;    /* images, whether they could be classified or not */
  size_t total;   /* images known so far; a folder not yet opened counts as one */
  bool progress;
  double start;
} image_predictor;

static int find_classes(image_predictor *predictor) {
  jimm_shape logits;
  if (jimm_plan_output_shape(predictor->plan, 0, &logits) != JIMM_OK) {
    return cli_fail_library(NULL);
  }
  predictor->classes = jimm_shape_count(&logits);
  predictor->k =
      predictor->values->k < predictor->classes ? predictor->values->k : predictor->classes;
  predictor->top = calloc((size_t)predictor->k, sizeof *predictor->top);
  return predictor->top == NULL ? cli_fail_memory() : CLI_OK;
}

static int make_plan(image_predictor *predictor) {
  const predict_values *values = predictor->values;
  int status = cli_source_load(&predictor->source, &(cli_seed){false, 0}, false, &predictor->model);
  if (status == CLI_OK && values->check_finite) {
    status = cli_check_weights(predictor->model, predictor->source.weights);
  }
  jimm_plan_options *options = &predictor->options;
  *options = (jimm_plan_options)JIMM_PLAN_OPTIONS_INIT;
  options->height = predictor->data.height;
  options->width = predictor->data.width;
  options->threads = predictor->workers > 0 ? 1 : (int32_t)values->threads;
  if (status == CLI_OK &&
      jimm_plan_create(predictor->model, options, &predictor->plan) != JIMM_OK) {
    status = cli_fail_library(predictor->source.name->arch->name);
  }
  return status;
}

static int open_predictor(image_predictor *predictor) {
  const predict_values *values = predictor->values;
  cli_source *source = &predictor->source;
  int status = cli_source_open(values->model, values->weights, CLI_NEED_WEIGHTS, source);
  if (status != CLI_OK) {
    return status;
  }
  if (values->num_classes >= 0) {
    source->options.num_classes = values->num_classes;
  }
  predictor->data = jimm_variant_data(source->name->variant, values->test_size);
  if (cli_source_classes(source) == 0) {
    char name[CLI_NAME_SIZE];
    return cli_fail(
        "%s: this model has no classifier, so it cannot name classes; 'jimm forward' "
        "gives its features",
        cli_variant_name(source->name->arch, source->name->variant, name));
  }
  if (predictor->data.channels != 3 ||
      (source->options.in_chans >= 0 && source->options.in_chans != 3)) {
    return cli_fail("%s: expected a model that takes 3 channels, got %lld",
                    source->name->arch->name,
                    (long long)(source->options.in_chans >= 0 ? source->options.in_chans
                                                              : predictor->data.channels));
  }
  status = make_plan(predictor);
  if (status == CLI_OK) {
    status = find_classes(predictor);
  }
  return status;
}

static void close_predictor(image_predictor *predictor) {
  cli_ahead_close(&predictor->ahead);
  free(predictor->top);
  jimm_plan_close(&predictor->plan);
  jimm_model_close(&predictor->model);
  cli_source_close(&predictor->source);
}

static void print_text(const image_predictor *predictor, const char *path) {
  cli_put_text(stdout, path, false);
  putchar('\n');
  for (int64_t i = 0; i < predictor->k; i++) {
    const jimm_top *top = &predictor->top[i];
    const char *synset = NULL;
    const char *name = cli_source_label(&predictor->source, top->index, &synset);
    printf("  %.6f  %5lld%s", (double)top->probability, (long long)top->index,
           name == NULL ? "" : "  ");
    cli_put_text(stdout, name == NULL ? "" : name, false);
    putchar('\n');
  }
}

static json_t *make_json(const image_predictor *predictor, const char *path) {
  json_t *list = json_array();
  for (int64_t i = 0; i < predictor->k; i++) {
    const jimm_top *top = &predictor->top[i];
    const char *synset = NULL;
    const char *name = cli_source_label(&predictor->source, top->index, &synset);
    json_t *object = json_object();
    cli_json_set(&object, "index", json_integer(top->index));
    cli_json_set(&object, "label", cli_json_text(name));
    if (synset != NULL) {
      cli_json_set(&object, "synset", cli_json_text(synset));
    }
    cli_json_set(&object, "logit", cli_json_float(top->logit));
    cli_json_set(&object, "probability", cli_json_float(top->probability));
    cli_json_append(&list, object);
  }
  json_t *result = json_object();
  cli_json_set(&result, "file", cli_json_text(path));
  cli_json_set(&result, "top", list);
  return result;
}

static bool all_finite(const jimm_tensor *tensor) {
  const float *values = tensor->data;
  int64_t count = jimm_shape_count(&tensor->shape);
  for (int64_t i = 0; i < count; i++) {
    if (!isfinite(values[i])) {
      return false;
    }
  }
  return true;
}

/* Prints what the model says of an image. */
static int predict_image(image_predictor *predictor, const cli_ready *ready) {
  const char *path = ready->path;
  if (ready->status != JIMM_OK) {
    jimm_fail(ready->status, "%s", ready->message == NULL ? "out of memory" : ready->message);
    return cli_fail_library(path);
  }
  if (predictor->values->check_finite &&
      (cli_check_tensor(ready->input, path) != CLI_OK ||
       cli_check_outputs(predictor->model, JIMM_F32, ready->input, 1, ready->logits, path) !=
           CLI_OK)) {
    return CLI_FAILED;
  }
  if (!all_finite(ready->logits)) {
    return cli_fail(
        "%s: the logits are not all finite numbers; the weights %s are damaged, or do "
        "not fit in float32 (--check-finite says where)",
        path, predictor->source.weights);
  }
  jimm_top_k(ready->logits->data, predictor->classes, predictor->k, predictor->top);
  if (predictor->values->json) {
    int status = cli_json_print_element(make_json(predictor, path), predictor->printed == 0);
    predictor->printed += status == CLI_OK;
    return status;
  }
  print_text(predictor, path);
  return CLI_OK;
}

/* Progress appears only where nothing else is printed: the results go to a file or a pipe. */
static void show_progress(const image_predictor *predictor) {
  const double passed = cli_now() - predictor->start;
  const size_t done = predictor->done;
  const size_t total = predictor->total;
  if (!predictor->progress || total < PROGRESS_LEAST || done == 0 || passed <= 0) {
    return;
  }
  const double rate = (double)done / passed;
  char line[CLI_PROGRESS_LINE];
  const char *lines[] = {line};
  snprintf(line, sizeof line, "%zu of %zu images, %.1f a second, %.0f s left", done, total, rate,
           (double)(total - done) / rate);
  cli_progress_draw(lines, 1);
}

/* The oldest image of the queue. */
static int predict_oldest(image_predictor *predictor) {
  cli_ready ready = cli_ahead_take(predictor->ahead);
  cli_progress_clear();
  int status = predict_image(predictor, &ready);
  cli_ahead_drop(predictor->ahead);
  predictor->done++;
  show_progress(predictor);
  return status;
}

/* Takes images until there is room for another (`all`: until none is left). A stdout that cannot
 * be written ends it. */
static int make_room(image_predictor *predictor, bool all) {
  int status = CLI_OK;
  while (!ferror(stdout) &&
         (all ? !cli_ahead_empty(predictor->ahead) : cli_ahead_full(predictor->ahead))) {
    if (predict_oldest(predictor) != CLI_OK) {
      status = CLI_FAILED;
    }
  }
  return status;
}

static int predict_paths(image_predictor *predictor, size_t count, char **paths) {
  int status = CLI_OK;
  for (size_t i = 0; i < count && !ferror(stdout); i++) {
    if (make_room(predictor, false) != CLI_OK) {
      status = CLI_FAILED;
    }
    if (!cli_ahead_full(predictor->ahead)) {
      cli_ahead_put(predictor->ahead, paths[i]);
    }
  }
  return status;
}

/* The queue is emptied before a folder is opened and after its last image: messages stay in the
 * order of the arguments, and the names live as long as the queue needs them. */
static int predict_folder(image_predictor *predictor, const char *path) {
  char **names = NULL;
  size_t count = 0;
  int status = cli_folder_images(path, &names, &count);
  predictor->total = predictor->total - 1 + count; /* the argument stood for one */
  if (status == CLI_OK) {
    status = predict_paths(predictor, count, names);
  }
  if (make_room(predictor, true) != CLI_OK) {
    status = CLI_FAILED;
  }
  if (ferror(stdout)) { /* threads may still hold names */
    cli_ahead_close(&predictor->ahead);
  }
  cli_folder_images_free(names, count);
  return status;
}

static int predict_arguments(image_predictor *predictor, int count, char **arguments) {
  int status = CLI_OK;
  bool stdin_used = false;
  for (int i = 0; i < count && !ferror(stdout); i++) {
    char *path = arguments[i];
    bool is_stdin = strcmp(path, "-") == 0;
    bool again = is_stdin && stdin_used;
    bool is_folder = !is_stdin && cli_is_folder(path);
    stdin_used = stdin_used || is_stdin;
    int one = CLI_OK;
    if ((again || is_folder) && make_room(predictor, true) != CLI_OK) {
      status = CLI_FAILED;
    }
    if (again) {
      predictor->total--;
      cli_progress_clear();
      one = cli_fail("-: standard input was read already; it can be given once");
    } else if (is_folder && !ferror(stdout)) {
      one = predict_folder(predictor, path);
    } else if (!is_folder) {
      one = predict_paths(predictor, 1, &arguments[i]);
    }
    status = one == CLI_OK ? status : CLI_FAILED;
  }
  return status;
}

static int predict_all(image_predictor *predictor, int count, char **arguments) {
  const cli_work work = {&predictor->data, predictor->model, &predictor->options, predictor->plan};
  predictor->ahead = cli_ahead_open(&work, predictor->workers);
  if (predictor->ahead == NULL) {
    return cli_fail_memory();
  }
  predictor->total = (size_t)count;
  predictor->progress = cli_progress_wanted() && !isatty(STDOUT_FILENO);
  predictor->start = cli_now();
  int status = predict_arguments(predictor, count, arguments);
  if (predictor->ahead != NULL && make_room(predictor, true) != CLI_OK) {
    status = CLI_FAILED;
  }
  cli_progress_clear();
  if (predictor->printed > 0) {
    fputs("\n]\n", stdout);
  }
  return status;
}

/* One image gets all threads, so that the answer comes soon; of several, each thread takes its own:
 * nothing is split, nobody waits. */
static int count_workers(const image_predictor *predictor, int count, char **arguments) {
  int64_t threads = predictor->values->threads;
  int most = jimm_default_threads() < CLI_WORKERS_MAX ? jimm_default_threads() : CLI_WORKERS_MAX;
  bool several = count > 1 || (strcmp(arguments[0], "-") != 0 && cli_is_folder(arguments[0]));
  return !several ? 0 : threads > 0 && threads < most ? (int)threads : most;
}

static int run(const void *values_, int count, char **arguments) {
  image_predictor predictor = {.values = values_};
  if (predictor.values->weights == NULL && predictor.values->model == NULL) {
    return cli_usage(
        "a model is needed: -m MODEL, whose weights come from the hub; or -w FILE together with "
        "-m MODEL; or -w FOLDER with config.json and the weights");
  }
  predictor.workers = count_workers(&predictor, count, arguments);
  int status = open_predictor(&predictor);
  if (status == CLI_OK) {
    status = predict_all(&predictor, count, arguments);
  }
  close_predictor(&predictor);
  return status;
}

static const predict_values defaults = {
    .k = 5, .threads = JIMM_THREADS_DEFAULT, .num_classes = CLI_UNSET};

static const cli_option options[] = {
    {.name = "model",
     .letter = 'm',
     .type = CLI_TEXT,
     .argument = "MODEL",
     .words = CLI_WORDS_MODEL,
     .offset = offsetof(predict_values, model),
     .help = "the model; without -w its released weights are downloaded, or taken from the cache; "
             "hf://NAMESPACE/NAME[@REVISION]: any repository in timm's format"},
    {.name = "weights",
     .letter = 'w',
     .type = CLI_TEXT,
     .argument = "FILE|FOLDER",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(predict_values, weights),
     .help =
         "a safetensors file, a PyTorch checkpoint, or a weights folder (config.json and weights), "
         "which also says which model, preprocessing and labels to use"},
    {.name = "top",
     .letter = 'k',
     .type = CLI_INTEGER,
     .argument = "K",
     .minimum = 1,
     .maximum = INT32_MAX,
     .offset = offsetof(predict_values, k),
     .help = "how many classes to print for an image (default 5; at most all of them)"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(predict_values, json),
     .help =
         "print one JSON array with an object {file, top: [{index, label, synset, "
         "logit, probability}]} for each image that could be classified; nothing when none could"},
    {.name = "test-size",
     .type = CLI_FLAG,
     .offset = offsetof(predict_values, test_size),
     .help = "use the model's larger test input size and crop, if timm has them"},
    {.name = "check-finite",
     .type = CLI_FLAG,
     .offset = offsetof(predict_values, check_finite),
     .help = "NaN or infinity in the weights, an image's tensor or its logits is an error that "
             "names the tensor and element, or the node of the graph where it begins"},
    {.name = "threads",
     .type = CLI_INTEGER,
     .argument = "T",
     .minimum = 1,
     .maximum = JIMM_THREADS_MAX,
     .offset = offsetof(predict_values, threads),
     .help =
         "threads (default: the processors that this process may use); one image is shared among "
         "them, of several images each takes its own (at most one a processor)"},
    {.name = "num-classes",
     .type = CLI_INTEGER,
     .argument = "N",
     .minimum = 0,
     .maximum = INT32_MAX,
     .offset = offsetof(predict_values, num_classes),
     .help = "the number of classes of the weights, where it is not the model's own"},
};

const cli_command cli_predict = {
    .arguments = "-w FILE|FOLDER [-m MODEL] IMAGE...",
    .details =
        "Classifies images: for each its name, then the most probable classes as "
        "probability, index and label.\n"
        "IMAGE is a PNG, JPEG, WebP, PPM or PGM file, '-' for standard input, or a folder, of "
        "which the files ending in .png .jpg .jpeg .webp .ppm .pgm are taken in sorted order; "
        "folders inside it are not searched. An image that fails is reported, the others "
        "go on. Control characters in names and labels are printed as \\xNN.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .least = 1,
    .most = -1,
    .words = {CLI_WORDS_FILE, CLI_WORDS_FILE},
    .values_size = sizeof(predict_values),
    .defaults = &defaults,
    .run = run,
};
