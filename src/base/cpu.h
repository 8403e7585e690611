/* What the processor, the operating system and JIMM_CPU allow: features, and the levels of base.h,
 * which are names of sets of them. */
#ifndef JIMM_BASE_CPU_H
#define JIMM_BASE_CPU_H

#include <stddef.h>
#include <stdint.h>

#include <jimm/base.h>

/* A set of features.def. */
typedef uint64_t jimm_features;

enum {
#define FEATURE(NAME, name, leaf, subleaf, place, bit, state) JIMM_NUMBER_##NAME,
#include "base/features.def"
#undef FEATURE
  JIMM_FEATURE_COUNT
};

#define JIMM_FEATURE(NAME) ((jimm_features)1 << JIMM_NUMBER_##NAME)

/* The levels as sets. */
#if defined(__x86_64__)
#define JIMM_FEATURES_BASELINE ((jimm_features)0)
#define JIMM_FEATURES_AVX2                                                            \
  (JIMM_FEATURE(AVX2) | JIMM_FEATURE(FMA) | JIMM_FEATURE(F16C) | JIMM_FEATURE(BMI1) | \
   JIMM_FEATURE(BMI2))
#define JIMM_FEATURES_AVX512                                                                      \
  (JIMM_FEATURES_AVX2 | JIMM_FEATURE(AVX512F) | JIMM_FEATURE(AVX512DQ) | JIMM_FEATURE(AVX512CD) | \
   JIMM_FEATURE(AVX512BW) | JIMM_FEATURE(AVX512VL))
#elif defined(__aarch64__)
#define JIMM_FEATURES_BASELINE JIMM_FEATURE(NEON)
#else
#define JIMM_FEATURES_BASELINE ((jimm_features)0)
#endif

/* What the hardware has, JIMM_CPU not looked at. */
jimm_features jimm_cpu_detect(void);
/* `detected`, cut to what `value` (of JIMM_CPU; may be NULL) allows. */
jimm_features jimm_cpu_mask(jimm_features detected, const char *value);
/* Both, found out once in a process. */
jimm_features jimm_cpu_features(void);

/* What a level stands for; JIMM_ISA_BEST: everything. A level of another architecture: everything,
 * too, as it cuts nothing. */
jimm_features jimm_isa_features(jimm_isa isa);
/* The highest level whose features are all there. */
jimm_isa jimm_features_isa(jimm_features features);
/* The names, joined by spaces; "" for none. `text` has room for JIMM_FEATURES_TEXT. */
#define JIMM_FEATURES_TEXT 256
const char *jimm_features_format(jimm_features features, char *text, size_t size);

#endif
