// Apple's property lists, as far as clang writes them: dictionaries, arrays, strings and integers.
#include "jet.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

// Moves past blanks, comments and declarations.
static const char *skip(const char *at) {
  for (;;) {
    at += strspn(at, " \t\r\n");
    const char *end = jet_starts(at, "<?") || jet_starts(at, "<!") ? strchr(at, '>') : NULL;
    if (!end) {
      return at;
    }
    at = end + 1;
  }
}

static bool take(const char **at, const char *tag) {
  const char *from = skip(*at);
  if (!jet_starts(from, tag)) {
    return false;
  }
  *at = from + strlen(tag);
  return true;
}

static const char *text_until(const char **at, const char *end) {
  static const struct {
    const char *name;
    char character;
  } entities[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
  const char *stop = strstr(*at, end);
  if (!stop) {
    return NULL;
  }
  char *text = jet_alloc((size_t)(stop - *at) + 1);
  size_t size = 0;
  for (const char *from = *at; from < stop;) {
    size_t step = 1;
    text[size] = *from;
    for (size_t e = 0; *from == '&' && e < sizeof entities / sizeof *entities; ++e) {
      if (jet_starts(from, entities[e].name)) {
        text[size] = entities[e].character;
        step = strlen(entities[e].name);
      }
    }
    from += step;
    ++size;
  }
  *at = stop + strlen(end);
  return text;
}

static json_t *read_value(const char **at, unsigned depth);

static json_t *read_dictionary(const char **at, unsigned depth) {
  json_t *object = json_object();
  while (!take(at, "</dict>")) {
    const char *key = take(at, "<key>") ? text_until(at, "</key>") : NULL;
    json_t *value = key ? read_value(at, depth) : NULL;
    if (!value || json_object_set_new(object, key, value) != 0) {
      json_decref(object);
      return NULL;
    }
  }
  return object;
}

static json_t *read_array(const char **at, unsigned depth) {
  json_t *array = json_array();
  while (!take(at, "</array>")) {
    json_t *value = read_value(at, depth);
    if (!value || json_array_append_new(array, value) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

static json_t *read_value(const char **at, unsigned depth) {
  if (depth > 100) {
    return NULL;
  }
  if (take(at, "<dict>")) {
    return read_dictionary(at, depth + 1);
  }
  if (take(at, "<array>")) {
    return read_array(at, depth + 1);
  }
  if (take(at, "<string>")) {
    const char *text = text_until(at, "</string>");
    return text ? json_string(text) : NULL;
  }
  if (take(at, "<integer>")) {
    const char *text = text_until(at, "</integer>");
    return text ? json_integer(strtoll(text, NULL, 10)) : NULL;
  }
  bool yes = take(at, "<true/>");
  return yes || take(at, "<false/>") ? json_boolean(yes) : NULL;
}

json_t *jet_read_plist(const char *path) {
  const char *at = jet_read(path, NULL);
  if (!at) {
    return NULL;
  }
  at = skip(at);
  const char *end = jet_starts(at, "<plist") ? strchr(at, '>') : NULL;
  if (!end) {
    return NULL;
  }
  at = end + 1;
  return read_value(&at, 0);
}
