/* Weights that are made of weights: operators over parameters alone. */
#include <string.h>

#include "base/alloc.h"
#include "model/model.h"
#include "tensor/tensor.h"

/* The nodes that `value` needs, among those from `lowest` to `value`. */
typedef struct needs {
  const jimm_model *model;
  const jimm_graph *graph;
  jimm_value value, lowest;
  bool *needed;     /* [value + 1] */
  jimm_dtype dtype; /* in which they are evaluated */
} needs;

/* Float32 where no bit of the result depends on it: at most one operator rounds, and it does so
 * once; else float64. */
static jimm_dtype choose_dtype(const needs *n) {
  int32_t rounded = 0;
  for (jimm_value v = n->lowest; v <= n->value; v++) {
    const jimm_node *node = jimm_graph_node(n->graph, v);
    if (!n->needed[v]) {
      continue;
    }
    if (node->kind == JIMM_NODE_PARAMETER) {
      const jimm_tensor *parameter = jimm_model_parameter(n->model, v);
      rounded += parameter == NULL || parameter->dtype == JIMM_F64 ? 2 : 0;
    } else if (node->op->rounding != JIMM_ROUNDING_EXACT) {
      rounded += node->op->rounding == JIMM_ROUNDING_ONCE ? 1 : 2;
    }
  }
  return rounded <= 1 ? JIMM_F32 : JIMM_F64;
}

static jimm_status find_needs(const jimm_model *model, jimm_value value, needs *n) {
  *n = (needs){model, jimm_model_graph(model), value, value, NULL, JIMM_F64};
  n->needed = jimm_calloc((size_t)value + 1, sizeof(*n->needed));
  if (n->needed == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  n->needed[value] = true;
  for (jimm_value v = value; v >= n->lowest; v--) {
    const jimm_node *node = jimm_graph_node(n->graph, v);
    for (int32_t i = 0; n->needed[v] && i < node->input_count; i++) {
      const jimm_value in = node->inputs[i];
      if (in != JIMM_NO_VALUE) {
        n->needed[in] = true;
        n->lowest = in < n->lowest ? in : n->lowest;
      }
    }
  }
  return JIMM_OK;
}

static jimm_status evaluate_op(const needs *n, const jimm_node *node, const jimm_tensor *values,
                               jimm_tensor *result) {
  jimm_tensor inputs[JIMM_MAX_INPUTS];
  jimm_shape shapes[JIMM_MAX_INPUTS], shape;
  for (int32_t i = 0; i < JIMM_MAX_INPUTS; i++) {
    inputs[i] = (jimm_tensor){.shape = {.rank = -1}};
    if (i < node->input_count && node->inputs[i] != JIMM_NO_VALUE) {
      inputs[i] = values[node->inputs[i] - n->lowest];
    }
    shapes[i] = inputs[i].shape;
  }
  jimm_status status = node->op->infer(node->attrs, node->input_count, shapes, &shape);
  if (status == JIMM_OK) {
    status = jimm_tensor_create(n->dtype, &shape, result);
  }
  if (status == JIMM_OK) {
    const jimm_op_call call = {node->attrs, node->input_count, inputs, result};
    status = n->dtype == JIMM_F64 ? node->op->forward_f64(&call) : node->op->forward_f32(&call);
  }
  return status;
}

static jimm_status evaluate(const needs *n, jimm_value v, jimm_tensor *values) {
  const jimm_node *node = jimm_graph_node(n->graph, v);
  jimm_tensor *result = &values[v - n->lowest];
  jimm_status status = JIMM_OK;
  if (node->kind == JIMM_NODE_PARAMETER) {
    const jimm_tensor *parameter = jimm_model_parameter(n->model, v);
    if (parameter == NULL) {
      status = jimm_fail(JIMM_ERROR_MISMATCH, "the model has no tensor for it");
    } else if (n->dtype == JIMM_F32) {
      status = jimm_model_parameter_f32(n->model, v, result);
    } else {
      status = jimm_tensor_convert(parameter, JIMM_F64, result);
    }
  } else {
    status = evaluate_op(n, node, values, result);
  }
  return status == JIMM_OK ? status : jimm_fail_context(status, "%s", node->name);
}

static jimm_status evaluate_all(const needs *n, jimm_tensor *tensor) {
  const size_t count = (size_t)(n->value - n->lowest) + 1;
  jimm_tensor *values = jimm_calloc(count, sizeof(*values));
  jimm_status status = values == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  for (jimm_value v = n->lowest; status == JIMM_OK && v <= n->value; v++) {
    if (n->needed[v]) {
      status = evaluate(n, v, values);
    }
  }
  if (status == JIMM_OK && n->dtype == JIMM_F32) {
    *tensor = values[count - 1];
    values[count - 1] = (jimm_tensor){.dtype = JIMM_DTYPE_NONE};
  } else if (status == JIMM_OK) {
    status = jimm_tensor_convert(&values[count - 1], JIMM_F32, tensor);
  }
  for (size_t i = 0; values != NULL && i < count; i++) {
    jimm_tensor_close(&values[i]);
  }
  jimm_free(values);
  return status;
}

jimm_status jimm_model_constant_f32(const jimm_model *model, jimm_value value,
                                    jimm_tensor *tensor) {
  const jimm_node *node = jimm_graph_node(jimm_model_graph(model), value);
  *tensor = (jimm_tensor){0};
  if (node == NULL || !node->constant || node->kind == JIMM_NODE_PARAMETER) {
    return jimm_model_parameter_f32(model, value, tensor);
  }
  needs n;
  jimm_status status = find_needs(model, value, &n);
  if (status == JIMM_OK) {
    n.dtype = choose_dtype(&n);
    status = evaluate_all(&n, tensor);
  }
  jimm_free(n.needed);
  return status;
}

void jimm_model_release(const jimm_model *model, jimm_value value) {
  const jimm_node *node = jimm_graph_node(jimm_model_graph(model), value);
  if (node == NULL || node->kind == JIMM_NODE_PARAMETER) {
    jimm_model_release_parameter(model, value);
    return;
  }
  needs n;
  if (node->constant && find_needs(model, value, &n) == JIMM_OK) {
    for (jimm_value v = n.lowest; v <= value; v++) {
      if (n.needed[v]) {
        jimm_model_release_parameter(model, v);
      }
    }
    jimm_free(n.needed);
  }
}
