/* Weights files of every format, told apart by their first bytes. */
#include <string.h>

#include "state/checkpoint.h"
#include "state/safetensors.h"

/* The archive of PyTorch 0.1: POSIX tar. */
static bool is_tar(const unsigned char *data, size_t size) {
  return size >= 512 && memcmp(data + 257, "ustar", 5) == 0;
}

static jimm_status read_file(const char *path, jimm_mapping *mapping, jimm_state **state) {
  const unsigned char *data = mapping->data;
  const size_t size = mapping->size;
  if (jimm_checkpoint_is_zip(data, size) || jimm_checkpoint_is_legacy(data, size)) {
    return jimm_checkpoint_read(path, mapping, state);
  }
  if (is_tar(data, size)) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "%s: a tar archive, as PyTorch 0.1 wrote it: load it there and save it anew",
                     path);
  }
  return jimm_safetensors_read(path, mapping, state);
}

jimm_status jimm_state_open(const char *path, jimm_state **state) {
  if (path == NULL || state == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_state_open: path or state is NULL");
  }
  *state = NULL;
  jimm_mapping mapping = {NULL, 0};
  jimm_status status = jimm_os_map(path, &mapping);
  if (status == JIMM_OK) {
    status = read_file(path, &mapping, state);
  }
  jimm_os_unmap(&mapping);
  return status;
}
