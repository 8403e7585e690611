/* Steps of normalisation. */
#include "plan/emit.h"

/* The step of `row`, which applies center, scale and shift: from the buffer `affine`, or from
 * args->affine. Of args, affine, least and gate are the caller's. */
static jimm_status emit_affine(jimm_lowering *l, jimm_value head, const jimm_operands *o,
                               int32_t affine, const jimm_kernel *row,
                               const jimm_affine_args *args) {
  const jimm_extent e = jimm_output_extent(l, head);
  jimm_step *step;
  const jimm_status status = jimm_new_step(l, head, row, sizeof(jimm_affine_args), &step);
  if (status != JIMM_OK) {
    return status;
  }
  const size_t blocks = jimm_ceil_div(e.pixels * e.channels, JIMM_TASK_ELEMENTS);
  jimm_affine_args *a = step->args;
  *a = *args;
  a->images = e.images;
  a->pixels = e.pixels;
  a->channels = e.channels;
  a->blocks = blocks > e.pixels ? e.pixels : blocks;
  a->affine_stride = affine != JIMM_NO_BUFFER ? 3 * e.channels : 0;
  a->epilogue = jimm_epilogue_of(l, head);
  step->count = e.images * a->blocks;
  jimm_step_ref(step, offsetof(jimm_affine_args, x), o->x, JIMM_REUSE);
  if (affine != JIMM_NO_BUFFER) {
    jimm_step_ref(step, offsetof(jimm_affine_args, affine), affine, JIMM_READ);
  }
  if (o->residual != JIMM_NO_BUFFER) {
    jimm_step_ref(step, offsetof(jimm_affine_args, epilogue.residual), o->residual, JIMM_REUSE);
  }
  jimm_step_ref(step, offsetof(jimm_affine_args, y), o->y, JIMM_WRITE);
  return JIMM_OK;
}

jimm_status jimm_emit_batch_norm(jimm_lowering *l, jimm_value head) {
  const jimm_extent e = jimm_output_extent(l, head);
  jimm_operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  jimm_affine_args args = {.affine = NULL};
  size_t bytes = 0;
  jimm_status status = jimm_get_operands(l, head, &o);
  if (status == JIMM_OK) {
    status = jimm_pack_affine(l->plan->model, head, e.channels, &args.affine, &bytes);
  }
  l->plan->packed_bytes += bytes;
  const jimm_kernel *row = l->choices[head]->rows[0];
  return status == JIMM_OK ? emit_affine(l, head, &o, JIMM_NO_BUFFER, row, &args) : status;
}

/* Blocks of pixels for the sums: by size alone, so that threads do not change the result. */
static size_t moment_blocks(const jimm_extent *e) {
  const size_t blocks = jimm_ceil_div(e->pixels * e->channels, 2 * JIMM_TASK_ELEMENTS);
  return blocks > e->pixels ? e->pixels : blocks > 64 ? 64 : blocks;
}

/* Inputs 1 .. 3 of the node, which are parameters; NULL for those that are not there. */
static jimm_status get_parameters(jimm_lowering *l, const jimm_node *node,
                                  const float *parameters[3]) {
  jimm_status status = JIMM_OK;
  for (int32_t i = 1; i < node->input_count && i <= 3 && status == JIMM_OK; i++) {
    if (node->inputs[i] != JIMM_NO_VALUE) {
      status = jimm_lower_constant(l, node->inputs[i], &parameters[i - 1]);
    }
  }
  return status;
}

/* What the norms with statistics over an image's pixels differ in. */
typedef struct variety {
  size_t groups;
  double eps;
  bool about_mean, center;
} variety;

static variety variety_of(const jimm_node *node, const jimm_extent *e) {
  if (jimm_node_is(node, "global_response_norm")) {
    const jimm_global_response_norm_attrs *a = node->attrs;
    return (variety){1, a->eps, false, false};
  }
  if (jimm_node_is(node, "filter_response_norm")) {
    const jimm_filter_response_norm_attrs *a = node->attrs;
    return (variety){e->channels, a->eps, false, false};
  }
  if (jimm_node_is(node, "evo_norm2d_s0")) {
    const jimm_evo_norm2d_s0_attrs *a = node->attrs;
    return (variety){(size_t)a->groups, a->eps, true, false};
  }
  const jimm_group_norm_attrs *a = node->attrs;
  return (variety){(size_t)a->groups, a->eps, true, true};
}

