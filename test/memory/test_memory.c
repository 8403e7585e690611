/* Every allocation of the core library fails once: a row for each way through it. */
#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/os.h"
#include "model/model.h"
#include "walk.h"

#define SIDE 32

static float pixels[3 * SIDE * SIDE];
static const jimm_tensor image = {JIMM_F32, {4, {1, 3, SIDE, SIDE}}, pixels, NULL};

/* ---- files ---- */

static jimm_status read_file(const char *name) {
  unsigned char *data = NULL;
  size_t size;
  const jimm_status status = jimm_os_read_file(walk_input(name), 1 << 24, &data, &size);
  jimm_free(data);
  return status;
}

/* A pipe, of which nobody knows how much it will give. */
static jimm_status read_pipe(const char *name) {
  FILE *pipe = popen(name, "r");
  char path[32];
  snprintf(path, sizeof path, "/dev/fd/%d", pipe == NULL ? -1 : fileno(pipe));
  unsigned char *data = NULL;
  size_t size;
  const jimm_status status = jimm_os_read_file(path, 1 << 24, &data, &size);
  jimm_free(data);
  if (pipe != NULL) {
    pclose(pipe);
  }
  return status;
}

static jimm_status open_state(const char *name) {
  jimm_state *state = NULL;
  const jimm_status status = jimm_state_open(walk_input(name), &state);
  jimm_state_close(&state);
  return status;
}

static jimm_status make_state(jimm_state **state) {
  jimm_status status = jimm_state_create(state);
  for (int i = 0; status == JIMM_OK && i < 20; i++) {
    char name[32];
    jimm_tensor tensor = {.dtype = JIMM_DTYPE_NONE};
    snprintf(name, sizeof name, "layer%d.weight", i);
    status = jimm_tensor_create(i % 2 == 0 ? JIMM_F32 : JIMM_F16, &(jimm_shape){1, {i}}, &tensor);
    if (status == JIMM_OK) {
      status = i % 3 == 0 ? jimm_state_add(*state, name, &tensor)
                          : jimm_state_add_owned(*state, name, &tensor);
    }
    jimm_tensor_close(&tensor);
  }
  return status;
}

static jimm_status save_state(const char *name) {
  jimm_state *state = NULL;
  jimm_status status = make_state(&state);
  if (status == JIMM_OK) {
    status = jimm_state_set_metadata(state, "format", "pt");
  }
  if (status == JIMM_OK) {
    status = jimm_state_set_metadata(state, "format", "np"); /* replaced */
  }
  if (status == JIMM_OK) {
    status = jimm_state_save(state, walk_output(name));
  }
  jimm_state_close(&state);
  return status;
}

/* Weights under the names of a paper or of another library, for a model that takes them. */
static jimm_status adapt_names(const char *first) {
  static const char *const names[] = {"stages.1.0.dwconv.weight", "downsample_layers.1.0.weight",
                                      "head.weight", "norm.weight", "visual.head.proj.weight"};
  jimm_model_name found;
  jimm_graph *graph = NULL;
  jimm_state *state = NULL, *adapted = NULL;
  jimm_status status = jimm_model_find("test_convnext", &found);
  if (status == JIMM_OK) {
    status = jimm_graph_build(&found, NULL, &graph);
  }
  if (status == JIMM_OK) {
    status = jimm_state_create(&state);
  }
  if (status == JIMM_OK) {
    status = jimm_state_add(state, first, &image);
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0] && status == JIMM_OK; i++) {
    status = jimm_state_add(state, names[i], &image);
  }
  if (status == JIMM_OK) {
    status = jimm_state_adapt(graph, state, &adapted);
  }
  jimm_state_close(&adapted);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  return status;
}

static jimm_status read_npy(const char *name) {
  jimm_tensor tensor = {.dtype = JIMM_DTYPE_NONE};
  const jimm_status status = jimm_npy_read(walk_input(name), &tensor);
  jimm_tensor_close(&tensor);
  return status;
}

