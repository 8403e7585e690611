/* The live test of the family that scripts/adding.sh adds, and that its tokens cost nothing. */
#include <jimm/jimm.h>
#include <string.h>

#include "fixture.h"
#include "require_ok.h"

FIXTURE_TESTS("tokens", "tokens_nano")

static jimm_model *tokens_nano(void) {
  jimm_model_name name;
  jimm_graph *graph = NULL;
  jimm_model *model = NULL;
  REQUIRE_OK(jimm_model_find("tokens_nano", &name));
  REQUIRE_OK(jimm_graph_build(&name, NULL, &graph));
  TEST_CHECK_INT(jimm_graph_parameter_count(graph), name.arch->params);
  REQUIRE_OK(jimm_model_create_synthetic(graph, 1, &model));
  jimm_graph_close(&graph);
  return model;
}

static jimm_plan *plan_of(jimm_model *model) {
  static const char *const outputs[] = {"logits"};
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  jimm_plan *plan = NULL;
  options.batch = 2;
  options.height = 64;
  options.width = 72;
  options.outputs = outputs;
  options.output_count = 1;
  REQUIRE_OK(jimm_plan_create(model, &options, &plan));
  return plan;
}

/* From image to logits, within the bar that every family has. */
TEST(plan_is_the_reference) {
  static const char *const outputs[] = {"logits"};
  jimm_model *model = tokens_nano();
  jimm_plan *plan = plan_of(model);
  jimm_tensor x = {0}, y = {0}, single = {0}, truth = {0};
  jimm_compare of_plan, of_reference;
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &(jimm_shape){4, {2, 3, 64, 72}}, &x));
  for (int64_t i = 0; i < jimm_shape_count(&x.shape); i++) {
    ((float *)x.data)[i] = (float)(i * 7919 % 2003) / 1001.5F - 1.0F;
  }
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &(jimm_shape){2, {2, 1000}}, &y));
  REQUIRE_OK(jimm_plan_run(plan, &x, &y));
  REQUIRE_OK(jimm_reference_run(model, JIMM_F32, &x, 1, outputs, &single));
  REQUIRE_OK(jimm_reference_run(model, JIMM_F64, &x, 1, outputs, &truth));
  REQUIRE_OK(jimm_tensor_compare(&y, &truth, &of_plan));
  REQUIRE_OK(jimm_tensor_compare(&single, &truth, &of_reference));
  const double bar = jimm_house_bar(JIMM_PRECISION_HIGHEST, of_reference.relative);
  TEST_CHECK_MSG(of_plan.relative <= bar, "relative error %g, bar %g", of_plan.relative, bar);
  TEST_CHECK(truth.shape.rank == 2 && of_plan.relative > 0);
  jimm_tensor_close(&x);
  jimm_tensor_close(&y);
  jimm_tensor_close(&single);
  jimm_tensor_close(&truth);
  jimm_plan_close(&plan);
  jimm_model_close(&model);
}

/* Images in channels-last and tokens are views of one another: no step between the patches and the
 * classifier moves a value from one form to the other. */
TEST(tokens_are_views) {
  jimm_model *model = tokens_nano();
  jimm_plan *plan = plan_of(model);
  char *text = NULL;
  REQUIRE_OK(jimm_plan_print(plan, &text));
  const char *first = strstr(text, "patch_embed.proj"), *last = strstr(text, "head.fc");
  TEST_REQUIRE_MSG(first != NULL && last != NULL && first < last, "%s", text);
  *(char *)(uintptr_t)last = 0;
  TEST_CHECK_MSG(strstr(first, "channels_last") == NULL, "%s", text);
  TEST_CHECK_MSG(strstr(first, "channels_first") == NULL, "%s", text);
  TEST_CHECK_CONTAINS(first, "blocks.1.fc2");
  jimm_text_free(text);
  jimm_plan_close(&plan);
  jimm_model_close(&model);
}

TEST_MAIN()
