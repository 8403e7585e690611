/* Plain C, which knows nothing of tests or derivatives. */
#include "spring.h"

#include <math.h>

double spring_energy(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i + 3 < n; i += 2) {
    double stretch = hypot(x[i + 2] - x[i], x[i + 3] - x[i + 1]) - 1;
    sum += 0.5 * stretch * stretch;
  }
  return sum;
}

void spring_force(const double *x, size_t n, void *ctx, double *gradient) {
  (void)ctx;
  for (size_t i = 0; i + 3 < n; i += 2) {
    double across = x[i + 2] - x[i], up = x[i + 3] - x[i + 1];
    double length = hypot(across, up), pull = (length - 1) / length;
    gradient[i] -= pull * across;
    gradient[i + 1] -= pull * up;
    gradient[i + 2] += pull * across;
    gradient[i + 3] += pull * up;
  }
}
