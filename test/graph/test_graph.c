/* Graphs: building, names, errors, inference, printing, attributes, operators of one's own. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>
#include <jimm/graph.h>

#include "graph/attrs.h"

#define SHAPE(...)                                        \
  {                                                       \
    sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), { \
      __VA_ARGS__                                         \
    }                                                     \
  }

static const jimm_conv2d_attrs conv3 = {{1, 1}, {1, 1}, {1, 1}, 1};

static jimm_graph *new_graph(void) {
  jimm_graph *g = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&g), JIMM_OK);
  return g;
}

static jimm_value add_input(jimm_graph *g) {
  return jimm_graph_input(g, "input", &(jimm_input_attrs){SHAPE(-1, 3, -1, -1), JIMM_F32});
}

static jimm_value add_weight(jimm_graph *g, const char *name, int64_t out, int64_t in) {
  return jimm_graph_parameter(
      g, name, &(jimm_parameter_attrs){SHAPE(out, in, 3, 3), JIMM_F32, JIMM_PARAMETER, 0, false});
}

/* A conv2d of 3x3 under the scope `name`, with its weight. */
static jimm_value add_conv(jimm_graph *g, const char *name, jimm_value x, int64_t out, int64_t in) {
  jimm_graph_push(g, "%s", name);
  const jimm_value inputs[] = {x, add_weight(g, "weight", out, in)};
  const jimm_value y = jimm_graph_add(g, "conv2d", "", &conv3, 2, inputs);
  jimm_graph_pop(g);
  return y;
}

/* input -> layer1.0.conv1 -> layer1.0.act1 -> output */
static jimm_graph *small_graph(int64_t in) {
  jimm_graph *g = new_graph();
  jimm_value x = add_input(g);
  jimm_graph_push(g, "layer%d", 1);
  jimm_graph_push(g, "%d", 0);
  x = add_conv(g, "conv1", x, 4, in);
  x = jimm_graph_add(g, "relu", "act1", NULL, 1, &x);
  jimm_graph_pop(g);
  jimm_graph_pop(g);
  jimm_graph_output(g, "features", x);
  return g;
}

/* Checks that finish fails with `status` and a message that contains `message`; closes. */
static void check_error(jimm_graph *g, jimm_status status, const char *message) {
  jimm_fail(JIMM_ERROR_IO, "something that happened meanwhile");
  TEST_CHECK_INT(jimm_graph_finish(g), status);
  TEST_CHECK_CONTAINS(jimm_error_message(), message);
  jimm_graph_close(&g);
}

TEST(scopes_make_names) {
  jimm_graph *g = small_graph(3);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  TEST_CHECK_INT(jimm_graph_finish(g), JIMM_OK);
  TEST_REQUIRE_INT(jimm_graph_node_count(g), 4);
  static const char *const names[] = {"input", "layer1.0.conv1.weight", "layer1.0.conv1",
                                      "layer1.0.act1"};
  for (int32_t i = 0; i < 4; i++) {
    TEST_CHECK_STR(jimm_graph_node(g, i)->name, names[i]);
    TEST_CHECK_INT(jimm_graph_find(g, names[i]), i);
  }
  TEST_CHECK_INT(jimm_graph_find(g, "layer1.0"), JIMM_NO_VALUE);
  TEST_CHECK_INT(jimm_graph_find(g, NULL), JIMM_NO_VALUE);
  TEST_CHECK(jimm_graph_node(g, 4) == NULL);
  TEST_CHECK(jimm_graph_node(g, -1) == NULL);
  const jimm_node *conv = jimm_graph_node(g, 2);
  TEST_CHECK_INT(conv->kind, JIMM_NODE_OP);
  TEST_CHECK_STR(conv->op->name, "conv2d");
  TEST_CHECK_INT(conv->dtype, JIMM_F32);
  TEST_CHECK_INT(conv->input_count, 2);
  TEST_CHECK(conv->input_count == 2 && conv->inputs[0] == 0 && conv->inputs[1] == 1);
  TEST_CHECK(conv->attrs != &conv3);
  TEST_CHECK_MEM(conv->attrs, &conv3, sizeof(conv3));
  TEST_CHECK_INT(jimm_graph_node(g, 0)->kind, JIMM_NODE_INPUT);
  TEST_CHECK_INT(jimm_graph_node(g, 1)->kind, JIMM_NODE_PARAMETER);
  TEST_CHECK(jimm_graph_node(g, 1)->op == NULL);
  TEST_CHECK_INT(jimm_graph_output_count(g), 1);
  TEST_CHECK_STR(jimm_graph_output_name(g, 0), "features");
  TEST_CHECK_INT(jimm_graph_output_value(g, 0), 3);
  TEST_CHECK_INT(jimm_graph_find_output(g, "features"), 3);
  TEST_CHECK_INT(jimm_graph_find_output(g, "logits"), JIMM_NO_VALUE);
  TEST_CHECK_INT(jimm_graph_output_value(g, 1), JIMM_NO_VALUE);
  TEST_CHECK(jimm_graph_output_name(g, 1) == NULL);
  TEST_CHECK_INT(jimm_graph_parameter_count(g), 4 * 3 * 9);
  jimm_graph_close(&g);
}

