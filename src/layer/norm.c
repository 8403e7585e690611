/* Norms. */
#include "layer/layer.h"

static jimm_value statistic(jimm_graph *graph, const char *name, int64_t channels) {
  const jimm_parameter_attrs attrs = {
      .shape = {1, {channels}}, .dtype = JIMM_F32, .kind = JIMM_BUFFER, .role = JIMM_ROLE_NONE};
  return jimm_graph_parameter(graph, name, &attrs);
}

jimm_value jimm_layer_batch_norm(jimm_graph *graph, const char *name, jimm_value x,
                                 int64_t channels, double eps) {
  jimm_graph_push(graph, "%s", name);
  const jimm_value weight = jimm_layer_vector(graph, "weight", channels);
  const jimm_value bias = jimm_layer_vector(graph, "bias", channels);
  const jimm_value mean = statistic(graph, "running_mean", channels);
  const jimm_value var = statistic(graph, "running_var", channels);
  const jimm_parameter_attrs tracked = {.shape = {.rank = 0},
                                        .dtype = JIMM_I64,
                                        .kind = JIMM_BUFFER,
                                        .role = JIMM_ROLE_NONE,
                                        .optional = true};
  jimm_graph_parameter(graph, "num_batches_tracked", &tracked);
  jimm_graph_pop(graph);
  const jimm_batch_norm_attrs attrs = {eps};
  return jimm_graph_add(graph, "batch_norm", name, &attrs, 5,
                        (jimm_value[]){x, weight, bias, mean, var});
}

/* A norm whose parameters are vectors of one element a channel. */
static jimm_value norm(jimm_graph *graph, const char *op, const char *name, const void *attrs,
                       jimm_value x, int64_t channels, const char *const *parameters,
                       int32_t count) {
  jimm_value inputs[4] = {x};
  jimm_graph_push(graph, "%s", name);
  for (int32_t i = 0; i < count; i++) {
    inputs[1 + i] = jimm_layer_vector(graph, parameters[i], channels);
  }
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, op, name, attrs, 1 + count, inputs);
}

static const char *const affine[] = {"weight", "bias"};

jimm_value jimm_layer_group_norm(jimm_graph *graph, const char *name, jimm_value x,
                                 int64_t channels, int64_t groups, double eps) {
  const jimm_group_norm_attrs attrs = {groups, eps};
  return norm(graph, "group_norm", name, &attrs, x, channels, affine, 2);
}

jimm_value jimm_layer_evo_norm(jimm_graph *graph, const char *name, jimm_value x, int64_t channels,
                               int64_t groups, double eps) {
  static const char *const parameters[] = {"weight", "bias", "v"};
  const jimm_evo_norm2d_s0_attrs attrs = {groups, eps};
  return norm(graph, "evo_norm2d_s0", name, &attrs, x, channels, parameters, 3);
}

jimm_value jimm_layer_filter_response_norm(jimm_graph *graph, const char *name, jimm_value x,
                                           int64_t channels, double eps) {
  static const char *const parameters[] = {"weight", "bias", "tau"};
  const jimm_filter_response_norm_attrs attrs = {eps};
  return norm(graph, "filter_response_norm", name, &attrs, x, channels, parameters, 3);
}

jimm_value jimm_layer_channel_norm(jimm_graph *graph, const char *name, jimm_value x,
                                   int64_t channels, jimm_channel_norm_type type, double eps) {
  const jimm_channel_norm_attrs attrs = {(int32_t)type, eps};
  const int32_t count = type == JIMM_CHANNEL_NORM_LAYER ? 2 : 1;
  return norm(graph, "channel_norm", name, &attrs, x, channels, affine, count);
}

jimm_value jimm_layer_global_response_norm(jimm_graph *graph, const char *name, jimm_value x,
                                           int64_t channels, double eps) {
  const jimm_global_response_norm_attrs attrs = {eps};
  return norm(graph, "global_response_norm", name, &attrs, x, channels, affine, 2);
}
