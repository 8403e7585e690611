/* Checks that the shape rules share, and the size of a sliding window's output. Messages name the
 * input or attribute, what it must be and what it is; the caller of the rule adds the node. */
#ifndef JIMM_OP_WINDOW_H
#define JIMM_OP_WINDOW_H

#include <stdbool.h>

#include <jimm/graph.h>

/* No dimension, stride, padding, dilation or kernel may be larger, so that sums and products of two
 * of them fit int64_t. */
#define JIMM_MAX_DIM INT64_C(2147483647)

/* `least` <= rank <= `most`, and every dimension in 0 .. JIMM_MAX_DIM. */
jimm_status jimm_check_rank(const char *input, const jimm_shape *shape, int32_t least,
                            int32_t most);
/* The shape is [length]. */
jimm_status jimm_check_vector(const char *input, const jimm_shape *shape, int64_t length);
/* Both in least .. JIMM_MAX_DIM. */
jimm_status jimm_check_pair(const char *attribute, const int64_t pair[2], int64_t least);
/* Finite and not negative. */
jimm_status jimm_check_eps(double eps);

/* The output shape of a pooling operator, with PyTorch's rule: the last window of ceil_mode must
 * start inside the input or its leading padding. */
jimm_status jimm_pool2d_infer(const jimm_shape *x, const int64_t kernel[2], const int64_t stride[2],
                              const int64_t padding[2], bool ceil_mode, jimm_shape *output);

#endif
