/* same_bits level: the instruction-set level that JIMM_CPU leaves, by name.
 * same_bits op|image FOLDER|small|large: one line for each tensor that jimm computes,
 *
 *     NAME <tab> ELEMENTS <tab> SHAPE <tab> BITS <tab> MEAN
 *
 * where BITS is a hash of the elements' bits and MEAN the mean of their absolute values, or NAME
 * and the status with which jimm refused. scripts/same_bits.sh compares the lines of two commits,
 * so this is written against public headers alone, and makes its numbers itself.
 *
 *   op            every operator's examples, and shapes around them: reference, plans, constants
 *   image FOLDER  every file of a folder: pixels, and the tensors of several variants
 *   small         architectures of at most 30 million parameters: all outputs, fresh and adapted
 *                 weights
 *   large         the other architectures: all outputs */
#include <dirent.h>
#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm/jimm.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- numbers of our own ---- */

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size) {
  const unsigned char *byte = data;
  for (size_t i = 0; i < size; i++) {
    hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
  }
  return hash;
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* Uniform in [-1, 1), multiples of 2^-23: exact in float32. */
static void fill(jimm_tensor *tensor, const char *name, double offset, double scale) {
  uint64_t state = hash_bytes(HASH_START, name, strlen(name));
  const int64_t count = jimm_shape_count(&tensor->shape);
  for (int64_t i = 0; i < count; i++) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    const double u = ((double)(state >> 40) - 0x1p23) * 0x1p-23;
    ((float *)tensor->data)[i] = (float)(offset + scale * u);
  }
}

/* ---- lines ---- */

static void say_status(const char *name, jimm_status status) {
  printf("%s\trefused with status %d\n", name, (int)status);
}

static double mean(const jimm_tensor *tensor) {
  const int64_t count = jimm_shape_count(&tensor->shape);
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    sum += fabs(tensor->dtype == JIMM_F64   ? ((const double *)tensor->data)[i]
                : tensor->dtype == JIMM_F32 ? (double)((const float *)tensor->data)[i]
                                            : (double)((const uint8_t *)tensor->data)[i]);
  }
  return count > 0 ? sum / (double)count : 0;
}

static void say(const char *name, const jimm_tensor *tensor) {
  char shape[JIMM_SHAPE_TEXT];
  printf("%s\t%s\t%s\t%016" PRIx64 "\t%.9g\n", name, jimm_dtype_name(tensor->dtype),
         jimm_shape_format(&tensor->shape, shape, sizeof(shape)),
         hash_bytes(HASH_START, tensor->data, jimm_tensor_bytes(tensor)), mean(tensor));
}

static void give_up(const char *what) {
  fprintf(stderr, "same_bits: %s: %s\n", what, jimm_error_message());
  exit(1);
}

static char *join(const char *a, const char *b) {
  const size_t size = strlen(a) + strlen(b) + 2;
  char *text = malloc(size);
  if (text == NULL) {
    give_up("memory");
  }
  snprintf(text, size, "%s/%s", a, b);
  return text;
}

/* ---- running a model ---- */

static void run_plan(const char *name, jimm_plan *plan, const char *const *names, int32_t count,
                     const jimm_tensor *input) {
  jimm_tensor *outputs = calloc((size_t)count, sizeof(*outputs));
  for (int32_t i = 0; i < count; i++) {
    jimm_shape shape;
    if (outputs == NULL || jimm_plan_output_shape(plan, i, &shape) != JIMM_OK ||
        jimm_tensor_create(JIMM_F32, &shape, &outputs[i]) != JIMM_OK) {
      give_up(name);
    }
    /* what a kernel forgets to write must show */
    memset(outputs[i].data, 0xff, jimm_tensor_bytes(&outputs[i]));
  }
  const jimm_status status = jimm_plan_run(plan, input, outputs);
  if (status != JIMM_OK) {
    say_status(name, status);
  }
  for (int32_t i = 0; i < count; i++) {
    if (status == JIMM_OK) {
      char *line = join(name, names[i]);
      say(line, &outputs[i]);
      free(line);
    }
    jimm_tensor_close(&outputs[i]);
  }
  free(outputs);
}

