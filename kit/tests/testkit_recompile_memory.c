// Memory as C code uses it: the heap, arrays of any length, sorting, static scratch space, lists.
#include <stdlib.h>
#include <string.h>

#include "testkit_recompile.h"

// Conversions between numbers without a cast are among what is tested.
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wvla"

double heap(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double *a = malloc(n * sizeof *a);
  double *b = calloc(2 * n, sizeof(double));
  memcpy(a, x, n * sizeof(double));
  memmove(b + n, a, n * sizeof *a);
  memmove(b + n - 1, b + n, n * sizeof *a);
  a = realloc(a, 3 * n * sizeof(*a));
  memset(a + n, 0, 2 * n * sizeof(double));
  double sum = 0;
  for (size_t i = 0; i < 2 * n; ++i) {
    a[i] += b[i] * b[i];
    sum += a[i] * (i + 1);
  }
  free(a);
  free(b);
  return sum;
}

double variable_arrays(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double line[n];
  double square[n][n];
  for (size_t i = 0; i < n; ++i) {
    line[i] = x[i] * x[n - 1 - i];
    for (size_t j = 0; j < n; ++j) {
      square[i][j] = i == j ? line[i] : x[j];
    }
  }
  double sum = 0;
  for (size_t i = 0; i < sizeof square / sizeof square[0]; ++i) {
    for (size_t j = 0; j < sizeof line / sizeof *line; ++j) {
      sum += square[i][j] * line[j];
    }
  }
  return sum;
}

static int ascending(const void *pa, const void *pb) {
  const double *a = pa, *b = pb;
  return (*a > *b) - (*a < *b);
}

double sorting(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double *sorted = malloc(n * sizeof *sorted);
  memcpy(sorted, x, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, ascending);
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += sorted[i] * sorted[i] * (double)i;
  }
  free(sorted);
  return sum;
}

double searching(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sorted[16], key = x[1];
  memcpy(sorted, x, n * sizeof *x);
  qsort(sorted, n, sizeof *sorted, ascending);
  const double *found = bsearch(&key, sorted, n, sizeof *sorted, ascending);
  return found ? *found * x[0] : 0;
}

double static_scratch(const double *x, size_t n, void *ctx) {
  (void)ctx;
  static double cache[8];
  static double last;
  static size_t calls;
  for (size_t i = 0; i < n; ++i) {
    cache[i] = x[i] * (i ? cache[i - 1] : 1);
  }
  ++calls;
  last = 0 * last + cache[n - 1];
  return last + cache[0] * cache[1] + (calls > 0);
}

double gotos(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum, *copy;
  size_t i = 0;
  copy = malloc(n * sizeof *copy);
  sum = 0;
  if (!copy) {
    goto end;
  }
again:
  copy[i] = x[i] * norm_squared(x + i, 1);
  sum += copy[i];
  if (++i < n) {
    goto again;
  }
end:
  free(copy);
  return sum;
}

typedef struct link {
  double value;
  struct link *next;
} link_t;

double linked_list(const double *x, size_t n, void *ctx) {
  (void)ctx;
  link_t *head = NULL;
  for (size_t i = 0; i < n; ++i) {
    link_t *made = malloc(sizeof *made);
    made->value = x[i];
    made->next = head;
    head = made;
  }
  double value = 1;
  while (head) {
    link_t *next = head->next;
    value = value * head->value + 1;
    free(head);
    head = next;
  }
  return value;
}
