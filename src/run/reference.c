/* The reference evaluator: the graph node by node with the plain operators, in float32 or float64.
 * Only nodes that the outputs need are evaluated, and a value is freed after its last use. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "run/observe.h"

typedef struct evaluation {
  const jimm_model *model;
  const jimm_graph *graph;
  jimm_dtype dtype;
  const jimm_tensor *input;
  jimm_shape *shapes;     /* per node */
  jimm_tensor *values;    /* per node, cleared unless the value is alive */
  bool finite;            /* values must be */
  jimm_observer observer; /* NULL: none */
  void *context;
  int32_t *uses; /* per node: how often it will still be read; outputs count once each */
} evaluation;

/* Sets uses: a node is needed when an output is, or when a needed node reads it. */
static void count_uses(evaluation *e, int32_t output_count, const jimm_value *outputs) {
  for (int32_t i = 0; i < output_count; i++) {
    e->uses[outputs[i]]++;
  }
  for (int32_t i = jimm_graph_node_count(e->graph) - 1; i >= 0; i--) {
    const jimm_node *node = jimm_graph_node(e->graph, i);
    for (int32_t k = 0; e->uses[i] > 0 && k < node->input_count; k++) {
      if (node->inputs[k] != JIMM_NO_VALUE) {
        e->uses[node->inputs[k]]++;
      }
    }
  }
}

static void use(evaluation *e, jimm_value value) {
  if (--e->uses[value] == 0) {
    jimm_tensor_close(&e->values[value]);
  }
}

/* A view of `source` when it has the wanted type, else a converted copy. */
static jimm_status view_or_convert(const evaluation *e, const jimm_tensor *source,
                                   jimm_tensor *result) {
  if (source->dtype != e->dtype) {
    return jimm_tensor_convert(source, e->dtype, result);
  }
  *result = *source;
  result->owned = NULL;
  return JIMM_OK;
}

static jimm_status evaluate_op(evaluation *e, const jimm_node *node, jimm_value index) {
  jimm_tensor inputs[JIMM_MAX_INPUTS];
  for (int32_t i = 0; i < JIMM_MAX_INPUTS; i++) {
    inputs[i] = (jimm_tensor){.shape = {.rank = -1}};
    if (i < node->input_count && node->inputs[i] != JIMM_NO_VALUE) {
      inputs[i] = e->values[node->inputs[i]];
      inputs[i].owned = NULL;
    }
  }
  jimm_status status = jimm_tensor_create(e->dtype, &e->shapes[index], &e->values[index]);
  if (status == JIMM_OK) {
    const jimm_op_call call = {.attrs = node->attrs,
                               .input_count = node->input_count,
                               .inputs = inputs,
                               .output = &e->values[index]};
    status = e->dtype == JIMM_F64 ? node->op->forward_f64(&call) : node->op->forward_f32(&call);
  }
  for (int32_t i = 0; i < node->input_count; i++) {
    if (node->inputs[i] != JIMM_NO_VALUE) {
      use(e, node->inputs[i]);
    }
  }
  return status;
}

static jimm_status evaluate(evaluation *e, jimm_value index) {
  const jimm_node *node = jimm_graph_node(e->graph, index);
  const char *kind = "input";
  jimm_status status;
  if (node->kind == JIMM_NODE_INPUT) {
    status = view_or_convert(e, e->input, &e->values[index]);
  } else if (node->kind == JIMM_NODE_PARAMETER) {
    kind = "parameter";
    const jimm_tensor *parameter = jimm_model_parameter(e->model, index);
    status = parameter == NULL ? jimm_fail(JIMM_ERROR_MISMATCH, "the model has no tensor for it")
                               : view_or_convert(e, parameter, &e->values[index]);
  } else {
    kind = node->op->name;
    status = evaluate_op(e, node, index);
  }
  if (status == JIMM_OK && e->finite) {
    status = jimm_tensor_check_finite(&e->values[index]);
  }
  if (status == JIMM_OK && e->observer != NULL && node->kind == JIMM_NODE_OP) {
    status = e->observer(e->context, index, &e->values[index]);
  }
  return status == JIMM_OK ? JIMM_OK : jimm_fail_context(status, "%s (%s)", node->name, kind);
}

/* Moves the output's value to the caller, or copies it when it is still needed or is borrowed. */
static jimm_status take_output(evaluation *e, jimm_value value, jimm_tensor *output) {
  jimm_status status = JIMM_OK;
  if (e->uses[value] == 1 && e->values[value].owned != NULL) {
    *output = e->values[value];
    e->values[value] = (jimm_tensor){0};
  } else {
    status = jimm_tensor_create(e->dtype, &e->values[value].shape, output);
    const size_t bytes = jimm_tensor_bytes(&e->values[value]);
    if (status == JIMM_OK && bytes > 0) {
      memcpy(output->data, e->values[value].data, bytes);
    }
  }
  use(e, value);
  return status;
}

