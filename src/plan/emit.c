/* The emitter of each operator that has kernels. */
#include "plan/emit.h"

#include <string.h>

static const struct {
  const char *op;
  jimm_status (*emit)(jimm_lowering *l, jimm_value head);
} rows[] = {
#define EMITTER(op, accepts, emit, ...) {#op, emit},
#include "plan/emitters.def"
#undef EMITTER
};

jimm_status jimm_plan_emit(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (strcmp(node->op->name, rows[i].op) == 0) {
      return rows[i].emit(l, head);
    }
  }
  return jimm_fail(JIMM_ERROR_INTERNAL, "plan: %s has no emitter", node->op->name);
}
