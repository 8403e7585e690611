/* Weights as kernels want them, batch_norm folded in. They belong to the model and do not depend on
 * batch or image size, so that plans share them. How they lie is the affair of the kernel's row. */
#include <math.h>
#include <string.h>

#include "model/model.h"
#include "plan/plan.h"

static const char *name_of(const jimm_pack *pack, jimm_value value) {
  return value == JIMM_NO_VALUE ? "" : jimm_graph_node(jimm_model_graph(pack->model), value)->name;
}

/* Reads constant `value` (NULL tensor data when it is absent) and checks its size. */
static jimm_status read_constant(const jimm_model *model, jimm_value value, size_t count,
                                 jimm_tensor *tensor) {
  memset(tensor, 0, sizeof(*tensor));
  if (value == JIMM_NO_VALUE) {
    return JIMM_OK;
  }
  const jimm_status status = jimm_model_constant_f32(model, value, tensor);
  if (status != JIMM_OK) {
    return status;
  }
  if (jimm_shape_count(&tensor->shape) != (int64_t)count) {
    const char *name = jimm_graph_node(jimm_model_graph(model), value)->name;
    const long long got = (long long)jimm_shape_count(&tensor->shape);
    jimm_tensor_close(tensor);
    return jimm_fail(JIMM_ERROR_SHAPE, "%s: expected %zu elements, got %lld", name, count, got);
  }
  return JIMM_OK;
}

/* For a batch_norm node: scale = weight / sqrt(var + eps), mean and bias, all float64 [channels].
 */
static jimm_status read_norm(const jimm_model *model, jimm_value norm, size_t channels,
                             double *scale, double *mean, double *bias) {
  const jimm_node *node = jimm_graph_node(jimm_model_graph(model), norm);
  const double eps = ((const jimm_batch_norm_attrs *)node->attrs)->eps;
  jimm_tensor t[4];
  jimm_status status = JIMM_OK;
  int32_t have = 0;
  for (; have < 4 && status == JIMM_OK; have++) {
    const jimm_value in = have + 1 < node->input_count ? node->inputs[have + 1] : JIMM_NO_VALUE;
    status = read_constant(model, in, channels, &t[have]);
  }
  for (size_t c = 0; c < channels && status == JIMM_OK; c++) {
    const double w = t[0].data != NULL ? (double)((const float *)t[0].data)[c] : 1.0;
    const double var = t[3].data != NULL ? (double)((const float *)t[3].data)[c] : 1.0;
    bias[c] = t[1].data != NULL ? (double)((const float *)t[1].data)[c] : 0.0;
    mean[c] = t[2].data != NULL ? (double)((const float *)t[2].data)[c] : 0.0;
    scale[c] = w / sqrt(var + eps);
  }
  for (int32_t i = 0; i < have; i++) {
    jimm_tensor_close(&t[i]);
  }
  for (int32_t i = 1; i < node->input_count && status == JIMM_OK; i++) {
    if (node->inputs[i] != JIMM_NO_VALUE) {
      jimm_model_release(model, node->inputs[i]);
    }
  }
  return status;
}

