/* Weights made of weights: operators over parameters alone. */
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "model/model.h"
#include "plan/engine.h"
#include "plan/plan.h"
#include "require_ok.h"

static const jimm_shape image = {4, {2, 12, 7, 9}};
static const jimm_conv2d_attrs pointwise = {{1, 1}, {0, 0}, {1, 1}, 1};

static jimm_value unary(jimm_graph *graph, const char *op, const char *name, const void *attrs,
                        jimm_value x) {
  return jimm_graph_add(graph, op, name, attrs, 1, &x);
}

/* y = conv2d(x, standardize(reshape(w))) * reshape(gamma) + (gamma2 + gamma2): every use of a
 * constant: packed, as a gate, and shared by two inputs. */
static jimm_model *make_model(void) {
  static const jimm_reshape_attrs kernel = {{4, {0, 0, 1, 1}}}, gate = {{4, {1, -1, 1, 1}}};
  static const jimm_standardize_weight_attrs std = {1e-6};
  jimm_graph *graph = NULL;
  jimm_model *model = NULL;
  REQUIRE_OK(jimm_graph_create(&graph));
  const jimm_value x = engine_input(graph, &image);
  const jimm_value w = engine_parameter(graph, "w.weight", &(jimm_shape){2, {10, 12}});
  const jimm_value g = engine_parameter(graph, "g", &(jimm_shape){1, {10}});
  const jimm_value weight = unary(graph, "standardize_weight", "std", &std,
                                  unary(graph, "reshape", "kernel", &kernel, w));
  const jimm_value twice = jimm_graph_add(graph, "add", "twice", NULL, 2, (jimm_value[]){g, g});
  const jimm_value scale = unary(graph, "reshape", "gate", &gate, twice);
  jimm_value y = jimm_graph_add(graph, "conv2d", "conv", &pointwise, 2, (jimm_value[]){x, weight});
  y = jimm_graph_add(graph, "mul", "mul", NULL, 2, (jimm_value[]){y, scale});
  TEST_CHECK(jimm_graph_node(graph, weight)->constant && jimm_graph_node(graph, scale)->constant);
  TEST_CHECK(jimm_graph_node(graph, w)->constant && !jimm_graph_node(graph, y)->constant &&
             !jimm_graph_node(graph, x)->constant);
  jimm_graph_output(graph, "y", y);
  jimm_graph_output(graph, "scale", scale);
  REQUIRE_OK(jimm_graph_finish(graph));
  REQUIRE_OK(jimm_model_create_synthetic(graph, 1, &model));
  jimm_graph_close(&graph);
  return model;
}

TEST(plans_compute_with_constants) {
  static const char *const names[] = {"y", "scale"};
  jimm_model *model = make_model();
  jimm_tensor x = engine_tensor(&image, 1, "x", 0.0, 2.0), want[2];
  REQUIRE_OK(jimm_reference_run(model, JIMM_F64, &x, 2, names, want));
  for (int32_t isa = 0; isa <= (int32_t)jimm_cpu_isa(); isa++) {
    jimm_plan_options options = engine_options(&image, 2, (jimm_isa)isa);
    jimm_plan *plan = NULL;
    options.outputs = names;
    options.output_count = 2;
    REQUIRE_OK(jimm_plan_create(model, &options, &plan));
    jimm_tensor got[2];
    for (int i = 0; i < 2; i++) {
      REQUIRE_OK(jimm_tensor_create(JIMM_F32, &want[i].shape, &got[i]));
    }
    REQUIRE_OK(jimm_plan_run(plan, &x, got));
    for (int i = 0; i < 2; i++) {
      jimm_compare compare;
      REQUIRE_OK(jimm_tensor_compare(&got[i], &want[i], &compare));
      TEST_CHECK_MSG(compare.relative < 5e-7, "%s: %g", names[i], compare.relative);
      jimm_tensor_close(&got[i]);
    }
    /* the caller's input, the weights' gate, conv, mul, two outputs: nothing for reshape, add, std
     */
    TEST_CHECK_MSG(plan->step_count <= 6, "%d steps", (int)plan->step_count);
    jimm_plan_close(&plan);
  }
  for (int i = 0; i < 2; i++) {
    jimm_tensor_close(&want[i]);
  }
  jimm_tensor_close(&x);
  jimm_model_close(&model);
}

