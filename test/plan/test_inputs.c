/* A second named input: what adding one costs is the call that adds it. Plans and the reference
 * take both, each by its name, in whatever order they were added. */
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "plan/engine.h"

/* conv 3x3 of "image" + global pool + flatten, times "gate" [N, 8]; the gate is added first where
 * `gate_first`. */
static jimm_model *gated(bool gate_first) {
  static const jimm_input_attrs image_attrs = {{4, {-1, 3, -1, -1}}, JIMM_F32};
  static const jimm_input_attrs gate_attrs = {{2, {-1, 8}}, JIMM_F32};
  static const jimm_conv2d_attrs conv_attrs = {{2, 2}, {1, 1}, {1, 1}, 1};
  static const jimm_global_pool_attrs pool_attrs = {JIMM_POOL_AVG};
  static const jimm_flatten_attrs flatten_attrs = {1};
  jimm_graph *g = NULL;
  jimm_model *model = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&g), JIMM_OK);
  jimm_value gate = gate_first ? jimm_graph_input(g, "gate", &gate_attrs) : JIMM_NO_VALUE;
  const jimm_value image = jimm_graph_input(g, "image", &image_attrs);
  gate = gate_first ? gate : jimm_graph_input(g, "gate", &gate_attrs);
  const jimm_value conv[] = {image,
                             engine_parameter(g, "conv.weight", &(jimm_shape){4, {8, 3, 3, 3}})};
  const jimm_value map = jimm_graph_add(g, "conv2d", "conv", &conv_attrs, 2, conv);
  const jimm_value pooled = jimm_graph_add(g, "global_pool", "pool", &pool_attrs, 1, &map);
  const jimm_value flat = jimm_graph_add(g, "flatten", "flatten", &flatten_attrs, 1, &pooled);
  jimm_graph_output(g, "map", map);
  jimm_graph_output(g, "y", jimm_graph_add(g, "mul", "gated", NULL, 2, (jimm_value[]){flat, gate}));
  TEST_REQUIRE_MSG(jimm_graph_finish(g) == JIMM_OK, "%s", jimm_error_message());
  TEST_CHECK_INT(jimm_graph_input_count(g), 2);
  TEST_REQUIRE_INT(jimm_graph_find_input(g, "image"), gate_first ? 1 : 0);
  TEST_REQUIRE_INT(jimm_graph_find_input(g, "gate"), gate_first ? 0 : 1);
  TEST_CHECK_INT(jimm_graph_find_input(g, "map"), -1);
  TEST_REQUIRE_INT(jimm_model_create_synthetic(g, 1, &model), JIMM_OK);
  jimm_graph_close(&g);
  return model;
}

/* The plan's answer and the reference's to an image of 2 x 3 x 12 x 10 and a gate. */
static void answer(bool gate_first, jimm_tensor *y, jimm_tensor *truth) {
  static const char *const name[] = {"y"};
  jimm_model *model = gated(gate_first);
  const int32_t image = gate_first ? 1 : 0;
  jimm_tensor inputs[2];
  inputs[image] = engine_tensor(&(jimm_shape){4, {2, 3, 12, 10}}, 1, "image", 0.0, 1.0);
  inputs[1 - image] = engine_tensor(&(jimm_shape){2, {2, 8}}, 1, "gate", 0.5, 1.0);
  const jimm_plan_options o = engine_options(&inputs[image].shape, 2, JIMM_ISA_BEST);
  TEST_REQUIRE_MSG(engine_run(model, &o, inputs, y) == JIMM_OK, "%s", jimm_error_message());
  TEST_REQUIRE_INT(jimm_reference_run(model, JIMM_F64, inputs, 1, name, truth), JIMM_OK);
  jimm_tensor_close(&inputs[0]);
  jimm_tensor_close(&inputs[1]);
  jimm_model_close(&model);
}

TEST(two_inputs_by_name) {
  jimm_tensor y[2], truth[2];
  for (int first = 0; first < 2; first++) {
    jimm_compare c;
    answer(first == 1, &y[first], &truth[first]);
    TEST_REQUIRE_INT(jimm_tensor_compare(&y[first], &truth[first], &c), JIMM_OK);
    TEST_CHECK_MSG(c.relative <= 1e-6, "relative error %g", c.relative);
  }
  TEST_CHECK_MEM(y[0].data, y[1].data, jimm_tensor_bytes(&y[0]));
  TEST_CHECK_MEM(truth[0].data, truth[1].data, jimm_tensor_bytes(&truth[0]));
  for (int i = 0; i < 2; i++) {
    jimm_tensor_close(&y[i]);
    jimm_tensor_close(&truth[i]);
  }
}

/* A plan knows each input's shape; shapes that are given stand for batch, height and width. */
TEST(shapes_of_two_inputs) {
  jimm_model *model = gated(true);
  const jimm_shape shapes[] = {{2, {5, 8}}, {4, {5, 3, 6, 7}}};
  jimm_plan_options o = engine_options(&shapes[1], 1, JIMM_ISA_BEST);
  for (int given = 0; given < 2; given++) {
    jimm_plan *plan = NULL;
    jimm_shape shape;
    if (given == 1) {
      o.batch = o.height = o.width = 1;
      o.input_shapes = shapes;
      o.input_shape_count = 2;
    }
    TEST_REQUIRE_MSG(jimm_plan_create(model, &o, &plan) == JIMM_OK, "%s", jimm_error_message());
    TEST_CHECK_INT(jimm_plan_input_count(plan), 2);
    for (int32_t i = 0; i < 2; i++) {
      TEST_REQUIRE_INT(jimm_plan_input_shape(plan, i, &shape), JIMM_OK);
      TEST_CHECK(jimm_shape_equal(&shape, &shapes[i]));
    }
    jimm_plan_close(&plan);
  }
  /* what does not go together is refused */
  const jimm_shape apart[] = {{2, {4, 8}}, {4, {5, 3, 6, 7}}};
  jimm_plan *plan = NULL;
  o.input_shapes = apart;
  TEST_CHECK(jimm_plan_create(model, &o, &plan) != JIMM_OK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "gated");
  jimm_model_close(&model);
}
