#include "graph/part.h"

#include <inttypes.h>
#include <string.h>

#include "graph/internal.h"

bool jimm_graph_begin_part(jimm_graph *graph, jimm_value input, jimm_open_part *outer) {
  if (!jimm_graph_is_open(graph)) {
    return false;
  }
  if (input < 0 || input >= graph->node_count || graph->nodes[input]->constant) {
    jimm_graph_fail(
        graph, JIMM_ERROR_INVALID_ARGUMENT,
        "the input of a model is %s (%" PRId32 "; the graph has %" PRId32 " nodes so far)",
        input < 0 || input >= graph->node_count ? "no value of this graph" : "a parameter", input,
        graph->node_count);
    return false;
  }
  *outer = graph->open_part;
  graph->open_part = (jimm_open_part){.open = true,
                                      .input = input,
                                      .prefix_length = graph->prefix_length,
                                      .scope_count = graph->scope_count,
                                      .first_node = graph->node_count,
                                      .first_feature = graph->feature_count};
  return true;
}

static bool reserve_part(jimm_graph *graph) {
  const size_t count = (size_t)graph->part_count;
  return jimm_reserve(&graph->parts, count, count + 1, sizeof *graph->parts,
                      &graph->part_capacity) == JIMM_OK;
}

void jimm_graph_end_part(jimm_graph *graph, const void *owner, const jimm_open_part *outer) {
  const jimm_open_part ended = graph->open_part;
  graph->open_part = *outer;
  if (!jimm_graph_is_open(graph)) {
    return;
  }
  if (graph->scope_count != ended.scope_count || graph->prefix_length != ended.prefix_length) {
    jimm_graph_fail(graph, JIMM_ERROR_INVALID_ARGUMENT,
                    "a family's build left another scope than it found");
    return;
  }
  char *scope = jimm_arena_alloc(&graph->arena, ended.prefix_length + 1);
  if (scope == NULL || !reserve_part(graph)) {
    jimm_graph_fail(graph, JIMM_ERROR_OUT_OF_MEMORY, "out of memory");
    return;
  }
  if (ended.prefix_length > 0) {
    memcpy(scope, graph->prefix, ended.prefix_length);
  }
  scope[ended.prefix_length] = 0;
  graph->parts[graph->part_count++] =
      (jimm_part){scope, owner, ended.first_node, graph->node_count};
}

jimm_value jimm_graph_part_output(const jimm_graph *graph, const char *name) {
  const size_t length = graph->open_part.prefix_length;
  for (int32_t i = 0; i < graph->output_count; i++) {
    const char *output = graph->outputs[i].name;
    if (strlen(output) > length && memcmp(output, graph->prefix, length) == 0 &&
        strcmp(output + length, name) == 0) {
      return graph->outputs[i].value;
    }
  }
  return JIMM_NO_VALUE;
}

int32_t jimm_graph_part_count(const jimm_graph *graph) {
  return graph->part_count;
}

const jimm_part *jimm_graph_part(const jimm_graph *graph, int32_t index) {
  return &graph->parts[index];
}

const jimm_part *jimm_graph_part_of(const jimm_graph *graph, jimm_value value) {
  for (int32_t i = 0; i < graph->part_count; i++) {
    if (value >= graph->parts[i].begin && value < graph->parts[i].end) {
      return &graph->parts[i];
    }
  }
  return NULL;
}

void jimm_graph_set_owner(jimm_graph *graph, const void *owner, const char *tag) {
  if (!jimm_graph_is_open(graph)) {
    return;
  }
  graph->owner = owner;
  graph->tag = jimm_arena_strdup(&graph->arena, tag);
  if (graph->tag == NULL) {
    jimm_graph_fail(graph, JIMM_ERROR_OUT_OF_MEMORY, "out of memory");
  }
}

const void *jimm_graph_owner(const jimm_graph *graph) {
  return graph->owner;
}

const char *jimm_graph_tag(const jimm_graph *graph) {
  return graph->tag == NULL ? "" : graph->tag;
}