TEST(empty_scopes_add_nothing) {
  jimm_graph *g = new_graph();
  jimm_graph_push(g, "%s", "");
  jimm_value x = add_input(g);
  jimm_graph_push(g, "head");
  jimm_graph_push(g, "%s", "");
  x = jimm_graph_add(g, "relu", "", NULL, 1, &x);
  x = jimm_graph_add(g, "relu", "act", NULL, 1, &x);
  jimm_graph_pop(g);
  jimm_graph_pop(g);
  x = jimm_graph_add(g, "relu", "last", NULL, 1, &x);
  jimm_graph_pop(g);
  jimm_graph_output(g, "y", x);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  TEST_CHECK_STR(jimm_graph_node(g, 0)->name, "input");
  TEST_CHECK_STR(jimm_graph_node(g, 1)->name, "head");
  TEST_CHECK_STR(jimm_graph_node(g, 2)->name, "head.act");
  TEST_CHECK_STR(jimm_graph_node(g, 3)->name, "last");
  jimm_graph_close(&g);
}

TEST(first_error_sticks) {
  jimm_graph *g = new_graph();
  jimm_value x = add_input(g);
  jimm_graph_push(g, "layer1");
  const jimm_value bad = jimm_graph_add(g, "conv3d", "conv", &conv3, 1, &x);
  TEST_CHECK_INT(bad, JIMM_NO_VALUE);
  const int32_t count = jimm_graph_node_count(g);
  TEST_CHECK_INT(jimm_graph_add(g, "relu", "act", NULL, 1, &bad), JIMM_NO_VALUE);
  TEST_CHECK_INT(jimm_graph_add(g, "relu", "act", NULL, 1, &x), JIMM_NO_VALUE);
  TEST_CHECK_INT(add_weight(g, "weight", 1, 1), JIMM_NO_VALUE);
  TEST_CHECK_INT(add_input(g), JIMM_NO_VALUE);
  jimm_graph_output(g, "y", x);
  jimm_graph_fail(g, JIMM_ERROR_LIMIT, "a later error");
  TEST_CHECK_INT(jimm_graph_node_count(g), count);
  TEST_CHECK_INT(jimm_graph_output_count(g), 0);
  TEST_CHECK_INT(jimm_graph_finish(g), JIMM_ERROR_NOT_FOUND);
  check_error(g, JIMM_ERROR_NOT_FOUND, "layer1.conv: there is no operator \"conv3d\"");
}

TEST(building_errors_name_the_node) {
  jimm_graph *g = new_graph();
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "the graph has no output");

  g = small_graph(3);
  jimm_graph_push(g, "layer4");
  jimm_graph_push(g, "1");
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "the scope \"layer4.1\" is open (2 pushes");

  g = small_graph(3);
  jimm_graph_pop(g);
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "jimm_graph_pop without a push");

  g = small_graph(3);
  add_conv(g, "layer1.0.conv1", 0, 4, 3);
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT,
              "layer1.0.conv1.weight: there is a node of that name already");

  g = small_graph(3);
  jimm_graph_add(g, "relu", NULL, NULL, 1, (jimm_value[]){0});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "a node has no name and no scope");

  g = small_graph(3);
  jimm_graph_add(g, NULL, "x", NULL, 1, (jimm_value[]){0});
  check_error(g, JIMM_ERROR_NOT_FOUND, "x: there is no operator \"(NULL)\"");

  g = small_graph(3);
  jimm_graph_add(g, "conv2d", "conv9", &conv3, 1, (jimm_value[]){0});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "conv9 (conv2d): expected 2 to 3 inputs, got 1");

  g = small_graph(3);
  jimm_graph_add(g, "conv2d", "conv9", &conv3, 4, (jimm_value[]){0, 1, 1, 1});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "conv9 (conv2d): expected 2 to 3 inputs, got 4");

  g = small_graph(3);
  jimm_graph_add(g, "conv2d", "conv9", &conv3, 2, (jimm_value[]){0, JIMM_NO_VALUE});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT,
              "conv9 (conv2d): input weight is required but absent");

  g = small_graph(3);
  jimm_graph_add(g, "conv2d", "conv9", &conv3, 3, (jimm_value[]){0, 1, 77});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT,
              "conv9 (conv2d): input bias is no value of this graph (77; the graph has 4 nodes");

  g = small_graph(3);
  jimm_graph_add(g, "conv2d", "conv9", NULL, 2, (jimm_value[]){0, 1});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "conv9 (conv2d): attributes are required but NULL");

  g = small_graph(3);
  jimm_graph_add(g, "conv2d", "conv9", &conv3, 2, NULL);
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "conv9 (conv2d): inputs is NULL");

  g = small_graph(3);
  jimm_graph_add(g, "relu", "act9", &conv3, 1, (jimm_value[]){0});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT,
              "act9 (relu): attributes are given, but it takes none");

  g = small_graph(3);
  jimm_graph_add(g, "global_pool", "pool", &(jimm_global_pool_attrs){9}, 1, (jimm_value[]){0});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "pool (global_pool): type must be 0 to 3, got 9");

  g = small_graph(3);
  jimm_graph_output(g, "features", 0);
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "output features: there is an output of that name");

  g = small_graph(3);
  jimm_graph_output(g, "logits", 99);
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "output logits: 99 is no value of this graph");

  g = small_graph(3);
  jimm_graph_output(g, "", 0);
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "an output of the graph has no name");

  g = small_graph(3);
  jimm_graph_push(g, "stages");
  jimm_graph_push(g, "2");
  jimm_graph_fail(g, JIMM_ERROR_UNSUPPORTED, "stride %d", 5);
  check_error(g, JIMM_ERROR_UNSUPPORTED, "stages.2: stride 5");

  g = small_graph(3);
  char longest[600];
  memset(longest, 'a', sizeof(longest) - 1);
  longest[sizeof(longest) - 1] = 0;
  jimm_graph_push(g, "%s", longest);
  check_error(g, JIMM_ERROR_LIMIT, "scope's name is longer than 511 bytes");
}

