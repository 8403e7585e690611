#include "fuzz.h"

#include <stdlib.h>

const uint8_t *fuzz_data;
size_t fuzz_size;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_data = data;
  fuzz_size = size;
  fuzz_one();
  return 0;
}

uint64_t fuzz_take(size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes && fuzz_size > 0; i++) {
    value |= (uint64_t)*fuzz_data << 8 * i;
    fuzz_data++;
    fuzz_size--;
  }
  return value;
}

int64_t fuzz_range(int64_t low, int64_t high) {
  const uint64_t span = (uint64_t)(high - low) + 1;
  return low + (int64_t)(fuzz_take(span > 65536 ? 8 : span > 256 ? 2 : 1) % span);
}

void fuzz_touch(const void *data, size_t size) {
  const volatile uint8_t *bytes = data;
  for (size_t i = 0; i < size; i++) {
    (void)bytes[i];
  }
}

void fuzz_require(int ok) {
  if (!ok) {
    abort();
  }
}
