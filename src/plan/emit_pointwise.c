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
    status = jimm_lower_value(l, node->inputs[1], (jimm_form)l->form[head], &other);
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

jimm_status jimm_emit_mul(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_gate kind = jimm_gate_of(&l->shapes[head], &l->shapes[node->inputs[1]]);
  const jimm_extent e = jimm_output_extent(l, head);
  const bool equal = kind == JIMM_GATE_EQUAL;
  jimm_operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  int32_t gate = JIMM_NO_BUFFER;
  jimm_step *step;
  jimm_status status = jimm_get_operands(l, head, &o);
  if (status == JIMM_OK) {
    /* one value a channel: those of an image follow each other as in the graph */
    status = jimm_lower_value(l, node->inputs[1], equal ? (jimm_form)l->form[head] : JIMM_FORM_ROWS,
                              &gate);
  }
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, l->choices[head]->rows[0], sizeof(jimm_mul_args), &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  const size_t blocks = jimm_ceil_div(e.pixels * e.channels, JIMM_TASK_ELEMENTS);
  jimm_mul_args *m = step->args;
  *m = (jimm_mul_args){.images = e.images,
                       .pixels = e.pixels,
                       .channels = e.channels,
                       .blocks = blocks > e.pixels ? e.pixels : blocks,
                       .gate_image = equal                      ? e.pixels * e.channels
                                     : kind == JIMM_GATE_SHARED ? 0
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