/* Plans and runs all outputs of the model for an input of that shape. */
static void digest_plan(const char *name, jimm_model *model, const jimm_tensor *input,
                        int32_t threads) {
  const jimm_graph *graph = jimm_model_graph(model);
  const int32_t count = jimm_graph_output_count(graph);
  const char **names = calloc((size_t)count, sizeof(*names));
  if (names == NULL) {
    give_up(name);
  }
  for (int32_t i = 0; i < count; i++) {
    names[i] = jimm_graph_output_name(graph, i);
  }
  const jimm_shape *shape = &input->shape;
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.batch = shape->rank > 0 ? shape->dim[0] : 1;
  options.height = shape->rank == 4 ? shape->dim[2] : 1;
  options.width = shape->rank == 4 ? shape->dim[3] : 1;
  options.threads = threads;
  options.outputs = names;
  options.output_count = count;
  jimm_plan *plan = NULL;
  const jimm_status status = jimm_plan_create(model, &options, &plan);
  if (status == JIMM_OK) {
    run_plan(name, plan, names, count, input);
  } else {
    say_status(name, status);
  }
  jimm_plan_close(&plan);
  free(names);
}

/* The first output of the model as the reference evaluates it, and its shape; false when it does
 * not. */
static bool digest_reference(const char *name, const jimm_model *model, const jimm_tensor *input,
                             jimm_dtype dtype, jimm_shape *shape) {
  const char *output = jimm_graph_output_name(jimm_model_graph(model), 0);
  jimm_tensor y;
  memset(&y, 0, sizeof(y));
  const bool evaluated = jimm_reference_run(model, dtype, input, 1, &output, &y) == JIMM_OK;
  if (evaluated) {
    *shape = y.shape;
    say(name, &y);
  }
  jimm_tensor_close(&y);
  return evaluated;
}

/* ---- architectures ---- */

/* Parameters of what is small, and of what is also run with adapted weights. */
#define SMALL 30000000
#define TINY 16000000

static const char *part_of(const jimm_arch *arch) {
  return arch->params <= SMALL ? "small" : "large";
}

typedef struct image_case {
  const char *name;
  int64_t channels, stride, classes;
  int64_t batch, height, width;
  int32_t threads;
} image_case;

static void digest_image_case(const jimm_arch *arch, const image_case *c, jimm_model *model) {
  char name[192];
  snprintf(name, sizeof(name), "%s/%s/%s", part_of(arch), arch->name, c->name);
  jimm_shape shape;
  memset(&shape, 0, sizeof(shape));
  shape.rank = 4;
  shape.dim[0] = c->batch;
  shape.dim[1] = c->channels;
  shape.dim[2] = c->height;
  shape.dim[3] = c->width;
  jimm_tensor input;
  if (jimm_tensor_create(JIMM_F32, &shape, &input) != JIMM_OK) {
    give_up(name);
  }
  fill(&input, name, 0, 2);
  digest_plan(name, model, &input, c->threads);
  jimm_tensor_close(&input);
}

static void digest_state(const jimm_arch *arch, const char *what, const jimm_state *state) {
  uint64_t hash = HASH_START;
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const jimm_tensor *tensor = jimm_state_tensor(state, i);
    hash = hash_bytes(hash, jimm_state_name(state, i), strlen(jimm_state_name(state, i)));
    hash = hash_bytes(hash, tensor->data, jimm_tensor_bytes(tensor));
  }
  printf("%s/%s/%s\t%" PRId64 " tensors\t%016" PRIx64 "\n", part_of(arch), arch->name, what,
         jimm_state_count(state), hash);
}

