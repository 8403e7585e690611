#include "layer/layer.h"

#include <string.h>

static jimm_value parameter(jimm_graph *graph, const char *name, jimm_shape shape,
                            jimm_parameter_kind kind, jimm_parameter_role role) {
  const jimm_parameter_attrs attrs = {
      .shape = shape, .dtype = JIMM_F32, .kind = (int32_t)kind, .role = (int32_t)role};
  return jimm_graph_parameter(graph, name, &attrs);
}

static jimm_shape vector(int64_t length) {
  return (jimm_shape){1, {length}};
}

static jimm_value unary(jimm_graph *graph, const char *op, const char *name, const void *attrs,
                        jimm_value x) {
  return jimm_graph_add(graph, op, name, attrs, 1, &x);
}

bool jimm_check_output_stride(jimm_graph *graph, const jimm_model_options *options, bool any) {
  const int64_t stride = options->output_stride;
  if (any ? stride > 0 : stride == 8 || stride == 16 || stride == 32) {
    return true;
  }
  jimm_graph_fail(graph, JIMM_ERROR_INVALID_ARGUMENT, "output_stride: expected %s, got %lld",
                  any ? "a number above 0" : "8, 16 or 32", (long long)stride);
  return false;
}

jimm_value jimm_layer_image(jimm_graph *graph, int64_t channels) {
  const jimm_input_attrs attrs = {{4, {-1, channels, -1, -1}}, JIMM_F32};
  return jimm_graph_input(graph, "input", &attrs);
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
  w.weight = parameter(graph, "weight", shape, JIMM_PARAMETER, conv->role);
  if (conv->bias) {
    w.bias = parameter(graph, "bias", vector(conv->out), JIMM_PARAMETER, bias_role);
  }
  if (conv->std_eps > 0) {
    const jimm_standardize_weight_attrs std = {conv->std_eps};
    w.weight = unary(graph, "standardize_weight", "standardize", &std, w.weight);
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

int64_t jimm_make_divisible(double value, int64_t divisor) {
  const int64_t rounded = (int64_t)(value + (double)divisor / 2.0) / divisor * divisor;
  const int64_t result = rounded < divisor ? divisor : rounded;
  return (double)result < 0.9 * value ? result + divisor : result;
}

int64_t jimm_same_padding(int64_t kernel, int64_t stride, int64_t dilation) {
  return (stride - 1 + dilation * (kernel - 1)) / 2;
}

jimm_value jimm_layer_batch_norm(jimm_graph *graph, const char *name, jimm_value x,
                                 int64_t channels, double eps) {
  const jimm_shape shape = vector(channels);
  jimm_graph_push(graph, "%s", name);
  const jimm_value weight = parameter(graph, "weight", shape, JIMM_PARAMETER, JIMM_ROLE_NONE);
  const jimm_value bias = parameter(graph, "bias", shape, JIMM_PARAMETER, JIMM_ROLE_NONE);
  const jimm_value mean = parameter(graph, "running_mean", shape, JIMM_BUFFER, JIMM_ROLE_NONE);
  const jimm_value var = parameter(graph, "running_var", shape, JIMM_BUFFER, JIMM_ROLE_NONE);
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

jimm_value jimm_layer_group_norm(jimm_graph *graph, const char *name, jimm_value x,
                                 int64_t channels, int64_t groups, double eps) {
  jimm_graph_push(graph, "%s", name);
  const jimm_value weight =
      parameter(graph, "weight", vector(channels), JIMM_PARAMETER, JIMM_ROLE_NONE);
  const jimm_value bias =
      parameter(graph, "bias", vector(channels), JIMM_PARAMETER, JIMM_ROLE_NONE);
  jimm_graph_pop(graph);
  const jimm_group_norm_attrs attrs = {groups, eps};
  return jimm_graph_add(graph, "group_norm", name, &attrs, 3, (jimm_value[]){x, weight, bias});
}

/* A norm with weight, bias and one more vector. */
static jimm_value norm_of_three(jimm_graph *graph, const char *op, const char *name,
                                const char *third, const void *attrs, jimm_value x,
                                int64_t channels) {
  const char *const names[] = {"weight", "bias", third};
  jimm_value inputs[4] = {x};
  jimm_graph_push(graph, "%s", name);
  for (int i = 0; i < 3; i++) {
    inputs[1 + i] = parameter(graph, names[i], vector(channels), JIMM_PARAMETER, JIMM_ROLE_NONE);
  }
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, op, name, attrs, 4, inputs);
}

jimm_value jimm_layer_evo_norm(jimm_graph *graph, const char *name, jimm_value x, int64_t channels,
                               int64_t groups, double eps) {
  const jimm_evo_norm2d_s0_attrs attrs = {groups, eps};
  return norm_of_three(graph, "evo_norm2d_s0", name, "v", &attrs, x, channels);
}

jimm_value jimm_layer_filter_response_norm(jimm_graph *graph, const char *name, jimm_value x,
                                           int64_t channels, double eps) {
  const jimm_filter_response_norm_attrs attrs = {eps};
  return norm_of_three(graph, "filter_response_norm", name, "tau", &attrs, x, channels);
}

jimm_value jimm_layer_channel_norm(jimm_graph *graph, const char *name, jimm_value x,
                                   int64_t channels, jimm_channel_norm_type type, double eps) {
  const jimm_channel_norm_attrs attrs = {(int32_t)type, eps};
  const bool biased = type == JIMM_CHANNEL_NORM_LAYER;
  jimm_graph_push(graph, "%s", name);
  const jimm_value weight = jimm_layer_vector(graph, "weight", channels);
  const jimm_value bias = biased ? jimm_layer_vector(graph, "bias", channels) : JIMM_NO_VALUE;
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, "channel_norm", name, &attrs, biased ? 3 : 2,
                        (jimm_value[]){x, weight, bias});
}

jimm_value jimm_layer_global_response_norm(jimm_graph *graph, const char *name, jimm_value x,
                                           int64_t channels, double eps) {
  const jimm_global_response_norm_attrs attrs = {eps};
  jimm_graph_push(graph, "%s", name);
  const jimm_value weight = jimm_layer_vector(graph, "weight", channels);
  const jimm_value bias = jimm_layer_vector(graph, "bias", channels);
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, "global_response_norm", name, &attrs, 3,
                        (jimm_value[]){x, weight, bias});
}

