/* Options of a model as rows, for whoever reads, checks or merges them. */
#ifndef JIMM_MODEL_OPTIONS_ROWS_H
#define JIMM_MODEL_OPTIONS_ROWS_H

#include <jimm/registry.h>

#include "base/json.h"

/* A row of jimm/model_options.def. */
typedef struct jimm_model_option {
  const char *name;
  uint32_t bit;
  bool stated;
  enum { JIMM_OPTION_INTEGER, JIMM_OPTION_WORD, JIMM_OPTION_NUMBER } type;
  size_t offset; /* of the field in jimm_model_options */
  double unset, standard, least, most;
} jimm_model_option;

/* NULL when there are no more. */
JIMM_SIBLING const jimm_model_option *jimm_model_option_at(int32_t index);

/* Whether the field holds something else than its row's `unset`. */
bool jimm_model_option_is_set(const jimm_model_option *row, const jimm_model_options *options);
/* Whether both hold the same. */
JIMM_SIBLING bool jimm_model_option_equal(const jimm_model_option *row, const jimm_model_options *a,
                                          const jimm_model_options *b);
/* Whether the family takes the option. */
bool jimm_family_takes(const jimm_family *family, const jimm_model_option *row);

#define JIMM_OPTION_TEXT 64
/* Sets the field to `value`, whose string it borrows. When that is not what the row takes the field
 * stays as it was, and the result is what was expected, written to `text`; else NULL. */
JIMM_SIBLING const char *jimm_model_option_read(const jimm_model_option *row,
                                                const jimm_json *value, jimm_model_options *options,
                                                char text[JIMM_OPTION_TEXT]);

/* What `options` leaves open becomes as in `from`. */
JIMM_SIBLING void jimm_model_options_fill(jimm_model_options *options,
                                          const jimm_model_options *from);

/* The options of a model that is to be built, with the name's own in place of what `given` (may be
 * NULL) leaves open. INVALID_ARGUMENT for what the family does not take and for what no family
 * takes; `what` is the function that was called, for messages. */
jimm_status jimm_model_options_resolve(const char *what, const jimm_model_name *name,
                                       const jimm_model_options *given,
                                       jimm_model_options *resolved);

#endif
