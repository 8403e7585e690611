/* toy_timm.py, live: see fixture.h; and how fresh weights start. */
#include <jimm/jimm.h>
#include <math.h>

#include "fixture.h"
#include "require_ok.h"

FIXTURE_TESTS("toy", "toy_nano", "toy_micro")

/* The root of the mean square. */
static double deviation(const jimm_state *state, const char *name) {
  const jimm_tensor *tensor = jimm_state_find(state, name);
  TEST_REQUIRE_MSG(tensor != NULL, "no tensor %s", name);
  const float *x = tensor->data;
  const int64_t count = jimm_shape_count(&tensor->shape);
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    sum += (double)x[i] * (double)x[i];
  }
  return sqrt(sum / (double)count);
}

TEST(init) {
  jimm_model_name name;
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  REQUIRE_OK(jimm_model_find("toy_nano", &name));
  REQUIRE_OK(jimm_graph_build(&name, NULL, &graph));
  REQUIRE_OK(jimm_state_init(name.family, graph, 1, &state));
  TEST_CHECK_DOUBLE(deviation(state, "stages.1.0.conv2.weight"), sqrt(2.0 / (16 * 9)), 0.01, 0);
  TEST_CHECK_DOUBLE(deviation(state, "head.fc.weight"), 0.01, 0.0003, 0);
  TEST_CHECK_DOUBLE(deviation(state, "head.fc.bias"), 0.0, 0.0, 0);
  TEST_CHECK_DOUBLE(deviation(state, "stages.1.0.norm1.weight"), 1.0, 0.0, 0);
  TEST_CHECK_DOUBLE(deviation(state, "stages.1.0.norm2.weight"), 0.0, 0.0, 0);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

TEST_MAIN()
