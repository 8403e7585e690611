/* Steps of operators that work element by element. */
#include "plan/emit.h"

jimm_status jimm_emit_sum(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const bool add = jimm_node_is(node, "add");
  jimm_operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  int32_t other = JIMM_NO_BUFFER;
  jimm_step *step;
  jimm_status status = jimm_get_operands(l, head, &o);
  if (status == JIMM_OK && add) {
    status = jimm_lower_value(l, node->inputs[1], &other);
  }
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, l->choices[head]->rows[0], sizeof(jimm_sum_args), &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_sum_args *s = step->args;
  s->count = (size_t)jimm_shape_count(&l->shapes[head]);
  s->epilogue = jimm_epilogue_of(l, head);
  if (!add) {
    s->epilogue.activation = JIMM_ACTIVATION_RELU;
  }
  step->count = jimm_ceil_div(s->count, JIMM_SUM_BLOCK);
  jimm_step_ref(step, offsetof(jimm_sum_args, x), o.x, JIMM_REUSE);
  if (add) {
    jimm_step_ref(step, offsetof(jimm_sum_args, epilogue.residual), other, JIMM_REUSE);
  }
  jimm_step_ref(step, offsetof(jimm_sum_args, y), o.y, JIMM_WRITE);
  return JIMM_OK;
}

bool jimm_mul_has_kernel(const jimm_shape *a, const jimm_shape *b) {
  return jimm_shape_equal(a, b) ||
         (a->rank == 4 && b->dim[1] == a->dim[1] && b->dim[2] == 1 && b->dim[3] == 1);
}

jimm_status jimm_emit_mul(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_shape *b = &l->shapes[node->inputs[1]];
  const jimm_extent e = jimm_extent_of(&l->shapes[head]);
  const bool equal = jimm_shape_equal(&l->shapes[head], b);
  jimm_operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  int32_t gate = JIMM_NO_BUFFER;
  jimm_step *step;
  jimm_status status = jimm_get_operands(l, head, &o);
  if (status == JIMM_OK) {
    status = jimm_lower_value(l, node->inputs[1], &gate);
  }
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, l->choices[head]->rows[0], sizeof(jimm_mul_args), &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  const size_t blocks = jimm_ceil_div(e.pixels * e.channels, JIMM_TASK_ELEMENTS);
  const bool shared = !equal && b->dim[0] == 1;
  jimm_mul_args *m = step->args;
  *m = (jimm_mul_args){.images = e.images,
                       .pixels = e.pixels,
                       .channels = e.channels,
                       .blocks = blocks > e.pixels ? e.pixels : blocks,
                       .gate_image = equal    ? e.pixels * e.channels
                                     : shared ? 0
                                              : e.channels,
                       .gate_pixel = equal ? e.channels : 0,
                       .epilogue = jimm_epilogue_of(l, head)};
  step->count = e.images * m->blocks;
  jimm_step_ref(step, offsetof(jimm_mul_args, x), o.x, JIMM_REUSE);
  jimm_step_ref(step, offsetof(jimm_mul_args, gate), gate, equal ? JIMM_REUSE : JIMM_READ);
  if (o.residual != JIMM_NO_BUFFER) {
    jimm_step_ref(step, offsetof(jimm_mul_args, epilogue.residual), o.residual, JIMM_REUSE);
  }
  jimm_step_ref(step, offsetof(jimm_mul_args, y), o.y, JIMM_WRITE);
  return JIMM_OK;
}

jimm_status jimm_emit_unary(jimm_lowering *l, jimm_value head) {
  jimm_step *step;
  const jimm_status status =
      jimm_unary_step(l, head, sizeof(jimm_unary_args), offsetof(jimm_unary_args, x),
                      offsetof(jimm_unary_args, y), JIMM_REUSE, &step);
  if (status != JIMM_OK) {
    return status;
  }
  jimm_unary_args *u = step->args;
  u->count = (size_t)jimm_shape_count(&l->shapes[head]);
  step->count = jimm_ceil_div(u->count, JIMM_UNARY_BLOCK);
  return JIMM_OK;
}
