/* jimm: graphs: what a model computes, as nodes with names. One graph serves every use: shapes,
 * parameter tables, cost, the reference evaluator, the fast plan, printing and parity.
 *
 * A graph is built once (inputs, parameters, operators, outputs), finished, and immutable from then
 * on. It fixes channels but not the batch or the image size: jimm_graph_infer gives the shapes for
 * a concrete input. Operators come from a registry that the built-in table seeds and that anyone
 * may extend at run time.
 */
#ifndef JIMM_GRAPH_H
#define JIMM_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/base.h>
#include <jimm/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- operators ---- */

typedef enum jimm_attr_type {
  JIMM_ATTR_INT = 0,   /* int64_t */
  JIMM_ATTR_PAIR = 1,  /* int64_t[2]: height, width */
  JIMM_ATTR_FLOAT = 2, /* double */
  JIMM_ATTR_BOOL = 3,  /* bool */
  JIMM_ATTR_ENUM = 4,  /* int32_t, an index into enum_names */
  JIMM_ATTR_SHAPE = 5  /* jimm_shape */
} jimm_attr_type;

/* One field of an operator's attribute struct, so that anyone can print or compare it. */
typedef struct jimm_attr_spec {
  const char *name;
  jimm_attr_type type;
  size_t offset;                 /* offsetof in the attribute struct */
  const char *const *enum_names; /* JIMM_ATTR_ENUM: NULL-terminated */
} jimm_attr_spec;

#define JIMM_MAX_INPUTS 8

/* One evaluation of a node by a reference operator. Tensors are contiguous, of the evaluator's
 * element type (parameters too); an optional input that is absent has rank -1 and data NULL. The
 * output has the shape that `infer` gave and is written in full. */
typedef struct jimm_op_call {
  const void *attrs;
  int32_t input_count;
  const jimm_tensor *inputs;
  jimm_tensor *output;
} jimm_op_call;

/* How an example case's input is filled: offset + scale * u, u uniform in [-1, 1). */
typedef struct jimm_op_fill {
  double offset, scale;
} jimm_op_fill;

/* An example: attributes and input shapes for the operator's test. fills all zero: 0 + 1u. */
typedef struct jimm_op_example {
  const char *name;
  const void *attrs;
  int32_t input_count;
  jimm_shape inputs[JIMM_MAX_INPUTS]; /* rank -1: absent */
  jimm_op_fill fills[JIMM_MAX_INPUTS];
} jimm_op_example;

/* How forward_f32 rounds: EXACT moves elements and changes none; ONCE gives what forward_f64 would
 * of the same numbers, rounded once; ANY is everything else. Weights made of weights are evaluated
 * in float32 where that changes no bit. */
typedef enum jimm_rounding {
  JIMM_ROUNDING_ANY = 0,
  JIMM_ROUNDING_ONCE = 1,
  JIMM_ROUNDING_EXACT = 2
} jimm_rounding;

/* An operator: one row of the operator table. Its pointers stay valid as long as the process. */
typedef struct jimm_op {
  size_t size;         /* sizeof(jimm_op) */
  const char *name;    /* e.g. "conv2d" */
  const char *summary; /* one line: what it computes and the timm or PyTorch function it follows */
  int32_t min_inputs, max_inputs;
  const char *const *input_names; /* max_inputs names, e.g. "x", "weight", "bias" */
  size_t attrs_size;              /* 0 when there are none */
  const jimm_attr_spec *attrs;
  int32_t attr_count;
  /* The output's shape, or an error that says what was expected (the caller adds the name). */
  jimm_status (*infer)(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                       jimm_shape *output);
  /* The plain reference implementation, from one source for both element types. */
  jimm_status (*forward_f32)(const jimm_op_call *call);
  jimm_status (*forward_f64)(const jimm_op_call *call);
  /* Multiply-adds of one evaluation; NULL counts none. */
  int64_t (*macs)(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                  const jimm_shape *output);
  const jimm_op_example *examples;
  int32_t example_count;
  int32_t rounding; /* jimm_rounding */
} jimm_op;

/* Adds an operator to the registry. A name twice, or a row without infer or forward:
 * JIMM_ERROR_INVALID_ARGUMENT. Not to be called while other threads build graphs. The registry
 * keeps one allocation for the life of the process. */
JIMM_API jimm_status jimm_op_register(const jimm_op *op);
/* NULL when there is no operator of that name. */
JIMM_API const jimm_op *jimm_op_find(const char *name);
JIMM_API int32_t jimm_op_count(void);
JIMM_API const jimm_op *jimm_op_at(int32_t index);

