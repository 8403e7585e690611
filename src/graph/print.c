/* A text listing of a graph. */
#include <inttypes.h>

#include "graph/attrs.h"
#include "graph/internal.h"

static void print_parameter(const jimm_node *node, jimm_text *text) {
  static const char *const roles[] = {"", " input_conv", " classifier"};
  const jimm_parameter_attrs *a = node->attrs;
  char shape[JIMM_SHAPE_TEXT];
  jimm_text_append(text, "%s %s %s%s%s", a->kind == JIMM_BUFFER ? "buffer" : "parameter",
                   jimm_shape_format(&a->shape, shape, sizeof(shape)), jimm_dtype_name(a->dtype),
                   roles[a->role], a->optional ? " optional" : "");
}

static void print_op(const jimm_graph *graph, const jimm_node *node, jimm_text *text) {
  jimm_text_append(text, "%s(", node->op->name);
  for (int32_t i = 0; i < node->input_count; i++) {
    const jimm_node *input = jimm_graph_node(graph, node->inputs[i]);
    jimm_text_append(text, "%s%s", i == 0 ? "" : ", ", input == NULL ? "-" : input->name);
  }
  jimm_text_append(text, ")");
  for (int32_t i = 0; i < node->op->attr_count; i++) {
    const jimm_attr_spec *spec = &node->op->attrs[i];
    char value[JIMM_ATTR_TEXT];
    jimm_text_append(text, " %s=%s", spec->name,
                     jimm_attr_format(spec, node->attrs, value, sizeof(value)));
  }
}

static void print_node(const jimm_graph *graph, int32_t index, const jimm_shape *shapes,
                       jimm_text *text) {
  const jimm_node *node = graph->nodes[index];
  char shape[JIMM_SHAPE_TEXT];
  jimm_text_append(text, "%4" PRId32 " %s = ", index, node->name);
  if (node->kind == JIMM_NODE_PARAMETER) {
    print_parameter(node, text);
  } else if (node->kind == JIMM_NODE_CONSTANT) {
    const jimm_constant_attrs *a = node->attrs;
    jimm_text_append(text, "constant %s %s",
                     jimm_shape_format(&a->tensor.shape, shape, sizeof(shape)),
                     jimm_dtype_name(a->tensor.dtype));
  } else if (node->kind == JIMM_NODE_INPUT) {
    const jimm_input_attrs *a = node->attrs;
    jimm_text_append(text, "input %s %s", jimm_shape_format(&a->shape, shape, sizeof(shape)),
                     jimm_dtype_name(a->dtype));
  } else {
    print_op(graph, node, text);
  }
  if (shapes != NULL && (node->kind == JIMM_NODE_OP || node->kind == JIMM_NODE_INPUT)) {
    jimm_text_append(text, " -> %s", jimm_shape_format(&shapes[index], shape, sizeof(shape)));
  }
  jimm_text_append(text, "\n");
}

jimm_status jimm_graph_print(const jimm_graph *graph, const jimm_shape *inputs, char **text) {
  if (graph == NULL || text == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_graph_print: an argument is NULL");
  }
  *text = NULL;
  jimm_shape *shapes = NULL;
  if (inputs != NULL) {
    shapes = jimm_calloc((size_t)graph->node_count, sizeof(*shapes));
    if (shapes == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
    const jimm_status status = jimm_graph_infer(graph, inputs, shapes);
    if (status != JIMM_OK) {
      jimm_free(shapes);
      return status;
    }
  }
  jimm_text listing = {0};
  for (int32_t i = 0; i < graph->node_count; i++) {
    print_node(graph, i, shapes, &listing);
  }
  for (int32_t i = 0; i < graph->output_count; i++) {
    jimm_text_append(&listing, "output %s = %s\n", graph->outputs[i].name,
                     graph->nodes[graph->outputs[i].value]->name);
  }
  jimm_free(shapes);
  *text = jimm_text_take(&listing);
  return *text == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}
