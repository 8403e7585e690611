#include <string.h>

#include <jimm/tensor.h>

#include "base/locale.h"

int32_t jimm_shape_axis(const jimm_shape *shape) {
  return shape->axis == 0 ? 1 : shape->axis;
}

int64_t jimm_shape_count(const jimm_shape *shape) {
  if (shape->rank < 0 || shape->rank > JIMM_MAX_RANK) {
    return -1;
  }
  int64_t count = 1;
  bool empty = false, overflow = false;
  for (int32_t i = 0; i < shape->rank; i++) {
    if (shape->dim[i] < 0) {
      return -1;
    }
    empty = empty || shape->dim[i] == 0;
    overflow = overflow || __builtin_mul_overflow(count, shape->dim[i], &count);
  }
  return empty ? 0 : overflow ? -1 : count;
}

bool jimm_shape_equal(const jimm_shape *a, const jimm_shape *b) {
  if (a->rank != b->rank) {
    return false;
  }
  for (int32_t i = 0; i < a->rank && i < JIMM_MAX_RANK; i++) {
    if (a->dim[i] != b->dim[i]) {
      return false;
    }
  }
  return true;
}

char *jimm_shape_format(const jimm_shape *shape, char *buffer, size_t size) {
  char text[8 + JIMM_MAX_RANK * 24];
  size_t at = 0;
  if (shape->rank < 0) {
    at = (size_t)jimm_snprintf(text, sizeof text, "absent");
  } else if (shape->rank > JIMM_MAX_RANK) {
    at = (size_t)jimm_snprintf(text, sizeof text, "[rank %d]", (int)shape->rank);
  } else {
    text[at++] = '[';
    for (int32_t i = 0; i < shape->rank; i++) {
      at += (size_t)jimm_snprintf(text + at, sizeof text - at, "%s%lld", i == 0 ? "" : ", ",
                                  (long long)shape->dim[i]);
    }
    text[at++] = ']';
  }
  if (size > 0) {
    size_t keep = at < size ? at : size - 1;
    memcpy(buffer, text, keep);
    buffer[keep] = 0;
  }
  return buffer;
}
