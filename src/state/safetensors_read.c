/* The safetensors reader: 8 bytes of header length, a JSON header, the tensors' data. Everything
 * that the format demands is checked before a tensor is made, so that a state never points outside
 * its file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/locale.h"
#include "state/safetensors.h"
#include "state/state.h"

/* One tensor of the header. */
typedef struct entry {
  const jimm_json *json; /* the member; its key is the name */
  jimm_dtype dtype;
  jimm_shape shape;
  uint64_t begin, end; /* in the data */
} entry;

typedef struct reader {
  const char *path;
  jimm_mapping mapping;
  size_t header_size, data_size;
  const unsigned char *data;
  jimm_arena arena;
  const jimm_json *root;
  entry *entries;
  size_t count;
} reader;

/* Element types of the format that jimm does not have. */
static const char *const foreign_dtypes[] = {"F8_E5M2",     "F8_E4M3",     "F8_E8M0",
                                             "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F6_E2M3",
                                             "F6_E3M2",     "F4",          "C64"};

/* ---- errors ---- */

/* Puts file, tensor and the place of `at` (a value of the header) before the message. */
static jimm_status in_tensor(const reader *r, const jimm_json *tensor, const jimm_json *at,
                             jimm_status status) {
  char shown[JIMM_SHOW_TEXT];
  return jimm_fail_context(status, "%s: tensor %s (byte %zu)", r->path,
                           jimm_show(shown, sizeof shown, tensor->key, tensor->key_length),
                           at->offset + SAFETENSORS_PREFIX);
}

static jimm_status expected_in(const reader *r, const jimm_json *tensor, const jimm_json *at,
                               const char *what) {
  jimm_fail(JIMM_ERROR_FORMAT, "expected %s", what);
  return in_tensor(r, tensor, at, JIMM_ERROR_FORMAT);
}

/* ---- header ---- */

static jimm_status read_header(reader *r) {
  const unsigned char *file = r->mapping.data;
  const size_t size = r->mapping.size;
  if (size < SAFETENSORS_PREFIX) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: not a safetensors file: %zu bytes, expected at least %d", r->path, size,
                     SAFETENSORS_PREFIX);
  }
  uint64_t header = 0;
  for (int i = 0; i < SAFETENSORS_PREFIX; i++) {
    header |= (uint64_t)file[i] << 8 * i;
  }
  if (header > size - SAFETENSORS_PREFIX) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: truncated or not a safetensors file: the header's length (byte 0) is "
                     "%llu, but the file has only %zu bytes after it",
                     r->path, (unsigned long long)header, size - SAFETENSORS_PREFIX);
  }
  if (header > SAFETENSORS_HEADER_LIMIT) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: the header's length (byte 0) is %llu, expected at most %zu", r->path,
                     (unsigned long long)header, SAFETENSORS_HEADER_LIMIT);
  }
  if (header == 0 || file[SAFETENSORS_PREFIX] != '{') {
    return jimm_fail(
        JIMM_ERROR_FORMAT,
        "%s: not a safetensors file: expected a header that starts with '{' at byte %d", r->path,
        SAFETENSORS_PREFIX);
  }
  r->header_size = (size_t)header;
  r->data = file + SAFETENSORS_PREFIX + r->header_size;
  r->data_size = size - SAFETENSORS_PREFIX - r->header_size;
  char *name = jimm_format("%s: header (which starts at byte %d)", r->path, SAFETENSORS_PREFIX);
  if (name == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_json *root;
  jimm_status status =
      jimm_json_parse(name, file + SAFETENSORS_PREFIX, r->header_size, &r->arena, &root);
  jimm_free(name);
  r->root = root;
  return status;
}

/* ---- one tensor ---- */

