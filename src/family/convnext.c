/* ConvNeXt ("A ConvNet for the 2020s", Liu et al., https://arxiv.org/abs/2201.03545) and ConvNeXt
 * V2 (Woo et al., https://arxiv.org/abs/2301.00808), with timm's own smaller variants. Mirrors
 * timm/models/convnext.py, leaf to model. timm computes the MLP of a block either with 1x1
 * convolutions or, over channels-last values, with linear layers: the same numbers, but weights of
 * another shape. The numbers of every architecture are in convnext_variants.def and
 * convnextv2_variants.def. */
#include <string.h>

#include "family/convnext.h"
#include "family/family.h"
#include "graph/order.h"
#include "layer/layer.h"

#define STAGES 4

typedef enum convnext_stem { PATCH, OVERLAP, OVERLAP_TIERED, OVERLAP_ACT } convnext_stem;

/* The keyword arguments of timm's ConvNeXt. */
typedef struct convnext_config {
  int64_t depths[STAGES];
  int64_t dims[STAGES];
  int64_t kernel_sizes[STAGES];
  convnext_stem stem;
  bool conv_mlp;    /* 1x1 convolutions rather than linear layers */
  bool use_grn;     /* global response normalisation: V2 */
  bool layer_scale; /* gamma: V1 */
  jimm_activation act;
  jimm_channel_norm_type norm;
  double norm_eps;
  bool head_norm_first;
  int64_t head_hidden; /* 0: none */
} convnext_config;

static jimm_value norm(jimm_graph *graph, const convnext_config *config, const char *name,
                       jimm_value x, int64_t channels) {
  return jimm_layer_channel_norm(graph, name, x, channels, config->norm, config->norm_eps);
}

/* A convolution over patches or, with stride 2 and overlap, over the image. */
static jimm_value stem_conv(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                            int64_t out, int64_t kernel, int64_t stride, int64_t padding,
                            jimm_parameter_role role) {
  const jimm_conv conv = {.in = in,
                          .out = out,
                          .kernel = kernel,
                          .stride = stride,
                          .padding = padding,
                          .bias = true,
                          .role = role};
  return jimm_layer_conv2d(graph, name, x, &conv);
}

static jimm_value stem(jimm_graph *graph, const convnext_config *config, jimm_value x, int64_t in) {
  const int64_t out = config->dims[0];
  jimm_graph_push(graph, "stem");
  if (config->stem == PATCH) {
    x = stem_conv(graph, "0", x, in, out, 4, 4, 0, JIMM_ROLE_INPUT_CONV);
    x = norm(graph, config, "1", x, out);
  } else {
    const int64_t middle =
        config->stem == OVERLAP_TIERED ? jimm_make_divisible((double)out / 2.0, 8, 0.9) : out;
    const bool act = config->stem == OVERLAP_ACT;
    x = stem_conv(graph, "0", x, in, middle, 3, 2, 1, JIMM_ROLE_INPUT_CONV);
    x = act ? jimm_layer_activation(graph, "1", x, config->act) : x;
    x = stem_conv(graph, act ? "2" : "1", x, middle, out, 3, 2, 1, JIMM_ROLE_NONE);
    x = norm(graph, config, act ? "3" : "2", x, out);
  }
  jimm_graph_pop(graph);
  return x;
}

/* Mlp and GlobalResponseNormMlp. */
static jimm_value mlp(jimm_graph *graph, const convnext_config *config, jimm_value x,
                      int64_t channels) {
  const int64_t hidden = 4 * channels;
  const jimm_dense type = config->conv_mlp ? JIMM_DENSE_CONV : JIMM_DENSE_PIXELS;
  jimm_graph_push(graph, "mlp");
  x = jimm_layer_dense(graph, "fc1", x, channels, hidden, type, JIMM_ROLE_NONE);
  x = jimm_layer_activation(graph, "act", x, config->act);
  x = jimm_layer_dropout(graph, "drop1", x, 0.0);
  if (config->use_grn) {
    x = jimm_layer_global_response_norm(graph, "grn", x, hidden, 1e-6);
  }
  x = jimm_layer_dense(graph, "fc2", x, hidden, channels, type, JIMM_ROLE_NONE);
  x = jimm_layer_dropout(graph, "drop2", x, 0.0);
  jimm_graph_pop(graph);
  return x;
}

