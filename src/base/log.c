#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>

#include "base/locale.h"

static jimm_log_callback receiver;
static void *receiver_context;
static jimm_log_level receiver_least;

void jimm_set_log(jimm_log_callback callback, void *context, jimm_log_level least) {
  receiver = callback;
  receiver_context = context;
  receiver_least = least;
}

void jimm_log(jimm_log_level level, const char *format, ...) {
  if (receiver == NULL || level < receiver_least) {
    return;
  }
  char line[2048];
  va_list args;
  va_start(args, format);
  int length = jimm_vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (length < 0) {
    return;
  }
  if ((size_t)length >= sizeof line) { /* cut: end with whole UTF-8 characters */
    line[jimm_utf8_valid_prefix(line, sizeof line - 1)] = 0;
  }
  for (char *c = line; *c != 0; c++) {
    if (*c == '\n' || *c == '\r') {
      *c = ' ';
    }
  }
  receiver(receiver_context, level, line);
}
