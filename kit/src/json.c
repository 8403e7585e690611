// Strings of the JSON lines that jimm-jet writes.
#include "internal.h"

#include <stdlib.h>
#include <string.h>

// The string that starts at the quote `at`, without escapes; `end` comes to stand behind it.
static char *read_string(const char *at, const char **end) {
  jti_text text = {0};
  jti_text_add(&text, "", 0);
  for (++at; *at && *at != '"'; ++at) {
    char c = *at;
    if (c == '\\' && at[1]) {
      c = *++at;
      c = c == 'n' ? '\n' : c == 't' ? '\t' : strchr("bfru", c) ? ' ' : c;
      at += *at == 'u' ? strnlen(at + 1, 4) : 0;
    }
    jti_text_add(&text, &c, 1);
  }
  *end = *at ? at + 1 : at;
  return text.data;
}

char *jti_json_string(const char *line, const char *key) {
  unsigned depth = 0;
  for (const char *at = line; *at;) {
    depth += *at == '{' || *at == '[';
    depth -= depth && (*at == '}' || *at == ']');
    if (*at != '"') {
      ++at;
      continue;
    }
    char *text = read_string(at, &at);
    bool found = depth == 1 && at[0] == ':' && strcmp(text, key) == 0;
    free(text);
    if (found) {
      return at[1] == '"' ? read_string(at + 1, &at) : NULL;
    }
  }
  return NULL;
}