static jimm_status read_dtype(const reader *r, const jimm_json *tensor, const jimm_json *value,
                              jimm_dtype *dtype) {
  if (value->type != JIMM_JSON_STRING) {
    return expected_in(r, tensor, value, "a string as \"dtype\"");
  }
  for (int i = JIMM_F64; i <= JIMM_BOOL; i++) {
    const char *name = jimm_dtype_name((jimm_dtype)i);
    if (strlen(name) == value->length && memcmp(name, value->string, value->length) == 0) {
      *dtype = (jimm_dtype)i;
      return JIMM_OK;
    }
  }
  jimm_status status = JIMM_ERROR_FORMAT;
  for (size_t i = 0; i < sizeof foreign_dtypes / sizeof foreign_dtypes[0]; i++) {
    if (strlen(foreign_dtypes[i]) == value->length &&
        memcmp(foreign_dtypes[i], value->string, value->length) == 0) {
      status = JIMM_ERROR_UNSUPPORTED;
    }
  }
  char shown[JIMM_SHOW_TEXT];
  jimm_fail(status, "%s dtype %s", status == JIMM_ERROR_FORMAT ? "unknown" : "unsupported",
            jimm_show(shown, sizeof shown, value->string, value->length));
  return in_tensor(r, tensor, value, status);
}

/* An integer that is not negative. */
static bool is_size(const jimm_json *value) {
  return value->type == JIMM_JSON_NUMBER && value->is_integer && value->integer >= 0;
}

static jimm_status read_shape(const reader *r, const jimm_json *tensor, const jimm_json *value,
                              jimm_shape *shape) {
  if (value->type != JIMM_JSON_ARRAY) {
    return expected_in(r, tensor, value, "an array as \"shape\"");
  }
  int32_t rank = 0;
  for (const jimm_json *item = value->first; item != NULL; item = item->next, rank++) {
    if (!is_size(item)) {
      return expected_in(r, tensor, item, "dimensions in \"shape\" that are integers from 0 on");
    }
    if (rank < JIMM_MAX_RANK) {
      shape->dim[rank] = item->integer;
    }
    if (rank == INT32_MAX) {
      break;
    }
  }
  if (rank > JIMM_MAX_RANK) {
    jimm_fail(JIMM_ERROR_UNSUPPORTED, "unsupported rank %d, expected at most %d", (int)rank,
              JIMM_MAX_RANK);
    return in_tensor(r, tensor, value, JIMM_ERROR_UNSUPPORTED);
  }
  shape->rank = rank;
  return JIMM_OK;
}

static jimm_status read_offsets(const reader *r, const jimm_json *tensor, const jimm_json *value,
                                entry *out) {
  if (value->type != JIMM_JSON_ARRAY || value->length != 2 || !is_size(value->first) ||
      !is_size(value->first->next)) {
    return expected_in(r, tensor, value, "two integers from 0 on as \"data_offsets\"");
  }
  out->begin = (uint64_t)value->first->integer;
  out->end = (uint64_t)value->first->next->integer;
  if (out->begin > out->end) {
    jimm_fail(JIMM_ERROR_FORMAT, "data_offsets begin at %llu and end at %llu before it",
              (unsigned long long)out->begin, (unsigned long long)out->end);
    return in_tensor(r, tensor, value, JIMM_ERROR_FORMAT);
  }
  return JIMM_OK;
}

static bool has_key(const jimm_json *member, const char *key) {
  return strlen(key) == member->key_length && memcmp(member->key, key, member->key_length) == 0;
}

