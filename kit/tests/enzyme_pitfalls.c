#include "enzyme_pitfalls.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double pitfall_cube(double x) {
  return x * x * x;
}

double scratch_in_ctx(const double *x, size_t n, void *ctx) {
  pitfall_scratch *scratch = ctx;
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    scratch->squares[i] = x[i] * x[i];
  }
  for (size_t i = 0; i < n; ++i) {
    sum += scratch->squares[i] * scratch->squares[n - 1 - i];
  }
  return sum;
}

double callback_in_ctx(const double *x, size_t n, void *ctx) {
  const pitfall_callback *callback = ctx;
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += callback->f(x[i]);
  }
  return sum;
}

static double known[] = {3, 5, 7};

// Constant memory that is not known to be constant: the pointer may be that of x.
double chosen_pointer(const double *x, size_t n, void *ctx) {
  (void)ctx;
  const double *from = x[0] > 0 ? known : x;
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += from[i] * from[i] * x[i];
  }
  return sum;
}

double prints(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  char text[40];
  double product = x[0] * x[1];
  snprintf(text, sizeof text, "%.3f", product);
  return product * x[2] + (double)strlen(text);
}

double log_gamma(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  return lgamma(x[0]) * x[1];
}

double remainder_and_quotient(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  int quotient;
  double rest = remquo(x[0], 0.75, &quotient);
  return rest * x[1] + (quotient & 7) * x[2];
}
