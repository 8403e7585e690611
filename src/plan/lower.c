/* The walk: pass after pass, then the steps of every node that is needed. */
#include "plan/lower.h"

static jimm_status check_value(const jimm_lowering *l, jimm_value v) {
  const jimm_shape *shape = &l->shapes[v];
  char text[JIMM_SHAPE_TEXT];
  const int64_t count = jimm_shape_count(shape);
  if (count < 0) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: %s has too many elements",
                     jimm_graph_node(l->graph, v)->name,
                     jimm_shape_format(shape, text, sizeof(text)));
  }
  for (int32_t i = 1; i < shape->rank; i++) {
    if (shape->dim[i] == 0) {
      return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: the plan has no empty values, got %s",
                       jimm_graph_node(l->graph, v)->name,
                       jimm_shape_format(shape, text, sizeof(text)));
    }
  }
  return JIMM_OK;
}

/* The same memory as the input's. */
static jimm_status lower_view(jimm_lowering *l, jimm_value v) {
  const jimm_value in = jimm_graph_node(l->graph, v)->inputs[0];
  return jimm_lower_value(l, in, (jimm_form)l->view[v], &l->buffers[l->form[v]][v]);
}

/* Of all nodes of the fusion that starts at `head`. */
static int64_t count_macs(const jimm_lowering *l, jimm_value head) {
  int64_t sum = 0;
  for (jimm_value v = head; v <= l->fusions.of[head].end; v++) {
    if (l->fusions.head[v] == head &&
        __builtin_add_overflow(sum, jimm_graph_macs(l->graph, v, l->shapes), &sum)) {
      return INT64_MAX;
    }
  }
  return sum;
}

static jimm_status lower_node(jimm_lowering *l, jimm_value head) {
  jimm_status status = JIMM_OK;
  if (l->view[head] != JIMM_NO_VIEW) {
    status = lower_view(l, head);
  } else {
    status = l->choices[head] != NULL ? jimm_plan_emit(l, head) : jimm_emit_reference(l, head);
  }
  if (status == JIMM_OK && l->view[head] == JIMM_NO_VIEW) { /* the last step writes the value */
    jimm_step *last = &l->plan->steps[l->plan->step_count - 1];
    last->value = l->fusions.of[head].end;
    last->form = l->form[head];
    last->macs = count_macs(l, head);
    if (__builtin_add_overflow(l->plan->macs, last->macs, &l->plan->macs)) {
      l->plan->macs = INT64_MAX;
    }
  }
  return status == JIMM_OK ? status
                           : jimm_fail_context(status, "%s", jimm_graph_node(l->graph, head)->name);
}

/* The conversions to the caller's tensors, after everything that reads the inputs: so an output may
 * even lie where an input is. */
static jimm_status lower_outputs(jimm_lowering *l, const jimm_value *values) {
  jimm_plan *plan = l->plan;
  jimm_status status = JIMM_OK;
  for (int32_t i = 0; i < plan->output_count && status == JIMM_OK; i++) {
    const jimm_value v = l->order.alias[values[i]];
    int32_t buffer = JIMM_NO_BUFFER;
    status = jimm_lower_value(l, v, (jimm_form)l->form[v], &buffer);
  }
  for (int32_t i = 0; i < plan->output_count && status == JIMM_OK; i++) {
    plan->output_shapes[i] = l->shapes[values[i]];
    status = jimm_lower_output(l, i, values[i]);
  }
  return status;
}

static jimm_status make_room(jimm_lowering *l) {
  jimm_arena *arena = &l->plan->objects;
  const size_t n = (size_t)jimm_graph_node_count(l->graph);
  l->shapes = jimm_arena_alloc(arena, n * sizeof(*l->shapes));
  l->form = jimm_arena_alloc(arena, n * sizeof(*l->form));
  l->view = jimm_arena_alloc(arena, n * sizeof(*l->view));
  bool done = l->shapes != NULL && l->form != NULL && l->view != NULL;
  for (int form = 0; form < JIMM_FORMS; form++) {
    l->buffers[form] = jimm_arena_alloc(arena, n * sizeof(*l->buffers[form]));
    for (size_t v = 0; l->buffers[form] != NULL && v < n; v++) {
      l->buffers[form][v] = JIMM_NO_BUFFER;
    }
    done = done && l->buffers[form] != NULL;
  }
  return done ? JIMM_OK : JIMM_ERROR_OUT_OF_MEMORY;
}

static jimm_status lower_nodes(jimm_lowering *l) {
  jimm_status status = JIMM_OK;
  for (jimm_value v = 0; v < l->order.count && status == JIMM_OK; v++) {
    const jimm_value head = l->fusions.head[v];
    const jimm_node *node = jimm_graph_node(l->graph, v);
    if (!l->order.needed[v] || node->kind != JIMM_NODE_OP || node->constant) {
      continue;
    }
    if (l->fusions.of[head].end == v) {
      status = lower_node(l, head);
    }
  }
  return status;
}

static jimm_status lower(jimm_lowering *l, const jimm_value *values) {
  jimm_status status = make_room(l);
  if (status == JIMM_OK) {
    l->plan->shapes = l->shapes;
    status = jimm_graph_infer(l->graph, l->plan->input_shapes, l->shapes);
  }
  if (status == JIMM_OK) {
    status = jimm_graph_order(l->graph, l->plan->output_count, values, true, &l->order);
  }
  if (status == JIMM_OK) {
    status = jimm_plan_fuse(l);
  }
  for (jimm_value v = 0; v < l->order.count && status == JIMM_OK; v++) {
    status = l->order.needed[v] ? check_value(l, v) : JIMM_OK;
  }
  if (status == JIMM_OK) {
    jimm_plan_form(l);
    status = jimm_plan_choose(l);
  }
  if (status == JIMM_OK) {
    status = lower_nodes(l);
  }
  return status == JIMM_OK ? lower_outputs(l, values) : status;
}

jimm_status jimm_plan_lower(jimm_plan *plan, const jimm_value *values) {
  jimm_lowering l = {.plan = plan, .graph = jimm_model_graph(plan->model)};
  const jimm_status status = lower(&l, values);
  jimm_order_close(&l.order);
  return status;
}
