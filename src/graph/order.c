#include "graph/order.h"

#include <string.h>

#include "graph/internal.h"

bool jimm_node_is(const jimm_node *node, const char *op) {
  return node != NULL && node->kind == JIMM_NODE_OP && strcmp(node->op->name, op) == 0;
}

bool jimm_node_is_identity(const jimm_node *node) {
  bool identity = jimm_node_has(node, JIMM_OP_IDENTITY);
  for (int32_t i = 1; identity && i < node->input_count; i++) {
    identity = node->inputs[i] == JIMM_NO_VALUE;
  }
  return identity;
}

bool jimm_node_has_weights(const jimm_graph *graph, const jimm_node *node, int32_t first) {
  for (int32_t i = first; i < node->input_count; i++) {
    if (node->inputs[i] != JIMM_NO_VALUE && !graph->nodes[node->inputs[i]]->constant) {
      return false;
    }
  }
  return true;
}

void jimm_node_shapes(const jimm_node *node, const jimm_shape *shapes, jimm_shape *inputs) {
  for (int32_t i = 0; i < node->input_count; i++) {
    const jimm_value value = node->inputs[i];
    inputs[i] = value == JIMM_NO_VALUE ? (jimm_shape){.rank = -1} : shapes[value];
  }
}

#define FEW_INPUTS 8

int64_t jimm_graph_macs(const jimm_graph *graph, jimm_value value, const jimm_shape *shapes) {
  const jimm_node *node = jimm_graph_node(graph, value);
  if (node == NULL || node->op == NULL || node->op->macs == NULL) {
    return 0;
  }
  jimm_shape few[FEW_INPUTS], *many = NULL;
  if (node->input_count > FEW_INPUTS) {
    many = jimm_calloc((size_t)node->input_count, sizeof(*many));
    if (many == NULL) {
      return INT64_MAX;
    }
  }
  jimm_shape *inputs = many == NULL ? few : many;
  jimm_node_shapes(node, shapes, inputs);
  const int64_t macs = node->op->macs(node->attrs, node->input_count, inputs, &shapes[value]);
  jimm_free(many);
  return macs;
}

int32_t jimm_graph_max_inputs(const jimm_graph *graph) {
  return graph->most_inputs;
}

static void find_aliases(const jimm_graph *graph, bool skip_identities, jimm_order *order) {
  for (jimm_value v = 0; v < order->count; v++) {
    const jimm_node *node = graph->nodes[v];
    order->alias[v] =
        skip_identities && jimm_node_is_identity(node) ? order->alias[node->inputs[0]] : v;
    order->user[v] = JIMM_NO_VALUE;
  }
}

static void use(jimm_order *order, jimm_value value, jimm_value user) {
  const jimm_value v = order->alias[value];
  order->needed[v] = true;
  order->uses[v]++;
  order->user[v] = user;
}

jimm_status jimm_graph_order(const jimm_graph *graph, int32_t output_count,
                             const jimm_value *outputs, bool skip_identities, jimm_order *order) {
  const size_t n = (size_t)graph->node_count;
  *order = (jimm_order){.count = graph->node_count, .first = graph->node_count};
  order->needed = jimm_calloc(n, sizeof(*order->needed));
  order->uses = jimm_calloc(n, sizeof(*order->uses));
  order->user = jimm_calloc(n, sizeof(*order->user));
  order->alias = jimm_calloc(n, sizeof(*order->alias));
  if (order->needed == NULL || order->uses == NULL || order->user == NULL || order->alias == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  find_aliases(graph, skip_identities, order);
  for (int32_t i = 0; i < output_count; i++) {
    use(order, outputs[i], JIMM_NO_VALUE);
  }
  for (jimm_value v = order->count - 1; v >= 0; v--) {
    const jimm_node *node = graph->nodes[v];
    if (!order->needed[v]) {
      continue;
    }
    order->first = v;
    for (int32_t i = 0; i < node->input_count; i++) {
      if (node->inputs[i] != JIMM_NO_VALUE) {
        use(order, node->inputs[i], v);
      }
    }
  }
  return JIMM_OK;
}

void jimm_order_close(jimm_order *order) {
  jimm_free(order->needed);
  jimm_free(order->uses);
  jimm_free(order->user);
  jimm_free(order->alias);
  *order = (jimm_order){0};
}
