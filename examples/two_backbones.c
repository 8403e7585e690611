/* Two image encoders of timm in one network, each with a head of its own: built, saved, loaded and
 * run. `two_backbones [WEIGHTS.safetensors]` writes its weights there (default: two_backbones.
 * safetensors) and reads them back.
 *
 *     image -+- a.backbone (resnet18) ------ a.head: 10 classes     "logits"
 *            +- b.backbone (convnext_atto) - b.head: a score        "score"
 *
 * The names are a choice of this program: they become the names of the tensors in the file, such as
 * "a.backbone.layer1.0.conv1.weight". */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jimm/jimm.h>

#define SIZE 64 /* pixels of the image, each way */

/* The library never prints: a call that fails leaves a message, and the caller decides. */
#define TRY(call)            \
  do {                       \
    jimm_status try_ = call; \
    if (try_ != JIMM_OK) {   \
      return try_;           \
    }                        \
  } while (0)

static const struct {
  const char *scope, *model;
} parts[] = {{"a.backbone", "resnet18"}, {"b.backbone", "convnext_atto"}};

/* ---- the network ---- */

/* A linear layer "NAME" with the parameters "NAME.weight" and "NAME.bias". */
static jimm_value linear(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                         int64_t out) {
  const jimm_parameter_attrs weight = {.shape = {2, {out, in}}, .dtype = JIMM_F32};
  const jimm_parameter_attrs bias = {.shape = {1, {out}}, .dtype = JIMM_F32};
  jimm_value inputs[3] = {x};
  jimm_graph_push(graph, "%s", name);
  inputs[1] = jimm_graph_parameter(graph, "weight", &weight);
  inputs[2] = jimm_graph_parameter(graph, "bias", &bias);
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, "linear", name, NULL, 3, inputs);
}

/* While a graph is built nothing needs to be checked: jimm_graph_finish reports the first error. */
static jimm_status build(jimm_graph **graph) {
  const jimm_input_attrs image = {{4, {-1, 3, -1, -1}}, JIMM_F32};
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.num_classes = 0; /* timm's classifiers stay out */
  TRY(jimm_graph_create(graph));
  const jimm_value x = jimm_graph_input(*graph, "image", &image);
  jimm_value vectors[2];
  int64_t lengths[2];
  for (int i = 0; i < 2; i++) {
    jimm_model_name name;
    TRY(jimm_model_find(parts[i].model, &name));
    jimm_graph_push(*graph, "%s", parts[i].scope);
    vectors[i] = jimm_graph_emit(*graph, &name, &options, x).pre_logits;
    jimm_graph_pop(*graph);
    lengths[i] = name.arch->num_features;
  }
  jimm_graph_output(*graph, "logits", linear(*graph, "a.head", vectors[0], lengths[0], 10));
  jimm_graph_output(*graph, "score", linear(*graph, "b.head", vectors[1], lengths[1], 1));
  return jimm_graph_finish(*graph);
}

/* ---- its weights ---- */

/* The graph of a backbone by itself, and weights for it. Here they are made up;
 * jimm_state_open("model.safetensors", weights) takes released ones (which have a classifier more:
 * leave it out below, or set reset_head in the options of jimm_model_create). */
static jimm_status open_alone(int part, jimm_graph **graph, jimm_state **weights) {
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  jimm_model_name name;
  options.num_classes = 0;
  TRY(jimm_model_find(parts[part].model, &name));
  TRY(jimm_graph_build(&name, &options, graph));
  return jimm_state_synthetic(*graph, 1, weights);
}

/* Adds all of `from` to `state`, under `scope`. */
static jimm_status add_under(jimm_state *state, const char *scope, const jimm_state *from) {
  for (int64_t i = 0; i < jimm_state_count(from); i++) {
    char name[256];
    snprintf(name, sizeof name, "%s.%s", scope, jimm_state_name(from, i));
    TRY(jimm_state_add(state, name, jimm_state_tensor(from, i)));
  }
  return JIMM_OK;
}

static jimm_status add_backbone(jimm_state *state, int part) {
  jimm_graph *graph = NULL;
  jimm_state *weights = NULL;
  jimm_status status = open_alone(part, &graph, &weights);
  if (status == JIMM_OK) {
    status = add_under(state, parts[part].scope, weights);
  }
  jimm_state_close(&weights);
  jimm_graph_close(&graph);
  return status;
}

/* Fresh weights for everything that `state` lacks: the heads. The backbones in such a state start
 * as timm's own do before training. */
static jimm_status add_fresh(jimm_state *state, const jimm_graph *graph) {
  jimm_state *fresh = NULL;
  jimm_status status = jimm_state_init(NULL, graph, 7, &fresh);
  for (int64_t i = 0; i < jimm_state_count(fresh) && status == JIMM_OK; i++) {
    const char *name = jimm_state_name(fresh, i);
    if (jimm_state_find(state, name) == NULL) {
      status = jimm_state_add(state, name, jimm_state_tensor(fresh, i));
    }
  }
  jimm_state_close(&fresh);
  return status;
}

