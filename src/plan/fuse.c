/* Which nodes one step computes together: convolution + batch_norm + add + relu and the like. */
#include <string.h>

#include "plan/plan.h"

bool jimm_node_is(const jimm_node *node, const char *op) {
  return node != NULL && node->kind == JIMM_NODE_OP && strcmp(node->op->name, op) == 0;
}

bool jimm_node_has_weights(const jimm_graph *graph, const jimm_node *node, int32_t first) {
  for (int32_t i = first; i < node->input_count; i++) {
    if (node->inputs[i] != JIMM_NO_VALUE && !jimm_graph_node(graph, node->inputs[i])->constant) {
      return false;
    }
  }
  return true;
}

typedef struct context {
  const jimm_graph *graph;
  const jimm_shape *shapes; /* [nodes] */
  jimm_fusions *f;
  int32_t *uses;    /* [nodes] by operators that are needed and by outputs */
  jimm_value *user; /* [nodes] one of them; JIMM_NO_VALUE: an output */
} context;

static void find_aliases(context *x, int32_t count) {
  for (jimm_value v = 0; v < count; v++) {
    const jimm_node *node = jimm_graph_node(x->graph, v);
    const bool identity = (jimm_node_is(node, "dropout") || jimm_node_is(node, "drop_path")) &&
                          (node->input_count < 2 || node->inputs[1] == JIMM_NO_VALUE);
    x->f->alias[v] = identity ? x->f->alias[node->inputs[0]] : v;
    x->f->head[v] = v;
    x->f->of[v] = (jimm_fusion){JIMM_NO_VALUE, JIMM_NO_VALUE, false, v};
  }
}

static void count_uses(context *x, int32_t count, const jimm_value *values, int32_t value_count) {
  for (int32_t i = 0; i < value_count; i++) {
    const jimm_value v = x->f->alias[values[i]];
    x->f->needed[v] = true;
    x->uses[v]++;
    x->user[v] = JIMM_NO_VALUE;
  }
  for (jimm_value v = count - 1; v >= 0; v--) {
    const jimm_node *node = jimm_graph_node(x->graph, v);
    for (int32_t i = 0; x->f->needed[v] && i < node->input_count; i++) {
      if (node->inputs[i] == JIMM_NO_VALUE) {
        continue;
      }
      const jimm_value in = x->f->alias[node->inputs[i]];
      x->f->needed[in] = true;
      x->uses[in]++;
      x->user[in] = v;
    }
  }
}

/* The operator `op` that alone uses v and has not been taken by another step; else JIMM_NO_VALUE.
 */
static jimm_value follower(const context *x, jimm_value v, const char *op) {
  if (x->uses[v] != 1 || x->user[v] == JIMM_NO_VALUE) {
    return JIMM_NO_VALUE;
  }
  const jimm_value user = x->user[v];
  const bool free = x->f->head[user] == user && x->f->of[user].end == user;
  return free && jimm_node_is(jimm_graph_node(x->graph, user), op) ? user : JIMM_NO_VALUE;
}

static void take(context *x, jimm_value head, jimm_value v) {
  x->f->head[v] = head;
  x->f->of[head].end = v;
}

/* The classes of steps that take followers, the greedier first. */
enum { CONV, NORM, ADD, CLASSES };

/* What a step of class `kind` that starts at `head` also does. */
static void extend(context *x, jimm_value head, int kind) {
  const jimm_node *node = jimm_graph_node(x->graph, head);
  const bool conv = jimm_node_is(node, "conv2d") || jimm_node_is(node, "linear");
  const bool norm = jimm_node_is(node, "batch_norm") || jimm_node_is(node, "group_norm");
  const bool mul = jimm_node_is(node, "mul") &&
                   jimm_mul_has_kernel(&x->shapes[node->inputs[0]], &x->shapes[node->inputs[1]]);
  const bool add = jimm_node_is(node, "add");
  if (!(kind == CONV   ? conv
        : kind == NORM ? norm || mul
                       : add) ||
      !(add || mul || jimm_node_has_weights(x->graph, node, 1))) {
    return;
  }
  jimm_fusion *f = &x->f->of[head];
  if (conv) {
    const jimm_value bn = follower(x, f->end, "batch_norm");
    const jimm_node *bn_node = bn == JIMM_NO_VALUE ? NULL : jimm_graph_node(x->graph, bn);
    if (bn_node != NULL && x->f->alias[bn_node->inputs[0]] == f->end &&
        jimm_node_has_weights(x->graph, bn_node, 1)) {
      f->norm = bn;
      take(x, head, bn);
    }
  }
  if (!add) {
    const jimm_value sum = follower(x, f->end, "add");
    if (sum != JIMM_NO_VALUE) {
      const jimm_node *n = jimm_graph_node(x->graph, sum);
      const jimm_value a = x->f->alias[n->inputs[0]];
      f->residual = a == f->end ? x->f->alias[n->inputs[1]] : a;
      take(x, head, sum);
    }
  }
  const jimm_value act = follower(x, f->end, "relu");
  if (act != JIMM_NO_VALUE) {
    f->relu = true;
    take(x, head, act);
  }
}

jimm_status jimm_plan_fuse(jimm_plan *plan, const jimm_value *values, const jimm_shape *shapes,
                           jimm_fusions *fusions) {
  context x = {.graph = jimm_model_graph(plan->model), .shapes = shapes, .f = fusions};
  const int32_t count = jimm_graph_node_count(x.graph);
  const size_t n = (size_t)count;
  fusions->of = jimm_arena_alloc(&plan->objects, n * sizeof(*fusions->of));
  fusions->head = jimm_arena_alloc(&plan->objects, n * sizeof(*fusions->head));
  fusions->alias = jimm_arena_alloc(&plan->objects, n * sizeof(*fusions->alias));
  fusions->needed = jimm_arena_alloc(&plan->objects, n * sizeof(*fusions->needed));
  x.uses = jimm_arena_alloc(&plan->objects, n * sizeof(*x.uses));
  x.user = jimm_arena_alloc(&plan->objects, n * sizeof(*x.user));
  if (fusions->of == NULL || fusions->head == NULL || fusions->alias == NULL ||
      fusions->needed == NULL || x.uses == NULL || x.user == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  find_aliases(&x, count);
  count_uses(&x, count, values, plan->output_count);
  /* From the end: of two convolutions that meet in an add, the later one takes it, and the earlier
   * one's inputs are free by then. */
  for (int kind = CONV; kind < CLASSES; kind++) {
    for (jimm_value v = count - 1; v >= 0; v--) {
      if (fusions->needed[v] && fusions->head[v] == v && fusions->of[v].end == v &&
          !jimm_graph_node(x.graph, v)->constant) {
        extend(&x, v, kind);
      }
    }
  }
  return JIMM_OK;
}
