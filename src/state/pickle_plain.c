/* The opcodes that make plain values: numbers, texts, bytes. */
#include <stdint.h>
#include <string.h>

#include "state/bytes.h"
#include "state/pickle_machine.h"

jimm_status jimm_pickle_run_none(jimm_unpickler *r, int argument) {
  (void)argument;
  return jimm_pickle_push_new(r, JIMM_PICKLE_NONE, 0);
}

jimm_status jimm_pickle_run_bool(jimm_unpickler *r, int argument) {
  return jimm_pickle_push_new(r, JIMM_PICKLE_BOOL, argument);
}

/* An integer of `bytes` bytes; of four with a sign. */
jimm_status jimm_pickle_run_binary_integer(jimm_unpickler *r, int bytes) {
  uint64_t number;
  const jimm_status status = jimm_pickle_take_number(r, bytes, &number);
  const int64_t value = bytes == 4 ? (int64_t)(int32_t)(uint32_t)number : (int64_t)number;
  return status == JIMM_OK ? jimm_pickle_push_new(r, JIMM_PICKLE_INTEGER, value) : status;
}

/* An integer in two's complement, whose length in bytes is a number of `width` bytes. */
jimm_status jimm_pickle_run_long(jimm_unpickler *r, int width) {
  uint64_t length;
  jimm_status status = jimm_pickle_take_number(r, width, &length);
  const unsigned char *bytes = status == JIMM_OK ? jimm_pickle_take(r, length, &status) : NULL;
  if (bytes == NULL) {
    return status;
  }
  if (length > 8) {
    return jimm_pickle_push_text(r, JIMM_PICKLE_BIG, bytes, (size_t)length);
  }
  uint64_t number = jimm_little_endian(bytes, (int)length);
  if (length > 0 && length < 8 && (bytes[length - 1] & 0x80) != 0) {
    number |= UINT64_MAX << 8 * length;
  }
  return jimm_pickle_push_new(r, JIMM_PICKLE_INTEGER, (int64_t)number);
}

/* A line of digits; "00" and "01" are bools. LONG ends in 'L'. */
jimm_status jimm_pickle_run_integer_line(jimm_unpickler *r, int suffix) {
  const char *line = NULL;
  size_t length = 0;
  const jimm_status status = jimm_pickle_take_line(r, &line, &length);
  if (status != JIMM_OK) {
    return status;
  }
  if (suffix == 0 && length == 2 && line[0] == '0' && (line[1] == '0' || line[1] == '1')) {
    return jimm_pickle_push_new(r, JIMM_PICKLE_BOOL, line[1] - '0');
  }
  if (suffix != 0 && length > 0 && line[length - 1] == suffix) {
    length--;
  }
  const size_t first = length > 0 && line[0] == '-' ? 1 : 0;
  int64_t value = 0;
  bool fits = true, digits = length > first;
  for (size_t i = first; i < length && digits; i++) {
    digits = line[i] >= '0' && line[i] <= '9';
    fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
           !__builtin_sub_overflow(value, line[i] - '0', &value);
  }
  if (!digits) {
    return jimm_pickle_fail(r, JIMM_ERROR_FORMAT, "expected a line of digits");
  }
  fits = fits && (first == 1 || value != INT64_MIN);
  return fits ? jimm_pickle_push_new(r, JIMM_PICKLE_INTEGER, first == 1 ? value : -value)
              : jimm_pickle_push_text(r, JIMM_PICKLE_BIG, line, length);
}

/* No checkpoint needs a float's value. */
jimm_status jimm_pickle_run_float(jimm_unpickler *r, int bytes) {
  jimm_status status;
  const unsigned char *number = jimm_pickle_take(r, (uint64_t)bytes, &status);
  return number != NULL ? jimm_pickle_push_new(r, JIMM_PICKLE_FLOAT, 0) : status;
}

jimm_status jimm_pickle_run_float_line(jimm_unpickler *r, int argument) {
  const char *line = NULL;
  size_t length = 0;
  (void)argument;
  const jimm_status status = jimm_pickle_take_line(r, &line, &length);
  return status == JIMM_OK ? jimm_pickle_push_new(r, JIMM_PICKLE_FLOAT, 0) : status;
}

static jimm_status run_sized(jimm_unpickler *r, int width, jimm_pickle_type type) {
  uint64_t length;
  jimm_status status = jimm_pickle_take_number(r, width, &length);
  const unsigned char *bytes = status == JIMM_OK ? jimm_pickle_take(r, length, &status) : NULL;
  return bytes != NULL ? jimm_pickle_push_text(r, type, bytes, (size_t)length) : status;
}

jimm_status jimm_pickle_run_text(jimm_unpickler *r, int width) {
  return run_sized(r, width, JIMM_PICKLE_TEXT);
}

jimm_status jimm_pickle_run_bytes(jimm_unpickler *r, int width) {
  return run_sized(r, width, JIMM_PICKLE_BYTES);
}
