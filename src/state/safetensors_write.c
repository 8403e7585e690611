/* The safetensors writer. For the same tensors it makes the same bytes as the safetensors library
 * (0.8): the layout by element type, then name; JSON without spaces; the header padded to 8. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/locale.h"
#include "state/safetensors.h"
#include "state/state.h"

/* The library's order of element types, by falling alignment. */
static const jimm_dtype layout_order[] = {JIMM_U64, JIMM_I64,  JIMM_F64, JIMM_F32, JIMM_U32,
                                          JIMM_I32, JIMM_BF16, JIMM_F16, JIMM_U16, JIMM_I16,
                                          JIMM_I8,  JIMM_U8,   JIMM_BOOL};

static int layout_place(jimm_dtype dtype) {
  int place = 0;
  while (layout_order[place] != dtype) {
    place++;
  }
  return place;
}

static int compare_layout(const void *left, const void *right) {
  const jimm_state_entry *a = *(const jimm_state_entry *const *)left;
  const jimm_state_entry *b = *(const jimm_state_entry *const *)right;
  int order = layout_place(a->tensor.dtype) - layout_place(b->tensor.dtype);
  return order != 0 ? order : strcmp(a->name, b->name);
}

static void append_metadata(jimm_text *text, const jimm_state *state) {
  jimm_text_append(text, "\"" SAFETENSORS_METADATA "\":{");
  for (size_t i = 0; i < state->metadata_count; i++) {
    const jimm_state_metadatum *datum = &state->metadata[i];
    jimm_text_append(text, i == 0 ? "" : ",");
    jimm_json_quote(text, datum->key, strlen(datum->key));
    jimm_text_append(text, ":");
    jimm_json_quote(text, datum->value, strlen(datum->value));
  }
  jimm_text_append(text, "}");
}

static jimm_status append_tensor(jimm_text *text, const jimm_state_entry *entry, uint64_t *offset) {
  const jimm_tensor *tensor = &entry->tensor;
  uint64_t end;
  if (__builtin_add_overflow(*offset, jimm_tensor_bytes(tensor), &end) || end > INT64_MAX) {
    return jimm_fail(JIMM_ERROR_LIMIT, "the tensors' sizes overflow");
  }
  jimm_json_quote(text, entry->name, strlen(entry->name));
  jimm_text_append(text, ":{\"dtype\":\"%s\",\"shape\":[", jimm_dtype_name(tensor->dtype));
  for (int32_t i = 0; i < tensor->shape.rank; i++) {
    jimm_text_append(text, i == 0 ? "%lld" : ",%lld", (long long)tensor->shape.dim[i]);
  }
  jimm_text_append(text, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)*offset,
                   (unsigned long long)end);
  *offset = end;
  return JIMM_OK;
}

/* Header length, header, padding. */
static jimm_status make_header(const jimm_state *state, const jimm_state_entry *const *entries,
                               jimm_text *text) {
  uint64_t offset = 0;
  jimm_text_append_bytes(text, "\0\0\0\0\0\0\0\0", SAFETENSORS_PREFIX);
  jimm_text_append(text, "{");
  if (state->metadata_count > 0) {
    append_metadata(text, state);
  }
  for (size_t i = 0; i < state->count; i++) {
    jimm_text_append(text, i > 0 || state->metadata_count > 0 ? "," : "");
    jimm_status status = append_tensor(text, entries[i], &offset);
    if (status != JIMM_OK) {
      return status;
    }
  }
  jimm_text_append(text, "}");
  while (text->length % 8 != 0 && !text->failed) {
    jimm_text_append(text, " ");
  }
  if (text->failed) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  uint64_t header = text->length - SAFETENSORS_PREFIX;
  if (header > SAFETENSORS_HEADER_LIMIT) {
    return jimm_fail(JIMM_ERROR_LIMIT, "a header of %llu bytes, expected at most %zu",
                     (unsigned long long)header, SAFETENSORS_HEADER_LIMIT);
  }
  for (int i = 0; i < SAFETENSORS_PREFIX; i++) {
    text->data[i] = (char)(header >> 8 * i & 0xFF);
  }
  return JIMM_OK;
}

static jimm_status write_file(const char *path, const jimm_text *header, size_t count,
                              const jimm_state_entry *const *entries) {
  jimm_writer writer;
  jimm_status status = jimm_writer_open(path, &writer);
  if (status != JIMM_OK) {
    return status;
  }
  status = jimm_writer_write(&writer, header->data, header->length);
  for (size_t i = 0; status == JIMM_OK && i < count; i++) {
    status =
        jimm_writer_write(&writer, entries[i]->tensor.data, jimm_tensor_bytes(&entries[i]->tensor));
  }
  if (status == JIMM_OK) {
    return jimm_writer_commit(&writer);
  }
  jimm_writer_abandon(&writer);
  return status;
}

jimm_status jimm_state_save(const jimm_state *state, const char *path) {
  if (state == NULL || path == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_state_save: state or path is NULL");
  }
  if (jimm_state_find(state, SAFETENSORS_METADATA) != NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "%s: the format has no tensor of the name " SAFETENSORS_METADATA, path);
  }
  const jimm_state_entry **entries = jimm_calloc(state->count, sizeof(void *));
  if (entries == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  for (size_t i = 0; i < state->count; i++) {
    entries[i] = &state->entries[i];
  }
  qsort(entries, state->count, sizeof(void *), compare_layout);
  jimm_text header = {NULL, 0, 0, 0};
  jimm_status status = make_header(state, entries, &header);
  if (status != JIMM_OK) {
    status = jimm_fail_context(status, "%s", path);
  } else {
    status = write_file(path, &header, state->count, entries);
  }
  jimm_free(header.data);
  jimm_free(entries);
  return status;
}
