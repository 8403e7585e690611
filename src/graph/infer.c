/* Shapes of all nodes for a concrete input. */
#include <inttypes.h>

#include "graph/internal.h"
#include "graph/order.h"

/* Dimensions fit a 32-bit int, so that operators may add and multiply two of them; a tensor of
 * float64 must be addressable. */
#define MAX_DIM INT64_C(2147483647)
#define MAX_ELEMENTS (INT64_MAX / 8)

bool jimm_graph_axis_fits(const jimm_shape *shape) {
  return shape->axis == 0 || (shape->axis > 0 && shape->axis < shape->rank);
}

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
  if (!jimm_graph_axis_fits(shape)) {
    return jimm_fail(JIMM_ERROR_SHAPE, "axis %" PRId32 " is no dimension of %s", shape->axis,
                     jimm_shape_format(shape, text, sizeof(text)));
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

/* `inputs`: room for the shapes of the node's inputs. */
static jimm_status infer_op(const jimm_node *node, const jimm_shape *shapes, jimm_shape *inputs,
                            jimm_shape *output) {
  jimm_node_shapes(node, shapes, inputs);
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

static jimm_status infer_all(const jimm_graph *graph, const jimm_shape *inputs, jimm_shape *room,
                             jimm_shape *shapes) {
  int32_t input = 0;
  for (int32_t i = 0; i < graph->node_count; i++) {
    const jimm_node *node = graph->nodes[i];
    jimm_status status = JIMM_OK;
    if (node->kind == JIMM_NODE_PARAMETER) {
      shapes[i] = ((const jimm_parameter_attrs *)node->attrs)->shape;
    } else if (node->kind == JIMM_NODE_CONSTANT) {
      shapes[i] = ((const jimm_constant_attrs *)node->attrs)->tensor.shape;
    } else if (node->kind == JIMM_NODE_INPUT) {
      const jimm_shape *expected = &((const jimm_input_attrs *)node->attrs)->shape;
      shapes[i] = inputs[input++];
      shapes[i].axis = expected->axis;
      status = check_input(expected, &shapes[i]);
    } else {
      status = infer_op(node, shapes, room, &shapes[i]);
    }
    if (status != JIMM_OK) {
      return jimm_fail_context(status, "%s (%s)", node->name,
                               node->op == NULL ? "input" : node->op->name);
    }
  }
  return JIMM_OK;
}

jimm_status jimm_graph_infer(const jimm_graph *graph, const jimm_shape *inputs,
                             jimm_shape *shapes) {
  if (graph == NULL || inputs == NULL || shapes == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_graph_infer: an argument is NULL");
  }
  if (!graph->finished) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_graph_infer: the graph is not finished (jimm_graph_finish)");
  }
  jimm_shape *room = jimm_calloc((size_t)graph->most_inputs, sizeof(*room));
  const jimm_status status =
      room == NULL ? JIMM_ERROR_OUT_OF_MEMORY : infer_all(graph, inputs, room, shapes);
  jimm_free(room);
  return status;
}
