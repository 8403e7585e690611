// The functions of <math.h> one by one, and a program in float32, for test_recompile.c to
// differentiate. `ctx` points to the number of the function.
#include <math.h>
#include <stddef.h>

#include "testkit_recompile.h"

// Each file of the program has a helper of this name.
static float helper(float x) {
  return x / (1 + x * x);
}

#define ADDRESS(name, ...) name,
#define ADDRESS_F(name, ...) name##f,
static double (*const unary[])(double) = {MATH_UNARY(ADDRESS)};
static float (*const unary_f[])(float) = {MATH_UNARY(ADDRESS_F)};
static double (*const binary[])(double, double) = {MATH_BINARY(ADDRESS)};
static float (*const binary_f[])(float, float) = {MATH_BINARY(ADDRESS_F)};

double one_of_unary(const double *x, size_t n, void *ctx) {
  (void)n;
  return unary[*(const int *)ctx](x[0]);
}

float one_of_unary_f(const float *x, size_t n, void *ctx) {
  (void)n;
  return unary_f[*(const int *)ctx](x[0]);
}

double one_of_binary(const double *x, size_t n, void *ctx) {
  (void)n;
  return binary[*(const int *)ctx](x[0], x[1]);
}

float one_of_binary_f(const float *x, size_t n, void *ctx) {
  (void)n;
  return binary_f[*(const int *)ctx](x[0], x[1]);
}

double one_of_others(const double *x, size_t n, void *ctx) {
  (void)n;
  int exponent = 0;
  double whole = 0, part = 0;
  switch (*(const int *)ctx) {
    case MATH_LDEXP:
      return ldexp(x[0], 3);
    case MATH_SCALBN:
      return scalbn(x[0], -2);
    case MATH_SCALBLN:
      return scalbln(x[0], 4L);
    case MATH_REMQUO:
      part = remquo(x[0], x[1], &exponent);
      return part + 100 * exponent;
    case MATH_FREXP:
      part = frexp(x[0], &exponent);
      return part + 100 * exponent;
    case MATH_MODF:
      return modf(x[0], &whole);
    case MATH_WHOLE:
      part = modf(x[0], &whole);
      return whole + 0 * part;
    default:
      return fma(x[0], x[1], x[2]);
  }
}

float one_of_others_f(const float *x, size_t n, void *ctx) {
  (void)n;
  int exponent = 0;
  float whole = 0, part = 0;
  switch (*(const int *)ctx) {
    case MATH_LDEXP:
      return ldexpf(x[0], 3);
    case MATH_SCALBN:
      return scalbnf(x[0], -2);
    case MATH_SCALBLN:
      return scalblnf(x[0], 4L);
    case MATH_REMQUO:
      part = remquof(x[0], x[1], &exponent);
      return part + 100.0f * (float)exponent;
    case MATH_FREXP:
      part = frexpf(x[0], &exponent);
      return part + 100.0f * (float)exponent;
    case MATH_MODF:
      return modff(x[0], &whole);
    case MATH_WHOLE:
      part = modff(x[0], &whole);
      return whole + 0 * part;
    default:
      return fmaf(x[0], x[1], x[2]);
  }
}

float energy(const float *x, size_t n, void *ctx) {
  (void)ctx;
  float sum = 0.0f, buffer[16];
  for (size_t i = 0; i < n; ++i) {
    buffer[i] = x[i] > 0.5f ? sqrtf(x[i]) : x[i] * x[i] * 1.4142135f;
    sum += helper(buffer[i]) * expf(-x[i]);
  }
  for (size_t i = 1; i < n; ++i) {
    float d = fabsf(x[i] - x[i - 1]) + 0.25f;
    sum += 1 / d - fmaxf(buffer[i], buffer[i - 1]);
  }
  return sum;
}
