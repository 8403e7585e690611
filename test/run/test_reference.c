/* The reference evaluator: values by hand, outputs, element types, memory, errors. Operators are
 * tested by test_op, whole networks by test_golden. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/plan.h>

#define SHAPE(...)                                        \
  {                                                       \
    sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), { \
      __VA_ARGS__                                         \
    }                                                     \
  }

/* input [-1, 3] -> fc (weight, bias) -> relu; outputs: raw, act, again (= act), in (= input),
 * w (= weight), and unused, which must not be evaluated. */
static jimm_graph *build(void) {
  jimm_graph *g = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&g), JIMM_OK);
  const jimm_value x = jimm_graph_input(g, "input", &(jimm_input_attrs){SHAPE(-1, 3), JIMM_F32});
  const jimm_value weight = jimm_graph_parameter(
      g, "fc.weight", &(jimm_parameter_attrs){SHAPE(2, 3), JIMM_F32, 0, 0, false});
  const jimm_value bias =
      jimm_graph_parameter(g, "fc.bias", &(jimm_parameter_attrs){SHAPE(2), JIMM_F32, 0, 0, false});
  const jimm_value raw =
      jimm_graph_add(g, "linear", "fc", NULL, 3, (jimm_value[]){x, weight, bias});
  const jimm_value act = jimm_graph_add(g, "relu", "act", NULL, 1, &raw);
  const jimm_value optional = jimm_graph_parameter(
      g, "scale", &(jimm_parameter_attrs){SHAPE(2, 2), JIMM_F32, JIMM_BUFFER, 0, true});
  const jimm_value unused =
      jimm_graph_add(g, "linear", "unused", NULL, 2, (jimm_value[]){act, optional});
  jimm_graph_output(g, "raw", raw);
  jimm_graph_output(g, "act", act);
  jimm_graph_output(g, "again", act);
  jimm_graph_output(g, "in", x);
  jimm_graph_output(g, "w", weight);
  jimm_graph_output(g, "unused", unused);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  return g;
}

/* A model with weight [[1, 2, 3], [-1, 0, 0.5]] and bias [10, -0.25], held in `dtype`. */
static jimm_model *make_model(jimm_dtype dtype) {
  float weight[6] = {1, 2, 3, -1, 0, 0.5F}, bias[2] = {10, -0.25F};
  const jimm_tensor tensors[2] = {{JIMM_F32, SHAPE(2, 3), weight, NULL},
                                  {JIMM_F32, SHAPE(2), bias, NULL}};
  static const char *const names[2] = {"fc.weight", "fc.bias"};
  jimm_state *state = NULL;
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  for (int i = 0; i < 2; i++) {
    jimm_tensor held;
    TEST_REQUIRE_INT(jimm_tensor_convert(&tensors[i], dtype, &held), JIMM_OK);
    TEST_REQUIRE_INT(jimm_state_add_owned(state, names[i], &held), JIMM_OK);
  }
  jimm_graph *g = build();
  jimm_model *model = NULL;
  TEST_REQUIRE_INT(jimm_model_create(g, state, NULL, &model), JIMM_OK);
  jimm_graph_close(&g);
  jimm_state_close(&state);
  return model;
}

static double at(const jimm_tensor *t, int64_t i) {
  return t->dtype == JIMM_F64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}

TEST(values_by_hand_in_every_type) {
  static const jimm_dtype held[] = {JIMM_F32, JIMM_F16, JIMM_BF16, JIMM_F64};
  static const char *const names[] = {"again", "raw", "act", "in", "w"};
  float x32[6] = {1, -2, 4, 0, 0, -100};
  double x64[6] = {1, -2, 4, 0, 0, -100};
  const double raw[4] = {19, 0.75, -290, -50.25}, weight[6] = {1, 2, 3, -1, 0, 0.5};
  for (int i = 0; i < 4; i++) {
    jimm_model *model = make_model(held[i]);
    for (int k = 0; k < 4; k++) {
      const jimm_dtype dtype = k & 1 ? JIMM_F64 : JIMM_F32;
      const jimm_tensor input = k & 2 ? (jimm_tensor){JIMM_F64, SHAPE(2, 3), x64, NULL}
                                      : (jimm_tensor){JIMM_F32, SHAPE(2, 3), x32, NULL};
      jimm_tensor y[5];
      TEST_REQUIRE_INT(jimm_reference_run(model, dtype, &input, 5, names, y), JIMM_OK);
      for (int o = 0; o < 5; o++) {
        TEST_CHECK_INT(y[o].dtype, dtype);
        TEST_CHECK(y[o].owned != NULL && y[o].data != x32 && y[o].data != x64);
      }
      TEST_REQUIRE(jimm_shape_equal(&y[1].shape, &(jimm_shape)SHAPE(2, 2)));
      for (int e = 0; e < 4; e++) {
        TEST_CHECK_DOUBLE(at(&y[1], e), raw[e], 0, 0);
        TEST_CHECK_DOUBLE(at(&y[2], e), raw[e] > 0 ? raw[e] : 0, 0, 0);
        TEST_CHECK_DOUBLE(at(&y[0], e), at(&y[2], e), 0, 0);
      }
      TEST_CHECK(y[0].data != y[2].data);
      for (int e = 0; e < 6; e++) {
        TEST_CHECK_DOUBLE(at(&y[3], e), x64[e], 0, 0);
        TEST_CHECK_DOUBLE(at(&y[4], e), weight[e], 0, 0);
      }
      for (int o = 0; o < 5; o++) {
        jimm_tensor_close(&y[o]);
      }
    }
    jimm_model_close(&model);
  }
}

