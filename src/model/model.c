#include "model/model.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/options.h"
#include "model/bind.h"
#include "model/registry.h"
#include "state/state.h"
#include "tensor/tensor.h"

typedef struct packed_weights {
  char *key;
  size_t bytes;
  void *data;
} packed_weights;

struct jimm_model {
  atomic_int owners;
  jimm_graph *graph;
  jimm_state *state;
  jimm_tensor *parameters; /* one per node of the graph: views of the state, or owned */
  int32_t node_count;
  pthread_mutex_t lock; /* guards what follows */
  packed_weights *packed;
  size_t packed_count, packed_capacity;
  jimm_map packed_index; /* key -> index into packed */
};

static jimm_status create(jimm_graph *graph, jimm_state *state, const jimm_weights_options *options,
                          jimm_model *model) {
  model->node_count = jimm_graph_node_count(graph);
  model->parameters = jimm_calloc((size_t)model->node_count, sizeof(jimm_tensor));
  if (model->parameters == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  model->graph = jimm_graph_retain(graph);
  const jimm_status status = jimm_state_adapt(graph, state, &model->state);
  return status == JIMM_OK ? jimm_bind(graph, model->state, options, model->parameters) : status;
}

jimm_status jimm_model_create(jimm_graph *graph, jimm_state *state,
                              const jimm_weights_options *options, jimm_model **model) {
  if (model == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_model_create: model is NULL");
  }
  *model = NULL;
  if (graph == NULL || state == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_model_create: graph or state is NULL");
  }
  jimm_weights_options resolved = JIMM_WEIGHTS_OPTIONS_INIT;
  jimm_status status =
      jimm_copy_options("jimm_weights_options", options, &resolved, sizeof resolved);
  if (status != JIMM_OK) {
    return status;
  }
  jimm_model *made = jimm_calloc(1, sizeof *made);
  if (made == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  atomic_init(&made->owners, 1);
  if (pthread_mutex_init(&made->lock, NULL) != 0) {
    jimm_free(made);
    return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "jimm_model_create: no lock to be had");
  }
  status = create(graph, state, &resolved, made);
  if (status != JIMM_OK) {
    jimm_model_close(&made);
    return status;
  }
  *model = made;
  return JIMM_OK;
}

static jimm_status add_synthetic(const jimm_node *node, uint64_t seed, jimm_state *state) {
  const jimm_parameter_attrs *attrs = node->attrs;
  jimm_tensor tensor = {0};
  jimm_status status = jimm_tensor_create(JIMM_F32, &attrs->shape, &tensor);
  if (status == JIMM_OK) {
    status = jimm_synthetic_parameter(seed, node->name, &tensor);
  }
  if (status == JIMM_OK) {
    status = jimm_state_add_owned(state, node->name, &tensor);
  }
  jimm_tensor_close(&tensor);
  return status;
}

jimm_status jimm_state_synthetic(const jimm_graph *graph, uint64_t seed, jimm_state **state) {
  if (graph == NULL || state == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_state_synthetic: graph or state is NULL");
  }
  *state = NULL;
  jimm_state *made = NULL;
  jimm_status status = jimm_state_create(&made);
  for (jimm_value v = 0; v < jimm_graph_node_count(graph) && status == JIMM_OK; v++) {
    const jimm_node *node = jimm_graph_node(graph, v);
    if (node->kind == JIMM_NODE_PARAMETER &&
        !((const jimm_parameter_attrs *)node->attrs)->optional) {
      status = add_synthetic(node, seed, made);
    }
  }
  if (status != JIMM_OK) {
    jimm_state_close(&made);
    return status;
  }
  *state = made;
  return JIMM_OK;
}

jimm_status jimm_model_create_synthetic(jimm_graph *graph, uint64_t seed, jimm_model **model) {
  if (model == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_model_create_synthetic: model is NULL");
  }
  *model = NULL;
  jimm_state *state = NULL;
  jimm_status status = jimm_state_synthetic(graph, seed, &state);
  if (status == JIMM_OK) {
    status = jimm_model_create(graph, state, NULL, model);
  }
  jimm_state_close(&state);
  return status;
}

jimm_model *jimm_model_retain(jimm_model *model) {
  if (model != NULL) {
    atomic_fetch_add_explicit(&model->owners, 1, memory_order_relaxed);
  }
  return model;
}

void jimm_model_close(jimm_model **model) {
  if (model == NULL || *model == NULL) {
    return;
  }
  jimm_model *closed = *model;
  *model = NULL;
  if (atomic_fetch_sub_explicit(&closed->owners, 1, memory_order_acq_rel) > 1) {
    return;
  }
  for (int32_t i = 0; closed->parameters != NULL && i < closed->node_count; i++) {
    jimm_tensor_close(&closed->parameters[i]);
  }
  for (size_t i = 0; i < closed->packed_count; i++) {
    jimm_free(closed->packed[i].key);
    jimm_free(closed->packed[i].data);
  }
  jimm_map_close(&closed->packed_index);
  jimm_free(closed->packed);
  jimm_free(closed->parameters);
  jimm_graph_close(&closed->graph);
  jimm_state_close(&closed->state);
  pthread_mutex_destroy(&closed->lock);
  jimm_free(closed);
}

jimm_graph *jimm_model_graph(const jimm_model *model) {
  return model->graph;
}

const jimm_tensor *jimm_model_parameter(const jimm_model *model, jimm_value value) {
  if (value < 0 || value >= model->node_count ||
      model->parameters[value].dtype == JIMM_DTYPE_NONE) {
    return NULL;
  }
  return &model->parameters[value];
}

jimm_status jimm_model_check_finite(const jimm_model *model) {
  if (model == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_model_check_finite: model is NULL");
  }
  jimm_finite_search search = {NULL, NULL, 0};
  for (jimm_value v = 0; v < model->node_count; v++) {
    const jimm_tensor *tensor = jimm_model_parameter(model, v);
    if (tensor != NULL) {
      jimm_finite_look(&search, jimm_graph_node(model->graph, v)->name, tensor);
    }
  }
  return jimm_finite_status(&search);
}

const jimm_tensor *jimm_model_tensor(const jimm_model *model, jimm_value value) {
  const jimm_node *node = jimm_graph_node(model->graph, value);
  return node != NULL && node->kind == JIMM_NODE_CONSTANT
             ? &((const jimm_constant_attrs *)node->attrs)->tensor
             : jimm_model_parameter(model, value);
}

jimm_status jimm_model_tensor_f32(const jimm_model *model, jimm_value value, jimm_tensor *tensor) {
  const jimm_tensor *parameter = jimm_model_tensor(model, value);
  *tensor = (jimm_tensor){0};
  if (parameter == NULL) {
    const jimm_node *node = jimm_graph_node(model->graph, value);
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "node %s has no weights",
                     node == NULL ? "out of range" : node->name);
  }
  if (parameter->dtype != JIMM_F32) {
    return jimm_tensor_convert(parameter, JIMM_F32, tensor);
  }
  *tensor = *parameter;
  tensor->owned = NULL;
  return JIMM_OK;
}

