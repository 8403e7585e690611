/* From a checkpoint's values to a state: which dict holds the weights, and each of its tensors as a
 * view of the file where that can be. */
#include "state/checkpoint.h"

#include <stdint.h>
#include <string.h>

#include "base/locale.h"
#include "state/state.h"

/* Tensors that are no views may take so many times the file's size, and this: an expanded tensor
 * claims any number of elements of a storage of one. */
#define COPY_TIMES 16
#define COPY_LIMIT ((size_t)16 << 20)

/* ---- tensors ---- */

/* The number of elements, -1 when it overflows. */
static int64_t count_elements(const jimm_pickle_tensor *from) {
  jimm_shape shape = {.rank = (int32_t)from->rank};
  memcpy(shape.dim, from->size, sizeof shape.dim);
  return jimm_shape_count(&shape);
}

/* The index of the last element that the tensor reaches; false when it overflows. */
static bool last_element(const jimm_pickle_tensor *from, int64_t *last) {
  *last = from->offset;
  for (int64_t i = 0; i < from->rank; i++) {
    int64_t reach;
    if (__builtin_mul_overflow(from->size[i] - 1, from->stride[i], &reach) ||
        __builtin_add_overflow(*last, reach, last)) {
      return false;
    }
  }
  return true;
}

/* Whether the elements lie one after the other, row by row. */
static bool is_dense(const jimm_pickle_tensor *from) {
  int64_t stride = 1;
  for (int64_t i = from->rank - 1; i >= 0; i--) {
    if (from->size[i] != 1 && from->stride[i] != stride) {
      return false;
    }
    stride *= from->size[i];
  }
  return true;
}

/* Element by element; steps beyond the last one wrap around and back. */
static void copy_strided(const jimm_pickle_tensor *from, const unsigned char *source, size_t size,
                         unsigned char *target, int64_t count) {
  int64_t index[JIMM_MAX_RANK] = {0};
  size_t at = 0;
  for (int64_t i = 0; i < count; i++) {
    memcpy(target + (size_t)i * size, source + at * size, size);
    for (int64_t d = from->rank - 1; d >= 0; d--) {
      at += (size_t)from->stride[d];
      if (++index[d] < from->size[d]) {
        break;
      }
      at -= (size_t)from->stride[d] * (size_t)from->size[d];
      index[d] = 0;
    }
  }
}

/* What the tensor's numbers promise must lie in its storage. */
static jimm_status check_tensor(const jimm_pickle_tensor *from, int64_t *count) {
  const jimm_pickle_storage *storage = from->storage;
  const size_t unit = jimm_storage_unit(storage->type), size = jimm_dtype_size(from->type->dtype);
  const int64_t elements = storage->has_view ? storage->length : storage->count;
  const uint64_t room = (uint64_t)elements * unit / size; /* the storage's bytes did not overflow */
  int64_t last = 0;
  *count = count_elements(from);
  if (*count < 0) {
    return jimm_fail(JIMM_ERROR_FORMAT, "its size overflows");
  }
  if (*count > 0 && (!last_element(from, &last) || (uint64_t)last >= room)) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "its offset, sizes and strides reach beyond its storage \"%s\" of %llu "
                     "elements",
                     storage->key, (unsigned long long)room);
  }
  return JIMM_OK;
}

static jimm_status check_kind(const jimm_pickle_tensor *from) {
  if (from->rank > JIMM_MAX_RANK) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "unsupported rank %lld, expected at most %d",
                     (long long)from->rank, JIMM_MAX_RANK);
  }
  if (from->has_metadata) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "it is negated or conjugated when it is read");
  }
  if (from->type->dtype == JIMM_DTYPE_NONE) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "unsupported element type %s.%s", from->type->module,
                     from->type->name);
  }
  return JIMM_OK;
}

/* A tensor that is a view of the file, or a copy when its elements are not dense there or lie at an
 * address that their type does not allow. */
