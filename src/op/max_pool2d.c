/* max_pool2d: torch.nn.functional.max_pool2d; padding counts as -infinity, NaN wins. */
#include "op/op.h"

#ifdef REAL

static REAL window_max(const REAL *x, int64_t width, int64_t y0, int64_t y1, int64_t x0,
                       int64_t x1) {
  REAL best = (REAL)-INFINITY;
  for (int64_t y = y0; y < y1; y++) {
    for (int64_t i = x0; i < x1; i++) {
      const REAL value = x[y * width + i];
      if (value > best || isnan(value)) {
        best = value;
      }
    }
  }
  return best;
}

FORWARD(max_pool2d) {
  const jimm_max_pool2d_attrs *a = call->attrs;
  const int64_t planes = DIM(0, 0) * DIM(0, 1), height = DIM(0, 2), width = DIM(0, 3);
  REAL *output = OUT();
  for (int64_t p = 0; p < planes; p++) {
    const REAL *x = IN(0) + p * height * width;
    for (int64_t oy = 0; oy < OUT_DIM(2); oy++) {
      const int64_t top = oy * a->stride[0] - a->padding[0], bottom = top + a->kernel[0];
      for (int64_t ox = 0; ox < OUT_DIM(3); ox++) {
        const int64_t left = ox * a->stride[1] - a->padding[1], right = left + a->kernel[1];
        *output++ = window_max(x, width, top < 0 ? 0 : top, bottom > height ? height : bottom,
                               left < 0 ? 0 : left, right > width ? width : right);
      }
    }
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(max_pool2d);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)input_count;
  const jimm_max_pool2d_attrs *a = attrs;
  return jimm_pool2d_infer(&inputs[0], a->kernel, a->stride, a->padding, a->ceil_mode, output);
}

static const char *const input_names[] = {"x"};

static const jimm_attr_spec attr_specs[] = {
    {"kernel", JIMM_ATTR_PAIR, offsetof(jimm_max_pool2d_attrs, kernel), NULL},
    {"stride", JIMM_ATTR_PAIR, offsetof(jimm_max_pool2d_attrs, stride), NULL},
    {"padding", JIMM_ATTR_PAIR, offsetof(jimm_max_pool2d_attrs, padding), NULL},
    {"ceil_mode", JIMM_ATTR_BOOL, offsetof(jimm_max_pool2d_attrs, ceil_mode), NULL},
};

#define POOL(k, s, p, ceil_mode)      \
  &(const jimm_max_pool2d_attrs) {    \
    {k, k}, {s, s}, {p, p}, ceil_mode \
  }
#define NEGATIVE \
  {              \
    { -5, 1 }    \
  } /* so that a padding of zeros would win */

static const jimm_op_example examples[] = {
    {"stem_even", POOL(3, 2, 1, false), 1, {SHAPE(1, 8, 16, 16)}, NEGATIVE},
    {"stem_odd", POOL(3, 2, 1, false), 1, {SHAPE(3, 5, 15, 17)}, NEGATIVE},
    {"stem_pixel", POOL(3, 2, 1, false), 1, {SHAPE(2, 3, 1, 1)}, NEGATIVE},
    {"stem_strip", POOL(3, 2, 1, false), 1, {SHAPE(1, 9, 17, 1)}, NEGATIVE},
    {"s1", POOL(3, 1, 1, false), 1, {SHAPE(1, 4, 7, 6)}, NEGATIVE},
    {"no_padding", POOL(3, 2, 0, false), 1, {SHAPE(1, 6, 10, 11)}},
    {"ceil", POOL(3, 2, 0, true), 1, {SHAPE(1, 6, 10, 11)}},
    {"ceil_padded", POOL(3, 2, 1, true), 1, {SHAPE(2, 3, 8, 9)}, NEGATIVE},
    {"ceil_last_window_dropped", POOL(2, 3, 1, true), 1, {SHAPE(1, 3, 8, 5)}, NEGATIVE},
    {"stride_above_kernel", POOL(1, 3, 0, true), 1, {SHAPE(1, 3, 6, 9)}},
    {"rectangular",
     &(const jimm_max_pool2d_attrs){{2, 5}, {3, 1}, {1, 2}, true},
     1,
     {SHAPE(2, 3, 9, 7)},
     NEGATIVE},
};

const jimm_op jimm_op_max_pool2d = {
    .size = sizeof(jimm_op),
    .name = "max_pool2d",
    .summary = "largest value of each window (torch.nn.functional.max_pool2d)",
    .min_inputs = 1,
    .max_inputs = 1,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_max_pool2d_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_max_pool2d_f32,
    .forward_f64 = jimm_max_pool2d_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_IMAGE,
};

#endif