static jimm_status write_npy(const char *name) {
  return jimm_npy_write(walk_output(name), &image);
}

static jimm_status open_folder(const char *name) {
  jimm_folder *folder = NULL;
  const jimm_status status = jimm_folder_open(walk_input(name), &folder);
  jimm_folder_close(&folder);
  return status;
}

/* ---- tensors ---- */

static jimm_status convert(const char *unused) {
  (void)unused;
  jimm_tensor half = {.dtype = JIMM_DTYPE_NONE}, wide = {.dtype = JIMM_DTYPE_NONE};
  jimm_status status = jimm_tensor_convert(&image, JIMM_F16, &half);
  if (status == JIMM_OK) {
    status = jimm_tensor_convert(&half, JIMM_F64, &wide);
  }
  jimm_tensor_close(&half);
  jimm_tensor_close(&wide);
  return status;
}

/* ---- graphs ---- */

static jimm_status build(const char *name, const jimm_model_options *options, jimm_graph **graph) {
  jimm_model_name found;
  const jimm_status status = jimm_model_find(name, &found);
  return status == JIMM_OK ? jimm_graph_build(&found, options, graph) : status;
}

static jimm_status print_graph(const char *name) {
  jimm_graph *graph = NULL;
  char *text = NULL;
  jimm_status status = build(name, NULL, &graph);
  if (status == JIMM_OK) {
    status = jimm_graph_print(graph, &image.shape, &text);
  }
  jimm_text_free(text);
  jimm_graph_close(&graph);
  return status;
}

/* Scopes, nodes and outputs beyond what is there at first. */
static jimm_status grow_graph(const char *unused) {
  (void)unused;
  jimm_graph *graph = NULL;
  jimm_status status = jimm_graph_create(&graph);
  if (status == JIMM_OK) {
    const jimm_input_attrs attrs = {{4, {-1, 3, -1, -1}}, JIMM_F32};
    jimm_value x = jimm_graph_input(graph, "input", &attrs);
    for (int i = 0; i < 70; i++) {
      jimm_graph_push(graph, "layer%d", i);
      jimm_graph_push(graph, "a_rather_long_scope_name_that_makes_the_prefix_grow_%d", i);
      x = jimm_graph_add(graph, "relu", "act", NULL, 1, &x);
    }
    for (int i = 0; i < 140; i++) {
      jimm_graph_pop(graph);
    }
    for (int i = 0; i < 6; i++) {
      const char name[] = {(char)('a' + i), 0};
      jimm_graph_output(graph, name, x);
    }
    status = jimm_graph_finish(graph);
  }
  jimm_graph_close(&graph);
  return status;
}

/* Three models in one graph, with weights. */
static jimm_status emit(const char *name) {
  const jimm_input_attrs attrs = {{4, {-1, 3, -1, -1}}, JIMM_F32};
  jimm_model_name found;
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  jimm_status status = jimm_model_find(name, &found);
  if (status == JIMM_OK) {
    status = jimm_graph_create(&graph);
  }
  if (status == JIMM_OK) {
    const jimm_value x = jimm_graph_input(graph, "input", &attrs);
    for (int i = 0; i < 3; i++) {
      jimm_graph_push(graph, "part%d", i);
      jimm_graph_emit(graph, &found, NULL, x);
      jimm_graph_pop(graph);
    }
    status = jimm_graph_finish(graph);
  }
  if (status == JIMM_OK) {
    status = jimm_state_init(NULL, graph, 1, &state);
  }
  if (status == JIMM_OK) {
    status = jimm_model_create(graph, state, NULL, &model);
  }
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  return status;
}

/* ---- models ---- */

static jimm_status pack(void *context, void *data) {
  memset(data, 1, *(size_t *)context);
  return JIMM_OK;
}

