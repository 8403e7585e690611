/* Runs of a plan, for every check. */
#include <string.h>

#include "parity/check.h"

jimm_status jimm_parity_plan(jimm_model *model, const jimm_tensor *input, int32_t threads,
                             int32_t count, const char *const *names, jimm_plan **plan,
                             jimm_tensor *outputs) {
  memset(outputs, 0, (size_t)count * sizeof *outputs);
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.batch = input->shape.dim[0];
  options.height = input->shape.dim[2];
  options.width = input->shape.dim[3];
  options.threads = threads;
  options.outputs = names;
  options.output_count = count;
  jimm_status status = jimm_plan_create(model, &options, plan);
  for (int32_t i = 0; status == JIMM_OK && i < count; i++) {
    jimm_shape shape;
    status = jimm_plan_output_shape(*plan, i, &shape);
    if (status == JIMM_OK) {
      status = jimm_tensor_create(JIMM_F32, &shape, &outputs[i]);
    }
  }
  return status;
}

jimm_status jimm_parity_run(jimm_model *model, const jimm_tensor *input, int32_t threads,
                            int32_t count, const char *const *names, jimm_tensor *outputs) {
  jimm_plan *plan = NULL;
  jimm_status status = jimm_parity_plan(model, input, threads, count, names, &plan, outputs);
  if (status == JIMM_OK) {
    status = jimm_plan_run(plan, input, outputs);
  }
  jimm_plan_close(&plan);
  for (int32_t i = 0; status != JIMM_OK && i < count; i++) {
    jimm_tensor_close(&outputs[i]);
  }
  return status;
}
