/* ResNetV2: pre-activation networks ("Identity Mappings in Deep Residual Networks", He et al.,
 * https://arxiv.org/abs/1603.05027), among them Big Transfer (BiT, Kolesnikov et al.,
 * https://arxiv.org/abs/1912.11370) with group normalisation and weight standardisation. Mirrors
 * timm/models/resnetv2.py, leaf to model. Norm and activation come before a convolution; nothing
 * follows the addition. The numbers of every architecture are in bit_variants.def and
 * resnetv2_variants.def. */
#include <string.h>

#include "family/family.h"
#include "graph/order.h"
#include "layer/layer.h"

#define STAGES 4

typedef enum resnetv2_stem { STEM_7X7, STEM_FIXED, STEM_DEEP, STEM_TIERED } resnetv2_stem;
typedef enum resnetv2_norm { BATCH_NORM, GROUP_NORM, EVO_NORM, FILTER_RESPONSE_NORM } resnetv2_norm;

/* The keyword arguments of timm's ResNetV2. */
typedef struct resnetv2_config {
  int64_t layers[STAGES];
  int64_t channels[STAGES];
  int64_t width_factor;
  double bottle_ratio;
  bool basic;
  resnetv2_stem stem;
  bool avg_down;
  resnetv2_norm norm;
  double std_eps; /* of weight standardisation; 0: none */
} resnetv2_config;

/* One residual block. */
typedef struct resnetv2_shape {
  int64_t in, middle, out;
  int64_t stride, dilation, first_dilation;
  double drop_path;
  bool first; /* of its stage */
} resnetv2_shape;

static jimm_value conv(jimm_graph *graph, const resnetv2_config *config, const char *name,
                       jimm_value x, int64_t in, int64_t out, int64_t kernel, int64_t stride,
                       int64_t dilation) {
  const jimm_conv conv = {.in = in,
                          .out = out,
                          .kernel = kernel,
                          .stride = stride,
                          .padding = jimm_same_padding(kernel, stride, dilation),
                          .dilation = dilation,
                          .std_eps = config->std_eps};
  return jimm_layer_conv2d(graph, name, x, &conv);
}

/* The convolution that sees the image: its weights may be adapted to other input channels. */
static jimm_value input_conv(jimm_graph *graph, const resnetv2_config *config, const char *name,
                             jimm_value x, int64_t in, int64_t out, int64_t kernel) {
  const jimm_conv conv = {.in = in,
                          .out = out,
                          .kernel = kernel,
                          .stride = 2,
                          .padding = jimm_same_padding(kernel, 2, 1),
                          .std_eps = config->std_eps,
                          .role = JIMM_ROLE_INPUT_CONV};
  return jimm_layer_conv2d(graph, name, x, &conv);
}

/* Normalisation with its activation. */
static jimm_value norm_act(jimm_graph *graph, const resnetv2_config *config, const char *name,
                           jimm_value x, int64_t channels) {
  switch (config->norm) {
    case EVO_NORM:
      return jimm_layer_evo_norm(graph, name, x, channels, 32, 1e-5);
    case FILTER_RESPONSE_NORM:
      return jimm_layer_filter_response_norm(graph, name, x, channels, 1e-5);
    case GROUP_NORM:
      x = jimm_layer_group_norm(graph, name, x, channels, 32, 1e-5);
      break;
    case BATCH_NORM:
    default:
      x = jimm_layer_batch_norm(graph, name, x, channels, 1e-5);
      break;
  }
  jimm_graph_push(graph, "%s", name);
  x = jimm_layer_relu(graph, "act", x);
  jimm_graph_pop(graph);
  return x;
}

/* DownsampleConv and DownsampleAvg: the projection of a block's shortcut. Its weights come before
 * those of the block's first norm, whose output it projects. */
static jimm_conv projection(const resnetv2_config *config, const resnetv2_shape *s) {
  return (jimm_conv){.in = s->in,
                     .out = s->out,
                     .kernel = 1,
                     .stride = config->avg_down ? 1 : s->stride,
                     .std_eps = config->std_eps};
}

