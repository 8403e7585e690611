/* The kernel table: kernels.def as rows, and the choice among them. */
#include "kernel/kernel.h"

#include <string.h>

#define SET_baseline JIMM_FEATURES_BASELINE
#define SET_avx2 JIMM_FEATURES_AVX2
#define SET_avx512 JIMM_FEATURES_AVX512
#define DTYPE_f32 JIMM_F32

static const jimm_kernel kernels[] = {
#define KERNEL(op, variant, dtype, isa, rows, columns)                      \
  {#op "_" #variant "_" #dtype "_" #isa,    #op,  DTYPE_##dtype, SET_##isa, \
   jimm_##op##_##variant##_##dtype##_##isa, rows, columns},
#include "kernel/kernels.def"
#undef KERNEL
};

const jimm_kernel *jimm_kernel_find(const char *op, jimm_dtype dtype, jimm_features features) {
  const jimm_kernel *best = NULL;
  for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
    const jimm_kernel *k = &kernels[i];
    if ((k->features & ~features) == 0 && k->dtype == dtype && strcmp(k->op, op) == 0) {
      best = k;
    }
  }
  return best;
}
