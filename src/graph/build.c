/* Building graphs: their nodes. Nothing here fails call by call: the first error is kept in the
 * graph, and jimm_graph_finish reports it. */
#include <inttypes.h>
#include <string.h>

#include "graph/attrs.h"
#include "graph/internal.h"
#include "graph/order.h"
#include "tensor/tensor.h"

#define MAX_NODES 1000000
#define MAX_INPUTS 4096 /* of one node */

static bool reserve_node(jimm_graph *graph) {
  const size_t count = (size_t)graph->node_count;
  const jimm_status status =
      jimm_reserve(&graph->nodes, count, count + 1, sizeof(jimm_node *), &graph->node_capacity);
  if (status != JIMM_OK) {
    jimm_graph_keep_error(graph, status);
  }
  return status == JIMM_OK;
}

/* Appends a copy of `draft` (its name is in the arena) with a copy of its attributes. */
static jimm_value append_node(jimm_graph *graph, const jimm_node *draft, size_t attrs_size) {
  if (graph->node_count >= MAX_NODES) {
    jimm_graph_keep_error(graph, jimm_fail(JIMM_ERROR_LIMIT, "%s: a graph has at most %d nodes",
                                           draft->name, MAX_NODES));
    return JIMM_NO_VALUE;
  }
  if (!reserve_node(graph)) {
    return JIMM_NO_VALUE;
  }
  jimm_node *node = jimm_arena_alloc(&graph->arena, sizeof(*node));
  void *attrs = attrs_size == 0 ? NULL : jimm_arena_alloc(&graph->arena, attrs_size);
  if (node == NULL || (attrs_size != 0 && attrs == NULL)) {
    jimm_graph_keep_error(graph, JIMM_ERROR_OUT_OF_MEMORY);
    return JIMM_NO_VALUE;
  }
  const jimm_status status = jimm_map_insert(&graph->by_name, draft->name, graph->node_count);
  if (status != JIMM_OK) {
    if (status == JIMM_ERROR_INVALID_ARGUMENT) {
      jimm_fail(status, "%s: there is a node of that name already", draft->name);
    }
    jimm_graph_keep_error(graph, status);
    return JIMM_NO_VALUE;
  }
  if (attrs != NULL && draft->attrs != NULL) {
    memcpy(attrs, draft->attrs, attrs_size);
  }
  *node = *draft;
  node->attrs = attrs;
  if (draft->input_count > graph->most_inputs) {
    graph->most_inputs = draft->input_count;
  }
  graph->nodes[graph->node_count] = node;
  return graph->node_count++;
}

static bool reserve_input(jimm_graph *graph) {
  const size_t count = (size_t)graph->input_count;
  const jimm_status status =
      jimm_reserve(&graph->inputs, count, count + 1, sizeof *graph->inputs, &graph->input_capacity);
  if (status != JIMM_OK) {
    jimm_graph_keep_error(graph, status);
  }
  return status == JIMM_OK;
}

/* The input of the open part, for a build that asks for an image of these attributes. */
static jimm_value part_input(jimm_graph *graph, const char *full, const jimm_input_attrs *attrs) {
  const jimm_value value = graph->open_part.input;
  const jimm_node *node = graph->nodes[value];
  if (graph->open_part.has_input) {
    jimm_graph_keep_error(
        graph,
        jimm_fail(JIMM_ERROR_UNSUPPORTED,
                  "%s (input): a model with several inputs cannot be part of a graph", full));
    return JIMM_NO_VALUE;
  }
  graph->open_part.has_input = true;
  bool fits = node->dtype == attrs->dtype;
  const jimm_shape *have = node->kind == JIMM_NODE_INPUT
                               ? &((const jimm_input_attrs *)node->attrs)->shape
                               : NULL; /* of other values known when shapes are inferred */
  fits = fits && (have == NULL || have->rank == attrs->shape.rank);
  for (int32_t i = 0; fits && have != NULL && i < have->rank; i++) {
    fits = have->dim[i] == -1 || attrs->shape.dim[i] == -1 || have->dim[i] == attrs->shape.dim[i];
  }
  if (!fits) {
    char want[JIMM_SHAPE_TEXT], got[JIMM_SHAPE_TEXT] = "";
    jimm_shape_format(&attrs->shape, want, sizeof(want));
    if (have != NULL) {
      jimm_shape_format(have, got, sizeof(got));
    }
    jimm_graph_keep_error(
        graph, jimm_fail(JIMM_ERROR_SHAPE, "%s (input): expected %s %s (-1: any), got %s: %s %s",
                         full, jimm_dtype_name(attrs->dtype), want, node->name,
                         jimm_dtype_name(node->dtype), got));
    return JIMM_NO_VALUE;
  }
  return value;
}

