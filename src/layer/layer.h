/* timm's building blocks, which the families share: each adds its parameters under its own name, in
 * the order of PyTorch's state_dict, and the nodes that compute with them. None of them can fail by
 * itself: errors stick to the graph. One kind a file. */
#ifndef JIMM_LAYER_LAYER_H
#define JIMM_LAYER_LAYER_H

#include <jimm/graph.h>
#include <jimm/model_options.h>

/* ---- input.c ---- */

/* Whether options->output_stride is 8, 16 or 32 or, with `any`, a number above 0; else the graph
 * fails. timm asserts the former in ResNet and ConvNeXt and nothing in ResNetV2. */
bool jimm_check_output_stride(jimm_graph *graph, const jimm_model_options *options, bool any);

/* The image batch [N, channels, H, W], named "input". */
jimm_value jimm_layer_image(jimm_graph *graph, int64_t channels);

/* ---- width.c ---- */

/* timm.layers.make_divisible(value, divisor, round_limit=round_limit), whose default is 0.9. */
int64_t jimm_make_divisible(double value, int64_t divisor, double round_limit);

/* ---- parameter.c ---- */

/* A trained vector. */
jimm_value jimm_layer_vector(jimm_graph *graph, const char *name, int64_t length);

/* ---- conv.c ---- */

/* torch.nn.Conv2d, square kernel. */
typedef struct jimm_conv {
  int64_t in, out;
  int64_t kernel, stride, padding;
  int64_t dilation, groups; /* 0: 1 */
  bool bias;
  double std_eps; /* > 0: the weight is standardised first, as timm.layers.StdConv2d does */
  jimm_parameter_role role;
} jimm_conv;
jimm_value jimm_layer_conv2d(jimm_graph *graph, const char *name, jimm_value x,
                             const jimm_conv *conv);
/* The same in two steps, where parameters come earlier in the state_dict than what is computed. */
typedef struct jimm_conv_weights {
  jimm_value weight, bias;
} jimm_conv_weights;
jimm_conv_weights jimm_layer_conv2d_weights(jimm_graph *graph, const char *name,
                                            const jimm_conv *conv);
jimm_value jimm_layer_conv2d_apply(jimm_graph *graph, const char *name, jimm_value x,
                                   const jimm_conv *conv, jimm_conv_weights weights);

/* The padding that keeps the size at stride 1 (timm.layers.get_padding). */
int64_t jimm_same_padding(int64_t kernel, int64_t stride, int64_t dilation);

/* ---- linear.c ---- */

/* torch.nn.Linear with bias. */
jimm_value jimm_layer_linear(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                             int64_t out, jimm_parameter_role role);

/* How a dense layer over channels, with bias, is computed; its weight has the shape that goes with
 * it. */
typedef enum jimm_dense {
  JIMM_DENSE_LINEAR, /* torch.nn.Linear of vectors [N, in] */
  JIMM_DENSE_CONV,   /* torch.nn.Conv2d of 1x1 */
  JIMM_DENSE_PIXELS  /* torch.nn.Linear of every pixel: a 1x1 convolution, weights [out, in] */
} jimm_dense;
jimm_value jimm_layer_dense(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                            int64_t out, jimm_dense type, jimm_parameter_role role);

/* ---- norm.c ---- */

/* torch.nn.BatchNorm2d: weight, bias, running_mean, running_var, num_batches_tracked. */
jimm_value jimm_layer_batch_norm(jimm_graph *graph, const char *name, jimm_value x,
                                 int64_t channels, double eps);
/* torch.nn.GroupNorm: weight, bias. */
jimm_value jimm_layer_group_norm(jimm_graph *graph, const char *name, jimm_value x,
                                 int64_t channels, int64_t groups, double eps);
/* timm.layers.EvoNorm2dS0 and FilterResponseNormTlu2d, whose activation is part of them: weight,
 * bias, v or tau. */
jimm_value jimm_layer_evo_norm(jimm_graph *graph, const char *name, jimm_value x, int64_t channels,
                               int64_t groups, double eps);
jimm_value jimm_layer_filter_response_norm(jimm_graph *graph, const char *name, jimm_value x,
                                           int64_t channels, double eps);
/* timm.layers.LayerNorm2d, RmsNorm2d and SimpleNorm2d: weight, and the first alone bias. */
jimm_value jimm_layer_channel_norm(jimm_graph *graph, const char *name, jimm_value x,
                                   int64_t channels, jimm_channel_norm_type type, double eps);
/* timm.layers.GlobalResponseNorm: weight, bias. */
jimm_value jimm_layer_global_response_norm(jimm_graph *graph, const char *name, jimm_value x,
                                           int64_t channels, double eps);

/* ---- activation.c ---- */

