/* jimm: options of a model, as keyword arguments of timm.create_model. */
#ifndef JIMM_MODEL_OPTIONS_H
#define JIMM_MODEL_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* jimm/model_options.def has a row for each field: its range, and how files and the program call
 * it. Not every family takes every option (jimm_family.options): one that is set for a family which
 * does not is JIMM_ERROR_INVALID_ARGUMENT. */
typedef struct jimm_model_options {
  size_t size;
  int64_t num_classes;     /* -1: as the tag; 0: no classifier (logits are pre_logits) */
  int64_t in_chans;        /* -1: 3 */
  const char *global_pool; /* NULL: the family's default; "", "avg", "max", "avgmax", "catavgmax" */
  /* 32; with 16 or 8 later stages keep their size and dilate instead of striding. bit and resnetv2
   * take any number above 0, as timm does: stages dilate once strides have reached it, from the
   * second stage on (4 and less). */
  int64_t output_stride;
  int64_t img_size; /* -1: the model's own; height and width, of models of fixed input size */
  /* -1: 0; rates of the dropout before the classifier and, in the last block, of stochastic depth
   * (0 in the first, linear between), from 0 to 1. Nodes carry them; without a mask they change
   * nothing. */
  double drop_rate, drop_path_rate;
} jimm_model_options;
#define JIMM_MODEL_OPTIONS_INIT \
  { sizeof(jimm_model_options), -1, -1, NULL, 32, -1, -1.0, -1.0 }

/* Bits of jimm_family.options. */
typedef enum jimm_option_bit {
  JIMM_OPTION_NUM_CLASSES = 1 << 0,
  JIMM_OPTION_IN_CHANS = 1 << 1,
  JIMM_OPTION_GLOBAL_POOL = 1 << 2,
  JIMM_OPTION_OUTPUT_STRIDE = 1 << 3,
  JIMM_OPTION_IMG_SIZE = 1 << 4,
  JIMM_OPTION_DROP_RATE = 1 << 5,
  JIMM_OPTION_DROP_PATH_RATE = 1 << 6
} jimm_option_bit;
/* What a family takes that does not say. */
#define JIMM_OPTIONS_USUAL                                                    \
  (JIMM_OPTION_NUM_CLASSES | JIMM_OPTION_IN_CHANS | JIMM_OPTION_GLOBAL_POOL | \
   JIMM_OPTION_OUTPUT_STRIDE)

#ifdef __cplusplus
}
#endif
#endif
