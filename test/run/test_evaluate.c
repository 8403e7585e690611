/* What an evaluation keeps (run/evaluate.h). */
#include <jimm-test/jimm-test.h>

#include "plan/engine.h"
#include "require_ok.h"
#include "run/evaluate.h"

enum { NODES = 5 };

/* x -> a = relu(x), b = sigmoid(a), c = silu(b), y = a + c */
static jimm_model *small_model(const jimm_shape *input, jimm_value v[NODES]) {
  jimm_graph *g = NULL;
  jimm_model *model = NULL;
  REQUIRE_OK(jimm_graph_create(&g));
  v[0] = engine_input(g, input);
  v[1] = jimm_graph_add(g, "relu", "a", NULL, 1, &v[0]);
  v[2] = jimm_graph_add(g, "sigmoid", "b", NULL, 1, &v[1]);
  v[3] = jimm_graph_add(g, "silu", "c", NULL, 1, &v[2]);
  v[4] = jimm_graph_add(g, "add", "y", NULL, 2, (jimm_value[]){v[1], v[3]});
  jimm_graph_add(g, "relu", "unused", NULL, 1, &v[4]);
  jimm_graph_output(g, "y", v[4]);
  REQUIRE_OK(jimm_graph_finish(g));
  REQUIRE_OK(jimm_model_create_synthetic(g, 1, &model));
  jimm_graph_close(&g);
  return model;
}

/* `kept` is for JIMM_KEEP_SOME; `wanted` are alive afterwards. */
static void check_kept(jimm_keep keep, const bool kept[NODES + 1], const bool wanted[NODES]) {
  const jimm_shape input = {4, {1, 2, 3, 3}, 0};
  jimm_value v[NODES];
  jimm_model *model = small_model(&input, v);
  jimm_tensor x = engine_tensor(&input, 3, "x", 0, 1), y = {0};
  const jimm_evaluation_options options = {.dtype = JIMM_F64,
                                           .inputs = &x,
                                           .output_count = 1,
                                           .outputs = &v[4],
                                           .keep = keep,
                                           .kept = kept};
  jimm_evaluation e;
  REQUIRE_OK(jimm_evaluate(model, &options, &e));
  for (int i = 0; i < NODES; i++) {
    TEST_CHECK_MSG((e.values[v[i]].data != NULL) == wanted[i], "value %d", i);
  }
  TEST_CHECK(e.values[NODES].data == NULL); /* nobody needs it */
  REQUIRE_OK(jimm_evaluation_take(&e, 0, &y));
  TEST_CHECK((e.values[v[4]].data != NULL) == (keep == JIMM_KEEP_ALL));
  TEST_CHECK_INT(y.dtype, JIMM_F64);
  jimm_evaluation_close(&e);
  TEST_CHECK(y.data != NULL && y.owned != NULL); /* the caller's own */
  jimm_tensor_close(&y);
  jimm_tensor_close(&x);
  jimm_model_close(&model);
}

TEST(values_die_after_their_last_use) {
  check_kept(JIMM_KEEP_NONE, NULL, (const bool[]){false, false, false, false, true});
}

TEST(some_values_are_kept) {
  check_kept(JIMM_KEEP_SOME, (const bool[NODES + 1]){[2] = true},
             (const bool[]){false, false, true, false, true});
}

TEST(all_values_are_kept) {
  check_kept(JIMM_KEEP_ALL, NULL, (const bool[]){true, true, true, true, true});
}