/* Weights of 3 channels and the tag's classes bound to a graph of other numbers, dilated. */
static void digest_adapted(const jimm_model_name *name, const jimm_graph *graph) {
  static const image_case gray = {"gray, stride 8", 1, 8, 10, 1, 64, 64, 1};
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.in_chans = gray.channels;
  options.output_stride = gray.stride;
  options.num_classes = gray.classes;
  jimm_weights_options weights = JIMM_WEIGHTS_OPTIONS_INIT;
  weights.reset_head = true;
  jimm_graph *other = NULL;
  jimm_state *state = NULL;
  jimm_state *fresh = NULL;
  jimm_model *model = NULL;
  if (jimm_state_synthetic(graph, 1, &state) != JIMM_OK ||
      jimm_state_init(name->family, graph, 1, &fresh) != JIMM_OK ||
      jimm_graph_build(name, &options, &other) != JIMM_OK ||
      jimm_model_create(other, state, &weights, &model) != JIMM_OK) {
    give_up(name->arch->name);
  }
  digest_state(name->arch, "synthetic", state);
  digest_state(name->arch, "init", fresh);
  digest_image_case(name->arch, &gray, model);
  jimm_model_close(&model);
  jimm_state_close(&fresh);
  jimm_state_close(&state);
  jimm_graph_close(&other);
}

static void digest_arch(const jimm_arch *arch) {
  static const image_case cases[] = {
      {"odd", 3, 32, -1, 2, 75, 91, 2},
      {"even", 3, 32, -1, 1, 64, 128, 1},
  };
  jimm_model_name name;
  jimm_graph *graph = NULL;
  jimm_model *model = NULL;
  if (jimm_model_find(arch->name, &name) != JIMM_OK ||
      jimm_graph_build(&name, NULL, &graph) != JIMM_OK ||
      jimm_model_create_synthetic(graph, 1, &model) != JIMM_OK) {
    give_up(arch->name);
  }
  for (size_t i = 0; i < COUNT(cases); i++) {
    digest_image_case(arch, &cases[i], model);
  }
  jimm_model_close(&model);
  if (arch->params <= TINY) {
    digest_adapted(&name, graph);
  }
  jimm_graph_close(&graph);
  malloc_trim(0);
  fflush(stdout);
}

static void digest_archs(const char *part) {
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; a < family->arch_count; a++) {
      if (strcmp(part, part_of(&family->archs[a])) == 0) {
        digest_arch(&family->archs[a]);
      }
    }
  }
}

/* ---- operators ---- */

/* One evaluation: an operator, its attributes and the shapes of its inputs. */
typedef struct op_case {
  const jimm_op *op;
  const jimm_op_example *example;
  jimm_shape *inputs;
  char name[256];
} op_case;

static jimm_tensor op_input(const op_case *c, int32_t index) {
  jimm_tensor tensor;
  char name[300];
  const jimm_op_fill *fills = c->example->fills;
  jimm_op_fill f = {0, 0};
  if (fills != NULL) {
    f = fills[index];
  }
  if (f.offset == 0 && f.scale == 0) {
    f.scale = 1;
  }
  snprintf(name, sizeof(name), "%s/%d", c->name, (int)index);
  if (jimm_tensor_create(JIMM_F32, &c->inputs[index], &tensor) != JIMM_OK) {
    give_up(name);
  }
  fill(&tensor, name, f.offset, f.scale);
  return tensor;
}

static jimm_value op_parameter(const op_case *c, int32_t index, jimm_graph *graph,
                               jimm_state *state) {
  char name[32];
  snprintf(name, sizeof(name), "p%d", (int)index);
  const jimm_parameter_attrs attrs = {.shape = c->inputs[index], .dtype = JIMM_F32};
  jimm_tensor tensor = op_input(c, index);
  if (jimm_state_add_owned(state, name, &tensor) != JIMM_OK) {
    give_up(c->name);
  }
  return jimm_graph_parameter(graph, name, &attrs);
}

/* y = op(x, p1, p2, ...), or with `sum`, an input of y's shape, y = sum + op(p0, p1, ...), whose
 * second addend is constant. NULL when the operator does not take the shapes. */
