/* A graph with weights: strict binding, adaptation, new heads, packed weights. */
#include <jimm-test/jimm-test.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/stream.h"
#include "layer/layer.h"
#include "model/model.h"

/* conv1 (1x1, 2 outputs) -> bn1 -> pool -> fc: small enough to know every number. */
static jimm_graph *toy(int64_t in_chans, int64_t num_classes) {
  jimm_graph *graph = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&graph), JIMM_OK);
  const jimm_conv conv = {
      .in = in_chans, .out = 2, .kernel = 1, .stride = 1, .role = JIMM_ROLE_INPUT_CONV};
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.num_classes = num_classes;
  options.global_pool = "avg";
  jimm_value x = jimm_layer_image(graph, in_chans);
  x = jimm_layer_conv2d(graph, "conv1", x, &conv);
  x = jimm_layer_batch_norm(graph, "bn1", x, 2, 1e-5);
  jimm_layer_classifier(graph, "fc", x, 2, &options);
  TEST_REQUIRE_MSG(jimm_graph_finish(graph) == JIMM_OK, "%s", jimm_error_message());
  return graph;
}

static void add(jimm_state *state, const char *name, jimm_dtype dtype, jimm_shape shape,
                const void *data) {
  jimm_tensor tensor = {dtype, shape, NULL, NULL};
  char zeros[64] = {0};
  memcpy(&tensor.data, data == NULL ? (const void *)&(void *){zeros} : (const void *)&data,
         sizeof tensor.data);
  TEST_REQUIRE_MSG(jimm_state_add(state, name, &tensor) == JIMM_OK, "%s", jimm_error_message());
}

#define VECTOR(n) ((jimm_shape){1, {n}})
#define MATRIX(m, n) ((jimm_shape){2, {m, n}})
#define CONV(o, i, k) ((jimm_shape){4, {o, i, k, k}})

static const float rgb[6] = {1.5F, 0.25F, -3, 0.1F, 0.2F, 0.3F};

/* The toy's weights: 3 input channels, 4 classes, without the tensor `but`. */
static jimm_state *weights(const char *but) {
  jimm_state *state = NULL;
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  const struct {
    const char *name;
    jimm_shape shape;
    const void *data;
  } all[] = {{"conv1.weight", CONV(2, 3, 1), rgb}, {"bn1.weight", VECTOR(2), NULL},
             {"bn1.bias", VECTOR(2), NULL},        {"bn1.running_mean", VECTOR(2), NULL},
             {"bn1.running_var", VECTOR(2), NULL}, {"fc.weight", MATRIX(4, 2), NULL},
             {"fc.bias", VECTOR(4), NULL}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (but == NULL || strcmp(but, all[i].name) != 0) {
      add(state, all[i].name, JIMM_F32, all[i].shape, all[i].data);
    }
  }
  return state;
}

/* Binds and closes the state (the model keeps it). */
static jimm_status bind(jimm_graph *graph, jimm_state *state, bool reset_head, bool adapt_input,
                        jimm_model **model) {
  jimm_weights_options options = JIMM_WEIGHTS_OPTIONS_INIT;
  options.reset_head = reset_head;
  options.adapt_input = adapt_input;
  const jimm_status status = jimm_model_create(graph, state, &options, model);
  jimm_state_close(&state);
  return status;
}

static const jimm_tensor *parameter(const jimm_model *model, const char *name) {
  const jimm_tensor *tensor =
      jimm_model_parameter(model, jimm_graph_find(jimm_model_graph(model), name));
  TEST_REQUIRE_MSG(tensor != NULL, "%s", name);
  return tensor;
}

/* ---- strict binding ---- */

