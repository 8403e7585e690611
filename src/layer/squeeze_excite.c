/* Channel attention: each channel is multiplied by what the means of all say. */
#include "layer/layer.h"
#include "layer/parameter.h"

static jimm_value mean(jimm_graph *graph, jimm_value x) {
  const jimm_global_pool_attrs attrs = {JIMM_POOL_AVG};
  return jimm_layer_unary(graph, "global_pool", "mean", &attrs, x);
}

/* x times the sigmoid of what each channel got. */
static jimm_value gate(jimm_graph *graph, jimm_value x, jimm_value excitation) {
  const jimm_value sigmoid = jimm_layer_unary(graph, "sigmoid", "gate", NULL, excitation);
  return jimm_graph_add(graph, "mul", "mul", NULL, 2, (jimm_value[]){x, sigmoid});
}

jimm_value jimm_layer_squeeze_excite(jimm_graph *graph, const char *name, jimm_value x,
                                     int64_t channels, double ratio) {
  const int64_t reduced = jimm_make_divisible((double)channels * ratio, 8, 0.0);
  const jimm_conv fc1 = {.in = channels, .out = reduced, .kernel = 1, .stride = 1, .bias = true};
  const jimm_conv fc2 = {.in = reduced, .out = channels, .kernel = 1, .stride = 1, .bias = true};
  jimm_graph_push(graph, "%s", name);
  jimm_value y = mean(graph, x);
  y = jimm_layer_conv2d(graph, "fc1", y, &fc1);
  y = jimm_layer_relu(graph, "act", y);
  y = jimm_layer_conv2d(graph, "fc2", y, &fc2);
  x = gate(graph, x, y);
  jimm_graph_pop(graph);
  return x;
}

/* The odd kernel nearest to (log2(channels) + 1) / 2, rounded as EcaModule does; 3 at least. */
static int64_t eca_kernel(int64_t channels) {
  int64_t t = 0; /* floor((log2(channels) + 1) / 2): 2 t - 1 <= log2(channels) */
  while (t < 31 && INT64_C(1) << (2 * t + 1) <= channels) {
    t++;
  }
  const int64_t kernel = t % 2 == 1 ? t : t + 1;
  return kernel < 3 ? 3 : kernel;
}

jimm_value jimm_layer_eca(jimm_graph *graph, const char *name, jimm_value x, int64_t channels) {
  static const jimm_reshape_attrs row = {{3, {0, 1, -1}}};
  static const jimm_reshape_attrs image = {{4, {0, -1, 1, 1}}};
  const int64_t kernel = eca_kernel(channels);
  const jimm_conv1d_attrs attrs = {
      .stride = 1, .padding = (kernel - 1) / 2, .dilation = 1, .groups = 1};
  jimm_graph_push(graph, "%s", name);
  jimm_value y = mean(graph, x);
  y = jimm_layer_unary(graph, "reshape", "to_row", &row, y);
  jimm_graph_push(graph, "conv");
  const jimm_value weight =
      jimm_layer_parameter(graph, "weight", (jimm_shape){3, {1, 1, kernel}}, JIMM_ROLE_NONE);
  jimm_graph_pop(graph);
  y = jimm_graph_add(graph, "conv1d", "conv", &attrs, 2, (jimm_value[]){y, weight});
  y = jimm_layer_unary(graph, "reshape", "to_image", &image, y);
  x = gate(graph, x, y);
  jimm_graph_pop(graph);
  return x;
}
