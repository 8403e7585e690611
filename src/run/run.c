/* Runs a plan: one loop, one indirect call a step, no allocation. */
#include "plan/form.h"
#include "plan/plan.h"
#include "run/observe.h"

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

static jimm_status prepare(jimm_plan *plan, const jimm_tensor *inputs, jimm_tensor *outputs) {
  if (plan == NULL || inputs == NULL || outputs == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_plan_run: plan, inputs or outputs is NULL");
  }
  jimm_status status = JIMM_OK;
  for (int32_t i = 0; i < plan->input_count && status == JIMM_OK; i++) {
    status = check_tensor(plan->input_count == 1 ? "input" : "input ", plan->input_names[i],
                          &inputs[i], &plan->input_shapes[i]);
    plan->inputs[i] = inputs[i].data;
  }
  for (int32_t i = 0; i < plan->output_count && status == JIMM_OK; i++) {
    status = check_tensor("output ", plan->output_names[i], &outputs[i], &plan->output_shapes[i]);
    plan->outputs[i] = outputs[i].data;
  }
  return status == JIMM_OK ? jimm_pool_start(plan->pool) : status;
}

static jimm_status run_step(jimm_plan *plan, int32_t index) {
  const jimm_step *step = &plan->steps[index];
  if (step->count > 0) {
    jimm_pool_run(plan->pool, step->task, step->args, step->count, index + 1 < plan->step_count);
  }
  return step->reference != NULL && step->reference->status != JIMM_OK
             ? jimm_fail(step->reference->status, "%s: %s", step->nodes, step->reference->message)
             : JIMM_OK;
}

jimm_status jimm_plan_run(jimm_plan *plan, const jimm_tensor *inputs, jimm_tensor *outputs) {
  jimm_status status = prepare(plan, inputs, outputs);
  for (int32_t i = 0; status == JIMM_OK && i < plan->step_count; i++) {
    status = run_step(plan, i);
  }
  return status;
}

/* To the order of the graph. */
static void reorder(const float *source, const jimm_shape *shape, jimm_form form, float *target) {
  const int64_t count = jimm_shape_count(shape);
  int64_t strides[JIMM_MAX_RANK] = {0};
  jimm_form_strides(shape, form, strides);
  for (int64_t i = 0; i < count; i++) {
    int64_t rest = i, at = 0;
    for (int32_t d = shape->rank - 1; d >= 0; d--) {
      at += rest % shape->dim[d] * strides[d];
      rest /= shape->dim[d];
    }
    target[i] = source[at];
  }
}

static jimm_status show(const jimm_plan *plan, const jimm_step *step, jimm_observer observer,
                        void *context) {
  const int32_t result = step->value == JIMM_NO_VALUE ? JIMM_NO_BUFFER : jimm_step_result(step);
  if (result == JIMM_NO_BUFFER) {
    return JIMM_OK;
  }
  const char *memory = (const char *)plan->memory;
  jimm_tensor tensor;
  jimm_status status = jimm_tensor_create(JIMM_F32, &plan->shapes[step->value], &tensor);
  if (status == JIMM_OK) {
    reorder((const float *)(memory + plan->buffers[result].offset), &tensor.shape,
            (jimm_form)step->form, tensor.data);
    status = observer(context, step->value, &tensor);
    jimm_tensor_close(&tensor);
  }
  return status;
}

jimm_status jimm_plan_observe(jimm_plan *plan, const jimm_tensor *inputs, jimm_tensor *outputs,
                              jimm_observer observer, void *context) {
  jimm_status status = prepare(plan, inputs, outputs);
  for (int32_t i = 0; status == JIMM_OK && i < plan->step_count; i++) {
    status = run_step(plan, i);
    if (status == JIMM_OK) {
      status = show(plan, &plan->steps[i], observer, context);
    }
  }
  return status;
}
