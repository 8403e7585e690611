#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// A test program that is out of memory for its own report has nothing better to do than to stop
// loudly: a report with holes would be worse.
static void out_of_memory(void) {
  static const char message[] = "jimm-test: out of memory\n";
  (void)!fwrite(message, 1, sizeof message - 1, stderr);
  abort();
}

void *jti_alloc(size_t size) {
  void *p = calloc(1, size ? size : 1);
  if (!p) {
    out_of_memory();
  }
  return p;
}

char *jti_copy(const char *s) {
  if (!s) {
    return NULL;
  }
  size_t size = strlen(s) + 1;
  return memcpy(jti_alloc(size), s, size);
}

void *jti_grow(void *items, size_t count, size_t more, size_t *capacity, size_t size) {
  size_t wanted = *capacity ? *capacity : size < 32 ? 128 / size : 4;
  while (wanted - count < more) {
    wanted *= 2;
  }
  void *grown = jti_alloc(wanted * size);
  *capacity = wanted;
  return count ? memcpy(grown, items, count * size) : grown;
}

static void reserve(jti_text *text, size_t more) {
  JTI_RESERVE(text->data, text->size, more + 1, text->capacity);
}

void jti_text_add(jti_text *text, const char *data, size_t size) {
  reserve(text, size);
  if (size) {
    memcpy(text->data + text->size, data, size);
  }
  text->size += size;
  text->data[text->size] = '\0';
}

void jti_text_vprintf(jti_text *text, const char *format, va_list args) {
  if (!format) {
    format = "(no message)";
  }
  va_list again;
  va_copy(again, args);
  // The analyser mistakes its own state when it is given several files at once.
  int size = vsnprintf(NULL, 0, format, args);  // NOLINT(clang-analyzer-valist.Uninitialized)
  if (size < 0) {
    static const char unprintable[] = "(message could not be formatted)";
    jti_text_add(text, unprintable, sizeof unprintable - 1);
  } else {
    reserve(text, (size_t)size);
    vsnprintf(text->data + text->size, (size_t)size + 1, format, again);
    text->size += (size_t)size;
  }
  va_end(again);
}

void jti_text_printf(jti_text *text, const char *format, ...) {
  va_list args;
  va_start(args, format);
  jti_text_vprintf(text, format, args);
  va_end(args);
}

// By RFC 3629.
size_t jti_utf8_length(const unsigned char *s) {
  if (s[0] < 0x80) {
    return 1;
  }
  if (s[0] < 0xc2 || s[0] > 0xf4) {
    return 0;
  }
  size_t length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
  for (size_t i = 1; i < length; ++i) {
    if ((s[i] & 0xc0) != 0x80) {
      return 0;
    }
  }
  if (s[0] == 0xe0 && s[1] < 0xa0) {
    return 0;
  }
  if (s[0] == 0xed && s[1] > 0x9f) {
    return 0;
  }
  if (s[0] == 0xf0 && s[1] < 0x90) {
    return 0;
  }
  if (s[0] == 0xf4 && s[1] > 0x8f) {
    return 0;
  }
  return length;
}

void jti_text_yaml(jti_text *text, const char *s) {
  jti_text_add(text, "\"", 1);
  for (const unsigned char *p = (const unsigned char *)s; *p;) {
    size_t length = jti_utf8_length(p);
    if (*p == '"' || *p == '\\') {
      jti_text_printf(text, "\\%c", *p);
    } else if (*p == '\n') {
      jti_text_add(text, "\\n", 2);
    } else if (*p == '\t') {
      jti_text_add(text, "\\t", 2);
    } else if (*p < 0x20 || *p == 0x7f || length == 0) {
      jti_text_printf(text, "\\x%02x", *p);
    } else {
      jti_text_add(text, (const char *)p, length);
      p += length;
      continue;
    }
    ++p;
  }
  jti_text_add(text, "\"", 1);
}

void jti_text_plain(jti_text *text, const char *s, size_t size) {
  for (size_t i = 0; i < size;) {
    const unsigned char *p = (const unsigned char *)s + i;
    size_t length = jti_utf8_length(p);
    if (*p < 0x20 || *p == 0x7f) {
      jti_text_add(text, *p == '\t' ? "\t" : " ", 1);
    } else if (length == 0 || length > size - i) {
      jti_text_add(text, "?", 1);
    } else {
      jti_text_add(text, (const char *)p, length);
      i += length;
      continue;
    }
    ++i;
  }
}

// TAP 14 escapes '#' and '\' by a backslash. Readers that know no escapes (Meson's) would still
// take
// "\# todo" for a directive, and a failure for an expected one: there the '#' is put in brackets.
void jti_text_tap(jti_text *text, const char *s) {
  for (const unsigned char *p = (const unsigned char *)s; *p;) {
    size_t length = jti_utf8_length(p);
    if (*p == '#') {
      const char *word = (const char *)p + 1;
      while (*word && (unsigned char)*word <= ' ') {
        ++word;
      }
      bool directive = strncasecmp(word, "todo", 4) == 0 || strncasecmp(word, "skip", 4) == 0;
      jti_text_printf(text, directive ? "<\\#>" : "\\#");
    } else if (*p == '\\') {
      jti_text_add(text, "\\\\", 2);
    } else if (*p < 0x20 || *p == 0x7f) {
      jti_text_add(text, " ", 1);
    } else if (length == 0) {
      jti_text_add(text, "?", 1);
    } else {
      jti_text_add(text, (const char *)p, length);
      p += length;
      continue;
    }
    ++p;
  }
}

void jti_text_seconds(jti_text *text, double seconds) {
  unsigned long long milliseconds = seconds > 0 ? (unsigned long long)(1e3 * seconds + 0.5) : 0;
  jti_text_printf(text, "%llu.%03llu", milliseconds / 1000, milliseconds % 1000);
}

void jti_text_argument(jti_text *text, const char *s) {
  static const char plain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-=:,@%";
  if (*s && !s[strspn(s, plain)]) {
    jti_text_add(text, s, strlen(s));
    return;
  }
  jti_text_add(text, "'", 1);
  for (; *s; ++s) {
    if (*s == '\'') {
      jti_text_add(text, "'\\''", 4);
    } else {
      jti_text_add(text, s, 1);
    }
  }
  jti_text_add(text, "'", 1);
}

void jti_text_free(jti_text *text) {
  free(text->data);
  *text = (jti_text){0};
}