void jimm_model_release_parameter(const jimm_model *model, jimm_value value) {
  const jimm_tensor *parameter = jimm_model_parameter(model, value);
  const jimm_node *node = jimm_graph_node(model->graph, value);
  if (parameter != NULL && parameter->owned == NULL) {
    jimm_state_release_pages(model->state, jimm_state_find(model->state, node->name));
  }
}

/* ---- packed weights ---- */

/* Adds an entry for packed `data`, which it takes over on success. */
static jimm_status keep_packed(jimm_model *model, const char *key, size_t bytes, void *data) {
  jimm_status status = jimm_reserve(&model->packed, model->packed_count, model->packed_count + 1,
                                    sizeof *model->packed, &model->packed_capacity);
  char *copy = status == JIMM_OK ? jimm_strdup(key) : NULL;
  if (copy == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  status = jimm_map_insert(&model->packed_index, copy, (int64_t)model->packed_count);
  if (status != JIMM_OK) {
    jimm_free(copy);
    return status;
  }
  model->packed[model->packed_count++] = (packed_weights){copy, bytes, data};
  return JIMM_OK;
}

static jimm_status pack_weights(jimm_model *model, const char *key, size_t bytes,
                                jimm_pack_function pack, void *context, const void **data) {
  void *memory = jimm_alloc(bytes);
  if (memory == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  memset(memory, 0, bytes);
  jimm_status status = pack(context, memory);
  if (status == JIMM_OK) {
    status = keep_packed(model, key, bytes, memory);
  }
  if (status != JIMM_OK) {
    jimm_free(memory);
    return status;
  }
  *data = memory;
  return JIMM_OK;
}

jimm_status jimm_model_packed(jimm_model *model, const char *key, size_t bytes,
                              jimm_pack_function pack, void *context, const void **data) {
  jimm_status status = JIMM_OK;
  *data = NULL;
  pthread_mutex_lock(&model->lock);
  const int64_t index = jimm_map_find(&model->packed_index, key);
  if (index < 0) {
    status = pack_weights(model, key, bytes, pack, context, data);
  } else if (model->packed[index].bytes != bytes) {
    status = jimm_fail(JIMM_ERROR_INTERNAL,
                       "packed weights %s: expected %zu bytes, as packed before, got %zu", key,
                       model->packed[index].bytes, bytes);
  } else {
    *data = model->packed[index].data;
  }
  pthread_mutex_unlock(&model->lock);
  return status;
}
