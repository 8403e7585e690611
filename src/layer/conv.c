/* Convolutions. */
#include "layer/layer.h"
#include "layer/parameter.h"

int64_t jimm_same_padding(int64_t kernel, int64_t stride, int64_t dilation) {
  return (stride - 1 + dilation * (kernel - 1)) / 2;
}

jimm_conv_weights jimm_layer_conv2d_weights(jimm_graph *graph, const char *name,
                                            const jimm_conv *conv) {
  const int64_t groups = conv->groups == 0 ? 1 : conv->groups;
  const jimm_shape shape = {4, {conv->out, conv->in / groups, conv->kernel, conv->kernel}};
  /* as for linear layers, a classifier's bias may be reset with its weight */
  const jimm_parameter_role bias_role =
      conv->role == JIMM_ROLE_CLASSIFIER ? JIMM_ROLE_CLASSIFIER : JIMM_ROLE_NONE;
  jimm_conv_weights w = {JIMM_NO_VALUE, JIMM_NO_VALUE};
  jimm_graph_push(graph, "%s", name);
  w.weight = jimm_layer_parameter(graph, "weight", shape, conv->role);
  if (conv->bias) {
    w.bias = jimm_layer_parameter(graph, "bias", (jimm_shape){1, {conv->out}}, bias_role);
  }
  if (conv->std_eps > 0) {
    const jimm_standardize_weight_attrs std = {conv->std_eps};
    w.weight = jimm_layer_unary(graph, "standardize_weight", "standardize", &std, w.weight);
  }
  jimm_graph_pop(graph);
  return w;
}

jimm_value jimm_layer_conv2d_apply(jimm_graph *graph, const char *name, jimm_value x,
                                   const jimm_conv *conv, jimm_conv_weights weights) {
  const int64_t dilation = conv->dilation == 0 ? 1 : conv->dilation;
  const jimm_conv2d_attrs attrs = {.stride = {conv->stride, conv->stride},
                                   .padding = {conv->padding, conv->padding},
                                   .dilation = {dilation, dilation},
                                   .groups = conv->groups == 0 ? 1 : conv->groups};
  return jimm_graph_add(graph, "conv2d", name, &attrs, conv->bias ? 3 : 2,
                        (jimm_value[]){x, weights.weight, weights.bias});
}

jimm_value jimm_layer_conv2d(jimm_graph *graph, const char *name, jimm_value x,
                             const jimm_conv *conv) {
  return jimm_layer_conv2d_apply(graph, name, x, conv,
                                 jimm_layer_conv2d_weights(graph, name, conv));
}
