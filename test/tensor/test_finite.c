// NaN and infinity are found wherever they are, and named.
#include <float.h>
#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- tensors ------------------------------------------------------------------------------------

// Bit patterns: finite ones at the edges, and those that are not.
typedef struct type_row {
  jimm_dtype dtype;
  uint64_t finite[6], infinity, negative, nan[3];
} type_row;

static const type_row types[] = {
    {JIMM_F64,
     {0, UINT64_C(1) << 63, 1, 0x7FEFFFFFFFFFFFFF, 0xFFEFFFFFFFFFFFFF, 0x3FF0000000000000},
     0x7FF0000000000000,
     0xFFF0000000000000,
     {0x7FF8000000000000, 0xFFFFFFFFFFFFFFFF, 0x7FF0000000000001}},
    {JIMM_F32,
     {0, 0x80000000, 1, 0x7F7FFFFF, 0xFF7FFFFF, 0x3F800000},
     0x7F800000,
     0xFF800000,
     {0x7FC00000, 0xFFFFFFFF, 0x7F800001}},
    {JIMM_F16, {0, 0x8000, 1, 0x7BFF, 0xFBFF, 0x3C00}, 0x7C00, 0xFC00, {0x7E00, 0xFFFF, 0x7C01}},
    {JIMM_BF16, {0, 0x8000, 1, 0x7F7F, 0xFF7F, 0x3F80}, 0x7F80, 0xFF80, {0x7FC0, 0xFFFF, 0x7F81}},
};
enum { TYPES = 4, COUNT = 5 * 7 };

static void put(unsigned char *data, const type_row *type, size_t index, uint64_t bits) {
  const size_t size = jimm_dtype_size(type->dtype);
  memcpy(data + index * size, &bits, size);  // little-endian
}

static void check_element(const type_row *type, uint64_t bits, const char *word) {
  unsigned char memory[COUNT * 8 + 1], *data = memory + 1;  // unaligned, as views into files are
  const jimm_tensor tensor = {type->dtype, {2, {5, 7}}, data, NULL};
  for (size_t at = 0; at < COUNT; at++) {
    for (size_t i = 0; i < COUNT; i++) {
      put(data, type, i, type->finite[i % 6]);
    }
    TEST_CHECK_INT(jimm_tensor_check_finite(&tensor), JIMM_OK);
    put(data, type, at, bits);
    TEST_CHECK_INT(jimm_tensor_check_finite(&tensor), JIMM_ERROR_NOT_FINITE);
    char want[128];
    snprintf(want, sizeof want, "element [%zu, %zu] is %s (1 of 35 elements are not finite)",
             at / 7, at % 7, word);
    TEST_CHECK_STR(jimm_error_message(), want);
  }
}

TEST(every_floating_type) {
  for (size_t t = 0; t < TYPES; t++) {
    check_element(&types[t], types[t].infinity, "infinity");
    check_element(&types[t], types[t].negative, "-infinity");
    for (size_t k = 0; k < 3; k++) {
      check_element(&types[t], types[t].nan[k], "NaN");
    }
  }
}

TEST(the_first_of_many_is_named) {
  float values[24] = {0};
  const jimm_tensor tensor = {JIMM_F32, {3, {2, 3, 4}}, values, NULL};
  values[23] = NAN;
  values[18] = -INFINITY;
  values[19] = INFINITY;
  TEST_CHECK_INT(jimm_tensor_check_finite(&tensor), JIMM_ERROR_NOT_FINITE);
  TEST_CHECK_STR(jimm_error_message(),
                 "element [1, 1, 2] is -infinity (3 of 24 elements are not finite)");
}

TEST(scalars_empty_tensors_and_integers) {
  double nan = NAN;
  jimm_tensor tensor = {JIMM_F64, {0, {0}}, &nan, NULL};
  TEST_CHECK_INT(jimm_tensor_check_finite(&tensor), JIMM_ERROR_NOT_FINITE);
  TEST_CHECK_STR(jimm_error_message(), "element [] is NaN (1 of 1 elements are not finite)");
  tensor = (jimm_tensor){JIMM_F32, {2, {0, 3}}, NULL, NULL};
  TEST_CHECK_INT(jimm_tensor_check_finite(&tensor), JIMM_OK);
  unsigned char ones[8];
  memset(ones, 0xFF, sizeof ones);
  for (int dtype = JIMM_I64; dtype <= JIMM_BOOL; dtype++) {
    tensor = (jimm_tensor){(jimm_dtype)dtype, {1, {1}}, ones, NULL};
    TEST_CHECK_INT(jimm_tensor_check_finite(&tensor), JIMM_OK);
  }
  TEST_CHECK_INT(jimm_tensor_check_finite(NULL), JIMM_ERROR_INVALID_ARGUMENT);
  tensor = (jimm_tensor){JIMM_F32, {1, {4}}, NULL, NULL};
  TEST_CHECK_INT(jimm_tensor_check_finite(&tensor), JIMM_ERROR_INVALID_ARGUMENT);
}

