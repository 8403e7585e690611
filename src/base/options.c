#include "base/options.h"

#include <string.h>

/* The caller's size: fields of a newer version than ours would be lost without a word. */
static jimm_status read_size(const char *what, const void *given, size_t known, size_t *size) {
  memcpy(size, given, sizeof *size);
  return *size > sizeof *size && *size <= known
             ? JIMM_OK
             : jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                         "%s: size is %zu, expected more than %zu and at most %zu: initialise it "
                         "with its JIMM_..._INIT macro",
                         what, *size, sizeof *size, known);
}

jimm_status jimm_copy_options(const char *what, const void *given, void *resolved, size_t size) {
  size_t given_size = 0;
  const jimm_status status = given == NULL ? JIMM_OK : read_size(what, given, size, &given_size);
  if (given != NULL && status == JIMM_OK) {
    memcpy(resolved, given, given_size);
    memcpy(resolved, &size, sizeof size);
  }
  return status;
}

jimm_status jimm_check_row(const char *what, const void *row, size_t size) {
  size_t given = 0;
  memcpy(&given, row, sizeof given);
  return given == size ? JIMM_OK
                       : jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                                   "%s: size is %zu, expected %zu: begin the row with .size = "
                                   "sizeof(%s)",
                                   what, given, size, what);
}

jimm_status jimm_copy_result(const char *what, const void *found, size_t size, void *wanted) {
  size_t wanted_size = 0;
  const jimm_status status = read_size(what, wanted, size, &wanted_size);
  if (status == JIMM_OK) {
    memcpy(wanted, found, wanted_size);
    memcpy(wanted, &wanted_size, sizeof wanted_size);
  }
  return status;
}
