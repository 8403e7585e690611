#include "model/options.h"

#include <string.h>

#include "base/locale.h"
#include "base/options.h"

static const jimm_model_option rows[] = {
#define MODEL_INTEGER(name_, NAME, unset_, standard_, least_, most_, stated_, ...) \
  {.name = #name_,                                                                 \
   .bit = JIMM_OPTION_##NAME,                                                      \
   .stated = stated_,                                                              \
   .type = JIMM_OPTION_INTEGER,                                                    \
   .offset = offsetof(jimm_model_options, name_),                                  \
   .unset = unset_,                                                                \
   .standard = standard_,                                                          \
   .least = least_,                                                                \
   .most = most_},
#define MODEL_WORD(name_, NAME, stated_, ...) \
  {.name = #name_,                            \
   .bit = JIMM_OPTION_##NAME,                 \
   .stated = stated_,                         \
   .type = JIMM_OPTION_WORD,                  \
   .offset = offsetof(jimm_model_options, name_)},
#define MODEL_NUMBER(name_, NAME, unset_, standard_, least_, most_) \
  {.name = #name_,                                                  \
   .bit = JIMM_OPTION_##NAME,                                       \
   .type = JIMM_OPTION_NUMBER,                                      \
   .offset = offsetof(jimm_model_options, name_),                   \
   .unset = unset_,                                                 \
   .standard = standard_,                                           \
   .least = least_,                                                 \
   .most = most_},
#include <jimm/model_options.def>
};
#define ROW_COUNT ((int32_t)(sizeof rows / sizeof rows[0]))

/* A row for every field, of its type. */
#define IS_A(name, type) \
  _Static_assert(_Generic(((jimm_model_options *)0)->name, type : 1, default : 0), #name);
#define MODEL_INTEGER(name, ...) IS_A(name, int64_t)
#define MODEL_WORD(name, ...) IS_A(name, const char *)
#define MODEL_NUMBER(name, ...) IS_A(name, double)
#include <jimm/model_options.def>
#define SIZE_OF(name) +sizeof(((jimm_model_options *)0)->name)
#define MODEL_INTEGER(name, ...) SIZE_OF(name)
#define MODEL_WORD(name, ...) SIZE_OF(name)
#define MODEL_NUMBER(name, ...) SIZE_OF(name)
_Static_assert(sizeof(jimm_model_options) == sizeof(size_t)
#include <jimm/model_options.def>
                   ,
               "a field of jimm_model_options has no row");

const jimm_model_option *jimm_model_option_at(int32_t index) {
  return index >= 0 && index < ROW_COUNT ? &rows[index] : NULL;
}

/* ---- fields ---- */

static const void *field(const jimm_model_option *row, const jimm_model_options *options) {
  return (const char *)options + row->offset;
}

static const char *word_of(const jimm_model_option *row, const jimm_model_options *options) {
  return *(const char *const *)field(row, options);
}

/* Of integers and numbers. The rows' limits and defaults are exact in a double. */
static double number_of(const jimm_model_option *row, const jimm_model_options *options) {
  const void *value = field(row, options);
  return row->type == JIMM_OPTION_INTEGER ? (double)*(const int64_t *)value
                                          : *(const double *)value;
}

static void set_number(const jimm_model_option *row, double value, jimm_model_options *options) {
  void *to = (char *)options + row->offset;
  if (row->type == JIMM_OPTION_INTEGER) {
    *(int64_t *)to = (int64_t)value;
  } else {
    *(double *)to = value;
  }
}

static void copy(const jimm_model_option *row, const jimm_model_options *from,
                 jimm_model_options *to) {
  static const size_t sizes[] = {[JIMM_OPTION_INTEGER] = sizeof(int64_t),
                                 [JIMM_OPTION_WORD] = sizeof(const char *),
                                 [JIMM_OPTION_NUMBER] = sizeof(double)};
  memcpy((char *)to + row->offset, field(row, from), sizes[row->type]);
}

bool jimm_model_option_is_set(const jimm_model_option *row, const jimm_model_options *options) {
  return row->type == JIMM_OPTION_WORD ? word_of(row, options) != NULL
                                       : number_of(row, options) != row->unset;
}

bool jimm_model_option_equal(const jimm_model_option *row, const jimm_model_options *a,
                             const jimm_model_options *b) {
  if (row->type != JIMM_OPTION_WORD) {
    return number_of(row, a) == number_of(row, b);
  }
  const char *x = word_of(row, a), *y = word_of(row, b);
  return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

bool jimm_family_takes(const jimm_family *family, const jimm_model_option *row) {
  const uint32_t options = family->options == 0 ? JIMM_OPTIONS_USUAL : family->options;
  return (options & row->bit) != 0;
}

void jimm_model_options_fill(jimm_model_options *options, const jimm_model_options *from) {
  for (const jimm_model_option *row = rows; row < rows + ROW_COUNT; row++) {
    if (!jimm_model_option_is_set(row, options)) {
      copy(row, from, options);
    }
  }
}

/* ---- values that are given ---- */

static bool is_in_range(const jimm_model_option *row, double value) {
  return value >= row->least && value <= row->most;
}

const char *jimm_model_option_read(const jimm_model_option *row, const jimm_json *value,
                                   jimm_model_options *options, char text[JIMM_OPTION_TEXT]) {
  switch (row->type) {
    case JIMM_OPTION_WORD:
      if (value->type == JIMM_JSON_STRING && strlen(value->string) == value->length) {
        memcpy((char *)options + row->offset, &value->string, sizeof value->string);
        return NULL;
      }
      jimm_snprintf(text, JIMM_OPTION_TEXT, "a string without zero bytes");
      return text;
    case JIMM_OPTION_INTEGER:
      if (value->is_integer && is_in_range(row, value->number)) {
        set_number(row, value->number, options);
        return NULL;
      }
      jimm_snprintf(text, JIMM_OPTION_TEXT, "an integer from %.0f to %.0f", row->least, row->most);
      return text;
    case JIMM_OPTION_NUMBER:
    default:
      if (value->type == JIMM_JSON_NUMBER && is_in_range(row, value->number)) {
        set_number(row, value->number, options);
        return NULL;
      }
      jimm_snprintf(text, JIMM_OPTION_TEXT, "a number from %g to %g", row->least, row->most);
      return text;
  }
}

/* Of an option that is set or has its standard. An output stride is the family's to judge
 * (jimm_check_output_stride); a word that of the layer which knows them. */
static jimm_status check_range(const jimm_arch *arch, const jimm_model_option *row,
                               const jimm_model_options *options) {
  const double value = number_of(row, options);
  if (is_in_range(row, value) || !jimm_model_option_is_set(row, options)) {
    return JIMM_OK;
  }
  if (row->type == JIMM_OPTION_NUMBER) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: %s: expected %g to %g, got %g", arch->name,
                     row->name, row->least, row->most, value);
  }
  const bool low = value < row->least;
  return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: %s: expected %.0f or %s, got %lld", arch->name,
                   row->name, low ? row->least : row->most, low ? "more" : "less",
                   (long long)*(const int64_t *)field(row, options));
}

