/* Runs a plan: one loop, one indirect call a step, no allocation. */
#include "plan/plan.h"

static jimm_status check_tensor(const char *what, const char *name, const jimm_tensor *tensor,
                                const jimm_shape *shape) {
  char want[JIMM_SHAPE_TEXT];
  char got[JIMM_SHAPE_TEXT];
  if (tensor->dtype != JIMM_F32) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_run: %s%s: expected F32, got %s", what,
                     name, jimm_dtype_name(tensor->dtype));
  }
  if (!jimm_shape_equal(&tensor->shape, shape)) {
    return jimm_fail(JIMM_ERROR_SHAPE, "jimm_plan_run: %s%s: expected %s, got %s", what, name,
                     jimm_shape_format(shape, want, sizeof(want)),
                     jimm_shape_format(&tensor->shape, got, sizeof(got)));
  }
  if (tensor->data == NULL && jimm_shape_count(shape) > 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_run: %s%s: data is NULL", what, name);
  }
  return JIMM_OK;
}

jimm_status jimm_plan_run(jimm_plan *plan, const jimm_tensor *input, jimm_tensor *outputs) {
  if (plan == NULL || input == NULL || outputs == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_run: plan, input or outputs is NULL");
  }
  jimm_status status = check_tensor("input", "", input, &plan->input_shape);
  for (int32_t i = 0; i < plan->output_count && status == JIMM_OK; i++) {
    status = check_tensor("output ", plan->output_names[i], &outputs[i], &plan->output_shapes[i]);
    plan->outputs[i] = outputs[i].data;
  }
  if (status == JIMM_OK) {
    status = jimm_pool_start(plan->pool);
  }
  if (status != JIMM_OK) {
    return status;
  }
  plan->input = input->data;
  for (int32_t i = 0; i < plan->step_count; i++) {
    const jimm_step *step = &plan->steps[i];
    if (step->count > 0) {
      jimm_pool_run(plan->pool, step->task, step->args, step->count, i + 1 < plan->step_count);
    }
    if (step->reference != NULL && step->reference->status != JIMM_OK) {
      return jimm_fail(step->reference->status, "%s: %s", step->nodes, step->reference->message);
    }
  }
  return JIMM_OK;
}
