/* Where an error begins. */
#include <math.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>

#include "own_fixture.h"
#include "parity/check.h"
#include "require_ok.h"

static jimm_parity_options tracing(void) {
  jimm_parity_options options = JIMM_PARITY_OPTIONS_INIT;
  options.trace = true;
  return options;
}

TEST(a_healthy_trace_jumps_nowhere) {
  const jimm_parity_options options = tracing();
  jimm_parity p;
  jimm_parity_report *report = NULL;
  fixture_make(&p, 3, 32, false);
  REQUIRE_OK(fixture_check(FIXTURE_ARCH "_io.h5", &p, &options, &report));
  TEST_CHECK(report->passed);
  TEST_CHECK_STR(report->traced, "timm's stages");
  TEST_CHECK(report->step_count > 15);
  TEST_CHECK_INT(report->jump, -1);
  TEST_CHECK_INT(report->cause, JIMM_CAUSE_NONE);
  const int32_t steps = report->step_count;
  jimm_parity_report_close(&report);
  fixture_make(&p, 3, 32, false);
  jimm_state_close(&p.stages);
  REQUIRE_OK(fixture_check(FIXTURE_ARCH "_io.h5", &p, &options, &report));
  TEST_CHECK_STR(report->traced, "the float64 reference");
  TEST_CHECK_INT(report->step_count, steps);
  TEST_CHECK_INT(report->jump, -1);
  jimm_parity_report_close(&report);
}

/* What timm computes from layer2.0.conv2 on is another thing than jimm's graph says. */
TEST(a_graph_that_is_not_timms_shows_where) {
  const jimm_parity_options options = tracing();
  static const char *const spoilt[] = {"layer2.0.bn2", "layer3.0.conv1", "layer3.0.act2"};
  jimm_parity p;
  jimm_parity_report *report = NULL;
  fixture_make(&p, 3, 32, false);
  for (size_t s = 0; s < sizeof spoilt / sizeof spoilt[0]; s++) {
    const jimm_tensor *stage = jimm_state_find(p.stages, spoilt[s]);
    for (int64_t i = 0; stage != NULL && i < jimm_shape_count(&stage->shape); i++) {
      ((float *)stage->data)[i] *= 1.01f;
    }
  }
  REQUIRE_OK(fixture_check(FIXTURE_ARCH "_io.h5", &p, &options, &report));
  TEST_REQUIRE(report->jump >= 0);
  const jimm_parity_step *step = &report->steps[report->jump];
  TEST_CHECK_MSG(strncmp(step->node, "layer2.0", 8) == 0 || strncmp(step->node, "layer3.0", 8) == 0,
                 "%s", step->node);
  TEST_CHECK(step->error > 5e-3 && step->error < 2e-2);
  TEST_CHECK(step->before < 1e-5);
  TEST_CHECK_INT(report->cause, JIMM_CAUSE_GRAPH);
  jimm_parity_report_close(&report);
}

/* An operator that is right in float64 and wrong in float32 stands for a wrong kernel. */
static jimm_status scale_infer(const void *attrs, int32_t count, const jimm_shape *inputs,
                               jimm_shape *output) {
  (void)attrs;
  (void)count;
  *output = inputs[0];
  return JIMM_OK;
}
static jimm_status scale_f32(const jimm_op_call *call) {
  const float *x = call->inputs[0].data;
  for (int64_t i = 0; i < jimm_shape_count(&call->output->shape); i++) {
    ((float *)call->output->data)[i] = 2.001f * x[i];
  }
  return JIMM_OK;
}
static jimm_status scale_f64(const jimm_op_call *call) {
  const double *x = call->inputs[0].data;
  for (int64_t i = 0; i < jimm_shape_count(&call->output->shape); i++) {
    ((double *)call->output->data)[i] = 2 * x[i];
  }
  return JIMM_OK;
}

TEST(a_kernel_that_is_wrong_is_named) {
  static const char *const inputs[] = {"x"};
  static const jimm_op wrong = {.size = sizeof wrong,
                                .name = "test_parity_check_twice",
                                .summary = "2 x, wrongly in float32",
                                .min_inputs = 1,
                                .max_inputs = 1,
                                .input_names = inputs,
                                .infer = scale_infer,
                                .forward_f32 = scale_f32,
                                .forward_f64 = scale_f64};
  const jimm_input_attrs input_attrs = {{4, {-1, 3, -1, -1}}, JIMM_F32};
  const jimm_max_pool2d_attrs pool = {{2, 2}, {2, 2}, {0, 0}, false};
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  jimm_parity_book *book = NULL;
  jimm_tensor input = {.dtype = JIMM_DTYPE_NONE};
  REQUIRE_OK(jimm_op_register(&wrong));
  REQUIRE_OK(jimm_graph_create(&graph));
  jimm_value x = jimm_graph_input(graph, "input", &input_attrs);
  x = jimm_graph_add(graph, "relu", "first", NULL, 1, &x);
  x = jimm_graph_add(graph, wrong.name, "second", NULL, 1, &x);
  x = jimm_graph_add(graph, "max_pool2d", "third", &pool, 1, &x);
  x = jimm_graph_add(graph, "sigmoid", "fourth", NULL, 1, &x);
  jimm_graph_output(graph, "logits", x);
  REQUIRE_OK(jimm_graph_finish(graph));
  REQUIRE_OK(jimm_state_create(&state));
  REQUIRE_OK(jimm_model_create(graph, state, NULL, &model));
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &(jimm_shape){4, {2, 3, 8, 6}}, &input));
  REQUIRE_OK(jimm_synthetic_input(1, "input", &input));
  REQUIRE_OK(jimm_parity_book_create("own", &book));
  REQUIRE_OK(jimm_parity_trace(book, model, &input, 1, NULL));
  jimm_parity_report *report = &book->report;
  TEST_REQUIRE_INT(report->step_count, 4);
  TEST_REQUIRE_INT(report->jump, 1);
  TEST_CHECK_STR(report->steps[1].node, "second");
  TEST_CHECK_STR(report->steps[1].operation, wrong.name);
  TEST_CHECK(report->steps[0].error == 0 && report->steps[1].before == 0);
  TEST_CHECK(fabs(report->steps[1].error - 5e-4) < 1e-6);
  TEST_CHECK(fabs(report->steps[2].before - 5e-4) < 1e-6);
  TEST_CHECK_INT(report->cause, JIMM_CAUSE_PLAN);
  jimm_parity_report_close(&report);
  jimm_tensor_close(&input);
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}
