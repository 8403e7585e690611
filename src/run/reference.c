/* The reference evaluator's public side: arguments, outputs by name. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "run/evaluate.h"

static jimm_status find_outputs(const jimm_graph *graph, int32_t count, const char *const *names,
                                jimm_value *values) {
  for (int32_t i = 0; i < count; i++) {
    values[i] = jimm_graph_find_output(graph, names[i]);
    if (values[i] != JIMM_NO_VALUE) {
      continue;
    }
    jimm_text known = {0};
    for (int32_t k = 0; k < jimm_graph_output_count(graph); k++) {
      jimm_text_append(&known, "%s%s", k == 0 ? "" : ", ", jimm_graph_output_name(graph, k));
    }
    char *list = jimm_text_take(&known);
    if (list == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
    const jimm_status status =
        jimm_fail(JIMM_ERROR_NOT_FOUND, "there is no output \"%s\"; the graph has: %s",
                  names[i] == NULL ? "(NULL)" : names[i], list);
    jimm_free(list);
    return status;
  }
  return JIMM_OK;
}

static jimm_status check_arguments(const char *function, const jimm_model *model, jimm_dtype dtype,
                                   const jimm_tensor *inputs) {
  if (dtype != JIMM_F32 && dtype != JIMM_F64) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: expected dtype F32 or F64, got %s", function,
                     jimm_dtype_name(dtype));
  }
  const jimm_graph *graph = jimm_model_graph(model);
  const int32_t count = jimm_graph_input_count(graph);
  for (int32_t i = 0; i < count; i++) {
    const char *name =
        count == 1 ? "input" : jimm_graph_node(graph, jimm_graph_input_value(graph, i))->name;
    if (inputs[i].dtype != JIMM_F32 && inputs[i].dtype != JIMM_F64) {
      return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: %s: expected F32 or F64, got %s", function,
                       name, jimm_dtype_name(inputs[i].dtype));
    }
    if (inputs[i].data == NULL && jimm_shape_count(&inputs[i].shape) != 0) {
      return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: %s has no data", function, name);
    }
  }
  return JIMM_OK;
}

/* `outputs` are cleared; `options` lacks the values of the names. */
static jimm_status evaluate_graph(const jimm_model *model, jimm_evaluation_options *options,
                                  const char *const *output_names, jimm_tensor *outputs) {
  const int32_t count = options->output_count;
  jimm_value *values = jimm_calloc((size_t)count, sizeof(*values));
  if (values == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_status status = find_outputs(jimm_model_graph(model), count, output_names, values);
  if (status == JIMM_OK) {
    jimm_evaluation e;
    options->outputs = values;
    status = jimm_evaluate(model, options, &e);
    for (int32_t i = 0; status == JIMM_OK && i < count; i++) {
      status = jimm_evaluation_take(&e, i, &outputs[i]);
    }
    jimm_evaluation_close(&e);
  }
  for (int32_t i = 0; status != JIMM_OK && i < count; i++) {
    jimm_tensor_close(&outputs[i]);
  }
  jimm_free(values);
  return status;
}

jimm_status jimm_reference_observe(const jimm_model *model, jimm_dtype dtype,
                                   const jimm_tensor *inputs, int32_t output_count,
                                   const char *const *output_names, jimm_tensor *outputs,
                                   jimm_observer observer, void *context) {
  for (int32_t i = 0; outputs != NULL && i < output_count; i++) {
    outputs[i] = (jimm_tensor){0};
  }
  if (model == NULL || inputs == NULL || output_count < 1 || output_names == NULL ||
      outputs == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_reference_run: model, inputs and at least one output are required");
  }
  const jimm_status status = check_arguments("jimm_reference_run", model, dtype, inputs);
  jimm_evaluation_options options = {.dtype = dtype,
                                     .inputs = inputs,
                                     .output_count = output_count,
                                     .observer = observer,
                                     .context = context};
  return status == JIMM_OK ? evaluate_graph(model, &options, output_names, outputs) : status;
}

jimm_status jimm_reference_run(const jimm_model *model, jimm_dtype dtype, const jimm_tensor *inputs,
                               int32_t output_count, const char *const *output_names,
                               jimm_tensor *outputs) {
  return jimm_reference_observe(model, dtype, inputs, output_count, output_names, outputs, NULL,
                                NULL);
}

jimm_status jimm_reference_check_finite(const jimm_model *model, jimm_dtype dtype,
                                        const jimm_tensor *inputs) {
  if (model == NULL || inputs == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_reference_check_finite: model and inputs are required");
  }
  jimm_status status = check_arguments("jimm_reference_check_finite", model, dtype, inputs);
  const jimm_graph *graph = jimm_model_graph(model);
  const int32_t count = jimm_graph_output_count(graph);
  jimm_value *values = jimm_calloc((size_t)count, sizeof(*values));
  if (status == JIMM_OK && values == NULL) {
    status = JIMM_ERROR_OUT_OF_MEMORY;
  }
  if (status == JIMM_OK) {
    for (int32_t i = 0; i < count; i++) {
      values[i] = jimm_graph_output_value(graph, i);
    }
    const jimm_evaluation_options options = {
        .dtype = dtype, .inputs = inputs, .output_count = count, .outputs = values, .finite = true};
    jimm_evaluation e;
    status = jimm_evaluate(model, &options, &e);
    jimm_evaluation_close(&e);
  }
  jimm_free(values);
  return status;
}