/* norm1 of a block, and its shortcut: what norm1 made projected, or x as it is. */
static jimm_value first_norm(jimm_graph *graph, const resnetv2_config *config, jimm_value x,
                             const resnetv2_shape *s, bool project, jimm_value *shortcut) {
  const jimm_conv conv = projection(config, s);
  jimm_conv_weights weights = {JIMM_NO_VALUE, JIMM_NO_VALUE};
  if (project) {
    weights = jimm_layer_conv2d_weights(graph, "downsample.conv", &conv);
  }
  *shortcut = x;
  x = norm_act(graph, config, "norm1", x, s->in);
  if (!project) {
    return x;
  }
  *shortcut = x;
  if (config->avg_down && s->dilation > 1) {
    *shortcut = jimm_layer_avg_pool_same(graph, "downsample.pool", x, 2);
  } else if (config->avg_down && s->stride > 1) {
    *shortcut = jimm_layer_avg_pool_ceil(graph, "downsample.pool", x, 2, s->stride);
  }
  *shortcut = jimm_layer_conv2d_apply(graph, "downsample.conv", *shortcut, &conv, weights);
  return x;
}

static jimm_value add_shortcut(jimm_graph *graph, jimm_value x, jimm_value shortcut,
                               const resnetv2_shape *s) {
  x = jimm_layer_drop_path(graph, "drop_path", x, s->drop_path);
  return jimm_layer_add(graph, "add", x, shortcut);
}

static jimm_value basic_block(jimm_graph *graph, const resnetv2_config *config, jimm_value x,
                              const resnetv2_shape *s) {
  const bool project =
      s->first && (s->stride != 1 || s->first_dilation != s->dilation || s->in != s->out);
  jimm_value shortcut;
  x = first_norm(graph, config, x, s, project, &shortcut);
  x = conv(graph, config, "conv1", x, s->in, s->middle, 3, s->stride, s->first_dilation);
  x = norm_act(graph, config, "norm2", x, s->middle);
  x = conv(graph, config, "conv2", x, s->middle, s->out, 3, 1, s->dilation);
  return add_shortcut(graph, x, shortcut, s);
}

static jimm_value bottleneck(jimm_graph *graph, const resnetv2_config *config, jimm_value x,
                             const resnetv2_shape *s) {
  jimm_value shortcut;
  x = first_norm(graph, config, x, s, s->first, &shortcut);
  x = conv(graph, config, "conv1", x, s->in, s->middle, 1, 1, 1);
  x = norm_act(graph, config, "norm2", x, s->middle);
  x = conv(graph, config, "conv2", x, s->middle, s->middle, 3, s->stride, s->first_dilation);
  x = norm_act(graph, config, "norm3", x, s->middle);
  x = conv(graph, config, "conv3", x, s->middle, s->out, 1, 1, 1);
  return add_shortcut(graph, x, shortcut, s);
}

/* ResNetStage. The first block of a dilated stage has half of its dilation. */
static jimm_value stage(jimm_graph *graph, const resnetv2_config *config, int index, jimm_value x,
                        int64_t in, int64_t out, int64_t stride, int64_t dilation,
                        jimm_drop_schedule *drops) {
  jimm_graph_push(graph, "stages.%d.blocks", index);
  for (int64_t i = 0; i < config->layers[index]; i++) {
    const resnetv2_shape s = {
        .in = i == 0 ? in : out,
        .middle = jimm_make_divisible((double)out * config->bottle_ratio, 8, 0.9),
        .out = out,
        .stride = i == 0 ? stride : 1,
        .dilation = dilation,
        .first_dilation = i > 0          ? dilation
                          : dilation > 2 ? 2
                                         : 1,
        .drop_path = jimm_next_drop_path(drops),
        .first = i == 0};
    jimm_graph_push(graph, "%lld", (long long)i);
    x = config->basic ? basic_block(graph, config, x, &s) : bottleneck(graph, config, x, &s);
    jimm_graph_pop(graph);
  }
  jimm_graph_pop(graph);
  return x;
}