/* ---- attributes of the built-in operators (NCHW; pairs are height, width) ---- */

/* conv2d(x [N,C,H,W], weight [O,C/groups,kh,kw], bias [O]?): torch.nn.functional.conv2d, zero
 * padding. */
typedef struct jimm_conv2d_attrs {
  int64_t stride[2], padding[2], dilation[2], groups;
} jimm_conv2d_attrs;

/* batch_norm(x [N,C,...], weight [C], bias [C], running_mean [C], running_var [C]): inference form
 * of torch.nn.BatchNorm2d. group_norm(x, weight [C], bias [C]): torch.nn.GroupNorm, biased
 * variance. */
typedef struct jimm_batch_norm_attrs {
  double eps;
} jimm_batch_norm_attrs;
typedef struct jimm_group_norm_attrs {
  int64_t groups;
  double eps;
} jimm_group_norm_attrs;

/* channel_norm(x [N,C,...], weight [C], bias [C]?): each pixel over its channels. layer:
 * timm's LayerNorm2d, biased variance. rms: timm's RmsNorm2d, x / sqrt(mean of x^2 + eps) * weight.
 * simple: timm's SimpleNorm2d, x / sqrt(unbiased variance + eps) * weight, x not centred. Only
 * layer has a bias. */
typedef enum jimm_channel_norm_type {
  JIMM_CHANNEL_NORM_LAYER = 0,
  JIMM_CHANNEL_NORM_RMS = 1,
  JIMM_CHANNEL_NORM_SIMPLE = 2
} jimm_channel_norm_type;
typedef struct jimm_channel_norm_attrs {
  int32_t type; /* jimm_channel_norm_type */
  double eps;
} jimm_channel_norm_attrs;

/* global_response_norm(x [N,C,H,W], weight [C], bias [C]): timm's GlobalResponseNorm: x + bias +
 * weight * x * g / (mean of g over the channels + eps), g the L2 norm of a channel's map. */
typedef struct jimm_global_response_norm_attrs {
  double eps;
} jimm_global_response_norm_attrs;

/* evo_norm2d_s0(x [N,C,H,W], weight [C], bias [C], v [C]): timm's EvoNorm2dS0: x * sigmoid(x * v) /
 * sqrt(biased variance of the channel group + eps) * weight + bias. */
typedef struct jimm_evo_norm2d_s0_attrs {
  int64_t groups;
  double eps;
} jimm_evo_norm2d_s0_attrs;

/* filter_response_norm(x [N,C,H,W], weight [C], bias [C], tau [C]?): timm's
 * FilterResponseNormTlu2d: x / sqrt(mean of x^2 over the channel's map + eps) * weight + bias, at
 * least tau. */
typedef struct jimm_filter_response_norm_attrs {
  double eps;
} jimm_filter_response_norm_attrs;

/* gelu(x): torch.nn.functional.gelu: x times the normal distribution function of x, or (tanh)
 * 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). */
typedef enum jimm_gelu_approximate { JIMM_GELU_NONE = 0, JIMM_GELU_TANH = 1 } jimm_gelu_approximate;
typedef struct jimm_gelu_attrs {
  int32_t approximate; /* jimm_gelu_approximate */
} jimm_gelu_attrs;

/* max_pool2d(x): padding counts as -infinity. avg_pool2d(x): padding counts as zeros. Both:
 * torch.nn.functional; ceil_mode rounds the output size up; count_include_pad counts padding in
 * avg_pool2d's divisor (max_pool2d has no such attribute). */
typedef struct jimm_max_pool2d_attrs {
  int64_t kernel[2], stride[2], padding[2];
  bool ceil_mode;
} jimm_max_pool2d_attrs;
typedef struct jimm_avg_pool2d_attrs {
  int64_t kernel[2], stride[2], padding[2];
  bool ceil_mode, count_include_pad;
} jimm_avg_pool2d_attrs;

/* conv1d(x [N,C,L], weight [O,C/groups,k], bias [O]?): torch.nn.functional.conv1d, zero padding. */
typedef struct jimm_conv1d_attrs {
  int64_t stride, padding, dilation, groups;
} jimm_conv1d_attrs;

/* blur_pool2d(x): timm's BlurPool2d: every channel is reflect-padded by (stride - 1 + filter_size -
 * 1) / 2 and filtered with the binomial coefficients of filter_size (at most JIMM_MAX_BLUR_FILTER),
 * both ways, at that stride. */
#define JIMM_MAX_BLUR_FILTER 16
typedef struct jimm_blur_pool2d_attrs {
  int64_t filter_size, stride;
} jimm_blur_pool2d_attrs;