jimm_value jimm_graph_input(jimm_graph *graph, const char *name, const jimm_input_attrs *attrs) {
  if (!jimm_graph_is_open(graph)) {
    return JIMM_NO_VALUE;
  }
  const char *full = jimm_graph_full_name(graph, name);
  if (full == NULL) {
    return JIMM_NO_VALUE;
  }
  bool valid = attrs != NULL && attrs->shape.rank >= 0 && attrs->shape.rank <= JIMM_MAX_RANK &&
               jimm_dtype_size(attrs->dtype) != 0;
  for (int32_t i = 0; valid && i < attrs->shape.rank; i++) {
    valid = attrs->shape.dim[i] >= -1;
  }
  valid = valid && jimm_graph_axis_fits(&attrs->shape);
  if (!valid) {
    jimm_graph_keep_error(
        graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                         "%s (input): it needs a dtype and a shape of 0 to %d dimensions, "
                         "each -1 (free) or not negative, and an axis among them",
                         full, JIMM_MAX_RANK));
    return JIMM_NO_VALUE;
  }
  if (graph->open_part.open) {
    return part_input(graph, full, attrs);
  }
  if (!reserve_input(graph)) {
    return JIMM_NO_VALUE;
  }
  const jimm_node draft = {
      .name = full, .attrs = attrs, .kind = JIMM_NODE_INPUT, .dtype = attrs->dtype};
  const jimm_value value = append_node(graph, &draft, sizeof(*attrs));
  if (value != JIMM_NO_VALUE) {
    graph->inputs[graph->input_count++] = value;
  }
  return value;
}

jimm_value jimm_graph_parameter(jimm_graph *graph, const char *name,
                                const jimm_parameter_attrs *attrs) {
  if (!jimm_graph_is_open(graph)) {
    return JIMM_NO_VALUE;
  }
  const char *full = jimm_graph_full_name(graph, name);
  if (full == NULL) {
    return JIMM_NO_VALUE;
  }
  if (attrs == NULL || jimm_dtype_size(attrs->dtype) == 0 || (uint32_t)attrs->kind > JIMM_BUFFER ||
      (uint32_t)attrs->role > JIMM_ROLE_CLASSIFIER) {
    jimm_graph_keep_error(graph,
                          jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                                    "%s (parameter): it needs a dtype, a kind and a role", full));
    return JIMM_NO_VALUE;
  }
  const int64_t count = attrs->shape.rank > JIMM_MAX_RANK ? -1 : jimm_shape_count(&attrs->shape);
  if (count < 0 || count > INT64_MAX / 8) {
    char text[JIMM_SHAPE_TEXT] = "too many dimensions";
    if (attrs->shape.rank <= JIMM_MAX_RANK) {
      jimm_shape_format(&attrs->shape, text, sizeof(text));
    }
    jimm_graph_keep_error(
        graph,
        jimm_fail(JIMM_ERROR_SHAPE, "%s (parameter): %s is no shape of a parameter", full, text));
    return JIMM_NO_VALUE;
  }
  const jimm_node draft = {.name = full,
                           .attrs = attrs,
                           .kind = JIMM_NODE_PARAMETER,
                           .dtype = attrs->dtype,
                           .constant = true};
  return append_node(graph, &draft, sizeof(*attrs));
}

jimm_value jimm_graph_constant(jimm_graph *graph, const char *name, const jimm_tensor *tensor) {
  if (!jimm_graph_is_open(graph)) {
    return JIMM_NO_VALUE;
  }
  const char *full = jimm_graph_full_name(graph, name);
  if (full == NULL) {
    return JIMM_NO_VALUE;
  }
  jimm_status status =
      tensor == NULL ? jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "tensor is NULL") : JIMM_OK;
  size_t bytes = 0;
  if (status == JIMM_OK) {
    status = jimm_tensor_check(tensor, &bytes);
  }
  if (status == JIMM_OK && tensor->dtype > JIMM_BF16) {
    status = jimm_fail(JIMM_ERROR_UNSUPPORTED, "expected F64, F32, F16 or BF16, got %s",
                       jimm_dtype_name(tensor->dtype));
  }
  if (status == JIMM_OK && !jimm_graph_axis_fits(&tensor->shape)) {
    status = jimm_fail(JIMM_ERROR_SHAPE, "axis %" PRId32 " is no dimension", tensor->shape.axis);
  }
  void *data = status == JIMM_OK ? jimm_arena_alloc(&graph->arena, bytes) : NULL;
  if (data == NULL) {
    status = status == JIMM_OK ? JIMM_ERROR_OUT_OF_MEMORY : status;
    jimm_graph_keep_error(graph, jimm_fail_context(status, "%s (constant)", full));
    return JIMM_NO_VALUE;
  }
  if (bytes > 0) {
    memcpy(data, tensor->data, bytes);
  }
  const jimm_constant_attrs attrs = {{tensor->dtype, tensor->shape, data, NULL}};
  const jimm_node draft = {.name = full,
                           .attrs = &attrs,
                           .kind = JIMM_NODE_CONSTANT,
                           .dtype = tensor->dtype,
                           .constant = true};
  return append_node(graph, &draft, sizeof(attrs));
}

