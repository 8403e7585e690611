/* The storages that the tensors of a checkpoint lie in. */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/locale.h"
#include "state/checkpoint.h"

jimm_status jimm_checkpoint_fail_storage(const jimm_checkpoint *checkpoint,
                                         const jimm_pickle_storage *storage, const char *format,
                                         ...) {
  char shown[JIMM_SHOW_TEXT], text[JIMM_SHOW_TEXT];
  va_list args;
  va_start(args, format);
  jimm_vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return jimm_fail(JIMM_ERROR_FORMAT, "%s: storage %s (byte %zu): %s", checkpoint->pickle.name,
                   jimm_show(shown, sizeof shown, storage->key, storage->key_length),
                   storage->offset, text);
}

size_t jimm_storage_unit(const jimm_pickle_global *type) {
  return type->action == JIMM_GLOBAL_UNTYPED_STORAGE ? 1
         : type->dtype == JIMM_DTYPE_NONE            ? type->element_size
                                                     : jimm_dtype_size(type->dtype);
}

jimm_status jimm_checkpoint_bytes(const jimm_checkpoint *checkpoint,
                                  const jimm_pickle_storage *storage, uint64_t *bytes) {
  if (__builtin_mul_overflow((uint64_t)storage->count, jimm_storage_unit(storage->type), bytes)) {
    return jimm_checkpoint_fail_storage(
        checkpoint, storage, "the size of its %lld elements overflows", (long long)storage->count);
  }
  return JIMM_OK;
}

jimm_status jimm_checkpoint_collect(jimm_checkpoint *checkpoint) {
  jimm_unpickler *pickle = &checkpoint->pickle;
  size_t count = 0;
  for (const jimm_pickle_storage *s = pickle->storages; s != NULL; s = s->next) {
    count++;
  }
  checkpoint->storages = jimm_arena_alloc(&pickle->arena, count * sizeof(jimm_pickle_storage *));
  if (checkpoint->storages == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  for (jimm_pickle_storage *s = pickle->storages; s != NULL; s = s->next) {
    char *key = jimm_arena_alloc(&pickle->arena, s->key_length + 1);
    if (key == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
    memcpy(key, s->key, s->key_length);
    s->key = key;
    const int64_t first = jimm_map_find(&checkpoint->keys, key);
    if (first >= 0) {
      s->root = checkpoint->storages[first];
      if (s->type != s->root->type || s->count != s->root->count) {
        return jimm_checkpoint_fail_storage(checkpoint, s,
                                            "it is named with two types or two sizes");
      }
      continue;
    }
    const jimm_status status =
        jimm_map_insert(&checkpoint->keys, key, (int64_t)checkpoint->storage_count);
    if (status != JIMM_OK) {
      return status;
    }
    s->root = s;
    checkpoint->storages[checkpoint->storage_count++] = s;
  }
  return JIMM_OK;
}