TEST(parameters_and_inputs_are_checked) {
  jimm_graph *g = small_graph(3);
  jimm_graph_parameter(g, "w", &(jimm_parameter_attrs){SHAPE(4, -1), JIMM_F32, 0, 0, false});
  check_error(g, JIMM_ERROR_SHAPE, "w (parameter): [4, -1] is no shape of a parameter");

  g = small_graph(3);
  jimm_graph_parameter(g, "w", &(jimm_parameter_attrs){{99, {1}}, JIMM_F32, 0, 0, false});
  check_error(g, JIMM_ERROR_SHAPE, "w (parameter): too many dimensions");

  g = small_graph(3);
  const int64_t big = INT64_C(1) << 32;
  jimm_graph_parameter(g, "w", &(jimm_parameter_attrs){SHAPE(big, big), JIMM_F32, 0, 0, false});
  check_error(g, JIMM_ERROR_SHAPE, "w (parameter): [4294967296, 4294967296] is no shape");

  g = small_graph(3);
  jimm_graph_parameter(g, "w", &(jimm_parameter_attrs){SHAPE(4), 77, 0, 0, false});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "w (parameter): it needs a dtype");

  g = small_graph(3);
  jimm_graph_parameter(g, "w", NULL);
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "w (parameter)");

  g = small_graph(3);
  jimm_graph_input(g, "input2", &(jimm_input_attrs){SHAPE(-2, 3), JIMM_F32});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "input2 (input): it needs a dtype and a shape");

  g = small_graph(3);
  jimm_graph_input(g, "input2", &(jimm_input_attrs){SHAPE(-1, 3), JIMM_DTYPE_NONE});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "input2 (input)");
}

TEST(finished_graph_is_immutable) {
  jimm_graph *g = small_graph(3);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  TEST_CHECK_INT(jimm_graph_add(g, "relu", "late", NULL, 1, (jimm_value[]){0}), JIMM_NO_VALUE);
  TEST_CHECK_CONTAINS(jimm_error_message(), "finished");
  TEST_CHECK_INT(add_input(g), JIMM_NO_VALUE);
  TEST_CHECK_INT(add_weight(g, "late", 1, 1), JIMM_NO_VALUE);
  jimm_graph_push(g, "scope");
  jimm_graph_pop(g);
  jimm_graph_pop(g);
  jimm_graph_output(g, "late", 0);
  jimm_graph_fail(g, JIMM_ERROR_LIMIT, "late");
  TEST_CHECK_INT(jimm_graph_node_count(g), 4);
  TEST_CHECK_INT(jimm_graph_output_count(g), 1);
  TEST_CHECK_INT(jimm_graph_finish(g), JIMM_OK);
  jimm_graph_close(&g);
}

