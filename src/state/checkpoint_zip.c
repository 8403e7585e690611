/* Checkpoints of PyTorch 1.6 and later: a zip archive with the pickle PREFIX/data.pkl and the bytes
 * of each storage in PREFIX/data/KEY, stored. */
#include <string.h>

#include "base/locale.h"
#include "state/checkpoint.h"
#include "state/zip.h"

bool jimm_checkpoint_is_zip(const unsigned char *data, size_t size) {
  return size >= 4 && memcmp(data, "PK\3\4", 4) == 0;
}

/* The record PREFIX/name, the prefix that of the directory's first name, as in PyTorch. *entry is
 * NULL when there is none. */
static jimm_status find_record(const jimm_zip *zip, const char *name, const char *key,
                               const jimm_zip_entry **entry) {
  *entry = NULL;
  const char *first = zip->first == NULL ? "" : zip->first;
  const size_t prefix = strcspn(first, "/");
  if (first[prefix] != '/') {
    return JIMM_OK;
  }
  char *path = jimm_format("%.*s/%s%s", (int)prefix, first, name, key);
  if (path == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  *entry = jimm_zip_find(zip, path);
  jimm_free(path);
  return JIMM_OK;
}

static jimm_status check_byte_order(const jimm_checkpoint *checkpoint, const jimm_zip *zip) {
  const jimm_zip_entry *entry = NULL;
  const jimm_status status = find_record(zip, "byteorder", "", &entry);
  if (status != JIMM_OK || entry == NULL ||
      (entry->size == 6 && memcmp(entry->data, "little", 6) == 0)) {
    return status;
  }
  char shown[JIMM_SHOW_TEXT];
  const bool big = entry->size == 3 && memcmp(entry->data, "big", 3) == 0;
  return jimm_fail(big ? JIMM_ERROR_UNSUPPORTED : JIMM_ERROR_FORMAT,
                   "%s: saved with the byte order %s, expected \"little\"", checkpoint->path,
                   jimm_show(shown, sizeof shown, (const char *)entry->data, entry->size));
}

static jimm_status read_pickle(jimm_checkpoint *checkpoint, const jimm_zip *zip) {
  const jimm_zip_entry *entry = NULL, *script = NULL;
  jimm_status status = find_record(zip, "constants.pkl", "", &script);
  if (status == JIMM_OK) {
    status = find_record(zip, "data.pkl", "", &entry);
  }
  if (status != JIMM_OK) {
    return status;
  }
  if (script != NULL) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "%s: a TorchScript archive (it has constants.pkl), expected a state_dict: "
                     "torch.save(torch.jit.load(path).state_dict(), ...)",
                     checkpoint->path);
  }
  if (entry == NULL) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: a zip archive without data.pkl, expected a PyTorch checkpoint",
                     checkpoint->path);
  }
  status = jimm_zip_check_stored(zip);
  if (status == JIMM_OK) {
    status = jimm_zip_check_crc(zip, entry);
  }
  if (status == JIMM_OK) {
    status = check_byte_order(checkpoint, zip);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_unpickler *pickle = &checkpoint->pickle;
  pickle->data = entry->data;
  pickle->size = entry->size;
  status = jimm_pickle_read(pickle, &checkpoint->root);
  if (status == JIMM_OK && pickle->at != pickle->size) {
    return jimm_pickle_fail(pickle, JIMM_ERROR_FORMAT, "%zu bytes follow the pickle",
                            pickle->size - pickle->at);
  }
  return status;
}

static jimm_status find_storages(jimm_checkpoint *checkpoint, const jimm_zip *zip) {
  for (size_t i = 0; i < checkpoint->storage_count; i++) {
    jimm_pickle_storage *storage = checkpoint->storages[i];
    const jimm_zip_entry *entry = NULL;
    uint64_t bytes = 0;
    jimm_status status = find_record(zip, "data/", storage->key, &entry);
    if (status == JIMM_OK) {
      status = jimm_checkpoint_bytes(checkpoint, storage, &bytes);
    }
    if (status != JIMM_OK) {
      return status;
    }
    if (entry == NULL) {
      return jimm_checkpoint_fail_storage(checkpoint, storage, "the archive has no such entry");
    }
    if (entry->size != bytes) {
      return jimm_checkpoint_fail_storage(
          checkpoint, storage, "%lld elements take %llu bytes, but its entry has %zu",
          (long long)storage->count, (unsigned long long)bytes, entry->size);
    }
    storage->data = entry->data;
  }
  return JIMM_OK;
}

/* "PATH: data.pkl", in the arena. */
static jimm_status name_pickle(jimm_checkpoint *checkpoint) {
  const size_t room = strlen(checkpoint->path) + sizeof ": data.pkl";
  char *name = jimm_arena_alloc(&checkpoint->pickle.arena, room);
  if (name == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_snprintf(name, room, "%s: data.pkl", checkpoint->path);
  checkpoint->pickle.name = name;
  return JIMM_OK;
}

jimm_status jimm_checkpoint_read_zip(jimm_checkpoint *checkpoint) {
  jimm_zip zip;
  jimm_status status = jimm_zip_open(checkpoint->path, checkpoint->data, checkpoint->size, &zip);
  if (status == JIMM_OK) {
    status = name_pickle(checkpoint);
  }
  if (status == JIMM_OK) {
    status = read_pickle(checkpoint, &zip);
  }
  if (status == JIMM_OK) {
    status = jimm_checkpoint_collect(checkpoint);
  }
  if (status == JIMM_OK) {
    status = find_storages(checkpoint, &zip);
  }
  jimm_zip_close(&zip);
  return status;
}
