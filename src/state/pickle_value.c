/* What pickle.c and pickle_call.c make values with. */
#include <stdarg.h>
#include <string.h>

#include "base/locale.h"
#include "state/pickle.h"

jimm_status jimm_pickle_fail(const jimm_unpickler *reader, jimm_status status, const char *format,
                             ...) {
  char text[2 * JIMM_SHOW_TEXT + 256];
  va_list args;
  va_start(args, format);
  jimm_vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return jimm_fail(status, "%s: byte %zu (%s): %s", reader->name, reader->opcode_at, reader->opcode,
                   text);
}

void *jimm_pickle_alloc(jimm_unpickler *reader, size_t bytes, jimm_status *status) {
  const size_t limit = reader->memory_limit == 0 ? JIMM_PICKLE_MEMORY : reader->memory_limit;
  if (bytes > limit || reader->memory > limit - bytes) {
    *status =
        jimm_pickle_fail(reader, JIMM_ERROR_LIMIT, "the values take more than %zu bytes", limit);
    return NULL;
  }
  reader->memory += bytes;
  void *memory = jimm_arena_alloc(&reader->arena, bytes);
  *status = memory == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  return memory;
}

jimm_pickle *jimm_pickle_make(jimm_unpickler *reader, jimm_pickle_type type, jimm_status *status) {
  jimm_pickle *value = jimm_pickle_alloc(reader, sizeof *value, status);
  if (value != NULL) {
    value->type = type;
    value->offset = reader->opcode_at;
  }
  return value;
}

jimm_status jimm_pickle_append(jimm_unpickler *reader, jimm_pickle *list, jimm_pickle *item) {
  if (list->count == list->capacity) {
    jimm_status status;
    const size_t capacity = list->capacity == 0 ? 4 : list->capacity * 2;
    jimm_pickle **items = jimm_pickle_alloc(reader, capacity * sizeof(jimm_pickle *), &status);
    if (items == NULL) {
      return status;
    }
    if (list->count > 0) {
      memcpy(items, list->items, list->count * sizeof(jimm_pickle *));
    }
    list->items = items;
    list->capacity = capacity;
  }
  list->items[list->count++] = item;
  return JIMM_OK;
}

const char *jimm_pickle_describe(const jimm_pickle *value, char *buffer, size_t size) {
  static const char *const words[] = {
      [JIMM_PICKLE_NONE] = "None",          [JIMM_PICKLE_BOOL] = "a bool",
      [JIMM_PICKLE_INTEGER] = "an integer", [JIMM_PICKLE_BIG] = "an integer",
      [JIMM_PICKLE_FLOAT] = "a float",      [JIMM_PICKLE_TEXT] = "a text",
      [JIMM_PICKLE_BYTES] = "bytes",        [JIMM_PICKLE_TUPLE] = "a tuple",
      [JIMM_PICKLE_LIST] = "a list",        [JIMM_PICKLE_DICT] = "a dict",
      [JIMM_PICKLE_SET] = "a set",          [JIMM_PICKLE_STORAGE] = "a storage",
      [JIMM_PICKLE_TENSOR] = "a tensor",
  };
  if (value->type != JIMM_PICKLE_GLOBAL && value->type != JIMM_PICKLE_OBJECT) {
    return words[value->type];
  }
  jimm_snprintf(buffer, size, value->type == JIMM_PICKLE_GLOBAL ? "%s.%s" : "an object of %s.%s",
                value->global->module, value->global->name);
  return buffer;
}

bool jimm_pickle_is_text(const jimm_pickle *value, const char *text) {
  return (value->type == JIMM_PICKLE_TEXT || value->type == JIMM_PICKLE_BYTES) &&
         value->length == strlen(text) && memcmp(value->text, text, value->length) == 0;
}
