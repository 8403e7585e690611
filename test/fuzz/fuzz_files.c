/* The files that the library opens in a fuzz target: the linker puts these functions in place of
 * those of src/base/os.c (-Wl,--wrap), so that no run touches the disk. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/os.h"
#include "fuzz.h"

jimm_status __wrap_jimm_os_map(const char *path, jimm_mapping *mapping);
void __wrap_jimm_os_unmap(jimm_mapping *mapping);
void __wrap_jimm_os_release_pages(const void *data, size_t size);
jimm_status __wrap_jimm_os_read_file(const char *path, size_t limit, unsigned char **data,
                                     size_t *size);

jimm_status __wrap_jimm_os_map(const char *path, jimm_mapping *mapping) {
  (void)path;
  *mapping = (jimm_mapping){NULL, fuzz_size};
  if (fuzz_size > 0) {
    unsigned char *copy = malloc(fuzz_size);
    fuzz_require(copy != NULL);
    memcpy(copy, fuzz_data, fuzz_size);
    mapping->data = copy;
  }
  return JIMM_OK;
}

void __wrap_jimm_os_unmap(jimm_mapping *mapping) {
  free((void *)(uintptr_t)mapping->data);
  *mapping = (jimm_mapping){NULL, 0};
}

void __wrap_jimm_os_release_pages(const void *data, size_t size) {
  fuzz_touch(data, size);
}

jimm_status __wrap_jimm_os_read_file(const char *path, size_t limit, unsigned char **data,
                                     size_t *size) {
  if (fuzz_size > limit) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: too long", path);
  }
  *data = jimm_alloc(fuzz_size + 1);
  fuzz_require(*data != NULL);
  memcpy(*data, fuzz_data, fuzz_size);
  (*data)[fuzz_size] = 0;
  *size = fuzz_size;
  return JIMM_OK;
}
