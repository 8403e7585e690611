/* Parts of a graph: what one family's build added to a graph that holds more. While a part is open,
 * jimm_graph_input gives the part's input instead of adding one, and names of outputs and of taps
 * are relative to the scope in which it was opened. */
#ifndef JIMM_GRAPH_PART_H
#define JIMM_GRAPH_PART_H

#include <jimm/graph.h>

/* Its nodes are those from `begin` to before `end`; a part within it comes before it. */
typedef struct jimm_part {
  const char *scope; /* "encoder.", or "" */
  const void *owner; /* its jimm_family */
  int32_t begin, end;
} jimm_part;

/* What is open: the part around it comes back when it ends. */
typedef struct jimm_open_part {
  bool open, has_input; /* has_input: the build has asked for the input */
  jimm_value input;
  size_t prefix_length;
  int32_t scope_count, first_node, first_feature;
} jimm_open_part;

/* False, with an error kept in the graph where that is possible, when the graph takes no part or
 * has no such value. Else *outer must be given to jimm_graph_end_part. */
bool jimm_graph_begin_part(jimm_graph *graph, jimm_value input, jimm_open_part *outer);
void jimm_graph_end_part(jimm_graph *graph, const void *owner, const jimm_open_part *outer);
/* The output `name` of the open part; JIMM_NO_VALUE when there is none. */
jimm_value jimm_graph_part_output(const jimm_graph *graph, const char *name);

int32_t jimm_graph_part_count(const jimm_graph *graph);
const jimm_part *jimm_graph_part(const jimm_graph *graph, int32_t index);
/* The innermost part that node `value` belongs to; NULL when none. */
const jimm_part *jimm_graph_part_of(const jimm_graph *graph, jimm_value value);

/* What the whole graph was built of: its jimm_family, and the variant's tag, which is copied. */
void jimm_graph_set_owner(jimm_graph *graph, const void *owner, const char *tag);
const void *jimm_graph_owner(const jimm_graph *graph); /* NULL: of no family */
const char *jimm_graph_tag(const jimm_graph *graph);   /* "" without one */

#endif
