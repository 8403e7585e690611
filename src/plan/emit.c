/* The steps of the operators that have kernels. */
#include <string.h>

#include "plan/lower.h"

/* Elements to work on in one task of the memory-bound kernels. */
#define TASK_ELEMENTS 16384
/* Bytes of activations that one block of rows reads, to stay in a second-level cache. */
#define BLOCK_BYTES 262144

/* a / b rounded up; 0 for b = 0, which only an empty batch makes. */
static size_t ceil_div(size_t a, size_t b) {
  return b == 0 ? 0 : (a + b - 1) / b;
}

/* The channels-last output of the fusion that starts at `head`, written by `step`. */
static jimm_status new_output(jimm_lowering *l, jimm_value head, int32_t *buffer) {
  const jimm_value end = l->fusions.of[head].end;
  const jimm_status status =
      jimm_new_buffer(l, (size_t)jimm_shape_count(&l->shapes[end]), sizeof(float), buffer);
  if (status == JIMM_OK) {
    l->buffers[end] = *buffer;
  }
  return status;
}

/* Buffers of input 0, of the fused add's other operand and of the output. */
typedef struct operands {
  int32_t x, residual, y;
} operands;

static jimm_status get_operands(jimm_lowering *l, jimm_value head, operands *o) {
  const jimm_fusion *f = &l->fusions.of[head];
  o->residual = JIMM_NO_BUFFER;
  jimm_status status = JIMM_OK;
  if (o->x == JIMM_NO_BUFFER) {
    status = jimm_lower_value(l, jimm_graph_node(l->graph, head)->inputs[0], &o->x);
  }
  if (status == JIMM_OK && f->residual != JIMM_NO_VALUE) {
    status = jimm_lower_value(l, f->residual, &o->residual);
  }
  return status == JIMM_OK ? new_output(l, head, &o->y) : status;
}

/* ---- convolution and linear ---- */

/* A convolution of the caller's input, whose few channels would make short runs: over an input with
 * a border of zeros, a row of the kernel is one run of width x channels. */
#define MAX_RUN_CHANNELS 8

