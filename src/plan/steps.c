/* Buffers and steps, one by one. */
#include "plan/lower.h"

jimm_status jimm_new_buffer(jimm_lowering *l, size_t elements, size_t element_size,
                            int32_t *buffer) {
  jimm_plan *plan = l->plan;
  size_t bytes;
  if (!jimm_size_product(&bytes, elements, element_size, 1, 1) || bytes > SIZE_MAX / 4) {
    return jimm_fail(JIMM_ERROR_LIMIT, "plan: an activation of %zu elements is too large",
                     elements);
  }
  const size_t count = (size_t)plan->buffer_count;
  if (jimm_reserve(&plan->buffers, count, count + 1, sizeof *plan->buffers,
                   &plan->buffer_capacity) != JIMM_OK) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  bytes =
      bytes == 0 ? JIMM_ALIGNMENT : (bytes + JIMM_ALIGNMENT - 1) & ~(size_t)(JIMM_ALIGNMENT - 1);
  plan->buffers[plan->buffer_count] = (jimm_buffer){.bytes = bytes};
  *buffer = plan->buffer_count++;
  return JIMM_OK;
}

/* "conv1 + bn1 + act1": the nodes of the fusion that starts at `first`. */
static const char *name_nodes(jimm_lowering *l, jimm_value first) {
  jimm_text text = {0};
  jimm_text_append(&text, "%s", jimm_graph_node(l->graph, first)->name);
  for (jimm_value v = first + 1; v <= l->fusions.of[first].end; v++) {
    if (l->fusions.head[v] == first) {
      jimm_text_append(&text, " + %s", jimm_graph_node(l->graph, v)->name);
    }
  }
  char *joined = jimm_text_take(&text);
  const char *kept = joined == NULL ? NULL : jimm_arena_strdup(&l->plan->objects, joined);
  jimm_free(joined);
  return kept;
}

jimm_status jimm_new_step(jimm_lowering *l, jimm_value first, const jimm_kernel *row,
                          size_t args_size, jimm_step **step) {
  jimm_plan *plan = l->plan;
  const size_t count = (size_t)plan->step_count;
  if (jimm_reserve(&plan->steps, count, count + 1, sizeof *plan->steps, &plan->step_capacity) !=
      JIMM_OK) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_step *s = &plan->steps[plan->step_count];
  *s = (jimm_step){
      .shape = l->shapes[l->fusions.of[first].end], .kernel = "reference", .value = JIMM_NO_VALUE};
  if (row != NULL) {
    s->kernel = row->name;
    s->task = row->task;
  }
  s->args = jimm_arena_alloc(&plan->objects, args_size);
  s->refs = jimm_arena_alloc(&plan->objects, JIMM_KERNEL_REFS * sizeof(*s->refs));
  s->nodes = name_nodes(l, first);
  if (s->args == NULL || s->refs == NULL || s->nodes == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  plan->step_count++;
  *step = s;
  return JIMM_OK;
}

void jimm_step_ref(jimm_step *step, size_t field, int32_t buffer, jimm_access access) {
  step->refs[step->ref_count++] = (jimm_ref){field, buffer, (int32_t)access};
}
