/* The HDF5 files that the library opens in a fuzz target: the image in memory that fuzz_hdf5_image
 * holds, or the input itself (-Wl,--wrap, as in fuzz_files.c). */
#include <hdf5.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_hdf5.h"

hid_t __wrap_H5Fopen(const char *path, unsigned flags, hid_t access);
htri_t __wrap_H5Fis_hdf5(const char *path);
bool __wrap_jimm_os_exists(const char *path);
bool __wrap_jimm_os_is_folder(const char *path);
hid_t __real_H5Fopen(const char *path, unsigned flags, hid_t access);

const void *fuzz_hdf5_image;
size_t fuzz_hdf5_size;

hid_t __wrap_H5Fopen(const char *path, unsigned flags, hid_t access) {
  (void)access;
  const void *image = fuzz_hdf5_image != NULL ? fuzz_hdf5_image : fuzz_data;
  const size_t size = fuzz_hdf5_image != NULL ? fuzz_hdf5_size : fuzz_size;
  const hid_t properties = H5Pcreate(H5P_FILE_ACCESS);
  hid_t file = -1;
  if (size > 0 && H5Pset_fapl_core(properties, 65536, 0) >= 0 &&
      H5Pset_file_image(properties, (void *)(uintptr_t)image, size) >= 0) {
    file = __real_H5Fopen(path, flags, properties);
  }
  H5Pclose(properties);
  return file;
}

htri_t __wrap_H5Fis_hdf5(const char *path) {
  (void)path;
  return 1;
}

bool __wrap_jimm_os_exists(const char *path) {
  (void)path;
  return true;
}

bool __wrap_jimm_os_is_folder(const char *path) {
  (void)path;
  return false;
}

/* The library's free lists keep what it frees (half a megabyte per file), since giving it back to
 * the system and taking it again costs more than most inputs. */
__attribute__((constructor)) static void keep_memory(void) {
  H5set_free_list_limits(-1, -1, -1, -1, -1, -1);
}

static void touch_state(const jimm_state *state) {
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const jimm_tensor *tensor = jimm_state_tensor(state, i);
    fuzz_touch(tensor->data, jimm_tensor_bytes(tensor));
  }
}

void fuzz_touch_fixture(jimm_parity *parity) {
  fuzz_touch(parity->input.data, jimm_tensor_bytes(&parity->input));
  touch_state(parity->state);
  touch_state(parity->outputs);
  if (parity->stages != NULL) {
    touch_state(parity->stages);
  }
  fuzz_touch(parity->channels.data, jimm_tensor_bytes(&parity->channels));
  fuzz_touch(parity->reductions.data, jimm_tensor_bytes(&parity->reductions));
  fuzz_touch(parity->variant, parity->variant == NULL ? 0 : strlen(parity->variant));
  fuzz_touch(parity->options, parity->options == NULL ? 0 : strlen(parity->options));
  jimm_parity_close(parity);
}