TEST(null_is_accepted) {
  TEST_CHECK_INT(jimm_graph_create(NULL), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK(jimm_graph_retain(NULL) == NULL);
  jimm_graph_close(NULL);
  jimm_graph *none = NULL;
  jimm_graph_close(&none);
  jimm_graph_push(NULL, "x");
  jimm_graph_pop(NULL);
  jimm_graph_output(NULL, "x", 0);
  jimm_graph_fail(NULL, JIMM_ERROR_LIMIT, "x");
  TEST_CHECK_INT(jimm_graph_add(NULL, "relu", "x", NULL, 0, NULL), JIMM_NO_VALUE);
  TEST_CHECK_INT(jimm_graph_finish(NULL), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_graph_node_count(NULL), 0);
  TEST_CHECK_INT(jimm_graph_output_count(NULL), 0);
  TEST_CHECK(jimm_graph_node(NULL, 0) == NULL);
  TEST_CHECK_INT(jimm_graph_find(NULL, "x"), JIMM_NO_VALUE);
  TEST_CHECK_INT(jimm_graph_find_output(NULL, "x"), JIMM_NO_VALUE);
  TEST_CHECK_INT(jimm_graph_parameter_count(NULL), 0);
  char *text = NULL;
  TEST_CHECK_INT(jimm_graph_print(NULL, NULL, &text), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_graph_infer(NULL, NULL, NULL), JIMM_ERROR_INVALID_ARGUMENT);
  jimm_text_free(NULL);
}

/* ---- inference ---- */

TEST(infer_gives_every_shape) {
  jimm_graph *g = small_graph(3);
  jimm_shape shapes[4], input = SHAPE(2, 3, 5, 7);
  TEST_CHECK_INT(jimm_graph_infer(g, &input, shapes), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "not finished");
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  TEST_REQUIRE_INT(jimm_graph_infer(g, &input, shapes), JIMM_OK);
  TEST_CHECK(jimm_shape_equal(&shapes[0], &input));
  TEST_CHECK(jimm_shape_equal(&shapes[1], &(jimm_shape)SHAPE(4, 3, 3, 3)));
  TEST_CHECK(jimm_shape_equal(&shapes[2], &(jimm_shape)SHAPE(2, 4, 5, 7)));
  TEST_CHECK(jimm_shape_equal(&shapes[3], &(jimm_shape)SHAPE(2, 4, 5, 7)));
  input.dim[0] = 0;
  TEST_CHECK_INT(jimm_graph_infer(g, &input, shapes), JIMM_OK);
  jimm_graph_close(&g);
}

static void check_infer(jimm_graph *g, jimm_shape input, jimm_status status, const char *message) {
  jimm_shape shapes[8];
  TEST_REQUIRE(jimm_graph_node_count(g) <= 8);
  TEST_CHECK_INT(jimm_graph_infer(g, &input, shapes), status);
  TEST_CHECK_CONTAINS(jimm_error_message(), message);
}

TEST(infer_errors_name_the_node) {
  jimm_graph *g = small_graph(3);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  check_infer(g, (jimm_shape)SHAPE(1, 4, 5, 7), JIMM_ERROR_SHAPE,
              "input (input): expected shape [-1, 3, -1, -1] (-1: any), got [1, 4, 5, 7]: "
              "dimension 1 is 4 instead of 3");
  check_infer(g, (jimm_shape)SHAPE(3, 5, 7), JIMM_ERROR_SHAPE,
              "input (input): expected 4 dimensions [-1, 3, -1, -1] (-1: any), got 3 dimensions");
  check_infer(g, (jimm_shape)SHAPE(1, 3, -5, 7), JIMM_ERROR_SHAPE, "dimension 2 of [1, 3, -5, 7]");
  check_infer(g, (jimm_shape){.rank = -1}, JIMM_ERROR_SHAPE, "input (input): the rank must be 0");
  check_infer(g, (jimm_shape){.rank = 99}, JIMM_ERROR_SHAPE, "got 99");
  check_infer(g, (jimm_shape)SHAPE(1, 3, INT64_C(1) << 40, 7), JIMM_ERROR_LIMIT,
              "input (input): dimension 2");
  check_infer(g, (jimm_shape)SHAPE(2147483647, 3, 2147483647, 7), JIMM_ERROR_LIMIT,
              "input (input): [2147483647, 3, 2147483647, 7] has too many elements");
  check_infer(g, (jimm_shape)SHAPE(1, 3, 0, 7), JIMM_ERROR_SHAPE,
              "layer1.0.conv1 (conv2d): only the batch may be empty, got x [1, 3, 0, 7]");
  jimm_graph_close(&g);

  g = small_graph(5);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  check_infer(g, (jimm_shape)SHAPE(1, 3, 5, 7), JIMM_ERROR_SHAPE,
              "layer1.0.conv1 (conv2d): weight [4, 5, 3, 3] with groups 1 expects x with 5 "
              "channels, got x [1, 3, 5, 7]");
  jimm_graph_close(&g);

  g = small_graph(3); /* the output is larger than the input: 4 channels for 3 */
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  check_infer(g, (jimm_shape)SHAPE(1, 3, 617640000, 617640000), JIMM_ERROR_LIMIT,
              "layer1.0.conv1 (conv2d): output: [1, 4, 617640000, 617640000] has too many");
  jimm_graph_close(&g);
}

TEST(infer_takes_every_input) {
  jimm_graph *g = new_graph();
  const jimm_value a = add_input(g);
  const jimm_value b =
      jimm_graph_input(g, "mask", &(jimm_input_attrs){SHAPE(-1, 3, -1, -1), JIMM_F32});
  jimm_graph_output(g, "y", jimm_graph_add(g, "add", "sum", NULL, 2, (jimm_value[]){a, b}));
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  TEST_REQUIRE_INT(jimm_graph_input_count(g), 2);
  TEST_CHECK_INT(jimm_graph_input_value(g, 1), b);
  TEST_CHECK_INT(jimm_graph_input_value(g, 2), JIMM_NO_VALUE);
  TEST_CHECK_INT(jimm_graph_find_input(g, "mask"), 1);
  TEST_CHECK_INT(jimm_graph_find_input(g, "sum"), -1);
  jimm_shape shapes[3], inputs[] = {SHAPE(2, 3, 5, 7), SHAPE(1, 3, 1, 7)};
  TEST_REQUIRE_INT(jimm_graph_infer(g, inputs, shapes), JIMM_OK);
  TEST_CHECK(jimm_shape_equal(&shapes[2], &inputs[0]));
  inputs[1] = (jimm_shape)SHAPE(1, 4, 1, 7);
  TEST_CHECK_INT(jimm_graph_infer(g, inputs, shapes), JIMM_ERROR_SHAPE);
  TEST_CHECK_CONTAINS(jimm_error_message(), "mask (input): expected shape [-1, 3, -1, -1]");
  inputs[1] = (jimm_shape)SHAPE(2, 3, 2, 7);
  TEST_CHECK_INT(jimm_graph_infer(g, inputs, shapes), JIMM_ERROR_SHAPE);
  TEST_CHECK_CONTAINS(jimm_error_message(), "sum (add): a and b must be equal");
  jimm_graph_close(&g);
}

/* ---- the axis of the channels ---- */

static jimm_value permuted(jimm_graph *g, const char *name, jimm_value x, jimm_shape order) {
  return jimm_graph_add(g, "permute", name, &(jimm_permute_attrs){order}, 1, &x);
}

TEST(channels_move_along) {
  jimm_graph *g = new_graph();
  const jimm_value image = add_input(g);
  const jimm_value flat = jimm_graph_add(g, "flatten", "flat", &(jimm_flatten_attrs){2}, 1, &image);
  const jimm_value tokens = permuted(g, "tokens", flat, (jimm_shape)SHAPE(0, 2, 1));
  const jimm_value relu = jimm_graph_add(g, "relu", "relu", NULL, 1, &tokens);
  const jimm_value row = jimm_graph_add(g, "flatten", "row", &(jimm_flatten_attrs){1}, 1, &tokens);
  const jimm_value heads =
      jimm_graph_add(g, "reshape", "heads", &(jimm_reshape_attrs){SHAPE(0, 5, 7, 3)}, 1, &tokens);
  const jimm_value back = permuted(g, "back", relu, (jimm_shape)SHAPE(0, 2, 1));
  jimm_graph_output(g, "y", back);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  jimm_shape shapes[8];
  TEST_REQUIRE_INT(jimm_graph_infer(g, &(jimm_shape)SHAPE(2, 3, 5, 7), shapes), JIMM_OK);
  TEST_CHECK_INT(jimm_shape_axis(&shapes[image]), 1);
  TEST_CHECK_INT(jimm_shape_axis(&shapes[flat]), 1);
  TEST_CHECK_INT(jimm_shape_axis(&shapes[tokens]), 2);
  TEST_CHECK_INT(jimm_shape_axis(&shapes[relu]), 2);
  TEST_CHECK_INT(jimm_shape_axis(&shapes[row]), 1);
  TEST_CHECK_INT(jimm_shape_axis(&shapes[heads]), 3);
  TEST_CHECK_INT(jimm_shape_axis(&shapes[back]), 1);
  jimm_graph_close(&g);
}

/* Of two dimensions that are as long as the channels, those are where as many pixels come before.
 */
TEST(reshaped_channels_have_as_many_pixels_before) {
  jimm_graph *g = new_graph();
  const jimm_value image = add_input(g);
  const jimm_value flat = jimm_graph_add(g, "flatten", "flat", &(jimm_flatten_attrs){2}, 1, &image);
  const jimm_value tokens = permuted(g, "tokens", flat, (jimm_shape)SHAPE(0, 2, 1));
  const jimm_value grid =
      jimm_graph_add(g, "reshape", "grid", &(jimm_reshape_attrs){SHAPE(0, 4, 3, 3)}, 1, &tokens);
  jimm_graph_output(g, "y", grid);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  jimm_shape shapes[4];
  TEST_REQUIRE_INT(jimm_graph_infer(g, &(jimm_shape)SHAPE(2, 3, 4, 3), shapes), JIMM_OK);
  TEST_CHECK_INT(jimm_shape_axis(&shapes[grid]), 3);
  jimm_graph_close(&g);
}

TEST(an_axis_is_a_dimension) {
  jimm_graph *g = new_graph();
  jimm_graph_input(g, "x", &(jimm_input_attrs){{3, {-1, 4, 5}, 3}, JIMM_F32});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "x (input): it needs a dtype and a shape");
  g = new_graph();
  jimm_graph_constant(g, "c", &(jimm_tensor){JIMM_F32, {1, {1}, 1}, &(float){1}, NULL});
  check_error(g, JIMM_ERROR_SHAPE, "c (constant): axis 1 is no dimension");
}

