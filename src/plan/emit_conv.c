/* Steps of convolutions and linear layers. */
#include "plan/emit.h"

/* Bytes of activations that one block of rows reads, to stay in a second-level cache. */
#define BLOCK_BYTES 262144

/* A convolution of the caller's input, whose few channels would make short runs: over an input with
 * a border of zeros, a row of the kernel is one run of width x channels. */
#define MAX_RUN_CHANNELS 8

static bool reads_rows(const jimm_lowering *l, const jimm_node *node, const jimm_conv2d_attrs *a) {
  const jimm_value x = l->order.alias[node->inputs[0]];
  const jimm_shape *w = &l->shapes[node->inputs[1]];
  return jimm_graph_node(l->graph, x)->kind == JIMM_NODE_INPUT && a->groups == 1 &&
         a->dilation[1] == 1 && w->dim[1] <= MAX_RUN_CHANNELS && w->dim[3] > 1;
}

static void split_conv(const jimm_plan *plan, const jimm_kernel *kernel, jimm_step *step) {
  jimm_conv_args *c = step->args;
  const size_t tile = (size_t)kernel->rows;
  size_t block = BLOCK_BYTES / sizeof(float) / c->channels / tile * tile;
  block = block < 4 * tile ? 4 * tile : block;
  c->block_rows = block > JIMM_CONV_MAX_ROWS ? JIMM_CONV_MAX_ROWS : block;
  c->row_blocks = jimm_ceil_div(c->rows, c->block_rows);
  const size_t wanted = 4 * (size_t)plan->threads;
  size_t parts = c->row_blocks == 0 ? 1 : jimm_ceil_div(wanted, c->row_blocks);
  parts = plan->threads == 1 ? 1 : parts > c->panels ? c->panels : parts;
  c->task_panels = jimm_ceil_div(c->panels, parts);
  step->count = c->row_blocks * jimm_ceil_div(c->panels, c->task_panels);
}

/* x as whole kernel rows: one tap of kernel_width * channels. */
static jimm_status use_rows(jimm_lowering *l, jimm_value input, const jimm_conv2d_attrs *a,
                            const jimm_extent *in, jimm_conv_args *c, int32_t *buffer) {
  const size_t pad[4] = {(size_t)a->padding[0], (size_t)a->padding[0], (size_t)a->padding[1],
                         (size_t)a->padding[1]};
  const size_t width = in->width + pad[2] + pad[3];
  const size_t height = in->height + pad[0] + pad[1];
  c->column_stride = in->channels;
  c->row_stride = width * in->channels;
  c->image_stride = height * c->row_stride;
  c->in_height = (int64_t)height;
  c->in_width = (int64_t)width;
  c->padding[0] = c->padding[1] = 0;
  c->channels *= c->kernel_width;
  c->kernel_width = 1;
  return jimm_lower_padded_input(l, input, pad, buffer);
}

/* linear and conv1d as the convolution of two dimensions that they are. */
static jimm_conv2d_attrs attrs_of(const jimm_node *node) {
  if (jimm_node_is(node, "conv2d")) {
    return *(const jimm_conv2d_attrs *)node->attrs;
  }
  if (jimm_node_is(node, "conv1d")) {
    const jimm_conv1d_attrs *a = node->attrs;
    return (jimm_conv2d_attrs){{1, a->stride}, {0, a->padding}, {1, a->dilation}, a->groups};
  }
  return (jimm_conv2d_attrs){{1, 1}, {0, 0}, {1, 1}, 1};
}

jimm_status jimm_emit_conv(jimm_lowering *l, jimm_value head) {
  jimm_plan *plan = l->plan;
  const jimm_fusion *f = &l->fusions.of[head];
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_conv2d_attrs attrs = attrs_of(node);
  const jimm_conv2d_attrs *a = &attrs;
  const jimm_kernel *kernel = jimm_kernel_find("conv2d", JIMM_F32, plan->isa);
  const jimm_value input = l->order.alias[node->inputs[0]];
  const jimm_extent in = jimm_input_extent(l, head);
  const jimm_extent out = jimm_output_extent(l, head);
  const jimm_shape *w = &l->shapes[node->inputs[1]];
  const size_t groups = (size_t)a->groups;
  jimm_conv_args c = {
      .rows = out.images * out.pixels,
      .out_height = out.height,
      .out_width = out.width,
      .in_height = (int64_t)in.height,
      .in_width = (int64_t)in.width,
      .image_stride = in.pixels * in.channels,
      .row_stride = in.width * in.channels,
      .column_stride = in.channels,
      .kernel_height = w->rank == 4 ? (size_t)w->dim[2] : 1,
      .kernel_width = w->rank > 2 ? (size_t)w->dim[w->rank - 1] : 1,
      .stride = {a->stride[0], a->stride[1]},
      .padding = {a->padding[0], a->padding[1]},
      .dilation = {a->dilation[0], a->dilation[1]},
      .channels = in.channels / groups,
      .outputs = out.channels / groups,
      .groups = groups,
      .output_stride = out.channels,
      .relu = f->relu,
  };
  const size_t columns = (size_t)kernel->columns;
  c.panels = groups * jimm_ceil_div(c.outputs, columns);
  const jimm_pack pack = {
      .model = plan->model,
      .weight = node->inputs[1],
      .bias = node->input_count > 2 ? node->inputs[2] : JIMM_NO_VALUE,
      .norm = f->norm,
      .outputs = c.outputs,
      .channels = c.channels,
      .taps = c.kernel_height * c.kernel_width,
      .groups = groups,
      .columns = columns,
      .kernel = kernel->name,
  };
  jimm_operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  jimm_status status = JIMM_OK;
  if (jimm_node_is(node, "conv2d") && reads_rows(l, node, a)) {
    status = use_rows(l, input, a, &in, &c, &o.x);
  }
  if (status == JIMM_OK) {
    status = jimm_get_operands(l, head, &o);
  }
  size_t bytes = 0;
  if (status == JIMM_OK) {
    status = jimm_pack_conv(&pack, &c.bias, &c.weights, &bytes);
  }
  jimm_step *step;
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, "conv2d", sizeof(c), &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  plan->packed_bytes += bytes;
  plan->zero_count = c.channels > plan->zero_count ? c.channels : plan->zero_count;
  *(jimm_conv_args *)step->args = c;
  split_conv(plan, kernel, step);
  step->conv = step->args;
  jimm_step_ref(step, offsetof(jimm_conv_args, x), o.x, JIMM_READ);
  if (o.residual != JIMM_NO_BUFFER) {
    jimm_step_ref(step, offsetof(jimm_conv_args, residual), o.residual, JIMM_REUSE);
  }
  jimm_step_ref(step, offsetof(jimm_conv_args, y), o.y, JIMM_WRITE);
  return JIMM_OK;
}
