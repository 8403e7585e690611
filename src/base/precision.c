/* precisions.def as functions. */
#include <jimm/base.h>

static const struct {
  const char *name;
  double times, floor;
} precisions[JIMM_PRECISION_COUNT] = {
#define PRECISION(NAME, name, times, floor) [JIMM_PRECISION_##NAME] = {#name, times, floor},
#include "base/precisions.def"
#undef PRECISION
};

const char *jimm_precision_name(jimm_precision precision) {
  return (int)precision >= 0 && (int)precision < JIMM_PRECISION_COUNT ? precisions[precision].name
                                                                      : NULL;
}

double jimm_house_bar(jimm_precision precision, double timm_error) {
  if (jimm_precision_name(precision) == NULL) {
    return 0.0;
  }
  const double bar = precisions[precision].times * timm_error;
  return bar > precisions[precision].floor ? bar : precisions[precision].floor;
}
