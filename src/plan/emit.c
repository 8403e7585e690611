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

/* `kernels`: the operators of kernels.def that its steps are of. `weights`: they serve only nodes
 * whose further inputs are parameters. */
static const struct emitter {
  const char *op;
  bool weights;
  jimm_status (*emit)(jimm_lowering *l, jimm_value head);
  const char *kernels[JIMM_MAX_ROWS];
} emitters[] = {
    {"conv2d", true, jimm_emit_conv, {"conv2d"}},
    {"conv1d", true, jimm_emit_conv, {"conv2d"}},
    {"linear", true, jimm_emit_conv, {"conv2d"}},
    {"batch_norm", true, jimm_emit_batch_norm, {"affine"}},
    {"group_norm", true, jimm_emit_statistics_norm, {"moments", "group_norm", "affine"}},
    {"global_response_norm",
     true,
     jimm_emit_statistics_norm,
     {"moments", "global_response_norm", "affine"}},
    {"evo_norm2d_s0", true, jimm_emit_statistics_norm, {"moments", "group_norm", "gated_affine"}},
    {"filter_response_norm", true, jimm_emit_statistics_norm, {"moments", "group_norm", "affine"}},
    {"channel_norm", true, jimm_emit_channel_norm, {"channel_norm"}},
    {"max_pool2d", false, jimm_emit_pool, {"max_pool2d"}},
    {"avg_pool2d", false, jimm_emit_pool, {"avg_pool2d"}},
    {"blur_pool2d", false, jimm_emit_blur_pool, {"blur_pool2d"}},
    {"global_pool", false, jimm_emit_global_pool, {"global_pool"}},
    {"pad2d", false, jimm_emit_pad, {"pad2d"}},
    {"relu", false, jimm_emit_sum, {"sum"}},
    {"add", false, jimm_emit_sum, {"sum"}},
    {"mul", false, jimm_emit_mul, {"mul"}},
    {"sigmoid", false, jimm_emit_unary, {"sigmoid"}},
    {"silu", false, jimm_emit_unary, {"silu"}},
    {"gelu", false, jimm_emit_unary, {"gelu"}},
};

/* NULL when no kernel serves this form of the operator. */
static const struct emitter *emitter_of(const jimm_lowering *l, const jimm_node *node) {
  if (jimm_node_is(node, "mul") &&
      !jimm_mul_has_kernel(&l->shapes[node->inputs[0]], &l->shapes[node->inputs[1]])) {
    return NULL;
  }
  for (size_t i = 0; i < sizeof(emitters) / sizeof(emitters[0]); i++) {
    if (strcmp(node->op->name, emitters[i].op) == 0 &&
        (!emitters[i].weights || jimm_node_has_weights(l->graph, node, 1))) {
      return &emitters[i];
    }
  }
  return NULL;
}

bool jimm_kernel_ops(const jimm_lowering *l, jimm_value head, const char *ops[JIMM_MAX_ROWS]) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const struct emitter *emitter = emitter_of(l, node);
  if (emitter == NULL) {
    return false;
  }
  memcpy(ops, emitter->kernels, sizeof(emitter->kernels));
  if (jimm_node_is(node, "gelu") &&
      ((const jimm_gelu_attrs *)node->attrs)->approximate == JIMM_GELU_TANH) {
    ops[0] = "gelu_tanh";
  }
  return true;
}

jimm_status jimm_emit(jimm_lowering *l, jimm_value head, bool *done) {
  *done = l->choices[head] != NULL;
  return *done ? emitter_of(l, jimm_graph_node(l->graph, head))->emit(l, head) : JIMM_OK;
}
