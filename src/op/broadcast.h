/* Broadcasting as PyTorch does it: dimensions are matched from the last on, and one of size 1
 * stands for all. */
#ifndef JIMM_OP_BROADCAST_H
#define JIMM_OP_BROADCAST_H

#include "op/op.h"

#ifdef REAL

/* The element of `input` that stands at element `index` of an output of shape `output`. */
static inline int64_t broadcast_index(const jimm_shape *input, const jimm_shape *output,
                                      int64_t index) {
  const int32_t missing = output->rank - input->rank;
  int64_t at = 0, stride = 1;
  for (int32_t d = output->rank - 1; d >= missing; d--) {
    const int64_t size = input->dim[d - missing];
    if (size != 1) {
      at += index % output->dim[d] * stride;
      stride *= size;
    }
    index /= output->dim[d];
  }
  return at;
}

/* An operator y = expression of `u` and `v`, elements of the two inputs. */
#define BINARY_FORWARD(name, expression)                                                   \
  FORWARD(name) {                                                                          \
    const jimm_shape *shape = &call->output->shape;                                        \
    const jimm_shape *a = &call->inputs[0].shape, *b = &call->inputs[1].shape;             \
    const bool a_equal = jimm_shape_equal(a, shape), b_equal = jimm_shape_equal(b, shape); \
    const int64_t count = jimm_shape_count(shape);                                         \
    REAL *y = OUT();                                                                       \
    for (int64_t i = 0; i < count; i++) {                                                  \
      const REAL u = IN(0)[a_equal ? i : broadcast_index(a, shape, i)];                    \
      const REAL v = IN(1)[b_equal ? i : broadcast_index(b, shape, i)];                    \
      y[i] = (expression);                                                                 \
    }                                                                                      \
    return JIMM_OK;                                                                        \
  }

#endif

#endif
