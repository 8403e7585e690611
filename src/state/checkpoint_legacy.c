/* Checkpoints from before PyTorch 1.6, or saved with _use_new_zipfile_serialization=False: the
 * pickles of a magic number, of a protocol's version, of the machine, of what was saved and of the
 * storages' keys, then each storage as its number of elements (8 bytes) and its bytes. */
#include <string.h>

#include "base/locale.h"
#include "state/bytes.h"
#include "state/checkpoint.h"

#define PROTOCOL_VERSION 1001
#define COUNT_SIZE 8

/* 0x1950A86A20F9469CFC6C */
static const unsigned char magic[] = {0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19};

bool jimm_checkpoint_is_legacy(const unsigned char *data, size_t size) {
  /* PROTO 2 to 5, then LONG1 10 or FRAME: as a safetensors header's length more than its limit. */
  return size >= 4 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5 &&
         ((data[2] == 0x8A && data[3] == sizeof magic) || (data[2] == 0x95 && data[3] > 5));
}

static jimm_status read_header(jimm_checkpoint *checkpoint) {
  jimm_pickle *value = NULL;
  char text[JIMM_SHOW_TEXT];
  jimm_status status = jimm_pickle_read(&checkpoint->pickle, &value);
  if (status != JIMM_OK) {
    return status;
  }
  if (value->type != JIMM_PICKLE_BIG || value->length != sizeof magic ||
      memcmp(value->text, magic, sizeof magic) != 0) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: a pickle of %s, expected one that torch.save wrote: its magic number at "
                     "byte 0",
                     checkpoint->path, jimm_pickle_describe(value, text, sizeof text));
  }
  status = jimm_pickle_read(&checkpoint->pickle, &value);
  if (status != JIMM_OK) {
    return status;
  }
  if (value->type != JIMM_PICKLE_INTEGER || value->integer != PROTOCOL_VERSION) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: another version of the format than %d (byte %zu)",
                     checkpoint->path, PROTOCOL_VERSION, value->offset);
  }
  /* What torch.load does not look at either: storages are little-endian whatever it says. */
  return jimm_pickle_read(&checkpoint->pickle, &value);
}

/* One key of the list, and the storage that follows at *at. */
static jimm_status read_storage(jimm_checkpoint *checkpoint, const jimm_pickle *key, size_t *at) {
  char shown[JIMM_SHOW_TEXT];
  int64_t index = -1;
  if (key->type == JIMM_PICKLE_TEXT && memchr(key->text, 0, key->length) == NULL) {
    char *name = jimm_strndup(key->text, key->length);
    if (name == NULL) {
      return JIMM_ERROR_OUT_OF_MEMORY;
    }
    index = jimm_map_find(&checkpoint->keys, name);
    jimm_free(name);
  }
  if (index < 0) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: byte %zu: %s is the key of no storage",
                     checkpoint->path, key->offset,
                     key->type == JIMM_PICKLE_TEXT
                         ? jimm_show(shown, sizeof shown, key->text, key->length)
                         : jimm_pickle_describe(key, shown, sizeof shown));
  }
  jimm_pickle_storage *storage = checkpoint->storages[index];
  uint64_t bytes;
  const jimm_status status = jimm_checkpoint_bytes(checkpoint, storage, &bytes);
  if (status != JIMM_OK) {
    return status;
  }
  if (storage->data != NULL) {
    return jimm_checkpoint_fail_storage(checkpoint, storage, "its key is listed twice");
  }
  if (checkpoint->size - *at < COUNT_SIZE) {
    return jimm_checkpoint_fail_storage(checkpoint, storage, "truncated before its bytes");
  }
  const unsigned char *data = checkpoint->data + *at;
  const uint64_t count = jimm_little_endian(data, COUNT_SIZE);
  if (count != (uint64_t)storage->count) {
    return jimm_checkpoint_fail_storage(checkpoint, storage,
                                        "the pickle says %lld elements, byte %zu says %llu",
                                        (long long)storage->count, *at, (unsigned long long)count);
  }
  *at += COUNT_SIZE;
  if (bytes > checkpoint->size - *at) {
    return jimm_checkpoint_fail_storage(checkpoint, storage,
                                        "truncated: %llu bytes belong to it, and %zu are left",
                                        (unsigned long long)bytes, checkpoint->size - *at);
  }
  storage->data = data + COUNT_SIZE;
  *at += (size_t)bytes;
  return JIMM_OK;
}

static jimm_status read_storages(jimm_checkpoint *checkpoint) {
  jimm_pickle *keys = NULL;
  char text[JIMM_SHOW_TEXT];
  jimm_status status = jimm_pickle_read(&checkpoint->pickle, &keys);
  if (status == JIMM_OK && keys->type != JIMM_PICKLE_LIST) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: byte %zu: expected the list of storages, found %s",
                     checkpoint->path, keys->offset, jimm_pickle_describe(keys, text, sizeof text));
  }
  size_t at = checkpoint->pickle.at;
  for (size_t i = 0; status == JIMM_OK && i < keys->count; i++) {
    status = read_storage(checkpoint, keys->items[i], &at);
  }
  for (size_t i = 0; status == JIMM_OK && i < checkpoint->storage_count; i++) {
    if (checkpoint->storages[i]->data == NULL) {
      return jimm_checkpoint_fail_storage(checkpoint, checkpoint->storages[i],
                                          "the list of storages does not name it");
    }
  }
  if (status == JIMM_OK && at != checkpoint->size) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: %zu bytes follow the last storage (byte %zu)",
                     checkpoint->path, checkpoint->size - at, at);
  }
  return status;
}

jimm_status jimm_checkpoint_read_legacy(jimm_checkpoint *checkpoint) {
  jimm_unpickler *pickle = &checkpoint->pickle;
  pickle->name = checkpoint->path;
  pickle->data = checkpoint->data;
  pickle->size = checkpoint->size;
  pickle->legacy = true;
  jimm_status status = read_header(checkpoint);
  if (status == JIMM_OK) {
    status = jimm_pickle_read(pickle, &checkpoint->root);
  }
  if (status == JIMM_OK) {
    status = jimm_checkpoint_collect(checkpoint);
  }
  return status == JIMM_OK ? read_storages(checkpoint) : status;
}