/* ---- constants ---- */

TEST(constants_are_copied) {
  jimm_graph *g = new_graph();
  float table[] = {1, 2, 3};
  const jimm_tensor tensor = {JIMM_F32, SHAPE(3), table, NULL};
  const jimm_value x = add_input(g);
  const jimm_value c = jimm_graph_constant(g, "table", &tensor);
  table[0] = 7;
  jimm_graph_output(g, "y", x);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  const jimm_node *node = jimm_graph_node(g, c);
  TEST_CHECK_INT(node->kind, JIMM_NODE_CONSTANT);
  TEST_CHECK(node->constant);
  const jimm_tensor *kept = &((const jimm_constant_attrs *)node->attrs)->tensor;
  TEST_CHECK_DOUBLE((double)((const float *)kept->data)[0], 1, 0, 0);
  TEST_CHECK_INT(jimm_graph_parameter_count(g), 0);
  char *text = NULL;
  TEST_REQUIRE_INT(jimm_graph_print(g, NULL, &text), JIMM_OK);
  TEST_CHECK_CONTAINS(text, "1 table = constant [3] F32");
  jimm_text_free(text);
  jimm_graph_close(&g);
}

TEST(constants_are_floats) {
  jimm_graph *g = new_graph();
  jimm_graph_constant(g, "c", &(jimm_tensor){JIMM_I64, SHAPE(1), &(int64_t){1}, NULL});
  check_error(g, JIMM_ERROR_UNSUPPORTED, "c (constant): expected F64, F32, F16 or BF16, got I64");
  g = new_graph();
  jimm_graph_constant(g, "c", NULL);
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "c (constant): tensor is NULL");
  g = new_graph();
  jimm_graph_constant(g, "c", &(jimm_tensor){JIMM_F32, SHAPE(2), NULL, NULL});
  check_error(g, JIMM_ERROR_INVALID_ARGUMENT, "c (constant): ");
}

