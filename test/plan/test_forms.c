/* Values with an axis in plans: which are views, which are moved, and that all are right. Each
 * graph is planned and held to the reference evaluator in float64. */
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "base/cpu.h"
#include "plan/engine.h"
#include "require_ok.h"
#include "run/observe.h"

#define SHAPE(...)                                        \
  {                                                       \
    sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), { \
      __VA_ARGS__                                         \
    }                                                     \
  }
#define TOKENS(n, l, c) \
  { 3, {n, l, c}, 2 }

static jimm_graph *new_graph(void) {
  jimm_graph *g = NULL;
  REQUIRE_OK(jimm_graph_create(&g));
  return g;
}

static jimm_value unary(jimm_graph *g, const char *op, const char *name, const void *attrs,
                        jimm_value x) {
  return jimm_graph_add(g, op, name, attrs, 1, &x);
}

static jimm_value permute(jimm_graph *g, const char *name, jimm_value x) {
  return unary(g, "permute", name, &(jimm_permute_attrs){SHAPE(0, 2, 1)}, x);
}

static jimm_value add(jimm_graph *g, const char *name, jimm_value a, jimm_value b) {
  return jimm_graph_add(g, "add", name, NULL, 2, (jimm_value[]){a, b});
}

static jimm_value parameter(jimm_graph *g, const char *name, jimm_shape shape) {
  return engine_parameter(g, name, &shape);
}

static jimm_value linear(jimm_graph *g, const char *name, jimm_value x, int64_t in, int64_t out) {
  jimm_graph_push(g, "%s", name);
  const jimm_value inputs[] = {x, parameter(g, "weight", (jimm_shape)SHAPE(out, in)),
                               parameter(g, "bias", (jimm_shape)SHAPE(out))};
  const jimm_value y = jimm_graph_add(g, "linear", "", NULL, 3, inputs);
  jimm_graph_pop(g);
  return y;
}

static jimm_value layer_norm(jimm_graph *g, const char *name, jimm_value x, int64_t channels) {
  jimm_graph_push(g, "%s", name);
  const jimm_value inputs[] = {x, parameter(g, "weight", (jimm_shape)SHAPE(channels)),
                               parameter(g, "bias", (jimm_shape)SHAPE(channels))};
  const jimm_value y = jimm_graph_add(
      g, "channel_norm", "", &(jimm_channel_norm_attrs){JIMM_CHANNEL_NORM_LAYER, 1e-6}, 3, inputs);
  jimm_graph_pop(g);
  return y;
}

static jimm_value batch_norm(jimm_graph *g, const char *name, jimm_value x, int64_t channels) {
  jimm_graph_push(g, "%s", name);
  const jimm_shape c = SHAPE(channels);
  const jimm_value inputs[] = {x, parameter(g, "weight", c), parameter(g, "bias", c),
                               parameter(g, "running_mean", c), parameter(g, "running_var", c)};
  const jimm_value y =
      jimm_graph_add(g, "batch_norm", "", &(jimm_batch_norm_attrs){1e-5}, 5, inputs);
  jimm_graph_pop(g);
  return y;
}

/* An image of 3 channels in patches of 4 x 4, as tokens of 24 channels. */
static jimm_value patches(jimm_graph *g, jimm_value image) {
  const jimm_value inputs[] = {image, parameter(g, "patch.weight", (jimm_shape)SHAPE(24, 3, 4, 4))};
  const jimm_conv2d_attrs conv = {{4, 4}, {0, 0}, {1, 1}, 1};
  const jimm_value x = jimm_graph_add(g, "conv2d", "patch", &conv, 2, inputs);
  return permute(g, "tokens", unary(g, "flatten", "flat", &(jimm_flatten_attrs){2}, x));
}

/* Ends the graph in output "y"; the model has weights of seed 1. */
static jimm_model *finish(jimm_graph *g, jimm_value y) {
  jimm_model *model = NULL;
  jimm_graph_output(g, "y", y);
  REQUIRE_OK(jimm_graph_finish(g));
  REQUIRE_OK(jimm_model_create_synthetic(g, 1, &model));
  jimm_graph_close(&g);
  return model;
}