TEST(weights_that_fit_are_viewed_not_copied) {
  jimm_graph *graph = toy(3, 4);
  jimm_state *state = weights(NULL);
  const void *data = jimm_state_find(state, "conv1.weight")->data;
  jimm_model *model = NULL;
  TEST_REQUIRE_MSG(bind(graph, state, false, true, &model) == JIMM_OK, "%s", jimm_error_message());
  jimm_graph_close(&graph);
  TEST_CHECK(parameter(model, "conv1.weight")->data == data);
  TEST_CHECK(parameter(model, "conv1.weight")->owned == NULL);
  TEST_CHECK_MEM(data, rgb, sizeof rgb);
  const jimm_graph *kept = jimm_model_graph(model);
  TEST_CHECK(jimm_model_parameter(model, jimm_graph_find(kept, "conv1")) == NULL);
  TEST_CHECK(jimm_model_parameter(model, -1) == NULL);
  TEST_CHECK(jimm_model_parameter(model, 100000) == NULL);
  TEST_CHECK(jimm_model_parameter(model, jimm_graph_find(kept, "bn1.num_batches_tracked")) == NULL);
  jimm_model *second = jimm_model_retain(model);
  jimm_model_close(&model);
  TEST_CHECK(model == NULL);
  TEST_CHECK_MEM(parameter(second, "conv1.weight")->data, rgb, sizeof rgb);
  jimm_model_close(&second);
  jimm_model_close(&second);
  jimm_model_close(NULL);
}

static const char *mismatch(jimm_graph *graph, jimm_state *state) {
  jimm_model *model = NULL;
  TEST_CHECK_INT(bind(graph, state, false, true, &model), JIMM_ERROR_MISMATCH);
  TEST_CHECK(model == NULL);
  jimm_graph_close(&graph);
  return jimm_error_message();
}

TEST(missing) {
  static const char *const names[] = {"conv1.weight",     "bn1.weight",      "bn1.bias",
                                      "bn1.running_mean", "bn1.running_var", "fc.weight",
                                      "fc.bias"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char want[64];
    snprintf(want, sizeof want, "1 missing\n  missing: %s [", names[i]);
    TEST_CHECK_CONTAINS(mismatch(toy(3, 4), weights(names[i])), want);
  }
}

TEST(unexpected) {
  jimm_state *state = weights(NULL);
  add(state, "bn2.weight", JIMM_F32, VECTOR(2), NULL);
  TEST_CHECK_CONTAINS(mismatch(toy(3, 4), state), "1 unexpected\n  unexpected: bn2.weight [2]");
  state = weights(NULL); /* the name of a node that is no parameter */
  add(state, "conv1", JIMM_F32, VECTOR(2), NULL);
  TEST_CHECK_CONTAINS(mismatch(toy(3, 4), state), "unexpected: conv1 [2]");
}

TEST(misshapen) {
  jimm_state *state = weights("fc.weight");
  add(state, "fc.weight", JIMM_F32, MATRIX(2, 4), NULL); /* transposed */
  TEST_CHECK_CONTAINS(mismatch(toy(3, 4), state),
                      "misshapen: fc.weight: expected [4, 2], got [2, 4]");
  state = weights("bn1.bias");
  add(state, "bn1.bias", JIMM_F32, MATRIX(2, 1), NULL);
  TEST_CHECK_CONTAINS(mismatch(toy(3, 4), state), "misshapen: bn1.bias: expected [2], got [2, 1]");
}