static jimm_status check_taken(const jimm_model_name *name, const jimm_model_option *row,
                               const jimm_model_options *options) {
  return !jimm_model_option_is_set(row, options) || jimm_family_takes(name->family, row)
             ? JIMM_OK
             : jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                         "%s: %s: models of the family %s do not take this option",
                         name->arch->name, row->name, name->family->name);
}

jimm_status jimm_model_options_resolve(const char *what, const jimm_model_name *name,
                                       const jimm_model_options *given,
                                       jimm_model_options *resolved) {
  *resolved = (jimm_model_options)JIMM_MODEL_OPTIONS_INIT;
  if (name == NULL || name->family == NULL || name->arch == NULL || name->variant == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "%s: the name is not resolved (see jimm_model_find)", what);
  }
  jimm_status status = jimm_copy_options("jimm_model_options", given, resolved, sizeof *resolved);
  jimm_model_options own = JIMM_MODEL_OPTIONS_INIT;
  own.num_classes = name->variant->num_classes;
  own.global_pool = name->family->default_global_pool;
  for (const jimm_model_option *row = rows; row < rows + ROW_COUNT && status == JIMM_OK; row++) {
    status = check_taken(name, row, resolved);
  }
  jimm_model_options_fill(resolved, &own);
  for (const jimm_model_option *row = rows; row < rows + ROW_COUNT && status == JIMM_OK; row++) {
    if (row->type == JIMM_OPTION_WORD) {
      continue;
    }
    if (!jimm_model_option_is_set(row, resolved)) {
      set_number(row, row->standard, resolved);
    }
    if (row->bit != JIMM_OPTION_OUTPUT_STRIDE) {
      status = check_range(name->arch, row, resolved);
    }
  }
  return status;
}
