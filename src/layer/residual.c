/* The end of a residual branch: layer scale and the addition. */
#include "layer/layer.h"
#include "layer/parameter.h"

jimm_value jimm_layer_scale(jimm_graph *graph, const char *name, jimm_value x, jimm_value scale) {
  static const jimm_reshape_attrs image = {{4, {1, -1, 1, 1}}};
  jimm_graph_push(graph, "%s", name);
  scale = jimm_layer_unary(graph, "reshape", "image", &image, scale);
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, "mul", name, NULL, 2, (jimm_value[]){x, scale});
}

jimm_value jimm_layer_add(jimm_graph *graph, const char *name, jimm_value a, jimm_value b) {
  return jimm_graph_add(graph, "add", name, NULL, 2, (jimm_value[]){a, b});
}