TEST(types) {
  jimm_state *state = weights("bn1.bias");
  const int32_t integers[2] = {1, 2};
  add(state, "bn1.bias", JIMM_I32, VECTOR(2), integers);
  TEST_CHECK_CONTAINS(
      mismatch(toy(3, 4), state),
      "1 mistyped\n  mistyped: bn1.bias: expected floating-point values, got I32 [2]");

  state = weights("bn1.bias");
  const uint16_t halves[2] = {0x3C00, 0xC100}; /* 1, -2.5 */
  add(state, "bn1.bias", JIMM_F16, VECTOR(2), halves);
  jimm_graph *graph = toy(3, 4);
  jimm_model *model = NULL;
  TEST_REQUIRE_MSG(bind(graph, state, false, true, &model) == JIMM_OK, "%s", jimm_error_message());
  TEST_CHECK_INT(parameter(model, "bn1.bias")->dtype, JIMM_F16);
  jimm_tensor converted;
  TEST_REQUIRE_INT(jimm_model_tensor_f32(model, jimm_graph_find(graph, "bn1.bias"), &converted),
                   JIMM_OK);
  TEST_CHECK_INT(converted.dtype, JIMM_F32);
  TEST_CHECK(converted.owned != NULL);
  TEST_CHECK_DOUBLE(((float *)converted.data)[1], -2.5, 0, 0);
  jimm_tensor_close(&converted);
  TEST_REQUIRE_INT(jimm_model_tensor_f32(model, jimm_graph_find(graph, "conv1.weight"), &converted),
                   JIMM_OK);
  TEST_CHECK(converted.owned == NULL);
  jimm_tensor_close(&converted);
  TEST_CHECK_INT(jimm_model_tensor_f32(model, jimm_graph_find(graph, "conv1"), &converted),
                 JIMM_ERROR_INVALID_ARGUMENT);
  jimm_model_release(model, jimm_graph_find(graph, "conv1.weight"));
  jimm_model_release(model, jimm_graph_find(graph, "conv1"));
  TEST_CHECK_MEM(parameter(model, "conv1.weight")->data, rgb, sizeof rgb);
  jimm_model_close(&model);
  jimm_graph_close(&graph);
}

TEST(num_batches_tracked_may_be_there) {
  static const jimm_shape shapes[] = {{.rank = 0},
                                      {1, {1}}}; /* a scalar; as PyTorch 0.3 wrote it */
  for (int i = 0; i < 2; i++) {
    jimm_state *state = weights(NULL);
    const int64_t steps = 5;
    add(state, "bn1.num_batches_tracked", JIMM_I64, shapes[i], &steps);
    jimm_graph *graph = toy(3, 4);
    jimm_model *model = NULL;
    TEST_REQUIRE_MSG(bind(graph, state, false, true, &model) == JIMM_OK, "%s",
                     jimm_error_message());
    TEST_CHECK_INT(parameter(model, "bn1.num_batches_tracked")->shape.rank, 0);
    jimm_model_close(&model);
    jimm_graph_close(&graph);
  }
  jimm_state *state = weights(NULL);
  add(state, "bn1.num_batches_tracked", JIMM_F32, VECTOR(2), NULL);
  TEST_CHECK_CONTAINS(mismatch(toy(3, 4), state), "num_batches_tracked: expected [], got [2]");
}

TEST(long_lists_are_cut) {
  jimm_state *state = weights("bn1.bias");
  for (int i = 0; i < 25; i++) {
    char name[32];
    snprintf(name, sizeof name, "extra%d", i);
    add(state, name, JIMM_F32, VECTOR(1), NULL);
  }
  const char *message = mismatch(toy(3, 4), state);
  TEST_CHECK_CONTAINS(message, "1 missing, 25 unexpected\n  missing: bn1.bias");
  TEST_CHECK_CONTAINS(message, "unexpected: extra19 [1]\n  and 5 more unexpected");
  TEST_CHECK(strstr(message, "extra20") == NULL);
}

static jimm_graph *named(const char *name, int64_t num_classes, int64_t in_chans) {
  jimm_model_name found;
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.num_classes = num_classes;
  options.in_chans = in_chans;
  jimm_graph *graph = NULL;
  TEST_REQUIRE_INT(jimm_model_find(name, &found), JIMM_OK);
  TEST_REQUIRE_MSG(jimm_graph_build(&found, &options, &graph) == JIMM_OK, "%s",
                   jimm_error_message());
  return graph;
}