/* ConvNeXtBlock. */
static jimm_value block(jimm_graph *graph, const convnext_config *config, jimm_value x,
                        int64_t channels, int64_t kernel, int64_t dilation, double drop_path) {
  const jimm_value shortcut = x;
  const jimm_conv depthwise = {.in = channels,
                               .out = channels,
                               .kernel = kernel,
                               .stride = 1,
                               .padding = jimm_same_padding(kernel, 1, dilation),
                               .dilation = dilation,
                               .groups = channels,
                               .bias = true};
  const jimm_value gamma =
      config->layer_scale ? jimm_layer_vector(graph, "gamma", channels) : JIMM_NO_VALUE;
  x = jimm_layer_conv2d(graph, "conv_dw", x, &depthwise);
  x = norm(graph, config, "norm", x, channels);
  x = mlp(graph, config, x, channels);
  if (config->layer_scale) {
    x = jimm_layer_scale(graph, "layer_scale", x, gamma);
  }
  x = jimm_layer_drop_path(graph, "drop_path", x, drop_path);
  return jimm_layer_add(graph, "add", x, shortcut);
}

/* The convolution that halves the map or, where the output stride is reached, keeps its size: there
 * timm pads "same", to the right and at the bottom alone when the kernel's extent is even. */
static jimm_value downsample(jimm_graph *graph, const convnext_config *config, jimm_value x,
                             int64_t in, int64_t out, int64_t stride, int64_t first_dilation,
                             int64_t dilation) {
  const bool resample = stride > 1 || first_dilation != dilation;
  const bool same = dilation > 1;
  const bool even = same && first_dilation % 2 != 0;
  jimm_conv conv = {.in = in,
                    .out = out,
                    .kernel = resample ? 2 : 1,
                    .stride = stride,
                    .dilation = first_dilation,
                    .bias = true};
  conv.padding = same && !even ? jimm_same_padding(conv.kernel, 1, first_dilation) : 0;
  if (in == out && !resample) {
    return x;
  }
  jimm_graph_push(graph, "downsample");
  x = norm(graph, config, "0", x, in);
  if (even) {
    jimm_graph_push(graph, "1");
    x = jimm_layer_pad(graph, "pad", x, 0, (conv.kernel - 1) * first_dilation);
    jimm_graph_pop(graph);
  }
  x = jimm_layer_conv2d(graph, "1", x, &conv);
  jimm_graph_pop(graph);
  return x;
}

/* NormMlpClassifierHead: pool, norm, flatten, hidden layer if any, classifier. Without a pool both
 * are 1x1 convolutions of every pixel. */
static void norm_mlp_head(jimm_graph *graph, const convnext_config *config, jimm_value x,
                          int64_t channels, const jimm_model_options *options) {
  const bool pooled = options->global_pool[0] != 0;
  const int64_t classes = options->num_classes;
  const int64_t in = channels;
  const jimm_dense type = pooled ? JIMM_DENSE_LINEAR : JIMM_DENSE_CONV;
  jimm_graph_push(graph, "head");
  x = jimm_layer_global_pool(graph, x, false, options, &channels);
  if (in != channels) {
    jimm_graph_fail(graph, JIMM_ERROR_INVALID_ARGUMENT,
                    "global_pool \"catavgmax\": the head's norm takes %lld channels, not %lld",
                    (long long)in, (long long)channels);
  }
  x = norm(graph, config, "norm", x, in);
  x = pooled ? jimm_layer_flatten(graph, "flatten", x) : x;
  if (config->head_hidden != 0) {
    jimm_graph_push(graph, "pre_logits");
    x = jimm_layer_dense(graph, "fc", x, in, config->head_hidden, type, JIMM_ROLE_NONE);
    x = jimm_layer_activation(graph, "act", x, JIMM_ACT_GELU);
    jimm_graph_pop(graph);
    channels = config->head_hidden;
  }
  x = jimm_layer_dropout(graph, "drop", x, options->drop_rate);
  jimm_graph_output(graph, "pre_logits", x);
  if (classes != 0) {
    x = jimm_layer_dense(graph, "fc", x, channels, classes, type, JIMM_ROLE_CLASSIFIER);
  }
  jimm_graph_output(graph, "logits", x);
  jimm_graph_pop(graph);
}

