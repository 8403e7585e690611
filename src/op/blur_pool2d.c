/* blur_pool2d: timm.layers.BlurPool2d ("Making Convolutional Networks Shift-Invariant Again",
 * Zhang, https://arxiv.org/abs/1904.11486): reflect padding, a binomial filter, a stride. */
#include "op/op.h"

/* timm's get_padding: what keeps the size at stride 1. */
static int64_t padding_of(const jimm_blur_pool2d_attrs *a) {
  return (a->stride - 1 + a->filter_size - 1) / 2;
}

#ifdef REAL

/* (1/2 + 1/2)^n: exact in both element types. */
static void make_filter(int64_t size, REAL *filter) {
  for (int64_t i = 0; i < size; i++) {
    filter[i] = 0;
  }
  filter[0] = 1;
  for (int64_t n = 1; n < size; n++) {
    for (int64_t i = n; i > 0; i--) {
      filter[i] = (REAL)0.5 * filter[i] + (REAL)0.5 * filter[i - 1];
    }
    filter[0] *= (REAL)0.5;
  }
}

/* The pixel that reflect padding shows at `index`; size > padding, so one reflection is enough. */
static int64_t reflect(int64_t index, int64_t size) {
  if (index < 0) {
    return -index;
  }
  return index < size ? index : 2 * (size - 1) - index;
}

FORWARD(blur_pool2d) {
  const jimm_blur_pool2d_attrs *a = call->attrs;
  const int64_t planes = DIM(0, 0) * DIM(0, 1), height = DIM(0, 2), width = DIM(0, 3);
  const int64_t padding = padding_of(a);
  REAL filter[JIMM_MAX_BLUR_FILTER];
  make_filter(a->filter_size, filter);
  REAL *output = OUT();
  for (int64_t p = 0; p < planes; p++) {
    const REAL *x = IN(0) + p * height * width;
    for (int64_t oy = 0; oy < OUT_DIM(2); oy++) {
      for (int64_t ox = 0; ox < OUT_DIM(3); ox++) {
        REAL total = 0;
        for (int64_t ky = 0; ky < a->filter_size; ky++) {
          const REAL *row = x + reflect(oy * a->stride - padding + ky, height) * width;
          for (int64_t kx = 0; kx < a->filter_size; kx++) {
            total += filter[ky] * filter[kx] * row[reflect(ox * a->stride - padding + kx, width)];
          }
        }
        *output++ = total;
      }
    }
  }
  return JIMM_OK;
}

#else

#include <inttypes.h>

#include "op/rules.h"

FORWARDS(blur_pool2d);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)input_count;
  const jimm_blur_pool2d_attrs *a = attrs;
  const jimm_shape *x = &inputs[0];
  jimm_status status = jimm_check_image("x", x);
  if (status != JIMM_OK) {
    return status;
  }
  if (a->filter_size < 2 || a->filter_size > JIMM_MAX_BLUR_FILTER) {
    return jimm_fail(JIMM_ERROR_SHAPE, "filter_size must be 2 to %d, got %" PRId64,
                     JIMM_MAX_BLUR_FILTER, a->filter_size);
  }
  if (a->stride < 1 || a->stride > JIMM_MAX_DIM) {
    return jimm_fail(JIMM_ERROR_SHAPE, "stride must be positive, got %" PRId64, a->stride);
  }
  const int64_t padding = padding_of(a);
  char text[JIMM_SHAPE_TEXT];
  jimm_shape_format(x, text, sizeof(text));
  if (x->dim[1] == 0) {
    return jimm_fail(JIMM_ERROR_SHAPE, "only the batch may be empty, got x %s", text);
  }
  jimm_shape result = *x;
  for (int i = 2; i < 4; i++) {
    if (x->dim[i] <= padding) {
      return jimm_fail(JIMM_ERROR_SHAPE,
                       "height and width must be above the reflect padding %" PRId64 ", got x %s",
                       padding, text);
    }
    const int64_t span = x->dim[i] + 2 * padding - a->filter_size;
    if (span < 0) {
      return jimm_fail(JIMM_ERROR_SHAPE, "x %s is too small for filter_size %" PRId64, text,
                       a->filter_size);
    }
    result.dim[i] = span / a->stride + 1;
  }
  *output = result;
  return JIMM_OK;
}

static const char *const input_names[] = {"x"};

static const jimm_attr_spec attr_specs[] = {
    {"filter_size", JIMM_ATTR_INT, offsetof(jimm_blur_pool2d_attrs, filter_size), NULL},
    {"stride", JIMM_ATTR_INT, offsetof(jimm_blur_pool2d_attrs, stride), NULL},
};

#define BLUR(filter_size, stride)   \
  &(const jimm_blur_pool2d_attrs) { \
    filter_size, stride             \
  }

static const jimm_op_example examples[] = {
    {"even", BLUR(3, 2), 1, {SHAPE(2, 19, 14, 12)}},
    {"odd", BLUR(3, 2), 1, {SHAPE(1, 64, 7, 9)}},
    {"smallest", BLUR(3, 2), 1, {SHAPE(2, 5, 2, 2)}},
    {"strip", BLUR(3, 2), 1, {SHAPE(1, 33, 2, 31)}},
    {"stride_1", BLUR(3, 1), 1, {SHAPE(2, 16, 6, 5)}},
    {"stride_3", BLUR(3, 3), 1, {SHAPE(1, 8, 11, 10)}},
    {"filter_5", BLUR(5, 2), 1, {SHAPE(1, 17, 9, 8)}},
    {"filter_4", BLUR(4, 2), 1, {SHAPE(1, 9, 9, 8)}},
};

const jimm_op jimm_op_blur_pool2d = {
    .size = sizeof(jimm_op),
    .name = "blur_pool2d",
    .summary = "binomial filter with a stride, reflect padding (timm.layers.BlurPool2d)",
    .min_inputs = 1,
    .max_inputs = 1,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_blur_pool2d_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_blur_pool2d_f32,
    .forward_f64 = jimm_blur_pool2d_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_IMAGE,
};

#endif