/* Weights that are adapted and a head that is reset, packed and converted. */
static jimm_status adapt_model(const char *name) {
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  jimm_weights_options weights = JIMM_WEIGHTS_OPTIONS_INIT;
  jimm_graph *three = NULL, *one = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  jimm_tensor tensor = {.dtype = JIMM_DTYPE_NONE};
  size_t bytes = 64;
  const void *packed = NULL;
  weights.reset_head = true;
  options.in_chans = 1;
  options.num_classes = 3;
  jimm_status status = build(name, NULL, &three);
  if (status == JIMM_OK) {
    status = build(name, &options, &one);
  }
  if (status == JIMM_OK) {
    status = jimm_state_synthetic(three, 1, &state);
  }
  if (status == JIMM_OK) {
    status = jimm_model_create(one, state, &weights, &model);
  }
  if (status == JIMM_OK) {
    status = jimm_model_packed(model, "fc.weight:test", bytes, pack, &bytes, &packed);
  }
  if (status == JIMM_OK) {
    status = jimm_model_tensor_f32(model, jimm_graph_find(one, "fc.weight"), &tensor);
  }
  jimm_tensor_close(&tensor);
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&one);
  jimm_graph_close(&three);
  return status;
}

/* Errors whose messages need memory, too. */
static jimm_status mismatch(const char *name) {
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  options.num_classes = 3;
  jimm_status status = build(name, &options, &graph);
  if (status == JIMM_OK) {
    status = jimm_state_open(walk_input("w.safetensors"), &state);
  }
  if (status == JIMM_OK) {
    status = jimm_model_create(graph, state, NULL, &model);
  }
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  return status;
}

static jimm_status find_model(const char *name) {
  jimm_model_name found;
  return jimm_model_find(name, &found);
}

/* ---- running ---- */

/* The model of w.safetensors. */
static jimm_status load(jimm_model **model) {
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  jimm_status status = build("test_resnet", NULL, &graph);
  if (status == JIMM_OK) {
    status = jimm_state_open(walk_input("w.safetensors"), &state);
  }
  if (status == JIMM_OK) {
    status = jimm_model_create(graph, state, NULL, model);
  }
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  return status;
}

static float logits[1000];

static jimm_status make_plan(jimm_model *model, int32_t threads, jimm_plan **plan) {
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.height = options.width = SIDE;
  options.threads = threads;
  return jimm_plan_create(model, &options, plan);
}

/* A plan for an output that is not there. */
static jimm_status fail_plan(const char *output) {
  jimm_model *model = NULL;
  jimm_plan *plan = NULL;
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.outputs = &output;
  options.output_count = 1;
  jimm_status status = load(&model);
  if (status == JIMM_OK) {
    status = jimm_plan_create(model, &options, &plan);
  }
  jimm_plan_close(&plan);
  jimm_model_close(&model);
  return status;
}

static jimm_status run_plan(const char *threads) {
  jimm_model *model = NULL;
  jimm_plan *plan = NULL;
  char *text = NULL;
  jimm_tensor output = {JIMM_F32, {2, {1, 1000}}, logits, NULL};
  jimm_status status = load(&model);
  if (status == JIMM_OK) {
    status = make_plan(model, threads[0] - '0', &plan);
  }
  if (status == JIMM_OK) {
    status = jimm_plan_run(plan, &image, &output);
  }
  if (status == JIMM_OK) {
    status = jimm_plan_print(plan, &text);
  }
  jimm_text_free(text);
  jimm_plan_close(&plan);
  jimm_model_close(&model);
  return status;
}

static jimm_status run_reference(const char *output) {
  jimm_model *model = NULL;
  jimm_tensor outputs[2] = {{.dtype = JIMM_DTYPE_NONE}};
  const char *const names[] = {"features", output};
  jimm_status status = load(&model);
  if (status == JIMM_OK) {
    status = jimm_reference_run(model, JIMM_F64, &image, 2, names, outputs);
  }
  jimm_tensor_close(&outputs[0]);
  jimm_tensor_close(&outputs[1]);
  jimm_model_close(&model);
  return status;
}

