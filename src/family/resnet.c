/* ResNet: deep residual learning (He et al., https://arxiv.org/abs/1512.03385), and what timm
 * builds with the same code: the stem and downsample options of "Bag of Tricks" (He et al.,
 * https://arxiv.org/abs/1812.01187), ResNeXt (https://arxiv.org/abs/1611.05431), Wide ResNet
 * (https://arxiv.org/abs/1605.07146), SE-ResNet and SENet (https://arxiv.org/abs/1709.01507),
 * ECA-ResNet (https://arxiv.org/abs/1910.03151), anti-aliased ResNet
 * (https://arxiv.org/abs/1904.11486) and ResNet-RS (https://arxiv.org/abs/2103.07579). Mirrors
 * timm/models/resnet.py, leaf to model. As there, the stride of a bottleneck sits on its 3x3
 * convolution ("v1.5"). The numbers of every architecture are in resnet_variants.def. */
#include <string.h>

#include "family/family.h"
#include "graph/order.h"
#include "layer/layer.h"

#define STAGES 4

typedef enum resnet_block { BASIC, BOTTLENECK } resnet_block;
typedef enum resnet_stem { STEM_7X7, STEM_DEEP, STEM_DEEP_TIERED } resnet_stem;
typedef enum resnet_norm { BATCH_NORM, GROUP_NORM } resnet_norm;
typedef enum resnet_attn { ATTN_NONE, ATTN_SE, ATTN_ECA } resnet_attn;
typedef enum resnet_aa { AA_NONE, AA_AVG, AA_BLUR } resnet_aa;

/* Channels after each convolution of a bottleneck. */
typedef struct resnet_widths {
  int16_t first, second, third;
} resnet_widths;

/* The keyword arguments of timm's ResNet. */
typedef struct resnet_config {
  resnet_block block[STAGES];
  int64_t layers[STAGES];
  int64_t channels[STAGES];
  int64_t cardinality, base_width; /* of the 3x3 convolution of a bottleneck */
  int64_t reduce_first;            /* block_reduce_first */
  resnet_stem stem;
  int64_t stem_width;
  bool replace_stem_pool; /* a convolution in place of the max pool */
  bool avg_down;
  int64_t down_kernel;
  resnet_norm norm;
  resnet_aa aa;
  resnet_attn attn;
  double se_ratio;
  const resnet_widths *pruned; /* one a block, in place of what follows from the above */
} resnet_config;

/* Where make_blocks is: what the next block takes in, and how far strides have become dilation. */
typedef struct resnet_progress {
  int64_t channels, nominal; /* what the block before makes; before pruning */
  int64_t reduction;
  int64_t dilation, previous; /* of this stage; of the block before */
  int64_t block;              /* blocks made, for `pruned` */
  jimm_drop_schedule drops;
} resnet_progress;

/* One residual block. */
typedef struct resnet_shape {
  int64_t in, first, width, out;
  int64_t nominal; /* out before pruning */
  int64_t stride, dilation, first_dilation;
  double drop_path;
  bool project;
} resnet_shape;

