/* ResNet: deep residual learning (He et al., https://arxiv.org/abs/1512.03385), with the stem and
 * downsample options of "Bag of Tricks" (He et al., https://arxiv.org/abs/1812.01187). Mirrors
 * timm/models/resnet.py, leaf to model. As there, the stride of a bottleneck sits on its 3x3
 * convolution ("v1.5"). The numbers of every architecture are in resnet_variants.def. */
#include "model/layers.h"

#define STAGES 4

typedef enum resnet_block { BASIC, BOTTLENECK } resnet_block;
typedef enum resnet_stem { STEM_7X7, STEM_DEEP, STEM_DEEP_TIERED } resnet_stem;
typedef enum resnet_norm { BATCH_NORM, GROUP_NORM } resnet_norm;

/* The keyword arguments of timm's ResNet. */
typedef struct resnet_config {
  resnet_block block[STAGES];
  int64_t layers[STAGES];
  int64_t channels[STAGES];
  resnet_stem stem;
  int64_t stem_width;
  bool avg_down;
  resnet_norm norm;
} resnet_config;

/* A convolution whose padding keeps the size at stride 1 (timm's get_padding). */
static jimm_value conv(jimm_graph *graph, const char *name, jimm_value x, int64_t in, int64_t out,
                       int64_t kernel, int64_t stride) {
  const jimm_conv conv = {
      .in = in, .out = out, .kernel = kernel, .stride = stride, .padding = (kernel - 1) / 2};
  return jimm_layer_conv2d(graph, name, x, &conv);
}

/* The convolution that sees the image: its weights may be adapted to other input channels. */
static jimm_value input_conv(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                             int64_t out, int64_t kernel) {
  const jimm_conv conv = {.in = in,
                          .out = out,
                          .kernel = kernel,
                          .stride = 2,
                          .padding = (kernel - 1) / 2,
                          .role = JIMM_ROLE_INPUT_CONV};
  return jimm_layer_conv2d(graph, name, x, &conv);
}

static jimm_value norm(jimm_graph *graph, const resnet_config *config, const char *name,
                       jimm_value x, int64_t channels) {
  switch (config->norm) {
    case GROUP_NORM:
      return jimm_layer_group_norm(graph, name, x, channels, 32, 1e-5);
    case BATCH_NORM:
    default:
      return jimm_layer_batch_norm(graph, name, x, channels, 1e-5);
  }
}

/* downsample_conv and downsample_avg: the projection of a block's shortcut. The average pool is the
 * identity at stride 1, and its place in the sequence stays. */
static jimm_value downsample(jimm_graph *graph, const resnet_config *config, jimm_value x,
                             int64_t in, int64_t out, int64_t stride) {
  jimm_graph_push(graph, "downsample");
  if (config->avg_down) {
    if (stride != 1) {
      x = jimm_layer_avg_pool_ceil(graph, "0", x, 2, stride);
    }
    x = conv(graph, "1", x, in, out, 1, 1);
    x = norm(graph, config, "2", x, out);
  } else {
    x = conv(graph, "0", x, in, out, 1, stride);
    x = norm(graph, config, "1", x, out);
  }
  jimm_graph_pop(graph);
  return x;
}

static jimm_value add_shortcut(jimm_graph *graph, const resnet_config *config, jimm_value x,
                               jimm_value shortcut, int64_t in, int64_t out, int64_t stride) {
  x = jimm_layer_drop_path(graph, "drop_path", x, 0.0);
  if (stride != 1 || in != out) {
    shortcut = downsample(graph, config, shortcut, in, out, stride);
  }
  return jimm_layer_add(graph, "add", x, shortcut);
}

static jimm_value basic_block(jimm_graph *graph, const resnet_config *config, jimm_value x,
                              int64_t in, int64_t planes, int64_t stride) {
  const jimm_value shortcut = x;

  x = conv(graph, "conv1", x, in, planes, 3, stride);
  x = norm(graph, config, "bn1", x, planes);
  x = jimm_layer_relu(graph, "act1", x);

  x = conv(graph, "conv2", x, planes, planes, 3, 1);
  x = norm(graph, config, "bn2", x, planes);

  x = add_shortcut(graph, config, x, shortcut, in, planes, stride);
  return jimm_layer_relu(graph, "act2", x);
}

