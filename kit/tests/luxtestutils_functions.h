// What the tests of docs/luxtestutils.md are about.
#ifndef TEST_LUXTESTUTILS_FUNCTIONS_H
#define TEST_LUXTESTUTILS_FUNCTIONS_H

#include "jimm-test/gradient.h"

// |W x + b|^2 for "layer.weight" [3, 2], "layer.bias" [3] and "x" [2].
double energy(const jt_args *args);
void energy_gradient(const jt_args *args, jt_args *gradient);
void energy_half_gradient(const jt_args *args, jt_args *gradient);  // a factor of 2 is missing

double length_of(const double *x, size_t n, void *ctx);
void length_of_gradient(const double *x, size_t n, void *ctx, double *gradient);

float soft_sum(const float *x, size_t n, void *ctx);
void soft_sum_gradient(const float *x, size_t n, void *ctx, float *gradient);

double sum_of(const double *x, size_t n);
double largest_of(const double *x, size_t n);  // wants n > 0, and takes memory

#endif  // TEST_LUXTESTUTILS_FUNCTIONS_H