static bool reads_rows(const jimm_lowering *l, const jimm_node *node, const jimm_conv2d_attrs *a) {
  const jimm_value x = l->fusions.alias[node->inputs[0]];
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
  c->row_blocks = ceil_div(c->rows, c->block_rows);
  const size_t wanted = 4 * (size_t)plan->threads;
  size_t parts = c->row_blocks == 0 ? 1 : ceil_div(wanted, c->row_blocks);
  parts = plan->threads == 1 ? 1 : parts > c->panels ? c->panels : parts;
  c->task_panels = ceil_div(c->panels, parts);
  step->count = c->row_blocks * ceil_div(c->panels, c->task_panels);
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

static jimm_status emit_conv(jimm_lowering *l, jimm_value head) {
  static const jimm_conv2d_attrs linear = {{1, 1}, {0, 0}, {1, 1}, 1};
  jimm_plan *plan = l->plan;
  const jimm_fusion *f = &l->fusions.of[head];
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const bool is_conv = jimm_node_is(node, "conv2d");
  const jimm_conv2d_attrs *a = is_conv ? node->attrs : &linear;
  const jimm_kernel *kernel = jimm_kernel_find("conv2d", JIMM_F32, plan->isa);
  const jimm_value input = l->fusions.alias[node->inputs[0]];
  const jimm_extent in = jimm_extent_of(&l->shapes[input]);
  const jimm_extent out = jimm_extent_of(&l->shapes[head]);
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
      .kernel_height = is_conv ? (size_t)w->dim[2] : 1,
      .kernel_width = is_conv ? (size_t)w->dim[3] : 1,
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
  c.panels = groups * ceil_div(c.outputs, columns);
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
  operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  jimm_status status = JIMM_OK;
  if (is_conv && reads_rows(l, node, a)) {
    status = use_rows(l, input, a, &in, &c, &o.x);
  }
  if (status == JIMM_OK) {
    status = get_operands(l, head, &o);
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

/* ---- pooling ---- */

static jimm_status emit_pool(jimm_lowering *l, jimm_value head, const char *op) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_extent in = jimm_extent_of(&l->shapes[node->inputs[0]]);
  const jimm_extent out = jimm_extent_of(&l->shapes[head]);
  operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  jimm_step *step;
  jimm_status status = get_operands(l, head, &o);
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, op, sizeof(jimm_pool_args), &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_pool_args *p = step->args;
  *p = (jimm_pool_args){.images = in.images,
                        .channels = in.channels,
                        .in_height = (int64_t)in.height,
                        .in_width = (int64_t)in.width,
                        .out_height = (int64_t)out.height,
                        .out_width = (int64_t)out.width};
  if (jimm_node_is(node, "max_pool2d")) {
    const jimm_max_pool2d_attrs *a = node->attrs;
    memcpy(p->kernel, a->kernel, sizeof(p->kernel));
    memcpy(p->stride, a->stride, sizeof(p->stride));
    memcpy(p->padding, a->padding, sizeof(p->padding));
  } else {
    const jimm_avg_pool2d_attrs *a = node->attrs;
    memcpy(p->kernel, a->kernel, sizeof(p->kernel));
    memcpy(p->stride, a->stride, sizeof(p->stride));
    memcpy(p->padding, a->padding, sizeof(p->padding));
    p->count_include_pad = a->count_include_pad;
  }
  step->count = out.images * out.height;
  jimm_step_ref(step, offsetof(jimm_pool_args, x), o.x, JIMM_READ);
  jimm_step_ref(step, offsetof(jimm_pool_args, y), o.y, JIMM_WRITE);
  return JIMM_OK;
}

static jimm_status emit_global_pool(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_extent in = jimm_extent_of(&l->shapes[node->inputs[0]]);
  operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  jimm_step *step;
  jimm_status status = get_operands(l, head, &o);
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, "global_pool", sizeof(jimm_global_pool_args), &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  const jimm_global_pool_attrs *a = node->attrs;
  *(jimm_global_pool_args *)step->args = (jimm_global_pool_args){
      .images = in.images, .pixels = in.pixels, .channels = in.channels, .type = a->type};
  step->count = in.images * ceil_div(in.channels, JIMM_CHANNEL_BLOCK);
  jimm_step_ref(step, offsetof(jimm_global_pool_args, x), o.x, JIMM_READ);
  jimm_step_ref(step, offsetof(jimm_global_pool_args, y), o.y, JIMM_WRITE);
  return JIMM_OK;
}

/* ---- normalisation and pointwise ---- */

/* The step that applies center, scale and shift: from the buffer `affine`, or from `packed`. */
static jimm_status emit_affine(jimm_lowering *l, jimm_value head, operands *o, int32_t affine,
                               const float *packed) {
  const jimm_extent e = jimm_extent_of(&l->shapes[head]);
  jimm_step *step;
  const jimm_status status = jimm_new_step(l, head, "affine", sizeof(jimm_affine_args), &step);
  if (status != JIMM_OK) {
    return status;
  }
  const size_t blocks = ceil_div(e.pixels * e.channels, TASK_ELEMENTS);
  *(jimm_affine_args *)step->args =
      (jimm_affine_args){.affine = packed,
                         .images = e.images,
                         .pixels = e.pixels,
                         .channels = e.channels,
                         .blocks = blocks > e.pixels ? e.pixels : blocks,
                         .affine_stride = packed != NULL ? 0 : 3 * e.channels,
                         .relu = l->fusions.of[head].relu};
  step->count = e.images * ((jimm_affine_args *)step->args)->blocks;
  jimm_step_ref(step, offsetof(jimm_affine_args, x), o->x, JIMM_REUSE);
  if (affine != JIMM_NO_BUFFER) {
    jimm_step_ref(step, offsetof(jimm_affine_args, affine), affine, JIMM_READ);
  }
  if (o->residual != JIMM_NO_BUFFER) {
    jimm_step_ref(step, offsetof(jimm_affine_args, residual), o->residual, JIMM_REUSE);
  }
  jimm_step_ref(step, offsetof(jimm_affine_args, y), o->y, JIMM_WRITE);
  return JIMM_OK;
}

static jimm_status emit_batch_norm(jimm_lowering *l, jimm_value head) {
  const jimm_extent e = jimm_extent_of(&l->shapes[head]);
  operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  const float *affine = NULL;
  size_t bytes = 0;
  jimm_status status = get_operands(l, head, &o);
  if (status == JIMM_OK) {
    status = jimm_pack_affine(l->plan->model, head, e.channels, &affine, &bytes);
  }
  l->plan->packed_bytes += bytes;
  return status == JIMM_OK ? emit_affine(l, head, &o, JIMM_NO_BUFFER, affine) : status;
}

/* Blocks of pixels for the sums: by size alone, so that threads do not change the result. */
static size_t moment_blocks(const jimm_extent *e) {
  const size_t blocks = ceil_div(e->pixels * e->channels, 2 * TASK_ELEMENTS);
  return blocks > e->pixels ? e->pixels : blocks > 64 ? 64 : blocks;
}

static jimm_status emit_group_norm(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_group_norm_attrs *a = node->attrs;
  const jimm_extent e = jimm_extent_of(&l->shapes[head]);
  const size_t blocks = moment_blocks(&e);
  operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  int32_t sums = JIMM_NO_BUFFER;
  int32_t affine = JIMM_NO_BUFFER;
  const float *parameters[2] = {NULL, NULL};
  jimm_status status = get_operands(l, head, &o);
  for (int32_t i = 1; i < node->input_count && i < 3 && status == JIMM_OK; i++) {
    if (node->inputs[i] != JIMM_NO_VALUE) {
      status = jimm_lower_constant(l, node->inputs[i], &parameters[i - 1]);
    }
  }
  if (status == JIMM_OK) {
    status = jimm_new_buffer(l, e.images * blocks * 2 * e.channels, sizeof(double), &sums);
  }
  if (status == JIMM_OK) {
    status = jimm_new_buffer(l, e.images * 3 * e.channels, sizeof(float), &affine);
  }
  jimm_step *step;
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, "moments", sizeof(jimm_moments_args), &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  *(jimm_moments_args *)step->args = (jimm_moments_args){
      .images = e.images, .pixels = e.pixels, .channels = e.channels, .blocks = blocks};
  step->count = e.images * blocks;
  jimm_step_ref(step, offsetof(jimm_moments_args, x), o.x, JIMM_READ);
  jimm_step_ref(step, offsetof(jimm_moments_args, sums), sums, JIMM_WRITE);
  status = jimm_new_step(l, head, "group_norm", sizeof(jimm_group_norm_args), &step);
  if (status != JIMM_OK) {
    return status;
  }
  *(jimm_group_norm_args *)step->args = (jimm_group_norm_args){.weight = parameters[0],
                                                               .bias = parameters[1],
                                                               .images = e.images,
                                                               .pixels = e.pixels,
                                                               .channels = e.channels,
                                                               .blocks = blocks,
                                                               .groups = (size_t)a->groups,
                                                               .eps = a->eps};
  step->count = e.images;
  jimm_step_ref(step, offsetof(jimm_group_norm_args, x), o.x, JIMM_READ);
  jimm_step_ref(step, offsetof(jimm_group_norm_args, sums), sums, JIMM_READ);
  jimm_step_ref(step, offsetof(jimm_group_norm_args, affine), affine, JIMM_WRITE);
  return emit_affine(l, head, &o, affine, NULL);
}

static jimm_status emit_sum(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const bool add = jimm_node_is(node, "add");
  operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  int32_t other = JIMM_NO_BUFFER;
  jimm_step *step;
  jimm_status status = get_operands(l, head, &o);
  if (status == JIMM_OK && add) {
    status = jimm_lower_value(l, node->inputs[1], &other);
  }
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, "sum", sizeof(jimm_sum_args), &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_sum_args *s = step->args;
  s->count = (size_t)jimm_shape_count(&l->shapes[head]);
  s->relu = add ? l->fusions.of[head].relu : true;
  step->count = ceil_div(s->count, JIMM_SUM_BLOCK);
  jimm_step_ref(step, offsetof(jimm_sum_args, x), o.x, JIMM_REUSE);
  if (add) {
    jimm_step_ref(step, offsetof(jimm_sum_args, other), other, JIMM_REUSE);
  }
  jimm_step_ref(step, offsetof(jimm_sum_args, y), o.y, JIMM_WRITE);
  return JIMM_OK;
}

jimm_status jimm_emit(jimm_lowering *l, jimm_value head, bool *done) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const bool weights = jimm_node_has_weights(l->graph, node, 1);
  *done = true;
  if ((jimm_node_is(node, "conv2d") || jimm_node_is(node, "linear")) && weights) {
    return emit_conv(l, head);
  }
  if (jimm_node_is(node, "batch_norm") && weights) {
    return emit_batch_norm(l, head);
  }
  if (jimm_node_is(node, "group_norm") && weights) {
    return emit_group_norm(l, head);
  }
  if (jimm_node_is(node, "max_pool2d") || jimm_node_is(node, "avg_pool2d")) {
    return emit_pool(l, head, node->op->name);
  }
  if (jimm_node_is(node, "global_pool")) {
    return emit_global_pool(l, head);
  }
  if (jimm_node_is(node, "relu") || jimm_node_is(node, "add")) {
    return emit_sum(l, head);
  }
  *done = false;
  return JIMM_OK;
}