// ---- states and models --------------------------------------------------------------------------

enum { SIDE = 32 };

static jimm_graph *build(const jimm_model_options *options) {
  jimm_model_name name;
  jimm_graph *graph = NULL;
  TEST_REQUIRE_INT(jimm_model_find("test_resnet", &name), JIMM_OK);
  TEST_REQUIRE_INT(jimm_graph_build(&name, options, &graph), JIMM_OK);
  return graph;
}

// A state of float32 tensors that the test may write to.
static jimm_state *synthetic(const jimm_graph *graph) {
  jimm_state *state = NULL;
  TEST_REQUIRE_INT(jimm_state_synthetic(graph, 1, &state), JIMM_OK);
  return state;
}

static void set(const jimm_state *state, const char *name, size_t index, float value) {
  const jimm_tensor *tensor = jimm_state_find(state, name);
  TEST_REQUIRE(tensor != NULL && tensor->dtype == JIMM_F32);
  ((float *)tensor->data)[index] = value;
}

static jimm_model *bind(jimm_graph *graph, jimm_state *state, bool reset_head) {
  jimm_model *model = NULL;
  jimm_weights_options options = JIMM_WEIGHTS_OPTIONS_INIT;
  options.reset_head = reset_head;
  TEST_REQUIRE_INT(jimm_model_create(graph, state, &options, &model), JIMM_OK);
  return model;
}

TEST(states_and_models_name_the_tensor) {
  jimm_graph *graph = build(NULL);
  jimm_state *state = synthetic(graph);
  jimm_model *model = bind(graph, state, false);
  TEST_CHECK_INT(jimm_state_check_finite(state), JIMM_OK);
  TEST_CHECK_INT(jimm_model_check_finite(model), JIMM_OK);
  set(state, "layer3.0.bn2.running_var", 5, INFINITY);
  const char *one =
      "tensor \"layer3.0.bn2.running_var\": element [5] is infinity (1 of 48 elements are not "
      "finite)";
  TEST_CHECK_INT(jimm_state_check_finite(state), JIMM_ERROR_NOT_FINITE);
  TEST_CHECK_STR(jimm_error_message(), one);
  TEST_CHECK_INT(jimm_model_check_finite(model), JIMM_ERROR_NOT_FINITE);
  TEST_CHECK_STR(jimm_error_message(), one);
  set(state, "conv1.0.weight", 30, NAN);
  set(state, "fc.bias", 0, NAN);
  const char *three =
      "tensor \"conv1.0.weight\": element [1, 0, 1, 0] is NaN (1 of 432 elements are not finite); "
      "2 more tensors have such elements";
  TEST_CHECK_INT(jimm_state_check_finite(state), JIMM_ERROR_NOT_FINITE);
  TEST_CHECK_STR(jimm_error_message(), three);
  TEST_CHECK_INT(jimm_model_check_finite(model), JIMM_ERROR_NOT_FINITE);
  TEST_CHECK_STR(jimm_error_message(), three);
  TEST_CHECK_INT(jimm_state_check_finite(NULL), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_model_check_finite(NULL), JIMM_ERROR_INVALID_ARGUMENT);
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

// Names of a file are not trusted.
TEST(odd_tensor_names_are_quoted) {
  jimm_state *state = NULL;
  float nan = NAN;
  const jimm_tensor tensor = {JIMM_F32, {1, {1}}, &nan, NULL};
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_add(state, "a\nb", &tensor), JIMM_OK);
  TEST_CHECK_INT(jimm_state_check_finite(state), JIMM_ERROR_NOT_FINITE);
  TEST_CHECK_CONTAINS(jimm_error_message(), "tensor \"a\\x0Ab\": element [0] is NaN");
  jimm_state_close(&state);
}