static jimm_status make_tensor(jimm_checkpoint *checkpoint, const jimm_pickle_tensor *from,
                               jimm_state *state, jimm_tensor *tensor) {
  int64_t count;
  jimm_status status = check_kind(from);
  if (status == JIMM_OK) {
    status = check_tensor(from, &count);
  }
  if (status != JIMM_OK) {
    return status;
  }
  *tensor = (jimm_tensor){.dtype = from->type->dtype, .shape = {.rank = (int32_t)from->rank}};
  memcpy(tensor->shape.dim, from->size, sizeof tensor->shape.dim);
  if (count == 0) {
    return JIMM_OK;
  }
  const size_t size = jimm_dtype_size(from->type->dtype);
  const jimm_pickle_storage *storage = from->storage;
  const unsigned char *data = storage->root->data +
                              (size_t)storage->begin * jimm_storage_unit(storage->type) +
                              (size_t)from->offset * size;
  const bool dense = is_dense(from);
  if (dense && (uintptr_t)data % size == 0) {
    tensor->data = (void *)(uintptr_t)data;
    return JIMM_OK;
  }
  const size_t limit = COPY_LIMIT + COPY_TIMES * checkpoint->size, bytes = (size_t)count * size;
  if ((uint64_t)count > limit / size || bytes > limit - checkpoint->copied) {
    return jimm_fail(JIMM_ERROR_LIMIT, "it is not contiguous, and copies take more than %zu bytes",
                     limit);
  }
  checkpoint->copied += bytes;
  tensor->data = jimm_state_room(state, bytes, checkpoint->size);
  if (tensor->data == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  if (dense) {
    memcpy(tensor->data, data, bytes);
  } else {
    copy_strided(from, data, size, tensor->data, count);
  }
  return JIMM_OK;
}

/* ---- the state_dict ---- */

/* The value of a key that may be there; keys that are there twice: JIMM_ERROR_FORMAT. */
static jimm_status find_item(const jimm_checkpoint *checkpoint, const jimm_pickle *dict,
                             const char *key, const jimm_pickle **value) {
  *value = NULL;
  for (size_t i = 0; i + 1 < dict->count; i += 2) {
    if (!jimm_pickle_is_text(dict->items[i], key)) {
      continue;
    }
    if (*value != NULL) {
      return jimm_fail(JIMM_ERROR_FORMAT, "%s: the key \"%s\" is there twice (byte %zu)",
                       checkpoint->pickle.name, key, dict->items[i]->offset);
    }
    *value = dict->items[i + 1];
  }
  return JIMM_OK;
}

/* The dict of weights, as timm.models.load_state_dict chooses it with use_ema. */
static jimm_status choose_dict(const jimm_checkpoint *checkpoint, const jimm_pickle **dict) {
  static const char *const names[] = {"state_dict_ema", "model_ema", "state_dict", "model"};
  char text[JIMM_SHOW_TEXT];
  const jimm_pickle *root = checkpoint->root;
  if (root->type != JIMM_PICKLE_DICT) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: holds %s, expected a dict of tensors",
                     checkpoint->pickle.name, jimm_pickle_describe(root, text, sizeof text));
  }
  *dict = root;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const jimm_pickle *value = NULL;
    const jimm_status status = find_item(checkpoint, root, names[i], &value);
    if (status != JIMM_OK) {
      return status;
    }
    const bool is_ema = i < 2;
    if (value == NULL || (is_ema && value->type == JIMM_PICKLE_NONE)) {
      continue;
    }
    if (value->type != JIMM_PICKLE_DICT) {
      return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: \"%s\" is %s, expected a dict of tensors",
                       checkpoint->pickle.name, names[i],
                       jimm_pickle_describe(value, text, sizeof text));
    }
    *dict = value;
    return JIMM_OK;
  }
  return JIMM_OK;
}

static jimm_status add_item(jimm_checkpoint *checkpoint, const jimm_pickle *key,
                            const jimm_pickle *value, jimm_state *state) {
  char shown[JIMM_SHOW_TEXT], text[JIMM_SHOW_TEXT];
  if (key->type != JIMM_PICKLE_TEXT || memchr(key->text, 0, key->length) != NULL) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: byte %zu: a key of the state_dict is %s, expected a text without zero "
                     "bytes",
                     checkpoint->pickle.name, key->offset,
                     jimm_pickle_describe(key, text, sizeof text));
  }
  jimm_show(shown, sizeof shown, key->text, key->length);
  if (value->type != JIMM_PICKLE_TENSOR) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "%s: %s of the state_dict is %s (byte %zu), expected a tensor",
                     checkpoint->pickle.name, shown, jimm_pickle_describe(value, text, sizeof text),
                     value->offset);
  }
  jimm_tensor tensor = {.dtype = JIMM_DTYPE_NONE};
  jimm_status status = make_tensor(checkpoint, value->tensor, state, &tensor);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "%s: tensor %s (byte %zu)", checkpoint->pickle.name, shown,
                             value->offset);
  }
  char *name = jimm_strndup(key->text, key->length);
  status =
      name == NULL ? JIMM_ERROR_OUT_OF_MEMORY : jimm_state_append_cleaned(state, name, &tensor);
  jimm_free(name);
  if (status != JIMM_OK) {
    jimm_tensor_close(&tensor);
    return jimm_fail_context(status, "%s", checkpoint->path);
  }
  return status;
}

static jimm_status make_state(jimm_checkpoint *checkpoint, jimm_state **result) {
  const jimm_pickle *dict = NULL;
  jimm_status status = choose_dict(checkpoint, &dict);
  jimm_state *state = NULL;
  if (status == JIMM_OK) {
    status = jimm_state_create(&state);
  }
  for (size_t i = 0; status == JIMM_OK && dict != NULL && i + 1 < dict->count; i += 2) {
    status = add_item(checkpoint, dict->items[i], dict->items[i + 1], state);
  }
  if (status != JIMM_OK) {
    jimm_state_close(&state);
    return status;
  }
  *result = state;
  return JIMM_OK;
}

jimm_status jimm_checkpoint_read(const char *path, jimm_mapping *mapping, jimm_state **state) {
  jimm_checkpoint checkpoint = {.path = path, .data = mapping->data, .size = mapping->size};
  checkpoint.pickle.name = path;
  jimm_status status = jimm_checkpoint_is_zip(mapping->data, mapping->size)
                           ? jimm_checkpoint_read_zip(&checkpoint)
                           : jimm_checkpoint_read_legacy(&checkpoint);
  if (status == JIMM_OK) {
    status = make_state(&checkpoint, state);
  }
  if (status == JIMM_OK) {
    (*state)->mapping = *mapping; /* from here on the state unmaps it */
    *mapping = (jimm_mapping){NULL, 0};
  }
  jimm_map_close(&checkpoint.keys);
  jimm_unpickler_close(&checkpoint.pickle);
  return status;
}
