#ifndef SPRING_H
#define SPRING_H

#include <stddef.h>

/* The energy of a chain of n / 2 points in the plane, (x, y) one after another, each held to the
 * next by a spring of length 1; `ctx` is not used. */
double spring_energy(const double *x, size_t n, void *ctx);

/* Its derivatives are added to gradient[0 .. n-1]. */
void spring_force(const double *x, size_t n, void *ctx, double *gradient);

#endif