static jimm_model *op_model(const op_case *c, const jimm_shape *sum) {
  const int32_t count = c->example->input_count;
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  jimm_value *inputs = calloc((size_t)count + 1, sizeof(*inputs));
  if (inputs == NULL || jimm_graph_create(&graph) != JIMM_OK ||
      jimm_state_create(&state) != JIMM_OK) {
    give_up(c->name);
  }
  const jimm_input_attrs attrs = {.shape = sum != NULL ? *sum : c->inputs[0], .dtype = JIMM_F32};
  const jimm_value x = jimm_graph_input(graph, "x", &attrs);
  for (int32_t i = 0; i < count; i++) {
    inputs[i] = c->inputs[i].rank < 0   ? JIMM_NO_VALUE
                : i == 0 && sum == NULL ? x
                                        : op_parameter(c, i, graph, state);
  }
  jimm_value y = jimm_graph_add(graph, c->op->name, "op", c->example->attrs, count, inputs);
  if (sum != NULL) {
    const jimm_value terms[] = {x, y};
    y = jimm_graph_add(graph, "add", "sum", NULL, 2, terms);
  }
  jimm_graph_output(graph, "y", y);
  if (jimm_graph_finish(graph) == JIMM_OK) {
    (void)jimm_model_create(graph, state, NULL, &model);
  }
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  free(inputs);
  return model;
}

static void digest_constant(const op_case *c, const jimm_shape *shape) {
  char name[320];
  snprintf(name, sizeof(name), "%s/constant", c->name);
  jimm_model *model = op_model(c, shape);
  jimm_tensor x;
  if (model == NULL || jimm_tensor_create(JIMM_F32, shape, &x) != JIMM_OK) {
    give_up(name);
  }
  digest_plan(name, model, &x, 1);
  jimm_tensor_close(&x);
  jimm_model_close(&model);
}

static void digest_plan_of(const op_case *c, jimm_model *model, const jimm_tensor *x,
                           int32_t threads) {
  char name[320];
  snprintf(name, sizeof(name), "%s/%d", c->name, (int)threads);
  digest_plan(name, model, x, threads);
}

/* The example itself in every way, other shapes by the reference and one plan. Shapes that do not
 * fit make no line. */
static void digest_op(const op_case *c, bool itself) {
  char name[320];
  jimm_shape shape;
  jimm_model *model = op_model(c, NULL);
  if (model == NULL) {
    return;
  }
  jimm_tensor x = op_input(c, 0);
  snprintf(name, sizeof(name), "%s/f64", c->name);
  if (digest_reference(name, model, &x, JIMM_F64, &shape)) {
    digest_plan_of(c, model, &x, 1);
    if (itself) {
      digest_plan_of(c, model, &x, 3);
      digest_constant(c, &shape);
      snprintf(name, sizeof(name), "%s/f32", c->name);
      (void)digest_reference(name, model, &x, JIMM_F32, &shape);
    }
  }
  jimm_tensor_close(&x);
  jimm_model_close(&model);
}

/* Every dimension of size `from` becomes `to`: shapes around the widths of vectors and tiles. */
static void digest_resized(const jimm_op *op, const jimm_op_example *example, int64_t from,
                           int64_t to) {
  op_case c = {.op = op, .example = example};
  int64_t elements = 0;
  bool found = false;
  c.inputs = calloc((size_t)example->input_count + 1, sizeof(*c.inputs));
  if (c.inputs == NULL) {
    give_up(op->name);
  }
  for (int32_t i = 0; i < example->input_count; i++) {
    c.inputs[i] = example->inputs[i];
    for (int32_t d = 0; d < c.inputs[i].rank; d++) {
      if (c.inputs[i].dim[d] == from) {
        c.inputs[i].dim[d] = to;
        found = true;
      }
    }
    elements += c.inputs[i].rank < 0 ? 0 : jimm_shape_count(&c.inputs[i]);
  }
  if (from == to) {
    snprintf(c.name, sizeof(c.name), "op/%s/%s", op->name, example->name);
    digest_op(&c, true);
  } else if (found && elements <= 60000) {
    snprintf(c.name, sizeof(c.name), "op/%s/%s, %d for %d", op->name, example->name, (int)to,
             (int)from);
    digest_op(&c, false);
  }
  free(c.inputs);
}

static bool seen_before(const jimm_op_example *example, int32_t input, int32_t dim) {
  for (int32_t i = 0; i <= input; i++) {
    for (int32_t d = 0; d < (i == input ? dim : example->inputs[i].rank); d++) {
      if (example->inputs[i].dim[d] == example->inputs[input].dim[dim]) {
        return true;
      }
    }
  }
  return false;
}