static jimm_status write_weights(const jimm_graph *graph, const char *path) {
  jimm_state *state = NULL;
  jimm_status status = jimm_state_create(&state);
  for (int i = 0; i < 2 && status == JIMM_OK; i++) {
    status = add_backbone(state, i);
  }
  if (status == JIMM_OK) {
    status = add_fresh(state, graph);
  }
  if (status == JIMM_OK) {
    status = jimm_state_save(state, path);
  }
  jimm_state_close(&state);
  return status;
}

/* ---- running it ---- */

/* Runs `model` on `image` for `count` outputs, which the caller closes. */
static jimm_status run(jimm_model *model, const jimm_tensor *image, int32_t count,
                       const char *const *names, jimm_tensor *outputs) {
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.height = SIZE;
  options.width = SIZE;
  options.outputs = names;
  options.output_count = count;
  jimm_plan *plan = NULL;
  jimm_status status = jimm_plan_create(model, &options, &plan);
  for (int32_t i = 0; i < count && status == JIMM_OK; i++) {
    jimm_shape shape;
    status = jimm_plan_output_shape(plan, i, &shape);
    if (status == JIMM_OK) {
      status = jimm_tensor_create(JIMM_F32, &shape, &outputs[i]);
    }
  }
  if (status == JIMM_OK) {
    status = jimm_plan_run(plan, image, outputs);
  }
  jimm_plan_close(&plan);
  return status;
}

static void print(const char *name, const jimm_tensor *tensor) {
  char shape[JIMM_SHAPE_TEXT];
  const float *x = tensor->data;
  printf("%s %s:", name, jimm_shape_format(&tensor->shape, shape, sizeof shape));
  for (int64_t i = 0; i < 4 && i < jimm_shape_count(&tensor->shape); i++) {
    printf(" %.4f", (double)x[i]);
  }
  printf("\n");
}

/* Whether the backbone gives the same bits without the rest around it. */
static jimm_status compare_alone(int part, const jimm_tensor *image, const jimm_tensor *together,
                                 bool *equal) {
  static const char *const features = "features";
  jimm_graph *graph = NULL;
  jimm_state *weights = NULL;
  jimm_model *model = NULL;
  jimm_tensor alone = {.dtype = JIMM_DTYPE_NONE};
  jimm_status status = open_alone(part, &graph, &weights);
  if (status == JIMM_OK) {
    status = jimm_model_create(graph, weights, NULL, &model);
  }
  if (status == JIMM_OK) {
    status = run(model, image, 1, &features, &alone);
  }
  if (status == JIMM_OK) {
    *equal = jimm_shape_equal(&alone.shape, &together->shape) &&
             memcmp(alone.data, together->data,
                    (size_t)jimm_shape_count(&alone.shape) * sizeof(float)) == 0;
    printf("%s: %s the features of %s alone\n", parts[part].scope,
           *equal ? "to the bit" : "DIFFERENT FROM", parts[part].model);
  }
  jimm_tensor_close(&alone);
  jimm_model_close(&model);
  jimm_state_close(&weights);
  jimm_graph_close(&graph);
  return status;
}

static jimm_status run_all(jimm_model *model, bool *equal) {
  static const char *const names[] = {"logits", "score", "a.backbone.features",
                                      "b.backbone.features"};
  jimm_tensor image = {.dtype = JIMM_DTYPE_NONE};
  jimm_tensor outputs[4] = {{.dtype = JIMM_DTYPE_NONE}};
  jimm_status status = jimm_tensor_create(JIMM_F32, &(jimm_shape){4, {1, 3, SIZE, SIZE}}, &image);
  if (status == JIMM_OK) {
    status = jimm_synthetic_input(1, "image", &image); /* see jimm_image_preprocess for files */
  }
  if (status == JIMM_OK) {
    status = run(model, &image, 4, names, outputs);
  }
  for (int i = 0; i < 4 && status == JIMM_OK; i++) {
    print(names[i], &outputs[i]);
  }
  for (int i = 0; i < 2 && status == JIMM_OK; i++) {
    bool same = false;
    status = compare_alone(i, &image, &outputs[2 + i], &same);
    *equal = *equal && same;
  }
  for (int i = 0; i < 4; i++) {
    jimm_tensor_close(&outputs[i]);
  }
  jimm_tensor_close(&image);
  return status;
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "two_backbones.safetensors";
  bool equal = true;
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  jimm_status status = build(&graph);
  if (status == JIMM_OK) {
    printf("parameters: %" PRId64 "\n", jimm_graph_parameter_count(graph));
    status = write_weights(graph, path);
  }
  if (status == JIMM_OK) {
    status = jimm_state_open(path, &state);
  }
  if (status == JIMM_OK) {
    printf("%s: %" PRId64 " tensors\n", path, jimm_state_count(state));
    status = jimm_model_create(graph, state, NULL, &model);
  }
  if (status == JIMM_OK) {
    status = run_all(model, &equal);
  }
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  if (status != JIMM_OK) {
    fprintf(stderr, "two_backbones: %s\n", jimm_error_message());
    return 1;
  }
  return equal ? 0 : 1;
}
