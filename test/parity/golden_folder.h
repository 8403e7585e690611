/* Where the tests' goldens are. */
#ifndef TEST_GOLDEN_FOLDER_H
#define TEST_GOLDEN_FOLDER_H

#include <stdlib.h>

/* $JIMM_GOLDEN_DIR or test/golden. */
static inline const char *golden_folder(void) {
  const char *folder = getenv("JIMM_GOLDEN_DIR");
  return folder != NULL && folder[0] != 0 ? folder : "test/golden";
}

#endif
