/* Weights that are made of weights: operators over parameters alone. */
#include <string.h>

#include "base/alloc.h"
#include "graph/order.h"
#include "model/model.h"
#include "tensor/tensor.h"

/* A constant value, and what it is made of. */
typedef struct needs {
  const jimm_model *model;
  const jimm_graph *graph;
  jimm_value value;
  jimm_order order;
  jimm_dtype dtype; /* in which it is evaluated */
} needs;

/* Float32 where no bit of the result depends on it: at most one operator rounds, and it does so
 * once; else float64. */
static jimm_dtype choose_dtype(const needs *n) {
  int32_t rounded = 0;
  for (jimm_value v = n->order.first; v <= n->value; v++) {
    const jimm_node *node = jimm_graph_node(n->graph, v);
    if (!n->order.needed[v]) {
      continue;
    }
    if (node->kind == JIMM_NODE_OP) {
      rounded += node->op->rounding == JIMM_ROUNDING_EXACT  ? 0
                 : node->op->rounding == JIMM_ROUNDING_ONCE ? 1
                                                            : 2;
    } else {
      const jimm_tensor *tensor = jimm_model_tensor(n->model, v);
      rounded += tensor == NULL || tensor->dtype == JIMM_F64 ? 2 : 0;
    }
  }
  return rounded <= 1 ? JIMM_F32 : JIMM_F64;
}

static jimm_status find_needs(const jimm_model *model, jimm_value value, needs *n) {
  *n = (needs){.model = model, .graph = jimm_model_graph(model), .value = value};
  return jimm_graph_order(n->graph, 1, &value, false, &n->order);
}

static jimm_status evaluate_op(const needs *n, const jimm_node *node, const jimm_tensor *values,
                               jimm_tensor *result) {
  const size_t count = (size_t)node->input_count;
  jimm_tensor *inputs = jimm_calloc(count, sizeof(*inputs));
  jimm_shape *shapes = jimm_calloc(count, sizeof(*shapes)), shape = {0};
  jimm_status status = inputs == NULL || shapes == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  for (size_t i = 0; i < count && status == JIMM_OK; i++) {
    inputs[i] = (jimm_tensor){.shape = {.rank = -1}};
    if (node->inputs[i] != JIMM_NO_VALUE) {
      inputs[i] = values[node->inputs[i] - n->order.first];
    }
    shapes[i] = inputs[i].shape;
  }
  if (status == JIMM_OK) {
    status = node->op->infer(node->attrs, node->input_count, shapes, &shape);
  }
  if (status == JIMM_OK) {
    status = jimm_tensor_create(n->dtype, &shape, result);
  }
  if (status == JIMM_OK) {
    const jimm_op_call call = {node->attrs, node->input_count, inputs, result};
    status = n->dtype == JIMM_F64 ? node->op->forward_f64(&call) : node->op->forward_f32(&call);
  }
  jimm_free(inputs);
  jimm_free(shapes);
  return status;
}

static jimm_status evaluate(const needs *n, jimm_value v, jimm_tensor *values) {
  const jimm_node *node = jimm_graph_node(n->graph, v);
  jimm_tensor *result = &values[v - n->order.first];
  jimm_status status = JIMM_OK;
  if (node->kind == JIMM_NODE_OP) {
    status = evaluate_op(n, node, values, result);
  } else {
    const jimm_tensor *tensor = jimm_model_tensor(n->model, v);
    if (tensor == NULL) {
      status = jimm_fail(JIMM_ERROR_MISMATCH, "the model has no tensor for it");
    } else if (n->dtype == JIMM_F32) {
      status = jimm_model_tensor_f32(n->model, v, result);
    } else {
      status = jimm_tensor_convert(tensor, JIMM_F64, result);
    }
  }
  return status == JIMM_OK ? status : jimm_fail_context(status, "%s", node->name);
}

static jimm_status evaluate_all(const needs *n, jimm_tensor *tensor) {
  const size_t count = (size_t)(n->value - n->order.first) + 1;
  jimm_tensor *values = jimm_calloc(count, sizeof(*values));
  jimm_status status = values == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  for (jimm_value v = n->order.first; status == JIMM_OK && v <= n->value; v++) {
    if (n->order.needed[v]) {
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
  if (node == NULL || !node->constant || node->kind != JIMM_NODE_OP) {
    return jimm_model_tensor_f32(model, value, tensor);
  }
  needs n;
  jimm_status status = find_needs(model, value, &n);
  if (status == JIMM_OK) {
    n.dtype = choose_dtype(&n);
    status = evaluate_all(&n, tensor);
  }
  jimm_order_close(&n.order);
  return status;
}

void jimm_model_release(const jimm_model *model, jimm_value value) {
  const jimm_node *node = jimm_graph_node(jimm_model_graph(model), value);
  if (node == NULL || node->kind != JIMM_NODE_OP) {
    jimm_model_release_parameter(model, value);
    return;
  }
  needs n;
  if (node->constant && find_needs(model, value, &n) == JIMM_OK) {
    for (jimm_value v = n.order.first; v <= value; v++) {
      if (n.order.needed[v]) {
        jimm_model_release_parameter(model, v);
      }
    }
    jimm_order_close(&n.order);
  }
}