/* ---- printing, attributes ---- */

TEST(print_lists_every_node) {
  jimm_graph *g = new_graph();
  jimm_value x = add_input(g);
  x = add_conv(g, "conv1", x, 4, 3);
  const jimm_shape c = SHAPE(4), none = {0, {0}};
  jimm_graph_push(g, "bn1");
  const jimm_value norm[] = {
      x, jimm_graph_parameter(g, "weight", &(jimm_parameter_attrs){c, JIMM_F32, 0, 0, false}),
      jimm_graph_parameter(g, "bias", &(jimm_parameter_attrs){c, JIMM_F16, 0, 0, false}),
      jimm_graph_parameter(g, "running_mean",
                           &(jimm_parameter_attrs){c, JIMM_F32, JIMM_BUFFER, 0, false}),
      jimm_graph_parameter(g, "running_var",
                           &(jimm_parameter_attrs){c, JIMM_F32, JIMM_BUFFER, 0, false})};
  jimm_graph_parameter(g, "num_batches_tracked",
                       &(jimm_parameter_attrs){none, JIMM_I64, JIMM_BUFFER, 0, true});
  x = jimm_graph_add(g, "batch_norm", "", &(jimm_batch_norm_attrs){1e-5}, 5, norm);
  jimm_graph_pop(g);
  x = jimm_graph_add(g, "max_pool2d", "maxpool",
                     &(jimm_max_pool2d_attrs){{3, 3}, {2, 2}, {1, 1}, true}, 1, &x);
  const jimm_value dropped[] = {x, JIMM_NO_VALUE};
  x = jimm_graph_add(g, "dropout", "drop", &(jimm_dropout_attrs){0.1}, 2, dropped);
  x = jimm_graph_add(g, "global_pool", "pool", &(jimm_global_pool_attrs){JIMM_POOL_AVGMAX}, 1, &x);
  jimm_graph_output(g, "y", x);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  TEST_CHECK_INT(jimm_graph_parameter_count(g), 4 * 27 + 8);
  char *text = NULL;
  TEST_REQUIRE_INT(jimm_graph_print(g, &(jimm_shape)SHAPE(1, 3, 8, 8), &text), JIMM_OK);
  TEST_CHECK_STR(
      text,
      "   0 input = input [-1, 3, -1, -1] F32 -> [1, 3, 8, 8]\n"
      "   1 conv1.weight = parameter [4, 3, 3, 3] F32\n"
      "   2 conv1 = conv2d(input, conv1.weight) stride=[1, 1] padding=[1, 1] dilation=[1, 1] "
      "groups=1 -> [1, 4, 8, 8]\n"
      "   3 bn1.weight = parameter [4] F32\n"
      "   4 bn1.bias = parameter [4] F16\n"
      "   5 bn1.running_mean = buffer [4] F32\n"
      "   6 bn1.running_var = buffer [4] F32\n"
      "   7 bn1.num_batches_tracked = buffer [] I64 optional\n"
      "   8 bn1 = batch_norm(conv1, bn1.weight, bn1.bias, bn1.running_mean, bn1.running_var) "
      "eps=1e-05 -> [1, 4, 8, 8]\n"
      "   9 maxpool = max_pool2d(bn1) kernel=[3, 3] stride=[2, 2] padding=[1, 1] ceil_mode=true "
      "-> [1, 4, 5, 5]\n"
      "  10 drop = dropout(maxpool, -) rate=0.1 -> [1, 4, 5, 5]\n"
      "  11 pool = global_pool(drop) type=avgmax -> [1, 4, 1, 1]\n"
      "output y = pool\n");
  jimm_text_free(text);
  TEST_REQUIRE_INT(jimm_graph_print(g, NULL, &text), JIMM_OK);
  TEST_CHECK_CONTAINS(text, "  11 pool = global_pool(drop) type=avgmax\n");
  jimm_text_free(text);
  TEST_CHECK_INT(jimm_graph_print(g, &(jimm_shape)SHAPE(1, 1, 8, 8), &text), JIMM_ERROR_SHAPE);
  TEST_CHECK(text == NULL);
  jimm_graph_close(&g);
}

