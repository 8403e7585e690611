/* Leaf layers that the families share: each adds its parameters under its own name, in the order of
 * PyTorch's state_dict, and the node that computes with them. None of them can fail by itself:
 * errors stick to the graph. */
#ifndef JIMM_MODEL_LAYERS_H
#define JIMM_MODEL_LAYERS_H

#include <jimm/model.h>

/* The image batch [N, channels, H, W], named "input". */
jimm_value jimm_layer_image(jimm_graph *graph, int64_t channels);

/* torch.nn.Conv2d, square kernel. */
typedef struct jimm_conv {
  int64_t in, out;
  int64_t kernel, stride, padding;
  int64_t dilation, groups; /* 0: 1 */
  bool bias;
  jimm_parameter_role role;
} jimm_conv;
jimm_value jimm_layer_conv2d(jimm_graph *graph, const char *name, jimm_value x,
                             const jimm_conv *conv);

/* torch.nn.BatchNorm2d: weight, bias, running_mean, running_var, num_batches_tracked. */
jimm_value jimm_layer_batch_norm(jimm_graph *graph, const char *name, jimm_value x,
                                 int64_t channels, double eps);
/* torch.nn.GroupNorm: weight, bias. */
jimm_value jimm_layer_group_norm(jimm_graph *graph, const char *name, jimm_value x,
                                 int64_t channels, int64_t groups, double eps);
jimm_value jimm_layer_relu(jimm_graph *graph, const char *name, jimm_value x);
jimm_value jimm_layer_add(jimm_graph *graph, const char *name, jimm_value a, jimm_value b);

/* timm.layers.DropPath and dropout: nodes at rate 0 too, where training will put masks. */
jimm_value jimm_layer_drop_path(jimm_graph *graph, const char *name, jimm_value x, double rate);
jimm_value jimm_layer_dropout(jimm_graph *graph, const char *name, jimm_value x, double rate);

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
/* torch.nn.Linear with bias. */
jimm_value jimm_layer_linear(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                             int64_t out, jimm_parameter_role role);

/* timm.layers.SEModule: squeeze and excitation (Hu et al., https://arxiv.org/abs/1709.01507) with
 * channels * ratio hidden channels, rounded to a multiple of 8. */
jimm_value jimm_layer_squeeze_excite(jimm_graph *graph, const char *name, jimm_value x,
                                     int64_t channels, double ratio);
/* timm.layers.EcaModule: efficient channel attention (Wang et al.,
 * https://arxiv.org/abs/1910.03151); `channels` decides the kernel alone. */
jimm_value jimm_layer_eca(jimm_graph *graph, const char *name, jimm_value x, int64_t channels);

/* timm.layers.create_classifier and the forward_head of families that use it: global pool, flatten,
 * dropout, linear. Makes the outputs "pre_logits" and "logits"; both are the same value without
 * classes, and the unpooled features with global_pool "". */
void jimm_layer_classifier(jimm_graph *graph, const char *name, jimm_value features,
                           int64_t channels, const jimm_model_options *options);

#endif
