/* What the shape rules share: checks, broadcasting, the size of a sliding window's output. Messages
 * name the input or attribute, what it must be and what it is; the caller of the rule adds the
 * node.
 */
#ifndef JIMM_OP_RULES_H
#define JIMM_OP_RULES_H

#include <stdbool.h>

#include <jimm/graph.h>

/* No dimension, stride, padding, dilation or kernel may be larger, so that sums and products of two
 * of them fit int64_t. */
#define JIMM_MAX_DIM INT64_C(2147483647)

/* `least` <= rank <= `most`, and every dimension in 0 .. JIMM_MAX_DIM. */
jimm_status jimm_check_rank(const char *input, const jimm_shape *shape, int32_t least,
                            int32_t most);
/* The channels are at dimension 1, as the operator's definition has them: not so for tokens. */
jimm_status jimm_check_channels(const char *input, const jimm_shape *shape);
/* An image [N, C, H, W]. */
jimm_status jimm_check_image(const char *input, const jimm_shape *shape);
/* The channels of a shape of rank 2 and more; `shape` is that of a value, with its axis. */
static inline int64_t jimm_channels_of(const jimm_shape *shape) {
  return shape->dim[jimm_shape_axis(shape)];
}
/* No dimension but the first is 0. */
jimm_status jimm_check_filled(const char *input, const jimm_shape *shape);
/* The shape is [length]. */
jimm_status jimm_check_vector(const char *input, const jimm_shape *shape, int64_t length);
/* Inputs 1 .. input_count - 1 have the shape [channels of inputs[0]]; from `required` on they may
 * be absent. */
jimm_status jimm_check_vectors(const char *const *names, int32_t required, int32_t input_count,
                               const jimm_shape *inputs);
/* At least 1, and a divisor of the channels of x. */
jimm_status jimm_check_groups(int64_t groups, const jimm_shape *x);
/* Both in least .. JIMM_MAX_DIM. */
jimm_status jimm_check_pair(const char *attribute, const int64_t pair[2], int64_t least);
/* Finite and not negative. */
jimm_status jimm_check_eps(double eps);
/* 0 to 1. */
jimm_status jimm_check_rate(double rate);
/* The shape rule of norms of x [N,C,...] with vectors of C, of which the first `required` inputs
 * must be there: eps, a rank from `least` to `most`, elements to take a mean of, vectors. */
jimm_status jimm_check_norm(const char *const *names, double eps, int32_t least, int32_t most,
                            int32_t required, int32_t input_count, const jimm_shape *inputs);

/* The shape rule of operators that work element by element on one input. */
jimm_status jimm_unary_infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                             jimm_shape *output);
/* That of operators on two inputs, "a" and "b": PyTorch's broadcasting, dimensions matched from the
 * last on. The channels are where the input of the higher rank has them, or a. */
jimm_status jimm_binary_infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                              jimm_shape *output);

/* jimm_op.view of operators that keep the row-major order of the elements (torch.Tensor.view). */
bool jimm_reshape_view(const void *attrs, const jimm_shape *x, const int64_t *x_strides,
                       const jimm_shape *y, int64_t *y_strides);

/* The output shape of a pooling operator, with PyTorch's rule: the last window of ceil_mode must
 * start inside the input or its leading padding. */
jimm_status jimm_pool2d_infer(const jimm_shape *x, const int64_t kernel[2], const int64_t stride[2],
                              const int64_t padding[2], bool ceil_mode, jimm_shape *output);

#endif
