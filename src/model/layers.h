/* Leaf layers that the families share: each adds its parameters under its own name, in the order of
 * PyTorch's state_dict, and the node that computes with them. None of them can fail by itself:
 * errors stick to the graph. */
#ifndef JIMM_MODEL_LAYERS_H
#define JIMM_MODEL_LAYERS_H

#include <jimm/model.h>

/* The image batch [N, channels, H, W], named "input". */
jimm_value jimm_layer_image(jimm_graph *graph, int64_t channels);

/* torch.nn.Conv2d without bias, square kernel. */
typedef struct jimm_conv {
  int64_t in, out;
  int64_t kernel, stride, padding;
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
/* torch.nn.AvgPool2d(kernel, stride, ceil_mode=True, count_include_pad=False), as timm downsamples.
 */
jimm_value jimm_layer_avg_pool_ceil(jimm_graph *graph, const char *name, jimm_value x,
                                    int64_t kernel, int64_t stride);
/* torch.nn.Linear with bias. */
jimm_value jimm_layer_linear(jimm_graph *graph, const char *name, jimm_value x, int64_t in,
                             int64_t out, jimm_parameter_role role);

/* timm.layers.create_classifier and the forward_head of families that use it: global pool, flatten,
 * dropout, linear. Makes the outputs "pre_logits" and "logits"; both are the same value without
 * classes, and the unpooled features with global_pool "". */
void jimm_layer_classifier(jimm_graph *graph, const char *name, jimm_value features,
                           int64_t channels, const jimm_model_options *options);

#endif
