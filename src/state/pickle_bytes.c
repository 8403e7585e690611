/* The bytes of a pickle, taken one after the other. */
#include <stdint.h>
#include <string.h>

#include "state/bytes.h"
#include "state/pickle_machine.h"

const unsigned char *jimm_pickle_take(jimm_unpickler *r, uint64_t count, jimm_status *status) {
  if (count > r->size - r->at) {
    *status = jimm_pickle_fail(r, JIMM_ERROR_FORMAT,
                               "truncated: %llu bytes belong to it, and %zu are left",
                               (unsigned long long)count, r->size - r->at);
    return NULL;
  }
  const unsigned char *bytes = r->data + r->at;
  r->at += (size_t)count;
  *status = JIMM_OK;
  return bytes;
}

/* An integer of `count` bytes. */
jimm_status jimm_pickle_take_number(jimm_unpickler *r, int count, uint64_t *number) {
  jimm_status status;
  const unsigned char *bytes = jimm_pickle_take(r, (uint64_t)count, &status);
  *number = bytes == NULL ? 0 : jimm_little_endian(bytes, count);
  return status;
}

/* The characters up to the next newline, which is passed. */
jimm_status jimm_pickle_take_line(jimm_unpickler *r, const char **line, size_t *length) {
  const unsigned char *from = r->data + r->at;
  const unsigned char *end = r->at < r->size ? memchr(from, '\n', r->size - r->at) : NULL;
  if (end == NULL) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "truncated: expected a line");
  }
  *line = (const char *)from;
  *length = (size_t)(end - from);
  r->at += *length + 1;
  return JIMM_OK;
}