static jimm_status check_finite(const char *unused) {
  (void)unused;
  jimm_model *model = NULL;
  jimm_status status = load(&model);
  if (status == JIMM_OK) {
    status = jimm_reference_check_finite(model, JIMM_F32, &image);
  }
  jimm_model_close(&model);
  return status;
}

/* ---- an operator without a kernel ---- */

static jimm_status infer_same(const void *attrs, int32_t count, const jimm_shape *inputs,
                              jimm_shape *output) {
  (void)attrs;
  (void)count;
  *output = inputs[0];
  return JIMM_OK;
}

static jimm_status copy_values(const jimm_op_call *call) {
  memcpy(call->output->data, call->inputs[0].data, jimm_tensor_bytes(&call->inputs[0]));
  return JIMM_OK;
}

static const char *const same_inputs[] = {"x"};
static const jimm_op same = {.size = sizeof(jimm_op),
                             .name = "test_same",
                             .summary = "the input",
                             .min_inputs = 1,
                             .max_inputs = 1,
                             .input_names = same_inputs,
                             .infer = infer_same,
                             .forward_f32 = copy_values,
                             .forward_f64 = copy_values};

static jimm_status run_own_operator(const char *output) {
  jimm_graph *graph = NULL;
  jimm_model *model = NULL;
  jimm_plan *plan = NULL;
  static float values[3 * SIDE * SIDE];
  jimm_tensor result = image;
  result.data = values;
  jimm_status status = jimm_graph_create(&graph);
  if (status == JIMM_OK) {
    const jimm_input_attrs attrs = {{4, {-1, 3, -1, -1}}, JIMM_F32};
    jimm_value x = jimm_graph_input(graph, "input", &attrs);
    x = jimm_graph_add(graph, "test_same", "own", NULL, 1, &x);
    jimm_graph_output(graph, output, x);
    status = jimm_graph_finish(graph);
  }
  if (status == JIMM_OK) {
    status = jimm_model_create_synthetic(graph, 1, &model);
  }
  if (status == JIMM_OK) {
    status = make_plan(model, 1, &plan);
  }
  if (status == JIMM_OK) {
    status = jimm_plan_run(plan, &image, &result);
  }
  jimm_plan_close(&plan);
  jimm_model_close(&model);
  jimm_graph_close(&graph);
  return status;
}

/* ---- rows ---- */

static const memory_walk rows[] = {
    {"read a file", read_file, "w.safetensors"},
    {"read a pipe", read_pipe, "exec head -c 300000 /dev/zero", JIMM_OK, FOREIGN_IGNORED},
    {"open safetensors", open_state, "w.safetensors", JIMM_OK, FOREIGN_FAILS}, /* qsort */
    {"open safetensors that are malformed", open_state, "bad.safetensors", JIMM_ERROR_FORMAT},
    {"open a checkpoint", open_state, "zip.pt", JIMM_OK, FOREIGN_FAILS}, /* qsort */
    {"open a legacy checkpoint", open_state, "legacy.pt"},
    {"open a checkpoint that is refused", open_state, "refused.pt", JIMM_ERROR_UNSUPPORTED,
     FOREIGN_FAILS},
    {"names of a paper's weights", adapt_names, "downsample_layers.0.0.weight"},
    {"names of open_clip's weights", adapt_names, "visual.trunk.stem.0.weight"},
    {"save safetensors", save_state, "s.safetensors"},
    {"read .npy", read_npy, "x.npy"},
    {"write .npy", write_npy, "y.npy"},
    {"open a weights folder", open_folder, "zoo"},
    {"convert tensors", convert, ""},
    {"build and print a graph", print_graph, "test_resnet"},
    {"build and print resnet50", print_graph, "resnet50"},
    {"grow a graph", grow_graph, ""},
    {"models as parts of a graph", emit, "test_resnet"},
    {"find no model", find_model, "resnet50.a9_in1k", JIMM_ERROR_NOT_FOUND},
    {"adapt weights", adapt_model, "test_resnet"},
    {"weights that do not fit", mismatch, "test_resnet", JIMM_ERROR_MISMATCH, FOREIGN_FAILS},
    {"weights of another model", mismatch, "resnet18", JIMM_ERROR_MISMATCH, FOREIGN_FAILS},
    {"run a plan", run_plan, "1", JIMM_OK, FOREIGN_FAILS},
    {"run a plan in two threads", run_plan, "2", JIMM_OK, FOREIGN_IGNORED},
    {"run the reference", run_reference, "logits", JIMM_OK, FOREIGN_FAILS},
    {"run the reference for no output", run_reference, "none", JIMM_ERROR_NOT_FOUND, FOREIGN_FAILS},
    {"look for what is not finite", check_finite, "", JIMM_OK, FOREIGN_FAILS},
    {"make a plan for no output", fail_plan, "none", JIMM_ERROR_NOT_FOUND, FOREIGN_FAILS},
    {"run an operator without a kernel", run_own_operator, "logits"},
};

