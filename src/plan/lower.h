/* Lowering: a graph becomes a list of steps. lower.c walks the graph and owns values and layouts;
 * emit.c makes the steps of the operators that have kernels. */
#ifndef JIMM_PLAN_LOWER_H
#define JIMM_PLAN_LOWER_H

#include "plan/plan.h"

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
  int32_t *buffers;   /* [nodes] where a value is, channels-last; JIMM_NO_BUFFER: not yet made */
  jimm_fusions fusions;
  jimm_choice **choices; /* [nodes] for nodes that start a step; NULL: the reference operator */
} jimm_lowering;

/* Any shape as images x channels x pixels: what channels-last means for it. [N, F] has one pixel
 * and is thus row-major; so has a scalar or a vector, as N images of one channel. */
typedef struct jimm_extent {
  size_t images, channels, height, width, pixels;
} jimm_extent;
jimm_extent jimm_extent_of(const jimm_shape *shape);

/* The buffer of a value, converted from the caller's input or a constant when it is one. */
jimm_status jimm_lower_value(jimm_lowering *l, jimm_value value, int32_t *buffer);
jimm_status jimm_new_buffer(jimm_lowering *l, size_t elements, size_t element_size,
                            int32_t *buffer);
/* Appends a step of that row (NULL: the caller sets the task) with zeroed args of that size. The
 * names of nodes `first` to fusions.of[first].end label it. The step pointer is valid until the
 * next one is added. */
jimm_status jimm_new_step(jimm_lowering *l, jimm_value first, const jimm_kernel *row,
                          size_t args_size, jimm_step **step);
void jimm_step_ref(jimm_step *step, size_t field, int32_t buffer, jimm_access access);
/* A constant's elements as float32, kept as long as the plan. */
jimm_status jimm_lower_constant(jimm_lowering *l, jimm_value value, const float **data);
/* The caller's input tensor in channels-last with a border of zeros: for convolutions that read it
 * in whole kernel rows. pad: top, bottom, left, right. */
jimm_status jimm_lower_padded_input(jimm_lowering *l, jimm_value input, const size_t pad[4],
                                    int32_t *buffer);

/* The pass before steps are made: fills in l->choices. */
jimm_status jimm_plan_choose(jimm_lowering *l);
/* The row that takes a value of that shape from one layout to another: `op` is channels_last or
 * channels_first. */
jimm_status jimm_choose_layout(const jimm_lowering *l, const char *op, const jimm_shape *shape,
                               const jimm_kernel **row);

/* Emits the step of the fusion that starts at node `head`; its value is in l->buffers[end] then.
 * *done is false when no kernel serves this form of the operator. */
jimm_status jimm_emit(jimm_lowering *l, jimm_value head, bool *done);

#endif
