/* flatten: torch.flatten to the last dimension. */
#include "op/op.h"

#ifdef REAL

#include <string.h>

FORWARD(flatten) {
  const int64_t count = jimm_shape_count(&call->output->shape);
  if (count > 0) {
    memcpy(OUT(), IN(0), (size_t)count * sizeof(REAL));
  }
  return JIMM_OK;
}

#else

#include <inttypes.h>

#include "op/rules.h"

FORWARDS(flatten);

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)input_count;
  const jimm_flatten_attrs *a = attrs;
  const jimm_shape *x = &inputs[0];
  const jimm_status status = jimm_check_rank("x", x, 0, JIMM_MAX_RANK);
  if (status != JIMM_OK) {
    return status;
  }
  const int32_t rank = x->rank == 0 ? 1 : x->rank; /* torch flattens a scalar to one element */
  char text[JIMM_SHAPE_TEXT];
  if (a->start_dim < -rank || a->start_dim >= rank) {
    return jimm_fail(JIMM_ERROR_SHAPE, "start_dim must be %d to %d, got %" PRId64 " for x %s",
                     -rank, rank - 1, a->start_dim, jimm_shape_format(x, text, sizeof(text)));
  }
  const int32_t start = (int32_t)(a->start_dim < 0 ? a->start_dim + rank : a->start_dim);
  jimm_shape result = {start + 1, {0}}, tail = {0, {0}};
  for (int32_t i = 0; i < x->rank; i++) {
    if (i < start) {
      result.dim[i] = x->dim[i];
    } else {
      tail.dim[tail.rank++] = x->dim[i];
    }
  }
  result.dim[start] = jimm_shape_count(&tail);
  if (result.dim[start] < 0 || result.dim[start] > JIMM_MAX_DIM) {
    return jimm_fail(JIMM_ERROR_LIMIT, "x %s flattens to a dimension above %" PRId64,
                     jimm_shape_format(x, text, sizeof(text)), JIMM_MAX_DIM);
  }
  const int32_t axis = jimm_shape_axis(x) < start ? jimm_shape_axis(x) : start;
  result.axis = axis < 2 ? 0 : axis;
  *output = result;
  return JIMM_OK;
}

static const char *const input_names[] = {"x"};

static const jimm_attr_spec attr_specs[] = {
    {"start_dim", JIMM_ATTR_INT, offsetof(jimm_flatten_attrs, start_dim), NULL},
};

#define START(dim)              \
  &(const jimm_flatten_attrs) { \
    dim                         \
  }

static const jimm_op_example examples[] = {
    {"features", START(1), 1, {SHAPE(3, 7, 2, 5)}},
    {"pooled", START(1), 1, {SHAPE(2, 19, 1, 1)}},
    {"all", START(0), 1, {SHAPE(2, 3, 4)}},
    {"last", START(-1), 1, {SHAPE(2, 3, 4)}},
    {"scalar", START(0), 1, {{0, {0}}}},
};

const jimm_op jimm_op_flatten = {
    .size = sizeof(jimm_op),
    .name = "flatten",
    .summary = "dimensions from start_dim on become one (torch.flatten)",
    .min_inputs = 1,
    .max_inputs = 1,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_flatten_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_flatten_f32,
    .forward_f64 = jimm_flatten_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .rounding = JIMM_ROUNDING_EXACT,
    .traits = JIMM_OP_GLUE,
    .view = jimm_reshape_view,
};

#endif
