/* Weights files of any format, by jimm_state_open: in this corpus safetensors. */
#include "fuzz.h"
#include "fuzz_state.h"

void fuzz_one(void) {
  fuzz_open_state("input.safetensors");
}