typedef struct every_attr {
  int64_t number, pair[2];
  double real;
  bool flag;
  int32_t choice;
  jimm_shape shape;
} every_attr;

static const char *const choices[] = {"none", "some", NULL};
static const jimm_attr_spec every_spec[] = {
    {"number", JIMM_ATTR_INT, offsetof(every_attr, number), NULL},
    {"pair", JIMM_ATTR_PAIR, offsetof(every_attr, pair), NULL},
    {"real", JIMM_ATTR_FLOAT, offsetof(every_attr, real), NULL},
    {"flag", JIMM_ATTR_BOOL, offsetof(every_attr, flag), NULL},
    {"choice", JIMM_ATTR_ENUM, offsetof(every_attr, choice), choices},
    {"shape", JIMM_ATTR_SHAPE, offsetof(every_attr, shape), NULL},
};

static void check_text(const every_attr *a, int field, const char *want) {
  char text[JIMM_ATTR_TEXT];
  TEST_CHECK_STR(jimm_attr_format(&every_spec[field], a, text, sizeof(text)), want);
}

TEST(attributes_are_written) {
  every_attr a = {-7, {2, 3}, 1e-5, true, 1, SHAPE(4, 5)};
  check_text(&a, 0, "-7");
  check_text(&a, 1, "[2, 3]");
  check_text(&a, 2, "1e-05");
  check_text(&a, 3, "true");
  check_text(&a, 4, "some");
  check_text(&a, 5, "[4, 5]");
  a.choice = 2;
  check_text(&a, 4, "2");
  a.real = 0.1;
  check_text(&a, 2, "0.1");
  a.real = 0.1 + 0.2;
  check_text(&a, 2, "0.30000000000000004");
  a.real = -0.0;
  check_text(&a, 2, "-0");
  a.real = INFINITY;
  check_text(&a, 2, "inf");
  a.real = NAN;
  char text[JIMM_ATTR_TEXT];
  TEST_CHECK_CONTAINS(jimm_attr_format(&every_spec[2], &a, text, sizeof(text)), "nan");
  char tiny[4];
  TEST_CHECK_STR(jimm_attr_format(&every_spec[1], &a, tiny, sizeof(tiny)), "[2,");
}

TEST(attributes_are_compared) {
  const every_attr a = {-7, {2, 3}, 1e-5, true, 1, SHAPE(4, 5)};
  const every_attr changed[] = {
      {-8, {2, 3}, 1e-5, true, 1, SHAPE(4, 5)},   {-7, {2, 4}, 1e-5, true, 1, SHAPE(4, 5)},
      {-7, {2, 3}, 1.1e-5, true, 1, SHAPE(4, 5)}, {-7, {2, 3}, 1e-5, false, 1, SHAPE(4, 5)},
      {-7, {2, 3}, 1e-5, true, 0, SHAPE(4, 5)},   {-7, {2, 3}, 1e-5, true, 1, SHAPE(4, 6)}};
  for (int i = 0; i < 6; i++) {
    for (int k = 0; k < 6; k++) {
      TEST_CHECK_MSG(jimm_attr_equal(&every_spec[i], &a, &changed[k]) == (i != k), "%d %d", i, k);
    }
  }
  every_attr x = a, y = a;
  x.real = y.real = NAN;
  TEST_CHECK(jimm_attr_equal(&every_spec[2], &x, &y));
  x.shape.rank = JIMM_MAX_RANK + 1;
  TEST_CHECK_INT(jimm_attr_check(&every_spec[5], &x), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "shape must have rank -1 to 8, got 9");
}

/* ---- an operator of one's own ---- */

