/* What a checkpoint of the legacy format holds after its first three pickles: what was saved, the
 * keys of storages, the storages. No checksum stands between the input and the pickle machine. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_state.h"

void fuzz_one(void) {
  static const uint8_t head[] =
      "\x80\2\x8A\x0Al\xFC\x9C\x46\xF9\x20j\xA8P\x19.\x80\2M\xE9\3.\x80\2}.";
  const size_t size = sizeof head - 1;
  uint8_t *file = malloc(size + fuzz_size);
  fuzz_require(file != NULL);
  memcpy(file, head, size);
  if (fuzz_size > 0) {
    memcpy(file + size, fuzz_data, fuzz_size);
  }
  fuzz_data = file;
  fuzz_size += size;
  fuzz_open_state("input.pt");
  free(file);
}
