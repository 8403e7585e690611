#include "graph/attrs.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/locale.h"

/* The shortest decimal text that reads back as `value`. */
static void format_double(double value, char *buffer, size_t size) {
  for (int precision = 1; precision <= 17; precision++) {
    jimm_snprintf(buffer, size, "%.*g", precision, value);
    if (jimm_strtod(buffer, NULL) == value) {
      return;
    }
  }
}

static int32_t enum_count(const jimm_attr_spec *spec) {
  int32_t count = 0;
  while (spec->enum_names != NULL && spec->enum_names[count] != NULL) {
    count++;
  }
  return count;
}

char *jimm_attr_format(const jimm_attr_spec *spec, const void *attrs, char *buffer, size_t size) {
  const char *field = (const char *)attrs + spec->offset;
  switch (spec->type) {
    case JIMM_ATTR_INT: {
      int64_t value;
      memcpy(&value, field, sizeof(value));
      jimm_snprintf(buffer, size, "%" PRId64, value);
      break;
    }
    case JIMM_ATTR_PAIR: {
      int64_t value[2];
      memcpy(value, field, sizeof(value));
      jimm_snprintf(buffer, size, "[%" PRId64 ", %" PRId64 "]", value[0], value[1]);
      break;
    }
    case JIMM_ATTR_FLOAT: {
      double value;
      memcpy(&value, field, sizeof(value));
      format_double(value, buffer, size);
      break;
    }
    case JIMM_ATTR_BOOL: {
      bool value;
      memcpy(&value, field, sizeof(value));
      jimm_snprintf(buffer, size, "%s", value ? "true" : "false");
      break;
    }
    case JIMM_ATTR_ENUM: {
      int32_t value;
      memcpy(&value, field, sizeof(value));
      if (value >= 0 && value < enum_count(spec)) {
        jimm_snprintf(buffer, size, "%s", spec->enum_names[value]);
      } else {
        jimm_snprintf(buffer, size, "%" PRId32, value);
      }
      break;
    }
    case JIMM_ATTR_SHAPE: {
      jimm_shape value;
      memcpy(&value, field, sizeof(value));
      jimm_shape_format(&value, buffer, size);
      break;
    }
    default:
      jimm_snprintf(buffer, size, "?");
      break;
  }
  return buffer;
}

bool jimm_attr_equal(const jimm_attr_spec *spec, const void *a, const void *b) {
  const char *left = (const char *)a + spec->offset, *right = (const char *)b + spec->offset;
  switch (spec->type) {
    case JIMM_ATTR_INT:
      return memcmp(left, right, sizeof(int64_t)) == 0;
    case JIMM_ATTR_PAIR:
      return memcmp(left, right, 2 * sizeof(int64_t)) == 0;
    case JIMM_ATTR_BOOL:
      return memcmp(left, right, sizeof(bool)) == 0;
    case JIMM_ATTR_ENUM:
      return memcmp(left, right, sizeof(int32_t)) == 0;
    case JIMM_ATTR_FLOAT: {
      double x, y;
      memcpy(&x, left, sizeof(x));
      memcpy(&y, right, sizeof(y));
      return x == y || (isnan(x) && isnan(y));
    }
    case JIMM_ATTR_SHAPE: {
      jimm_shape x, y;
      memcpy(&x, left, sizeof(x));
      memcpy(&y, right, sizeof(y));
      return jimm_shape_equal(&x, &y);
    }
  }
  return false;
}

jimm_status jimm_attr_check(const jimm_attr_spec *spec, const void *attrs) {
  const char *field = (const char *)attrs + spec->offset;
  if (spec->type == JIMM_ATTR_ENUM && spec->enum_names != NULL) {
    int32_t value;
    memcpy(&value, field, sizeof(value));
    if (value < 0 || value >= enum_count(spec)) {
      return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s must be 0 to %" PRId32 ", got %" PRId32,
                       spec->name, enum_count(spec) - 1, value);
    }
  }
  if (spec->type == JIMM_ATTR_SHAPE) {
    jimm_shape value;
    memcpy(&value, field, sizeof(value));
    if (value.rank < -1 || value.rank > JIMM_MAX_RANK) {
      return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s must have rank -1 to %d, got %" PRId32,
                       spec->name, JIMM_MAX_RANK, value.rank);
    }
  }
  return JIMM_OK;
}