static void build(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *options) {
  static const char *const modules[STAGES] = {"stages.0", "stages.1", "stages.2", "stages.3"};
  const convnext_config *config = arch->config;
  int64_t channels = config->dims[0];
  int64_t reduction = 4;
  int64_t dilation = 1;
  jimm_drop_schedule drops =
      jimm_schedule_drop_path(options->drop_path_rate, config->depths, STAGES);
  if (!jimm_check_output_stride(graph, options, false)) {
    return;
  }
  jimm_value x = jimm_layer_image(graph, options->in_chans);
  x = stem(graph, config, x, options->in_chans);
  for (int i = 0; i < STAGES; i++) {
    const int64_t out = config->dims[i];
    int64_t stride = i == 0 ? 1 : 2;
    if (reduction >= options->output_stride) {
      dilation *= stride;
      stride = 1;
    }
    reduction *= stride;
    jimm_graph_push(graph, "stages.%d", i);
    x = downsample(graph, config, x, channels, out, stride, dilation > 2 ? 2 : 1, dilation);
    channels = out;
    for (int64_t b = 0; b < config->depths[i]; b++) {
      jimm_graph_push(graph, "blocks.%lld", (long long)b);
      x = block(graph, config, x, channels, config->kernel_sizes[i], dilation,
                jimm_next_drop_path(&drops));
      jimm_graph_pop(graph);
    }
    jimm_graph_pop(graph);
    jimm_graph_add_feature(graph, modules[i], channels, reduction, x);
  }
  x = config->head_norm_first ? norm(graph, config, "norm_pre", x, channels) : x;
  jimm_graph_output(graph, "features", x);
  if (config->head_norm_first) {
    jimm_layer_classifier_head(graph, x, channels, false, options);
  } else {
    norm_mlp_head(graph, config, x, channels, options);
  }
}

/* _init_weights: N(0, 0.02) for everything dense (timm cuts at +-2, a hundred deviations away), no
 * bias; layer scale starts at 1e-6. */
static jimm_init init(const jimm_graph *graph, const jimm_node *parameter, const jimm_node *user,
                      int32_t input, jimm_init standard) {
  (void)graph;
  (void)parameter;
  if (jimm_node_has(user, JIMM_OP_POINTWISE)) {
    return jimm_init_constant(1e-6);
  }
  if (!jimm_node_has(user, JIMM_OP_DENSE)) {
    return standard;
  }
  return input == 1 ? (jimm_init){JIMM_INIT_NORMAL, 0.02} : jimm_init_constant(0.0);
}

#define CONFIG_TYPE convnext_config
#define FAMILY_NAME convnext
#define VARIANTS "family/convnext_variants.def"
#include "family/variants.h"
#define FAMILY_NAME convnextv2
#define VARIANTS "family/convnextv2_variants.def"
#include "family/variants.h"

static const char *const classifiers[] = {"head.fc", NULL};

#define CONVNEXT(family)                                                                        \
  JIMM_FAMILY(family, .build = build, .default_global_pool = "avg", .classifiers = classifiers, \
              .init = init, .adapt = jimm_convnext_adapt,                                       \
              .options = JIMM_OPTIONS_USUAL | JIMM_OPTION_DROP_RATE | JIMM_OPTION_DROP_PATH_RATE)
CONVNEXT(convnext);
CONVNEXT(convnextv2);
