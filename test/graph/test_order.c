/* Which values outputs need (graph/order.h). */
#include <jimm-test/jimm-test.h>

#include "graph/order.h"
#include "require_ok.h"

/* 0 x, 1 weight, 2 a = relu(x), 3 dropped = dropout(a), 4 b = mul(dropped, dropped), 5 other =
 * relu(weight), 6 masked = dropout(b, mask = a) */
static jimm_graph *small_graph(void) {
  jimm_graph *g = NULL;
  REQUIRE_OK(jimm_graph_create(&g));
  const jimm_dropout_attrs half = {0.5};
  const jimm_value x = jimm_graph_input(g, "x", &(jimm_input_attrs){{2, {-1, 4}, 0}, JIMM_F32});
  const jimm_value weight = jimm_graph_parameter(
      g, "weight", &(jimm_parameter_attrs){{1, {4}, 0}, JIMM_F32, JIMM_PARAMETER, 0, false});
  const jimm_value a = jimm_graph_add(g, "relu", "a", NULL, 1, &x);
  const jimm_value dropped = jimm_graph_add(g, "dropout", "dropped", &half, 1, &a);
  const jimm_value b = jimm_graph_add(g, "mul", "b", NULL, 2, (jimm_value[]){dropped, dropped});
  jimm_graph_add(g, "relu", "other", NULL, 1, &weight);
  const jimm_value masked = jimm_graph_add(g, "dropout", "masked", &half, 2, (jimm_value[]){b, a});
  jimm_graph_output(g, "b", b);
  jimm_graph_output(g, "masked", masked);
  REQUIRE_OK(jimm_graph_finish(g));
  return g;
}

TEST(only_what_outputs_need) {
  jimm_graph *g = small_graph();
  jimm_order order;
  REQUIRE_OK(jimm_graph_order(g, 1, (jimm_value[]){4}, false, &order));
  static const bool needed[] = {true, false, true, true, true, false, false};
  static const int32_t uses[] = {1, 0, 1, 2, 1, 0, 0};
  for (int v = 0; v < 7; v++) {
    TEST_CHECK_MSG(order.needed[v] == needed[v] && order.uses[v] == uses[v] && order.alias[v] == v,
                   "node %d", v);
  }
  TEST_CHECK_INT(order.first, 0);
  TEST_CHECK_INT(order.user[2], 3);
  TEST_CHECK_INT(order.user[4], JIMM_NO_VALUE);
  jimm_order_close(&order);
  jimm_graph_close(&g);
}

TEST(identities_are_skipped_but_not_masked_ones) {
  jimm_graph *g = small_graph();
  jimm_order order;
  REQUIRE_OK(jimm_graph_order(g, 2, (jimm_value[]){6, 4}, true, &order));
  static const bool needed[] = {true, false, true, false, true, false, true};
  static const int32_t uses[] = {1, 0, 3, 0, 2, 0, 1};
  for (int v = 0; v < 7; v++) {
    TEST_CHECK_MSG(order.needed[v] == needed[v] && order.uses[v] == uses[v], "node %d: %d uses", v,
                   (int)order.uses[v]);
  }
  TEST_CHECK_INT(order.alias[3], 2);
  TEST_CHECK_INT(order.alias[6], 6);
  jimm_order_close(&order);
  jimm_graph_close(&g);
}

TEST(a_parameter_may_be_first) {
  jimm_graph *g = small_graph();
  jimm_order order;
  REQUIRE_OK(jimm_graph_order(g, 1, (jimm_value[]){5}, true, &order));
  TEST_CHECK_INT(order.first, 1);
  TEST_CHECK(!order.needed[0] && order.needed[1] && !order.needed[2]);
  TEST_CHECK(jimm_graph_node(g, 5)->constant);
  jimm_order_close(&order);
  jimm_graph_close(&g);
}
