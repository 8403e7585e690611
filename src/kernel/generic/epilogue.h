/* The end of a kernel (jimm_epilogue in kernel/args.h), in vectors and for what is left of them. */
#ifndef JIMM_KERNEL_GENERIC_EPILOGUE_H
#define JIMM_KERNEL_GENERIC_EPILOGUE_H

#include "kernel/generic/vector.h"

/* The epilogue of what begins at element `at` of y. */
INLINE jimm_epilogue epilogue_at(const jimm_epilogue *e, size_t at) {
  return (jimm_epilogue){.residual = e->residual != NULL ? e->residual + at : NULL,
                         .activation = e->activation};
}

INLINE vfloat activate(vfloat v, jimm_activation activation) {
  return activation == JIMM_ACTIVATION_RELU ? relu(v) : v;
}
INLINE float activate1(float v, jimm_activation activation) {
  return activation == JIMM_ACTIVATION_RELU ? relu1(v) : v;
}

/* What is written for the results v of elements i and on, of one element i. */
INLINE vfloat finish(jimm_epilogue e, size_t i, vfloat v) {
  if (e.residual != NULL) {
    v += load(e.residual + i);
  }
  return activate(v, e.activation);
}
INLINE float finish1(jimm_epilogue e, size_t i, float v) {
  if (e.residual != NULL) {
    v += e.residual[i];
  }
  return activate1(v, e.activation);
}

#endif