static jimm_status read_entry(const reader *r, const jimm_json *tensor, entry *out) {
  *out = (entry){.json = tensor};
  if (memchr(tensor->key, 0, tensor->key_length) != NULL) {
    return expected_in(r, tensor, tensor, "a name without zero bytes");
  }
  if (tensor->type != JIMM_JSON_OBJECT) {
    return expected_in(r, tensor, tensor, "an object");
  }
  const jimm_json *dtype = NULL, *shape = NULL, *offsets = NULL;
  for (const jimm_json *member = tensor->first; member != NULL; member = member->next) {
    if (has_key(member, "dtype")) {
      dtype = member;
    } else if (has_key(member, "shape")) {
      shape = member;
    } else if (has_key(member, "data_offsets")) {
      offsets = member;
    } else {
      char shown[JIMM_SHOW_TEXT];
      jimm_fail(JIMM_ERROR_FORMAT, "unknown key %s",
                jimm_show(shown, sizeof shown, member->key, member->key_length));
      return in_tensor(r, tensor, member, JIMM_ERROR_FORMAT);
    }
  }
  if (dtype == NULL || shape == NULL || offsets == NULL) {
    return expected_in(r, tensor, tensor,
                       dtype == NULL   ? "the key \"dtype\""
                       : shape == NULL ? "the key \"shape\""
                                       : "the key \"data_offsets\"");
  }
  jimm_status status = read_dtype(r, tensor, dtype, &out->dtype);
  if (status == JIMM_OK) {
    status = read_shape(r, tensor, shape, &out->shape);
  }
  if (status == JIMM_OK) {
    status = read_offsets(r, tensor, offsets, out);
  }
  if (status != JIMM_OK) {
    return status;
  }
  char text[JIMM_SHAPE_TEXT];
  const int64_t count = jimm_shape_count(&out->shape);
  uint64_t bytes;
  if (count < 0 || __builtin_mul_overflow((uint64_t)count, jimm_dtype_size(out->dtype), &bytes)) {
    jimm_fail(JIMM_ERROR_FORMAT, "the size of %s %s overflows", jimm_dtype_name(out->dtype),
              jimm_shape_format(&out->shape, text, sizeof text));
    return in_tensor(r, tensor, shape, JIMM_ERROR_FORMAT);
  }
  if (bytes != out->end - out->begin) {
    jimm_fail(JIMM_ERROR_FORMAT, "%s %s takes %llu bytes, but data_offsets [%llu, %llu] hold %llu",
              jimm_dtype_name(out->dtype), jimm_shape_format(&out->shape, text, sizeof text),
              (unsigned long long)bytes, (unsigned long long)out->begin,
              (unsigned long long)out->end, (unsigned long long)(out->end - out->begin));
    return in_tensor(r, tensor, offsets, JIMM_ERROR_FORMAT);
  }
  return JIMM_OK;
}

/* ---- all tensors ---- */

/* By place in the data; tensors without elements by their place in the header. */
static int compare_entries(const void *left, const void *right) {
  const entry *a = left, *b = right;
  return a->begin != b->begin ? (a->begin > b->begin) - (a->begin < b->begin)
         : a->end != b->end
             ? (a->end > b->end) - (a->end < b->end)
             : (a->json->offset > b->json->offset) - (a->json->offset < b->json->offset);
}

/* The tensors must fill the data from its first byte to its last, each starting where the one
 * before it ends. */
static jimm_status check_layout(const reader *r) {
  uint64_t at = 0;
  for (size_t i = 0; i < r->count; i++) {
    const entry *e = &r->entries[i];
    jimm_status status = JIMM_OK;
    if (e->end > r->data_size) {
      status = jimm_fail(JIMM_ERROR_FORMAT,
                         "data_offsets [%llu, %llu] reach past the end of the data, which has %zu "
                         "bytes (a truncated file?)",
                         (unsigned long long)e->begin, (unsigned long long)e->end, r->data_size);
    } else if (e->begin > at) {
      status = jimm_fail(JIMM_ERROR_FORMAT,
                         "data_offsets begin at %llu, expected %llu: a hole of %llu bytes",
                         (unsigned long long)e->begin, (unsigned long long)at,
                         (unsigned long long)(e->begin - at));
    } else if (e->begin < at) {
      char shown[JIMM_SHOW_TEXT];
      const jimm_json *before = r->entries[i - 1].json;
      status = jimm_fail(JIMM_ERROR_FORMAT,
                         "data_offsets begin at %llu, expected %llu: overlaps tensor %s",
                         (unsigned long long)e->begin, (unsigned long long)at,
                         jimm_show(shown, sizeof shown, before->key, before->key_length));
    }
    if (status != JIMM_OK) {
      return in_tensor(r, e->json, e->json, status);
    }
    at = e->end;
  }
  if (at != r->data_size) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: %llu bytes after the end of the last tensor's data (byte %llu)", r->path,
                     (unsigned long long)(r->data_size - at),
                     (unsigned long long)(SAFETENSORS_PREFIX + r->header_size + at));
  }
  return JIMM_OK;
}

