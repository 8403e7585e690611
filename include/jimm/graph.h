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
#include <jimm/op.h>
#include <jimm/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

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
  jimm_dtype dtype; /* what PyTorch holds it in; files may hold any floating type */
  jimm_parameter_kind kind;
  jimm_parameter_role role;
  bool optional; /* a file may lack it, and nothing computes with it: num_batches_tracked */
} jimm_parameter_attrs;

/* An input of the graph: shape with -1 for what is free, e.g. [-1, 3, -1, -1], and the axis of its
 * channels. */
typedef struct jimm_input_attrs {
  jimm_shape shape;
  jimm_dtype dtype;
} jimm_input_attrs;

/* A constant of the graph: numbers that the architecture fixes and that no file of weights has
 * (tables of positions and the like). */
typedef struct jimm_constant_attrs {
  jimm_tensor tensor; /* the graph's own copy */
} jimm_constant_attrs;

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
/* Adds a constant with a copy of `tensor`'s elements, of a floating type. It is in no state_dict.
 */
JIMM_API jimm_value jimm_graph_constant(jimm_graph *graph, const char *name,
                                        const jimm_tensor *tensor);
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

typedef enum jimm_node_kind {
  JIMM_NODE_OP = 0,
  JIMM_NODE_INPUT = 1,
  JIMM_NODE_PARAMETER = 2,
  JIMM_NODE_CONSTANT = 3
} jimm_node_kind;

/* One node. op is NULL for inputs, parameters and constants. Borrowed from the graph. */
typedef struct jimm_node {
  const jimm_op *op;
  const char *name;  /* full name, e.g. "layer1.0.conv1" or "layer1.0.conv1.weight" */
  const void *attrs; /* the operator's struct; jimm_parameter_attrs; jimm_input_attrs;
                        jimm_constant_attrs */
  jimm_node_kind kind;
  jimm_dtype dtype; /* of the value */
  int32_t input_count;
  const jimm_value *inputs; /* [input_count] */
  bool constant; /* a parameter or a constant, or an operator over such values alone: weights made
                    of weights */
} jimm_node;

JIMM_API int32_t jimm_graph_node_count(const jimm_graph *graph);
/* Nodes are in an order in which every input comes before its use. NULL when out of range. */
JIMM_API const jimm_node *jimm_graph_node(const jimm_graph *graph, jimm_value index);
/* JIMM_NO_VALUE when there is no node of that name. O(1). */
JIMM_API jimm_value jimm_graph_find(const jimm_graph *graph, const char *name);

/* The inputs, in the order in which they were added. */
JIMM_API int32_t jimm_graph_input_count(const jimm_graph *graph);
/* JIMM_NO_VALUE when out of range. */
JIMM_API jimm_value jimm_graph_input_value(const jimm_graph *graph, int32_t index);
/* The place of the input of that name among the inputs; -1 when there is none. */
JIMM_API int32_t jimm_graph_find_input(const jimm_graph *graph, const char *name);

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

/* Shapes of all nodes, with their axes, for inputs of the shapes `inputs`, jimm_graph_input_count
 * of them in the order of the graph; their axes are the graph's. `shapes` has jimm_graph_node_count
 * entries. Errors name the node, its operator and the shapes. */
JIMM_API jimm_status jimm_graph_infer(const jimm_graph *graph, const jimm_shape *inputs,
                                      jimm_shape *shapes);

/* Multiply-adds of one node for values of those shapes (jimm_graph_infer): 0 for what is no
 * operator or counts none; INT64_MAX when there are more. */
JIMM_API int64_t jimm_graph_macs(const jimm_graph *graph, jimm_value value,
                                 const jimm_shape *shapes);

/* Elements of all trained parameters (buffers not counted), as timm counts params. */
JIMM_API int64_t jimm_graph_parameter_count(const jimm_graph *graph);

/* A text listing, one node a line with attributes; shapes too when `inputs`, as jimm_graph_infer
 * takes them, is not NULL. The caller frees *text with jimm_text_free. */
JIMM_API jimm_status jimm_graph_print(const jimm_graph *graph, const jimm_shape *inputs,
                                      char **text);

#ifdef __cplusplus
}
#endif
#endif
