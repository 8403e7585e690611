/* Looking at the values of a run, node by node: for finding where an error begins. */
#ifndef JIMM_RUN_OBSERVE_H
#define JIMM_RUN_OBSERVE_H

#include <jimm/plan.h>

/* Receives the value of a node, in an order in which every value comes after those that it is made
 * of. `tensor`, in the layout of the graph (NCHW), is valid until the observer returns. A status
 * other than JIMM_OK ends the run. */
typedef jimm_status (*jimm_observer)(void *context, jimm_value value, const jimm_tensor *tensor);

/* jimm_plan_run that shows the value of every node that a step completes; nodes inside a fused step
 * are not seen, for they are never computed. */
JIMM_SIBLING jimm_status jimm_plan_observe(jimm_plan *plan, const jimm_tensor *inputs,
                                           jimm_tensor *outputs, jimm_observer observer,
                                           void *context);
/* jimm_reference_run that shows every operator's value. */
JIMM_SIBLING jimm_status jimm_reference_observe(const jimm_model *model, jimm_dtype dtype,
                                                const jimm_tensor *inputs, int32_t output_count,
                                                const char *const *output_names,
                                                jimm_tensor *outputs, jimm_observer observer,
                                                void *context);

#endif
