/* jimm: operators: what the nodes of a graph compute. The built-in table seeds a registry that
 * anyone may extend at run time; a row has the shape rule, the reference implementation, the
 * derivatives, what it is, and example cases from which its tests are made.
 */
#ifndef JIMM_OP_H
#define JIMM_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

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

/* One evaluation of a node by a reference operator. Tensors are contiguous, of the evaluator's
 * element type (parameters too); an optional input that is absent has rank -1 and data NULL. The
 * output has the shape that `infer` gave and is written in full. */
typedef struct jimm_op_call {
  const void *attrs;
  int32_t input_count;
  const jimm_tensor *inputs; /* [input_count] */
  jimm_tensor *output;
} jimm_op_call;

/* The vector-Jacobian product (reverse mode) of one evaluation: gradients[i] = the derivative of
 * <output, cotangent> by input i. A gradient that is not asked for has data NULL; the others have
 * their input's shape and are written in full, not added to. */
typedef struct jimm_op_vjp_call {
  const void *attrs;
  int32_t input_count;
  const jimm_tensor *inputs;    /* [input_count], as in the evaluation */
  const jimm_tensor *output;    /* what it gave */
  const jimm_tensor *cotangent; /* of the output's shape */
  jimm_tensor *gradients;       /* [input_count] */
} jimm_op_vjp_call;

/* The Jacobian-vector product (forward mode): the derivative of the output along `tangents`. A
 * tangent with data NULL is zero. */
typedef struct jimm_op_jvp_call {
  const void *attrs;
  int32_t input_count;
  const jimm_tensor *inputs;   /* [input_count], as in the evaluation */
  const jimm_tensor *tangents; /* [input_count], of the inputs' shapes */
  const jimm_tensor *output;   /* what the evaluation gave */
  jimm_tensor *tangent;        /* of the output's shape, written in full */
} jimm_op_jvp_call;

/* How an example case's input is filled: offset + scale * u, u uniform in [-1, 1). */
typedef struct jimm_op_fill {
  double offset, scale;
} jimm_op_fill;

/* An example: attributes and input shapes for the operator's test. fills all zero: 0 + 1u. Only
 * examples have a most number of inputs. */
#define JIMM_EXAMPLE_INPUTS 6
typedef struct jimm_op_example {
  const char *name;
  const void *attrs;
  int32_t input_count;
  jimm_shape inputs[JIMM_EXAMPLE_INPUTS]; /* rank -1: absent */
  jimm_op_fill fills[JIMM_EXAMPLE_INPUTS];
} jimm_op_example;

/* How forward_f32 rounds: EXACT moves elements and changes none; ONCE gives what forward_f64 would
 * of the same numbers, rounded once; ANY is everything else. Weights made of weights are evaluated
 * in float32 where that changes no bit. */
typedef enum jimm_rounding {
  JIMM_ROUNDING_ANY = 0,
  JIMM_ROUNDING_ONCE = 1,
  JIMM_ROUNDING_EXACT = 2
} jimm_rounding;

/* What an operator is, for those who walk over graphs: a set. */
typedef enum jimm_op_trait {
  /* Sums of products of input 0 with input 1, a weight [outputs, ...] whose other dimensions are
   * the fan-in, plus input 2, a bias: convolutions and linear layers. */
  JIMM_OP_DENSE = 1u << 0,
  /* Input 0 is an image [N, C, H, W], whatever axis it says. */
  JIMM_OP_IMAGE = 1u << 1,
  /* Each output element is a function of the inputs' elements at its place (after broadcasting). */
  JIMM_OP_POINTWISE = 1u << 2,
  /* Input 0 itself when its further inputs are absent: what is random in training. */
  JIMM_OP_IDENTITY = 1u << 3,
  /* Arithmetic between modules, which has no module of its own in timm. */
  JIMM_OP_GLUE = 1u << 4,
  /* The sum in which a residual block ends. */
  JIMM_OP_RESIDUAL = 1u << 5
} jimm_op_trait;

/* The value of max_inputs for an operator that takes any number of inputs; the last of its names,
 * of which it has min_inputs, then stands for all that follow. */
#define JIMM_ANY_INPUTS INT32_MAX

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
  /* The output's shape with its axis, or an error that says what was expected (the caller adds the
   * node's name). */
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
  jimm_rounding rounding;
  uint32_t traits; /* of jimm_op_trait */
  /* For an operator whose output has the elements of input 0, moved or not: where the output's
   * elements lie in input 0's memory. x_strides (in elements, [x->rank]) says how that lies;
   * y_strides is filled in. False when strides cannot say it. NULL: the output has elements of its
   * own. */
  bool (*view)(const void *attrs, const jimm_shape *x, const int64_t *x_strides,
               const jimm_shape *y, int64_t *y_strides);
  /* What PyTorch's and timm's layers start each input with, where they do not draw it at random
   * (JIMM_OP_DENSE); [max_inputs], NULL: all 0. */
  const double *starts;
  /* Derivatives, for either element type; NULL: none. */
  jimm_status (*vjp_f32)(const jimm_op_vjp_call *call);
  jimm_status (*vjp_f64)(const jimm_op_vjp_call *call);
  jimm_status (*jvp_f32)(const jimm_op_jvp_call *call);
  jimm_status (*jvp_f64)(const jimm_op_jvp_call *call);
} jimm_op;

/* The name of input `index`, "weight"; for an operator of any number of inputs also beyond its
 * names. */
JIMM_API const char *jimm_op_input_name(const jimm_op *op, int32_t index);

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

/* batch_norm(x [N,C,...] or [N,...,C], weight [C], bias [C], running_mean [C], running_var [C]):
 * inference form of torch.nn.BatchNorm2d. group_norm(x, weight [C], bias [C]): torch.nn.GroupNorm,
 * biased variance. */
typedef struct jimm_batch_norm_attrs {
  double eps;
} jimm_batch_norm_attrs;
typedef struct jimm_group_norm_attrs {
  int64_t groups;
  double eps;
} jimm_group_norm_attrs;

/* channel_norm(x [N,C,...] or [N,...,C], weight [C], bias [C]?): each pixel over its channels,
 * which are at x's axis. layer: timm's LayerNorm2d, biased variance. rms: timm's RmsNorm2d, x /
 * sqrt(mean of x^2 + eps) * weight. simple: timm's SimpleNorm2d, x / sqrt(unbiased variance + eps)
 * * weight, x not centred. Only layer has a bias. */
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

/* permute(x): dimension i of the output is dimension order[i] of x; order[0] is 0, for the batch
 * stays first (torch.permute). The channels move along: tokens are
 * permute(flatten(image, 2), [0, 2, 1]), and in a plan that moves no memory. */
typedef struct jimm_permute_attrs {
  jimm_shape order;
} jimm_permute_attrs;

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

/* Without attributes: relu(x), sigmoid(x), silu(x), add(a, b) and mul(a, b), broadcast as PyTorch
 * does, linear(x [...,I], weight [O,I], bias [O]?), which acts on the last dimension. */

#ifdef __cplusplus
}
#endif
#endif
