/* Does every parameter matter? Each tensor of the synthetic weights is drawn anew from another
 * seed, and the logits must move by more than ten times the house bar: else an error in that
 * tensor's path could hide. JIMM_TEST_FULL=1 takes every kind of block, stem, downsample and norm.
 */
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>

#include "filter.h"

#define REQUIRE_OK(call) TEST_REQUIRE_MSG((call) == JIMM_OK, "%s", jimm_error_message())
#define TEN_BARS 2e-5

/* The weights of `state`, with tensor `redrawn` (-1: none) from seed 2 instead of 1. */
static jimm_state *redraw(const jimm_state *state, int64_t redrawn) {
  jimm_state *result = NULL;
  REQUIRE_OK(jimm_state_create(&result));
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const char *name = jimm_state_name(state, i);
    const jimm_tensor *tensor = jimm_state_tensor(state, i);
    if (i != redrawn) {
      REQUIRE_OK(jimm_state_add(result, name, tensor));
      continue;
    }
    jimm_tensor other = {0};
    REQUIRE_OK(jimm_tensor_create(JIMM_F32, &tensor->shape, &other));
    REQUIRE_OK(jimm_synthetic_parameter(2, name, &other));
    REQUIRE_OK(jimm_state_add_owned(result, name, &other));
  }
  return result;
}

static void run(jimm_graph *graph, jimm_state *state, const jimm_tensor *input,
                jimm_tensor *logits) {
  jimm_model *model = NULL;
  jimm_plan *plan = NULL;
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.height = input->shape.dim[2];
  options.width = input->shape.dim[3];
  REQUIRE_OK(jimm_model_create(graph, state, NULL, &model));
  REQUIRE_OK(jimm_plan_create(model, &options, &plan));
  jimm_shape shape;
  REQUIRE_OK(jimm_plan_output_shape(plan, 0, &shape));
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &shape, logits));
  REQUIRE_OK(jimm_plan_run(plan, input, logits));
  jimm_plan_close(&plan);
  jimm_model_close(&model);
}

static void check_arch(void *context) {
  const char *arch = context;
  jimm_model_name name;
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  REQUIRE_OK(jimm_model_find(arch, &name));
  REQUIRE_OK(jimm_graph_build(&name, NULL, &graph));
  REQUIRE_OK(jimm_state_synthetic(graph, 1, &state));
  jimm_tensor input = {0}, want = {0};
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &(jimm_shape){4, {1, 3, 64, 64}}, &input));
  REQUIRE_OK(jimm_synthetic_input(1, "input", &input));
  run(graph, state, &input, &want);

  double least = 1e30;
  const char *weakest = "";
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    jimm_state *other = redraw(state, i);
    jimm_tensor got = {0};
    jimm_compare moved;
    run(graph, other, &input, &got);
    REQUIRE_OK(jimm_tensor_compare(&got, &want, &moved));
    TEST_CHECK_MSG(moved.relative > TEN_BARS, "%s: logits move by %.3g only",
                   jimm_state_name(state, i), moved.relative);
    if (moved.relative < least) {
      least = moved.relative;
      weakest = jimm_state_name(state, i);
    }
    jimm_tensor_close(&got);
    jimm_state_close(&other);
  }
  TEST_NOTE("%s: %lld tensors, the least effect is %.2g (%s)", arch,
            (long long)jimm_state_count(state), least, weakest);
  jimm_tensor_close(&want);
  jimm_tensor_close(&input);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

TEST_SETUP() {
  static char *archs[] = {"test_resnet",  "resnet18d",   "resnet26t",           "resnet50",
                          "resnet50_gn",  "seresnet18",  "ecaresnet26t",        "resnetrs50",
                          "resnetblur18", "resnetaa34d", "ecaresnet50d_pruned", "resnext50_32x4d"};
  const char *full = getenv("JIMM_TEST_FULL");
  const size_t count = full != NULL && strcmp(full, "1") == 0 ? sizeof archs / sizeof archs[0] : 1;
  size_t added = 0;
  for (size_t i = 0; i < count; i++) {
    if (filter_arch(archs[i])) {
      jt_add(archs[i], check_arch, archs[i], NULL);
      added++;
    }
  }
  if (added == 0) {
    filter_add_skip();
  }
}

TEST_MAIN()
