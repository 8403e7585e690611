/* Steps of convolutions and linear layers. */
#include "plan/emit.h"

/* Bytes of activations that one block of rows reads, to stay in a second-level cache. */
#define BLOCK_BYTES 262144

/* A convolution of the caller's input, whose few channels would make short runs: over an input with
 * a border of zeros, a row of the kernel is one run of width x channels. */
#define MAX_RUN_CHANNELS 8

static bool reads_rows(const jimm_lowering *l, const jimm_node *node, const jimm_problem *p) {
  const jimm_value x = l->order.alias[node->inputs[0]];
  return jimm_node_is(node, "conv2d") && jimm_graph_node(l->graph, x)->kind == JIMM_NODE_INPUT &&
         p->groups == 1 && p->dilation[1] == 1 && p->channels <= MAX_RUN_CHANNELS &&
         p->kernel_width > 1;
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
static jimm_status use_rows(jimm_lowering *l, jimm_value input, const jimm_problem *p,
                            jimm_conv_args *c, int32_t *buffer) {
  const size_t pad[4] = {(size_t)p->padding[0], (size_t)p->padding[0], (size_t)p->padding[1],
                         (size_t)p->padding[1]};
  const size_t width = p->in_width + pad[2] + pad[3];
  const size_t height = p->in_height + pad[0] + pad[1];
  c->column_stride = p->channels;
  c->row_stride = width * p->channels;
  c->image_stride = height * c->row_stride;
  c->in_height = (int64_t)height;
  c->in_width = (int64_t)width;
  c->padding[0] = c->padding[1] = 0;
  c->channels *= c->kernel_width;
  c->kernel_width = 1;
  return jimm_lower_padded_input(l, input, pad, buffer);
}

jimm_status jimm_emit_conv(jimm_lowering *l, jimm_value head) {
  jimm_plan *plan = l->plan;
  const jimm_fusion *f = &l->fusions.of[head];
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_problem *p = &l->choices[head]->problem;
  const jimm_kernel *row = l->choices[head]->rows[0];
  const jimm_value input = l->order.alias[node->inputs[0]];
  const size_t channels = p->channels * p->groups; /* of a pixel */
  jimm_conv_args c = {
      .rows = jimm_output_extent(l, head).images * p->out_height * p->out_width,
      .out_height = p->out_height,
      .out_width = p->out_width,
      .in_height = (int64_t)p->in_height,
      .in_width = (int64_t)p->in_width,
      .image_stride = p->in_height * p->in_width * channels,
      .row_stride = p->in_width * channels,
      .column_stride = channels,
      .kernel_height = p->kernel_height,
      .kernel_width = p->kernel_width,
      .stride = {p->stride[0], p->stride[1]},
      .padding = {p->padding[0], p->padding[1]},
      .dilation = {p->dilation[0], p->dilation[1]},
      .channels = p->channels,
      .outputs = p->outputs,
      .groups = p->groups,
      .output_stride = p->outputs * p->groups,
      .epilogue = jimm_epilogue_of(l, head),
  };
  c.panels = p->groups * jimm_ceil_div(p->outputs, (size_t)row->columns);
  const jimm_pack pack = {
      .model = plan->model,
      .weight = node->inputs[1],
      .bias = node->input_count > 2 ? node->inputs[2] : JIMM_NO_VALUE,
      .norm = f->norm,
      .kernel = row,
      .problem = p,
  };
  jimm_operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  jimm_status status = JIMM_OK;
  if (row->rules->joins_taps && reads_rows(l, node, p)) {
    status = use_rows(l, input, p, &c, &o.x);
  }
  if (status == JIMM_OK) {
    status = jimm_get_operands(l, head, &o);
  }
  size_t bytes = 0;
  if (status == JIMM_OK) {
    const void *packed = NULL;
    status = jimm_pack_weights(&pack, &packed, &bytes);
    c.packed = packed;
  }
  jimm_step *step;
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, row, sizeof(c), &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  plan->packed_bytes += bytes;
  step->bytes_read = bytes;
  plan->zero_count = c.channels > plan->zero_count ? c.channels : plan->zero_count;
  *(jimm_conv_args *)step->args = c;
  split_conv(plan, row, step);
  step->conv = step->args;
  jimm_step_ref(step, offsetof(jimm_conv_args, x), o.x, JIMM_READ);
  if (o.residual != JIMM_NO_BUFFER) {
    jimm_step_ref(step, offsetof(jimm_conv_args, epilogue.residual), o.residual, JIMM_REUSE);
  }
  jimm_step_ref(step, offsetof(jimm_conv_args, y), o.y, JIMM_WRITE);
  return jimm_add_scratch(l, step, row, p, offsetof(jimm_conv_args, scratch));
}
