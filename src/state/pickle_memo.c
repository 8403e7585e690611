/* The memo of a pickle: values that are named again. */
#include <stdint.h>
#include <string.h>

#include "state/pickle_machine.h"

/* Picklers number their memo from 0 or 1 on, so an index beyond the bytes read is a lie. */
static jimm_status put(jimm_unpickler *r, uint64_t index) {
  jimm_status status = jimm_pickle_need(r, 1);
  if (status != JIMM_OK) {
    return status;
  }
  if (index > r->at) {
    return jimm_pickle_fail(r, JIMM_ERROR_LIMIT, "entry %llu of the memo after %zu bytes",
                            (unsigned long long)index, r->at);
  }
  const size_t before = r->memo_count;
  status = jimm_reserve(&r->memo, before, (size_t)index + 1, sizeof(jimm_pickle *), &r->memo_count);
  if (status != JIMM_OK) {
    return status;
  }
  memset((void *)(r->memo + before), 0, (r->memo_count - before) * sizeof(jimm_pickle *));
  r->memo_filled += r->memo[index] == NULL;
  r->memo[index] = jimm_pickle_top(r);
  return JIMM_OK;
}

static jimm_status get(jimm_unpickler *r, uint64_t index) {
  if (index >= r->memo_count || r->memo[index] == NULL) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "the memo has no entry %llu",
                            (unsigned long long)index);
  }
  return jimm_pickle_push(r, r->memo[index]);
}

jimm_status jimm_pickle_run_put(jimm_unpickler *r, int width) {
  uint64_t index;
  const jimm_status status = jimm_pickle_take_number(r, width, &index);
  return status == JIMM_OK ? put(r, index) : status;
}

jimm_status jimm_pickle_run_get(jimm_unpickler *r, int width) {
  uint64_t index;
  const jimm_status status = jimm_pickle_take_number(r, width, &index);
  return status == JIMM_OK ? get(r, index) : status;
}

/* The number that the value on the stack, which is taken away, was put there as. */
static jimm_status take_index_line(jimm_unpickler *r, uint64_t *index) {
  jimm_status status = jimm_pickle_run_integer_line(r, 0);
  if (status != JIMM_OK) {
    return status;
  }
  const jimm_pickle *number = r->stack[--r->stack_count];
  if (number->type == JIMM_PICKLE_BIG || number->integer < 0) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "expected an entry of the memo");
  }
  *index = (uint64_t)number->integer;
  return status;
}

jimm_status jimm_pickle_run_put_line(jimm_unpickler *r, int argument) {
  uint64_t index = 0;
  (void)argument;
  const jimm_status status = take_index_line(r, &index);
  return status == JIMM_OK ? put(r, index) : status;
}

jimm_status jimm_pickle_run_get_line(jimm_unpickler *r, int argument) {
  uint64_t index = 0;
  (void)argument;
  const jimm_status status = take_index_line(r, &index);
  return status == JIMM_OK ? get(r, index) : status;
}

jimm_status jimm_pickle_run_memoize(jimm_unpickler *r, int argument) {
  (void)argument;
  return put(r, r->memo_filled);
}