/* The steps of a plan, as text that the caller frees. */
static char *steps_of(jimm_model *model, const jimm_shape *input) {
  const jimm_plan_options options = engine_options(input, 1, JIMM_ISA_BEST);
  jimm_plan *plan = NULL;
  char *text = NULL;
  REQUIRE_OK(jimm_plan_create(model, &options, &plan));
  REQUIRE_OK(jimm_plan_print(plan, &text));
  jimm_plan_close(&plan);
  return text;
}

static int count(const char *text, const char *word) {
  int found = 0;
  for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
    found++;
  }
  return found;
}

/* Plans of every instruction set and 1 and 3 threads against the float64 reference: 1e-5 of the
 * largest value. Closes the model. */
static void check(jimm_model *model, const jimm_shape *input) {
  static const char *const names[] = {"y"};
  jimm_tensor x = engine_tensor(input, 7, "x", 0, 1), want = {0}, got = {0}, again = {0};
  REQUIRE_OK(jimm_reference_run(model, JIMM_F64, &x, 1, names, &want));
  for (int isa = 0; isa <= (int)jimm_cpu_isa(); isa++) {
    const jimm_plan_options one = engine_options(input, 1, (jimm_isa)isa);
    const jimm_plan_options three = engine_options(input, 3, (jimm_isa)isa);
    REQUIRE_OK(engine_run(model, &one, &x, &got));
    REQUIRE_OK(engine_run(model, &three, &x, &again));
    jimm_compare compare;
    REQUIRE_OK(jimm_tensor_compare(&got, &want, &compare));
    TEST_CHECK_MSG(compare.relative < 1e-5 && compare.not_finite == 0, "%s: relative error %g",
                   jimm_isa_name((jimm_isa)isa), compare.relative);
    TEST_CHECK_MEM(again.data, got.data, jimm_tensor_bytes(&got));
    jimm_tensor_close(&got);
    jimm_tensor_close(&again);
  }
  jimm_tensor_close(&want);
  jimm_tensor_close(&x);
  jimm_model_close(&model);
}

TEST(tokens_are_images_in_the_same_memory) {
  const jimm_shape input = SHAPE(2, 3, 12, 20);
  jimm_graph *g = new_graph();
  jimm_value x = patches(g, engine_input(g, &input));
  const jimm_value shortcut = x;
  x = layer_norm(g, "norm", x, 24);
  x = linear(g, "fc1", x, 24, 40);
  x = unary(g, "gelu", "act", &(jimm_gelu_attrs){JIMM_GELU_NONE}, x);
  x = linear(g, "fc2", x, 40, 24);
  x = add(g, "sum", x, shortcut);
  x = permute(g, "back", x);
  x = unary(g, "reshape", "image", &(jimm_reshape_attrs){SHAPE(0, 24, 3, 5)}, x);
  x = unary(g, "global_pool", "pool", &(jimm_global_pool_attrs){JIMM_POOL_AVG}, x);
  x = unary(g, "flatten", "row", &(jimm_flatten_attrs){1}, x);
  jimm_model *model = finish(g, linear(g, "head", x, 24, 10));
  char *steps = steps_of(model, &input);
  TEST_CHECK_MSG(count(steps, "channels_last") == 1 && count(steps, "channels_first") == 1 &&
                     count(steps, "reference") == 0,
                 "only the caller's tensors are moved:\n%s", steps);
  TEST_CHECK_CONTAINS(steps, "fc2 + sum");
  jimm_text_free(steps);
  check(model, &input);
}

TEST(linear_layers_may_go_across_pixels) {
  const jimm_shape input = SHAPE(2, 3, 8, 12);
  jimm_graph *g = new_graph();
  jimm_value x = permute(g, "channels", patches(g, engine_input(g, &input))); /* [2, 24, 6] */
  x = linear(g, "mix", x, 6, 9);
  x = batch_norm(g, "norm", x, 24); /* over the channels, which are no outputs of mix */
  jimm_model *model = finish(g, unary(g, "relu", "act", NULL, x));
  char *steps = steps_of(model, &input);
  TEST_CHECK_MSG(count(steps, "mix + norm") == 0, "not folded:\n%s", steps);
  jimm_text_free(steps);
  check(model, &input);
}

