/* pad2d: torch.nn.functional.pad with a constant. */
#include "op/op.h"

#ifdef REAL

FORWARD(pad2d) {
  const jimm_pad2d_attrs *a = call->attrs;
  const int64_t planes = DIM(0, 0) * DIM(0, 1), height = DIM(0, 2), width = DIM(0, 3);
  REAL *output = OUT();
  for (int64_t p = 0; p < planes; p++) {
    const REAL *x = IN(0) + p * height * width;
    for (int64_t oy = 0; oy < OUT_DIM(2); oy++) {
      const int64_t y = oy - a->before[0];
      for (int64_t ox = 0; ox < OUT_DIM(3); ox++) {
        const int64_t i = ox - a->before[1];
        const int inside = y >= 0 && y < height && i >= 0 && i < width;
        *output++ = inside ? x[y * width + i] : (REAL)a->value;
      }
    }
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(pad2d);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)input_count;
  const jimm_pad2d_attrs *a = attrs;
  const jimm_shape *x = &inputs[0];
  jimm_status status = jimm_check_image("x", x);
  if (status == JIMM_OK) {
    status = jimm_check_pair("before", a->before, 0);
  }
  if (status == JIMM_OK) {
    status = jimm_check_pair("after", a->after, 0);
  }
  if (status == JIMM_OK) {
    status = jimm_check_filled("x", x);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_shape result = *x;
  for (int i = 0; i < 2; i++) {
    result.dim[2 + i] += a->before[i] + a->after[i];
    if (result.dim[2 + i] > JIMM_MAX_DIM) {
      char text[JIMM_SHAPE_TEXT];
      return jimm_fail(JIMM_ERROR_LIMIT, "x %s is too large when padded",
                       jimm_shape_format(x, text, sizeof(text)));
    }
  }
  *output = result;
  return JIMM_OK;
}

static const char *const input_names[] = {"x"};

static const jimm_attr_spec attr_specs[] = {
    {"before", JIMM_ATTR_PAIR, offsetof(jimm_pad2d_attrs, before), NULL},
    {"after", JIMM_ATTR_PAIR, offsetof(jimm_pad2d_attrs, after), NULL},
    {"value", JIMM_ATTR_FLOAT, offsetof(jimm_pad2d_attrs, value), NULL},
};

#define PAD(top, left, bottom, right, value) \
  &(const jimm_pad2d_attrs) {                \
    {top, left}, {bottom, right}, value      \
  }

static const jimm_op_example examples[] = {
    {"same_k2", PAD(0, 0, 1, 1, 0), 1, {SHAPE(2, 19, 7, 6)}},
    {"all_sides", PAD(1, 1, 1, 1, 0), 1, {SHAPE(1, 64, 5, 9)}},
    {"uneven_value", PAD(2, 0, 1, 3, -1.5), 1, {SHAPE(2, 5, 4, 3)}},
    {"none", PAD(0, 0, 0, 0, 3), 1, {SHAPE(3, 4, 5, 6)}},
    {"pixel", PAD(0, 2, 0, 0, 0.25), 1, {SHAPE(2, 33, 1, 1)}},
};

const jimm_op jimm_op_pad2d = {
    .size = sizeof(jimm_op),
    .name = "pad2d",
    .summary = "a border of a constant (torch.nn.functional.pad)",
    .min_inputs = 1,
    .max_inputs = 1,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_pad2d_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_pad2d_f32,
    .forward_f64 = jimm_pad2d_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_IMAGE,
};

#endif
