/* The pickle machine: opcodes of Python's pickle protocols 1 to 5 on a stack of values. Nothing
 * here calls itself, so no input is too deep; memory is counted, and the memo and the stack cannot
 * outgrow the pickle. */
#include "state/pickle.h"

#include <stdint.h>
#include <string.h>

#include "state/pickle_machine.h"

#define PROTOCOL_LIMIT 5
#define STOP_OPCODE '.'

/* ---- opcodes: classes and functions ---- */

static jimm_status push_global(jimm_unpickler *r, const char *module, size_t module_length,
                               const char *name, size_t name_length) {
  jimm_pickle *value = NULL;
  const jimm_status status =
      jimm_pickle_global_value(r, module, module_length, name, name_length, &value);
  return status == JIMM_OK ? jimm_pickle_push(r, value) : status;
}

jimm_status jimm_pickle_run_global(jimm_unpickler *r, int argument) {
  const char *module = NULL, *name = NULL;
  size_t module_length = 0, name_length = 0;
  (void)argument;
  jimm_status status = jimm_pickle_take_line(r, &module, &module_length);
  if (status == JIMM_OK) {
    status = jimm_pickle_take_line(r, &name, &name_length);
  }
  return status == JIMM_OK ? push_global(r, module, module_length, name, name_length) : status;
}

jimm_status jimm_pickle_run_stack_global(jimm_unpickler *r, int argument) {
  (void)argument;
  const jimm_status status = jimm_pickle_need(r, 2);
  if (status != JIMM_OK) {
    return status;
  }
  const jimm_pickle *name = r->stack[--r->stack_count], *module = r->stack[--r->stack_count];
  if (name->type != JIMM_PICKLE_TEXT || module->type != JIMM_PICKLE_TEXT) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "expected the texts of a module and a name");
  }
  return push_global(r, module->text, module->length, name->text, name->length);
}

/* REDUCE and NEWOBJ. */
jimm_status jimm_pickle_run_call(jimm_unpickler *r, int creates) {
  jimm_status status = jimm_pickle_need(r, 2);
  if (status != JIMM_OK) {
    return status;
  }
  const jimm_pickle *arguments = r->stack[--r->stack_count], *callable = r->stack[--r->stack_count];
  jimm_pickle *value = NULL;
  status = jimm_pickle_call(r, callable, arguments, creates != 0, &value);
  return status == JIMM_OK ? jimm_pickle_push(r, value) : status;
}

jimm_status jimm_pickle_run_build(jimm_unpickler *r, int argument) {
  (void)argument;
  const jimm_status status = jimm_pickle_need(r, 2);
  if (status != JIMM_OK) {
    return status;
  }
  const jimm_pickle *state = r->stack[--r->stack_count];
  return jimm_pickle_build(r, jimm_pickle_top(r), state);
}

jimm_status jimm_pickle_run_persistent(jimm_unpickler *r, int argument) {
  (void)argument;
  jimm_status status = jimm_pickle_need(r, 1);
  if (status != JIMM_OK) {
    return status;
  }
  jimm_pickle *value = NULL;
  status = jimm_pickle_persistent(r, r->stack[--r->stack_count], &value);
  return status == JIMM_OK ? jimm_pickle_push(r, value) : status;
}

/* ---- opcodes: the pickle itself ---- */

jimm_status jimm_pickle_run_protocol(jimm_unpickler *r, int argument) {
  uint64_t protocol;
  (void)argument;
  const jimm_status status = jimm_pickle_take_number(r, 1, &protocol);
  if (status == JIMM_OK && protocol > PROTOCOL_LIMIT) {
    return jimm_pickle_fail(r, JIMM_ERROR_UNSUPPORTED, "protocol %u, expected at most %d",
                            (unsigned)protocol, PROTOCOL_LIMIT);
  }
  return status;
}

/* Frames are hints for reading ahead. */
jimm_status jimm_pickle_run_frame(jimm_unpickler *r, int argument) {
  uint64_t length;
  (void)argument;
  const jimm_status status = jimm_pickle_take_number(r, 8, &length);
  if (status == JIMM_OK && length > r->size - r->at) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "truncated: a frame of %llu bytes, %zu are left",
                            (unsigned long long)length, r->size - r->at);
  }
  return status;
}

/* What the machine does not do: text opcodes of protocol 0, whose pickles cannot hold tensors,
 * classes by number, buffers from elsewhere. */
jimm_status jimm_pickle_run_refused(jimm_unpickler *r, int argument) {
  (void)argument;
  return jimm_pickle_fail(r, JIMM_ERROR_UNSUPPORTED,
                          "refuses this opcode, which no state_dict needs");
}

typedef struct opcode {
  const char *name;
  jimm_status (*run)(jimm_unpickler *r, int argument);
  int argument;
} opcode;

static const opcode opcodes[256] = {
#define OPCODE(code_, name_, run_, argument_) [code_] = {#name_, run_, argument_},
#include "state/pickle_opcodes.def"
#undef OPCODE
};

/* The value of the finished pickle: the only one that is left. */
static jimm_status stop(jimm_unpickler *r, jimm_pickle **value) {
  if (r->stack_count != 1 || r->mark_count != 0) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT,
                            "expected one value on the stack, found %zu and %zu marks",
                            r->stack_count, r->mark_count);
  }
  *value = r->stack[0];
  r->stack_count = 0;
  return JIMM_OK;
}

jimm_status jimm_pickle_read(jimm_unpickler *reader, jimm_pickle **value) {
  jimm_status status = JIMM_OK;
  if (reader->last_storage == NULL) {
    reader->last_storage = &reader->storages;
  }
  if (reader->memo_count > 0) {
    memset((void *)reader->memo, 0, reader->memo_count * sizeof(jimm_pickle *));
    reader->memo_filled = 0;
  }
  while (status == JIMM_OK) {
    reader->opcode_at = reader->at;
    reader->opcode = "end";
    if (reader->at == reader->size) {
      return jimm_pickle_fail(reader, JIMM_ERROR_FORMAT, "truncated: expected an opcode");
    }
    const unsigned char code = reader->data[reader->at++];
    const opcode *one = &opcodes[code];
    if (code == STOP_OPCODE) {
      reader->opcode = "STOP";
      return stop(reader, value);
    }
    if (one->run == NULL) {
      reader->opcode = "unknown";
      return jimm_pickle_fail(reader, JIMM_ERROR_FORMAT, "there is no opcode 0x%02x",
                              (unsigned)code);
    }
    reader->opcode = one->name;
    status = one->run(reader, one->argument);
  }
  return status;
}

void jimm_unpickler_close(jimm_unpickler *reader) {
  jimm_arena_close(&reader->arena);
  jimm_free((void *)reader->stack);
  jimm_free((void *)reader->memo);
  jimm_free(reader->marks);
  *reader = (jimm_unpickler){.name = NULL};
}
