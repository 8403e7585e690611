// The samples' arguments, for who checks them.
#ifndef TEST_GRADIENT_PROBLEMS_H
#define TEST_GRADIENT_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>

// Checks the sample of that name, with its gradient by hand; `second_order`: that, too.
bool check_sample(const char *name);
extern const char *const sample_names[];
extern const size_t sample_count;
void many_wrong_gradient(const double *x, size_t n, void *ctx, double *gradient);

#endif
