/* Which values some outputs need, and who uses them: the one walk that plan, reference evaluator
 * and constants share. Nodes stand in an order in which every input comes before its use, so a walk
 * is a loop over indices. */
#ifndef JIMM_GRAPH_ORDER_H
#define JIMM_GRAPH_ORDER_H

#include <stdbool.h>

#include <jimm/graph.h>

typedef struct jimm_order {
  int32_t count;    /* nodes of the graph */
  jimm_value first; /* the first that is needed; `count` when none is */
  bool *needed;     /* [count] an output is it, or depends on it */
  int32_t *uses;    /* [count] by operators that are needed, each input of theirs, and by outputs */
  jimm_value *user; /* [count] one of those operators; JIMM_NO_VALUE: an output, or none */
  jimm_value *alias; /* [count] the value that this one equals: itself, or through operators that
                        are the identity (JIMM_OP_IDENTITY) when these are skipped */
} jimm_order;

/* For `outputs`, values of the graph. With `skip_identities` operators that do nothing are nobody's
 * input: who uses them uses what they are. The caller closes *order, also after an error. */
jimm_status jimm_graph_order(const jimm_graph *graph, int32_t output_count,
                             const jimm_value *outputs, bool skip_identities, jimm_order *order);
void jimm_order_close(jimm_order *order);

/* Whether the node does nothing: an identity without its further inputs. */
bool jimm_node_is_identity(const jimm_node *node);
/* Whether its operator is of that name. */
bool jimm_node_is(const jimm_node *node, const char *op);
/* Whether it is an operator with that trait. */
static inline bool jimm_node_has(const jimm_node *node, jimm_op_trait trait) {
  return node != NULL && node->kind == JIMM_NODE_OP && (node->op->traits & (uint32_t)trait) != 0;
}
/* Input `index` of the node; JIMM_NO_VALUE when it is absent. */
static inline jimm_value jimm_node_input(const jimm_node *node, int32_t index) {
  return index < node->input_count ? node->inputs[index] : JIMM_NO_VALUE;
}
/* Whether inputs `first` and on are constant or absent. */
bool jimm_node_has_weights(const jimm_graph *graph, const jimm_node *node, int32_t first);
/* The shapes of the node's inputs, of `shapes` of all nodes: [input_count], absent ones of rank -1.
 */
void jimm_node_shapes(const jimm_node *node, const jimm_shape *shapes, jimm_shape *inputs);
/* The most inputs that a node of the graph has. */
int32_t jimm_graph_max_inputs(const jimm_graph *graph);

#endif
