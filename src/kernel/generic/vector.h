/* Vectors of the instruction set that a generic kernel is compiled for (-DISA=baseline, avx2 or
 * avx512), in the vector extensions of gcc and clang. Everything here is static: an inline function
 * of one instruction set must never be the one that the linker keeps for another. */
#ifndef JIMM_KERNEL_GENERIC_VECTOR_H
#define JIMM_KERNEL_GENERIC_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/args.h"
#include "kernel/kernel.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define LANES (VECTOR_BYTES / 4)

typedef float vfloat __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t vint __attribute__((vector_size(VECTOR_BYTES)));
typedef float vfloat_memory __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
/* Half as many floats, and the same number of doubles: for sums in float64. */
typedef float vhalf __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef float vhalf_memory __attribute__((vector_size(VECTOR_BYTES / 2), aligned(4), may_alias));
typedef double vdouble __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t vlong __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t vulong __attribute__((vector_size(VECTOR_BYTES)));
typedef double vdouble_memory __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
#define HALF_LANES (LANES / 2)

#define PASTE_(a, b, c) a##b##c
#define PASTE(a, b, c) PASTE_(a, b, c)
/* TASK(max_pool2d_direct_f32) names jimm_max_pool2d_direct_f32_avx2. */
#define TASK(name) PASTE(jimm_##name, _, ISA)
/* Its parameters: void TASK(...)(TASK_ARGS). */
#define TASK_ARGS void *args, size_t index, __attribute__((unused)) size_t thread

#define INLINE static inline __attribute__((always_inline))
#define PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_BY(n) PRAGMA(clang loop unroll_count(n))
#else
#define UNROLL _Pragma("GCC unroll 32")
#define UNROLL_BY(n) PRAGMA(GCC unroll n)
#endif

INLINE vfloat load(const float *p) {
  return *(const vfloat_memory *)p;
}
INLINE void store(float *p, vfloat v) {
  *(vfloat_memory *)p = v;
}
/* gcc 12 makes five instructions of __builtin_convertvector where there is one. */
INLINE vdouble load_double(const float *p) {
#if defined(__AVX512F__)
  return (vdouble)_mm512_cvtps_pd(_mm256_loadu_ps(p));
#elif defined(__AVX2__)
  return (vdouble)_mm256_cvtps_pd(_mm_loadu_ps(p));
#else
  return __builtin_convertvector((vhalf)(*(const vhalf_memory *)p), vdouble);
#endif
}
INLINE void store_double(float *p, vdouble v) {
  *(vhalf_memory *)p = __builtin_convertvector(v, vhalf);
}
/* The first `count` of HALF_LANES elements; the others are read as 0 and not written. */
INLINE vdouble load_some(const float *p, size_t count) {
  float some[HALF_LANES] = {0};
  memcpy(some, p, count * sizeof(float));
  return load_double(some);
}
INLINE void store_some(float *p, vdouble v, size_t count) {
  float some[HALF_LANES];
  store_double(some, v);
  memcpy(p, some, count * sizeof(float));
}
INLINE vfloat splat(float x) {
  return x - (vfloat){0};
}
INLINE vdouble splat_double(double x) {
  return x - (vdouble){0};
}
INLINE double sum_of(vdouble v) {
  double sum = 0.0;
  for (size_t i = 0; i < HALF_LANES; i++) {
    sum += v[i];
  }
  return sum;
}

/* mask ? a : b, lane by lane */
INLINE vfloat blend(vint mask, vfloat a, vfloat b) {
  return (vfloat)(((vint)a & mask) | ((vint)b & ~mask));
}
INLINE vdouble blend_double(vlong mask, vdouble a, vdouble b) {
  return (vdouble)(((vlong)a & mask) | ((vlong)b & ~mask));
}
INLINE vdouble absolute_double(vdouble x) {
  return (vdouble)((vlong)x & INT64_MAX);
}
/* As torch.relu: NaN stays NaN. */
INLINE vfloat relu(vfloat x) {
  return (vfloat)((vint)x & ~(vint)(x < (vfloat){0}));
}
INLINE float relu1(float x) {
  return x < 0.0f ? 0.0f : x;
}
/* As torch.max: NaN wins. NOLINTBEGIN(misc-redundant-expression) */
INLINE vfloat maximum(vfloat m, vfloat x) {
  return blend((vint)(x > m) | (vint)(x != x), x, m);
}
INLINE float maximum1(float m, float x) {
  return x > m || x != x ? x : m;
}
/* NOLINTEND(misc-redundant-expression) */

#endif
