#include "base/json.h"

#include <string.h>

#include "base/locale.h"

#define DEPTH_LIMIT 64
/* Every value takes memory many times its text; this bounds what a hostile file can make of it. */
#define VALUE_LIMIT ((size_t)1 << 22)
#define NUMBER_LIMIT 4096

typedef struct parser {
  const char *name;
  const char *text;
  size_t size, at;
  size_t values;
  int depth;
  jimm_arena *arena;
} parser;

static jimm_status parse_value(parser *p, jimm_json *value);

/* ---- errors ---- */

/* An error at byte `at`, with line and column (in bytes, from 1) for people. */
static jimm_status fail_at(const parser *p, size_t at, jimm_status status, const char *what) {
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

static jimm_status fail_format(const parser *p, size_t at, const char *what) {
  return fail_at(p, at, JIMM_ERROR_FORMAT, what);
}

/* "expected WHAT, found ..." at the current place. */
static jimm_status fail_expected(const parser *p, const char *what) {
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
  return fail_format(p, p->at, text);
}

/* ---- characters ---- */

static void skip_space(parser *p) {
  while (p->at < p->size && (p->text[p->at] == ' ' || p->text[p->at] == '\n' ||
                             p->text[p->at] == '\t' || p->text[p->at] == '\r')) {
    p->at++;
  }
}

static bool next_is(const parser *p, char c) {
  return p->at < p->size && p->text[p->at] == c;
}

static bool is_digit(const parser *p) {
  return p->at < p->size && p->text[p->at] >= '0' && p->text[p->at] <= '9';
}

/* ---- strings ---- */

/* Four hexadecimal digits at the current place; -1 when they are not there. */
static long read_hex4(parser *p) {
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
static jimm_status read_escape(parser *p, char *out, size_t *written) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const size_t start = p->at - 1;
  if (p->at >= p->size) {
    return fail_expected(p, "an escape");
  }
  char c = p->text[p->at++];
  const char *simple = c == 0 ? NULL : strchr(from, c);
  if (simple != NULL) {
    out[0] = to[simple - from];
    *written = 1;
    return JIMM_OK;
  }
  if (c != 'u') {
    return fail_format(p, start, "an unknown escape in a string");
  }
  long code = read_hex4(p);
  if (code < 0) {
    return fail_format(p, start, "expected four hexadecimal digits after \\u");
  }
  if (code >= 0xDC00 && code <= 0xDFFF) {
    return fail_format(p, start, "a low surrogate without a high one before it");
  }
  if (code >= 0xD800 && code <= 0xDBFF) {
    long low = -1;
    if (p->size - p->at >= 2 && p->text[p->at] == '\\' && p->text[p->at + 1] == 'u') {
      p->at += 2;
      low = read_hex4(p);
    }
    if (low < 0xDC00 || low > 0xDFFF) {
      return fail_format(p, start, "a high surrogate without a low one after it");
    }
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  *written = put_utf8(out, (unsigned long)code);
  return JIMM_OK;
}

/* The string whose opening quote is at p->at. Text and length go to the arena. */
static jimm_status parse_string(parser *p, const char **string, size_t *length) {
  const size_t open = p->at++;
  size_t end = p->at;
  while (end < p->size && p->text[end] != '"') { /* the decoded text is never longer than this */
    end += p->text[end] == '\\' ? 2 : 1;
  }
  if (end >= p->size) {
    return fail_format(p, open, "a string that does not end");
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
        return fail_format(p, plain, "a control character in a string");
      }
      plain++;
    }
    size_t valid = jimm_utf8_valid_prefix(p->text + p->at, plain - p->at);
    if (valid != plain - p->at) {
      return fail_format(p, p->at + valid, "the text is not UTF-8");
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

static jimm_status parse_number(parser *p, jimm_json *value) {
  const size_t start = p->at;
  const bool negative = next_is(p, '-');
  bool integer = true, fits = true;
  uint64_t magnitude = 0;
  p->at += negative;
  if (!is_digit(p)) {
    return fail_expected(p, "a digit");
  }
  if (next_is(p, '0')) {
    p->at++;
    if (is_digit(p)) {
      return fail_format(p, start, "a number with a leading zero");
    }
  } else {
    for (; is_digit(p); p->at++) {
      unsigned digit = (unsigned)(p->text[p->at] - '0');
      fits = fits && !__builtin_mul_overflow(magnitude, UINT64_C(10), &magnitude) &&
             !__builtin_add_overflow(magnitude, (uint64_t)digit, &magnitude);
    }
  }
  if (next_is(p, '.')) {
    integer = false;
    p->at++;
    if (!is_digit(p)) {
      return fail_expected(p, "a digit after the decimal point");
    }
    while (is_digit(p)) {
      p->at++;
    }
  }
  if (next_is(p, 'e') || next_is(p, 'E')) {
    integer = false;
    p->at++;
    p->at += next_is(p, '+') || next_is(p, '-');
    if (!is_digit(p)) {
      return fail_expected(p, "a digit of the exponent");
    }
    while (is_digit(p)) {
      p->at++;
    }
  }
  const size_t length = p->at - start;
  if (length >= NUMBER_LIMIT) {
    return fail_at(p, start, JIMM_ERROR_LIMIT, "a number of more than 4095 characters");
  }
  char text[NUMBER_LIMIT];
  memcpy(text, p->text + start, length);
  text[length] = 0;
  value->type = JIMM_JSON_NUMBER;
  value->number = jimm_strtod(text, NULL);
  if (value->number - value->number != 0) {
    return fail_format(p, start, "a number beyond the range of a double");
  }
  value->is_integer = integer && fits && magnitude <= (uint64_t)INT64_MAX + negative;
  if (value->is_integer) {
    value->integer = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
  }
  return JIMM_OK;
}

/* ---- arrays and objects ---- */

static int compare_keys(const jimm_json *a, const jimm_json *b) {
  size_t shorter = a->key_length < b->key_length ? a->key_length : b->key_length;
  int order = memcmp(a->key, b->key, shorter);
  return order != 0 ? order : (a->key_length > b->key_length) - (a->key_length < b->key_length);
}

/* Merges two sorted runs from `from` into `to`. */
static void merge(jimm_json **from, jimm_json **to, size_t low, size_t middle, size_t high) {
  size_t a = low, b = middle;
  for (size_t i = low; i < high; i++) {
    bool first = b >= high || (a < middle && compare_keys(from[a], from[b]) <= 0);
    to[i] = from[first ? a++ : b++];
  }
}

/* Refuses two members of the same key. Sorting keeps the work n log n whatever the keys are. */
static jimm_status check_duplicates(const parser *p, const jimm_json *object) {
  const size_t count = object->length;
  if (count < 2) {
    return JIMM_OK;
  }
  jimm_json **from = jimm_calloc(2 * count, sizeof(void *));
  if (from == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_json **const memory = from, **to = from + count;
  size_t filled = 0;
  for (jimm_json *member = object->first; member != NULL; member = member->next) {
    from[filled++] = member;
  }
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t low = 0; low < count; low += 2 * width) {
      size_t middle = low + width < count ? low + width : count;
      merge(from, to, low, middle, middle + width < count ? middle + width : count);
    }
    jimm_json **swap = from;
    from = to;
    to = swap;
  }
  const jimm_json *twice = NULL; /* the first in the file, so that the message does not wander */
  for (size_t i = 1; i < count; i++) {
    if (compare_keys(from[i - 1], from[i]) == 0 &&
        (twice == NULL || from[i]->offset < twice->offset)) {
      twice = from[i];
    }
  }
  jimm_status status = JIMM_OK;
  if (twice != NULL) {
    char text[256];
    jimm_snprintf(
        text, sizeof text, "the key \"%.*s\" is there twice",
        (int)jimm_utf8_valid_prefix(twice->key, twice->key_length < 200 ? twice->key_length : 200),
        twice->key);
    status = fail_format(p, twice->offset, text);
  }
  jimm_free(memory);
  return status;
}

/* One item of an array or object: the member's key if there is one, and the value. */
static jimm_status parse_item(parser *p, jimm_json *parent, jimm_json *item) {
  if (parent->type == JIMM_JSON_OBJECT) {
    if (!next_is(p, '"')) {
      return fail_expected(p, "a key in quotes");
    }
    jimm_status status = parse_string(p, &item->key, &item->key_length);
    if (status != JIMM_OK) {
      return status;
    }
    skip_space(p);
    if (!next_is(p, ':')) {
      return fail_expected(p, "':' after a key");
    }
    p->at++;
    skip_space(p);
  }
  return parse_value(p, item);
}

static jimm_status parse_children(parser *p, jimm_json *parent, char close) {
  if (p->depth == DEPTH_LIMIT) {
    return fail_at(p, p->at, JIMM_ERROR_LIMIT, "arrays and objects nest deeper than 64");
  }
  p->depth++;
  p->at++;
  skip_space(p);
  jimm_json **link = &parent->first;
  if (!next_is(p, close)) {
    for (;;) {
      if (++p->values > VALUE_LIMIT) {
        return fail_at(p, p->at, JIMM_ERROR_LIMIT, "more than 4194304 values");
      }
      jimm_json *item = jimm_arena_alloc(p->arena, sizeof *item);
      if (item == NULL) {
        return JIMM_ERROR_OUT_OF_MEMORY;
      }
      jimm_status status = parse_item(p, parent, item);
      if (status != JIMM_OK) {
        return status;
      }
      *link = item;
      link = &item->next;
      parent->length++;
      skip_space(p);
      if (!next_is(p, ',')) {
        break;
      }
      p->at++;
      skip_space(p);
    }
    if (!next_is(p, close)) {
      return fail_expected(p, close == '}' ? "',' or '}'" : "',' or ']'");
    }
  }
  p->at++;
  p->depth--;
  return parent->type == JIMM_JSON_OBJECT ? check_duplicates(p, parent) : JIMM_OK;
}

/* ---- values ---- */

static bool take_word(parser *p, const char *word) {
  size_t length = strlen(word);
  if (p->size - p->at < length || memcmp(p->text + p->at, word, length) != 0) {
    return false;
  }
  p->at += length;
  return true;
}

static jimm_status parse_value(parser *p, jimm_json *value) {
  value->offset = p->at;
  switch (p->at < p->size ? p->text[p->at] : 0) {
    case '{':
      value->type = JIMM_JSON_OBJECT;
      return parse_children(p, value, '}');
    case '[':
      value->type = JIMM_JSON_ARRAY;
      return parse_children(p, value, ']');
    case '"':
      value->type = JIMM_JSON_STRING;
      return parse_string(p, &value->string, &value->length);
    case 'n':
      value->type = JIMM_JSON_NULL;
      return take_word(p, "null") ? JIMM_OK : fail_expected(p, "a value");
    case 't':
    case 'f':
      value->type = JIMM_JSON_BOOL;
      value->boolean = p->text[p->at] == 't';
      return take_word(p, value->boolean ? "true" : "false") ? JIMM_OK
                                                             : fail_expected(p, "a value");
    default:
      if (next_is(p, '-') || is_digit(p)) {
        return parse_number(p, value);
      }
      return fail_expected(p, "a value");
  }
}

jimm_status jimm_json_parse(const char *name, const void *text, size_t size, jimm_arena *arena,
                            jimm_json **root) {
  parser p = {.name = name, .text = text, .size = size, .arena = arena};
  *root = NULL;
  jimm_json *value = jimm_arena_alloc(arena, sizeof *value);
  if (value == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  skip_space(&p);
  jimm_status status = parse_value(&p, value);
  if (status != JIMM_OK) {
    return status;
  }
  skip_space(&p);
  if (p.at != p.size) {
    return fail_expected(&p, "the end of the text");
  }
  *root = value;
  return JIMM_OK;
}

const jimm_json *jimm_json_get(const jimm_json *object, const char *key) {
  if (object == NULL || object->type != JIMM_JSON_OBJECT) {
    return NULL;
  }
  size_t length = strlen(key);
  for (const jimm_json *member = object->first; member != NULL; member = member->next) {
    if (member->key_length == length && memcmp(member->key, key, length) == 0) {
      return member;
    }
  }
  return NULL;
}

void jimm_json_quote(jimm_text *text, const char *string, size_t length) {
  static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
  jimm_text_append_bytes(text, "\"", 1);
  size_t start = 0;
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)string[i];
    const char *simple = c == 0 ? NULL : strchr(from, c);
    if (simple == NULL && c >= 0x20) {
      continue;
    }
    jimm_text_append_bytes(text, string + start, i - start);
    start = i + 1;
    if (simple != NULL) {
      const char escape[2] = {'\\', to[simple - from]};
      jimm_text_append_bytes(text, escape, 2);
    } else {
      jimm_text_append(text, "\\u%04x", c);
    }
  }
  jimm_text_append_bytes(text, string + start, length - start);
  jimm_text_append_bytes(text, "\"", 1);
}
