/* Evaluating a graph node by node with the reference operators, in float32 or float64: the values
 * are there afterwards, as many as the policy keeps. */
#ifndef JIMM_RUN_EVALUATE_H
#define JIMM_RUN_EVALUATE_H

#include "graph/order.h"
#include "run/observe.h"

/* Which values stay alive after their last use; outputs always do. Derivatives need more than
 * inference, and a plan of memory may keep some and compute the others once more. */
typedef enum jimm_keep {
  JIMM_KEEP_NONE = 0, /* none but the outputs */
  JIMM_KEEP_SOME = 1, /* those that `kept` names */
  JIMM_KEEP_ALL = 2
} jimm_keep;

typedef struct jimm_evaluation_options {
  jimm_dtype dtype;          /* JIMM_F32 or JIMM_F64 */
  const jimm_tensor *inputs; /* of the graph, in its order; F32 or F64 */
  int32_t output_count;
  const jimm_value *outputs; /* values of the graph */
  jimm_keep keep;
  const bool *kept;       /* [nodes] for JIMM_KEEP_SOME */
  bool finite;            /* every value must be: else JIMM_ERROR_NOT_FINITE */
  jimm_observer observer; /* NULL: none */
  void *context;
} jimm_evaluation_options;

typedef struct jimm_evaluation {
  const jimm_model *model;
  const jimm_graph *graph;
  jimm_evaluation_options options;
  jimm_order order;
  jimm_shape *shapes;  /* [nodes] */
  jimm_tensor *values; /* [nodes] cleared unless the value is alive */
  int32_t *left;       /* [nodes] how often it will still be read; outputs count once each */
  jimm_tensor *room;   /* for the inputs of one operator */
} jimm_evaluation;

/* Evaluates what the outputs need. The caller closes *e, also after an error; `options` and what it
 * points to must live as long. Messages name the node. */
jimm_status jimm_evaluate(const jimm_model *model, const jimm_evaluation_options *options,
                          jimm_evaluation *e);
/* Hands over output `index` of the options: moves it, or copies it where another use or the
 * policy still needs it. Each index once. */
jimm_status jimm_evaluation_take(jimm_evaluation *e, int32_t index, jimm_tensor *output);
void jimm_evaluation_close(jimm_evaluation *e);

#endif
