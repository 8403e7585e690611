#include "luxtestutils_functions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double energy(const jt_args *args) {
  const double *w = jt_data(args, "layer.weight");
  const double *b = jt_data(args, "layer.bias");
  const double *x = jt_data(args, "x");
  double sum = 0;
  for (size_t i = 0; i < 3; i++) {
    double y = w[2 * i] * x[0] + w[2 * i + 1] * x[1] + b[i];
    sum += y * y;
  }
  return sum;
}

static void add_gradient(const jt_args *args, double factor, jt_args *gradient) {
  const double *w = jt_data(args, "layer.weight");
  const double *b = jt_data(args, "layer.bias");
  const double *x = jt_data(args, "x");
  double *dw = jt_data(gradient, "layer.weight");
  double *db = jt_data(gradient, "layer.bias");
  double *dx = jt_data(gradient, "x");
  for (size_t i = 0; i < 3; i++) {
    double dy = factor * (w[2 * i] * x[0] + w[2 * i + 1] * x[1] + b[i]);
    for (size_t k = 0; k < 2; k++) {
      dw[2 * i + k] += dy * x[k];
      if (dx) {
        dx[k] += dy * w[2 * i + k];
      }
    }
    db[i] += dy;
  }
}

void energy_gradient(const jt_args *args, jt_args *gradient) {
  add_gradient(args, 2, gradient);
}

void energy_half_gradient(const jt_args *args, jt_args *gradient) {
  add_gradient(args, 1, gradient);
}

double length_of(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += x[i] * x[i];
  }
  return sqrt(sum);
}

void length_of_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  double length = length_of(x, n, ctx);
  for (size_t i = 0; i < n; i++) {
    gradient[i] = x[i] / length;
  }
}

float soft_sum(const float *x, size_t n, void *ctx) {
  (void)ctx;
  float sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += log1pf(expf(x[i]));
  }
  return sum;
}

void soft_sum_gradient(const float *x, size_t n, void *ctx, float *gradient) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) {
    gradient[i] = 1 / (1 + expf(-x[i]));
  }
}

// ---- For call-tree checks -----------------------------------------------------------------------

double sum_of(const double *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += x[i];
  }
  return sum;
}

static double *copy_of(const double *x, size_t n) {
  if (n == 0) {
    return NULL;
  }
  double *copy = malloc(n * sizeof *copy);
  if (copy) {
    memcpy(copy, x, n * sizeof *copy);
  }
  return copy;
}

double largest_of(const double *x, size_t n) {
  double *copy = copy_of(x, n);
  double largest = copy[0];
  for (size_t i = 1; i < n; i++) {
    largest = copy[i] > largest ? copy[i] : largest;
  }
  free(copy);
  return largest;
}
