/* Binding a state to a graph: which tensor fills which parameter, strictly. */
#ifndef JIMM_MODEL_BIND_H
#define JIMM_MODEL_BIND_H

#include <jimm/model.h>

/* Fills parameters[value] for every parameter node of `graph`: a view of the state's memory, or an
 * owned tensor where something had to change. Absent optional ones stay cleared. `parameters` has
 * jimm_graph_node_count entries, cleared; the caller closes them, also after an error. */
jimm_status jimm_bind(const jimm_graph *graph, const jimm_state *state,
                      const jimm_weights_options *options, jimm_tensor *parameters);

#endif
