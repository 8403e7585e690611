/* The kernel table: kernels.def as rows, and the choice among them. */
#include "kernel/kernel.h"

#include <string.h>

#define ISA_baseline JIMM_ISA_BASELINE
#define ISA_avx2 JIMM_ISA_AVX2
#define ISA_avx512 JIMM_ISA_AVX512
#define DTYPE_f32 JIMM_F32

static const jimm_kernel kernels[] = {
#define KERNEL(op, variant, dtype, isa, rows, columns)                      \
  {#op "_" #variant "_" #dtype "_" #isa,    #op,  DTYPE_##dtype, ISA_##isa, \
   jimm_##op##_##variant##_##dtype##_##isa, rows, columns},
#include "kernel/kernels.def"
#undef KERNEL
};

const jimm_kernel *jimm_kernel_find(const char *op, jimm_dtype dtype, jimm_isa isa) {
  const jimm_kernel *best = NULL;
  for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
    const jimm_kernel *k = &kernels[i];
    if (k->isa <= isa && k->dtype == dtype && strcmp(k->op, op) == 0) {
      best = k;
    }
  }
  return best;
}