/* pad2d(x [N,C,H,W]): torch.nn.functional.pad with a constant; before is top, left and after is
 * bottom, right. */
typedef struct jimm_pad2d_attrs {
  int64_t before[2], after[2];
  double value;
} jimm_pad2d_attrs;

/* reshape(x): the same elements in row-major order as `shape`, where 0 stands for x's dimension of
 * the same index and -1, at most once, for what is left (torch.Tensor.view). */
typedef struct jimm_reshape_attrs {
  jimm_shape shape;
} jimm_reshape_attrs;

/* global_pool(x [N,C,H,W]) -> [N,C,1,1] ([N,2C,1,1] for catavgmax, average first): timm's
 * SelectAdaptivePool2d. */
typedef enum jimm_pool_type {
  JIMM_POOL_AVG = 0,
  JIMM_POOL_MAX = 1,
  JIMM_POOL_AVGMAX = 2, /* 0.5 * (avg + max) */
  JIMM_POOL_CATAVGMAX = 3
} jimm_pool_type;
typedef struct jimm_global_pool_attrs {
  int32_t type; /* jimm_pool_type */
} jimm_global_pool_attrs;

/* flatten(x): dimensions from start_dim on become one. */
typedef struct jimm_flatten_attrs {
  int64_t start_dim;
} jimm_flatten_attrs;

/* standardize_weight(weight [O,...]): each output channel less its mean, over sqrt(biased variance
 * + eps), as timm.layers.StdConv2d does before it convolves. */
typedef struct jimm_standardize_weight_attrs {
  double eps;
} jimm_standardize_weight_attrs;

/* dropout(x, mask?), drop_path(x, mask?): x * mask / (1 - rate); without a mask (inference) x. The
 * mask has x's shape (drop_path: [N]). */
typedef struct jimm_dropout_attrs {
  double rate;
} jimm_dropout_attrs;

/* Without attributes: relu(x), sigmoid(x), silu(x), add(a, b) of equal shapes, mul(a, b) where each
 * dimension of b is a's or 1, linear(x [N,I], weight [O,I], bias?). */

/* ---- parameters ---- */

typedef enum jimm_parameter_kind {
  JIMM_PARAMETER = 0, /* trained */
  JIMM_BUFFER = 1     /* kept with the weights, not trained: running statistics */
} jimm_parameter_kind;

/* How weights of another shape may be taken over when a model is made (jimm_weights_options). */
typedef enum jimm_parameter_role {
  JIMM_ROLE_NONE = 0,
  JIMM_ROLE_INPUT_CONV = 1, /* timm's adapt_input_conv applies */
  JIMM_ROLE_CLASSIFIER = 2  /* may be reset to another number of classes */
} jimm_parameter_role;

typedef struct jimm_parameter_attrs {
  jimm_shape shape;
  int32_t dtype; /* jimm_dtype: what PyTorch holds it in; files may hold any floating type */
  int32_t kind;  /* jimm_parameter_kind */
  int32_t role;  /* jimm_parameter_role */
  bool optional; /* a file may lack it, and nothing computes with it: num_batches_tracked */
} jimm_parameter_attrs;

/* An input of the graph: shape with -1 for what is free, e.g. [-1, 3, -1, -1]. */
typedef struct jimm_input_attrs {
  jimm_shape shape;
  int32_t dtype;
} jimm_input_attrs;

/* ---- building ---- */

typedef struct jimm_graph jimm_graph;

/* The value that a node computes: the node's index. Every node has one output. */
typedef int32_t jimm_value;
#define JIMM_NO_VALUE ((jimm_value)-1)

JIMM_API jimm_status jimm_graph_create(jimm_graph **graph);
/* Counted, like states. */
JIMM_API jimm_graph *jimm_graph_retain(jimm_graph *graph);
JIMM_API void jimm_graph_close(jimm_graph **graph);

/* Name scopes: between push("layer1") and pop(), names get the prefix "layer1.". An empty name or
 * scope adds nothing. Building functions never fail one by one: the first error sticks, later calls
 * return JIMM_NO_VALUE and change nothing, and jimm_graph_finish reports it. */
JIMM_API void jimm_graph_push(jimm_graph *graph, const char *format, ...) JIMM_PRINTF(2, 3);
JIMM_API void jimm_graph_pop(jimm_graph *graph);
/* Records an error from a family's own checks; the first one sticks. */
JIMM_API void jimm_graph_fail(jimm_graph *graph, jimm_status status, const char *format, ...)
    JIMM_PRINTF(3, 4);

