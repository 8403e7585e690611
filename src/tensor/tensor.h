/* Checks that whoever takes a tensor from a caller makes first. */
#ifndef JIMM_TENSOR_TENSOR_H
#define JIMM_TENSOR_TENSOR_H

#include <jimm/tensor.h>

/* Whether there is such a type and the shape's size fits memory: JIMM_ERROR_INVALID_ARGUMENT. */
JIMM_SIBLING jimm_status jimm_tensor_check_type(jimm_dtype dtype, const jimm_shape *shape,
                                                size_t *bytes);
/* The same for a tensor, and that it has data if it has elements. */
JIMM_SIBLING jimm_status jimm_tensor_check(const jimm_tensor *tensor, size_t *bytes);

/* Elements that are NaN or infinite; 0 for integers. The tensor has been checked. */
int64_t jimm_tensor_count_not_finite(const jimm_tensor *tensor);
/* When there are any: JIMM_ERROR_NOT_FINITE and a message that names the first, after `what`. */
jimm_status jimm_tensor_fail_not_finite(const jimm_tensor *tensor, const char *what);

/* The same over many tensors. Zero-initialise; `name` and `tensor` are borrowed. */
typedef struct jimm_finite_search {
  const char *name;
  const jimm_tensor *tensor; /* the first that is bad */
  int64_t bad;               /* how many are */
} jimm_finite_search;
void jimm_finite_look(jimm_finite_search *search, const char *name, const jimm_tensor *tensor);
jimm_status jimm_finite_status(const jimm_finite_search *search);

#endif
