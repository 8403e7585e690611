#include "base/json.h"

#include <string.h>

#include "base/json_token.h"
#include "base/locale.h"

#define DEPTH_LIMIT 64
/* Every value takes memory many times its text; this bounds what a hostile file can make of it. */
#define VALUE_LIMIT ((size_t)1 << 22)

static jimm_status parse_value(jimm_json_parser *p, jimm_json *value);

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
static jimm_status check_duplicates(const jimm_json_parser *p, const jimm_json *object) {
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
    status = jimm_json_fail(p, twice->offset, text);
  }
  jimm_free(memory);
  return status;
}

/* One item of an array or object: the member's key if there is one, and the value. */
static jimm_status parse_item(jimm_json_parser *p, jimm_json *parent, jimm_json *item) {
  if (parent->type == JIMM_JSON_OBJECT) {
    if (!jimm_json_next_is(p, '"')) {
      return jimm_json_fail_expected(p, "a key in quotes");
    }
    jimm_status status = jimm_json_take_string(p, &item->key, &item->key_length);
    if (status != JIMM_OK) {
      return status;
    }
    jimm_json_skip_space(p);
    if (!jimm_json_next_is(p, ':')) {
      return jimm_json_fail_expected(p, "':' after a key");
    }
    p->at++;
    jimm_json_skip_space(p);
  }
  return parse_value(p, item);
}

static jimm_status parse_children(jimm_json_parser *p, jimm_json *parent, char close) {
  if (p->depth == DEPTH_LIMIT) {
    return jimm_json_fail_at(p, p->at, JIMM_ERROR_LIMIT, "arrays and objects nest deeper than 64");
  }
  p->depth++;
  p->at++;
  jimm_json_skip_space(p);
  jimm_json **link = &parent->first;
  if (!jimm_json_next_is(p, close)) {
    for (;;) {
      if (++p->values > VALUE_LIMIT) {
        return jimm_json_fail_at(p, p->at, JIMM_ERROR_LIMIT, "more than 4194304 values");
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
      jimm_json_skip_space(p);
      if (!jimm_json_next_is(p, ',')) {
        break;
      }
      p->at++;
      jimm_json_skip_space(p);
    }
    if (!jimm_json_next_is(p, close)) {
      return jimm_json_fail_expected(p, close == '}' ? "',' or '}'" : "',' or ']'");
    }
  }
  p->at++;
  p->depth--;
  return parent->type == JIMM_JSON_OBJECT ? check_duplicates(p, parent) : JIMM_OK;
}

/* ---- values ---- */

static bool take_word(jimm_json_parser *p, const char *word) {
  size_t length = strlen(word);
  if (p->size - p->at < length || memcmp(p->text + p->at, word, length) != 0) {
    return false;
  }
  p->at += length;
  return true;
}

static jimm_status parse_value(jimm_json_parser *p, jimm_json *value) {
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
      return jimm_json_take_string(p, &value->string, &value->length);
    case 'n':
      value->type = JIMM_JSON_NULL;
      return take_word(p, "null") ? JIMM_OK : jimm_json_fail_expected(p, "a value");
    case 't':
    case 'f':
      value->type = JIMM_JSON_BOOL;
      value->boolean = p->text[p->at] == 't';
      return take_word(p, value->boolean ? "true" : "false")
                 ? JIMM_OK
                 : jimm_json_fail_expected(p, "a value");
    default:
      if (jimm_json_next_is(p, '-') || jimm_json_at_digit(p)) {
        return jimm_json_take_number(p, value);
      }
      return jimm_json_fail_expected(p, "a value");
  }
}

jimm_status jimm_json_parse(const char *name, const void *text, size_t size, jimm_arena *arena,
                            jimm_json **root) {
  jimm_json_parser p = {.name = name, .text = text, .size = size, .arena = arena};
  *root = NULL;
  jimm_json *value = jimm_arena_alloc(arena, sizeof *value);
  if (value == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_json_skip_space(&p);
  jimm_status status = parse_value(&p, value);
  if (status != JIMM_OK) {
    return status;
  }
  jimm_json_skip_space(&p);
  if (p.at != p.size) {
    return jimm_json_fail_expected(&p, "the end of the text");
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
