/* Weights under other names than timm's: what a family makes of them. */
#include "graph/part.h"
#include "model/registry.h"

jimm_status jimm_state_adapt(const jimm_graph *graph, jimm_state *state, jimm_state **adapted) {
  if (adapted == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_state_adapt: adapted is NULL");
  }
  *adapted = NULL;
  if (graph == NULL || state == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_state_adapt: graph or state is NULL");
  }
  const jimm_family *family = jimm_graph_owner(graph);
  jimm_state *made = NULL;
  if (family != NULL && family->adapt != NULL) {
    const jimm_status status = family->adapt(graph, jimm_graph_tag(graph), state, &made);
    if (status != JIMM_OK) {
      jimm_state_close(&made);
      return jimm_fail_context(status, "the weights' names as those of %s", family->name);
    }
  }
  *adapted = made == NULL ? jimm_state_retain(state) : made;
  return JIMM_OK;
}
