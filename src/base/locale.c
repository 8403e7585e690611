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

/* Whether the sequence of `bytes` is a letter to be seen: no control character (U+0000 to U+001F,
 * U+007F to U+009F) and none that turns the direction of a line (U+202A to U+202E, U+2066 to
 * U+2069), which make a terminal show something else. */
static bool is_visible(const unsigned char *c, size_t bytes) {
  switch (bytes) {
    case 0:
      return false;
    case 1:
      return c[0] >= 0x20 && c[0] != 0x7F;
    case 2:
      return c[0] != 0xC2 || c[1] >= 0xA0;
    case 3:
      return c[0] != 0xE2 || !((c[1] == 0x80 && c[2] >= 0xAA && c[2] <= 0xAE) ||
                               (c[1] == 0x81 && c[2] >= 0xA6 && c[2] <= 0xA9));
    default:
      return true;
  }
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
    bool plain = is_visible((const unsigned char *)text + at, bytes);
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