static jimm_value bottleneck(jimm_graph *graph, const resnet_config *config, jimm_value x,
                             int64_t in, int64_t planes, int64_t stride) {
  const jimm_value shortcut = x;
  const int64_t out = 4 * planes;

  x = conv(graph, "conv1", x, in, planes, 1, 1);
  x = norm(graph, config, "bn1", x, planes);
  x = jimm_layer_relu(graph, "act1", x);

  x = conv(graph, "conv2", x, planes, planes, 3, stride);
  x = norm(graph, config, "bn2", x, planes);
  x = jimm_layer_relu(graph, "act2", x);

  x = conv(graph, "conv3", x, planes, out, 1, 1);
  x = norm(graph, config, "bn3", x, out);

  x = add_shortcut(graph, config, x, shortcut, in, out, stride);
  return jimm_layer_relu(graph, "act3", x);
}

typedef jimm_value (*block_function)(jimm_graph *graph, const resnet_config *config, jimm_value x,
                                     int64_t in, int64_t planes, int64_t stride);
static const struct {
  block_function build;
  int64_t expansion;
} blocks[] = {[BASIC] = {basic_block, 1}, [BOTTLENECK] = {bottleneck, 4}};

/* Blocks of one stage; `channels` is what comes in and, on return, what goes out. */
static jimm_value stage(jimm_graph *graph, const resnet_config *config, int index, jimm_value x,
                        int64_t *channels) {
  const int64_t planes = config->channels[index];
  jimm_graph_push(graph, "layer%d", index + 1);
  for (int64_t i = 0; i < config->layers[index]; i++) {
    const int64_t stride = i == 0 && index > 0 ? 2 : 1;
    jimm_graph_push(graph, "%lld", (long long)i);
    x = blocks[config->block[index]].build(graph, config, x, *channels, planes, stride);
    jimm_graph_pop(graph);
    *channels = planes * blocks[config->block[index]].expansion;
  }
  jimm_graph_pop(graph);
  return x;
}

/* One 7x7 convolution, or three 3x3; then norm, activation, max pool. */
static jimm_value stem(jimm_graph *graph, const resnet_config *config, jimm_value x, int64_t in,
                       int64_t *channels) {
  const int64_t width = config->stem_width;
  if (config->stem == STEM_7X7) {
    *channels = 64;
    x = input_conv(graph, "conv1", x, in, *channels, 7);
  } else {
    const int64_t first = config->stem == STEM_DEEP_TIERED ? 3 * (width / 4) : width;
    *channels = 2 * width;
    jimm_graph_push(graph, "conv1");
    x = input_conv(graph, "0", x, in, first, 3);
    x = norm(graph, config, "1", x, first);
    x = jimm_layer_relu(graph, "2", x);
    x = conv(graph, "3", x, first, width, 3, 1);
    x = norm(graph, config, "4", x, width);
    x = jimm_layer_relu(graph, "5", x);
    x = conv(graph, "6", x, width, *channels, 3, 1);
    jimm_graph_pop(graph);
  }
  x = norm(graph, config, "bn1", x, *channels);
  x = jimm_layer_relu(graph, "act1", x);
  return jimm_layer_max_pool(graph, "maxpool", x, 3, 2, 1);
}

static void build(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *options) {
  const resnet_config *config = arch->config;
  int64_t channels = 0;
  jimm_value x = jimm_layer_image(graph, options->in_chans);
  x = stem(graph, config, x, options->in_chans, &channels);
  for (int i = 0; i < STAGES; i++) {
    x = stage(graph, config, i, x, &channels);
  }
  jimm_graph_output(graph, "features", x);
  jimm_layer_classifier(graph, "fc", x, channels, options);
}

#define CONFIG(...) \
  { __VA_ARGS__ }
#define ALL(value) \
  { value, value, value, value }
#define VARIANT(...) \
  { __VA_ARGS__ }
#define ARCH(name_, params_, num_features_, config_, ...) \
  {.name = name_,                                         \
   .config = &(const resnet_config)config_,               \
   .params = params_,                                     \
   .num_features = num_features_,                         \
   .variants = (const jimm_variant[]){__VA_ARGS__},       \
   .variant_count =                                       \
       (int32_t)(sizeof((const jimm_variant[]){__VA_ARGS__}) / sizeof(jimm_variant))},
#define ALIAS(name_, target_)
static const jimm_arch archs[] = {
#include "model/resnet_variants.def"
};
#undef ARCH
#undef ALIAS
#define ARCH(...)
#define ALIAS(name_, target_) {name_, target_},
static const jimm_alias aliases[] = {
#include "model/resnet_variants.def"
};

extern const jimm_family jimm_family_resnet;
const jimm_family jimm_family_resnet = {
    .size = sizeof(jimm_family),
    .name = "resnet",
    .build = build,
    .default_global_pool = "avg",
    .archs = archs,
    .arch_count = (int32_t)(sizeof archs / sizeof archs[0]),
    .classifier = "fc",
    .aliases = aliases,
    .alias_count = (int32_t)(sizeof aliases / sizeof aliases[0]),
};