static void digest_example(const jimm_op *op, const jimm_op_example *example) {
  static const int64_t sizes[] = {1, 3, 17, 33, 64};
  digest_resized(op, example, -1, -1);
  for (int32_t i = 0; i < example->input_count; i++) {
    for (int32_t d = 0; d < example->inputs[i].rank; d++) {
      for (size_t s = 0; s < COUNT(sizes) && !seen_before(example, i, d); s++) {
        if (example->inputs[i].dim[d] != sizes[s]) {
          digest_resized(op, example, example->inputs[i].dim[d], sizes[s]);
        }
      }
    }
  }
}

static void digest_ops(void) {
  for (int32_t i = 0; i < jimm_op_count(); i++) {
    const jimm_op *op = jimm_op_at(i);
    for (int32_t e = 0; e < op->example_count; e++) {
      digest_example(op, &op->examples[e]);
    }
    fflush(stdout);
  }
}

/* ---- images ---- */

/* Bilinear and bicubic, cropped and squashed, small and large. */
static const char *const image_models[] = {"resnet50.tv_in1k", "resnet50.a1_in1k",
                                           "convnext_tiny.fb_in22k", "resnetv2_50x1_bit.goog_in21k",
                                           "convnext_base.clip_laion2b_augreg_ft_in12k_in1k_384"};

static void digest_preprocessed(const char *file, const jimm_image *image) {
  for (size_t i = 0; i < COUNT(image_models); i++) {
    jimm_model_name model;
    jimm_tensor tensor;
    char name[512];
    if (jimm_model_find(image_models[i], &model) != JIMM_OK) {
      give_up(image_models[i]);
    }
    const jimm_data_config config = jimm_variant_data(model.variant, false);
    jimm_shape shape;
    memset(&shape, 0, sizeof(shape));
    shape.rank = 3;
    shape.dim[0] = 3;
    shape.dim[1] = config.height;
    shape.dim[2] = config.width;
    if (jimm_tensor_create(JIMM_F32, &shape, &tensor) != JIMM_OK) {
      give_up(file);
    }
    snprintf(name, sizeof(name), "image/%s/%s", file, image_models[i]);
    const jimm_status status = jimm_image_preprocess(image, &config, &tensor);
    if (status == JIMM_OK) {
      say(name, &tensor);
    } else {
      say_status(name, status);
    }
    jimm_tensor_close(&tensor);
  }
}

static void digest_image(const char *folder, const char *file) {
  char name[512];
  char *path = join(folder, file);
  jimm_image image = {0};
  snprintf(name, sizeof(name), "image/%s", file);
  const jimm_status status = jimm_image_read(path, NULL, &image);
  if (status != JIMM_OK) {
    say_status(name, status);
  } else {
    printf("%s\t%" PRId64 " x %" PRId64 "\t%016" PRIx64 "\n", name, image.width, image.height,
           hash_bytes(HASH_START, image.data, (size_t)(3 * image.width * image.height)));
    digest_preprocessed(file, &image);
  }
  jimm_image_close(&image);
  free(path);
}

static void digest_images(const char *folder) {
  struct dirent **entries = NULL;
  const int count = scandir(folder, &entries, NULL, alphasort);
  if (count < 0) {
    give_up(folder);
  }
  for (int i = 0; i < count; i++) {
    if (entries[i]->d_name[0] != '.') {
      digest_image(folder, entries[i]->d_name);
    }
    free(entries[i]);
  }
  free(entries);
}

int main(int argc, char **argv) {
  const char *part = argc > 1 ? argv[1] : "";
  if (strcmp(part, "level") == 0 && argc == 2) {
    puts(jimm_isa_name(jimm_cpu_isa()));
  } else if (strcmp(part, "op") == 0 && argc == 2) {
    digest_ops();
  } else if (strcmp(part, "image") == 0 && argc == 3) {
    digest_images(argv[2]);
  } else if ((strcmp(part, "small") == 0 || strcmp(part, "large") == 0) && argc == 2) {
    digest_archs(part);
  } else {
    fputs("usage: same_bits level | op | image FOLDER | small | large\n", stderr);
    return 2;
  }
  return fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : 1;
}