jimm_value jimm_layer_activation(jimm_graph *graph, const char *name, jimm_value x,
                                 jimm_activation type) {
  if (type == JIMM_ACT_SILU) {
    return unary(graph, "silu", name, NULL, x);
  }
  const jimm_gelu_attrs attrs = {type == JIMM_ACT_GELU_TANH ? JIMM_GELU_TANH : JIMM_GELU_NONE};
  return unary(graph, "gelu", name, &attrs, x);
}

jimm_value jimm_layer_relu(jimm_graph *graph, const char *name, jimm_value x) {
  return unary(graph, "relu", name, NULL, x);
}

jimm_value jimm_layer_add(jimm_graph *graph, const char *name, jimm_value a, jimm_value b) {
  return jimm_graph_add(graph, "add", name, NULL, 2, (jimm_value[]){a, b});
}

jimm_value jimm_layer_drop_path(jimm_graph *graph, const char *name, jimm_value x, double rate) {
  const jimm_dropout_attrs attrs = {rate};
  return unary(graph, "drop_path", name, &attrs, x);
}

jimm_value jimm_layer_dropout(jimm_graph *graph, const char *name, jimm_value x, double rate) {
  const jimm_dropout_attrs attrs = {rate};
  return unary(graph, "dropout", name, &attrs, x);
}

jimm_value jimm_layer_pad(jimm_graph *graph, const char *name, jimm_value x, int64_t before,
                          int64_t after) {
  const jimm_pad2d_attrs attrs = {.before = {before, before}, .after = {after, after}};
  return unary(graph, "pad2d", name, &attrs, x);
}

jimm_value jimm_layer_max_pool(jimm_graph *graph, const char *name, jimm_value x, int64_t kernel,
                               int64_t stride, int64_t padding) {
  const jimm_max_pool2d_attrs attrs = {
      .kernel = {kernel, kernel}, .stride = {stride, stride}, .padding = {padding, padding}};
  return unary(graph, "max_pool2d", name, &attrs, x);
}

jimm_value jimm_layer_avg_pool(jimm_graph *graph, const char *name, jimm_value x, int64_t kernel,
                               int64_t stride) {
  const jimm_avg_pool2d_attrs attrs = {
      .kernel = {kernel, kernel}, .stride = {stride, stride}, .count_include_pad = true};
  return unary(graph, "avg_pool2d", name, &attrs, x);
}

