/* Which operators have kernels, and what their steps have in common. */
#include "plan/emit.h"

#include <string.h>

/* The channels-last output of the fusion that starts at `head`, written by its last step. */
static jimm_status new_output(jimm_lowering *l, jimm_value head, int32_t *buffer) {
  const jimm_value end = l->fusions.of[head].end;
  const jimm_status status =
      jimm_new_buffer(l, (size_t)jimm_shape_count(&l->shapes[end]), sizeof(float), buffer);
  if (status == JIMM_OK) {
    l->buffers[end] = *buffer;
  }
  return status;
}

jimm_status jimm_get_operands(jimm_lowering *l, jimm_value head, jimm_operands *o) {
  const jimm_fusion *f = &l->fusions.of[head];
  o->residual = JIMM_NO_BUFFER;
  jimm_status status = JIMM_OK;
  if (o->x == JIMM_NO_BUFFER) {
    status = jimm_lower_value(l, jimm_graph_node(l->graph, head)->inputs[0], &o->x);
  }
  if (status == JIMM_OK && f->residual != JIMM_NO_VALUE) {
    status = jimm_lower_value(l, f->residual, &o->residual);
  }
  return status == JIMM_OK ? new_output(l, head, &o->y) : status;
}

jimm_status jimm_unary_step(jimm_lowering *l, jimm_value head, const char *kernel_op,
                            size_t args_size, size_t x_field, size_t y_field, jimm_access access,
                            jimm_step **step) {
  jimm_operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  jimm_status status = jimm_get_operands(l, head, &o);
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, kernel_op, args_size, step);
  }
  if (status == JIMM_OK) {
    jimm_step_ref(*step, x_field, o.x, access);
    jimm_step_ref(*step, y_field, o.y, JIMM_WRITE);
  }
  return status;
}

/* `weights`: a kernel serves only nodes whose further inputs are parameters. */
static const struct {
  const char *op;
  bool weights;
  jimm_status (*emit)(jimm_lowering *l, jimm_value head);
} emitters[] = {
    {"conv2d", true, jimm_emit_conv},
    {"conv1d", true, jimm_emit_conv},
    {"linear", true, jimm_emit_conv},
    {"batch_norm", true, jimm_emit_batch_norm},
    {"group_norm", true, jimm_emit_statistics_norm},
    {"global_response_norm", true, jimm_emit_statistics_norm},
    {"evo_norm2d_s0", true, jimm_emit_statistics_norm},
    {"filter_response_norm", true, jimm_emit_statistics_norm},
    {"channel_norm", true, jimm_emit_channel_norm},
    {"max_pool2d", false, jimm_emit_pool},
    {"avg_pool2d", false, jimm_emit_pool},
    {"blur_pool2d", false, jimm_emit_blur_pool},
    {"global_pool", false, jimm_emit_global_pool},
    {"pad2d", false, jimm_emit_pad},
    {"relu", false, jimm_emit_sum},
    {"add", false, jimm_emit_sum},
    {"mul", false, jimm_emit_mul},
    {"sigmoid", false, jimm_emit_unary},
    {"silu", false, jimm_emit_unary},
    {"gelu", false, jimm_emit_unary},
};

jimm_status jimm_emit(jimm_lowering *l, jimm_value head, bool *done) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  *done = false;
  if (jimm_node_is(node, "mul") &&
      !jimm_mul_has_kernel(&l->shapes[node->inputs[0]], &l->shapes[node->inputs[1]])) {
    return JIMM_OK;
  }
  for (size_t i = 0; i < sizeof(emitters) / sizeof(emitters[0]); i++) {
    if (strcmp(node->op->name, emitters[i].op) == 0 &&
        (!emitters[i].weights || jimm_node_has_weights(l->graph, node, 1))) {
      *done = true;
      return emitters[i].emit(l, head);
    }
  }
  return JIMM_OK;
}
