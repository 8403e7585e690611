/* Which nodes one step computes together: convolution + batch_norm + add + relu and the like. */
#include <string.h>

#include "plan/lower.h"

/* The operators whose steps take those that follow: which ones, in this order. Rows of one turn are
 * served together; the greedier turn comes first. */
static const struct {
  const char *op;
  int turn;
  bool norm;       /* a batch_norm, folded into the weights */
  bool residual;   /* an add, whose other operand the step reads */
  bool activation; /* a relu */
} rows[] = {
    {"conv2d", 0, true, true, true},      {"linear", 0, true, true, true},
    {"batch_norm", 1, false, true, true}, {"group_norm", 1, false, true, true},
    {"mul", 1, false, true, true},        {"add", 2, false, false, true},
};
#define TURNS 3
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* The node that alone uses v, is of operator `op` and has not been taken by another step; else
 * JIMM_NO_VALUE. */
static jimm_value follower(const jimm_lowering *l, jimm_value v, const char *op) {
  const jimm_value user = l->order.user[v];
  if (l->order.uses[v] != 1 || user == JIMM_NO_VALUE) {
    return JIMM_NO_VALUE;
  }
  const bool free = l->fusions.head[user] == user && l->fusions.of[user].end == user;
  return free && jimm_node_is(jimm_graph_node(l->graph, user), op) ? user : JIMM_NO_VALUE;
}

static void take(jimm_lowering *l, jimm_value head, jimm_value v) {
  l->fusions.head[v] = head;
  l->fusions.of[head].end = v;
}

/* A batch_norm is folded where each output of the weights is a channel of its. */
static void take_norm(jimm_lowering *l, jimm_value head) {
  jimm_fusion *f = &l->fusions.of[head];
  const jimm_value v = follower(l, f->end, "batch_norm");
  const jimm_node *node = v == JIMM_NO_VALUE ? NULL : jimm_graph_node(l->graph, v);
  const jimm_shape *shape = &l->shapes[head];
  const bool rows_are_pixels = l->shapes[jimm_graph_node(l->graph, head)->inputs[1]].rank != 2 ||
                               jimm_shape_axis(shape) == shape->rank - 1;
  if (node != NULL && rows_are_pixels && l->order.alias[node->inputs[0]] == f->end &&
      jimm_node_has_weights(l->graph, node, 1)) {
    f->norm = v;
    take(l, head, v);
  }
}

static void take_residual(jimm_lowering *l, jimm_value head) {
  jimm_fusion *f = &l->fusions.of[head];
  const jimm_value v = follower(l, f->end, "add");
  if (v == JIMM_NO_VALUE || !jimm_has_kernel(l, v)) {
    return;
  }
  const jimm_node *node = jimm_graph_node(l->graph, v);
  const jimm_value a = l->order.alias[node->inputs[0]], b = l->order.alias[node->inputs[1]];
  const jimm_value other = a == f->end ? b : a;
  if (jimm_shape_axis(&l->shapes[other]) == jimm_shape_axis(&l->shapes[f->end])) {
    f->residual = other;
    take(l, head, v);
  }
}

static void take_activation(jimm_lowering *l, jimm_value head) {
  jimm_fusion *f = &l->fusions.of[head];
  const jimm_value v = follower(l, f->end, "relu");
  if (v != JIMM_NO_VALUE) {
    f->relu = true;
    take(l, head, v);
  }
}

/* What the step that starts at `head` also does, if it is of this turn. */
static void extend(jimm_lowering *l, jimm_value head, int turn) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  for (size_t i = 0; i < ROWS; i++) {
    if (rows[i].turn != turn || !jimm_node_is(node, rows[i].op) || !jimm_has_kernel(l, head)) {
      continue;
    }
    if (rows[i].norm) {
      take_norm(l, head);
    }
    if (rows[i].residual) {
      take_residual(l, head);
    }
    if (rows[i].activation) {
      take_activation(l, head);
    }
  }
}

jimm_status jimm_plan_fuse(jimm_lowering *l) {
  const size_t n = (size_t)l->order.count;
  jimm_fusions *f = &l->fusions;
  f->of = jimm_arena_alloc(&l->plan->objects, n * sizeof(*f->of));
  f->head = jimm_arena_alloc(&l->plan->objects, n * sizeof(*f->head));
  if (f->of == NULL || f->head == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  for (jimm_value v = 0; v < l->order.count; v++) {
    f->head[v] = v;
    f->of[v] = (jimm_fusion){JIMM_NO_VALUE, JIMM_NO_VALUE, false, v};
  }
  /* From the end: of two convolutions that meet in an add, the later one takes it, and the earlier
   * one's inputs are free by then. */
  for (int turn = 0; turn < TURNS; turn++) {
    for (jimm_value v = l->order.count - 1; v >= 0; v--) {
      if (l->order.needed[v] && f->head[v] == v && f->of[v].end == v &&
          !jimm_graph_node(l->graph, v)->constant) {
        extend(l, v, turn);
      }
    }
  }
  return JIMM_OK;
}
