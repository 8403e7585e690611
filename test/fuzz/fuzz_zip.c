/* Zip archives: every entry of the directory, read and summed, and the archive as a checkpoint. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_state.h"
#include "state/zip.h"

void fuzz_one(void) {
  jimm_zip zip;
  uint8_t *copy = malloc(fuzz_size + (fuzz_size == 0));
  fuzz_require(copy != NULL);
  if (fuzz_size > 0) {
    memcpy(copy, fuzz_data, fuzz_size);
  }
  if (jimm_zip_open("input.zip", copy, fuzz_size, &zip) == JIMM_OK) {
    for (size_t i = 0; i < zip.count; i++) {
      const jimm_zip_entry *entry = &zip.entries[i];
      fuzz_require(jimm_zip_find(&zip, entry->name) == entry);
      fuzz_touch(entry->data, entry->size);
      (void)jimm_zip_check_crc(&zip, entry);
    }
    (void)jimm_zip_check_stored(&zip);
  }
  jimm_zip_close(&zip);
  free(copy);
  fuzz_open_state("input.pt");
}
