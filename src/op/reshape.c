/* reshape: torch.Tensor.view of a contiguous tensor. */
#include "op/op.h"

#ifdef REAL

#include <string.h>

FORWARD(reshape) {
  memcpy(OUT(), IN(0), (size_t)jimm_shape_count(&call->output->shape) * sizeof(REAL));
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(reshape);

/* Where channels that are not at dimension 1 are after the reshaping, when they are still a
 * dimension with as many pixels before it; else at dimension 1. */
static int32_t find_axis(const jimm_shape *x, const jimm_shape *y) {
  const int32_t axis = jimm_shape_axis(x);
  int64_t before = 1, y_before = 1;
  for (int32_t d = 0; d < axis && d < x->rank; d++) {
    before *= x->dim[d];
  }
  for (int32_t d = 0; axis > 1 && d < y->rank; d++) {
    if (d > 1 && y_before == before && y->dim[d] == x->dim[axis]) {
      return d;
    }
    y_before *= y->dim[d];
  }
  return 0;
}

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)input_count;
  const jimm_reshape_attrs *a = attrs;
  const jimm_shape *x = &inputs[0];
  const jimm_status status = jimm_check_rank("x", x, 0, JIMM_MAX_RANK);
  if (status != JIMM_OK) {
    return status;
  }
  char x_text[JIMM_SHAPE_TEXT], shape_text[JIMM_SHAPE_TEXT];
  jimm_shape_format(x, x_text, sizeof(x_text));
  jimm_shape_format(&a->shape, shape_text, sizeof(shape_text));
  jimm_shape result = a->shape;
  int32_t open = -1;
  for (int32_t d = 0; d < result.rank; d++) {
    if (result.dim[d] == 0 && d < x->rank) {
      result.dim[d] = x->dim[d];
    } else if (result.dim[d] == -1 && open < 0) {
      open = d;
      result.dim[d] = 1;
    } else if (result.dim[d] <= 0) {
      return jimm_fail(JIMM_ERROR_SHAPE,
                       "shape %s: expected positive dimensions, at most one -1, and 0 only where x "
                       "has that dimension; x is %s",
                       shape_text, x_text);
    }
  }
  const int64_t have = jimm_shape_count(x), want = jimm_shape_count(&result);
  if (open >= 0 && have >= 0 && want > 0 && have % want == 0) {
    result.dim[open] = have / want;
  } else if (open >= 0 || result.rank < 0 || have != want) {
    return jimm_fail(JIMM_ERROR_SHAPE, "x %s does not fill the shape %s", x_text, shape_text);
  }
  result.axis = find_axis(x, &result);
  *output = result;
  return JIMM_OK;
}

static const char *const input_names[] = {"x"};

static const jimm_attr_spec attr_specs[] = {
    {"shape", JIMM_ATTR_SHAPE, offsetof(jimm_reshape_attrs, shape), NULL},
};

#define RESHAPE(...)            \
  &(const jimm_reshape_attrs) { \
    SHAPE(__VA_ARGS__)          \
  }

static const jimm_op_example examples[] = {
    {"channels_to_row", RESHAPE(0, 1, -1), 1, {SHAPE(3, 37, 1, 1)}},
    {"row_to_channels", RESHAPE(0, -1, 1, 1), 1, {SHAPE(3, 1, 37)}},
    {"image_to_row", RESHAPE(0, -1), 1, {SHAPE(2, 5, 3, 4)}},
    {"row_to_image", RESHAPE(0, 5, 3, 4), 1, {SHAPE(2, 60)}},
    {"all_new", RESHAPE(4, 15), 1, {SHAPE(5, 4, 3)}},
};

const jimm_op jimm_op_reshape = {
    .size = sizeof(jimm_op),
    .name = "reshape",
    .summary = "the same elements in another shape (torch.Tensor.view)",
    .min_inputs = 1,
    .max_inputs = 1,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_reshape_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_reshape_f32,
    .forward_f64 = jimm_reshape_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .rounding = JIMM_ROUNDING_EXACT,
    .traits = JIMM_OP_GLUE,
    .view = jimm_reshape_view,
};

#endif
