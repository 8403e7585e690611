// Types and functions of testkit_recompile*.c: plain C, as its authors would have written it if
// they had never heard of automatic differentiation.
#ifndef TESTKIT_RECOMPILE_H
#define TESTKIT_RECOMPILE_H

#include <stddef.h>

#include <jimm-test/gradient.h>

#include "testkit_recompile_list.h"
#include "testkit_recompile_math.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct point {
  double x, y;
} point;

typedef struct body {
  point position, velocity;
  double mass;
  int id;
} body;

typedef double unary_function(double);

double norm_squared(const double *x, size_t n);
void matrix_product(const double *const *a, const double *const *b, double **c, size_t n);

#define DECLARE_FLAT(name) double name(const double *x, size_t n, void *ctx);
#define DECLARE_FLAT_F(name) float name(const float *x, size_t n, void *ctx);
#define DECLARE_ARGS(name) double name(const jt_args *args);
LANGUAGE_FLAT(DECLARE_FLAT)
NUMERIC_FLAT(DECLARE_FLAT)
NOT_FOR_ENZYME_FLAT(DECLARE_FLAT)
NUMERIC_ARGS(DECLARE_ARGS)
MATH_FLAT(DECLARE_FLAT)
MATH_FLAT_F(DECLARE_FLAT_F)
#undef DECLARE_FLAT
#undef DECLARE_FLAT_F
#undef DECLARE_ARGS

#ifdef __cplusplus
}
#endif

#endif
