/* What an operator's file needs.
 *
 * Each file src/op/NAME.c is compiled three times: with REAL=float and REAL=double for the
 * reference implementation (the part under #ifdef REAL), and once without REAL for the shape rule,
 * the attributes, the example cases and the row (the part under #else). The row is `const jimm_op
 * jimm_op_NAME`, listed in ops.def, from which the build takes the file names too.
 */
#ifndef JIMM_OP_OP_H
#define JIMM_OP_OP_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/op.h>

#define JIMM_JOIN_(a, b) a##b
#define JIMM_JOIN(a, b) JIMM_JOIN_(a, b)

#ifdef REAL
/* FORWARD(conv2d) { ... } defines jimm_conv2d_f32 or jimm_conv2d_f64. */
#define FORWARD(name)                                                         \
  jimm_status JIMM_JOIN(jimm_##name##_, REAL_NAME)(const jimm_op_call *call); \
  jimm_status JIMM_JOIN(jimm_##name##_, REAL_NAME)(const jimm_op_call *call)
/* VJP(conv2d) { ... } and JVP(conv2d) { ... }, jimm_conv2d_vjp_f32 and so on, for the derivatives
 * in the row. */
#define VJP(name)                                                                     \
  jimm_status JIMM_JOIN(jimm_##name##_vjp_, REAL_NAME)(const jimm_op_vjp_call *call); \
  jimm_status JIMM_JOIN(jimm_##name##_vjp_, REAL_NAME)(const jimm_op_vjp_call *call)
#define JVP(name)                                                                     \
  jimm_status JIMM_JOIN(jimm_##name##_jvp_, REAL_NAME)(const jimm_op_jvp_call *call); \
  jimm_status JIMM_JOIN(jimm_##name##_jvp_, REAL_NAME)(const jimm_op_jvp_call *call)
/* Typed data of input i and of the output. */
#define IN(i) ((const REAL *)call->inputs[i].data)
#define OUT() ((REAL *)call->output->data)
#define DIM(i, d) (call->inputs[i].shape.dim[d])
#define OUT_DIM(d) (call->output->shape.dim[d])
/* A value as outer x channels x inner: inner elements lie between two channels of a pixel. */
typedef struct around {
  int64_t outer, channels, inner;
} around;
static inline around around_axis(const jimm_shape *shape) {
  const int32_t axis = jimm_shape_axis(shape);
  around result = {1, shape->dim[axis], 1};
  for (int32_t d = 0; d < shape->rank; d++) {
    if (d < axis) {
      result.outer *= shape->dim[d];
    } else if (d > axis) {
      result.inner *= shape->dim[d];
    }
  }
  return result;
}
/* Whether optional input i is there. */
#define HAS(i) (call->input_count > (i) && call->inputs[i].shape.rank >= 0)
#ifdef REAL_IS_CLASS
/* The tests' numbers with derivatives bring functions of their own (test/op/dual.cpp). */
#define SQRT(x) sqrt(x)
#define EXP(x) exp(x)
#define TANH(x) tanh(x)
#define ERFC(x) erfc(x)
#else
/* The square root, correctly rounded, in the element type. */
#define SQRT(x) _Generic((REAL)0, float : sqrtf, default : sqrt)(x)
/* Functions of libm in the element type. */
#define EXP(x) _Generic((REAL)0, float : expf, default : exp)(x)
#define TANH(x) _Generic((REAL)0, float : tanhf, default : tanh)(x)
#define ERFC(x) _Generic((REAL)0, float : erfcf, default : erfc)(x)
#endif
#else
#define FORWARDS(name)                                     \
  jimm_status jimm_##name##_f32(const jimm_op_call *call); \
  jimm_status jimm_##name##_f64(const jimm_op_call *call)
#define DERIVATIVES(name)                                          \
  jimm_status jimm_##name##_vjp_f32(const jimm_op_vjp_call *call); \
  jimm_status jimm_##name##_vjp_f64(const jimm_op_vjp_call *call); \
  jimm_status jimm_##name##_jvp_f32(const jimm_op_jvp_call *call); \
  jimm_status jimm_##name##_jvp_f64(const jimm_op_jvp_call *call)
#define COUNT_OF(array) ((int32_t)(sizeof(array) / sizeof((array)[0])))
/* Initialisers for the shapes of examples; TOKENS has its channels last. */
#define SHAPE(...)                                        \
  {                                                       \
    sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), { \
      __VA_ARGS__                                         \
    }                                                     \
  }
#define TOKENS(n, l, c) \
  { 3, {n, l, c}, 2 }
#define ABSENT \
  {            \
    -1, {      \
      0        \
    }          \
  }
#endif

#endif