TEST(what_works_in_any_form_moves_nothing) {
  const jimm_shape input = SHAPE(2, 3, 8, 12);
  jimm_graph *g = new_graph();
  jimm_value x = permute(g, "channels", patches(g, engine_input(g, &input))); /* [2, 24, 6] */
  x = linear(g, "mix1", x, 6, 9);
  x = unary(g, "gelu", "act", &(jimm_gelu_attrs){JIMM_GELU_NONE}, x);
  x = jimm_graph_add(g, "mul", "square", NULL, 2, (jimm_value[]){x, x});
  jimm_model *model = finish(g, linear(g, "mix2", x, 9, 5));
  char *steps = steps_of(model, &input);
  TEST_CHECK_MSG(count(steps, "channels_last") == 1 && count(steps, "channels_first") == 2,
                 "the image, the tokens once, the output:\n%s", steps);
  jimm_text_free(steps);
  check(model, &input);
}

TEST(norms_fold_into_linear_layers_of_tokens) {
  const jimm_shape input = SHAPE(2, 3, 8, 12);
  jimm_graph *g = new_graph();
  jimm_value x = patches(g, engine_input(g, &input));
  x = batch_norm(g, "norm", linear(g, "fc", x, 24, 17), 17);
  jimm_model *model = finish(g, unary(g, "relu", "act", NULL, x));
  char *steps = steps_of(model, &input);
  TEST_CHECK_CONTAINS(steps, "fc + norm + act");
  jimm_text_free(steps);
  check(model, &input);
}

TEST(values_of_other_axes_add_up) {
  const jimm_shape input = SHAPE(2, 3, 8, 16);
  jimm_graph *g = new_graph();
  const jimm_value tokens = patches(g, engine_input(g, &input)); /* [2, 8, 24], channels last */
  const jimm_value back = permute(g, "back", tokens);            /* [2, 24, 8], channels first */
  jimm_value square = linear(g, "square", back, 8, 24);          /* [2, 24, 24] */
  jimm_value other = linear(g, "other", tokens, 24, 24);         /* [2, 8, 24] */
  other = permute(g, "other_back", other);                       /* [2, 24, 8] */
  other = permute(g, "again", linear(g, "wide", other, 8, 24));  /* [2, 24, 24], channels last */
  check(finish(g, add(g, "sum", square, other)), &input);
  g = new_graph();
  const jimm_value image = patches(g, engine_input(g, &input));
  const jimm_value map = permute(g, "back", image); /* made channels-last, in its own way */
  const jimm_value weight = parameter(g, "weight", (jimm_shape)TOKENS(2, 24, 8));
  check(finish(g, add(g, "sum", map, weight)), &input);
}

TEST(positions_are_added_to_every_image) {
  const jimm_shape input = TOKENS(3, 7, 16);
  jimm_graph *g = new_graph();
  const jimm_value x = engine_input(g, &input);
  const jimm_value positions = parameter(g, "pos_embed", (jimm_shape)TOKENS(1, 7, 16));
  const jimm_value scale = parameter(g, "gamma", (jimm_shape)SHAPE(16));
  const jimm_value sum = add(g, "sum", x, positions);
  const jimm_value y = jimm_graph_add(g, "mul", "scale", NULL, 2, (jimm_value[]){sum, scale});
  check(finish(g, y), &input);
}

/* A view of a value in the form that it is not made in. */
TEST(rows_of_images_are_moved_once) {
  const jimm_shape input = SHAPE(2, 3, 8, 8);
  jimm_graph *g = new_graph();
  const jimm_value image = engine_input(g, &input);
  jimm_value x = unary(g, "relu", "act", NULL, image);
  const jimm_value row = unary(g, "flatten", "row", &(jimm_flatten_attrs){1}, x);
  const jimm_value turned =
      unary(g, "permute", "turned", &(jimm_permute_attrs){SHAPE(0, 1, 3, 2)}, x);
  const jimm_value other = unary(g, "flatten", "other", &(jimm_flatten_attrs){1}, turned);
  jimm_model *model =
      finish(g, add(g, "sum", linear(g, "a", row, 192, 5), linear(g, "b", other, 192, 5)));
  char *steps = steps_of(model, &input);
  TEST_CHECK_MSG(count(steps, "channels_first") == 2, "one move, one output:\n%s", steps);
  jimm_text_free(steps);
  check(model, &input);
}

