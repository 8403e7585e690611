/* A library's own rules of differentiation, told to the kit as a kind of function. */
#include <jimm-test/gradient.h>

#include "graph.h"

static const char *value(const void *object, const jt_args *args, double *result) {
  *result = graph_value(object, jt_data(args, "x"));
  return NULL;
}

static const char *vjp(const void *object, const jt_args *args, double seed, jt_args *gradient) {
  graph_vjp(object, jt_data(args, "x"), seed, jt_data(gradient, "x"));
  return NULL;
}

static const char *jvp(const void *object, const jt_args *args, const jt_args *tangent,
                       double *derivative) {
  *derivative = graph_jvp(object, jt_data(args, "x"), jt_data(tangent, "x"));
  return NULL;
}

static const jt_kind graph_kind = {
    .size = sizeof(jt_kind), .name = "graph", .value = value, .vjp = vjp, .jvp = jvp};

TEST(graph_differentiates) {
  graph g = {.count = 0};
  int x = graph_input(&g, 0), y = graph_input(&g, 1);
  int wave = graph_apply(&g, GRAPH_SIN, graph_apply(&g, GRAPH_MUL, x, y), 0);
  graph_apply(&g, GRAPH_ADD, graph_apply(&g, GRAPH_EXP, wave, 0), graph_apply(&g, GRAPH_MUL, x, x));
  double at[] = {0.7, -1.3};
  jt_function function = {.kind = &graph_kind, .object = &g};
  TEST_GRADIENTS(function, JT_ARGS(JT_DOUBLES("x", at, 2)), .special_values = true);
}

TEST_MAIN()