/* Checks number and presence of inputs; the message lacks the node. */
static jimm_status check_inputs(const jimm_graph *graph, const jimm_op *op, int32_t count,
                                const jimm_value *inputs) {
  if (count < op->min_inputs || count > op->max_inputs || count > MAX_INPUTS) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "expected %" PRId32 " to %" PRId32 " inputs, got %" PRId32, op->min_inputs,
                     op->max_inputs < MAX_INPUTS ? op->max_inputs : MAX_INPUTS, count);
  }
  if (count > 0 && inputs == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "inputs is NULL");
  }
  for (int32_t i = 0; i < count; i++) {
    const jimm_value value = inputs[i];
    if (value == JIMM_NO_VALUE && i >= op->min_inputs) {
      continue;
    }
    if (value < 0 || value >= graph->node_count) {
      return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                       "input %s is %s (%" PRId32 "; the graph has %" PRId32 " nodes so far)",
                       jimm_op_input_name(op, i),
                       value == JIMM_NO_VALUE ? "required but absent" : "no value of this graph",
                       value, graph->node_count);
    }
  }
  return JIMM_OK;
}

static jimm_status check_attrs(const jimm_op *op, const void *attrs) {
  if ((op->attrs_size != 0) != (attrs != NULL)) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "attributes are %s",
                     attrs == NULL ? "required but NULL" : "given, but it takes none");
  }
  for (int32_t i = 0; i < op->attr_count; i++) {
    const jimm_status status = jimm_attr_check(&op->attrs[i], attrs);
    if (status != JIMM_OK) {
      return status;
    }
  }
  return JIMM_OK;
}

jimm_value jimm_graph_add(jimm_graph *graph, const char *op, const char *name, const void *attrs,
                          int32_t input_count, const jimm_value *inputs) {
  if (!jimm_graph_is_open(graph)) {
    return JIMM_NO_VALUE;
  }
  const char *full = jimm_graph_full_name(graph, name);
  if (full == NULL) {
    return JIMM_NO_VALUE;
  }
  const jimm_op *row = jimm_op_find(op);
  if (row == NULL) {
    jimm_graph_keep_error(graph, jimm_fail(JIMM_ERROR_NOT_FOUND, "%s: there is no operator \"%s\"",
                                           full, op == NULL ? "(NULL)" : op));
    return JIMM_NO_VALUE;
  }
  jimm_status status = check_inputs(graph, row, input_count, inputs);
  if (status == JIMM_OK) {
    status = check_attrs(row, attrs);
  }
  if (status != JIMM_OK) {
    jimm_graph_keep_error(graph, jimm_fail_context(status, "%s (%s)", full, row->name));
    return JIMM_NO_VALUE;
  }
  const size_t bytes = (size_t)input_count * sizeof(jimm_value);
  jimm_value *copy = jimm_arena_alloc(&graph->arena, bytes);
  if (copy == NULL) {
    jimm_graph_keep_error(graph, JIMM_ERROR_OUT_OF_MEMORY);
    return JIMM_NO_VALUE;
  }
  if (bytes > 0) {
    memcpy(copy, inputs, bytes);
  }
  jimm_node draft = {.op = row,
                     .name = full,
                     .attrs = attrs,
                     .kind = JIMM_NODE_OP,
                     .dtype = JIMM_F32,
                     .input_count = input_count,
                     .inputs = copy};
  draft.constant = input_count > 0 && jimm_node_has_weights(graph, &draft, 0);
  if (input_count > 0 && inputs[0] != JIMM_NO_VALUE) {
    draft.dtype = graph->nodes[inputs[0]]->dtype;
  }
  return append_node(graph, &draft, row->attrs_size);
}
