#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <jimm/base.h>
#include <jimm/status.h>

#include "base/locale.h"

/* Room for listings of missing and unexpected tensors; longer messages are cut. */
#define MESSAGE_BYTES 16384

#ifdef __clang_analyzer__
#undef jimm_fail
#undef jimm_fail_context
#endif

static _Thread_local char message[MESSAGE_BYTES];

const char *jimm_version(void) {
  return JIMM_VERSION_STRING;
}

const char *jimm_status_name(jimm_status status) {
  switch (status) {
    case JIMM_OK:
      return "ok";
    case JIMM_ERROR_INVALID_ARGUMENT:
      return "invalid argument";
    case JIMM_ERROR_OUT_OF_MEMORY:
      return "out of memory";
    case JIMM_ERROR_IO:
      return "input or output error";
    case JIMM_ERROR_FORMAT:
      return "malformed file";
    case JIMM_ERROR_NOT_FOUND:
      return "not found";
    case JIMM_ERROR_UNSUPPORTED:
      return "unsupported";
    case JIMM_ERROR_SHAPE:
      return "shapes do not fit";
    case JIMM_ERROR_MISMATCH:
      return "weights do not fit";
    case JIMM_ERROR_LIMIT:
      return "safety limit exceeded";
    case JIMM_ERROR_INTERNAL:
      return "internal error";
    case JIMM_ERROR_NOT_FINITE:
      return "not finite";
    case JIMM_ERROR_NETWORK:
      return "no answer from the network";
    case JIMM_ERROR_REPO_NOT_FOUND:
      return "repository not found";
    case JIMM_ERROR_REVISION_NOT_FOUND:
      return "revision not found";
    case JIMM_ERROR_ENTRY_NOT_FOUND:
      return "no such file in the repository";
    case JIMM_ERROR_GATED_REPO:
      return "access to the repository must be asked for";
    case JIMM_ERROR_UNAUTHORIZED:
      return "not authorised";
    case JIMM_ERROR_NOT_CACHED:
      return "not in the cache";
    case JIMM_ERROR_INTEGRITY:
      return "damaged data";
    case JIMM_ERROR_CANCELLED:
      return "cancelled";
  }
  return "unknown status";
}

const char *jimm_error_message(void) {
  return message;
}

/* A text of `length` bytes was cut to fit `size`: ends it with "..." after a whole UTF-8 character.
 */
static void mark_cut(char *text, size_t size) {
  static const char dots[] = "...";
  size_t keep = size - sizeof dots;
  while (keep > 0 && ((unsigned char)text[keep] & 0xC0) == 0x80) {
    keep--;
  }
  memcpy(text + keep, dots, sizeof dots);
}

/* Formats into `buffer` of MESSAGE_BYTES; returns the length. */
static size_t format_message(char *buffer, const char *format, va_list args) {
  int length = jimm_vsnprintf(buffer, MESSAGE_BYTES, format, args);
  if (length < 0) {
    static const char fallback[] = "(the message could not be formatted)";
    memcpy(buffer, fallback, sizeof fallback);
  } else if ((size_t)length >= MESSAGE_BYTES) {
    mark_cut(buffer, MESSAGE_BYTES);
  }
  return strlen(buffer);
}

jimm_status jimm_fail(jimm_status status, const char *format, ...) {
  char text[MESSAGE_BYTES]; /* the arguments may point into the old message */
  va_list args;
  va_start(args, format);
  size_t length = format_message(text, format, args);
  va_end(args);
  memcpy(message, text, length + 1);
  return status;
}

jimm_status jimm_fail_context(jimm_status status, const char *format, ...) {
  char text[MESSAGE_BYTES];
  va_list args;
  va_start(args, format);
  size_t length = format_message(text, format, args);
  va_end(args);
  size_t room = MESSAGE_BYTES - length;
  int added = jimm_snprintf(text + length, room, ": %s", message);
  if (added >= 0 && (size_t)added >= room) {
    mark_cut(text, MESSAGE_BYTES);
  }
  memcpy(message, text, strlen(text) + 1);
  return status;
}