static jimm_status run(evaluation *e, int32_t output_count, const jimm_value *wanted,
                       jimm_tensor *outputs) {
  jimm_status status = jimm_graph_infer(e->graph, &e->input->shape, e->shapes);
  if (status != JIMM_OK) {
    return status;
  }
  count_uses(e, output_count, wanted);
  const int32_t count = jimm_graph_node_count(e->graph);
  for (int32_t i = 0; status == JIMM_OK && i < count; i++) {
    if (e->uses[i] > 0) {
      status = evaluate(e, i);
    }
  }
  for (int32_t i = 0; status == JIMM_OK && i < output_count; i++) {
    status = take_output(e, wanted[i], &outputs[i]);
  }
  for (int32_t i = 0; i < count; i++) {
    jimm_tensor_close(&e->values[i]);
  }
  return status;
}

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

static jimm_status check_arguments(const char *function, jimm_dtype dtype,
                                   const jimm_tensor *input) {
  if (dtype != JIMM_F32 && dtype != JIMM_F64) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: expected dtype F32 or F64, got %s", function,
                     jimm_dtype_name(dtype));
  }
  if (input->dtype != JIMM_F32 && input->dtype != JIMM_F64) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: expected an input of F32 or F64, got %s",
                     function, jimm_dtype_name(input->dtype));
  }
  if (input->data == NULL && jimm_shape_count(&input->shape) != 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: the input has no data", function);
  }
  return JIMM_OK;
}

/* `outputs` are cleared; e: model, dtype, input, what is looked at. */
static jimm_status evaluate_graph(evaluation *e, int32_t output_count,
                                  const char *const *output_names, jimm_tensor *outputs) {
  jimm_status status = JIMM_OK;
  e->graph = jimm_model_graph(e->model);
  const size_t count = (size_t)jimm_graph_node_count(e->graph);
  e->shapes = jimm_calloc(count, sizeof(*e->shapes));
  e->values = jimm_calloc(count, sizeof(*e->values));
  e->uses = jimm_calloc(count, sizeof(*e->uses));
  jimm_value *wanted = jimm_calloc((size_t)output_count, sizeof(*wanted));
  if (e->shapes == NULL || e->values == NULL || e->uses == NULL || wanted == NULL) {
    status = JIMM_ERROR_OUT_OF_MEMORY;
  }
  if (status == JIMM_OK) {
    status = find_outputs(e->graph, output_count, output_names, wanted);
  }
  if (status == JIMM_OK) {
    status = run(e, output_count, wanted, outputs);
  }
  for (int32_t i = 0; status != JIMM_OK && i < output_count; i++) {
    jimm_tensor_close(&outputs[i]);
  }
  jimm_free(e->shapes);
  jimm_free(e->values);
  jimm_free(e->uses);
  jimm_free(wanted);
  return status;
}

jimm_status jimm_reference_observe(const jimm_model *model, jimm_dtype dtype,
                                   const jimm_tensor *input, int32_t output_count,
                                   const char *const *output_names, jimm_tensor *outputs,
                                   jimm_observer observer, void *context) {
  for (int32_t i = 0; outputs != NULL && i < output_count; i++) {
    outputs[i] = (jimm_tensor){0};
  }
  if (model == NULL || input == NULL || output_count < 1 || output_names == NULL ||
      outputs == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_reference_run: model, input and at least one output are required");
  }
  const jimm_status status = check_arguments("jimm_reference_run", dtype, input);
  evaluation e = {
      .model = model, .dtype = dtype, .input = input, .observer = observer, .context = context};
  return status == JIMM_OK ? evaluate_graph(&e, output_count, output_names, outputs) : status;
}

jimm_status jimm_reference_run(const jimm_model *model, jimm_dtype dtype, const jimm_tensor *input,
                               int32_t output_count, const char *const *output_names,
                               jimm_tensor *outputs) {
  return jimm_reference_observe(model, dtype, input, output_count, output_names, outputs, NULL,
                                NULL);
}

jimm_status jimm_reference_check_finite(const jimm_model *model, jimm_dtype dtype,
                                        const jimm_tensor *input) {
  if (model == NULL || input == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_reference_check_finite: model and input are required");
  }
  jimm_status status = check_arguments("jimm_reference_check_finite", dtype, input);
  const jimm_graph *graph = jimm_model_graph(model);
  const int32_t count = jimm_graph_output_count(graph);
  const char **names = jimm_calloc((size_t)count, sizeof(*names));
  jimm_tensor *outputs = jimm_calloc((size_t)count, sizeof(*outputs));
  if (status == JIMM_OK && (names == NULL || outputs == NULL)) {
    status = JIMM_ERROR_OUT_OF_MEMORY;
  }
  if (status == JIMM_OK) {
    for (int32_t i = 0; i < count; i++) {
      names[i] = jimm_graph_output_name(graph, i);
    }
    evaluation e = {.model = model, .dtype = dtype, .input = input, .finite = true};
    status = evaluate_graph(&e, count, names, outputs);
  }
  for (int32_t i = 0; outputs != NULL && i < count; i++) {
    jimm_tensor_close(&outputs[i]);
  }
  jimm_free(outputs);
  jimm_free(names);
  return status;
}