jimm_value jimm_layer_avg_pool_ceil(jimm_graph *graph, const char *name, jimm_value x,
                                    int64_t kernel, int64_t stride) {
  const jimm_avg_pool2d_attrs attrs = {.kernel = {kernel, kernel},
                                       .stride = {stride, stride},
                                       .ceil_mode = true,
                                       .count_include_pad = false};
  return unary(graph, "avg_pool2d", name, &attrs, x);
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
  return unary(graph, "blur_pool2d", name, &attrs, x);
}

static jimm_value mean(jimm_graph *graph, jimm_value x) {
  const jimm_global_pool_attrs attrs = {JIMM_POOL_AVG};
  return unary(graph, "global_pool", "mean", &attrs, x);
}

/* x times the sigmoid of what each channel got. */
static jimm_value gate(jimm_graph *graph, jimm_value x, jimm_value excitation) {
  const jimm_value sigmoid = unary(graph, "sigmoid", "gate", NULL, excitation);
  return jimm_graph_add(graph, "mul", "mul", NULL, 2, (jimm_value[]){x, sigmoid});
}

/* timm.layers.make_divisible(channels * ratio, 8, round_limit=0). */
static int64_t divisible_by_8(double value) {
  const int64_t rounded = (int64_t)(value + 4.0) / 8 * 8;
  return rounded < 8 ? 8 : rounded;
}

jimm_value jimm_layer_squeeze_excite(jimm_graph *graph, const char *name, jimm_value x,
                                     int64_t channels, double ratio) {
  const int64_t reduced = divisible_by_8((double)channels * ratio);
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
  y = unary(graph, "reshape", "to_row", &row, y);
  jimm_graph_push(graph, "conv");
  const jimm_value weight =
      parameter(graph, "weight", (jimm_shape){3, {1, 1, kernel}}, JIMM_PARAMETER, JIMM_ROLE_NONE);
  jimm_graph_pop(graph);
  y = jimm_graph_add(graph, "conv1d", "conv", &attrs, 2, (jimm_value[]){y, weight});
  y = unary(graph, "reshape", "to_image", &image, y);
  x = gate(graph, x, y);
  jimm_graph_pop(graph);
  return x;
}

jimm_value jimm_layer_linear(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                             int64_t out, jimm_parameter_role role) {
  jimm_graph_push(graph, "%s", name);
  const jimm_value weight =
      parameter(graph, "weight", (jimm_shape){2, {out, in}}, JIMM_PARAMETER, role);
  const jimm_value bias = parameter(graph, "bias", vector(out), JIMM_PARAMETER, role);
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, "linear", name, NULL, 3, (jimm_value[]){x, weight, bias});
}

jimm_value jimm_layer_pointwise(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                                int64_t out, bool linear) {
  static const jimm_reshape_attrs kernel = {{4, {0, 0, 1, 1}}};
  static const jimm_conv2d_attrs attrs = {{1, 1}, {0, 0}, {1, 1}, 1};
  if (!linear) {
    return jimm_layer_dense(graph, name, x, in, out, true, JIMM_ROLE_NONE);
  }
  jimm_graph_push(graph, "%s", name);
  jimm_value weight =
      parameter(graph, "weight", (jimm_shape){2, {out, in}}, JIMM_PARAMETER, JIMM_ROLE_NONE);
  const jimm_value bias = jimm_layer_vector(graph, "bias", out);
  weight = unary(graph, "reshape", "kernel", &kernel, weight);
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, "conv2d", name, &attrs, 3, (jimm_value[]){x, weight, bias});
}

jimm_value jimm_layer_dense(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                            int64_t out, bool conv, jimm_parameter_role role) {
  const jimm_conv pixel = {
      .in = in, .out = out, .kernel = 1, .stride = 1, .bias = true, .role = role};
  return conv ? jimm_layer_conv2d(graph, name, x, &pixel)
              : jimm_layer_linear(graph, name, x, in, out, role);
}

jimm_value jimm_layer_vector(jimm_graph *graph, const char *name, int64_t length) {
  return parameter(graph, name, vector(length), JIMM_PARAMETER, JIMM_ROLE_NONE);
}

jimm_value jimm_layer_scale(jimm_graph *graph, const char *name, jimm_value x, jimm_value scale) {
  static const jimm_reshape_attrs image = {{4, {1, -1, 1, 1}}};
  jimm_graph_push(graph, "%s", name);
  scale = unary(graph, "reshape", "image", &image, scale);
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, "mul", name, NULL, 2, (jimm_value[]){x, scale});
}

