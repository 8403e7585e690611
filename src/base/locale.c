#include "base/locale.h"

#include <locale.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void) {
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Switches this thread to the C locale; the result is for leave_c_locale. */
static locale_t enter_c_locale(void) {
  pthread_once(&c_locale_once, make_c_locale);
  return c_locale == (locale_t)0 ? (locale_t)0 : uselocale(c_locale);
}

static void leave_c_locale(locale_t before) {
  if (before != (locale_t)0) {
    uselocale(before);
  }
}

int jimm_vsnprintf(char *buffer, size_t size, const char *format, va_list args) {
  locale_t before = enter_c_locale();
  int length = vsnprintf(buffer, size, format, args);
  leave_c_locale(before);
  return length;
}

int jimm_snprintf(char *buffer, size_t size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int length = jimm_vsnprintf(buffer, size, format, args);
  va_end(args);
  return length;
}

double jimm_strtod(const char *text, char **end) {
  locale_t before = enter_c_locale();
  double value = strtod(text, end);
  leave_c_locale(before);
  return value;
}

const char *jimm_errno_text(int error) {
  locale_t before = enter_c_locale();
  const char *text = strerror(error);
  leave_c_locale(before);
  return text;
}

/* Bytes of the sequence that starts at text[0], 0 when it is malformed or cut. */
static size_t sequence_length(const unsigned char *text, size_t length) {
  unsigned lead = text[0];
  size_t size = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (size == 0 || lead > 0xF4 || size > length) {
    return 0;
  }
  for (size_t i = 1; i < size; i++) {
    if ((text[i] & 0xC0) != 0x80) {
      return 0;
    }
  }
  if ((lead == 0xE0 && text[1] < 0xA0) || (lead == 0xED && text[1] > 0x9F) ||
      (lead == 0xF0 && text[1] < 0x90) || (lead == 0xF4 && text[1] > 0x8F)) {
    return 0; /* overlong, a surrogate, above U+10FFFF */
  }
  return size;
}

size_t jimm_utf8_valid_prefix(const char *text, size_t length) {
  const unsigned char *bytes = (const unsigned char *)text;
  size_t at = 0;
  while (at < length) {
    size_t size = sequence_length(bytes + at, length - at);
    if (size == 0) {
      break;
    }
    at += size;
  }
  return at;
}

char *jimm_show(char *buffer, size_t size, const char *text, size_t length) {
  static const char ending[] = "...\"";
  if (size < 16) {
    if (size > 0) {
      buffer[0] = 0;
    }
    return buffer;
  }
  size_t used = 0, at = 0;
  buffer[used++] = '"';
  while (at < length) {
    size_t bytes = sequence_length((const unsigned char *)text + at, length - at);
    unsigned char c = (unsigned char)text[at];
    bool plain = bytes > 1 || (bytes == 1 && c >= 0x20 && c != 0x7F);
    size_t need = plain ? bytes : 4;
    if (used + need > size - sizeof ending) {
      memcpy(buffer + used, ending, sizeof ending);
      return buffer;
    }
    if (plain) {
      memcpy(buffer + used, text + at, bytes);
    } else {
      static const char digits[] = "0123456789ABCDEF";
      const char escaped[4] = {'\\', 'x', digits[c >> 4], digits[c & 15]};
      memcpy(buffer + used, escaped, sizeof escaped);
    }
    used += need;
    at += plain ? bytes : 1;
  }
  buffer[used++] = '"';
  buffer[used] = 0;
  return buffer;
}
