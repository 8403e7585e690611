/* A graph as JSON, and what it costs. */
#include <string.h>

#include "cli.h"

/* One attribute, by the description that its operator gives of it. */
static json_t *attribute_json(const jimm_attr_spec *spec, const void *attrs) {
  const char *field = (const char *)attrs + spec->offset;
  switch (spec->type) {
    case JIMM_ATTR_INT: {
      int64_t value = 0;
      memcpy(&value, field, sizeof value);
      return json_integer(value);
    }
    case JIMM_ATTR_PAIR: {
      int64_t pair[2];
      memcpy(pair, field, sizeof pair);
      return cli_json_integers(pair, 2);
    }
    case JIMM_ATTR_FLOAT: {
      double value = 0;
      memcpy(&value, field, sizeof value);
      return cli_json_real(value);
    }
    case JIMM_ATTR_BOOL: {
      bool value = false;
      memcpy(&value, field, sizeof value);
      return json_boolean(value);
    }
    case JIMM_ATTR_ENUM: {
      int32_t value = 0;
      memcpy(&value, field, sizeof value);
      return cli_json_text(spec->enum_names[value]);
    }
    case JIMM_ATTR_SHAPE: {
      jimm_shape shape;
      memcpy(&shape, field, sizeof shape);
      return cli_json_integers(shape.dim, shape.rank);
    }
  }
  return json_null();
}

static json_t *attributes_json(const jimm_node *node) {
  json_t *object = json_object();
  if (node->op != NULL) {
    for (int32_t i = 0; i < node->op->attr_count; i++) {
      const jimm_attr_spec *spec = &node->op->attrs[i];
      cli_json_set(&object, spec->name, attribute_json(spec, node->attrs));
    }
  } else if (node->kind == JIMM_NODE_PARAMETER) {
    const jimm_parameter_attrs *attrs = node->attrs;
    cli_json_set(&object, "shape", cli_json_integers(attrs->shape.dim, attrs->shape.rank));
    cli_json_set(&object, "buffer", json_boolean(attrs->kind == JIMM_BUFFER));
    cli_json_set(&object, "optional", json_boolean(attrs->optional));
  } else if (node->kind == JIMM_NODE_CONSTANT) {
    const jimm_shape *shape = &((const jimm_constant_attrs *)node->attrs)->tensor.shape;
    cli_json_set(&object, "shape", cli_json_integers(shape->dim, shape->rank));
  } else {
    const jimm_input_attrs *attrs = node->attrs;
    cli_json_set(&object, "shape", cli_json_integers(attrs->shape.dim, attrs->shape.rank));
  }
  return object;
}

static json_t *node_json(const jimm_graph *graph, const jimm_node *node, const jimm_shape *shape) {
  json_t *inputs = json_array();
  for (int32_t i = 0; i < node->input_count; i++) {
    const jimm_node *input = jimm_graph_node(graph, node->inputs[i]); /* NULL: absent */
    cli_json_append(&inputs, cli_json_text(input == NULL ? NULL : input->name));
  }
  const char *kind = node->kind == JIMM_NODE_PARAMETER  ? "parameter"
                     : node->kind == JIMM_NODE_CONSTANT ? "constant"
                                                        : "input";
  json_t *object = json_object();
  cli_json_set(&object, "name", cli_json_text(node->name));
  cli_json_set(&object, "op", cli_json_text(node->op == NULL ? kind : node->op->name));
  cli_json_set(&object, "inputs", inputs);
  cli_json_set(&object, "attributes", attributes_json(node));
  if (shape != NULL) {
    cli_json_set(&object, "shape", cli_json_integers(shape->dim, shape->rank));
  }
  return object;
}

json_t *cli_graph_json(const jimm_graph *graph, const jimm_shape *shapes) {
  json_t *nodes = json_array();
  for (int32_t i = 0; i < jimm_graph_node_count(graph); i++) {
    cli_json_append(
        &nodes, node_json(graph, jimm_graph_node(graph, i), shapes == NULL ? NULL : &shapes[i]));
  }
  json_t *outputs = json_object();
  for (int32_t i = 0; i < jimm_graph_output_count(graph); i++) {
    const jimm_node *node = jimm_graph_node(graph, jimm_graph_output_value(graph, i));
    cli_json_set(&outputs, jimm_graph_output_name(graph, i), cli_json_text(node->name));
  }
  json_t *object = json_object();
  cli_json_set(&object, "nodes", nodes);
  cli_json_set(&object, "outputs", outputs);
  return object;
}

void cli_graph_cost(const jimm_graph *graph, const jimm_shape *shapes, cli_cost *cost) {
  *cost = (cli_cost){0, 0, 0};
  for (int32_t i = 0; i < jimm_graph_node_count(graph); i++) {
    const jimm_node *node = jimm_graph_node(graph, i);
    int64_t bytes = jimm_shape_count(&shapes[i]) * (int64_t)sizeof(float);
    if (node->kind == JIMM_NODE_PARAMETER) {
      const jimm_parameter_attrs *attrs = node->attrs;
      cost->weight_bytes += attrs->optional ? 0 : bytes;
      continue;
    }
    if (bytes > cost->largest_activation_bytes) {
      cost->largest_activation_bytes = bytes;
    }
    cost->macs += jimm_graph_macs(graph, i, shapes);
  }
}