static const char *const pool_names[] = {[JIMM_POOL_AVG] = "avg",
                                         [JIMM_POOL_MAX] = "max",
                                         [JIMM_POOL_AVGMAX] = "avgmax",
                                         [JIMM_POOL_CATAVGMAX] = "catavgmax"};

static int32_t find_pool(const char *name) {
  for (int32_t type = 0; type < (int32_t)(sizeof pool_names / sizeof pool_names[0]); type++) {
    if (strcmp(name, pool_names[type]) == 0) {
      return type;
    }
  }
  return -1;
}

jimm_value jimm_layer_flatten(jimm_graph *graph, const char *name, jimm_value x) {
  const jimm_flatten_attrs flatten = {1};
  return unary(graph, "flatten", name, &flatten, x);
}

jimm_value jimm_layer_global_pool(jimm_graph *graph, jimm_value x, bool linear,
                                  const jimm_model_options *options, int64_t *channels) {
  if (options->global_pool[0] == 0) {
    if (linear && options->num_classes != 0) {
      jimm_graph_fail(graph, JIMM_ERROR_INVALID_ARGUMENT,
                      "global_pool \"\": pooling can only be disabled when the classifier is "
                      "removed too (num_classes 0), for it takes one vector an image; num_classes "
                      "is %lld",
                      (long long)options->num_classes);
      return JIMM_NO_VALUE;
    }
    return x;
  }
  const jimm_global_pool_attrs pool = {find_pool(options->global_pool)};
  if (pool.type < 0) {
    jimm_graph_fail(graph, JIMM_ERROR_INVALID_ARGUMENT,
                    "global_pool \"%s\": expected \"\", \"avg\", \"max\", \"avgmax\" or "
                    "\"catavgmax\"",
                    options->global_pool);
    return JIMM_NO_VALUE;
  }
  *channels *= pool.type == JIMM_POOL_CATAVGMAX ? 2 : 1;
  jimm_graph_push(graph, "global_pool");
  x = unary(graph, "global_pool", "pool", &pool, x);
  jimm_graph_pop(graph);
  return x;
}

/* Dropout and a linear classifier over pooled features. */
static void classify(jimm_graph *graph, const char *drop, const char *fc, jimm_value x,
                     int64_t channels, const jimm_model_options *options) {
  if (options->global_pool[0] != 0) {
    jimm_graph_push(graph, "global_pool");
    x = jimm_layer_flatten(graph, "flatten", x);
    jimm_graph_pop(graph);
  }
  x = jimm_layer_dropout(graph, drop, x, 0.0);
  jimm_graph_output(graph, "pre_logits", x);
  if (options->num_classes != 0) {
    x = jimm_layer_linear(graph, fc, x, channels, options->num_classes, JIMM_ROLE_CLASSIFIER);
  }
  jimm_graph_output(graph, "logits", x);
}

/* The same with a 1x1 convolution, before which nothing is flattened. */
static void classify_pixels(jimm_graph *graph, jimm_value x, int64_t channels,
                            const jimm_model_options *options) {
  const bool pooled = options->global_pool[0] != 0;
  x = jimm_layer_dropout(graph, "drop", x, 0.0);
  const jimm_value pre_logits = pooled ? jimm_layer_flatten(graph, "pre_logits", x) : x;
  jimm_graph_output(graph, "pre_logits", pre_logits);
  if (options->num_classes == 0) {
    jimm_graph_output(graph, "logits", pre_logits);
    return;
  }
  x = jimm_layer_dense(graph, "fc", x, channels, options->num_classes, true, JIMM_ROLE_CLASSIFIER);
  jimm_graph_output(graph, "logits", pooled ? jimm_layer_flatten(graph, "flatten", x) : x);
}

void jimm_layer_classifier(jimm_graph *graph, const char *name, jimm_value features,
                           int64_t channels, const jimm_model_options *options) {
  const jimm_value x = jimm_layer_global_pool(graph, features, true, options, &channels);
  classify(graph, "head_drop", name, x, channels, options);
}

void jimm_layer_classifier_head(jimm_graph *graph, jimm_value features, int64_t channels, bool conv,
                                const jimm_model_options *options) {
  jimm_graph_push(graph, "head");
  const jimm_value x = jimm_layer_global_pool(graph, features, !conv, options, &channels);
  if (conv) {
    classify_pixels(graph, x, channels, options);
  } else {
    classify(graph, "drop", "fc", x, channels, options);
  }
  jimm_graph_pop(graph);
}
