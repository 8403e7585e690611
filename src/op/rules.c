#include "op/rules.h"

#include <inttypes.h>
#include <math.h>

jimm_status jimm_check_rank(const char *input, const jimm_shape *shape, int32_t least,
                            int32_t most) {
  char text[JIMM_SHAPE_TEXT];
  if (shape->rank < least || shape->rank > most) {
    jimm_shape_format(shape, text, sizeof(text));
    if (least == most) {
      return jimm_fail(JIMM_ERROR_SHAPE, "%s must have %d dimensions, got %s", input, least, text);
    }
    return jimm_fail(JIMM_ERROR_SHAPE, "%s must have %d to %d dimensions, got %s", input, least,
                     most, text);
  }
  for (int32_t i = 0; i < shape->rank; i++) {
    if (shape->dim[i] < 0) {
      return jimm_fail(JIMM_ERROR_SHAPE, "%s has a negative dimension: %s", input,
                       jimm_shape_format(shape, text, sizeof(text)));
    }
    if (shape->dim[i] > JIMM_MAX_DIM) {
      return jimm_fail(JIMM_ERROR_LIMIT, "%s has a dimension above %" PRId64 ": %s", input,
                       JIMM_MAX_DIM, jimm_shape_format(shape, text, sizeof(text)));
    }
  }
  return JIMM_OK;
}

jimm_status jimm_check_channels(const char *input, const jimm_shape *shape) {
  if (jimm_shape_axis(shape) != 1) {
    char text[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_SHAPE,
                     "%s must have its channels at dimension 1, got %s with channels at dimension "
                     "%" PRId32 " (permute moves them)",
                     input, jimm_shape_format(shape, text, sizeof(text)), shape->axis);
  }
  return JIMM_OK;
}

jimm_status jimm_check_image(const char *input, const jimm_shape *shape) {
  const jimm_status status = jimm_check_rank(input, shape, 4, 4);
  return status == JIMM_OK ? jimm_check_channels(input, shape) : status;
}

jimm_status jimm_check_filled(const char *input, const jimm_shape *shape) {
  for (int32_t i = 1; i < shape->rank; i++) {
    if (shape->dim[i] == 0) {
      char text[JIMM_SHAPE_TEXT];
      return jimm_fail(JIMM_ERROR_SHAPE, "only the batch may be empty, got %s %s", input,
                       jimm_shape_format(shape, text, sizeof(text)));
    }
  }
  return JIMM_OK;
}

jimm_status jimm_check_vector(const char *input, const jimm_shape *shape, int64_t length) {
  if (shape->rank != 1 || shape->dim[0] != length) {
    char text[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_SHAPE, "%s must have shape [%" PRId64 "], got %s", input, length,
                     jimm_shape_format(shape, text, sizeof(text)));
  }
  return JIMM_OK;
}

jimm_status jimm_check_vectors(const char *const *names, int32_t required, int32_t input_count,
                               const jimm_shape *inputs) {
  for (int32_t i = 1; i < input_count; i++) {
    if (i >= required && inputs[i].rank < 0) {
      continue;
    }
    const jimm_status status =
        jimm_check_vector(names[i], &inputs[i], jimm_channels_of(&inputs[0]));
    if (status != JIMM_OK) {
      char text[JIMM_SHAPE_TEXT];
      return jimm_fail_context(status, "x %s", jimm_shape_format(&inputs[0], text, sizeof(text)));
    }
  }
  return JIMM_OK;
}

jimm_status jimm_check_groups(int64_t groups, const jimm_shape *x) {
  if (groups < 1 || jimm_channels_of(x) % groups != 0) {
    char text[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_SHAPE, "groups %" PRId64 " must divide the channels of x %s",
                     groups, jimm_shape_format(x, text, sizeof(text)));
  }
  return JIMM_OK;
}

jimm_status jimm_check_pair(const char *attribute, const int64_t pair[2], int64_t least) {
  for (int i = 0; i < 2; i++) {
    if (pair[i] < least || pair[i] > JIMM_MAX_DIM) {
      return jimm_fail(JIMM_ERROR_SHAPE,
                       "%s must be %" PRId64 " to %" PRId64 ", got [%" PRId64 ", %" PRId64 "]",
                       attribute, least, JIMM_MAX_DIM, pair[0], pair[1]);
    }
  }
  return JIMM_OK;
}

jimm_status jimm_check_eps(double eps) {
  if (!isfinite(eps) || eps < 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "eps must be finite and not negative");
  }
  return JIMM_OK;
}

jimm_status jimm_check_rate(double rate) {
  if (!(rate >= 0 && rate <= 1)) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "rate must be 0 to 1");
  }
  return JIMM_OK;
}