/* A convolution whose padding keeps the size at stride 1. */
static jimm_value conv(jimm_graph *graph, const char *name, jimm_value x, int64_t in, int64_t out,
                       int64_t kernel, int64_t stride, int64_t dilation, int64_t groups) {
  const jimm_conv conv = {.in = in,
                          .out = out,
                          .kernel = kernel,
                          .stride = stride,
                          .padding = jimm_same_padding(kernel, stride, dilation),
                          .dilation = dilation,
                          .groups = groups};
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

/* create_aa: takes over the stride of the convolution before it. */
static jimm_value anti_alias(jimm_graph *graph, const resnet_config *config, const char *name,
                             jimm_value x, int64_t stride) {
  if (config->aa == AA_AVG) {
    return jimm_layer_avg_pool(graph, name, x, stride, stride);
  }
  return jimm_layer_blur_pool(graph, name, x, stride);
}

/* downsample_conv and downsample_avg: the projection of a block's shortcut. The average pool is the
 * identity at stride 1, and its place in the sequence stays. */
static jimm_value downsample(jimm_graph *graph, const resnet_config *config, jimm_value x,
                             const resnet_shape *s) {
  const bool same_size = s->stride == 1 && s->dilation == 1;
  jimm_graph_push(graph, "downsample");
  if (config->avg_down) {
    if (s->dilation > 1) {
      x = jimm_layer_avg_pool_same(graph, "0", x, 2);
    } else if (!same_size) {
      x = jimm_layer_avg_pool_ceil(graph, "0", x, 2, s->stride);
    }
    x = conv(graph, "1", x, s->in, s->out, 1, 1, 1, 1);
    x = norm(graph, config, "2", x, s->out);
  } else {
    const int64_t kernel = same_size ? 1 : config->down_kernel;
    const int64_t dilation = kernel > 1 ? s->first_dilation : 1;
    x = conv(graph, "0", x, s->in, s->out, kernel, s->stride, dilation, 1);
    x = norm(graph, config, "1", x, s->out);
  }
  jimm_graph_pop(graph);
  return x;
}

static jimm_value attention(jimm_graph *graph, const resnet_config *config, jimm_value x,
                            const resnet_shape *s) {
  switch (config->attn) {
    case ATTN_SE:
      return jimm_layer_squeeze_excite(graph, "se", x, s->out, config->se_ratio);
    case ATTN_ECA:
      return jimm_layer_eca(graph, "se", x, s->nominal);
    case ATTN_NONE:
    default:
      return x;
  }
}

static jimm_value add_shortcut(jimm_graph *graph, const resnet_config *config, jimm_value x,
                               jimm_value shortcut, const resnet_shape *s) {
  x = attention(graph, config, x, s);
  x = jimm_layer_drop_path(graph, "drop_path", x, s->drop_path);
  if (s->project) {
    shortcut = downsample(graph, config, shortcut, s);
  }
  return jimm_layer_add(graph, "add", x, shortcut);
}

static bool uses_aa(const resnet_config *config, const resnet_shape *s) {
  return config->aa != AA_NONE && (s->stride == 2 || s->first_dilation != s->dilation);
}

static jimm_value basic_block(jimm_graph *graph, const resnet_config *config, jimm_value x,
                              const resnet_shape *s) {
  const jimm_value shortcut = x;
  const bool aa = uses_aa(config, s);

  x = conv(graph, "conv1", x, s->in, s->first, 3, aa ? 1 : s->stride, s->first_dilation, 1);
  x = norm(graph, config, "bn1", x, s->first);
  x = jimm_layer_relu(graph, "act1", x);
  x = aa ? anti_alias(graph, config, "aa", x, s->stride) : x;

  x = conv(graph, "conv2", x, s->first, s->out, 3, 1, s->dilation, 1);
  x = norm(graph, config, "bn2", x, s->out);

  x = add_shortcut(graph, config, x, shortcut, s);
  return jimm_layer_relu(graph, "act2", x);
}

static jimm_value bottleneck(jimm_graph *graph, const resnet_config *config, jimm_value x,
                             const resnet_shape *s) {
  const jimm_value shortcut = x;
  const bool aa = uses_aa(config, s);

  x = conv(graph, "conv1", x, s->in, s->first, 1, 1, 1, 1);
  x = norm(graph, config, "bn1", x, s->first);
  x = jimm_layer_relu(graph, "act1", x);

  x = conv(graph, "conv2", x, s->first, s->width, 3, aa ? 1 : s->stride, s->first_dilation,
           config->cardinality);
  x = norm(graph, config, "bn2", x, s->width);
  x = jimm_layer_relu(graph, "act2", x);
  x = aa ? anti_alias(graph, config, "aa", x, s->stride) : x;

  x = conv(graph, "conv3", x, s->width, s->out, 1, 1, 1, 1);
  x = norm(graph, config, "bn3", x, s->out);

  x = add_shortcut(graph, config, x, shortcut, s);
  return jimm_layer_relu(graph, "act3", x);
}

typedef jimm_value (*block_function)(jimm_graph *graph, const resnet_config *config, jimm_value x,
                                     const resnet_shape *s);
static const struct {
  block_function build;
  int64_t expansion;
} blocks[] = {[BASIC] = {basic_block, 1}, [BOTTLENECK] = {bottleneck, 4}};

/* The channels of a block of `planes`. */
static void set_widths(const resnet_config *config, resnet_block block, int64_t planes,
                       const resnet_widths *pruned, resnet_shape *s) {
  s->width = block == BASIC ? planes : planes * config->base_width / 64 * config->cardinality;
  s->first = s->width / config->reduce_first;
  s->out = s->nominal = planes * blocks[block].expansion;
  if (pruned != NULL) {
    s->first = pruned->first;
    s->width = pruned->second;
    s->out = pruned->third;
  }
}

/* One stage of make_blocks. Where the output stride is reached, strides become dilation; the first
 * block still has the dilation of the stage before. */
static jimm_value stage(jimm_graph *graph, const resnet_config *config, int index,
                        int64_t output_stride, jimm_value x, resnet_progress *at) {
  const resnet_block block = config->block[index];
  const int64_t planes = config->channels[index];
  int64_t stride = index > 0 ? 2 : 1;
  if (at->reduction >= output_stride) {
    at->dilation *= stride;
    stride = 1;
  } else {
    at->reduction *= stride;
  }
  jimm_graph_push(graph, "layer%d", index + 1);
  for (int64_t i = 0; i < config->layers[index]; i++, at->block++) {
    resnet_shape s = {.in = at->channels,
                      .stride = i == 0 ? stride : 1,
                      .dilation = at->dilation,
                      .first_dilation = at->previous,
                      .drop_path = jimm_next_drop_path(&at->drops)};
    set_widths(config, block, planes, config->pruned != NULL ? &config->pruned[at->block] : NULL,
               &s);
    s.project = i == 0 && (stride != 1 || at->nominal != s.nominal);
    jimm_graph_push(graph, "%lld", (long long)i);
    x = blocks[block].build(graph, config, x, &s);
    jimm_graph_pop(graph);
    at->previous = at->dilation;
    at->channels = s.out;
    at->nominal = s.nominal;
  }
  jimm_graph_pop(graph);
  return x;
}

static jimm_value stem_conv(jimm_graph *graph, const resnet_config *config, jimm_value x,
                            int64_t in, int64_t *channels) {
  const int64_t width = config->stem_width;
  if (config->stem == STEM_7X7) {
    *channels = 64;
    return input_conv(graph, "conv1", x, in, *channels, 7);
  }
  const int64_t first = config->stem == STEM_DEEP_TIERED ? 3 * (width / 4) : width;
  *channels = 2 * width;
  jimm_graph_push(graph, "conv1");
  x = input_conv(graph, "0", x, in, first, 3);
  x = norm(graph, config, "1", x, first);
  x = jimm_layer_relu(graph, "2", x);
  x = conv(graph, "3", x, first, width, 3, 1, 1, 1);
  x = norm(graph, config, "4", x, width);
  x = jimm_layer_relu(graph, "5", x);
  x = conv(graph, "6", x, width, *channels, 3, 1, 1, 1);
  jimm_graph_pop(graph);
  return x;
}

/* What halves the map before the first stage; "maxpool" whatever it is. */
static jimm_value stem_pool(jimm_graph *graph, const resnet_config *config, jimm_value x,
                            int64_t channels) {
  if (!config->replace_stem_pool && config->aa == AA_NONE) {
    return jimm_layer_max_pool(graph, "maxpool", x, 3, 2, 1);
  }
  if (!config->replace_stem_pool && config->aa == AA_AVG) {
    return anti_alias(graph, config, "maxpool", x, 2);
  }
  jimm_graph_push(graph, "maxpool");
  if (config->replace_stem_pool) {
    x = conv(graph, "0", x, channels, channels, 3, 2, 1, 1);
    x = norm(graph, config, "1", x, channels);
    x = jimm_layer_relu(graph, "2", x);
  } else {
    x = jimm_layer_max_pool(graph, "0", x, 3, 1, 1);
    x = anti_alias(graph, config, "1", x, 2);
  }
  jimm_graph_pop(graph);
  return x;
}

static void build(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *options) {
  static const char *const modules[STAGES] = {"layer1", "layer2", "layer3", "layer4"};
  const resnet_config *config = arch->config;
  if (!jimm_check_output_stride(graph, options, false)) {
    return;
  }
  if (config->pruned != NULL && strcmp(options->global_pool, "catavgmax") == 0 &&
      options->num_classes > 0) {
    jimm_graph_fail(graph, JIMM_ERROR_INVALID_ARGUMENT,
                    "global_pool \"catavgmax\": timm's pruned networks have a classifier for one "
                    "pool only; num_classes is %lld, expected 0",
                    (long long)options->num_classes);
    return;
  }
  resnet_progress at = {
      .reduction = 4,
      .dilation = 1,
      .previous = 1,
      .drops = jimm_schedule_drop_path(options->drop_path_rate, config->layers, STAGES)};
  jimm_value x = jimm_layer_image(graph, options->in_chans);
  x = stem_conv(graph, config, x, options->in_chans, &at.channels);
  x = norm(graph, config, "bn1", x, at.channels);
  x = jimm_layer_relu(graph, "act1", x);
  jimm_graph_add_feature(graph, "act1", at.channels, 2, x);
  x = stem_pool(graph, config, x, at.channels);
  at.nominal = at.channels;
  for (int i = 0; i < STAGES; i++) {
    x = stage(graph, config, i, options->output_stride, x, &at);
    jimm_graph_add_feature(graph, modules[i], at.channels, at.reduction, x);
  }
  jimm_graph_output(graph, "features", x);
  jimm_layer_classifier(graph, "fc", x, at.channels, options);
}

/* Whether the block that holds bn2 `name` has a bn3. */
static bool has_third_norm(const jimm_graph *graph, const char *name) {
  const size_t length = strlen(name) - 1;
  for (jimm_value v = 0; v < jimm_graph_node_count(graph); v++) {
    const char *other = jimm_graph_node(graph, v)->name;
    if (strncmp(other, name, length) == 0 && strcmp(other + length, "3") == 0) {
      return true;
    }
  }
  return false;
}

/* ResNet.init_weights: He's distribution for convolutions; the last norm of every residual branch
 * starts at 0. */
static jimm_init init(const jimm_graph *graph, const jimm_node *parameter, const jimm_node *user,
                      int32_t input, jimm_init standard) {
  const char *last = strrchr(user->name, '.');
  if (input != 1) {
    return standard;
  }
  if (jimm_node_has(user, JIMM_OP_DENSE) && jimm_node_has(user, JIMM_OP_IMAGE)) {
    return jimm_init_fan_out(&((const jimm_parameter_attrs *)parameter->attrs)->shape);
  }
  if (last == NULL) {
    return standard;
  }
  const bool zero = strcmp(last, ".bn3") == 0 ||
                    (strcmp(last, ".bn2") == 0 && !has_third_norm(graph, user->name));
  return zero ? jimm_init_constant(0.0) : standard;
}

#define WIDTHS(...)         \
  (const resnet_widths[]) { \
    __VA_ARGS__             \
  }
#define CONFIG_TYPE resnet_config
#define FAMILY_NAME resnet
#define VARIANTS "family/resnet_variants.def"
#include "family/variants.h"

static const char *const classifiers[] = {"fc", NULL};

JIMM_FAMILY(resnet, .build = build, .default_global_pool = "avg", .classifiers = classifiers,
            .init = init,
            .options = JIMM_OPTIONS_USUAL | JIMM_OPTION_DROP_RATE | JIMM_OPTION_DROP_PATH_RATE);
