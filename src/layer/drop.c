/* Dropout of elements and of whole branches. */
#include "layer/layer.h"
#include "layer/parameter.h"

jimm_value jimm_layer_drop_path(jimm_graph *graph, const char *name, jimm_value x, double rate) {
  const jimm_dropout_attrs attrs = {rate};
  return jimm_layer_unary(graph, "drop_path", name, &attrs, x);
}

jimm_value jimm_layer_dropout(jimm_graph *graph, const char *name, jimm_value x, double rate) {
  const jimm_dropout_attrs attrs = {rate};
  return jimm_layer_unary(graph, "dropout", name, &attrs, x);
}