typedef struct scale_attrs {
  double factor;
} scale_attrs;

static jimm_status scale_infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                               jimm_shape *output) {
  (void)input_count;
  if (((const scale_attrs *)attrs)->factor == 0) {
    return JIMM_OK; /* a defect: no shape is given */
  }
  *output = inputs[0];
  return JIMM_OK;
}

static jimm_status scale_forward(const jimm_op_call *call) {
  (void)call;
  return JIMM_OK;
}

static const char *const scale_inputs[] = {"x"};
static const jimm_attr_spec scale_specs[] = {
    {"factor", JIMM_ATTR_FLOAT, offsetof(scale_attrs, factor), NULL}};
static const jimm_op scale_op = {.size = sizeof(jimm_op),
                                 .name = "test_scale",
                                 .summary = "factor * x",
                                 .min_inputs = 1,
                                 .max_inputs = 1,
                                 .input_names = scale_inputs,
                                 .attrs_size = sizeof(scale_attrs),
                                 .attrs = scale_specs,
                                 .attr_count = 1,
                                 .infer = scale_infer,
                                 .forward_f32 = scale_forward,
                                 .forward_f64 = scale_forward};

TEST(operators_can_be_registered) {
  const int32_t count = jimm_op_count();
  TEST_CHECK(jimm_op_find("test_scale") == NULL);
  TEST_REQUIRE_INT(jimm_op_register(&scale_op), JIMM_OK);
  TEST_CHECK_INT(jimm_op_count(), count + 1);
  TEST_CHECK(jimm_op_find("test_scale") == &scale_op);
  TEST_CHECK(jimm_op_at(count) == &scale_op);
  TEST_CHECK_INT(jimm_op_register(&scale_op), JIMM_ERROR_INVALID_ARGUMENT);
  static jimm_op second;
  second = scale_op;
  second.name = "test_scale_2";
  TEST_REQUIRE_INT(jimm_op_register(&second), JIMM_OK);
  TEST_CHECK(jimm_op_at(count) == &scale_op && jimm_op_at(count + 1) == &second);

  for (int defect = 0; defect < 2; defect++) {
    jimm_graph *g = new_graph();
    const jimm_value x = add_input(g);
    const jimm_value y =
        jimm_graph_add(g, "test_scale", "double", &(scale_attrs){defect ? 0 : 2}, 1, &x);
    jimm_graph_output(g, "y", y);
    TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
    jimm_shape shapes[2], input = SHAPE(1, 3, 2, 2);
    if (defect) {
      TEST_CHECK_INT(jimm_graph_infer(g, &input, shapes), JIMM_ERROR_SHAPE);
      TEST_CHECK_CONTAINS(jimm_error_message(), "double (test_scale): output: the rank must be");
    } else {
      TEST_CHECK_INT(jimm_graph_infer(g, &input, shapes), JIMM_OK);
      char *text = NULL;
      TEST_REQUIRE_INT(jimm_graph_print(g, NULL, &text), JIMM_OK);
      TEST_CHECK_CONTAINS(text, "double = test_scale(input) factor=2\n");
      jimm_text_free(text);
    }
    jimm_graph_close(&g);
  }
}

/* ---- owners, size, memory ---- */

static void *retain_and_close(void *context) {
  for (int i = 0; i < 1000; i++) {
    jimm_graph *mine = jimm_graph_retain(context);
    if (jimm_graph_find(mine, "layer1.0.act1") != 3) {
      return context;
    }
    jimm_graph_close(&mine);
  }
  return NULL;
}

TEST(owners_are_counted) {
  jimm_graph *g = small_graph(3);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    TEST_REQUIRE_INT(pthread_create(&threads[i], NULL, retain_and_close, g), 0);
  }
  for (int i = 0; i < 4; i++) {
    void *result = NULL;
    TEST_REQUIRE_INT(pthread_join(threads[i], &result), 0);
    TEST_CHECK(result == NULL);
  }
  jimm_graph *other = jimm_graph_retain(g);
  TEST_CHECK(other == g);
  jimm_graph_close(&g);
  TEST_CHECK(g == NULL);
  TEST_CHECK_STR(jimm_graph_node(other, 0)->name, "input");
  jimm_graph_close(&other);
}

TEST(nodes_stay_where_they_are) {
  jimm_graph *g = new_graph();
  jimm_value x = add_input(g);
  const jimm_node *first = jimm_graph_node(g, x);
  for (int i = 0; i < 5000; i++) {
    jimm_graph_push(g, "blocks.%d", i);
    x = jimm_graph_add(g, "relu", "act", NULL, 1, &x);
    jimm_graph_pop(g);
  }
  jimm_graph_output(g, "y", x);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  TEST_CHECK(jimm_graph_node(g, 0) == first);
  TEST_CHECK_STR(first->name, "input");
  TEST_CHECK_INT(jimm_graph_find(g, "blocks.4321.act"), 4322);
  jimm_graph_close(&g);
}

TEST_MAIN()