static void check_refusal(const jimm_model *model, jimm_dtype dtype, const jimm_tensor *input,
                          const char *name, jimm_status status, const char *message) {
  jimm_tensor y = {.dtype = JIMM_F32, .owned = &y}; /* what an error must clear, not close */
  TEST_CHECK_INT(jimm_reference_run(model, dtype, input, 1, &name, &y), status);
  TEST_CHECK_CONTAINS(jimm_error_message(), message);
  TEST_CHECK(y.owned == NULL && y.data == NULL);
}

TEST(errors_say_what_and_where) {
  jimm_model *model = make_model(JIMM_F32);
  float x[6] = {0};
  int32_t integers[6] = {0};
  const jimm_tensor good = {JIMM_F32, SHAPE(2, 3), x, NULL};
  const jimm_tensor wide = {JIMM_F32, SHAPE(1, 6), x, NULL};
  const jimm_tensor typed = {JIMM_I32, SHAPE(2, 3), integers, NULL};
  const jimm_tensor empty = {JIMM_F32, SHAPE(2, 3), NULL, NULL};
  check_refusal(NULL, JIMM_F32, &good, "act", JIMM_ERROR_INVALID_ARGUMENT, "model, input");
  check_refusal(model, JIMM_F16, &good, "act", JIMM_ERROR_INVALID_ARGUMENT, "F64, got F16");
  check_refusal(model, JIMM_F32, &typed, "act", JIMM_ERROR_INVALID_ARGUMENT, "F64, got I32");
  check_refusal(model, JIMM_F32, &empty, "act", JIMM_ERROR_INVALID_ARGUMENT, "no data");
  check_refusal(model, JIMM_F32, NULL, "act", JIMM_ERROR_INVALID_ARGUMENT, "input");
  check_refusal(model, JIMM_F32, &good, "logits", JIMM_ERROR_NOT_FOUND,
                "no output \"logits\"; the graph has: raw, act, again, in, w, unused");
  check_refusal(model, JIMM_F32, &good, NULL, JIMM_ERROR_NOT_FOUND, "no output");
  check_refusal(model, JIMM_F32, &wide, "act", JIMM_ERROR_SHAPE, "input (input): expected shape");
  check_refusal(model, JIMM_F32, &good, "unused", JIMM_ERROR_MISMATCH,
                "scale (parameter): the model has no tensor for it");
  jimm_tensor y;
  TEST_CHECK_INT(jimm_reference_run(model, JIMM_F32, &good, 0, NULL, &y),
                 JIMM_ERROR_INVALID_ARGUMENT);
  jimm_model_close(&model);
}

/* ---- memory ---- */

#define CHAIN 20
#define WIDTH 100000

typedef struct counted {
  size_t alive, peak;
} counted;

/* The size of each block is kept in front of it. */
static void *counted_allocate(void *context, size_t bytes, size_t alignment) {
  counted *c = context;
  const size_t head = alignment < 64 ? 64 : alignment;
  char *block = aligned_alloc(head, (head + bytes + head - 1) / head * head);
  if (block == NULL) {
    return NULL;
  }
  memcpy(block + head - 16, &bytes, sizeof(bytes));
  memcpy(block + head - 8, &head, sizeof(head));
  c->alive += bytes;
  c->peak = c->alive > c->peak ? c->alive : c->peak;
  return block + head;
}

static void counted_release(void *context, void *pointer) {
  size_t bytes, head;
  memcpy(&bytes, (char *)pointer - 16, sizeof(bytes));
  memcpy(&head, (char *)pointer - 8, sizeof(head));
  ((counted *)context)->alive -= bytes;
  free((char *)pointer - head);
}

/* A chain of relus holds two values at a time, whatever its length; a failing operator leaks
 * nothing. */
TEST_OPTIONS(values_die_after_their_last_use, .isolate = true) {
  counted memory = {0, 0};
  const jimm_allocator allocator = {sizeof(allocator), counted_allocate, counted_release, &memory};
  TEST_REQUIRE_INT(jimm_set_allocator(&allocator), JIMM_OK);
  jimm_graph *g = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&g), JIMM_OK);
  jimm_value x = jimm_graph_input(g, "input", &(jimm_input_attrs){SHAPE(-1), JIMM_F32});
  for (int i = 0; i < CHAIN; i++) {
    jimm_graph_push(g, "%d", i);
    x = jimm_graph_add(g, "relu", "act", NULL, 1, &x);
    jimm_graph_pop(g);
  }
  jimm_graph_output(g, "y", x);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  jimm_model *model = NULL;
  TEST_REQUIRE_INT(jimm_model_create_synthetic(g, 1, &model), JIMM_OK);
  jimm_graph_close(&g);
  float *values = calloc(WIDTH, sizeof(*values));
  TEST_REQUIRE(values != NULL);
  const size_t before = memory.alive;
  memory.peak = before;
  const jimm_tensor input = {JIMM_F32, SHAPE(WIDTH), values, NULL};
  const char *name = "y";
  jimm_tensor y;
  TEST_REQUIRE_INT(jimm_reference_run(model, JIMM_F32, &input, 1, &name, &y), JIMM_OK);
  const size_t bytes = WIDTH * sizeof(float);
  TEST_CHECK_UINT(memory.alive - before, bytes);
  TEST_CHECK(memory.peak - before >= 2 * bytes);
  TEST_CHECK_MSG(memory.peak - before < 2 * bytes + 65536, "peak %zu for values of %zu bytes",
                 memory.peak - before, bytes);
  jimm_tensor_close(&y);
  TEST_CHECK_UINT(memory.alive, before);
  jimm_model_close(&model);
  TEST_CHECK_UINT(memory.alive, 0);
  free(values);
}

TEST_MAIN()
