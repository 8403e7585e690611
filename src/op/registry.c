/* The operators: the built-in table, then those that were registered, in order. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <jimm/op.h>

#include "base/alloc.h"
#include "base/options.h"

#define OPERATOR(name) extern const jimm_op jimm_op_##name;
#include "op/ops.def"
#undef OPERATOR

static const jimm_op *const built_in[] = {
#define OPERATOR(name) &jimm_op_##name,
#include "op/ops.def"
#undef OPERATOR
};

#define BUILT_IN_COUNT ((int32_t)(sizeof(built_in) / sizeof(built_in[0])))

/* Registered operators: a list that only grows, so that readers need no lock. */
typedef struct entry entry;
struct entry {
  const jimm_op *op;
  _Atomic(entry *) next;
};

static _Atomic(entry *) first;
static _Atomic(entry *) *last = &first; /* guarded by lock */
static atomic_int registered_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int32_t jimm_op_count(void) {
  return BUILT_IN_COUNT + atomic_load_explicit(&registered_count, memory_order_acquire);
}

const jimm_op *jimm_op_at(int32_t index) {
  if (index < 0 || index >= jimm_op_count()) {
    return NULL;
  }
  if (index < BUILT_IN_COUNT) {
    return built_in[index];
  }
  const entry *e = atomic_load_explicit(&first, memory_order_acquire);
  for (int32_t i = BUILT_IN_COUNT; i < index; i++) {
    e = atomic_load_explicit(&e->next, memory_order_acquire);
  }
  return e->op;
}

const jimm_op *jimm_op_find(const char *name) {
  if (name == NULL) {
    return NULL;
  }
  for (int32_t i = 0; i < BUILT_IN_COUNT; i++) {
    if (strcmp(built_in[i]->name, name) == 0) {
      return built_in[i];
    }
  }
  for (const entry *e = atomic_load_explicit(&first, memory_order_acquire); e != NULL;
       e = atomic_load_explicit(&e->next, memory_order_acquire)) {
    if (strcmp(e->op->name, name) == 0) {
      return e->op;
    }
  }
  return NULL;
}

static int32_t name_count(const jimm_op *op) {
  return op->max_inputs == JIMM_ANY_INPUTS ? op->min_inputs : op->max_inputs;
}

const char *jimm_op_input_name(const jimm_op *op, int32_t index) {
  const int32_t count = name_count(op);
  return op->input_names[index < count ? index : count - 1];
}

static jimm_status check_row(const jimm_op *op) {
  const jimm_status sized = op == NULL ? JIMM_OK : jimm_check_row("jimm_op", op, sizeof *op);
  if (sized != JIMM_OK) {
    return sized;
  }
  if (op == NULL || op->name == NULL || op->name[0] == 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "operator row: it needs a name");
  }
  if (op->infer == NULL || op->forward_f32 == NULL || op->forward_f64 == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "operator %s: infer, forward_f32 and forward_f64 must be set", op->name);
  }
  if (op->min_inputs < 0 || op->max_inputs < op->min_inputs ||
      (op->max_inputs > 0 && op->input_names == NULL) ||
      (op->max_inputs == JIMM_ANY_INPUTS && op->min_inputs == 0)) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "operator %s: %" PRId32 " to %" PRId32
                     " inputs; expected 0 or more with names, 1 or more of any number",
                     op->name, op->min_inputs, op->max_inputs);
  }
  for (int32_t i = 0; i < name_count(op); i++) {
    if (op->input_names[i] == NULL) {
      return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "operator %s: input %" PRId32 " has no name",
                       op->name, i);
    }
  }
  if (op->attr_count < 0 || (op->attr_count > 0 && op->attrs == NULL) || op->example_count < 0 ||
      (op->example_count > 0 && op->examples == NULL)) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "operator %s: a count of attributes or examples without a table", op->name);
  }
  return JIMM_OK;
}

jimm_status jimm_op_register(const jimm_op *op) {
  const jimm_status status = check_row(op);
  if (status != JIMM_OK) {
    return status;
  }
  entry *e = jimm_calloc(1, sizeof(*e));
  if (e == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  e->op = op;
  pthread_mutex_lock(&lock);
  if (jimm_op_find(op->name) != NULL) {
    pthread_mutex_unlock(&lock);
    jimm_free(e);
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "operator %s: there is one of that name",
                     op->name);
  }
  atomic_store_explicit(last, e, memory_order_release);
  last = &e->next;
  atomic_fetch_add_explicit(&registered_count, 1, memory_order_release);
  pthread_mutex_unlock(&lock);
  return JIMM_OK;
}