/* create_resnetv2_stem. The tap is the convolution's output, before the norm of the first block. */
static jimm_value stem(jimm_graph *graph, const resnetv2_config *config, jimm_value x, int64_t in,
                       int64_t out) {
  const bool deep = config->stem == STEM_DEEP || config->stem == STEM_TIERED;
  jimm_graph_push(graph, "stem");
  if (deep) {
    const int64_t first = config->stem == STEM_TIERED ? 3 * out / 8 : out / 2;
    const int64_t second = out / 2;
    x = input_conv(graph, config, "conv1", x, in, first, 3);
    x = norm_act(graph, config, "norm1", x, first);
    x = conv(graph, config, "conv2", x, first, second, 3, 1, 1);
    x = norm_act(graph, config, "norm2", x, second);
    x = conv(graph, config, "conv3", x, second, out, 3, 1, 1);
  } else {
    x = input_conv(graph, config, "conv", x, in, out, 7);
  }
  jimm_graph_add_feature(graph, deep ? "stem.conv3" : "stem.conv", out, 2, x);
  if (config->stem == STEM_FIXED) {
    /* zeros compete with negative values, unlike the padding of a max pool */
    x = jimm_layer_pad(graph, "pad", x, 1, 1);
    x = jimm_layer_max_pool(graph, "pool", x, 3, 2, 0);
  } else {
    x = jimm_layer_max_pool(graph, "pool", x, 3, 2, 1);
  }
  jimm_graph_pop(graph);
  return x;
}

static void build(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *options) {
  static const char *const modules[STAGES] = {"stages.0", "stages.1", "stages.2", "stages.3"};
  const resnetv2_config *config = arch->config;
  int64_t channels = jimm_make_divisible(64.0 * (double)config->width_factor, 8, 0.9);
  int64_t reduction = 4;
  int64_t dilation = 1;
  jimm_drop_schedule drops =
      jimm_schedule_drop_path(options->drop_path_rate, config->layers, STAGES);
  if (!jimm_check_output_stride(graph, options, true)) {
    return;
  }
  jimm_value x = jimm_layer_image(graph, options->in_chans);
  x = stem(graph, config, x, options->in_chans, channels);
  for (int i = 0; i < STAGES; i++) {
    const int64_t out =
        jimm_make_divisible((double)(config->channels[i] * config->width_factor), 8, 0.9);
    int64_t stride = i == 0 ? 1 : 2;
    if (reduction >= options->output_stride) {
      dilation *= stride;
      stride = 1;
    }
    reduction *= stride;
    x = stage(graph, config, i, x, channels, out, stride, dilation, &drops);
    channels = out;
    jimm_graph_add_feature(graph, modules[i], channels, reduction, x);
  }
  x = norm_act(graph, config, "norm", x, channels);
  jimm_graph_output(graph, "features", x);
  jimm_layer_classifier_head(graph, x, channels, true, options);
}

/* _init_weights: He's distribution for convolutions, N(0, 0.01) for the classifier, no bias. */
static jimm_init init(const jimm_graph *graph, const jimm_node *parameter, const jimm_node *user,
                      int32_t input, jimm_init standard) {
  (void)graph;
  if (!jimm_node_has(user, JIMM_OP_DENSE) || !jimm_node_has(user, JIMM_OP_IMAGE)) {
    return standard;
  }
  if (input == 2) {
    return jimm_init_constant(0.0);
  }
  const jimm_parameter_attrs *attrs = parameter->attrs;
  return attrs->role == JIMM_ROLE_CLASSIFIER ? (jimm_init){JIMM_INIT_NORMAL, 0.01}
                                             : jimm_init_fan_out(&attrs->shape);
}

#define CONFIG_TYPE resnetv2_config
#define FAMILY_NAME bit
#define VARIANTS "family/bit_variants.def"
#include "family/variants.h"
#define FAMILY_NAME resnetv2
#define VARIANTS "family/resnetv2_variants.def"
#include "family/variants.h"

static const char *const classifiers[] = {"head.fc", NULL};

#define RESNETV2(family)                                                                        \
  JIMM_FAMILY(family, .build = build, .default_global_pool = "avg", .classifiers = classifiers, \
              .init = init,                                                                     \
              .options = JIMM_OPTIONS_USUAL | JIMM_OPTION_DROP_RATE | JIMM_OPTION_DROP_PATH_RATE)
RESNETV2(bit);
RESNETV2(resnetv2);
