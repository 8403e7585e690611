#include "run/evaluate.h"

#include <string.h>

#include "base/alloc.h"

static bool is_kept(const jimm_evaluation *e, jimm_value value) {
  return e->options.keep == JIMM_KEEP_ALL ||
         (e->options.keep == JIMM_KEEP_SOME && e->options.kept[value]);
}

static void use(jimm_evaluation *e, jimm_value value) {
  if (--e->left[value] == 0 && !is_kept(e, value)) {
    jimm_tensor_close(&e->values[value]);
  }
}

/* A view of `source` when it has the wanted type, else a converted copy; with the value's axis. */
static jimm_status view_or_convert(jimm_evaluation *e, const jimm_tensor *source,
                                   jimm_value index) {
  jimm_tensor *result = &e->values[index];
  jimm_status status = JIMM_OK;
  if (source->dtype != e->options.dtype) {
    status = jimm_tensor_convert(source, e->options.dtype, result);
  } else {
    *result = *source;
    result->owned = NULL;
  }
  result->shape.axis = e->shapes[index].axis;
  return status;
}

static jimm_status evaluate_op(jimm_evaluation *e, const jimm_node *node, jimm_value index) {
  for (int32_t i = 0; i < node->input_count; i++) {
    e->room[i] = (jimm_tensor){.shape = {.rank = -1}};
    if (node->inputs[i] != JIMM_NO_VALUE) {
      e->room[i] = e->values[node->inputs[i]];
      e->room[i].owned = NULL;
    }
  }
  jimm_status status = jimm_tensor_create(e->options.dtype, &e->shapes[index], &e->values[index]);
  if (status == JIMM_OK) {
    const jimm_op_call call = {.attrs = node->attrs,
                               .input_count = node->input_count,
                               .inputs = e->room,
                               .output = &e->values[index]};
    status =
        e->options.dtype == JIMM_F64 ? node->op->forward_f64(&call) : node->op->forward_f32(&call);
  }
  for (int32_t i = 0; i < node->input_count; i++) {
    if (node->inputs[i] != JIMM_NO_VALUE) {
      use(e, node->inputs[i]);
    }
  }
  return status;
}

static int32_t place_of_input(const jimm_graph *graph, jimm_value value) {
  int32_t place = 0;
  while (jimm_graph_input_value(graph, place) != value) {
    place++;
  }
  return place;
}

static jimm_status evaluate_node(jimm_evaluation *e, jimm_value index) {
  const jimm_node *node = jimm_graph_node(e->graph, index);
  const char *kind = "input";
  jimm_status status = JIMM_OK;
  if (node->kind == JIMM_NODE_INPUT) {
    status = view_or_convert(e, &e->options.inputs[place_of_input(e->graph, index)], index);
  } else if (node->kind == JIMM_NODE_PARAMETER) {
    kind = "parameter";
    const jimm_tensor *parameter = jimm_model_parameter(e->model, index);
    status = parameter == NULL ? jimm_fail(JIMM_ERROR_MISMATCH, "the model has no tensor for it")
                               : view_or_convert(e, parameter, index);
  } else if (node->kind == JIMM_NODE_CONSTANT) {
    kind = "constant";
    status = view_or_convert(e, &((const jimm_constant_attrs *)node->attrs)->tensor, index);
  } else {
    kind = node->op->name;
    status = evaluate_op(e, node, index);
  }
  if (status == JIMM_OK && e->options.finite) {
    status = jimm_tensor_check_finite(&e->values[index]);
  }
  if (status == JIMM_OK && e->options.observer != NULL && node->kind == JIMM_NODE_OP) {
    status = e->options.observer(e->options.context, index, &e->values[index]);
  }
  return status == JIMM_OK ? JIMM_OK : jimm_fail_context(status, "%s (%s)", node->name, kind);
}

static jimm_status infer_shapes(jimm_evaluation *e) {
  const int32_t count = jimm_graph_input_count(e->graph);
  jimm_shape *inputs = jimm_calloc((size_t)count, sizeof(*inputs));
  if (inputs == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  for (int32_t i = 0; i < count; i++) {
    inputs[i] = e->options.inputs[i].shape;
  }
  const jimm_status status = jimm_graph_infer(e->graph, inputs, e->shapes);
  jimm_free(inputs);
  return status;
}

jimm_status jimm_evaluate(const jimm_model *model, const jimm_evaluation_options *options,
                          jimm_evaluation *e) {
  *e = (jimm_evaluation){.model = model, .graph = jimm_model_graph(model), .options = *options};
  const int32_t count = jimm_graph_node_count(e->graph);
  e->shapes = jimm_calloc((size_t)count, sizeof(*e->shapes));
  e->values = jimm_calloc((size_t)count, sizeof(*e->values));
  e->left = jimm_calloc((size_t)count, sizeof(*e->left));
  e->room = jimm_calloc((size_t)jimm_graph_max_inputs(e->graph), sizeof(*e->room));
  jimm_status status = JIMM_OK;
  if (e->shapes == NULL || e->values == NULL || e->left == NULL || e->room == NULL) {
    status = JIMM_ERROR_OUT_OF_MEMORY;
  }
  if (status == JIMM_OK) {
    status = infer_shapes(e);
  }
  if (status == JIMM_OK) {
    status = jimm_graph_order(e->graph, options->output_count, options->outputs, false, &e->order);
  }
  if (status == JIMM_OK) {
    memcpy(e->left, e->order.uses, (size_t)count * sizeof(*e->left));
  }
  for (jimm_value v = e->order.first; status == JIMM_OK && v < count; v++) {
    if (e->order.needed[v]) {
      status = evaluate_node(e, v);
    }
  }
  return status;
}

jimm_status jimm_evaluation_take(jimm_evaluation *e, int32_t index, jimm_tensor *output) {
  const jimm_value value = e->options.outputs[index];
  jimm_tensor *from = &e->values[value];
  jimm_status status = JIMM_OK;
  if (e->left[value] == 1 && from->owned != NULL && !is_kept(e, value)) {
    *output = *from;
    *from = (jimm_tensor){0};
  } else {
    status = jimm_tensor_create(e->options.dtype, &from->shape, output);
    const size_t bytes = jimm_tensor_bytes(from);
    if (status == JIMM_OK && bytes > 0) {
      memcpy(output->data, from->data, bytes);
    }
  }
  use(e, value);
  return status;
}

void jimm_evaluation_close(jimm_evaluation *e) {
  const int32_t count = jimm_graph_node_count(e->graph);
  for (int32_t i = 0; e->values != NULL && i < count; i++) {
    jimm_tensor_close(&e->values[i]);
  }
  jimm_order_close(&e->order);
  jimm_free(e->shapes);
  jimm_free(e->values);
  jimm_free(e->left);
  jimm_free(e->room);
  *e = (jimm_evaluation){0};
}
