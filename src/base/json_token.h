/* Between the files that read JSON: where the parser is, and the words that it takes there. */
#ifndef JIMM_BASE_JSON_TOKEN_H
#define JIMM_BASE_JSON_TOKEN_H

#include <stdbool.h>

#include "base/json.h"

typedef struct jimm_json_parser {
  const char *name; /* of the text, for messages */
  const char *text;
  size_t size, at;
  size_t values;
  int depth;
  jimm_arena *arena; /* what the values are made in */
} jimm_json_parser;

/* An error at byte `at`, with line and column (in bytes, from 1) for people. */
jimm_status jimm_json_fail_at(const jimm_json_parser *p, size_t at, jimm_status status,
                              const char *what);
/* The same with JIMM_ERROR_FORMAT. */
jimm_status jimm_json_fail(const jimm_json_parser *p, size_t at, const char *what);
/* "expected WHAT, found ..." at the current place. */
jimm_status jimm_json_fail_expected(const jimm_json_parser *p, const char *what);

static inline bool jimm_json_next_is(const jimm_json_parser *p, char c) {
  return p->at < p->size && p->text[p->at] == c;
}

static inline bool jimm_json_at_digit(const jimm_json_parser *p) {
  return p->at < p->size && p->text[p->at] >= '0' && p->text[p->at] <= '9';
}

void jimm_json_skip_space(jimm_json_parser *p);
/* The string whose opening quote is at p->at. Its text goes to the arena. */
jimm_status jimm_json_take_string(jimm_json_parser *p, const char **string, size_t *length);
/* The number that begins at p->at: type, number, is_integer and integer of `value`. */
jimm_status jimm_json_take_number(jimm_json_parser *p, jimm_json *value);

#endif