static const char config[] =
    "{\"architecture\": \"test_resnet\", \"num_classes\": 3,\n"
    " \"label_names\": [\"n01\", \"n02\", \"n03\"],\n"
    " \"label_descriptions\": {\"n01\": \"tench, Tinca tinca\", \"n03\": \"\\u00e9l\"},\n"
    " \"pretrained_cfg\": {\"tag\": \"mine\", \"input_size\": [3, 32, 48],\n"
    "  \"interpolation\": \"bilinear\", \"crop_pct\": 0.9, \"mean\": [0.1, 0.2, 0.3],\n"
    "  \"std\": [0.4, 0.5, 0.6], \"license\": \"apache-2.0\"}}";

/* A key that is there twice. */
static const char twice[] =
    "\x7f\0\0\0\0\0\0\0"
    "{\"some.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
    "\"some.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}1234";

static void put(const char *name, const char *data, size_t size) {
  FILE *file = fopen(walk_input(name), "wb");
  TEST_REQUIRE(file != NULL);
  TEST_REQUIRE_UINT(fwrite(data, 1, size, file), size);
  TEST_REQUIRE_INT(fclose(file), 0);
}

/* A copy of a file of test/data/checkpoints. */
static void put_checkpoint(const char *name, const char *from) {
  char data[16384];
  FILE *file = fopen(from, "rb");
  TEST_REQUIRE_MSG(file != NULL, "cannot read %s: run from the source root", from);
  put(name, data, fread(data, 1, sizeof data, file));
  fclose(file);
}

static void write_inputs(void) {
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  TEST_REQUIRE_INT(build("test_resnet", NULL, &graph), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_synthetic(graph, 1, &state), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_set_metadata(state, "format", "pt"), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_save(state, walk_input("w.safetensors")), JIMM_OK);
  TEST_REQUIRE_INT(jimm_npy_write(walk_input("x.npy"), &image), JIMM_OK);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  TEST_REQUIRE_INT(mkdir(walk_input("zoo"), 0777), 0);
  put("zoo/config.json", config, sizeof config - 1);
  put("bad.safetensors", twice, sizeof twice - 1);
  put_checkpoint("zip.pt", "test/data/checkpoints/nested_protocol5.pt");
  put_checkpoint("legacy.pt", "test/data/checkpoints/legacy_strided.pt");
  put_checkpoint("refused.pt", "test/data/checkpoints/refused/complex.pt");
}

TEST_SETUP() {
  TEST_REQUIRE_INT(jimm_op_register(&same), JIMM_OK);
  write_inputs();
  memory_walks_add(rows, sizeof rows / sizeof rows[0]);
}

TEST_MAIN()
