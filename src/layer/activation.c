/* Activations. */
#include "layer/layer.h"
#include "layer/parameter.h"

jimm_value jimm_layer_activation(jimm_graph *graph, const char *name, jimm_value x,
                                 jimm_activation type) {
  if (type == JIMM_ACT_SILU) {
    return jimm_layer_unary(graph, "silu", name, NULL, x);
  }
  const jimm_gelu_attrs attrs = {type == JIMM_ACT_GELU_TANH ? JIMM_GELU_TANH : JIMM_GELU_NONE};
  return jimm_layer_unary(graph, "gelu", name, &attrs, x);
}

jimm_value jimm_layer_relu(jimm_graph *graph, const char *name, jimm_value x) {
  return jimm_layer_unary(graph, "relu", name, NULL, x);
}
