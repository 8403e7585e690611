/* Shapes of all nodes for a concrete input. */
#include <inttypes.h>

#include "graph/internal.h"

/* Dimensions fit a 32-bit int, so that operators may add and multiply two of them; a tensor of
 * float64 must be addressable. */
#define MAX_DIM INT64_C(2147483647)
#define MAX_ELEMENTS (INT64_MAX / 8)

static jimm_status check_size(const jimm_shape *shape) {
  char text[JIMM_SHAPE_TEXT];
  if (shape->rank < 0 || shape->rank > JIMM_MAX_RANK) {
    return jimm_fail(JIMM_ERROR_SHAPE, "the rank must be 0 to %d, got %" PRId32, JIMM_MAX_RANK,
                     shape->rank);
  }
  for (int32_t i = 0; i < shape->rank; i++) {
    if (shape->dim[i] < 0) {
      return jimm_fail(JIMM_ERROR_SHAPE, "dimension %" PRId32 " of %s is negative", i,
                       jimm_shape_format(shape, text, sizeof(text)));
    }
    if (shape->dim[i] > MAX_DIM) {
      return jimm_fail(JIMM_ERROR_LIMIT, "dimension %" PRId32 " of %s is above %" PRId64, i,
                       jimm_shape_format(shape, text, sizeof(text)), MAX_DIM);
    }
  }
  const int64_t count = jimm_shape_count(shape);
  if (count < 0 || count > MAX_ELEMENTS) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%s has too many elements",
                     jimm_shape_format(shape, text, sizeof(text)));
  }
  return JIMM_OK;
}

static jimm_status check_input(const jimm_shape *expected, const jimm_shape *got) {
  const jimm_status status = check_size(got);
  if (status != JIMM_OK) {
    return status;
  }
  char want[JIMM_SHAPE_TEXT], text[JIMM_SHAPE_TEXT];
  jimm_shape_format(expected, want, sizeof(want));
  jimm_shape_format(got, text, sizeof(text));
  if (got->rank != expected->rank) {
    return jimm_fail(JIMM_ERROR_SHAPE,
                     "expected %" PRId32 " dimensions %s (-1: any), got %" PRId32 " dimensions %s",
                     expected->rank, want, got->rank, text);
  }
  for (int32_t i = 0; i < got->rank; i++) {
    if (expected->dim[i] >= 0 && got->dim[i] != expected->dim[i]) {
      return jimm_fail(JIMM_ERROR_SHAPE,
                       "expected shape %s (-1: any), got %s: dimension %" PRId32 " is %" PRId64
                       " instead of %" PRId64,
                       want, text, i, got->dim[i], expected->dim[i]);
    }
  }
  return JIMM_OK;
}

static jimm_status infer_op(const jimm_node *node, jimm_shape *shapes, jimm_shape *output) {
  jimm_shape inputs[JIMM_MAX_INPUTS];
  for (int32_t i = 0; i < JIMM_MAX_INPUTS; i++) {
    const jimm_value value = i < node->input_count ? node->inputs[i] : JIMM_NO_VALUE;
    inputs[i] = value == JIMM_NO_VALUE ? (jimm_shape){.rank = -1} : shapes[value];
  }
  *output = (jimm_shape){.rank = -1};
  jimm_status status = node->op->infer(node->attrs, node->input_count, inputs, output);
  if (status == JIMM_OK) {
    status = check_size(output);
    if (status != JIMM_OK) {
      status = jimm_fail_context(status, "output");
    }
  }
  return status;
}

jimm_status jimm_graph_infer(const jimm_graph *graph, const jimm_shape *input, jimm_shape *shapes) {
  if (graph == NULL || input == NULL || shapes == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_graph_infer: an argument is NULL");
  }
  if (!graph->finished) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_graph_infer: the graph is not finished (jimm_graph_finish)");
  }
  if (graph->input_count != 1) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "jimm_graph_infer: expected a graph with one input, got %" PRId32 " inputs",
                     graph->input_count);
  }
  for (int32_t i = 0; i < graph->node_count; i++) {
    const jimm_node *node = graph->nodes[i];
    if (node->kind == JIMM_NODE_PARAMETER) {
      shapes[i] = ((const jimm_parameter_attrs *)node->attrs)->shape;
      continue;
    }
    jimm_status status;
    if (node->kind == JIMM_NODE_INPUT) {
      status = check_input(&((const jimm_input_attrs *)node->attrs)->shape, input);
      shapes[i] = *input;
    } else {
      status = infer_op(node, shapes, &shapes[i]);
    }
    if (status != JIMM_OK) {
      return jimm_fail_context(status, "%s (%s)", node->name,
                               node->op == NULL ? "input" : node->op->name);
    }
  }
  return JIMM_OK;
}
