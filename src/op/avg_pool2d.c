/* avg_pool2d: torch.nn.functional.avg_pool2d. */
#include "op/op.h"

#ifdef REAL

typedef struct span {
  int64_t begin, end; /* inside the input */
  int64_t padded;     /* length inside input and padding */
} span;

static span window_span(int64_t index, int64_t kernel, int64_t stride, int64_t padding,
                        int64_t size) {
  span s = {index * stride - padding, 0, 0};
  s.end = s.begin + kernel;
  if (s.end > size + padding) {
    s.end = size + padding; /* ceil_mode: what lies beyond the padding is never counted */
  }
  s.padded = s.end - s.begin;
  s.begin = s.begin < 0 ? 0 : s.begin;
  s.end = s.end > size ? size : s.end;
  return s;
}

FORWARD(avg_pool2d) {
  const jimm_avg_pool2d_attrs *a = call->attrs;
  const int64_t planes = DIM(0, 0) * DIM(0, 1), height = DIM(0, 2), width = DIM(0, 3);
  REAL *output = OUT();
  for (int64_t p = 0; p < planes; p++) {
    const REAL *x = IN(0) + p * height * width;
    for (int64_t oy = 0; oy < OUT_DIM(2); oy++) {
      const span v = window_span(oy, a->kernel[0], a->stride[0], a->padding[0], height);
      for (int64_t ox = 0; ox < OUT_DIM(3); ox++) {
        const span h = window_span(ox, a->kernel[1], a->stride[1], a->padding[1], width);
        REAL total = 0;
        for (int64_t y = v.begin; y < v.end; y++) {
          for (int64_t i = h.begin; i < h.end; i++) {
            total += x[y * width + i];
          }
        }
        const int64_t divisor =
            a->count_include_pad ? v.padded * h.padded : (v.end - v.begin) * (h.end - h.begin);
        *output++ = total / (REAL)divisor;
      }
    }
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(avg_pool2d);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)input_count;
  const jimm_avg_pool2d_attrs *a = attrs;
  return jimm_pool2d_infer(&inputs[0], a->kernel, a->stride, a->padding, a->ceil_mode, output);
}

static const char *const input_names[] = {"x"};

static const jimm_attr_spec attr_specs[] = {
    {"kernel", JIMM_ATTR_PAIR, offsetof(jimm_avg_pool2d_attrs, kernel), NULL},
    {"stride", JIMM_ATTR_PAIR, offsetof(jimm_avg_pool2d_attrs, stride), NULL},
    {"padding", JIMM_ATTR_PAIR, offsetof(jimm_avg_pool2d_attrs, padding), NULL},
    {"ceil_mode", JIMM_ATTR_BOOL, offsetof(jimm_avg_pool2d_attrs, ceil_mode), NULL},
    {"count_include_pad", JIMM_ATTR_BOOL, offsetof(jimm_avg_pool2d_attrs, count_include_pad), NULL},
};

#define POOL(k, s, p, ceil_mode, include)      \
  &(const jimm_avg_pool2d_attrs) {             \
    {k, k}, {s, s}, {p, p}, ceil_mode, include \
  }

static const jimm_op_example examples[] = {
    {"shortcut_even", POOL(2, 2, 0, true, false), 1, {SHAPE(1, 8, 14, 14)}},
    {"shortcut_odd", POOL(2, 2, 0, true, false), 1, {SHAPE(2, 5, 7, 9)}},
    {"shortcut_pixel", POOL(2, 2, 0, true, false), 1, {SHAPE(1, 3, 1, 1)}},
    {"floor_odd", POOL(2, 2, 0, false, true), 1, {SHAPE(1, 5, 7, 9)}},
    {"padded_counted", POOL(3, 2, 1, false, true), 1, {SHAPE(1, 4, 9, 8)}},
    {"padded_not_counted", POOL(3, 2, 1, false, false), 1, {SHAPE(1, 4, 9, 8)}},
    {"ceil_padded_counted", POOL(3, 2, 1, true, true), 1, {SHAPE(3, 3, 8, 10)}},
    {"ceil_padded_not_counted", POOL(3, 2, 1, true, false), 1, {SHAPE(3, 3, 8, 10)}},
    {"ceil_last_window_dropped", POOL(2, 3, 1, true, true), 1, {SHAPE(1, 3, 8, 5)}},
    {"ceil_k5_s4", POOL(5, 4, 2, true, true), 1, {SHAPE(1, 2, 11, 13)}},
    {"stride_above_kernel", POOL(2, 5, 0, true, false), 1, {SHAPE(1, 3, 11, 12)}},
    {"rectangular",
     &(const jimm_avg_pool2d_attrs){{4, 1}, {1, 3}, {2, 0}, true, true},
     1,
     {SHAPE(2, 3, 6, 8)}},
};

const jimm_op jimm_op_avg_pool2d = {
    .size = sizeof(jimm_op),
    .name = "avg_pool2d",
    .summary = "mean of each window (torch.nn.functional.avg_pool2d)",
    .min_inputs = 1,
    .max_inputs = 1,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_avg_pool2d_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_avg_pool2d_f32,
    .forward_f64 = jimm_avg_pool2d_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_IMAGE,
};

#endif
