// Plain C functions, their gradients written by hand, and defects to be switched on in them.
// Functions are in gradient_samples.c, which knows nothing of the kit's gradients and is also
// compiled once more as C++ (gradient_samples_ad.cpp).
#ifndef TEST_GRADIENT_SAMPLES_H
#define TEST_GRADIENT_SAMPLES_H

#include <jimm-test/gradient.h>

double rosenbrock(const double *x, size_t n, void *ctx);
double polynomial(const double *x, size_t n, void *ctx);
double log_sum_exp(const double *x, size_t n, void *ctx);
double spring_chain(const double *x, size_t n, void *ctx);
double dense(const jt_args *args);
double convolution(const jt_args *args);
double layer_norm(const jt_args *args);
double attention(const jt_args *args);
double response_norm(const jt_args *args);
double gaussian(const jt_args *args);
float energy(const float *x, size_t n, void *ctx);

#endif
