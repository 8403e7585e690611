#include "model/config.h"

#include <math.h>
#include <string.h>

void jimm_config_wrong(jimm_config *config, const jimm_json *value, const char *key,
                       const char *expected) {
  config->status = jimm_fail(JIMM_ERROR_FORMAT, "%s: byte %zu: \"%s\": expected %s", config->path,
                             value->offset, key, expected);
}

void jimm_config_unsupported(jimm_config *config, const jimm_json *value, const char *key,
                             const char *got, const char *expected) {
  config->status =
      jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: byte %zu: \"%s\": expected %s, got \"%s\"",
                config->path, value->offset, key, expected, got);
}

const jimm_json *jimm_config_member(const jimm_config *config, const jimm_json *object,
                                    const char *key) {
  const jimm_json *value = config->status == JIMM_OK ? jimm_json_get(object, key) : NULL;
  return value == NULL || value->type == JIMM_JSON_NULL ? NULL : value;
}

const jimm_json *jimm_config_typed(jimm_config *config, const jimm_json *object, const char *key,
                                   jimm_json_type type, const char *expected) {
  const jimm_json *value = jimm_config_member(config, object, key);
  if (value != NULL && value->type != type) {
    jimm_config_wrong(config, value, key, expected);
    return NULL;
  }
  return value;
}

bool jimm_config_is_text(const jimm_json *value) {
  return value->type == JIMM_JSON_STRING && strlen(value->string) == value->length;
}

void jimm_config_boolean(jimm_config *config, const jimm_json *object, const char *key,
                         bool *result) {
  const jimm_json *value = jimm_config_typed(config, object, key, JIMM_JSON_BOOL, "true or false");
  *result = value == NULL ? *result : value->boolean;
}

void jimm_config_string(jimm_config *config, const jimm_json *object, const char *key,
                        const char **result) {
  const jimm_json *value = jimm_config_member(config, object, key);
  if (value == NULL) {
    return;
  }
  if (!jimm_config_is_text(value)) {
    jimm_config_wrong(config, value, key, "a string without zero bytes");
    return;
  }
  *result = value->string;
}

void jimm_config_integer(jimm_config *config, const jimm_json *object, const char *key,
                         int64_t least, int64_t most, int64_t *result) {
  const jimm_json *value = jimm_config_member(config, object, key);
  if (value == NULL) {
    return;
  }
  if (value->type != JIMM_JSON_NUMBER || !value->is_integer || value->integer < least ||
      value->integer > most) {
    config->status =
        jimm_fail(JIMM_ERROR_FORMAT, "%s: byte %zu: \"%s\": expected an integer from %lld to %lld",
                  config->path, value->offset, key, (long long)least, (long long)most);
    return;
  }
  *result = value->integer;
}

void jimm_config_crop_pct(jimm_config *config, const jimm_json *object, const char *key,
                          double *result) {
  const jimm_json *value = jimm_config_member(config, object, key);
  if (value == NULL) {
    return;
  }
  if (value->type != JIMM_JSON_NUMBER || !isfinite(value->number) || value->number < 0) {
    jimm_config_wrong(config, value, key, "a number that is not negative");
    return;
  }
  *result = value->number > 0 ? value->number : *result;
}

void jimm_config_channels(jimm_config *config, const jimm_json *object, const char *key,
                          bool positive, double result[3]) {
  const char *expected = positive ? "a list of 3 positive numbers" : "a list of 3 numbers";
  const jimm_json *value = jimm_config_typed(config, object, key, JIMM_JSON_ARRAY, expected);
  if (value == NULL) {
    return;
  }
  if (value->length != 3 && value->length != 1) {
    jimm_config_wrong(config, value, key, expected);
    return;
  }
  const jimm_json *item = value->first;
  for (int i = 0; i < 3; i++) {
    if (item->type != JIMM_JSON_NUMBER || !isfinite(item->number) ||
        (positive && !(item->number > 0))) {
      jimm_config_wrong(config, item, key, expected);
      return;
    }
    result[i] = item->number;
    item = item->next == NULL ? item : item->next;
  }
}

void jimm_config_size(jimm_config *config, const jimm_json *object, const char *key,
                      int64_t result[3]) {
  static const char expected[] = "a list of 3 integers from 1 to 65535: channels, height, width";
  const jimm_json *value = jimm_config_typed(config, object, key, JIMM_JSON_ARRAY, expected);
  if (value == NULL) {
    return;
  }
  if (value->length != 3) {
    jimm_config_wrong(config, value, key, expected);
    return;
  }
  int i = 0;
  for (const jimm_json *item = value->first; item != NULL; item = item->next) {
    if (item->type != JIMM_JSON_NUMBER || !item->is_integer || item->integer < 1 ||
        item->integer > 65535) {
      jimm_config_wrong(config, item, key, expected);
      return;
    }
    result[i++] = item->integer;
  }
}

void jimm_config_word(jimm_config *config, const jimm_json *object, const char *key,
                      const char *const *words, int count, const char *expected, int *result) {
  const char *word = NULL;
  jimm_config_string(config, object, key, &word);
  if (word == NULL) {
    return;
  }
  for (int i = 0; i < count; i++) {
    if (strcmp(words[i], word) == 0) {
      *result = i;
      return;
    }
  }
  jimm_config_unsupported(config, jimm_json_get(object, key), key, word, expected);
}
