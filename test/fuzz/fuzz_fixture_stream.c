/* What a damaged child process may send: jimm_parity_read with the input in the place of the pipe.
 */
#include <jimm/base.h>
#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "fuzz.h"
#include "fuzz_hdf5.h"

jimm_status __wrap_jimm_child_start(jimm_child *child,
                                    void (*work)(void *context, const jimm_child *child),
                                    void *context);
bool __wrap_jimm_child_read(const jimm_child *child, void *data, size_t size);
int __wrap_jimm_child_end(jimm_child *child, bool now);

jimm_status __wrap_jimm_child_start(jimm_child *child,
                                    void (*work)(void *context, const jimm_child *child),
                                    void *context) {
  (void)work;
  (void)context;
  *child = (jimm_child){1, 1};
  return JIMM_OK;
}

bool __wrap_jimm_child_read(const jimm_child *child, void *data, size_t size) {
  (void)child;
  if (size > fuzz_size) {
    return false;
  }
  memcpy(data, fuzz_data, size);
  fuzz_data += size;
  fuzz_size -= size;
  return true;
}

int __wrap_jimm_child_end(jimm_child *child, bool now) {
  (void)child;
  return now ? 9 : 11;
}

/* The stream may claim gigabytes, which cost nothing until they are written: here they are refused.
 */
static void *allocate(void *context, size_t bytes, size_t alignment) {
  (void)context;
  return bytes > 16u << 20
             ? NULL
             : aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void release(void *context, void *pointer) {
  (void)context;
  free(pointer);
}

void fuzz_one(void) {
  static const jimm_allocator small = {sizeof small, allocate, release, NULL};
  jimm_parity parity;
  fuzz_require(jimm_set_allocator(&small) == JIMM_OK);
  if (jimm_parity_read("input.h5", &parity) != JIMM_OK) {
    fuzz_require(parity.state == NULL && parity.outputs == NULL && parity.input.data == NULL);
    fuzz_require(jimm_error_message()[0] != 0);
    return;
  }
  fuzz_touch_fixture(&parity);
}
