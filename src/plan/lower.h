/* Lowering: a graph becomes a list of steps, in passes that share this: which values are needed and
 * by whom (graph/order.h), what one step computes together (fuse.c), in which form (form.c), by
 * which kernel (choose.c), the steps themselves (emit.c and on), and where everything lies
 * (memory.c). lower.c walks; steps.c and layout.c are what the emitters call. */
#ifndef JIMM_PLAN_LOWER_H
#define JIMM_PLAN_LOWER_H

#include "graph/order.h"
#include "plan/form.h"
#include "plan/plan.h"

/* What follows a node and is computed in its step; `end` is the value that the step yields. */
typedef struct jimm_fusion {
  jimm_value norm;     /* a batch_norm folded into the weights */
  jimm_value residual; /* the other operand of an add */
  bool relu;
  jimm_value end;
} jimm_fusion;

typedef struct jimm_fusions {
  jimm_fusion *of;  /* [nodes] for nodes that start a step */
  jimm_value *head; /* [nodes] the node whose step computes this one */
} jimm_fusions;

#define JIMM_NO_VIEW (-1)

/* The steps that a node of one operator may take. */
#define JIMM_MAX_ROWS 3

/* What computes the fusion that starts at a node. */
typedef struct jimm_choice {
  jimm_problem problem;
  const jimm_kernel *rows[JIMM_MAX_ROWS]; /* of its steps, in order */
} jimm_choice;

typedef struct jimm_lowering {
  jimm_plan *plan;
  const jimm_graph *graph;
  jimm_shape *shapes; /* [nodes] */
  jimm_order order;   /* operators that do nothing are skipped */
  jimm_fusions fusions;
  jimm_choice **choices; /* [nodes] for nodes that start a step; NULL: the reference operator */
  uint8_t *form;         /* [nodes] jimm_form in which the value is made */
  int8_t *view;          /* [nodes] jimm_form of input 0 of which it is a view; JIMM_NO_VIEW */
  int32_t *buffers[JIMM_FORMS]; /* [nodes] where a value is in that form; JIMM_NO_BUFFER: nowhere */
} jimm_lowering;

/* ---- passes ---- */

/* The step list for `values` (plan->output_count graph values): lower.c. */
jimm_status jimm_plan_lower(jimm_plan *plan, const jimm_value *values);
/* l->fusions: fuse.c. */
jimm_status jimm_plan_fuse(jimm_lowering *l);
/* l->form and l->view: form.c. */
void jimm_plan_form(jimm_lowering *l);
/* l->choices: choose.c. What no row takes goes through its reference, over rows. */
jimm_status jimm_plan_choose(jimm_lowering *l);
/* Emits the steps of the fusion that starts at `head`; its value is in l->buffers then, in the form
 * l->form: emit.c. */
jimm_status jimm_plan_emit(jimm_lowering *l, jimm_value head);

/* ---- what operators have kernels for (match.c) ---- */

/* Whether kernels serve the node (emitters.def); else its reference implementation does. */
bool jimm_has_kernel(const jimm_lowering *l, jimm_value head);
/* The operators of kernels.def whose rows, one a step, compute the fusion that starts at `head`,
 * for which there are kernels. */
void jimm_kernel_ops(const jimm_lowering *l, jimm_value head, const char *ops[JIMM_MAX_ROWS]);
/* What rows of emitters.def ask: inputs 1 and on are constant or absent; all inputs have the same
 * shape; jimm_gate_of the inputs is not JIMM_GATE_NONE. */
bool jimm_has_constant_weights(const jimm_lowering *l, const jimm_node *node);
bool jimm_has_equal_inputs(const jimm_lowering *l, const jimm_node *node);
bool jimm_has_gate(const jimm_lowering *l, const jimm_node *node);

/* How mul's second operand lies over its first. */
typedef enum jimm_gate {
  JIMM_GATE_NONE = 0,  /* no kernel for it */
  JIMM_GATE_EQUAL = 1, /* element by element */
  JIMM_GATE_IMAGE = 2, /* one value a channel of each image */
  JIMM_GATE_SHARED = 3 /* one value a channel, for all images */
} jimm_gate;
jimm_gate jimm_gate_of(const jimm_shape *a, const jimm_shape *b);

/* ---- steps (steps.c) ---- */

jimm_status jimm_new_buffer(jimm_lowering *l, size_t elements, size_t element_size,
                            int32_t *buffer);
/* Appends a step of that row (NULL: the caller sets the task) with zeroed args of that size. The
 * names of nodes `first` to fusions.of[first].end label it. The step pointer is valid until the
 * next one is added. */
jimm_status jimm_new_step(jimm_lowering *l, jimm_value first, const jimm_kernel *row,
                          size_t args_size, jimm_step **step);
void jimm_step_ref(jimm_step *step, size_t field, int32_t buffer, jimm_access access);

/* ---- values and their forms (layout.c) ---- */

/* The row of kernels.def that moves values of that extent: `op` is channels_last or channels_first:
 * choose.c. */
jimm_status jimm_choose_layout(const jimm_lowering *l, const char *op, const jimm_extent *extent,
                               const jimm_kernel **row);

/* The buffer of a value in that form, converted from another form, the caller's input or a constant
 * when it is not there yet. */
jimm_status jimm_lower_value(jimm_lowering *l, jimm_value value, jimm_form form, int32_t *buffer);
/* A constant's elements as float32 in row-major order, kept as long as the plan. */
jimm_status jimm_lower_constant(jimm_lowering *l, jimm_value value, const float **data);
/* The caller's input tensor in channels-last with a border of zeros: for convolutions that read it
 * in whole kernel rows. pad: top, bottom, left, right. */
jimm_status jimm_lower_padded_input(jimm_lowering *l, jimm_value input, const size_t pad[4],
                                    int32_t *buffer);
/* The step that writes output `index` of the plan to the caller's tensor. */
jimm_status jimm_lower_output(jimm_lowering *l, int32_t index, jimm_value value);

/* ---- an operator without a kernel (reference_step.c) ---- */

/* Its reference implementation, over rows. */
jimm_status jimm_emit_reference(jimm_lowering *l, jimm_value v);

#endif
