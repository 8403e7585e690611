// Functions in which nothing is to be found.
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "samples.h"

typedef struct operations {
  int (*add)(int, int);
  int (*multiply)(int, int);
} operations;

static int add(int a, int b) {
  return a + b;
}

static int multiply(int a, int b) {
  return a * b;
}

static const operations integer_operations = {add, multiply};

int clean_table_call(int a, int b) {
  return integer_operations.add(a, integer_operations.multiply(a, b));
}

static int call_it(int (*f)(int, int), int a, int b) {
  return f(a, b);
}

int clean_constant_pointer(int a, int b) {
  return call_it(add, a, b);
}

int clean_sum(const int *values, int n) {
  int sum = 0;
  for (int i = 0; i < n; ++i) {
    sum += values[i];
  }
  return sum;
}

void clean_scale(float *restrict out, const float *restrict in, int n) {
  for (int i = 0; i < n; ++i) {
    out[i] = in[i] * 2.0f + 1.0f;
  }
}

float clean_float_math(float x) {
  return expf(x) + sqrtf(fabsf(x)) + 0.5f;
}

float clean_exact_constant(float x) {
  return (float)(x * 0.5);  // the same in float
}

float clean_exact_sqrt(float x) {
  return (float)sqrt(x);  // the same as sqrtf
}

double clean_double_math(double x) {
  return exp(x) * 0.1 + pow(x, 1.5);
}

double clean_wide_result(float x) {
  return x * 0.1;  // the result is wanted as double
}

int clean_wide_comparison(float x, double limit) {
  return x > limit;
}

double clean_mean(const double *x, int n) {
  double first = n > 0 ? x[0] : 0;
  return first / (n > 0 ? n : 1);
}

int clean_null_check(const int *p) {
  return p ? *p : 0;
}

int clean_find(int *values, size_t n) {
  const int *p = find_or_null(values, n, 3);
  return p ? *p : -1;
}

int clean_division(int a, int b) {
  return b != 0 ? a / b : 0;
}

size_t clean_length(const char *text) {
  return text ? strlen(text) : 0;
}

void clean_copy(char *out, const char *in, size_t n) {
  memcpy(out, in, n);
}

int clean_array(int i) {
  static const int values[4] = {1, 2, 3, 4};
  return i >= 0 && i < 4 ? values[i] : 0;
}

int clean_initialised(int flag) {
  int x = 0;
  if (flag) {
    x = 4;
  }
  return x;
}

static int small_helper(int x) {
  return 3 * x + 1;
}

void clean_loop_with_helper(int *values, int n) {
  for (int i = 0; i < n; ++i) {
    values[i] = small_helper(values[i]);
  }
}

void clean_loop_with_call(float *values, int n) {
  for (int i = 0; i < n; ++i) {
    values[i] = expf(values[i]);  // loops with calls are not the vectoriser's
  }
}

size_t clean_uncounted_loop_with_call(int *values, size_t n) {
  while (n > 0 && find_or_null(values, n, 3)) {  // the same
    --n;
  }
  return n;
}

int clean_switch(int x) {
  switch (x) {
    case 1:
      return 7;
    case 2:
      return 9;
    default:
      return 0;
  }
}

uint32_t clean_bits(uint32_t x) {
  return (x << 7) | (x >> 25);
}

int clean_fixed_buffer(const char *text) {
  char buffer[32];
  strncpy(buffer, text, sizeof buffer - 1);
  buffer[sizeof buffer - 1] = '\0';
  return buffer[0];
}

int clean_minimum(int a, int b) {
  return a < b ? a : b;
}

// Its findings are there when it is the entry itself.
static void *take_if_asked(size_t size) {
  return size ? malloc(size) : NULL;
}

void *clean_constant_argument(void) {
  return take_if_asked(0);
}

pthread_t clean_thread(void) {
  return pthread_self();
}

int clean_parse(const char *text) {
  return (int)strtol(text, NULL, 10);
}

int clean_failure_of_variable_arguments(int n) {
  int *row = NULL;
  if (prepare_row(n, &row) != 0) {
    return 0;
  }
  return row[0];
}