TEST(weights_of_another_model) {
  jimm_graph *graph = named("test_resnet", 10, 1);
  jimm_state *state = NULL;
  TEST_REQUIRE_INT(jimm_state_synthetic(graph, 1, &state), JIMM_OK);
  jimm_graph_close(&graph);
  const char *message = mismatch(named("resnet10t", -1, -1), state);
  TEST_CHECK_CONTAINS(message,
                      "misshapen: conv1.0.weight: expected [24, 3, 3, 3], got [16, 1, 3, 3]");
  TEST_CHECK_CONTAINS(message, "more misshapen");
  TEST_CHECK_CONTAINS(message, "weights of another model: they fit test_resnet");
}

/* One tensor of another type does not make them weights of another model. */
TEST(weights_of_this_model_in_another_type) {
  jimm_graph *graph = named("test_resnet", 10, -1);
  jimm_state *all = NULL, *state = NULL;
  TEST_REQUIRE_INT(jimm_state_synthetic(graph, 1, &all), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  for (int64_t i = 0; i < jimm_state_count(all); i++) {
    const char *name = jimm_state_name(all, i);
    jimm_tensor tensor = *jimm_state_tensor(all, i);
    tensor.dtype = strcmp(name, "fc.weight") == 0 ? JIMM_I32 : JIMM_F32;
    TEST_REQUIRE_INT(jimm_state_add(state, name, &tensor), JIMM_OK);
  }
  jimm_state_close(&all);
  const char *message = mismatch(graph, state);
  TEST_CHECK_CONTAINS(message, "mistyped: fc.weight: expected floating-point values, got I32");
  TEST_CHECK(strstr(message, "another model") == NULL);
  TEST_CHECK(strstr(message, "another size") == NULL);
}

TEST(bad_arguments) {
  jimm_graph *graph = toy(3, 4);
  jimm_state *state = weights(NULL);
  jimm_model *model = NULL;
  TEST_CHECK_INT(jimm_model_create(NULL, state, NULL, &model), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_model_create(graph, NULL, NULL, &model), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_model_create(graph, state, NULL, NULL), JIMM_ERROR_INVALID_ARGUMENT);
  const jimm_weights_options unset = {0};
  TEST_CHECK_INT(jimm_model_create(graph, state, &unset, &model), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_model_create(graph, state, NULL, &model), JIMM_OK);
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

/* ---- input channels ---- */

static void check_adapted(int64_t channels, const float *want) {
  jimm_graph *graph = toy(channels, 4);
  jimm_model *model = NULL;
  TEST_REQUIRE_MSG(bind(graph, weights(NULL), false, true, &model) == JIMM_OK, "%s",
                   jimm_error_message());
  const jimm_tensor *got = parameter(model, "conv1.weight");
  TEST_CHECK_INT(got->shape.dim[1], channels);
  TEST_CHECK_INT(got->dtype, JIMM_F32);
  TEST_CHECK_MEM(got->data, want, (size_t)(2 * channels) * sizeof(float));
  jimm_model_release(model, jimm_graph_find(graph, "conv1.weight"));
  TEST_CHECK_MEM(got->data, want, (size_t)(2 * channels) * sizeof(float));
  jimm_model_close(&model);
  jimm_graph_close(&graph);
}

TEST(adapt_input_conv) {
  check_adapted(1, (float[]){(1.5F + 0.25F) - 3.0F, (0.1F + 0.2F) + 0.3F});
  const float half = 1.5F; /* 3 / 2 */
  check_adapted(2, (float[]){1.5F * half, 0.25F * half, 0.1F * half, 0.2F * half});
  const float fifth = 0.6F; /* 3 / 5 */
  check_adapted(5, (float[]){1.5F * fifth, 0.25F * fifth, -3 * fifth, 1.5F * fifth, 0.25F * fifth,
                             0.1F * fifth, 0.2F * fifth, 0.3F * fifth, 0.1F * fifth, 0.2F * fifth});
}

/* An input convolution of other dtypes is adapted in float32 and given back in its own. */
TEST(adapt_keeps_the_dtype) {
  const uint16_t halves[6] = {0x3C00, 0x4000, 0x4200, 0x3C01, 0x3C01, 0x0001}; /* 1 2 3, 1.001.. */
  jimm_state *state = weights("conv1.weight");
  add(state, "conv1.weight", JIMM_F16, CONV(2, 3, 1), halves);
  jimm_graph *graph = toy(1, 4);
  jimm_model *model = NULL;
  TEST_REQUIRE_MSG(bind(graph, state, false, true, &model) == JIMM_OK, "%s", jimm_error_message());
  const jimm_tensor *got = parameter(model, "conv1.weight");
  TEST_CHECK_INT(got->dtype, JIMM_F16);
  TEST_CHECK_MEM(got->data, ((uint16_t[]){0x4600, 0x4001}), 4); /* 6, 2 + 2^-9 */
  jimm_model_close(&model);
  jimm_graph_close(&graph);
}

TEST(adapt_leaves_what_fits_and_refuses_the_rest) {
  jimm_state *state = weights("conv1.weight");
  add(state, "conv1.weight", JIMM_F32, CONV(2, 1, 1), rgb);
  jimm_graph *graph = toy(1, 4);
  jimm_model *model = NULL;
  TEST_REQUIRE_INT(bind(graph, state, false, true, &model), JIMM_OK);
  TEST_CHECK_MEM(parameter(model, "conv1.weight")->data, rgb, 2 * sizeof(float));
  TEST_CHECK(parameter(model, "conv1.weight")->owned == NULL);
  jimm_model_close(&model);

  static const int64_t others[] = {1, 2, 4};
  for (int i = 0; i < 3; i++) { /* not 3 in the file, and not what the graph has */
    state = weights("conv1.weight");
    add(state, "conv1.weight", JIMM_F32, CONV(2, others[i], 1), NULL);
    TEST_CHECK_CONTAINS(mismatch(toy(i == 0 ? 3 : 1, 4), state), "misshapen: conv1.weight");
  }
  state = weights("conv1.weight");
  add(state, "conv1.weight", JIMM_F32, CONV(1, 3, 1), NULL);
  TEST_CHECK_CONTAINS(mismatch(toy(1, 4), state), "expected [2, 1, 1, 1], got [1, 3, 1, 1]");
  TEST_CHECK_INT(bind(graph, weights(NULL), false, false, &model), JIMM_ERROR_MISMATCH);
  jimm_graph_close(&graph);
}

/* ---- the head ---- */

TEST(another_head_needs_reset_head) {
  const char *message = mismatch(toy(3, 5), weights(NULL));
  TEST_CHECK_CONTAINS(message, "misshapen: fc.weight: expected [5, 2], got [4, 2]");
  TEST_CHECK_CONTAINS(message, "misshapen: fc.bias: expected [5], got [4]");
  TEST_CHECK_CONTAINS(message, "set reset_head");
  TEST_CHECK_CONTAINS(mismatch(toy(3, 0), weights(NULL)), "set reset_head");
  TEST_CHECK(strstr(mismatch(toy(3, 4), weights("bn1.bias")), "reset_head") == NULL);
}

/* A damaged classifier is not one of another size, and is not to be thrown away. */
TEST(damaged_head_is_not_another_head) {
  TEST_CHECK(strstr(mismatch(toy(3, 4), weights("fc.bias")), "reset_head") == NULL);
  TEST_CHECK(strstr(mismatch(toy(3, 4), weights("fc.weight")), "reset_head") == NULL);
  jimm_state *state = weights("fc.weight");
  add(state, "fc.weight", JIMM_F32, MATRIX(2, 4), NULL); /* transposed */
  TEST_CHECK(strstr(mismatch(toy(3, 4), state), "reset_head") == NULL);
  jimm_state *headless = NULL;
  TEST_REQUIRE_INT(jimm_state_create(&headless), JIMM_OK);
  jimm_state *whole = weights(NULL);
  for (int64_t i = 0; i < jimm_state_count(whole); i++) {
    if (strncmp(jimm_state_name(whole, i), "fc.", 3) != 0) {
      TEST_REQUIRE_INT(
          jimm_state_add(headless, jimm_state_name(whole, i), jimm_state_tensor(whole, i)),
          JIMM_OK);
    }
  }
  jimm_state_close(&whole);
  TEST_CHECK_CONTAINS(mismatch(toy(3, 4), headless), "set reset_head");
}

TEST(reset_head) {
  jimm_graph *graph = toy(3, 5);
  jimm_model *model = NULL;
  TEST_REQUIRE_MSG(bind(graph, weights(NULL), true, true, &model) == JIMM_OK, "%s",
                   jimm_error_message());
  static const char *const names[] = {"fc.weight", "fc.bias"};
  static const int64_t counts[] = {10, 5};
  for (int n = 0; n < 2; n++) {
    const jimm_tensor *got = parameter(model, names[n]);
    TEST_CHECK_INT(jimm_shape_count(&got->shape), counts[n]);
    const double bound = 1 / sqrt(2.0); /* two inputs */
    const uint64_t key = jimm_stream_key(0, names[n]);
    for (int64_t i = 0; i < counts[n]; i++) {
      const float want = (float)(bound * jimm_stream_uniform(key, (uint64_t)i));
      TEST_CHECK_DOUBLE(((const float *)got->data)[i], want, 0, 0);
    }
  }
  TEST_CHECK_MEM(parameter(model, "conv1.weight")->data, rgb, sizeof rgb);
  jimm_model_close(&model);

  /* A state without a head, and one with half of it. */
  TEST_REQUIRE_INT(bind(graph, weights("fc.bias"), true, true, &model), JIMM_OK);
  TEST_CHECK_INT(parameter(model, "fc.bias")->shape.dim[0], 5);
  jimm_model_close(&model);
  jimm_graph_close(&graph);

  /* A head that fits stays; a graph without one drops it; other faults stay faults. */
  graph = toy(3, 4);
  jimm_state *state = weights("fc.bias");
  const float bias[4] = {1, 2, 3, 4};
  add(state, "fc.bias", JIMM_F32, VECTOR(4), bias);
  TEST_REQUIRE_INT(bind(graph, state, true, true, &model), JIMM_OK);
  TEST_CHECK_MEM(parameter(model, "fc.bias")->data, bias, sizeof bias);
  jimm_model_close(&model);
  TEST_CHECK_INT(bind(graph, weights("bn1.bias"), true, true, &model), JIMM_ERROR_MISMATCH);
  jimm_graph_close(&graph);
  graph = toy(3, 0);
  TEST_REQUIRE_MSG(bind(graph, weights(NULL), true, true, &model) == JIMM_OK, "%s",
                   jimm_error_message());
  jimm_model_close(&model);
  state = weights(NULL);
  add(state, "fc2.weight", JIMM_F32, VECTOR(4), bias);
  TEST_CHECK_INT(bind(graph, state, true, true, &model), JIMM_ERROR_MISMATCH);
  jimm_graph_close(&graph);
}

/* ---- synthetic weights ---- */

TEST(synthetic_state_fills_the_graph) {
  jimm_graph *rgb_graph = named("test_resnet", -1, 3);
  jimm_state *state = NULL;
  TEST_REQUIRE_MSG(jimm_state_synthetic(rgb_graph, 7, &state) == JIMM_OK, "%s",
                   jimm_error_message());
  jimm_model *model = NULL;
  TEST_REQUIRE_MSG(jimm_model_create_synthetic(rgb_graph, 7, &model) == JIMM_OK, "%s",
                   jimm_error_message());
  TEST_CHECK(jimm_state_find(state, "bn1.num_batches_tracked") == NULL);
  int64_t elements = 0;
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const jimm_tensor *want = jimm_state_tensor(state, i);
    const jimm_tensor *got = parameter(model, jimm_state_name(state, i));
    TEST_CHECK_MEM(got->data, want->data, jimm_tensor_bytes(want));
    elements += jimm_shape_count(&want->shape);
  }
  TEST_CHECK(elements > jimm_graph_parameter_count(rgb_graph)); /* buffers too */
  jimm_model_close(&model);

  jimm_graph *gray = named("test_resnet", -1, 1);
  TEST_REQUIRE_INT(jimm_model_create(gray, state, NULL, &model), JIMM_OK);
  const float *from = jimm_state_find(state, "conv1.0.weight")->data;
  const float *to = parameter(model, "conv1.0.weight")->data;
  TEST_CHECK_DOUBLE(to[4], (from[4] + from[9 + 4]) + from[18 + 4], 0, 0);
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&gray);
  jimm_graph_close(&rgb_graph);
}

