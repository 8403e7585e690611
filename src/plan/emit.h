/* What the files that make steps share. */
#ifndef JIMM_PLAN_EMIT_H
#define JIMM_PLAN_EMIT_H

#include "plan/lower.h"

/* Elements to work on in one task of the memory-bound kernels. */
#define JIMM_TASK_ELEMENTS 16384

/* a / b rounded up; 0 for b = 0, which only an empty batch makes. */
static inline size_t jimm_ceil_div(size_t a, size_t b) {
  return b == 0 ? 0 : (a + b - 1) / b;
}

/* Buffers of input 0, of the fused add's other operand and of the output. */
typedef struct jimm_operands {
  int32_t x, residual, y;
} jimm_operands;

/* Fills in what is JIMM_NO_BUFFER, in the form of the fusion at `head`; y becomes its value. */
jimm_status jimm_get_operands(jimm_lowering *l, jimm_value head, jimm_operands *o);

/* Input 0 of the node, and its value, as its step sees them. */
static inline jimm_extent jimm_input_extent(const jimm_lowering *l, jimm_value head) {
  const jimm_value x = jimm_graph_node(l->graph, head)->inputs[0];
  return jimm_extent_of(&l->shapes[x], (jimm_form)l->form[head]);
}
static inline jimm_extent jimm_output_extent(const jimm_lowering *l, jimm_value head) {
  return jimm_extent_of(&l->shapes[head], (jimm_form)l->form[head]);
}

/* A step from input 0 to the value of the fusion at `head`, of the first row that was chosen for
 * it, with zeroed args of that size; x_field and y_field are where the pointers lie in them. */
jimm_status jimm_unary_step(jimm_lowering *l, jimm_value head, size_t args_size, size_t x_field,
                            size_t y_field, jimm_access access, jimm_step **step);

/* Gives a step the scratch memory that its row asks for, in the pointer at `field` of its args. */
jimm_status jimm_add_scratch(jimm_lowering *l, jimm_step *step, const jimm_kernel *row,
                             const jimm_problem *problem, size_t field);

/* What is fused behind the node `head`; the residual is a ref of the step. */
jimm_epilogue jimm_epilogue_of(const jimm_lowering *l, jimm_value head);

/* The steps of one operator each, and all that is fused behind it. */
jimm_status jimm_emit_conv(jimm_lowering *l, jimm_value head);            /* emit_conv.c */
jimm_status jimm_emit_pool(jimm_lowering *l, jimm_value head);            /* emit_pool.c */
jimm_status jimm_emit_blur_pool(jimm_lowering *l, jimm_value head);       /* emit_pool.c */
jimm_status jimm_emit_global_pool(jimm_lowering *l, jimm_value head);     /* emit_pool.c */
jimm_status jimm_emit_pad(jimm_lowering *l, jimm_value head);             /* emit_pool.c */
jimm_status jimm_emit_batch_norm(jimm_lowering *l, jimm_value head);      /* emit_norm.c */
jimm_status jimm_emit_statistics_norm(jimm_lowering *l, jimm_value head); /* emit_norm.c */
jimm_status jimm_emit_channel_norm(jimm_lowering *l, jimm_value head);    /* emit_norm.c */
jimm_status jimm_emit_sum(jimm_lowering *l, jimm_value head);             /* emit_pointwise.c */
jimm_status jimm_emit_mul(jimm_lowering *l, jimm_value head);             /* emit_pointwise.c */
jimm_status jimm_emit_unary(jimm_lowering *l, jimm_value head);           /* emit_pointwise.c */

#endif
