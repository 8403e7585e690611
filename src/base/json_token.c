/* The words of JSON: space, strings, numbers; and messages that say where. */
#include "base/json_token.h"

#include <string.h>

#include "base/locale.h"

#define NUMBER_LIMIT 4096

/* ---- errors ---- */

jimm_status jimm_json_fail_at(const jimm_json_parser *p, size_t at, jimm_status status,
                              const char *what) {
  size_t line = 1, start = 0;
  for (size_t i = 0; i < at; i++) {
    if (p->text[i] == '\n') {
      line++;
      start = i + 1;
    }
  }
  return jimm_fail(status, "%s: JSON, byte %zu (line %zu, column %zu): %s", p->name, at, line,
                   at - start + 1, what);
}

jimm_status jimm_json_fail(const jimm_json_parser *p, size_t at, const char *what) {
  return jimm_json_fail_at(p, at, JIMM_ERROR_FORMAT, what);
}

jimm_status jimm_json_fail_expected(const jimm_json_parser *p, const char *what) {
  char text[160];
  if (p->at >= p->size) {
    jimm_snprintf(text, sizeof text, "expected %s, found the end of the text", what);
  } else {
    unsigned char c = (unsigned char)p->text[p->at];
    if (c > 0x20 && c < 0x7F) {
      jimm_snprintf(text, sizeof text, "expected %s, found '%c'", what, c);
    } else {
      jimm_snprintf(text, sizeof text, "expected %s, found byte 0x%02X", what, c);
    }
  }
  return jimm_json_fail(p, p->at, text);
}

/* ---- characters ---- */

void jimm_json_skip_space(jimm_json_parser *p) {
  while (p->at < p->size && (p->text[p->at] == ' ' || p->text[p->at] == '\n' ||
                             p->text[p->at] == '\t' || p->text[p->at] == '\r')) {
    p->at++;
  }
}

/* ---- strings ---- */

/* Four hexadecimal digits at the current place; -1 when they are not there. */
static long read_hex4(jimm_json_parser *p) {
  if (p->size - p->at < 4) {
    return -1;
  }
  long value = 0;
  for (int i = 0; i < 4; i++) {
    char c = p->text[p->at + (size_t)i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) {
      return -1;
    }
    value = value * 16 + digit;
  }
  p->at += 4;
  return value;
}

static size_t put_utf8(char *out, unsigned long code) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3F));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3F));
    out[2] = (char)(0x80 | (code & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | code >> 18);
  out[1] = (char)(0x80 | (code >> 12 & 0x3F));
  out[2] = (char)(0x80 | (code >> 6 & 0x3F));
  out[3] = (char)(0x80 | (code & 0x3F));
  return 4;
}

/* The escape after a backslash at p->at - 1. Writes its bytes (never more than it took). */
static jimm_status read_escape(jimm_json_parser *p, char *out, size_t *written) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const size_t start = p->at - 1;
  if (p->at >= p->size) {
    return jimm_json_fail_expected(p, "an escape");
  }
  char c = p->text[p->at++];
  const char *simple = c == 0 ? NULL : strchr(from, c);
  if (simple != NULL) {
    out[0] = to[simple - from];
    *written = 1;
    return JIMM_OK;
  }
  if (c != 'u') {
    return jimm_json_fail(p, start, "an unknown escape in a string");
  }
  long code = read_hex4(p);
  if (code < 0) {
    return jimm_json_fail(p, start, "expected four hexadecimal digits after \\u");
  }
  if (code >= 0xDC00 && code <= 0xDFFF) {
    return jimm_json_fail(p, start, "a low surrogate without a high one before it");
  }
  if (code >= 0xD800 && code <= 0xDBFF) {
    long low = -1;
    if (p->size - p->at >= 2 && p->text[p->at] == '\\' && p->text[p->at + 1] == 'u') {
      p->at += 2;
      low = read_hex4(p);
    }
    if (low < 0xDC00 || low > 0xDFFF) {
      return jimm_json_fail(p, start, "a high surrogate without a low one after it");
    }
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  *written = put_utf8(out, (unsigned long)code);
  return JIMM_OK;
}

