/* Which kernels compute a step: the cheapest rows that take the problem, by the shape of one image
 * and by what the processor has, never by batch or threads. */
#include <string.h>

#include "plan/emit.h"

const jimm_kernel *jimm_kernel_choose(const jimm_kernel_list *kernels, const jimm_problem *problem,
                                      jimm_features features) {
  const jimm_kernel *best = NULL;
  double least = 0.0;
  for (size_t i = 0; i < kernels->count; i++) {
    const jimm_kernel *k = &kernels->rows[i];
    if (jimm_kernel_accepts(k, problem, features)) {
      const double cost = jimm_kernel_cost(k, problem);
      if (best == NULL || cost <= least) {
        best = k;
        least = cost;
      }
    }
  }
  return best;
}

/* The problem of an operator that maps images of `in` to images of `out`, one tap a pixel. */
static jimm_problem problem_of(const jimm_lowering *l, const char *op, const jimm_extent *in,
                               const jimm_extent *out) {
  return (jimm_problem){.op = op,
                        .precision = l->plan->precision,
                        .input = JIMM_F32,
                        .output = JIMM_F32,
                        .channels = in->channels,
                        .outputs = out->channels,
                        .groups = 1,
                        .in_height = in->height,
                        .in_width = in->width,
                        .out_height = out->height,
                        .out_width = out->width,
                        .kernel_height = 1,
                        .kernel_width = 1,
                        .stride = {1, 1},
                        .dilation = {1, 1}};
}

/* linear and conv1d are the convolutions of two dimensions that they look like. */
static void add_convolution(const jimm_node *node, const jimm_shape *w, jimm_problem *p) {
  jimm_conv2d_attrs a = {{1, 1}, {0, 0}, {1, 1}, 1};
  if (jimm_node_is(node, "conv2d")) {
    a = *(const jimm_conv2d_attrs *)node->attrs;
  } else if (jimm_node_is(node, "conv1d")) {
    const jimm_conv1d_attrs *one = node->attrs;
    a = (jimm_conv2d_attrs){{1, one->stride}, {0, one->padding}, {1, one->dilation}, one->groups};
  }
  p->groups = (size_t)a.groups;
  p->channels /= p->groups;
  p->outputs /= p->groups;
  p->kernel_height = w->rank == 4 ? (size_t)w->dim[2] : 1;
  p->kernel_width = w->rank > 2 ? (size_t)w->dim[w->rank - 1] : 1;
  memcpy(p->stride, a.stride, sizeof(p->stride));
  memcpy(p->padding, a.padding, sizeof(p->padding));
  memcpy(p->dilation, a.dilation, sizeof(p->dilation));
}

static void add_pool(const int64_t kernel[2], const int64_t stride[2], const int64_t padding[2],
                     jimm_problem *p) {
  p->kernel_height = (size_t)kernel[0];
  p->kernel_width = (size_t)kernel[1];
  memcpy(p->stride, stride, sizeof(p->stride));
  memcpy(p->padding, padding, sizeof(p->padding));
}

static jimm_problem problem_of_node(const jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_extent in = jimm_input_extent(l, head);
  const jimm_extent out = jimm_output_extent(l, head);
  jimm_problem p = problem_of(l, node->op->name, &in, &out);
  if (jimm_node_has(node, JIMM_OP_DENSE)) {
    add_convolution(node, &l->shapes[node->inputs[1]], &p);
  } else if (jimm_node_is(node, "max_pool2d")) {
    const jimm_max_pool2d_attrs *a = node->attrs;
    add_pool(a->kernel, a->stride, a->padding, &p);
  } else if (jimm_node_is(node, "avg_pool2d")) {
    const jimm_avg_pool2d_attrs *a = node->attrs;
    add_pool(a->kernel, a->stride, a->padding, &p);
  }
  return p;
}

jimm_status jimm_choose_layout(const jimm_lowering *l, const char *op, const jimm_extent *extent,
                               const jimm_kernel **row) {
  const jimm_problem p = problem_of(l, op, extent, extent);
  *row = jimm_kernel_choose(l->plan->kernels, &p, l->plan->features);
  return *row != NULL ? JIMM_OK : jimm_fail(JIMM_ERROR_INTERNAL, "plan: there is no kernel %s", op);
}

static jimm_status choose_rows(jimm_lowering *l, jimm_value head) {
  jimm_plan *plan = l->plan;
  const char *ops[JIMM_MAX_ROWS] = {NULL};
  if (!jimm_has_kernel(l, head)) {
    return JIMM_OK;
  }
  jimm_kernel_ops(l, head, ops);
  jimm_choice choice = {.problem = problem_of_node(l, head)};
  for (int32_t i = 0; i < JIMM_MAX_ROWS && ops[i] != NULL; i++) {
    choice.problem.op = ops[i];
    choice.rows[i] = jimm_kernel_choose(plan->kernels, &choice.problem, plan->features);
    if (choice.rows[i] == NULL) {
      /* a reference operator computes one node, over rows */
      l->form[head] = JIMM_FORM_ROWS;
      return l->fusions.of[head].end == head
                 ? JIMM_OK
                 : jimm_fail(JIMM_ERROR_INTERNAL, "plan: there is no kernel %s", ops[i]);
    }
  }
  jimm_choice *kept = jimm_arena_alloc(&plan->objects, sizeof(*kept));
  if (kept == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  *kept = choice;
  l->choices[head] = kept;
  return JIMM_OK;
}

jimm_status jimm_plan_choose(jimm_lowering *l) {
  const int32_t count = jimm_graph_node_count(l->graph);
  jimm_status status = JIMM_OK;
  l->choices = jimm_arena_alloc(&l->plan->objects, (size_t)count * sizeof(void *));
  if (l->choices == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  for (jimm_value v = 0; v < count && status == JIMM_OK; v++) {
    const jimm_node *node = jimm_graph_node(l->graph, v);
    if (l->order.needed[v] && l->view[v] == JIMM_NO_VIEW && l->fusions.head[v] == v &&
        node->kind == JIMM_NODE_OP && !node->constant) {
      status = choose_rows(l, v);
    }
  }
  return status;
}