static jimm_status check_metadata(const reader *r, const jimm_json *metadata) {
  jimm_status status = JIMM_OK;
  const jimm_json *at = metadata;
  if (metadata->type != JIMM_JSON_OBJECT) {
    status = jimm_fail(JIMM_ERROR_FORMAT, "expected an object of strings");
  }
  for (const jimm_json *item = metadata->first; status == JIMM_OK && item != NULL;
       item = item->next) {
    char shown[JIMM_SHOW_TEXT];
    at = item;
    if (item->type != JIMM_JSON_STRING) {
      status = jimm_fail(JIMM_ERROR_FORMAT, "expected a string as %s",
                         jimm_show(shown, sizeof shown, item->key, item->key_length));
    } else if (memchr(item->key, 0, item->key_length) != NULL ||
               memchr(item->string, 0, item->length) != NULL) {
      status = jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s holds a zero byte",
                         jimm_show(shown, sizeof shown, item->key, item->key_length));
    }
  }
  return status == JIMM_OK ? status
                           : jimm_fail_context(status, "%s: " SAFETENSORS_METADATA " (byte %zu)",
                                               r->path, at->offset + SAFETENSORS_PREFIX);
}

static jimm_status read_entries(reader *r) {
  r->entries = jimm_calloc(r->root->length, sizeof *r->entries);
  if (r->entries == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  for (const jimm_json *member = r->root->first; member != NULL; member = member->next) {
    jimm_status status = has_key(member, SAFETENSORS_METADATA)
                             ? check_metadata(r, member)
                             : read_entry(r, member, &r->entries[r->count++]);
    if (status != JIMM_OK) {
      return status;
    }
  }
  qsort(r->entries, r->count, sizeof *r->entries, compare_entries);
  return check_layout(r);
}

/* ---- the state ---- */

/* The tensor as a view into the mapping. Headers of any length are allowed, so data may lie at an
 * address that its type does not allow: then it is copied. */
static jimm_status add_tensor(const reader *r, const entry *e, jimm_state *state) {
  const unsigned char *data = r->data + e->begin;
  const size_t bytes = (size_t)(e->end - e->begin);
  jimm_tensor tensor = {e->dtype, e->shape, (void *)(uintptr_t)data, NULL};
  jimm_status status = JIMM_OK;
  if ((uintptr_t)data % jimm_dtype_size(e->dtype) != 0) {
    status = jimm_tensor_create(e->dtype, &e->shape, &tensor);
    if (status != JIMM_OK) {
      return status;
    }
    if (bytes > 0) {
      memcpy(tensor.data, data, bytes);
    }
  }
  status = jimm_state_append_cleaned(state, e->json->key, &tensor);
  if (status != JIMM_OK) {
    jimm_tensor_close(&tensor);
  }
  return status;
}

static jimm_status add_metadata(const jimm_json *metadata, jimm_state *state) {
  if (metadata == NULL || metadata->length == 0) {
    return JIMM_OK;
  }
  /* The keys are known to differ: filled in here, without looking for each among the others. */
  state->metadata = jimm_calloc(metadata->length, sizeof *state->metadata);
  if (state->metadata == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  state->metadata_capacity = metadata->length;
  for (const jimm_json *item = metadata->first; item != NULL; item = item->next) {
    jimm_state_metadatum *datum = &state->metadata[state->metadata_count++];
    datum->key = jimm_strndup(item->key, item->key_length);
    datum->value = jimm_strndup(item->string, item->length);
    if (datum->key == NULL || datum->value == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
  }
  return JIMM_OK;
}

static jimm_status make_state(reader *r, jimm_state **result) {
  jimm_state *state;
  jimm_status status = jimm_state_create(&state);
  if (status == JIMM_OK) {
    status = add_metadata(jimm_json_get(r->root, SAFETENSORS_METADATA), state);
  }
  for (size_t i = 0; status == JIMM_OK && i < r->count; i++) {
    status = add_tensor(r, &r->entries[i], state);
  }
  if (status != JIMM_OK) {
    jimm_state_close(&state);
    return jimm_fail_context(status, "%s", r->path);
  }
  state->mapping = r->mapping; /* from here on the state unmaps it */
  *result = state;
  return JIMM_OK;
}

jimm_status jimm_safetensors_read(const char *path, jimm_mapping *mapping, jimm_state **state) {
  reader r = {.path = path, .mapping = *mapping};
  jimm_status status = read_header(&r);
  if (status == JIMM_OK && r.root != NULL) {
    status = read_entries(&r);
  }
  if (status == JIMM_OK) {
    status = make_state(&r, state);
  }
  jimm_free(r.entries);
  jimm_arena_close(&r.arena);
  if (status == JIMM_OK) {
    *mapping = (jimm_mapping){NULL, 0};
  }
  return status;
}
