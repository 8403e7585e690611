/* The family that docs/porting.md ports: the network of toy_timm.py, leaf to model. It is no part
 * of the library; test/toy/toy.sh builds it in and finds it wherever a family must appear. The
 * numbers of every architecture are in toy_variants.def. */
#include <string.h>

#include "family/family.h"
#include "layer/layer.h"

#define STAGES 4

/* The keyword arguments of ToyNet. */
typedef struct toy_config {
  int64_t depths[STAGES];
  int64_t dims[STAGES];
  jimm_activation act;
} toy_config;

/* One ToyBlock. */
typedef struct toy_shape {
  int64_t in, out;
  int64_t stride, dilation, first_dilation;
} toy_shape;

/* create_conv2d without bias: padding that keeps the size at stride 1. */
static jimm_value conv(jimm_graph *graph, const char *name, jimm_value x, int64_t in, int64_t out,
                       int64_t kernel, int64_t stride, int64_t dilation, jimm_parameter_role role) {
  const jimm_conv conv = {.in = in,
                          .out = out,
                          .kernel = kernel,
                          .stride = stride,
                          .padding = jimm_same_padding(kernel, stride, dilation),
                          .dilation = dilation,
                          .role = role};
  return jimm_layer_conv2d(graph, name, x, &conv);
}

/* torch.nn.AvgPool2d(3, stride, padding=1, count_include_pad=False): layer.h has none with
 * padding, and one use is no reason for another helper. */
static jimm_value avg_pool(jimm_graph *graph, const char *name, jimm_value x, int64_t stride) {
  const jimm_avg_pool2d_attrs attrs = {
      .kernel = {3, 3}, .stride = {stride, stride}, .padding = {1, 1}, .count_include_pad = false};
  return jimm_graph_add(graph, "avg_pool2d", name, &attrs, 1, &x);
}

static jimm_value downsample(jimm_graph *graph, jimm_value x, const toy_shape *s) {
  jimm_graph_push(graph, "downsample");
  x = s->stride != 1 ? avg_pool(graph, "pool", x, s->stride) : x;
  x = conv(graph, "conv", x, s->in, s->out, 1, 1, 1, JIMM_ROLE_NONE);
  x = jimm_layer_batch_norm(graph, "norm", x, s->out, 1e-3);
  jimm_graph_pop(graph);
  return x;
}

/* ToyBlock: conv, norm, act, conv, norm, + shortcut, act. */
static jimm_value block(jimm_graph *graph, const toy_config *config, jimm_value x,
                        const toy_shape *s) {
  const bool project = s->stride != 1 || s->in != s->out || s->dilation != s->first_dilation;
  jimm_value shortcut = x;
  x = conv(graph, "conv1", x, s->in, s->out, 3, s->stride, s->first_dilation, JIMM_ROLE_NONE);
  x = jimm_layer_batch_norm(graph, "norm1", x, s->out, 1e-3);
  x = jimm_layer_activation(graph, "act1", x, config->act);
  x = conv(graph, "conv2", x, s->out, s->out, 3, 1, s->dilation, JIMM_ROLE_NONE);
  x = jimm_layer_group_norm(graph, "norm2", x, s->out, 4, 1e-5);
  x = jimm_layer_drop_path(graph, "drop_path", x, 0.0);
  /* here, not at the top: parameters come in the order of the state_dict */
  shortcut = project ? downsample(graph, shortcut, s) : shortcut;
  x = jimm_layer_add(graph, "add", x, shortcut);
  return jimm_layer_activation(graph, "act2", x, config->act);
}

static jimm_value stem(jimm_graph *graph, const toy_config *config, jimm_value x, int64_t in) {
  const int64_t out = config->dims[0];
  jimm_graph_push(graph, "stem");
  x = conv(graph, "conv", x, in, out, 3, 2, 1, JIMM_ROLE_INPUT_CONV);
  x = jimm_layer_batch_norm(graph, "norm", x, out, 1e-3);
  x = jimm_layer_activation(graph, "act", x, config->act);
  jimm_graph_add_feature(graph, "stem.act", out, 2, x);
  x = jimm_layer_max_pool(graph, "pool", x, 3, 2, 1);
  jimm_graph_pop(graph);
  return x;
}

static void build(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *options) {
  static const char *const modules[STAGES] = {"stages.0", "stages.1", "stages.2", "stages.3"};
  const toy_config *config = arch->config;
  int64_t channels = config->dims[0];
  int64_t reduction = 4;
  int64_t dilation = 1;
  if (!jimm_check_output_stride(graph, options, false)) {
    return;
  }
  jimm_value x = jimm_layer_image(graph, options->in_chans);
  x = stem(graph, config, x, options->in_chans);
  for (int i = 0; i < STAGES; i++) {
    const int64_t first_dilation = dilation;
    int64_t stride = i == 0 ? 1 : 2;
    if (reduction >= options->output_stride) {
      dilation *= stride;
      stride = 1;
    }
    reduction *= stride;
    for (int64_t b = 0; b < config->depths[i]; b++) {
      const toy_shape s = {.in = channels,
                           .out = config->dims[i],
                           .stride = b == 0 ? stride : 1,
                           .dilation = dilation,
                           .first_dilation = b == 0 ? first_dilation : dilation};
      jimm_graph_push(graph, "stages.%d.%lld", i, (long long)b);
      x = block(graph, config, x, &s);
      jimm_graph_pop(graph);
      channels = s.out;
    }
    jimm_graph_add_feature(graph, modules[i], channels, reduction, x);
  }
  jimm_graph_output(graph, "features", x);
  jimm_layer_classifier_head(graph, x, channels, false, options);
}

/* init_weights: He's distribution for convolutions, N(0, 0.01) for the classifier, no bias; the
 * last norm of a residual branch starts at 0. */
static jimm_init init(const jimm_graph *graph, const jimm_node *parameter, const jimm_node *user,
                      int32_t input, jimm_init standard) {
  (void)graph;
  if (strcmp(user->op->name, "linear") == 0) {
    return input == 1 ? (jimm_init){JIMM_INIT_NORMAL, 0.01} : jimm_init_constant(0.0);
  }
  if (strcmp(user->op->name, "conv2d") == 0) {
    return jimm_init_fan_out(&((const jimm_parameter_attrs *)parameter->attrs)->shape);
  }
  const bool last = strcmp(user->op->name, "group_norm") == 0;
  return last && input == 1 ? jimm_init_constant(0.0) : standard;
}

#define CONFIG_TYPE toy_config
#define FAMILY_NAME toy
#define VARIANTS "toy/toy_variants.def"
#include "family/variants.h"

static const char *const classifiers[] = {"head.fc", NULL};

JIMM_FAMILY(toy, .build = build, .default_global_pool = "avg", .classifiers = classifiers,
            .init = init, .options = JIMM_OPTIONS_USUAL | JIMM_OPTION_DROP_RATE);
