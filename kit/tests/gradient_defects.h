// Gradients by hand of gradient_samples.h, with defects that `gradient_defect` switches on: rows of
// gradient_defects.def. 0: none.
#ifndef TEST_GRADIENT_DEFECTS_H
#define TEST_GRADIENT_DEFECTS_H

#include "gradient_samples.h"

enum {
  NO_DEFECT = 0,
#define DEFECT(name, function, what, finding) name,
#include "gradient_defects.def"
#undef DEFECT
  DEFECTS
};
extern int gradient_defect;

void rosenbrock_gradient(const double *x, size_t n, void *ctx, double *gradient);
void polynomial_gradient(const double *x, size_t n, void *ctx, double *gradient);
void log_sum_exp_gradient(const double *x, size_t n, void *ctx, double *gradient);
void spring_chain_gradient(const double *x, size_t n, void *ctx, double *gradient);
void energy_gradient(const float *x, size_t n, void *ctx, float *gradient);
void dense_gradient(const jt_args *args, jt_args *gradient);
void convolution_gradient(const jt_args *args, jt_args *gradient);
void layer_norm_gradient(const jt_args *args, jt_args *gradient);
void attention_gradient(const jt_args *args, jt_args *gradient);
void response_norm_gradient(const jt_args *args, jt_args *gradient);
void gaussian_gradient(const jt_args *args, jt_args *gradient);

#endif
