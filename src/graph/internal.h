/* The graph's insides. */
#ifndef JIMM_GRAPH_INTERNAL_H
#define JIMM_GRAPH_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <jimm/graph.h>

#include "base/alloc.h"
#include "graph/part.h"

typedef struct graph_output {
  const char *name;
  jimm_value value;
} graph_output;

struct jimm_graph {
  atomic_int owners;
  jimm_arena arena;  /* nodes, names, attributes, the error's message */
  jimm_node **nodes; /* pointers, so that borrowed nodes stay where they are while building */
  int32_t node_count;
  size_t node_capacity;
  jimm_map by_name; /* full name -> index */
  graph_output *outputs;
  int32_t output_count;
  size_t output_capacity;
  jimm_feature_info *features;
  int32_t feature_count;
  size_t feature_capacity;
  jimm_value *inputs; /* nodes of kind JIMM_NODE_INPUT */
  int32_t input_count;
  size_t input_capacity;
  int32_t most_inputs; /* of one node */
  jimm_part *parts;
  int32_t part_count;
  size_t part_capacity;
  const void *owner; /* the jimm_family of the whole graph; may be NULL */
  const char *tag;   /* of the variant that it was built for */

  /* While building. */
  char *prefix; /* "layer1.0.", not terminated */
  size_t prefix_length, prefix_capacity;
  size_t *scopes; /* prefix_length before each push */
  int32_t scope_count;
  size_t scope_capacity;
  jimm_open_part open_part;

  jimm_status error; /* the first one */
  const char *message;
  bool finished;
};

/* Whether the graph takes more; a finished graph is immutable, so that error goes to the caller's
 * thread alone. */
bool jimm_graph_is_open(const jimm_graph *graph);
/* Keeps `status` with this thread's message as the graph's error, if it is the first. */
void jimm_graph_keep_error(jimm_graph *graph, jimm_status status);
/* Scope + `name` in the arena; NULL after keeping an error. */
const char *jimm_graph_full_name(jimm_graph *graph, const char *name);
/* The open scope without its last point, for messages: text, of that length. */
int jimm_graph_scope_length(const jimm_graph *graph);
const char *jimm_graph_scope_text(const jimm_graph *graph);
/* Whether the shape's axis is unset or one of its dimensions. */
bool jimm_graph_axis_fits(const jimm_shape *shape);

#endif