// A head that is dropped does no harm; an input convolution that is adapted keeps its NaN.
TEST(what_the_model_uses_counts) {
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  jimm_graph *three = build(NULL);
  jimm_state *state = synthetic(three);
  options.num_classes = 5;
  options.in_chans = 1;
  jimm_graph *one = build(&options);
  set(state, "fc.weight", 7, NAN);
  jimm_model *model = bind(one, state, true);
  TEST_CHECK_INT(jimm_state_check_finite(state), JIMM_ERROR_NOT_FINITE);
  TEST_CHECK_INT(jimm_model_check_finite(model), JIMM_OK);
  jimm_model_close(&model);
  set(state, "conv1.0.weight", 9, NAN);  // output channel 0, input channel 1
  model = bind(one, state, true);
  TEST_CHECK_INT(jimm_model_check_finite(model), JIMM_ERROR_NOT_FINITE);
  TEST_CHECK_CONTAINS(jimm_error_message(),
                      "\"conv1.0.weight\": element [0, 0, 0, 0] is NaN (1 of 144");
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&one);
  jimm_graph_close(&three);
}

// ---- where it begins ----------------------------------------------------------------------------

static float pixels[3 * SIDE * SIDE];

static void check_where(const char *name, size_t index, float value, float pixel,
                        const char *want) {
  jimm_graph *graph = build(NULL);
  jimm_state *state = synthetic(graph);
  for (size_t i = 0; i < 3 * SIDE * SIDE; i++) {
    pixels[i] = (float)(i % 17) / 17;
  }
  pixels[40] = pixel;
  const jimm_tensor input = {JIMM_F32, {4, {1, 3, SIDE, SIDE}}, pixels, NULL};
  if (name != NULL) {
    set(state, name, index, value);
  }
  jimm_model *model = bind(graph, state, false);
  const jimm_dtype dtypes[] = {JIMM_F32, JIMM_F64};
  for (size_t i = 0; i < 2; i++) {
    const jimm_status status = jimm_reference_check_finite(model, dtypes[i], &input);
    TEST_CHECK_INT(status, want == NULL ? JIMM_OK : JIMM_ERROR_NOT_FINITE);
    if (want != NULL) {
      TEST_CHECK_CONTAINS(jimm_error_message(), want);
    }
  }
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

TEST(the_first_node_is_named) {
  check_where(NULL, 0, 0, 1, NULL);
  check_where(NULL, 0, 0, INFINITY, "input (input): element [0, 0, 1, 8] is infinity (1 of 3072");
  check_where("bn1.weight", 3, NAN, 1, "bn1.weight (parameter): element [3] is NaN (1 of 32");
  // Finite weights with which arithmetic leaves the numbers: the root of a negative variance.
  check_where("layer2.0.bn1.running_var", 2, -1, 1,
              "layer2.0.bn1 (batch_norm): element [0, 2, 0, 0] is NaN (16 of 768");
}

// The sum overflows float32, but not float64.
TEST(overflow_depends_on_the_type) {
  jimm_graph *graph = build(NULL);
  jimm_state *state = synthetic(graph);
  const jimm_tensor *weight = jimm_state_find(state, "conv1.0.weight");
  TEST_REQUIRE(weight != NULL);
  for (int64_t i = 0; i < jimm_shape_count(&weight->shape); i++) {
    ((float *)weight->data)[i] = FLT_MAX;
  }
  for (size_t i = 0; i < 3 * SIDE * SIDE; i++) {
    pixels[i] = 1;
  }
  const jimm_tensor input = {JIMM_F32, {4, {1, 3, SIDE, SIDE}}, pixels, NULL};
  jimm_model *model = bind(graph, state, false);
  TEST_CHECK_INT(jimm_model_check_finite(model), JIMM_OK);
  TEST_CHECK_INT(jimm_reference_check_finite(model, JIMM_F64, &input), JIMM_OK);
  TEST_CHECK_INT(jimm_reference_check_finite(model, JIMM_F32, &input), JIMM_ERROR_NOT_FINITE);
  TEST_CHECK_CONTAINS(jimm_error_message(), "conv1.0 (conv2d): element [0, 0, 0, 0] is infinity");
  TEST_CHECK_INT(jimm_reference_check_finite(NULL, JIMM_F32, &input), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_reference_check_finite(model, JIMM_F32, NULL), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_reference_check_finite(model, JIMM_F16, &input), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "jimm_reference_check_finite: expected dtype");
  const jimm_tensor narrow = {JIMM_F32, {4, {1, 1, SIDE, SIDE}}, pixels, NULL};
  TEST_CHECK_INT(jimm_reference_check_finite(model, JIMM_F32, &narrow), JIMM_ERROR_SHAPE);
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

TEST_MAIN()
