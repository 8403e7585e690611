#include "state/state.h"

#include <stdint.h>
#include <string.h>

#include "base/locale.h"
#include "tensor/tensor.h"

#define BLOCK_MOST ((size_t)64 << 20)

typedef struct jimm_state_block {
  struct jimm_state_block *next;
  size_t used, size; /* of the bytes after JIMM_ALIGNMENT */
} jimm_state_block;

jimm_status jimm_state_create(jimm_state **state) {
  *state = jimm_calloc(1, sizeof **state);
  if (*state == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  (*state)->references = 1;
  return JIMM_OK;
}

jimm_state *jimm_state_retain(jimm_state *state) {
  __atomic_add_fetch(&state->references, 1, __ATOMIC_RELAXED);
  return state;
}

void jimm_state_close(jimm_state **state) {
  if (state == NULL || *state == NULL) {
    return;
  }
  jimm_state *old = *state;
  *state = NULL;
  if (__atomic_sub_fetch(&old->references, 1, __ATOMIC_ACQ_REL) > 0) {
    return;
  }
  for (size_t i = 0; i < old->count; i++) {
    jimm_free(old->entries[i].name);
    jimm_tensor_close(&old->entries[i].tensor);
  }
  for (size_t i = 0; i < old->metadata_count; i++) {
    jimm_free(old->metadata[i].key);
    jimm_free(old->metadata[i].value);
  }
  jimm_free(old->entries);
  jimm_free(old->metadata);
  jimm_map_close(&old->index);
  jimm_os_unmap(&old->mapping);
  jimm_state_close(&old->source);
  while (old->blocks != NULL) {
    jimm_state_block *block = old->blocks;
    old->blocks = block->next;
    jimm_free(block);
  }
  jimm_free(old);
}

void *jimm_state_room(jimm_state *state, size_t bytes, size_t most) {
  jimm_state_block *block = state->blocks;
  const size_t step = JIMM_ALIGNMENT - 1;
  if (bytes > SIZE_MAX / 2) {
    jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: %zu bytes could not be had", bytes);
    return NULL;
  }
  if (block == NULL || block->size - block->used < bytes) {
    const size_t usual = most < BLOCK_MOST ? most : BLOCK_MOST;
    const size_t size = ((bytes > usual ? bytes : usual) + step) & ~step;
    block = jimm_alloc(JIMM_ALIGNMENT + size);
    if (block == NULL) {
      return NULL;
    }
    *block = (jimm_state_block){state->blocks, 0, size};
    state->blocks = block;
  }
  void *room = (unsigned char *)block + JIMM_ALIGNMENT + block->used;
  const size_t taken = (bytes + step) & ~step;
  block->used = taken < block->size - block->used ? block->used + taken : block->size;
  return room;
}

jimm_status jimm_state_append(jimm_state *state, const char *name, const jimm_tensor *tensor) {
  char shown[JIMM_SHOW_TEXT];
  size_t length = strlen(name), bytes;
  size_t valid = jimm_utf8_valid_prefix(name, length);
  if (valid != length) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "the tensor name %s is not UTF-8 at byte %zu",
                     jimm_show(shown, sizeof shown, name, length), valid);
  }
  jimm_status status = jimm_tensor_check(tensor, &bytes);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "tensor %s",
                             jimm_show(shown, sizeof shown, name, strlen(name)));
  }
  status = jimm_reserve(&state->entries, state->count, state->count + 1, sizeof *state->entries,
                        &state->capacity);
  char *copy = status == JIMM_OK ? jimm_strndup(name, length) : NULL;
  if (copy == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  status = jimm_map_insert(&state->index, copy, (int64_t)state->count);
  if (status != JIMM_OK) {
    if (status == JIMM_ERROR_INVALID_ARGUMENT) {
      jimm_fail(status, "tensor %s is there already", jimm_show(shown, sizeof shown, name, length));
    }
    jimm_free(copy);
    return status;
  }
  state->entries[state->count++] = (jimm_state_entry){copy, *tensor};
  return JIMM_OK;
}

jimm_status jimm_state_append_cleaned(jimm_state *state, const char *name,
                                      const jimm_tensor *tensor) {
  static const char *const prefixes[] = {"module.", "_orig_mod."};
  const char *cleaned = name;
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
    const size_t length = strlen(prefixes[i]);
    cleaned += strncmp(cleaned, prefixes[i], length) == 0 ? length : 0;
  }
  const jimm_status status = jimm_state_append(state, cleaned, tensor);
  return status == JIMM_ERROR_INVALID_ARGUMENT ? JIMM_ERROR_FORMAT : status;
}