/* ---- packed weights ---- */

typedef struct packing {
  jimm_model *model;
  atomic_int calls;
  const void *data[4];
} packing;

static jimm_status pack(void *context, void *data) {
  packing *shared = context;
  atomic_fetch_add(&shared->calls, 1);
  const unsigned char *bytes = data;
  for (int i = 0; i < 100; i++) {
    if (bytes[i] != 0) {
      return jimm_fail(JIMM_ERROR_INTERNAL, "not zeroed");
    }
  }
  usleep(20000); /* long enough that all threads ask before the first is done */
  memset(data, 42, 100);
  return JIMM_OK;
}

typedef struct worker {
  packing *shared;
  int index;
  jimm_status status;
} worker;

static void *ask(void *context) {
  worker *self = context;
  self->status = jimm_model_packed(self->shared->model, "conv1.weight:test", 100, pack,
                                   self->shared, &self->shared->data[self->index]);
  return NULL;
}

static jimm_status refuse(void *context, void *data) {
  (void)context;
  (void)data;
  return jimm_fail(JIMM_ERROR_UNSUPPORTED, "no such layout");
}

TEST(packed_weights_are_made_once) {
  jimm_graph *graph = toy(3, 4);
  packing shared = {0};
  TEST_REQUIRE_INT(bind(graph, weights(NULL), false, true, &shared.model), JIMM_OK);
  jimm_graph_close(&graph);
  pthread_t threads[4];
  worker workers[4];
  for (int i = 0; i < 4; i++) {
    workers[i] = (worker){&shared, i, JIMM_ERROR_INTERNAL};
    TEST_REQUIRE_INT(pthread_create(&threads[i], NULL, ask, &workers[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    TEST_CHECK_INT(workers[i].status, JIMM_OK);
    TEST_CHECK(shared.data[i] == shared.data[0]);
  }
  TEST_CHECK_INT(shared.calls, 1);
  TEST_CHECK_INT((long long)((uintptr_t)shared.data[0] % 64), 0);
  TEST_CHECK_INT(((const char *)shared.data[0])[99], 42);

  const void *data = &shared;
  TEST_CHECK_INT(jimm_model_packed(shared.model, "conv1.weight:test", 99, pack, &shared, &data),
                 JIMM_ERROR_INTERNAL);
  TEST_CHECK_CONTAINS(jimm_error_message(), "conv1.weight:test: expected 100 bytes");
  TEST_CHECK(data == NULL);
  TEST_CHECK_INT(jimm_model_packed(shared.model, "other", 100, refuse, NULL, &data),
                 JIMM_ERROR_UNSUPPORTED);
  TEST_CHECK_INT(jimm_model_packed(shared.model, "other", 100, pack, &shared, &data), JIMM_OK);
  TEST_CHECK_INT(shared.calls, 2);
  TEST_CHECK(data != shared.data[0]);
  jimm_model_close(&shared.model);
}

TEST_MAIN()