jimm_status jimm_json_take_string(jimm_json_parser *p, const char **string, size_t *length) {
  const size_t open = p->at++;
  size_t end = p->at;
  while (end < p->size && p->text[end] != '"') { /* the decoded text is never longer than this */
    end += p->text[end] == '\\' ? 2 : 1;
  }
  if (end >= p->size) {
    return jimm_json_fail(p, open, "a string that does not end");
  }
  char *out = jimm_arena_alloc(p->arena, end - p->at + 1);
  if (out == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  size_t used = 0;
  while (p->text[p->at] != '"') {
    size_t plain = p->at;
    while (p->text[plain] != '"' && p->text[plain] != '\\') {
      if ((unsigned char)p->text[plain] < 0x20) {
        return jimm_json_fail(p, plain, "a control character in a string");
      }
      plain++;
    }
    size_t valid = jimm_utf8_valid_prefix(p->text + p->at, plain - p->at);
    if (valid != plain - p->at) {
      return jimm_json_fail(p, p->at + valid, "the text is not UTF-8");
    }
    memcpy(out + used, p->text + p->at, valid);
    used += valid;
    p->at = plain;
    if (p->text[p->at] == '\\') {
      size_t written = 0;
      p->at++;
      jimm_status status = read_escape(p, out + used, &written);
      if (status != JIMM_OK) {
        return status;
      }
      used += written;
    }
  }
  p->at++;
  out[used] = 0;
  *string = out;
  *length = used;
  return JIMM_OK;
}

/* ---- numbers ---- */

jimm_status jimm_json_take_number(jimm_json_parser *p, jimm_json *value) {
  const size_t start = p->at;
  const bool negative = jimm_json_next_is(p, '-');
  bool integer = true, fits = true;
  uint64_t magnitude = 0;
  p->at += negative;
  if (!jimm_json_at_digit(p)) {
    return jimm_json_fail_expected(p, "a digit");
  }
  if (jimm_json_next_is(p, '0')) {
    p->at++;
    if (jimm_json_at_digit(p)) {
      return jimm_json_fail(p, start, "a number with a leading zero");
    }
  } else {
    for (; jimm_json_at_digit(p); p->at++) {
      unsigned digit = (unsigned)(p->text[p->at] - '0');
      fits = fits && !__builtin_mul_overflow(magnitude, UINT64_C(10), &magnitude) &&
             !__builtin_add_overflow(magnitude, (uint64_t)digit, &magnitude);
    }
  }
  if (jimm_json_next_is(p, '.')) {
    integer = false;
    p->at++;
    if (!jimm_json_at_digit(p)) {
      return jimm_json_fail_expected(p, "a digit after the decimal point");
    }
    while (jimm_json_at_digit(p)) {
      p->at++;
    }
  }
  if (jimm_json_next_is(p, 'e') || jimm_json_next_is(p, 'E')) {
    integer = false;
    p->at++;
    p->at += jimm_json_next_is(p, '+') || jimm_json_next_is(p, '-');
    if (!jimm_json_at_digit(p)) {
      return jimm_json_fail_expected(p, "a digit of the exponent");
    }
    while (jimm_json_at_digit(p)) {
      p->at++;
    }
  }
  const size_t length = p->at - start;
  if (length >= NUMBER_LIMIT) {
    return jimm_json_fail_at(p, start, JIMM_ERROR_LIMIT, "a number of more than 4095 characters");
  }
  char text[NUMBER_LIMIT];
  memcpy(text, p->text + start, length);
  text[length] = 0;
  value->type = JIMM_JSON_NUMBER;
  value->number = jimm_strtod(text, NULL);
  if (value->number - value->number != 0) {
    return jimm_json_fail(p, start, "a number beyond the range of a double");
  }
  value->is_integer = integer && fits && magnitude <= (uint64_t)INT64_MAX + negative;
  if (value->is_integer) {
    value->integer = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
  }
  return JIMM_OK;
}
