/* Values of a config.json, each read or refused with a message that says where. The first error
 * sticks to the reader; later calls change nothing. An absent member and null both mean timm's
 * default: *result stays as it is. */
#ifndef JIMM_MODEL_CONFIG_H
#define JIMM_MODEL_CONFIG_H

#include "base/json.h"

typedef struct jimm_config {
  const char *path; /* the file, for messages */
  jimm_status status;
} jimm_config;

/* JIMM_ERROR_FORMAT: `value` is not what was expected. */
void jimm_config_wrong(jimm_config *config, const jimm_json *value, const char *key,
                       const char *expected);
/* JIMM_ERROR_UNSUPPORTED: `got` is something that timm may know, but jimm does not. */
void jimm_config_unsupported(jimm_config *config, const jimm_json *value, const char *key,
                             const char *got, const char *expected);

/* The member of that name; NULL when it is absent or null, or after an error. */
const jimm_json *jimm_config_member(const jimm_config *config, const jimm_json *object,
                                    const char *key);
/* The same, but of that type: anything else is an error. */
const jimm_json *jimm_config_typed(jimm_config *config, const jimm_json *object, const char *key,
                                   jimm_json_type type, const char *expected);
/* Whether `value` is a string without zero bytes. */
bool jimm_config_is_text(const jimm_json *value);

void jimm_config_boolean(jimm_config *config, const jimm_json *object, const char *key,
                         bool *result);
/* A string without zero bytes; it lives as long as the JSON. */
void jimm_config_string(jimm_config *config, const jimm_json *object, const char *key,
                        const char **result);
void jimm_config_integer(jimm_config *config, const jimm_json *object, const char *key,
                         int64_t least, int64_t most, int64_t *result);
/* A number that is not negative; timm takes 0 for "not given". */
void jimm_config_crop_pct(jimm_config *config, const jimm_json *object, const char *key,
                          double *result);
/* Three numbers; or one, which then holds for all channels. */
void jimm_config_channels(jimm_config *config, const jimm_json *object, const char *key,
                          bool positive, double result[3]);
/* [channels, height, width], each from 1 to 65535. */
void jimm_config_size(jimm_config *config, const jimm_json *object, const char *key,
                      int64_t result[3]);
/* One of `count` words, *result is its index; another string is unsupported. */
void jimm_config_word(jimm_config *config, const jimm_json *object, const char *key,
                      const char *const *words, int count, const char *expected, int *result);

#endif