static jimm_value pointwise(jimm_graph *g, jimm_value x, int64_t in, int64_t out) {
  const jimm_conv2d_attrs conv = {{1, 1}, {0, 0}, {1, 1}, 1};
  const jimm_value weight = parameter(g, "conv.weight", (jimm_shape)SHAPE(out, in, 1, 1));
  return jimm_graph_add(g, "conv2d", "conv", &conv, 2, (jimm_value[]){x, weight});
}

/* Two channels of two pixels are not the same memory in both forms. */
TEST(few_elements_have_an_order_too) {
  const jimm_shape input = SHAPE(1, 3, 1, 2);
  jimm_graph *g = new_graph();
  jimm_value x = pointwise(g, engine_input(g, &input), 3, 2);
  x = unary(g, "flatten", "row", &(jimm_flatten_attrs){1}, x);
  check(finish(g, linear(g, "fc", x, 4, 3)), &input);
}

/* Channels between rows and columns: [N, H, C, W]. */
TEST(channels_may_be_in_the_middle) {
  const jimm_shape input = SHAPE(2, 3, 4, 5);
  jimm_graph *g = new_graph();
  const jimm_value x = unary(g, "relu", "act", NULL, engine_input(g, &input));
  check(finish(g, unary(g, "permute", "middle", &(jimm_permute_attrs){SHAPE(0, 2, 1, 3)}, x)),
        &input);
}

/* What a convolution adds lies as its own output does. */
TEST(convolutions_add_what_has_their_axis) {
  const jimm_shape input = SHAPE(2, 4, 4, 5);
  jimm_graph *g = new_graph();
  const jimm_value x = engine_input(g, &input);
  const jimm_value turned = unary(g, "permute", "turned", &(jimm_permute_attrs){SHAPE(0, 2, 1, 3)},
                                  unary(g, "relu", "act", NULL, x));
  check(finish(g, add(g, "sum", pointwise(g, x, 4, 4), turned)), &input);
}

/* ---- constants ---- */

TEST(constants_are_no_weights) {
  const jimm_shape input = TOKENS(2, 5, 12);
  float table[5 * 12], matrix[4 * 12];
  for (int i = 0; i < 5 * 12; i++) {
    table[i] = (float)(i % 7) - 3.0f;
  }
  for (int i = 0; i < 4 * 12; i++) {
    matrix[i] = 0.125f * (float)(i % 5 - 2);
  }
  jimm_graph *g = new_graph();
  const jimm_value x = engine_input(g, &input);
  const jimm_value positions =
      jimm_graph_constant(g, "table", &(jimm_tensor){JIMM_F32, TOKENS(1, 5, 12), table, NULL});
  const jimm_value weight =
      jimm_graph_constant(g, "matrix", &(jimm_tensor){JIMM_F32, SHAPE(4, 12), matrix, NULL});
  const jimm_value sum = add(g, "sum", x, positions);
  const jimm_value y = jimm_graph_add(g, "linear", "fc", NULL, 2, (jimm_value[]){sum, weight});
  jimm_model *model = finish(g, y);
  jimm_tensor in = engine_tensor(&input, 7, "x", 0, 1), got = {0};
  const jimm_plan_options options = engine_options(&input, 1, JIMM_ISA_BEST);
  REQUIRE_OK(engine_run(model, &options, &in, &got));
  double want = 0;
  for (int c = 0; c < 12; c++) { /* image 1, token 3, output 2 */
    want += ((double)((const float *)in.data)[(5 + 3) * 12 + c] + (double)table[3 * 12 + c]) *
            (double)matrix[2 * 12 + c];
  }
  TEST_CHECK_DOUBLE((double)((const float *)got.data)[(5 + 3) * 4 + 2], want, 1e-5, 0);
  jimm_tensor_close(&in);
  jimm_tensor_close(&got);
  check(model, &input);
}

/* ---- any number of inputs ---- */

static jimm_status sum_infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                             jimm_shape *output) {
  (void)attrs;
  for (int32_t i = 1; i < input_count; i++) {
    if (!jimm_shape_equal(&inputs[0], &inputs[i])) {
      return jimm_fail(JIMM_ERROR_SHAPE, "inputs differ");
    }
  }
  *output = inputs[0];
  return JIMM_OK;
}

