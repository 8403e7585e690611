/* Padding and pools over windows. */
#include "layer/layer.h"
#include "layer/parameter.h"

jimm_value jimm_layer_pad(jimm_graph *graph, const char *name, jimm_value x, int64_t before,
                          int64_t after) {
  const jimm_pad2d_attrs attrs = {.before = {before, before}, .after = {after, after}};
  return jimm_layer_unary(graph, "pad2d", name, &attrs, x);
}

jimm_value jimm_layer_max_pool(jimm_graph *graph, const char *name, jimm_value x, int64_t kernel,
                               int64_t stride, int64_t padding) {
  const jimm_max_pool2d_attrs attrs = {
      .kernel = {kernel, kernel}, .stride = {stride, stride}, .padding = {padding, padding}};
  return jimm_layer_unary(graph, "max_pool2d", name, &attrs, x);
}

jimm_value jimm_layer_avg_pool(jimm_graph *graph, const char *name, jimm_value x, int64_t kernel,
                               int64_t stride) {
  const jimm_avg_pool2d_attrs attrs = {
      .kernel = {kernel, kernel}, .stride = {stride, stride}, .count_include_pad = true};
  return jimm_layer_unary(graph, "avg_pool2d", name, &attrs, x);
}

jimm_value jimm_layer_avg_pool_ceil(jimm_graph *graph, const char *name, jimm_value x,
                                    int64_t kernel, int64_t stride) {
  const jimm_avg_pool2d_attrs attrs = {.kernel = {kernel, kernel},
                                       .stride = {stride, stride},
                                       .ceil_mode = true,
                                       .count_include_pad = false};
  return jimm_layer_unary(graph, "avg_pool2d", name, &attrs, x);
}

jimm_value jimm_layer_avg_pool_same(jimm_graph *graph, const char *name, jimm_value x,
                                    int64_t kernel) {
  const int64_t total = kernel - 1;
  jimm_graph_push(graph, "%s", name);
  x = jimm_layer_pad(graph, "pad", x, total / 2, total - total / 2);
  jimm_graph_pop(graph);
  return jimm_layer_avg_pool_ceil(graph, name, x, kernel, 1);
}

jimm_value jimm_layer_blur_pool(jimm_graph *graph, const char *name, jimm_value x, int64_t stride) {
  const jimm_blur_pool2d_attrs attrs = {.filter_size = 3, .stride = stride};
  return jimm_layer_unary(graph, "blur_pool2d", name, &attrs, x);
}
