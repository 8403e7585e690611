/* Forms of values in plans: images in channels-last and tokens [N, L, C] are views of one another.
 */
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "engine.h"

/* Patches of an image, tokens, norm, linear + shortcut, an image again, pooled. */
static jimm_model *through_tokens(void) {
  static const jimm_conv2d_attrs patches = {{4, 4}, {0, 0}, {1, 1}, 1};
  static const jimm_flatten_attrs pixels = {2};
  static const jimm_permute_attrs turn = {{3, {0, 2, 1}}};
  static const jimm_channel_norm_attrs norm = {JIMM_CHANNEL_NORM_LAYER, 1e-6};
  static const jimm_reshape_attrs rows = {{4, {0, 0, 1, -1}}};
  static const jimm_global_pool_attrs pool = {JIMM_POOL_AVG};
  const jimm_shape vector = {1, {24}}, square = {2, {24, 24}};
  jimm_graph *g = NULL;
  jimm_model *model = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&g), JIMM_OK);
  jimm_value x = engine_input(g, &(jimm_shape){4, {-1, 3, -1, -1}});
  const jimm_value weight = engine_parameter(g, "conv.weight", &(jimm_shape){4, {24, 3, 4, 4}});
  x = jimm_graph_add(g, "conv2d", "conv", &patches, 2, (jimm_value[]){x, weight});
  x = jimm_graph_add(g, "flatten", "pixels", &pixels, 1, &x);
  const jimm_value tokens = jimm_graph_add(g, "permute", "tokens", &turn, 1, &x);
  const jimm_value of_norm[] = {tokens, engine_parameter(g, "norm.weight", &vector),
                                engine_parameter(g, "norm.bias", &vector)};
  x = jimm_graph_add(g, "channel_norm", "norm", &norm, 3, of_norm);
  const jimm_value of_fc[] = {x, engine_parameter(g, "fc.weight", &square),
                              engine_parameter(g, "fc.bias", &vector)};
  x = jimm_graph_add(g, "linear", "fc", NULL, 3, of_fc);
  x = jimm_graph_add(g, "add", "sum", NULL, 2, (jimm_value[]){x, tokens});
  x = jimm_graph_add(g, "permute", "channels", &turn, 1, &x);
  x = jimm_graph_add(g, "reshape", "image", &rows, 1, &x);
  x = jimm_graph_add(g, "global_pool", "pool", &pool, 1, &x);
  jimm_graph_output(g, "y", x);
  TEST_REQUIRE_MSG(jimm_graph_finish(g) == JIMM_OK, "%s", jimm_error_message());
  TEST_REQUIRE_INT(jimm_model_create_synthetic(g, 1, &model), JIMM_OK);
  jimm_graph_close(&g);
  return model;
}

TEST(tokens_are_views_of_images) {
  static const char *const name[] = {"y"};
  jimm_model *model = through_tokens();
  jimm_tensor x = engine_tensor(&(jimm_shape){4, {2, 3, 20, 28}}, 1, "x", 0.0, 1.0);
  const jimm_plan_options o = engine_options(&x.shape, 2, JIMM_ISA_BEST);
  jimm_tensor y, truth;
  jimm_compare c;
  TEST_REQUIRE_MSG(engine_run(model, &o, &x, &y) == JIMM_OK, "%s", jimm_error_message());
  TEST_REQUIRE_INT(jimm_reference_run(model, JIMM_F64, &x, 1, name, &truth), JIMM_OK);
  TEST_REQUIRE_INT(jimm_tensor_compare(&y, &truth, &c), JIMM_OK);
  TEST_CHECK_MSG(c.relative <= 1e-6, "relative error %g", c.relative);

  jimm_plan *plan = NULL;
  char *text = NULL;
  TEST_REQUIRE_INT(jimm_plan_create(model, &o, &plan), JIMM_OK);
  TEST_REQUIRE_INT(jimm_plan_print(plan, &text), JIMM_OK);
  const char *from = strstr(text, "conv2d"), *to = strstr(text, "global_pool");
  TEST_REQUIRE_MSG(from != NULL && to != NULL && from < to, "%s", text);
  for (int i = 0; i < 2; i++) {
    const char *conversion = strstr(from, i == 0 ? "channels_last" : "channels_first");
    TEST_CHECK_MSG(conversion == NULL || conversion > to, "%s", text);
  }
  jimm_text_free(text);
  jimm_plan_close(&plan);
  jimm_tensor_close(&x);
  jimm_tensor_close(&y);
  jimm_tensor_close(&truth);
  jimm_model_close(&model);
}
