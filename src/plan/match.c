/* Which nodes kernels serve, by operator and shapes. */
#include <string.h>

#include "plan/lower.h"

jimm_gate jimm_gate_of(const jimm_shape *a, const jimm_shape *b) {
  if (jimm_shape_equal(a, b) && (a->rank < 2 || jimm_shape_axis(a) == jimm_shape_axis(b))) {
    return JIMM_GATE_EQUAL;
  }
  const int32_t axis = jimm_shape_axis(a), missing = a->rank - b->rank;
  if (a->rank < 2 || missing < 0) {
    return JIMM_GATE_NONE;
  }
  bool shared = true;
  for (int32_t d = 0; d < a->rank; d++) {
    const int64_t size = d < missing ? 1 : b->dim[d - missing];
    if (d == axis ? size != a->dim[d] : size != 1 && (d > 0 || size != a->dim[d])) {
      return JIMM_GATE_NONE;
    }
    shared = shared && (d != 0 || size == 1);
  }
  return shared ? JIMM_GATE_SHARED : JIMM_GATE_IMAGE;
}

bool jimm_has_constant_weights(const jimm_lowering *l, const jimm_node *node) {
  return jimm_node_has_weights(l->graph, node, 1);
}

bool jimm_has_equal_inputs(const jimm_lowering *l, const jimm_node *node) {
  for (int32_t i = 1; i < node->input_count; i++) {
    if (!jimm_shape_equal(&l->shapes[node->inputs[0]], &l->shapes[node->inputs[i]])) {
      return false;
    }
  }
  return true;
}

bool jimm_has_gate(const jimm_lowering *l, const jimm_node *node) {
  return jimm_gate_of(&l->shapes[node->inputs[0]], &l->shapes[node->inputs[1]]) != JIMM_GATE_NONE;
}

static const struct {
  const char *op;
  bool (*accepts)(const jimm_lowering *l, const jimm_node *node);
  const char *kernels[JIMM_MAX_ROWS];
} rows[] = {
#define EMITTER(op, accepts, emit, ...) {#op, accepts, {__VA_ARGS__}},
#include "plan/emitters.def"
#undef EMITTER
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static size_t row_of(const jimm_node *node) {
  size_t i = 0;
  while (i < ROWS && strcmp(node->op->name, rows[i].op) != 0) {
    i++;
  }
  return i;
}

bool jimm_has_kernel(const jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const size_t row = row_of(node);
  return row < ROWS && rows[row].accepts(l, node);
}

void jimm_kernel_ops(const jimm_lowering *l, jimm_value head, const char *ops[JIMM_MAX_ROWS]) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  memcpy(ops, rows[row_of(node)].kernels, sizeof(rows[0].kernels));
  if (jimm_node_is(node, "gelu") &&
      ((const jimm_gelu_attrs *)node->attrs)->approximate == JIMM_GELU_TANH) {
    ops[0] = "gelu_tanh";
  }
}
