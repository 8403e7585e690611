/* Steps of normalisation. */
#include "plan/emit.h"

/* The step that applies center, scale and shift: from the buffer `affine`, or from `packed`. */
static jimm_status emit_affine(jimm_lowering *l, jimm_value head, jimm_operands *o, int32_t affine,
                               const float *packed) {
  const jimm_extent e = jimm_extent_of(&l->shapes[head]);
  jimm_step *step;
  const jimm_status status = jimm_new_step(l, head, "affine", sizeof(jimm_affine_args), &step);
  if (status != JIMM_OK) {
    return status;
  }
  const size_t blocks = jimm_ceil_div(e.pixels * e.channels, JIMM_TASK_ELEMENTS);
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

jimm_status jimm_emit_batch_norm(jimm_lowering *l, jimm_value head) {
  const jimm_extent e = jimm_extent_of(&l->shapes[head]);
  jimm_operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  const float *affine = NULL;
  size_t bytes = 0;
  jimm_status status = jimm_get_operands(l, head, &o);
  if (status == JIMM_OK) {
    status = jimm_pack_affine(l->plan->model, head, e.channels, &affine, &bytes);
  }
  l->plan->packed_bytes += bytes;
  return status == JIMM_OK ? emit_affine(l, head, &o, JIMM_NO_BUFFER, affine) : status;
}

/* Blocks of pixels for the sums: by size alone, so that threads do not change the result. */
static size_t moment_blocks(const jimm_extent *e) {
  const size_t blocks = jimm_ceil_div(e->pixels * e->channels, 2 * JIMM_TASK_ELEMENTS);
  return blocks > e->pixels ? e->pixels : blocks > 64 ? 64 : blocks;
}

jimm_status jimm_emit_group_norm(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_group_norm_attrs *a = node->attrs;
  const jimm_extent e = jimm_extent_of(&l->shapes[head]);
  const size_t blocks = moment_blocks(&e);
  jimm_operands o = {JIMM_NO_BUFFER, JIMM_NO_BUFFER, JIMM_NO_BUFFER};
  int32_t sums = JIMM_NO_BUFFER;
  int32_t affine = JIMM_NO_BUFFER;
  const float *parameters[2] = {NULL, NULL};
  jimm_status status = jimm_get_operands(l, head, &o);
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
