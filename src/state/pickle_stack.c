/* The stack of a pickle, and the opcodes that gather values into containers. */
#include <stdint.h>
#include <string.h>

#include "base/locale.h"
#include "state/pickle_machine.h"

#define MARK_LIMIT 1000 /* Python's pickler does not nest deeper either */

/* ---- the stack ---- */

jimm_status jimm_pickle_push(jimm_unpickler *r, jimm_pickle *value) {
  const jimm_status status = jimm_reserve(&r->stack, r->stack_count, r->stack_count + 1,
                                          sizeof(jimm_pickle *), &r->stack_capacity);
  if (status == JIMM_OK) {
    r->stack[r->stack_count++] = value;
  }
  return status;
}

jimm_status jimm_pickle_need(const jimm_unpickler *r, size_t count) {
  const size_t floor = r->mark_count == 0 ? 0 : r->marks[r->mark_count - 1];
  if (r->stack_count - floor >= count) {
    return JIMM_OK;
  }
  return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "expected %zu values on the stack, found %zu",
                          count, r->stack_count - floor);
}

jimm_pickle *jimm_pickle_top(const jimm_unpickler *r) {
  return r->stack[r->stack_count - 1];
}

/* Takes away the last mark; the values from *first to the top are those above it. */
static jimm_status pop_mark(jimm_unpickler *r, size_t *first) {
  if (r->mark_count == 0) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "expected a mark on the stack, found none");
  }
  *first = r->marks[--r->mark_count];
  return JIMM_OK;
}

jimm_status jimm_pickle_push_new(jimm_unpickler *r, jimm_pickle_type type, int64_t integer) {
  jimm_status status;
  jimm_pickle *value = jimm_pickle_make(r, type, &status);
  if (value == NULL) {
    return status;
  }
  value->integer = integer;
  return jimm_pickle_push(r, value);
}

jimm_status jimm_pickle_push_text(jimm_unpickler *r, jimm_pickle_type type, const void *text,
                                  size_t length) {
  jimm_status status;
  jimm_pickle *value = jimm_pickle_make(r, type, &status);
  if (value == NULL) {
    return status;
  }
  value->text = text;
  value->length = length;
  return jimm_pickle_push(r, value);
}

/* ---- opcodes: containers ---- */

jimm_status jimm_pickle_run_mark(jimm_unpickler *r, int argument) {
  (void)argument;
  if (r->mark_count == MARK_LIMIT) {
    return jimm_pickle_fail(r, JIMM_ERROR_LIMIT, "more than %d marks are open", MARK_LIMIT);
  }
  if (r->marks == NULL) {
    r->marks = jimm_calloc(MARK_LIMIT, sizeof *r->marks);
    if (r->marks == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
  }
  r->marks[r->mark_count++] = r->stack_count;
  return JIMM_OK;
}

jimm_status jimm_pickle_run_empty(jimm_unpickler *r, int type) {
  return jimm_pickle_push_new(r, (jimm_pickle_type)type, 0);
}

/* Replaces the values from `first` on by one that holds them. */
static jimm_status gather(jimm_unpickler *r, size_t first, jimm_pickle_type type) {
  jimm_status status;
  jimm_pickle *value = jimm_pickle_make(r, type, &status);
  if (value == NULL) {
    return status;
  }
  const size_t count = r->stack_count - first;
  if (type == JIMM_PICKLE_DICT && count % 2 != 0) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "a key without a value");
  }
  if (count > 0 && type != JIMM_PICKLE_SET) {
    value->items = jimm_pickle_alloc(r, count * sizeof(jimm_pickle *), &status);
    if (value->items == NULL) {
      return status;
    }
    memcpy(value->items, r->stack + first, count * sizeof(jimm_pickle *));
    value->count = value->capacity = count;
  }
  r->stack_count = first;
  return jimm_pickle_push(r, value);
}

jimm_status jimm_pickle_run_gather(jimm_unpickler *r, int type) {
  size_t first = 0;
  const jimm_status status = pop_mark(r, &first);
  return status == JIMM_OK ? gather(r, first, (jimm_pickle_type)type) : status;
}

jimm_status jimm_pickle_run_tuple(jimm_unpickler *r, int count) {
  const jimm_status status = jimm_pickle_need(r, (size_t)count);
  return status == JIMM_OK ? gather(r, r->stack_count - (size_t)count, JIMM_PICKLE_TUPLE) : status;
}

/* Moves the values from `first` on into the container below them. */
static jimm_status pour(jimm_unpickler *r, size_t first, jimm_pickle_type type) {
  char text[JIMM_SHOW_TEXT];
  const size_t floor = r->mark_count == 0 ? 0 : r->marks[r->mark_count - 1];
  if (first <= floor) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "expected a container on the stack, found none");
  }
  jimm_pickle *container = r->stack[first - 1];
  if (container->type != type) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "expected %s, found %s",
                            type == JIMM_PICKLE_DICT   ? "a dict"
                            : type == JIMM_PICKLE_LIST ? "a list"
                                                       : "a set",
                            jimm_pickle_describe(container, text, sizeof text));
  }
  if (type == JIMM_PICKLE_DICT && (r->stack_count - first) % 2 != 0) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "a key without a value");
  }
  jimm_status status = JIMM_OK;
  for (size_t i = first; i < r->stack_count && type != JIMM_PICKLE_SET && status == JIMM_OK; i++) {
    status = jimm_pickle_append(r, container, r->stack[i]);
  }
  r->stack_count = first;
  return status;
}

jimm_status jimm_pickle_run_add(jimm_unpickler *r, int type) {
  const size_t count = type == JIMM_PICKLE_DICT ? 2 : 1;
  const jimm_status status = jimm_pickle_need(r, count + 1);
  return status == JIMM_OK ? pour(r, r->stack_count - count, (jimm_pickle_type)type) : status;
}

jimm_status jimm_pickle_run_add_all(jimm_unpickler *r, int type) {
  size_t first = 0;
  const jimm_status status = pop_mark(r, &first);
  return status == JIMM_OK ? pour(r, first, (jimm_pickle_type)type) : status;
}

/* ---- opcodes: the stack ---- */

jimm_status jimm_pickle_run_pop(jimm_unpickler *r, int argument) {
  (void)argument;
  const jimm_status status = jimm_pickle_need(r, 1);
  r->stack_count -= status == JIMM_OK;
  return status;
}

jimm_status jimm_pickle_run_pop_mark(jimm_unpickler *r, int argument) {
  size_t first = 0;
  (void)argument;
  const jimm_status status = pop_mark(r, &first);
  r->stack_count = status == JIMM_OK ? first : r->stack_count;
  return status;
}

jimm_status jimm_pickle_run_dup(jimm_unpickler *r, int argument) {
  (void)argument;
  const jimm_status status = jimm_pickle_need(r, 1);
  return status == JIMM_OK ? jimm_pickle_push(r, jimm_pickle_top(r)) : status;
}
