/* Linear layers, also of pixels. */
#include "layer/layer.h"
#include "layer/parameter.h"

jimm_value jimm_layer_linear(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                             int64_t out, jimm_parameter_role role) {
  jimm_graph_push(graph, "%s", name);
  const jimm_value weight = jimm_layer_parameter(graph, "weight", (jimm_shape){2, {out, in}}, role);
  const jimm_value bias = jimm_layer_parameter(graph, "bias", (jimm_shape){1, {out}}, role);
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, "linear", name, NULL, 3, (jimm_value[]){x, weight, bias});
}

/* torch.nn.Linear over the channels of every pixel: a 1x1 convolution whose weight has rank 2. */
static jimm_value linear_of_pixels(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                                   int64_t out, jimm_parameter_role role) {
  static const jimm_reshape_attrs kernel = {{4, {0, 0, 1, 1}}};
  static const jimm_conv2d_attrs attrs = {{1, 1}, {0, 0}, {1, 1}, 1};
  jimm_graph_push(graph, "%s", name);
  jimm_value weight = jimm_layer_parameter(graph, "weight", (jimm_shape){2, {out, in}}, role);
  const jimm_value bias = jimm_layer_parameter(graph, "bias", (jimm_shape){1, {out}}, role);
  weight = jimm_layer_unary(graph, "reshape", "kernel", &kernel, weight);
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, "conv2d", name, &attrs, 3, (jimm_value[]){x, weight, bias});
}

jimm_value jimm_layer_dense(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                            int64_t out, jimm_dense type, jimm_parameter_role role) {
  const jimm_conv pixel = {
      .in = in, .out = out, .kernel = 1, .stride = 1, .bias = true, .role = role};
  switch (type) {
    case JIMM_DENSE_CONV:
      return jimm_layer_conv2d(graph, name, x, &pixel);
    case JIMM_DENSE_PIXELS:
      return linear_of_pixels(graph, name, x, in, out, role);
    case JIMM_DENSE_LINEAR:
    default:
      return jimm_layer_linear(graph, name, x, in, out, role);
  }
}
