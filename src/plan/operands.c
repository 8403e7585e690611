/* What the steps of most operators have in common. */
#include "plan/emit.h"

/* The output of the fusion that starts at `head`, written by its last step. */
static jimm_status new_output(jimm_lowering *l, jimm_value head, int32_t *buffer) {
  const jimm_value end = l->fusions.of[head].end;
  const jimm_status status =
      jimm_new_buffer(l, (size_t)jimm_shape_count(&l->shapes[end]), sizeof(float), buffer);
  if (status == JIMM_OK) {
    l->buffers[l->form[head]][end] = *buffer;
  }
  return status;
}

jimm_status jimm_get_operands(jimm_lowering *l, jimm_value head, jimm_operands *o) {
  const jimm_fusion *f = &l->fusions.of[head];
  const jimm_form form = (jimm_form)l->form[head];
  o->residual = JIMM_NO_BUFFER;
  jimm_status status = JIMM_OK;
  if (o->x == JIMM_NO_BUFFER) {
    status = jimm_lower_value(l, jimm_graph_node(l->graph, head)->inputs[0], form, &o->x);
  }
  if (status == JIMM_OK && f->residual != JIMM_NO_VALUE) {
    status = jimm_lower_value(l, f->residual, form, &o->residual);
  }
  return status == JIMM_OK ? new_output(l, head, &o->y) : status;
}

jimm_status jimm_add_scratch(jimm_lowering *l, jimm_step *step, const jimm_kernel *row,
                             const jimm_problem *problem, size_t field) {
  if (row->rules == NULL || row->rules->scratch == NULL) {
    return JIMM_OK;
  }
  const size_t threads = (size_t)jimm_pool_threads(l->plan->pool);
  int32_t buffer = JIMM_NO_BUFFER;
  const jimm_status status =
      jimm_new_buffer(l, row->rules->scratch(row, problem, threads), 1, &buffer);
  if (status == JIMM_OK) {
    jimm_step_ref(step, field, buffer, JIMM_SCRATCH);
  }
  return status;
}

jimm_epilogue jimm_epilogue_of(const jimm_lowering *l, jimm_value head) {
  return (jimm_epilogue){.activation = l->fusions.of[head].relu ? JIMM_ACTIVATION_RELU
                                                                : JIMM_ACTIVATION_NONE};
}

jimm_status jimm_unary_step(jimm_lowering *l, jimm_value head, size_t args_size, size_t x_field,
                            size_t y_field, jimm_access access, jimm_step **step) {
  jimm_operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  jimm_status status = jimm_get_operands(l, head, &o);
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, l->choices[head]->rows[0], args_size, step);
  }
  if (status == JIMM_OK) {
    jimm_step_ref(*step, x_field, o.x, access);
    jimm_step_ref(*step, y_field, o.y, JIMM_WRITE);
  }
  return status;
}