#define SUM_FORWARD(name, real)                                           \
  static jimm_status name(const jimm_op_call *call) {                     \
    const int64_t n = jimm_shape_count(&call->output->shape);             \
    for (int64_t k = 0; k < n; k++) {                                     \
      real total = 0;                                                     \
      for (int32_t i = 0; i < call->input_count; i++) {                   \
        total += (real)(i + 1) * ((const real *)call->inputs[i].data)[k]; \
      }                                                                   \
      ((real *)call->output->data)[k] = total;                            \
    }                                                                     \
    return JIMM_OK;                                                       \
  }
SUM_FORWARD(sum_f32, float)
SUM_FORWARD(sum_f64, double)

TEST(a_node_has_any_number_of_inputs) {
  enum { INPUTS = 21 };
  static const char *const names[] = {"part"};
  static const jimm_op op = {.size = sizeof(jimm_op),
                             .name = "test_forms_sum",
                             .summary = "a weighted sum of all inputs",
                             .min_inputs = 1,
                             .max_inputs = JIMM_ANY_INPUTS,
                             .input_names = names,
                             .infer = sum_infer,
                             .forward_f32 = sum_f32,
                             .forward_f64 = sum_f64};
  REQUIRE_OK(jimm_op_register(&op));
  TEST_CHECK_STR(jimm_op_input_name(&op, 17), "part");
  const jimm_shape input = SHAPE(2, 5, 3, 4);
  jimm_graph *g = new_graph();
  jimm_value x = engine_input(g, &input), parts[INPUTS];
  for (int i = 0; i < INPUTS; i++) {
    char name[16];
    snprintf(name, sizeof name, "part%d", i);
    parts[i] = i % 3 == 0 ? x : unary(g, i % 3 == 1 ? "sigmoid" : "silu", name, NULL, x);
  }
  check(finish(g, jimm_graph_add(g, op.name, "sum", NULL, INPUTS, parts)), &input);
  g = new_graph();
  x = engine_input(g, &input);
  jimm_graph_add(g, op.name, "sum", NULL, 2, (jimm_value[]){x, 99});
  TEST_CHECK_INT(jimm_graph_finish(g), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "input part is no value of this graph (99");
  jimm_graph_close(&g);
}

/* ---- what an observer sees ---- */

typedef struct seen {
  jimm_model *model;
  jimm_tensor copy;
} seen;

static jimm_status look(void *context, jimm_value value, const jimm_tensor *tensor) {
  seen *s = context;
  const jimm_node *node = jimm_graph_node(jimm_model_graph(s->model), value);
  return strcmp(node->name, "fc") == 0 ? jimm_tensor_convert(tensor, JIMM_F32, &s->copy) : JIMM_OK;
}

TEST(observers_see_the_order_of_the_graph) {
  const jimm_shape input = SHAPE(2, 3, 8, 12);
  jimm_graph *g = new_graph();
  jimm_value x = permute(g, "channels", patches(g, engine_input(g, &input)));
  x = unary(g, "sigmoid", "fc", NULL, x); /* [2, 24, 6], made channels-last */
  jimm_model *model = finish(g, unary(g, "flatten", "row", &(jimm_flatten_attrs){1}, x));
  seen planned = {.model = model}, evaluated = {.model = model};
  static const char *const names[] = {"y"};
  const jimm_plan_options options = engine_options(&input, 1, JIMM_ISA_BEST);
  jimm_plan *plan = NULL;
  jimm_tensor in = engine_tensor(&input, 7, "x", 0, 1), y = {0};
  REQUIRE_OK(jimm_plan_create(model, &options, &plan));
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &(jimm_shape)SHAPE(2, 144), &y));
  REQUIRE_OK(jimm_plan_observe(plan, &in, &y, look, &planned));
  jimm_tensor_close(&y);
  REQUIRE_OK(jimm_reference_observe(model, JIMM_F32, &in, 1, names, &y, look, &evaluated));
  jimm_compare compare;
  REQUIRE_OK(jimm_tensor_compare(&planned.copy, &evaluated.copy, &compare));
  TEST_CHECK_MSG(compare.relative < 1e-6, "relative error %g", compare.relative);
  jimm_tensor_close(&planned.copy);
  jimm_tensor_close(&evaluated.copy);
  jimm_tensor_close(&y);
  jimm_tensor_close(&in);
  jimm_plan_close(&plan);
  jimm_model_close(&model);
}
