/* PyTorch checkpoints: what their two formats share. Walk: the format's file finds the pickle and
 * the bytes of its storages; checkpoint.c makes a state of them. */
#ifndef JIMM_STATE_CHECKPOINT_H
#define JIMM_STATE_CHECKPOINT_H

#include <jimm/state.h>

#include "base/os.h"
#include "state/pickle.h"

typedef struct jimm_checkpoint {
  const char *path;
  const unsigned char *data; /* of the whole file */
  size_t size;
  jimm_unpickler pickle;
  jimm_pickle *root; /* what was saved */
  /* Storages by their keys, each once; the strings end in a zero byte. */
  jimm_map keys;
  jimm_pickle_storage **storages;
  size_t storage_count;
  size_t copied; /* bytes of tensors that are no views of the file */
} jimm_checkpoint;

/* The zip format of PyTorch 1.6 and later, and the format before it. They fill in `root`, and
 * `data` of every storage. */
jimm_status jimm_checkpoint_read_zip(jimm_checkpoint *checkpoint);
jimm_status jimm_checkpoint_read_legacy(jimm_checkpoint *checkpoint);

/* ---- checkpoint_storage.c ---- */

/* Fills in `keys` and `storages` from what the pickle names. */
jimm_status jimm_checkpoint_collect(jimm_checkpoint *checkpoint);
/* Bytes of a whole storage: JIMM_ERROR_FORMAT when they overflow. */
jimm_status jimm_checkpoint_bytes(const jimm_checkpoint *checkpoint,
                                  const jimm_pickle_storage *storage, uint64_t *bytes);
/* An error of a storage, named with its key. */
jimm_status jimm_checkpoint_fail_storage(const jimm_checkpoint *checkpoint,
                                         const jimm_pickle_storage *storage, const char *format,
                                         ...) JIMM_PRINTF(3, 4);
/* Bytes of one element. */
size_t jimm_storage_unit(const jimm_pickle_global *type);

/* ---- checkpoint.c, and for the first bytes the format's file ---- */

/* How the first bytes of a file say what it is. */
bool jimm_checkpoint_is_zip(const unsigned char *data, size_t size);
bool jimm_checkpoint_is_legacy(const unsigned char *data, size_t size);
/* The state of the file `path` that *mapping holds; on success it takes the mapping over and clears
 * *mapping. */
jimm_status jimm_checkpoint_read(const char *path, jimm_mapping *mapping, jimm_state **state);

#endif