/* The factor of every output's weights and the bias after folding. */
static jimm_status fold_outputs(const jimm_pack *p, double *scale, double *bias) {
  const size_t outputs = p->problem->outputs * p->problem->groups;
  jimm_tensor b;
  jimm_status status = read_constant(p->model, p->bias, outputs, &b);
  if (status != JIMM_OK) {
    return status;
  }
  for (size_t o = 0; o < outputs; o++) {
    scale[o] = 1.0;
    bias[o] = b.data != NULL ? (double)((const float *)b.data)[o] : 0.0;
  }
  jimm_tensor_close(&b);
  if (p->bias != JIMM_NO_VALUE) {
    jimm_model_release(p->model, p->bias);
  }
  if (p->norm == JIMM_NO_VALUE) {
    return JIMM_OK;
  }
  double *mean = jimm_calloc(outputs, 2 * sizeof(double));
  if (mean == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  double *shift = mean + outputs;
  status = read_norm(p->model, p->norm, outputs, scale, mean, shift);
  for (size_t o = 0; o < outputs && status == JIMM_OK; o++) {
    bias[o] = (bias[o] - mean[o]) * scale[o] + shift[o];
  }
  jimm_free(mean);
  return status;
}

static jimm_status pack_weights(void *context, void *data) {
  const jimm_pack *p = context;
  const jimm_problem *q = p->problem;
  const size_t outputs = q->outputs * q->groups;
  const size_t size = q->channels * q->kernel_height * q->kernel_width;
  jimm_tensor w = {0};
  double *scale = jimm_calloc(outputs, 2 * sizeof(double));
  if (scale == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_status status = fold_outputs(p, scale, scale + outputs);
  if (status == JIMM_OK) {
    status = read_constant(p->model, p->weight, outputs * size, &w);
  }
  if (status == JIMM_OK && w.data != NULL) {
    const jimm_weights weights = {.weights = w.data, .scale = scale, .bias = scale + outputs};
    p->kernel->rules->pack(p->kernel, q, &weights, data);
  }
  if (status == JIMM_OK) {
    jimm_tensor_close(&w);
    jimm_model_release(p->model, p->weight);
  }
  jimm_free(scale);
  return status;
}

static uint64_t eps_bits(const jimm_model *model, jimm_value norm) {
  uint64_t bits = 0;
  if (norm != JIMM_NO_VALUE) {
    const jimm_batch_norm_attrs *a = jimm_graph_node(jimm_model_graph(model), norm)->attrs;
    memcpy(&bits, &a->eps, sizeof(bits));
  }
  return bits;
}

/* The parameters of a batch_norm, by name; "" for none. The caller frees. */
static char *norm_key(const jimm_model *model, jimm_value norm) {
  const jimm_graph *graph = jimm_model_graph(model);
  jimm_text text = {0};
  const jimm_node *node = norm == JIMM_NO_VALUE ? NULL : jimm_graph_node(graph, norm);
  for (int32_t i = 1; node != NULL && i < node->input_count; i++) {
    const jimm_value in = node->inputs[i];
    jimm_text_append(&text, "%s%s", i > 1 ? "," : "",
                     in == JIMM_NO_VALUE ? "" : jimm_graph_node(graph, in)->name);
  }
  if (node != NULL) {
    jimm_text_append(&text, ",eps=%016llx", (unsigned long long)eps_bits(model, norm));
  }
  return jimm_text_take(&text);
}

jimm_status jimm_pack_weights(const jimm_pack *pack, const void **packed, size_t *bytes) {
  jimm_pack p = *pack;
  const size_t size = p.kernel->rules->packed_bytes(p.kernel, p.problem);
  if (size == SIZE_MAX) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: too large to pack", name_of(&p, p.weight));
  }
  char *norm = norm_key(p.model, p.norm);
  char *key = norm == NULL
                  ? NULL
                  : jimm_format("%s|%s|%s|groups=%zu|%s", name_of(&p, p.weight),
                                name_of(&p, p.bias), norm, p.problem->groups, p.kernel->name);
  const jimm_status status = key == NULL
                                 ? JIMM_ERROR_OUT_OF_MEMORY
                                 : jimm_model_packed(p.model, key, size, pack_weights, &p, packed);
  jimm_free(key);
  jimm_free(norm);
  *bytes = status == JIMM_OK ? size : 0;
  return status;
}

typedef struct affine_context {
  jimm_model *model;
  jimm_value norm;
  size_t channels;
} affine_context;

static jimm_status pack_affine(void *context, void *data) {
  const affine_context *a = context;
  const size_t n = a->channels;
  double *scale = jimm_calloc(n, 3 * sizeof(double));
  if (scale == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  double *mean = scale + n;
  double *bias = mean + n;
  const jimm_status status = read_norm(a->model, a->norm, n, scale, mean, bias);
  float *out = data;
  for (size_t c = 0; c < n && status == JIMM_OK; c++) {
    /* means are float32 numbers: nothing is lost */
    out[c] = (float)mean[c];
    out[n + c] = (float)scale[c];
    out[2 * n + c] = (float)bias[c];
  }
  jimm_free(scale);
  return status;
}

jimm_status jimm_pack_affine(jimm_model *model, jimm_value norm, size_t channels,
                             const float **affine, size_t *bytes) {
  affine_context context = {model, norm, channels};
  char *names = norm_key(model, norm);
  char *key = names == NULL ? NULL : jimm_format("%s|affine", names);
  const void *data = NULL;
  const jimm_status status = key == NULL
                                 ? JIMM_ERROR_OUT_OF_MEMORY
                                 : jimm_model_packed(model, key, 3 * channels * sizeof(float),
                                                     pack_affine, &context, &data);
  jimm_free(key);
  jimm_free(names);
  if (status == JIMM_OK) {
    *affine = data;
    *bytes = 3 * channels * sizeof(float);
  }
  return status;
}