/* timm's names of activations: "gelu", "gelu_tanh", "silu". */
typedef enum jimm_activation { JIMM_ACT_GELU, JIMM_ACT_GELU_TANH, JIMM_ACT_SILU } jimm_activation;
jimm_value jimm_layer_activation(jimm_graph *graph, const char *name, jimm_value x,
                                 jimm_activation type);
jimm_value jimm_layer_relu(jimm_graph *graph, const char *name, jimm_value x);

/* ---- pool.c ---- */

/* Zeros: `before` at the top and left, `after` at the bottom and right. */
jimm_value jimm_layer_pad(jimm_graph *graph, const char *name, jimm_value x, int64_t before,
                          int64_t after);
/* torch.nn.MaxPool2d. */
jimm_value jimm_layer_max_pool(jimm_graph *graph, const char *name, jimm_value x, int64_t kernel,
                               int64_t stride, int64_t padding);
/* torch.nn.AvgPool2d(kernel, stride). */
jimm_value jimm_layer_avg_pool(jimm_graph *graph, const char *name, jimm_value x, int64_t kernel,
                               int64_t stride);
/* torch.nn.AvgPool2d(kernel, stride, ceil_mode=True, count_include_pad=False), as timm downsamples.
 */
jimm_value jimm_layer_avg_pool_ceil(jimm_graph *graph, const char *name, jimm_value x,
                                    int64_t kernel, int64_t stride);
/* timm.layers.AvgPool2dSame(kernel, 1, ceil_mode=True, count_include_pad=False): zeros on the right
 * and at the bottom, which count, keep the size. */
jimm_value jimm_layer_avg_pool_same(jimm_graph *graph, const char *name, jimm_value x,
                                    int64_t kernel);
/* timm.layers.BlurPool2d with the filter of 3. */
jimm_value jimm_layer_blur_pool(jimm_graph *graph, const char *name, jimm_value x, int64_t stride);

/* ---- squeeze_excite.c ---- */

/* timm.layers.SEModule: squeeze and excitation (Hu et al., https://arxiv.org/abs/1709.01507) with
 * channels * ratio hidden channels, rounded to a multiple of 8. */
jimm_value jimm_layer_squeeze_excite(jimm_graph *graph, const char *name, jimm_value x,
                                     int64_t channels, double ratio);
/* timm.layers.EcaModule: efficient channel attention (Wang et al.,
 * https://arxiv.org/abs/1910.03151); `channels` decides the kernel alone. */
jimm_value jimm_layer_eca(jimm_graph *graph, const char *name, jimm_value x, int64_t channels);

/* ---- drop.c ---- */

/* timm.layers.DropPath and dropout: nodes at rate 0 too, where training will put masks. */
jimm_value jimm_layer_drop_path(jimm_graph *graph, const char *name, jimm_value x, double rate);
jimm_value jimm_layer_dropout(jimm_graph *graph, const char *name, jimm_value x, double rate);

/* timm.layers.calculate_drop_path_rates: rates of stochastic depth that rise linearly from 0 in the
 * first block to `rate` in the last. */
typedef struct jimm_drop_schedule {
  double rate;
  int64_t made, blocks;
} jimm_drop_schedule;
/* For stages of `depths` blocks. */
jimm_drop_schedule jimm_schedule_drop_path(double rate, const int64_t *depths, int stages);
/* The rate of the next block. */
double jimm_next_drop_path(jimm_drop_schedule *schedule);

/* ---- residual.c ---- */

/* x times a vector, channel by channel (layer scale). */
jimm_value jimm_layer_scale(jimm_graph *graph, const char *name, jimm_value x, jimm_value scale);
jimm_value jimm_layer_add(jimm_graph *graph, const char *name, jimm_value a, jimm_value b);

/* ---- head.c ---- */

/* timm.layers.SelectAdaptivePool2d as options->global_pool says, without flatten: x itself for "".
 * JIMM_NO_VALUE after an error: an unknown pool, or "" before a linear classifier. `channels`
 * doubles for catavgmax. */
jimm_value jimm_layer_global_pool(jimm_graph *graph, jimm_value x, bool linear,
                                  const jimm_model_options *options, int64_t *channels);
jimm_value jimm_layer_flatten(jimm_graph *graph, const char *name, jimm_value x);

/* timm.layers.create_classifier and the forward_head of families that use it: global pool, flatten,
 * dropout "head_drop", linear. Makes the outputs "pre_logits" and "logits"; both are the same value
 * without classes, and the unpooled features with global_pool "". */
void jimm_layer_classifier(jimm_graph *graph, const char *name, jimm_value features,
                           int64_t channels, const jimm_model_options *options);
/* timm.layers.ClassifierHead, in the scope "head": the same with a dropout "drop" and a classifier
 * "fc"; with `conv` that is a 1x1 convolution, which also classifies every pixel of unpooled
 * features. */
void jimm_layer_classifier_head(jimm_graph *graph, jimm_value features, int64_t channels, bool conv,
                                const jimm_model_options *options);

#endif
