/* conv1d: torch.nn.functional.conv1d with zero padding: conv2d over images of one row. */
#include "op/op.h"

static jimm_conv2d_attrs attrs_2d(const jimm_conv1d_attrs *a) {
  return (jimm_conv2d_attrs){{1, a->stride}, {0, a->padding}, {1, a->dilation}, a->groups};
}

/* [N, C, L] as [N, C, 1, L]. */
static jimm_shape shape_2d(const jimm_shape *shape) {
  return (jimm_shape){4, {shape->dim[0], shape->dim[1], 1, shape->dim[2]}};
}

#ifdef REAL

#define CONV2D JIMM_JOIN(jimm_conv2d_, REAL_NAME)
jimm_status CONV2D(const jimm_op_call *call);

FORWARD(conv1d) {
  const jimm_conv2d_attrs attrs = attrs_2d(call->attrs);
  jimm_tensor inputs[3], output = *call->output;
  inputs[0] = call->inputs[0];
  inputs[1] = call->inputs[1];
  inputs[0].shape = shape_2d(&call->inputs[0].shape);
  inputs[1].shape = shape_2d(&call->inputs[1].shape);
  if (call->input_count > 2) {
    inputs[2] = call->inputs[2];
  }
  output.shape = shape_2d(&call->output->shape);
  return CONV2D(&(jimm_op_call){&attrs, call->input_count, inputs, &output});
}

#else

#include <inttypes.h>

#include "op/rules.h"

FORWARDS(conv1d);

extern const jimm_op jimm_op_conv2d;

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  const jimm_conv2d_attrs a = attrs_2d(attrs);
  jimm_shape as_2d[3] = {0}, result;
  jimm_status status = jimm_check_rank("x", &inputs[0], 3, 3);
  if (status == JIMM_OK) {
    status = jimm_check_channels("x", &inputs[0]);
  }
  if (status == JIMM_OK) {
    status = jimm_check_rank("weight", &inputs[1], 3, 3);
  }
  if (status != JIMM_OK) {
    return status;
  }
  as_2d[0] = shape_2d(&inputs[0]);
  as_2d[1] = shape_2d(&inputs[1]);
  if (input_count > 2) {
    as_2d[2] = inputs[2];
  }
  status = jimm_op_conv2d.infer(&a, input_count, as_2d, &result);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "as a 2-D convolution over images of height 1");
  }
  *output = (jimm_shape){3, {result.dim[0], result.dim[1], result.dim[3]}};
  return JIMM_OK;
}

static int64_t macs(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                    const jimm_shape *output) {
  (void)attrs;
  const jimm_shape as_2d[2] = {shape_2d(&inputs[0]), shape_2d(&inputs[1])};
  const jimm_shape result = shape_2d(output);
  return jimm_op_conv2d.macs(NULL, input_count, as_2d, &result);
}

static const char *const input_names[] = {"x", "weight", "bias"};

static const jimm_attr_spec attr_specs[] = {
    {"stride", JIMM_ATTR_INT, offsetof(jimm_conv1d_attrs, stride), NULL},
    {"padding", JIMM_ATTR_INT, offsetof(jimm_conv1d_attrs, padding), NULL},
    {"dilation", JIMM_ATTR_INT, offsetof(jimm_conv1d_attrs, dilation), NULL},
    {"groups", JIMM_ATTR_INT, offsetof(jimm_conv1d_attrs, groups), NULL},
};

#define CONV(stride, padding, dilation, groups) \
  &(const jimm_conv1d_attrs) {                  \
    stride, padding, dilation, groups           \
  }

static const jimm_op_example examples[] = {
    {"eca_k3", CONV(1, 1, 1, 1), 2, {SHAPE(2, 1, 64), SHAPE(1, 1, 3)}},
    {"eca_k5", CONV(1, 2, 1, 1), 2, {SHAPE(3, 1, 171), SHAPE(1, 1, 5)}},
    {"eca_k7_few", CONV(1, 3, 1, 1), 2, {SHAPE(2, 1, 2), SHAPE(1, 1, 7)}},
    {"channels", CONV(1, 1, 1, 1), 3, {SHAPE(2, 9, 21), SHAPE(13, 9, 3), SHAPE(13)}},
    {"strided", CONV(2, 1, 1, 1), 2, {SHAPE(1, 6, 20), SHAPE(5, 6, 4)}},
    {"dilated_grouped", CONV(1, 4, 4, 3), 3, {SHAPE(2, 6, 19), SHAPE(9, 2, 3), SHAPE(9)}},
};

const jimm_op jimm_op_conv1d = {
    .size = sizeof(jimm_op),
    .name = "conv1d",
    .summary = "1-D convolution with zero padding (torch.nn.functional.conv1d)",
    .min_inputs = 2,
    .max_inputs = 3,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_conv1d_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_conv1d_f32,
    .forward_f64 = jimm_conv1d_f64,
    .macs = macs,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_DENSE,
};

#endif
