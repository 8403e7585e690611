/* jimm: options of a model, as keyword arguments of timm.create_model. */
#ifndef JIMM_MODEL_OPTIONS_H
#define JIMM_MODEL_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct jimm_model_options {
  size_t size;
  int64_t num_classes;     /* -1: as the tag; 0: no classifier (logits are pre_logits) */
  int64_t in_chans;        /* -1: 3 */
  const char *global_pool; /* NULL: the family's default; "", "avg", "max", "avgmax", "catavgmax" */
  /* 32; with 16 or 8 later stages keep their size and dilate instead of striding. bit and resnetv2
   * take any number above 0, as timm does: stages dilate once strides have reached it, from the
   * second stage on (4 and less). */
  int64_t output_stride;
} jimm_model_options;
#define JIMM_MODEL_OPTIONS_INIT \
  { sizeof(jimm_model_options), -1, -1, NULL, 32 }

#ifdef __cplusplus
}
#endif
#endif
