/* JSON for stdout, by jansson. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

void cli_json_set(json_t **object, const char *key, json_t *value) {
  if (*object == NULL) {
    json_decref(value);
  } else if (json_object_set_new(*object, key, value) != 0) { /* also when value is NULL */
    json_decref(*object);
    *object = NULL;
  }
}

void cli_json_append(json_t **array, json_t *value) {
  if (*array == NULL) {
    json_decref(value);
  } else if (json_array_append_new(*array, value) != 0) {
    json_decref(*array);
    *array = NULL;
  }
}

json_t *cli_json_real(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

json_t *cli_json_float(float value) {
  char text[32];
  if (!isfinite(value)) {
    return json_null();
  }
  for (int digits = 6; digits <= 9; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, (double)value);
    if (strtof(text, NULL) == value) {
      break;
    }
  }
  return json_real(strtod(text, NULL));
}

json_t *cli_json_text(const char *text) {
  if (text == NULL) {
    return json_null();
  }
  json_t *value = json_string(text);
  if (value != NULL) {
    return value;
  }
  /* Not UTF-8 (a file name, say): every byte beyond ASCII becomes the replacement character. */
  char *copy = malloc(strlen(text) * 3 + 1);
  if (copy == NULL) {
    return NULL;
  }
  size_t length = 0;
  for (const char *c = text; *c != 0; c++) {
    if ((unsigned char)*c < 0x80) {
      copy[length++] = *c;
    } else {
      memcpy(copy + length, "\xEF\xBF\xBD", 3);
      length += 3;
    }
  }
  copy[length] = 0;
  value = json_string(copy);
  free(copy);
  return value;
}

json_t *cli_json_integers(const int64_t *values, int32_t count) {
  json_t *array = json_array();
  for (int32_t i = 0; i < count; i++) {
    cli_json_append(&array, json_integer(values[i]));
  }
  return array;
}

json_t *cli_json_reals(const double *values, int32_t count) {
  json_t *array = json_array();
  for (int32_t i = 0; i < count; i++) {
    cli_json_append(&array, cli_json_real(values[i]));
  }
  return array;
}

/* The fewest significant digits, from `digits` on, with which every real in `value` is read back as
 * the same double: 15 do for short decimals, 17 always. */
static int needed_digits(const json_t *value, int digits) {
  if (json_is_real(value)) {
    char text[32];
    for (; digits < 17; digits++) {
      snprintf(text, sizeof text, "%.*g", digits, json_real_value(value));
      if (strtod(text, NULL) == json_real_value(value)) {
        break;
      }
    }
  } else if (json_is_array(value)) {
    for (size_t i = 0; i < json_array_size(value); i++) {
      digits = needed_digits(json_array_get(value, i), digits);
    }
  } else if (json_is_object(value)) {
    const char *key = NULL;
    json_t *member = NULL;
    json_object_foreach((json_t *)(uintptr_t)value, key, member) {
      digits = needed_digits(member, digits);
    }
  }
  return digits;
}

int cli_json_print(json_t *value) {
  if (value == NULL) {
    return cli_fail_memory();
  }
  size_t digits = (size_t)needed_digits(value, 15);
  int failed = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(digits));
  json_decref(value);
  if (failed != 0 && !ferror(stdout)) {
    return cli_fail_memory();
  }
  fputc('\n', stdout); /* a failed stdout is reported when the program ends */
  return CLI_OK;
}

/* What json_dump_callback has written. jansson does not look at every return value, so a failure
 * stays. */
typedef struct dump {
  char *text;
  size_t size, capacity;
  bool failed;
} dump;

static int add_to_dump(const char *text, size_t size, void *context) {
  dump *d = context;
  if (size == 0) {
    return 0;
  }
  d->failed = d->failed || !cli_reserve(&d->text, d->size + size, 1, &d->capacity);
  if (d->failed) {
    return -1;
  }
  memcpy(d->text + d->size, text, size);
  d->size += size;
  return 0;
}

int cli_json_print_element(json_t *value, bool first) {
  if (value == NULL) {
    return cli_fail_memory();
  }
  dump d = {NULL, 0, 0, false};
  size_t digits = (size_t)needed_digits(value, 15);
  int failed =
      json_dump_callback(value, add_to_dump, &d, JSON_INDENT(2) | JSON_REAL_PRECISION(digits));
  json_decref(value);
  if (failed != 0 || d.failed) {
    free(d.text);
    return cli_fail_memory();
  }
  fputs(first ? "[\n  " : ",\n  ", stdout);
  for (size_t i = 0; i < d.size; i++) {
    fputc(d.text[i], stdout);
    if (d.text[i] == '\n') { /* never inside a string */
      fputs("  ", stdout);
    }
  }
  free(d.text);
  return CLI_OK;
}
