#include "fuzz_state.h"

#include <jimm/state.h>

#include "fuzz.h"

void fuzz_open_state(const char *name) {
  jimm_state *state = NULL;
  if (jimm_state_open(name, &state) != JIMM_OK) {
    fuzz_require(state == NULL && jimm_error_message()[0] != 0);
    return;
  }
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const jimm_tensor *tensor = jimm_state_tensor(state, i);
    fuzz_require(jimm_state_find(state, jimm_state_name(state, i)) == tensor);
    fuzz_touch(tensor->data, jimm_tensor_bytes(tensor));
    jimm_tensor converted;
    if (jimm_tensor_convert(tensor, JIMM_F32, &converted) == JIMM_OK) {
      fuzz_touch(converted.data, jimm_tensor_bytes(&converted));
      jimm_tensor_close(&converted);
    }
  }
  jimm_state_close(&state);
}