JIMM_API jimm_value jimm_graph_input(jimm_graph *graph, const char *name,
                                     const jimm_input_attrs *attrs);
JIMM_API jimm_value jimm_graph_parameter(jimm_graph *graph, const char *name,
                                         const jimm_parameter_attrs *attrs);
/* Adds operator `op` under scope + `name`. `attrs` is copied (op->attrs_size bytes). Optional
 * inputs that are absent are JIMM_NO_VALUE. */
JIMM_API jimm_value jimm_graph_add(jimm_graph *graph, const char *op, const char *name,
                                   const void *attrs, int32_t input_count,
                                   const jimm_value *inputs);
/* Names `value` as an output of the graph: "logits", "pre_logits", "features". */
JIMM_API void jimm_graph_output(jimm_graph *graph, const char *name, jimm_value value);
/* Names `value` as the next tap of the feature pyramid (timm's feature_info): also an output of the
 * graph, "feat_01", "feat_02", ... in the order of the calls. `module` is timm's name of the module
 * that makes it, `reduction` how many pixels of the image its pixels are apart. */
JIMM_API void jimm_graph_add_feature(jimm_graph *graph, const char *module, int64_t channels,
                                     int64_t reduction, jimm_value value);
/* Ends building: reports the first error; checks that names are unique, scopes closed and that
 * there is an output. After success the graph is immutable. */
JIMM_API jimm_status jimm_graph_finish(jimm_graph *graph);

/* ---- reading ---- */

/* One node. op is NULL for inputs and parameters. Borrowed from the graph. */
typedef struct jimm_node {
  const jimm_op *op;
  const char *name;  /* full name, e.g. "layer1.0.conv1" or "layer1.0.conv1.weight" */
  const void *attrs; /* the operator's struct; jimm_parameter_attrs; jimm_input_attrs */
  int32_t kind;      /* jimm_node_kind */
  int32_t dtype;     /* jimm_dtype of the value */
  int32_t input_count;
  jimm_value inputs[JIMM_MAX_INPUTS];
  bool constant; /* a parameter, or an operator over such values alone: weights made of weights */
} jimm_node;
typedef enum jimm_node_kind {
  JIMM_NODE_OP = 0,
  JIMM_NODE_INPUT = 1,
  JIMM_NODE_PARAMETER = 2
} jimm_node_kind;

JIMM_API int32_t jimm_graph_node_count(const jimm_graph *graph);
/* Nodes are in an order in which every input comes before its use. NULL when out of range. */
JIMM_API const jimm_node *jimm_graph_node(const jimm_graph *graph, jimm_value index);
/* JIMM_NO_VALUE when there is no node of that name. O(1). */
JIMM_API jimm_value jimm_graph_find(const jimm_graph *graph, const char *name);

JIMM_API int32_t jimm_graph_output_count(const jimm_graph *graph);
JIMM_API const char *jimm_graph_output_name(const jimm_graph *graph, int32_t index);
JIMM_API jimm_value jimm_graph_output_value(const jimm_graph *graph, int32_t index);
/* The value of the output of that name; JIMM_NO_VALUE when there is none. */
JIMM_API jimm_value jimm_graph_find_output(const jimm_graph *graph, const char *name);

/* A tap of the feature pyramid. Strings are the graph's. */
typedef struct jimm_feature_info {
  const char *output; /* the graph output's name, "feat_01" */
  const char *module; /* "layer1" */
  int64_t channels, reduction;
  jimm_value value;
} jimm_feature_info;

JIMM_API int32_t jimm_graph_feature_count(const jimm_graph *graph);
/* Tap `index`, from 0; negative indices count from the end, as timm's out_indices do (-1 is the
 * last). NULL when there is none. */
JIMM_API const jimm_feature_info *jimm_graph_feature(const jimm_graph *graph, int32_t index);

/* Shapes of all nodes for an input of shape `input` (graphs with one input). `shapes` has
 * jimm_graph_node_count entries. Errors name the node, its operator and the shapes. */
JIMM_API jimm_status jimm_graph_infer(const jimm_graph *graph, const jimm_shape *input,
                                      jimm_shape *shapes);

/* Elements of all trained parameters (buffers not counted), as timm counts params. */
JIMM_API int64_t jimm_graph_parameter_count(const jimm_graph *graph);

/* A text listing, one node a line with attributes; shapes too when `input` is not NULL. The caller
 * frees *text with jimm_text_free. */
JIMM_API jimm_status jimm_graph_print(const jimm_graph *graph, const jimm_shape *input,
                                      char **text);

#ifdef __cplusplus
}
#endif
#endif
