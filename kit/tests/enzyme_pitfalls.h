// Functions that Enzyme differentiates wrongly, or not at all.
#ifndef TEST_ENZYME_PITFALLS_H
#define TEST_ENZYME_PITFALLS_H

#include <stddef.h>

typedef struct pitfall_scratch {
  double squares[4];
} pitfall_scratch;
typedef struct pitfall_callback {
  double (*f)(double x);
} pitfall_callback;

double scratch_in_ctx(const double *x, size_t n, void *ctx);
double callback_in_ctx(const double *x, size_t n, void *ctx);
double chosen_pointer(const double *x, size_t n, void *ctx);
double prints(const double *x, size_t n, void *ctx);
double log_gamma(const double *x, size_t n, void *ctx);
double remainder_and_quotient(const double *x, size_t n, void *ctx);
double pitfall_cube(double x);

#endif
