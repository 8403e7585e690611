/* Where activations and scratch lie: lifetimes from the steps' refs, sharing in place, then best
 * fit by descending size into one arena. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

static int32_t root_of(const jimm_plan *plan, int32_t buffer) {
  while (plan->buffers[buffer].root != buffer) {
    buffer = plan->buffers[buffer].root;
  }
  return buffer;
}

static void find_lifetimes(jimm_plan *plan) {
  for (int32_t b = 0; b < plan->buffer_count; b++) {
    plan->buffers[b].first = INT32_MAX;
    plan->buffers[b].last = -1;
    plan->buffers[b].root = b;
  }
  for (int32_t s = 0; s < plan->step_count; s++) {
    for (int32_t r = 0; r < plan->steps[s].ref_count; r++) {
      jimm_buffer *b = &plan->buffers[plan->steps[s].refs[r].buffer];
      b->first = b->first < s ? b->first : s;
      b->last = s;
    }
  }
}

/* Whether step s may write `to` over the buffer of ref r, which it reads. */
static bool may_reuse(const jimm_plan *plan, int32_t s, int32_t r, int32_t to) {
  const jimm_step *step = &plan->steps[s];
  const int32_t from = root_of(plan, step->refs[r].buffer);
  if (plan->buffers[from].last != s || plan->buffers[from].bytes != plan->buffers[to].bytes ||
      plan->buffers[to].first != s || from == to) {
    return false;
  }
  for (int32_t i = 0; i < step->ref_count; i++) {
    if (step->refs[i].access == JIMM_READ && root_of(plan, step->refs[i].buffer) == from) {
      return false;
    }
  }
  return true;
}

static void share_in_place(jimm_plan *plan) {
  for (int32_t s = 0; s < plan->step_count; s++) {
    const jimm_step *step = &plan->steps[s];
    const int32_t to = jimm_step_result(step);
    for (int32_t r = 0; r < step->ref_count && to != JIMM_NO_BUFFER; r++) {
      if (step->refs[r].access == JIMM_REUSE && may_reuse(plan, s, r, to)) {
        jimm_buffer *from = &plan->buffers[root_of(plan, step->refs[r].buffer)];
        from->last = plan->buffers[to].last;
        plan->buffers[to].root = step->refs[r].buffer;
        break;
      }
    }
  }
}

typedef struct placed {
  int32_t buffer;
  size_t bytes, offset;
} placed;

static int by_size(const void *a, const void *b) {
  const placed *x = a;
  const placed *y = b;
  if (x->bytes != y->bytes) {
    return x->bytes > y->bytes ? -1 : 1;
  }
  return x->buffer < y->buffer ? -1 : x->buffer > y->buffer;
}

/* The smallest gap that holds `bytes` beside those of the first `count` that live at the same time;
 * `list` is sorted by offset. */
static bool best_gap(const jimm_plan *plan, const placed *list, int32_t count, const placed *item,
                     size_t *offset) {
  const jimm_buffer *me = &plan->buffers[item->buffer];
  size_t end = 0;
  size_t best = SIZE_MAX;
  bool found = false;
  for (int32_t i = 0; i < count; i++) {
    const jimm_buffer *other = &plan->buffers[list[i].buffer];
    if (other->last < me->first || other->first > me->last) {
      continue;
    }
    if (list[i].offset > end && list[i].offset - end >= item->bytes &&
        list[i].offset - end < best) {
      best = list[i].offset - end;
      *offset = end;
      found = true;
    }
    const size_t past = list[i].offset + list[i].bytes;
    end = past > end ? past : end;
  }
  if (!found) {
    *offset = end;
  }
  return end <= SIZE_MAX / 2 && item->bytes <= SIZE_MAX / 2;
}

static jimm_status assign_offsets(jimm_plan *plan) {
  const size_t n = (size_t)plan->buffer_count;
  placed *items = jimm_calloc(2 * n + 1, sizeof(*items));
  if (items == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  placed *list = items + n;
  int32_t count = 0;
  for (int32_t b = 0; b < plan->buffer_count; b++) {
    if (plan->buffers[b].root == b && plan->buffers[b].last >= 0) {
      items[count++] = (placed){b, plan->buffers[b].bytes, 0};
    }
  }
  qsort(items, (size_t)count, sizeof(*items), by_size);
  plan->arena_bytes = 0;
  for (int32_t i = 0; i < count; i++) {
    placed item = items[i];
    if (!best_gap(plan, list, i, &item, &item.offset)) {
      jimm_free(items);
      return jimm_fail(JIMM_ERROR_LIMIT, "plan: the activations need more than %zu bytes",
                       SIZE_MAX / 2);
    }
    plan->buffers[item.buffer].offset = item.offset;
    if (item.offset + item.bytes > plan->arena_bytes) {
      plan->arena_bytes = item.offset + item.bytes;
    }
    int32_t at = i;
    for (; at > 0 && list[at - 1].offset > item.offset; at--) {
      list[at] = list[at - 1];
    }
    list[at] = item;
  }
  for (int32_t b = 0; b < plan->buffer_count; b++) {
    plan->buffers[b].offset = plan->buffers[root_of(plan, b)].offset;
  }
  jimm_free(items);
  return JIMM_OK;
}

jimm_status jimm_plan_place(jimm_plan *plan) {
  find_lifetimes(plan);
  share_in_place(plan);
  const jimm_status status = assign_offsets(plan);
  if (status != JIMM_OK) {
    return status;
  }
  const size_t zero_bytes = plan->zero_count * sizeof(float);
  plan->memory = jimm_alloc(plan->arena_bytes + zero_bytes);
  if (plan->memory == NULL) {
    return jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "plan: %zu bytes of activations",
                             plan->arena_bytes);
  }
  char *memory = (char *)plan->memory;
  memset(memory + plan->arena_bytes, 0, zero_bytes);
  for (int32_t s = 0; s < plan->step_count; s++) {
    jimm_step *step = &plan->steps[s];
    if (step->conv != NULL) {
      step->conv->zeros = (const float *)(memory + plan->arena_bytes);
    }
    for (int32_t r = 0; r < step->ref_count; r++) {
      const jimm_ref *ref = &step->refs[r];
      const jimm_buffer *buffer = &plan->buffers[ref->buffer];
      void *at = memory + buffer->offset;
      memcpy((char *)step->args + ref->field, &at, sizeof(at));
      step->bytes_read += ref->access == JIMM_READ || ref->access == JIMM_REUSE ? buffer->bytes : 0;
      step->bytes_written += ref->access == JIMM_WRITE ? buffer->bytes : 0;
    }
  }
  return JIMM_OK;
}
