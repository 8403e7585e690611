/* The family that scripts/adding.sh adds: tokens. An image becomes patches, patches become tokens
 * [N, L, C], residual MLPs mix the channels of each, and what is left is pooled as an image. */
#include "family/family.h"
#include "layer/layer.h"
#include "layer/parameter.h"

typedef struct tokens_config {
  int64_t patch, dim, hidden, depth;
} tokens_config;

/* norm, linear, gelu, linear, + shortcut, all over the last dimension. */
static jimm_value block(jimm_graph *graph, const tokens_config *config, jimm_value x) {
  const jimm_value shortcut = x;
  x = jimm_layer_channel_norm(graph, "norm", x, config->dim, JIMM_CHANNEL_NORM_LAYER, 1e-6);
  x = jimm_layer_linear(graph, "fc1", x, config->dim, config->hidden, JIMM_ROLE_NONE);
  x = jimm_layer_activation(graph, "act", x, JIMM_ACT_GELU);
  x = jimm_layer_linear(graph, "fc2", x, config->hidden, config->dim, JIMM_ROLE_NONE);
  return jimm_layer_add(graph, "add", x, shortcut);
}

static void build(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *options) {
  static const jimm_flatten_attrs pixels = {2};
  static const jimm_permute_attrs turn = {{3, {0, 2, 1}}};
  static const jimm_reshape_attrs image = {{4, {0, 0, 1, -1}}};
  const tokens_config *config = arch->config;
  const jimm_conv patches = {.in = options->in_chans,
                             .out = config->dim,
                             .kernel = config->patch,
                             .stride = config->patch,
                             .bias = true,
                             .role = JIMM_ROLE_INPUT_CONV};
  jimm_value x = jimm_layer_image(graph, options->in_chans);
  jimm_graph_push(graph, "patch_embed");
  x = jimm_layer_conv2d(graph, "proj", x, &patches);
  x = jimm_layer_unary(graph, "flatten", "flatten", &pixels, x);
  x = jimm_layer_unary(graph, "permute", "tokens", &turn, x);
  jimm_graph_pop(graph);
  for (int64_t i = 0; i < config->depth; i++) {
    jimm_graph_push(graph, "blocks.%lld", (long long)i);
    x = block(graph, config, x);
    jimm_graph_pop(graph);
  }
  x = jimm_layer_channel_norm(graph, "norm", x, config->dim, JIMM_CHANNEL_NORM_LAYER, 1e-6);
  x = jimm_layer_unary(graph, "permute", "channels", &turn, x);
  x = jimm_layer_unary(graph, "reshape", "image", &image, x);
  jimm_graph_output(graph, "features", x);
  jimm_layer_classifier_head(graph, x, config->dim, false, options);
}

#define CONFIG_TYPE tokens_config
#define FAMILY_NAME tokens
#define VARIANTS "family/tokens_variants.def"
#include "family/variants.h"

static const char *const classifiers[] = {"head.fc", NULL};

JIMM_FAMILY(tokens, .build = build, .default_global_pool = "avg", .classifiers = classifiers,
            .options = JIMM_OPTIONS_USUAL);