jimm_status jimm_state_add(jimm_state *state, const char *name, const jimm_tensor *tensor) {
  if (state == NULL || name == NULL || tensor == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_state_add: state, name or tensor is NULL");
  }
  char shown[JIMM_SHOW_TEXT];
  jimm_tensor copy = {.dtype = JIMM_DTYPE_NONE};
  size_t bytes;
  jimm_status status = jimm_tensor_check(tensor, &bytes);
  if (status == JIMM_OK) {
    status = jimm_tensor_create(tensor->dtype, &tensor->shape, &copy);
  }
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "tensor %s",
                             jimm_show(shown, sizeof shown, name, strlen(name)));
  }
  if (bytes > 0) {
    memcpy(copy.data, tensor->data, bytes);
  }
  status = jimm_state_append(state, name, &copy);
  if (status != JIMM_OK) {
    jimm_tensor_close(&copy);
  }
  return status;
}

jimm_status jimm_state_add_owned(jimm_state *state, const char *name, jimm_tensor *tensor) {
  if (state == NULL || name == NULL || tensor == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_state_add_owned: state, name or tensor is NULL");
  }
  if (tensor->owned == NULL) {
    jimm_status copied = jimm_state_add(state, name, tensor);
    if (copied == JIMM_OK) {
      jimm_tensor_close(tensor);
    }
    return copied;
  }
  jimm_status status = jimm_state_append(state, name, tensor);
  if (status == JIMM_OK) {
    *tensor = (jimm_tensor){.dtype = JIMM_DTYPE_NONE};
  }
  return status;
}

jimm_status jimm_state_add_view(jimm_state *state, const char *name, jimm_state *source,
                                const jimm_tensor *tensor) {
  if (state == NULL || name == NULL || source == NULL || tensor == NULL || source == state) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_state_add_view: state, name, source or tensor is NULL, or the source is "
                     "the state itself");
  }
  if (state->source != NULL && state->source != source) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_state_add_view: %s is of another state than the views before it", name);
  }
  jimm_tensor view = *tensor;
  view.owned = NULL;
  const jimm_status status = jimm_state_append(state, name, &view);
  if (status == JIMM_OK && state->source == NULL) {
    state->source = jimm_state_retain(source);
  }
  return status;
}

int64_t jimm_state_count(const jimm_state *state) {
  return (int64_t)state->count;
}

const char *jimm_state_name(const jimm_state *state, int64_t index) {
  return index < 0 || (uint64_t)index >= state->count ? NULL : state->entries[index].name;
}

const jimm_tensor *jimm_state_tensor(const jimm_state *state, int64_t index) {
  return index < 0 || (uint64_t)index >= state->count ? NULL : &state->entries[index].tensor;
}

const jimm_tensor *jimm_state_find(const jimm_state *state, const char *name) {
  return jimm_state_tensor(state, jimm_map_find(&state->index, name));
}

jimm_status jimm_state_check_finite(const jimm_state *state) {
  if (state == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_state_check_finite: state is NULL");
  }
  jimm_finite_search search = {NULL, NULL, 0};
  for (size_t i = 0; i < state->count; i++) {
    jimm_finite_look(&search, state->entries[i].name, &state->entries[i].tensor);
  }
  return jimm_finite_status(&search);
}

const char *jimm_state_metadata(const jimm_state *state, const char *key) {
  for (size_t i = 0; i < state->metadata_count; i++) {
    if (strcmp(state->metadata[i].key, key) == 0) {
      return state->metadata[i].value;
    }
  }
  return NULL;
}

const char *jimm_state_metadata_key(const jimm_state *state, int64_t index) {
  return index < 0 || (uint64_t)index >= state->metadata_count ? NULL : state->metadata[index].key;
}

jimm_status jimm_state_set_metadata(jimm_state *state, const char *key, const char *value) {
  size_t key_length = strlen(key), value_length = strlen(value);
  if (jimm_utf8_valid_prefix(key, key_length) != key_length ||
      jimm_utf8_valid_prefix(value, value_length) != value_length) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "metadata keys and values must be UTF-8");
  }
  char *value_copy = jimm_strndup(value, value_length);
  if (value_copy == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  for (size_t i = 0; i < state->metadata_count; i++) {
    if (strcmp(state->metadata[i].key, key) == 0) {
      jimm_free(state->metadata[i].value);
      state->metadata[i].value = value_copy;
      return JIMM_OK;
    }
  }
  const size_t count = state->metadata_count;
  const jimm_status status = jimm_reserve(&state->metadata, count, count + 1,
                                          sizeof *state->metadata, &state->metadata_capacity);
  char *key_copy = status == JIMM_OK ? jimm_strndup(key, key_length) : NULL;
  if (key_copy == NULL) {
    jimm_free(value_copy);
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  state->metadata[state->metadata_count++] = (jimm_state_metadatum){key_copy, value_copy};
  return JIMM_OK;
}

void jimm_state_release_pages(const jimm_state *state, const jimm_tensor *tensor) {
  const size_t bytes = jimm_tensor_bytes(tensor);
  const uintptr_t at = (uintptr_t)tensor->data;
  for (; state != NULL && bytes > 0 && tensor->owned == NULL; state = state->source) {
    const uintptr_t begin = (uintptr_t)state->mapping.data;
    if (begin != 0 && at >= begin && at - begin <= state->mapping.size &&
        bytes <= state->mapping.size - (at - begin)) {
      jimm_os_release_pages(tensor->data, bytes);
      return;
    }
  }
}
