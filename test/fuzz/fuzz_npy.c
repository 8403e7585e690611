/* Tensor files: jimm_npy_read. */
#include <jimm/tensor.h>

#include "fuzz.h"

void fuzz_one(void) {
  jimm_tensor tensor;
  if (jimm_npy_read("input.npy", &tensor) != JIMM_OK) {
    fuzz_require(tensor.data == NULL && jimm_error_message()[0] != 0);
    return;
  }
  fuzz_touch(tensor.data, jimm_tensor_bytes(&tensor));
  jimm_tensor_close(&tensor);
}
