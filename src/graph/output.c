/* What a graph gives: its outputs and the taps of the feature pyramid; the end of building. */
#include <inttypes.h>
#include <string.h>

#include "base/locale.h"
#include "graph/internal.h"

/* `name` in the arena, after the scope of the open part; NULL when memory ran out. */
static char *part_name(jimm_graph *graph, const char *name) {
  const size_t prefix = graph->open_part.open ? graph->open_part.prefix_length : 0;
  const size_t length = strlen(name) + 1;
  char *full = jimm_arena_alloc(&graph->arena, prefix + length);
  if (full != NULL) {
    memcpy(full, graph->prefix == NULL ? "" : graph->prefix, prefix);
    memcpy(full + prefix, name, length);
  }
  return full;
}

void jimm_graph_output(jimm_graph *graph, const char *name, jimm_value value) {
  if (!jimm_graph_is_open(graph)) {
    return;
  }
  if (name == NULL || name[0] == 0) {
    jimm_graph_keep_error(
        graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "an output of the graph has no name"));
    return;
  }
  if (value < 0 || value >= graph->node_count) {
    jimm_graph_keep_error(
        graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                         "output %s: %" PRId32 " is no value of this graph", name, value));
    return;
  }
  const char *copy = part_name(graph, name);
  if (copy == NULL) {
    jimm_graph_keep_error(graph, JIMM_ERROR_OUT_OF_MEMORY);
    return;
  }
  if (jimm_graph_find_output(graph, copy) != JIMM_NO_VALUE) {
    jimm_graph_keep_error(graph,
                          jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                                    "output %s: there is an output of that name already", copy));
    return;
  }
  const size_t count = (size_t)graph->output_count;
  const jimm_status status = jimm_reserve(&graph->outputs, count, count + 1, sizeof *graph->outputs,
                                          &graph->output_capacity);
  if (status != JIMM_OK) {
    jimm_graph_keep_error(graph, status);
    return;
  }
  graph->outputs[graph->output_count++] = (graph_output){copy, value};
}

void jimm_graph_add_feature(jimm_graph *graph, const char *module, int64_t channels,
                            int64_t reduction, jimm_value value) {
  if (!jimm_graph_is_open(graph)) {
    return;
  }
  if (module == NULL || channels < 1 || reduction < 1) {
    jimm_graph_keep_error(
        graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                         "feature %s: channels and reduction must be positive, got %" PRId64
                         " and %" PRId64,
                         module == NULL ? "(NULL)" : module, channels, reduction));
    return;
  }
  char name[32];
  jimm_snprintf(name, sizeof(name), "feat_%02" PRId32,
                graph->feature_count - graph->open_part.first_feature + 1);
  jimm_graph_output(graph, name, value);
  const size_t count = (size_t)graph->feature_count;
  if (graph->error == JIMM_OK &&
      jimm_reserve(&graph->features, count, count + 1, sizeof *graph->features,
                   &graph->feature_capacity) != JIMM_OK) {
    jimm_graph_keep_error(graph, JIMM_ERROR_OUT_OF_MEMORY);
    return;
  }
  const char *copy = graph->error == JIMM_OK ? part_name(graph, module) : NULL;
  if (copy == NULL) {
    jimm_graph_keep_error(graph, JIMM_ERROR_OUT_OF_MEMORY); /* the first error stays */
    return;
  }
  graph->features[graph->feature_count++] = (jimm_feature_info){
      graph->outputs[graph->output_count - 1].name, copy, channels, reduction, value};
}

jimm_status jimm_graph_finish(jimm_graph *graph) {
  if (graph == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "graph is NULL");
  }
  if (graph->finished) {
    return JIMM_OK;
  }
  if (graph->error == JIMM_OK && graph->scope_count > 0) {
    jimm_graph_keep_error(graph,
                          jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                                    "the scope \"%.*s\" is open (%" PRId32 " pushes without a pop)",
                                    jimm_graph_scope_length(graph), jimm_graph_scope_text(graph),
                                    graph->scope_count));
  }
  if (graph->error == JIMM_OK && graph->output_count == 0) {
    jimm_graph_keep_error(graph, jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "the graph has no output"));
  }
  if (graph->error != JIMM_OK) {
    return jimm_fail(graph->error, "%s",
                     graph->message == NULL ? jimm_status_name(graph->error) : graph->message);
  }
  graph->finished = true;
  return JIMM_OK;
}