TEST(constants_are_rounded_once) {
  jimm_model *model = make_model();
  jimm_graph *graph = jimm_model_graph(model);
  const jimm_value std = jimm_graph_find(graph, "std");
  jimm_tensor got, want, x = engine_tensor(&image, 1, "x", 0.0, 1.0);
  REQUIRE_OK(jimm_model_constant_f32(model, std, &got));
  const jimm_tensor *w = jimm_model_parameter(model, jimm_graph_find(graph, "w.weight"));
  TEST_CHECK_INT(got.shape.rank, 4);
  for (int64_t o = 0; o < 10; o++) {
    const float *row = (const float *)w->data + 12 * o;
    double mean = 0, var = 0;
    for (int i = 0; i < 12; i++) {
      mean += (double)row[i] / 12;
    }
    for (int i = 0; i < 12; i++) {
      var += ((double)row[i] - mean) * ((double)row[i] - mean) / 12;
    }
    for (int i = 0; i < 12; i++) {
      const float exact = (float)(((double)row[i] - mean) / __builtin_sqrt(var + 1e-6));
      TEST_CHECK(((const float *)got.data)[12 * o + i] == exact);
    }
  }
  jimm_tensor_close(&got);
  REQUIRE_OK(jimm_model_constant_f32(model, jimm_graph_find(graph, "w.weight"), &want));
  TEST_CHECK(want.data == w->data && want.owned == NULL); /* a parameter: the model's own memory */
  jimm_tensor_close(&want);
  TEST_CHECK(jimm_model_constant_f32(model, jimm_graph_find(graph, "conv"), &got) != JIMM_OK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "conv");
  jimm_model_release(model, std);
  jimm_model_release(model, jimm_graph_find(graph, "conv"));
  jimm_tensor_close(&x);
  jimm_model_close(&model);
}

/* Two products: in float32 each would round. */
TEST(chains_are_rounded_once) {
  const jimm_shape shape = {2, {1, 4096}};
  jimm_graph *graph = NULL;
  jimm_model *model = NULL;
  REQUIRE_OK(jimm_graph_create(&graph));
  const jimm_value x = engine_input(graph, &shape);
  const jimm_value g = engine_parameter(graph, "g", &shape);
  jimm_value square = jimm_graph_add(graph, "mul", "square", NULL, 2, (jimm_value[]){g, g});
  jimm_value cube = jimm_graph_add(graph, "mul", "cube", NULL, 2, (jimm_value[]){square, g});
  jimm_graph_output(graph, "y",
                    jimm_graph_add(graph, "mul", "y", NULL, 2, (jimm_value[]){x, cube}));
  REQUIRE_OK(jimm_graph_finish(graph));
  REQUIRE_OK(jimm_model_create_synthetic(graph, 1, &model));
  jimm_tensor got;
  const float *one = jimm_model_parameter(model, g)->data;
  int differ = 0;
  for (int power = 2; power <= 3; power++) {
    REQUIRE_OK(jimm_model_constant_f32(model, power == 2 ? square : cube, &got));
    for (int i = 0; i < 4096; i++) {
      const double v = (double)one[i], exact = power == 2 ? v * v : v * v * v;
      TEST_CHECK(((const float *)got.data)[i] == (float)exact);
      differ += power == 3 && one[i] * one[i] * one[i] != (float)exact ? 1 : 0;
    }
    jimm_tensor_close(&got);
  }
  TEST_CHECK_MSG(differ > 100, "float32 would differ in %d elements only", differ);
  jimm_model_close(&model);
  jimm_graph_close(&graph);
}

/* 60 doublings: evaluated node by node, not path by path. */
TEST(shared_constants_are_evaluated_once) {
  jimm_graph *graph = NULL;
  jimm_model *model = NULL;
  REQUIRE_OK(jimm_graph_create(&graph));
  const jimm_value x = engine_input(graph, &(jimm_shape){2, {1, 3}});
  const jimm_value g = engine_parameter(graph, "g", &(jimm_shape){2, {1, 3}});
  jimm_value sum = g;
  for (int i = 0; i < 60; i++) {
    char name[16];
    snprintf(name, sizeof name, "sum%d", i);
    sum = jimm_graph_add(graph, "add", name, NULL, 2, (jimm_value[]){sum, sum});
  }
  jimm_graph_output(graph, "y", jimm_graph_add(graph, "add", "y", NULL, 2, (jimm_value[]){x, sum}));
  REQUIRE_OK(jimm_graph_finish(graph));
  REQUIRE_OK(jimm_model_create_synthetic(graph, 1, &model));
  jimm_tensor got;
  REQUIRE_OK(jimm_model_constant_f32(model, sum, &got));
  const float *one = jimm_model_parameter(model, g)->data;
  for (int i = 0; i < 3; i++) {
    TEST_CHECK(((const float *)got.data)[i] == one[i] * 0x1p60f);
  }
  jimm_tensor_close(&got);
  jimm_model_close(&model);
  jimm_graph_close(&graph);
}
