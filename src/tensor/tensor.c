#include <string.h>

#include <jimm/tensor.h>

#include "base/alloc.h"
#include "tensor/tensor.h"

jimm_status jimm_tensor_check_type(jimm_dtype dtype, const jimm_shape *shape, size_t *bytes) {
  char text[JIMM_SHAPE_TEXT];
  *bytes = 0;
  if (jimm_dtype_size(dtype) == 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%d is not an element type", (int)dtype);
  }
  int64_t count = jimm_shape_count(shape);
  if (count < 0 || __builtin_mul_overflow((size_t)count, jimm_dtype_size(dtype), bytes) ||
      *bytes > (size_t)PTRDIFF_MAX) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s %s is not a valid size for a tensor",
                     jimm_dtype_name(dtype), jimm_shape_format(shape, text, sizeof text));
  }
  return JIMM_OK;
}

jimm_status jimm_tensor_check(const jimm_tensor *tensor, size_t *bytes) {
  jimm_status status = jimm_tensor_check_type(tensor->dtype, &tensor->shape, bytes);
  if (status == JIMM_OK && *bytes > 0 && tensor->data == NULL) {
    status = jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "a tensor of %zu bytes has no data", *bytes);
  }
  return status;
}

jimm_status jimm_tensor_create(jimm_dtype dtype, const jimm_shape *shape, jimm_tensor *tensor) {
  size_t bytes = 0;
  if (shape == NULL || tensor == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_tensor_create: shape or tensor is NULL");
  }
  const jimm_shape wanted = *shape; /* may lie in *tensor */
  *tensor = (jimm_tensor){.dtype = JIMM_DTYPE_NONE};
  jimm_status status = jimm_tensor_check_type(dtype, &wanted, &bytes);
  if (status != JIMM_OK) {
    return status;
  }
  void *data = jimm_calloc(bytes, 1);
  if (data == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  *tensor = (jimm_tensor){dtype, wanted, data, data};
  return JIMM_OK;
}

void jimm_tensor_close(jimm_tensor *tensor) {
  if (tensor != NULL) {
    jimm_free(tensor->owned);
    *tensor = (jimm_tensor){.dtype = JIMM_DTYPE_NONE};
  }
}

size_t jimm_tensor_bytes(const jimm_tensor *tensor) {
  int64_t count = jimm_shape_count(&tensor->shape);
  size_t bytes;
  return count < 0 || __builtin_mul_overflow((size_t)count, jimm_dtype_size(tensor->dtype), &bytes)
             ? 0
             : bytes;
}
