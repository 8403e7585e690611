#include "op/rules.h"

/* PyTorch's computeStride (aten/src/ATen/TensorUtils.cpp): dimensions of x that follow each other
 * in memory form chunks, and each chunk must be filled by dimensions of y. */
bool jimm_reshape_view(const void *attrs, const jimm_shape *x, const int64_t *x_strides,
                       const jimm_shape *y, int64_t *y_strides) {
  (void)attrs;
  int32_t at = y->rank - 1;
  int64_t chunk = 1, filled = 1;
  int64_t base = x->rank > 0 ? x_strides[x->rank - 1] : 1;
  for (int32_t d = x->rank - 1; d >= 0; d--) {
    chunk *= x->dim[d];
    if (d > 0 && (x->dim[d - 1] == 1 || x_strides[d - 1] == chunk * base)) {
      continue;
    }
    for (; at >= 0 && (filled < chunk || y->dim[at] == 1); at--) {
      y_strides[at] = filled * base;
      filled *= y->dim[at];
    }
    if (filled != chunk) {
      return false;
    }
    if (d > 0) {
      base = x_strides[d - 1];
      chunk = 1;
      filled = 1;
    }
  }
  for (; at >= 0 && y->dim[at] == 1; at--) {
    y_strides[at] = base;
  }
  return at < 0;
}