jimm_status jimm_check_norm(const char *const *names, double eps, int32_t least, int32_t most,
                            int32_t required, int32_t input_count, const jimm_shape *inputs) {
  jimm_status status = jimm_check_eps(eps);
  if (status == JIMM_OK) {
    status = jimm_check_rank("x", &inputs[0], least, most);
  }
  if (status == JIMM_OK) {
    status = jimm_check_filled("x", &inputs[0]);
  }
  if (status == JIMM_OK) {
    status = jimm_check_vectors(names, required, input_count, inputs);
  }
  return status;
}

jimm_status jimm_unary_infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                             jimm_shape *output) {
  (void)attrs;
  (void)input_count;
  const jimm_status status = jimm_check_rank("x", &inputs[0], 0, JIMM_MAX_RANK);
  if (status == JIMM_OK) {
    *output = inputs[0];
  }
  return status;
}

jimm_status jimm_binary_infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                              jimm_shape *output) {
  (void)attrs;
  (void)input_count;
  const jimm_shape *a = &inputs[0], *b = &inputs[1];
  jimm_status status = jimm_check_rank("a", a, 0, JIMM_MAX_RANK);
  if (status == JIMM_OK) {
    status = jimm_check_rank("b", b, 0, JIMM_MAX_RANK);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_shape result = b->rank > a->rank ? *b : *a;
  const jimm_shape *other = b->rank > a->rank ? a : b;
  for (int32_t i = 1; i <= other->rank; i++) {
    int64_t *dim = &result.dim[result.rank - i];
    const int64_t theirs = other->dim[other->rank - i];
    if (*dim != theirs && *dim != 1 && theirs != 1) {
      char a_text[JIMM_SHAPE_TEXT], b_text[JIMM_SHAPE_TEXT];
      return jimm_fail(JIMM_ERROR_SHAPE,
                       "a and b must be equal in each dimension, counted from the last, or one of "
                       "them 1 there: got a %s and b %s",
                       jimm_shape_format(a, a_text, sizeof(a_text)),
                       jimm_shape_format(b, b_text, sizeof(b_text)));
    }
    *dim = *dim == 1 ? theirs : *dim;
  }
  *output = result;
  return JIMM_OK;
}

/* torch: aten/native/Pool.h, pooling_output_shape with dilation 1. 0 when no window fits. */
static int64_t pooled_size(int64_t size, int64_t kernel, int64_t stride, int64_t padding,
                           bool ceil_mode) {
  int64_t span = size + 2 * padding - kernel;
  if (ceil_mode) {
    span += stride - 1;
  }
  if (span < 0) {
    return 0;
  }
  int64_t count = span / stride + 1;
  if (ceil_mode && (count - 1) * stride >= size + padding) {
    count--;
  }
  return count;
}

jimm_status jimm_pool2d_infer(const jimm_shape *x, const int64_t kernel[2], const int64_t stride[2],
                              const int64_t padding[2], bool ceil_mode, jimm_shape *output) {
  jimm_status status = jimm_check_image("x", x);
  if (status == JIMM_OK) {
    status = jimm_check_pair("kernel", kernel, 1);
  }
  if (status == JIMM_OK) {
    status = jimm_check_pair("stride", stride, 1);
  }
  if (status == JIMM_OK) {
    status = jimm_check_pair("padding", padding, 0);
  }
  if (status == JIMM_OK) {
    status = jimm_check_filled("x", x);
  }
  if (status != JIMM_OK) {
    return status;
  }
  char text[JIMM_SHAPE_TEXT];
  jimm_shape result = *x;
  for (int i = 0; i < 2; i++) {
    if (padding[i] > kernel[i] / 2) {
      return jimm_fail(JIMM_ERROR_SHAPE,
                       "padding may be at most half of the kernel, got padding [%" PRId64
                       ", %" PRId64 "] and kernel [%" PRId64 ", %" PRId64 "]",
                       padding[0], padding[1], kernel[0], kernel[1]);
    }
    result.dim[2 + i] = pooled_size(x->dim[2 + i], kernel[i], stride[i], padding[i], ceil_mode);
  }
  if (result.dim[2] <= 0 || result.dim[3] <= 0) {
    return jimm_fail(JIMM_ERROR_SHAPE,
                     "x %s with padding [%" PRId64 ", %" PRId64
                     "] is too small for kernel [%" PRId64 ", %" PRId64
                     "]: the output would be %" PRId64 " x %" PRId64,
                     jimm_shape_format(x, text, sizeof(text)), padding[0], padding[1], kernel[0],
                     kernel[1], result.dim[2], result.dim[3]);
  }
  *output = result;
  return JIMM_OK;
}
