#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/locale.h"

char *jimm_format(const char *format, ...) {
  va_list args;
  va_start(args, format);
  int length = jimm_vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (length < 0) {
    jimm_fail(JIMM_ERROR_INTERNAL, "a text could not be formatted");
    return NULL;
  }
  char *text = jimm_alloc((size_t)length + 1);
  if (text != NULL) {
    va_start(args, format);
    jimm_vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
  }
  return text;
}

/* Room for `more` bytes and the zero byte after them. */
static int reserve(jimm_text *text, size_t more) {
  size_t need;
  if (__builtin_add_overflow(text->length, more, &need) || need >= SIZE_MAX / 2) {
    jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: a text of more than %zu bytes",
              text->length);
    return 0;
  }
  const size_t kept = text->data == NULL ? 0 : text->length + 1;
  return jimm_reserve(&text->data, kept, need + 1, 1, &text->capacity) == JIMM_OK;
}

void jimm_text_append(jimm_text *text, const char *format, ...) {
  if (text->failed) {
    return;
  }
  va_list args;
  va_start(args, format);
  int length = jimm_vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (length < 0 || !reserve(text, (size_t)length)) {
    text->failed = 1;
    return;
  }
  va_start(args, format);
  jimm_vsnprintf(text->data + text->length, (size_t)length + 1, format, args);
  va_end(args);
  text->length += (size_t)length;
}

void jimm_text_append_bytes(jimm_text *text, const char *bytes, size_t length) {
  if (text->failed) {
    return;
  }
  if (!reserve(text, length)) {
    text->failed = 1;
    return;
  }
  memcpy(text->data + text->length, bytes, length);
  text->length += length;
  text->data[text->length] = 0;
}

char *jimm_text_take(jimm_text *text) {
  char *data = text->data;
  if (text->failed) {
    jimm_free(data);
    data = NULL;
  } else if (data == NULL) {
    data = jimm_strdup("");
  }
  *text = (jimm_text){NULL, 0, 0, 0};
  return data;
}

void jimm_text_free(char *text) {
  jimm_free(text);
}
