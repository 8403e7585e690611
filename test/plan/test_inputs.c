/* Graphs of several named inputs: plans and the reference evaluator take each from its place. */
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "plan/engine.h"
#include "require_ok.h"

enum { ELEMENTS = 2 * 3 * 4 * 5 };

static const jimm_shape image = {4, {2, 3, 4, 5}};

/* y = relu(a) * c + b: an image, another of its shape, and a gate. */
static jimm_model *new_model(void) {
  jimm_graph *g = NULL;
  jimm_model *model = NULL;
  REQUIRE_OK(jimm_graph_create(&g));
  const jimm_input_attrs attrs = {{4, {-1, 3, -1, -1}}, JIMM_F32};
  const jimm_value a = jimm_graph_input(g, "a", &attrs);
  const jimm_value b = jimm_graph_input(g, "b", &attrs);
  const jimm_value c = jimm_graph_input(g, "c", &(jimm_input_attrs){{4, {-1, 3, 1, 1}}, JIMM_F32});
  jimm_value x = jimm_graph_add(g, "relu", "act", NULL, 1, &a);
  x = jimm_graph_add(g, "mul", "gate", NULL, 2, (jimm_value[]){x, c});
  x = jimm_graph_add(g, "add", "sum", NULL, 2, (jimm_value[]){x, b});
  jimm_graph_output(g, "y", x);
  REQUIRE_OK(jimm_graph_finish(g));
  REQUIRE_OK(jimm_model_create_synthetic(g, 1, &model));
  jimm_graph_close(&g);
  return model;
}

static void check_values(const char *what, const jimm_tensor *inputs, const jimm_tensor *y) {
  const float *a = inputs[0].data, *b = inputs[1].data, *c = inputs[2].data, *got = y->data;
  for (int i = 0; i < ELEMENTS; i++) {
    const float want = (a[i] > 0 ? a[i] : 0) * c[i / 20] + b[i];
    TEST_CHECK_MSG(got[i] - want < 1e-6f && want - got[i] < 1e-6f, "%s: element %d is %g, not %g",
                   what, i, (double)got[i], (double)want);
  }
}

TEST(inputs_are_taken_by_their_places) {
  static const char *const names[] = {"y"};
  const jimm_shape gate = {4, {2, 3, 1, 1}};
  jimm_model *model = new_model();
  const jimm_graph *g = jimm_model_graph(model);
  jimm_tensor inputs[] = {engine_tensor(&image, 1, "a", 0, 1), engine_tensor(&image, 1, "b", 0, 1),
                          engine_tensor(&gate, 1, "c", 2, 1)};
  jimm_tensor y = {0};
  jimm_plan *plan = NULL;
  TEST_CHECK_INT(jimm_graph_find_input(g, "b"), 1);
  TEST_CHECK_INT(jimm_graph_find_input(g, "d"), -1);
  REQUIRE_OK(jimm_reference_run(model, JIMM_F32, inputs, 1, names, &y));
  check_values("reference", inputs, &y);
  memset(y.data, 0, ELEMENTS * sizeof(float));
  const jimm_shape shapes[] = {image, image, gate};
  jimm_plan_options options = engine_options(&image, 1, JIMM_ISA_BEST);
  options.input_shapes = shapes;
  options.input_shape_count = 3;
  REQUIRE_OK(jimm_plan_create(model, &options, &plan));
  jimm_shape shape;
  TEST_CHECK_INT(jimm_plan_input_count(plan), 3);
  REQUIRE_OK(jimm_plan_input_shape(plan, 2, &shape));
  TEST_CHECK(jimm_shape_equal(&shape, &gate));
  REQUIRE_OK(jimm_plan_run(plan, inputs, &y));
  check_values("plan", inputs, &y);
  inputs[1].shape = gate;
  TEST_CHECK_INT(jimm_plan_run(plan, inputs, &y), JIMM_ERROR_SHAPE);
  TEST_CHECK_CONTAINS(jimm_error_message(), "input b: expected [2, 3, 4, 5]");
  jimm_plan_close(&plan);
  jimm_tensor_close(&y);
  for (int i = 0; i < 3; i++) {
    jimm_tensor_close(&inputs[i]);
  }
  jimm_model_close(&model);
}
