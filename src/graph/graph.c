/* Life and reading of graphs. */
#include <string.h>

#include "graph/internal.h"

jimm_status jimm_graph_create(jimm_graph **graph) {
  if (graph == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_graph_create: graph is NULL");
  }
  *graph = jimm_calloc(1, sizeof(**graph));
  if (*graph == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  atomic_init(&(*graph)->owners, 1);
  return JIMM_OK;
}

jimm_graph *jimm_graph_retain(jimm_graph *graph) {
  if (graph != NULL) {
    atomic_fetch_add_explicit(&graph->owners, 1, memory_order_relaxed);
  }
  return graph;
}

void jimm_graph_close(jimm_graph **graph) {
  if (graph == NULL || *graph == NULL) {
    return;
  }
  jimm_graph *g = *graph;
  *graph = NULL;
  if (atomic_fetch_sub_explicit(&g->owners, 1, memory_order_acq_rel) != 1) {
    return;
  }
  jimm_map_close(&g->by_name);
  jimm_arena_close(&g->arena);
  jimm_free(g->nodes);
  jimm_free(g->inputs);
  jimm_free(g->outputs);
  jimm_free(g->features);
  jimm_free(g->prefix);
  jimm_free(g->scopes);
  jimm_free(g->parts);
  jimm_free(g);
}

int32_t jimm_graph_node_count(const jimm_graph *graph) {
  return graph == NULL ? 0 : graph->node_count;
}

const jimm_node *jimm_graph_node(const jimm_graph *graph, jimm_value index) {
  return index < 0 || index >= jimm_graph_node_count(graph) ? NULL : graph->nodes[index];
}

jimm_value jimm_graph_find(const jimm_graph *graph, const char *name) {
  if (graph == NULL || name == NULL) {
    return JIMM_NO_VALUE;
  }
  return (jimm_value)jimm_map_find(&graph->by_name, name);
}

int32_t jimm_graph_input_count(const jimm_graph *graph) {
  return graph == NULL ? 0 : graph->input_count;
}

jimm_value jimm_graph_input_value(const jimm_graph *graph, int32_t index) {
  return index < 0 || index >= jimm_graph_input_count(graph) ? JIMM_NO_VALUE : graph->inputs[index];
}

int32_t jimm_graph_find_input(const jimm_graph *graph, const char *name) {
  for (int32_t i = 0; name != NULL && i < jimm_graph_input_count(graph); i++) {
    if (strcmp(graph->nodes[graph->inputs[i]]->name, name) == 0) {
      return i;
    }
  }
  return -1;
}

int32_t jimm_graph_output_count(const jimm_graph *graph) {
  return graph == NULL ? 0 : graph->output_count;
}

const char *jimm_graph_output_name(const jimm_graph *graph, int32_t index) {
  return index < 0 || index >= jimm_graph_output_count(graph) ? NULL : graph->outputs[index].name;
}

jimm_value jimm_graph_output_value(const jimm_graph *graph, int32_t index) {
  return index < 0 || index >= jimm_graph_output_count(graph) ? JIMM_NO_VALUE
                                                              : graph->outputs[index].value;
}

jimm_value jimm_graph_find_output(const jimm_graph *graph, const char *name) {
  for (int32_t i = 0; name != NULL && i < jimm_graph_output_count(graph); i++) {
    if (strcmp(graph->outputs[i].name, name) == 0) {
      return graph->outputs[i].value;
    }
  }
  return JIMM_NO_VALUE;
}

int64_t jimm_graph_parameter_count(const jimm_graph *graph) {
  int64_t total = 0;
  for (int32_t i = 0; i < jimm_graph_node_count(graph); i++) {
    if (graph->nodes[i]->kind != JIMM_NODE_PARAMETER) {
      continue;
    }
    const jimm_parameter_attrs *attrs = graph->nodes[i]->attrs;
    if (attrs->kind == JIMM_PARAMETER &&
        __builtin_add_overflow(total, jimm_shape_count(&attrs->shape), &total)) {
      return INT64_MAX;
    }
  }
  return total;
}

int32_t jimm_graph_feature_count(const jimm_graph *graph) {
  return graph == NULL ? 0 : graph->feature_count;
}

const jimm_feature_info *jimm_graph_feature(const jimm_graph *graph, int32_t index) {
  const int32_t count = jimm_graph_feature_count(graph);
  const int32_t at = index < 0 ? count + index : index;
  return at < 0 || at >= count ? NULL : &graph->features[at];
}
