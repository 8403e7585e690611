/* A strict JSON reader (RFC 8259) for headers and configuration files: UTF-8 checked, duplicate
 * keys refused, depth limited, integers exact, no locale. */
#ifndef JIMM_BASE_JSON_H
#define JIMM_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/base.h>

#include "base/alloc.h"

typedef enum jimm_json_type {
  JIMM_JSON_NULL,
  JIMM_JSON_BOOL,
  JIMM_JSON_NUMBER,
  JIMM_JSON_STRING,
  JIMM_JSON_ARRAY,
  JIMM_JSON_OBJECT
} jimm_json_type;

typedef struct jimm_json jimm_json;
struct jimm_json {
  jimm_json_type type;
  size_t offset;   /* byte offset in the text, for messages */
  const char *key; /* in an object: the member's key */
  size_t key_length;
  const char *string; /* JIMM_JSON_STRING, zero-terminated (may also contain zero bytes) */
  size_t length;      /* of string in bytes, or of array and object in items */
  bool boolean;
  double number;
  bool is_integer; /* number is written without fraction and exponent and fits int64_t */
  int64_t integer;
  jimm_json *first, *next; /* children of array and object in file order; sibling */
};

/* Parses the whole text. `name` stands for the file in messages. Everything lives in `arena`. */
JIMM_SIBLING jimm_status jimm_json_parse(const char *name, const void *text, size_t size,
                                         jimm_arena *arena, jimm_json **root);
/* The member of an object, NULL when absent or when `object` is NULL or no object. */
JIMM_SIBLING const jimm_json *jimm_json_get(const jimm_json *object, const char *key);
/* Appends `length` bytes of UTF-8 as a quoted JSON string. */
void jimm_json_quote(jimm_text *text, const char *string, size_t length);

#endif
