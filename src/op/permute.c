/* permute: torch.permute, the batch staying first. */
#include "op/op.h"

#ifdef REAL

FORWARD(permute) {
  const jimm_permute_attrs *a = call->attrs;
  const jimm_shape *x = &call->inputs[0].shape, *y = &call->output->shape;
  const int64_t count = jimm_shape_count(y);
  int64_t stride[JIMM_MAX_RANK] = {0}; /* of x's dimensions */
  for (int64_t d = x->rank - 1, step = 1; d >= 0; d--) {
    stride[d] = step;
    step *= x->dim[d];
  }
  for (int64_t i = 0; i < count; i++) {
    int64_t rest = i, at = 0;
    for (int32_t d = y->rank - 1; d >= 0; d--) {
      at += rest % y->dim[d] * stride[a->order.dim[d]];
      rest /= y->dim[d];
    }
    OUT()[i] = IN(0)[at];
  }
  return JIMM_OK;
}

#else

#include "op/rules.h"

FORWARDS(permute);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)input_count;
  const jimm_permute_attrs *a = attrs;
  const jimm_shape *x = &inputs[0];
  const jimm_status status = jimm_check_rank("x", x, 1, JIMM_MAX_RANK);
  if (status != JIMM_OK) {
    return status;
  }
  bool seen[JIMM_MAX_RANK] = {false};
  bool valid = a->order.rank == x->rank && a->order.dim[0] == 0;
  jimm_shape result = *x;
  for (int32_t d = 0; valid && d < x->rank; d++) {
    const int64_t from = a->order.dim[d];
    valid = from >= 0 && from < x->rank && !seen[from];
    if (valid) {
      seen[from] = true;
      result.dim[d] = x->dim[from];
      result.axis = from == jimm_shape_axis(x) && d > 1    ? d
                    : from == jimm_shape_axis(x) && d <= 1 ? 0
                                                           : result.axis;
    }
  }
  if (!valid) {
    char order[JIMM_SHAPE_TEXT], text[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_SHAPE,
                     "order must have 0 first and then every other dimension of x once, got %s for "
                     "x %s",
                     jimm_shape_format(&a->order, order, sizeof(order)),
                     jimm_shape_format(x, text, sizeof(text)));
  }
  *output = result;
  return JIMM_OK;
}

static bool view(const void *attrs, const jimm_shape *x, const int64_t *x_strides,
                 const jimm_shape *y, int64_t *y_strides) {
  const jimm_permute_attrs *a = attrs;
  (void)x;
  for (int32_t d = 0; d < y->rank; d++) {
    y_strides[d] = x_strides[a->order.dim[d]];
  }
  return true;
}

static const char *const input_names[] = {"x"};

static const jimm_attr_spec attr_specs[] = {
    {"order", JIMM_ATTR_SHAPE, offsetof(jimm_permute_attrs, order), NULL},
};

#define ORDER(...)              \
  &(const jimm_permute_attrs) { \
    SHAPE(__VA_ARGS__)          \
  }

static const jimm_op_example examples[] = {
    {"to_tokens", ORDER(0, 2, 1), 1, {SHAPE(2, 19, 12)}},
    {"from_tokens", ORDER(0, 2, 1), 1, {TOKENS(2, 12, 19)}},
    {"channels_last", ORDER(0, 2, 3, 1), 1, {SHAPE(2, 5, 3, 4)}},
    {"turned", ORDER(0, 1, 3, 2), 1, {SHAPE(1, 6, 3, 7)}},
    {"unmoved", ORDER(0, 1, 2), 1, {SHAPE(3, 4, 5)}},
    {"vector", ORDER(0), 1, {SHAPE(7)}},
};

const jimm_op jimm_op_permute = {
    .size = sizeof(jimm_op),
    .name = "permute",
    .summary = "dimensions in another order, the batch first (torch.permute)",
    .min_inputs = 1,
    .max_inputs = 1,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_permute_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_permute_f32,
    .forward_f64 = jimm_permute_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .rounding = JIMM_ROUNDING_EXACT,
    .traits = JIMM_OP_GLUE,
    .view = view,
};

#endif