/* group_norm, global_response_norm, evo_norm2d_s0, filter_response_norm: sums of every channel,
 * then its center, scale and shift, then these applied. */
jimm_status jimm_emit_statistics_norm(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_extent e = jimm_output_extent(l, head);
  const variety v = variety_of(node, &e);
  const jimm_kernel *const *rows = l->choices[head]->rows;
  const size_t blocks = moment_blocks(&e);
  jimm_operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  int32_t sums = JIMM_NO_BUFFER;
  int32_t affine = JIMM_NO_BUFFER;
  const float *parameters[3] = {NULL, NULL, NULL}; /* weight, bias; tau or v */
  jimm_status status = jimm_get_operands(l, head, &o);
  if (status == JIMM_OK) {
    status = get_parameters(l, node, parameters);
  }
  if (status == JIMM_OK) {
    status = jimm_new_buffer(l, e.images * blocks * 2 * e.channels, sizeof(double), &sums);
  }
  if (status == JIMM_OK) {
    status = jimm_new_buffer(l, e.images * 3 * e.channels, sizeof(float), &affine);
  }
  jimm_step *step;
  if (status == JIMM_OK) {
    status = jimm_new_step(l, head, rows[0], sizeof(jimm_moments_args), &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  *(jimm_moments_args *)step->args = (jimm_moments_args){
      .images = e.images, .pixels = e.pixels, .channels = e.channels, .blocks = blocks};
  step->count = e.images * blocks;
  jimm_step_ref(step, offsetof(jimm_moments_args, x), o.x, JIMM_READ);
  jimm_step_ref(step, offsetof(jimm_moments_args, sums), sums, JIMM_WRITE);
  status = jimm_new_step(l, head, rows[1], sizeof(jimm_norm_args), &step);
  if (status != JIMM_OK) {
    return status;
  }
  *(jimm_norm_args *)step->args = (jimm_norm_args){.weight = parameters[0],
                                                   .bias = parameters[1],
                                                   .images = e.images,
                                                   .pixels = e.pixels,
                                                   .channels = e.channels,
                                                   .blocks = blocks,
                                                   .groups = v.groups,
                                                   .eps = v.eps,
                                                   .about_mean = v.about_mean,
                                                   .center = v.center};
  step->count = e.images;
  jimm_step_ref(step, offsetof(jimm_norm_args, x), o.x, JIMM_READ);
  jimm_step_ref(step, offsetof(jimm_norm_args, sums), sums, JIMM_READ);
  jimm_step_ref(step, offsetof(jimm_norm_args, affine), affine, JIMM_WRITE);
  const jimm_affine_args args = {.least = parameters[2], .gate = parameters[2]};
  return emit_affine(l, head, &o, affine, rows[2], &args);
}

jimm_status jimm_emit_channel_norm(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_channel_norm_attrs *a = node->attrs;
  const jimm_extent e = jimm_output_extent(l, head);
  const float *parameters[3] = {NULL, NULL, NULL};
  jimm_step *step;
  jimm_status status = get_parameters(l, node, parameters);
  if (status == JIMM_OK) {
    status = jimm_unary_step(l, head, sizeof(jimm_channel_norm_args),
                             offsetof(jimm_channel_norm_args, x),
                             offsetof(jimm_channel_norm_args, y), JIMM_REUSE, &step);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_channel_norm_args *n = step->args;
  n->weight = parameters[0];
  n->bias = parameters[1];
  n->rows = e.images * e.pixels;
  n->channels = e.channels;
  n->block_rows = jimm_ceil_div(JIMM_TASK_ELEMENTS, e.channels);
  n->type = a->type;
  n->eps = a->eps;
  step->count = jimm_ceil_div(n->rows, n->block_rows);
  return JIMM_OK;
}
