/* Checks that whoever takes a tensor from a caller makes first. */
#ifndef JIMM_TENSOR_TENSOR_H
#define JIMM_TENSOR_TENSOR_H

#include <jimm/tensor.h>

/* Whether there is such a type and the shape's size fits memory: JIMM_ERROR_INVALID_ARGUMENT. */
JIMM_SIBLING jimm_status jimm_tensor_check_type(jimm_dtype dtype, const jimm_shape *shape,
                                                size_t *bytes);
/* The same for a tensor, and that it has data if it has elements. */
JIMM_SIBLING jimm_status jimm_tensor_check(const jimm_tensor *tensor, size_t *bytes);

#endif
