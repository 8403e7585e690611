/* Steps of pooling and padding. */
#include <string.h>

#include "plan/emit.h"

/* A step from maps to maps; its args begin with them. */
static jimm_status maps_step(jimm_lowering *l, jimm_value head, size_t args_size,
                             jimm_step **step) {
  const jimm_extent in = jimm_input_extent(l, head);
  const jimm_extent out = jimm_output_extent(l, head);
  const jimm_status status = jimm_unary_step(l, head, args_size, offsetof(jimm_maps, x),
                                             offsetof(jimm_maps, y), JIMM_READ, step);
  if (status != JIMM_OK) {
    return status;
  }
  *(jimm_maps *)(*step)->args = (jimm_maps){.images = in.images,
                                            .channels = in.channels,
                                            .in_height = (int64_t)in.height,
                                            .in_width = (int64_t)in.width,
                                            .out_height = (int64_t)out.height,
                                            .out_width = (int64_t)out.width};
  (*step)->count = out.images * out.height;
  return JIMM_OK;
}

jimm_status jimm_emit_pool(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  jimm_step *step;
  const jimm_status status = maps_step(l, head, sizeof(jimm_pool_args), &step);
  if (status != JIMM_OK) {
    return status;
  }
  jimm_pool_args *p = step->args;
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
  return JIMM_OK;
}

jimm_status jimm_emit_global_pool(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_extent in = jimm_input_extent(l, head);
  jimm_step *step;
  const jimm_status status =
      jimm_unary_step(l, head, sizeof(jimm_global_pool_args), offsetof(jimm_global_pool_args, x),
                      offsetof(jimm_global_pool_args, y), JIMM_READ, &step);
  if (status != JIMM_OK) {
    return status;
  }
  const jimm_global_pool_attrs *a = node->attrs;
  *(jimm_global_pool_args *)step->args = (jimm_global_pool_args){
      .images = in.images, .pixels = in.pixels, .channels = in.channels, .type = a->type};
  step->count = in.images * jimm_ceil_div(in.channels, JIMM_CHANNEL_BLOCK);
  return JIMM_OK;
}

jimm_status jimm_emit_blur_pool(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_blur_pool2d_attrs *a = node->attrs;
  jimm_step *step;
  const jimm_status status = maps_step(l, head, sizeof(jimm_blur_args), &step);
  if (status != JIMM_OK) {
    return status;
  }
  jimm_blur_args *b = step->args;
  b->filter_size = a->filter_size;
  b->stride = a->stride;
  b->padding = (a->stride - 1 + a->filter_size - 1) / 2;
  b->filter[0] = 1.0f;
  for (int64_t n = 1; n < a->filter_size; n++) { /* (1/2 + 1/2)^n: exact */
    for (int64_t i = n; i > 0; i--) {
      b->filter[i] = 0.5f * b->filter[i] + 0.5f * b->filter[i - 1];
    }
    b->filter[0] *= 0.5f;
  }
  return JIMM_OK;
}

jimm_status jimm_emit_pad(jimm_lowering *l, jimm_value head) {
  const jimm_node *node = jimm_graph_node(l->graph, head);
  const jimm_pad2d_attrs *a = node->attrs;
  const jimm_extent in = jimm_input_extent(l, head);
  const jimm_extent out = jimm_output_extent(l, head);
  jimm_step *step;
  const jimm_status status =
      jimm_unary_step(l, head, sizeof(jimm_pad_args), offsetof(jimm_pad_args, x),
                      offsetof(jimm_pad_args, y), JIMM_READ, &step);
  if (status != JIMM_OK) {
    return status;
  }
  *(jimm_pad_args *)step->args = (jimm_pad_args){
      .images = in.images,
      .channels = in.channels,
      .height = in.height,
      .width = in.width,
      .pad = {(size_t)a->before[0], (size_t)a->after[0], (size_t)a->before[1], (size_t)a->after[1]},
      .value = (float)a->value};
  step->count = out.images * out.height;
  return JIMM_OK;
}
