/* Fixtures as raw bytes: jimm_parity_read, whose child process may crash in the HDF5 library, but
 * not the caller. */
#include "fuzz.h"
#include "fuzz_hdf5.h"

void fuzz_one(void) {
  jimm_parity parity;
  if (jimm_parity_read("input.h5", &parity) != JIMM_OK) {
    fuzz_require(parity.state == NULL && parity.outputs == NULL && parity.input.data == NULL);
    fuzz_require(jimm_error_message()[0] != 0);
    return;
  }
  fuzz_touch_fixture(&parity);
}
