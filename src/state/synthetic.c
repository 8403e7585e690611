/* docs/synthetic.md in C. Every line rounds as it says there: no fused multiply-add. */
#include <math.h>
#include <string.h>

#include <jimm/state.h>

#include "base/stream.h"
#include "tensor/tensor.h"

static jimm_status check_target(const char *what, const char *name, const jimm_tensor *tensor) {
  size_t bytes;
  jimm_status status = jimm_tensor_check(tensor, &bytes);
  if (status == JIMM_OK && tensor->dtype != JIMM_F32) {
    status = jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "expected an F32 tensor, found %s",
                       jimm_dtype_name(tensor->dtype));
  }
  return status == JIMM_OK ? status : jimm_fail_context(status, "%s \"%s\"", what, name);
}

static void fill(uint64_t seed, const char *name, double offset, double scale,
                 jimm_tensor *tensor) {
  const uint64_t key = jimm_stream_key(seed, name);
  const int64_t count = jimm_shape_count(&tensor->shape);
  float *data = tensor->data;
  for (int64_t i = 0; i < count; i++) {
    data[i] = (float)(offset + scale * jimm_stream_uniform(key, (uint64_t)i));
  }
}

jimm_status jimm_synthetic_parameter(uint64_t seed, const char *name, jimm_tensor *tensor) {
  jimm_status status = check_target("synthetic parameter", name, tensor);
  if (status != JIMM_OK) {
    return status;
  }
  const char *dot = strrchr(name, '.');
  const char *last = dot == NULL ? name : dot + 1;
  const int32_t rank = tensor->shape.rank;
  double offset = 0, scale = 0.5;
  if (strcmp(last, "running_mean") == 0) {
    scale = 0.2;
  } else if (strcmp(last, "running_var") == 0) {
    offset = 1;
  } else if (strcmp(last, "weight") == 0 && rank >= 2) {
    int64_t fan_in = 1;
    /* The product fits when the tensor has elements; without elements nothing is filled. */
    for (int32_t i = 1; jimm_shape_count(&tensor->shape) > 0 && i < rank; i++) {
      fan_in *= tensor->shape.dim[i];
    }
    scale = sqrt(3.0 / (double)fan_in);
  } else if (strcmp(last, "weight") == 0 && rank == 1) {
    offset = 0.75;
  } else if (strcmp(last, "bias") == 0) {
    scale = 0.3;
  }
  fill(seed, name, offset, scale, tensor);
  return JIMM_OK;
}

jimm_status jimm_synthetic_input(uint64_t seed, const char *name, jimm_tensor *tensor) {
  jimm_status status = check_target("synthetic input", name, tensor);
  if (status == JIMM_OK) {
    fill(seed, name, 0, 2.0, tensor);
  }
  return status;
}
