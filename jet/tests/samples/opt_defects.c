// What keeps code from being fast and predictable: one function each.
#define _DEFAULT_SOURCE
#include <alloca.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "samples.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int counter;
int (*hook)(int);
long (*step)(long);

int hidden_allocation(const char *text) {
  char *copy = strdup(text);  // BAD allocation
  int first = copy ? copy[0] : 0;
  free(copy);  // BAD allocation
  return first;
}

int allocation_two_calls_deep(void) {
  void *p = take_memory(10);
  release(p);
  return p != NULL;
}

static int twice(int x) {
  return 2 * x;
}

static int half(int x) {
  return x / 2;
}

// clean.c has one of this name, too.
static int small_helper(int x) {
  return abs(x);
}

int indirect_call(int x) {
  return hook ? hook(small_helper(x)) : 0;  // BAD indirect-call
}

void set_hook(int which) {
  hook = which ? twice : half;
}

int indirect_among_two(int which, int x) {
  return apply(which ? twice : half, x);
}

int lock_and_count(void) {
  pthread_mutex_lock(&mutex);  // BAD lock
  int now = ++counter;
  pthread_mutex_unlock(&mutex);
  return now;
}

int write_a_file(const char *path) {
  FILE *file = fopen(path, "w");  // BAD blocking-io
  if (!file) {
    return -1;
  }
  fprintf(file, "%d\n", counter);  // BAD blocking-io
  return fclose(file);             // BAD blocking-io
}

void print_and_wait(int x) {
  printf("%d\n", x);                             // BAD blocking-io
  nanosleep(&(struct timespec){0, 1000}, NULL);  // BAD blocking-io
}

float promoted(float x) {
  return (float)(x * 0.1);  // BAD double-promotion
}

int promoted_comparison(float x) {
  return x > 0.1;  // BAD double-promotion
}

float promoted_sum(const float *x, int n) {
  double sum = 0.1;
  for (int i = 0; i < n; ++i) {  // BAD not-vectorised
    sum += x[i];                 // BAD double-promotion
  }
  return (float)sum;
}

float double_exp(float x) {
  return (float)exp(x);  // BAD double-libm
}

float double_pow(float x, float y) {
  float scale = (float)pow(x, y);  // BAD double-libm
  return scale * 2.0f;
}

int variable_array(int n, const int *values) {
  int copy[n];  // BAD dynamic-stack
  memcpy(copy, values, (size_t)n * sizeof *copy);
  return copy[n / 2];
}

int stack_by_alloca(size_t n) {
  char *p = alloca(n);  // BAD dynamic-stack
  memset(p, 1, n);
  return p[n / 2];
}

unsigned factorial(unsigned n) {
  return n < 2 ? 1 : n * factorial(n - 1);  // BAD recursion
}

static int is_odd(unsigned n);

static int is_even(unsigned n) {
  return n == 0 ? 1 : is_odd(n - 1);  // BAD recursion
}

static int is_odd(unsigned n) {
  return n == 0 ? 0 : is_even(n - 1);
}

int mutual_recursion(unsigned n) {
  return is_even(n);
}

unsigned inline_assembly(unsigned x) {
  __asm__("" : "+r"(x));  // BAD inline-asm
  return x;
}

int unknown_external(int x) {
  return unknown_to_all(x);  // BAD unknown-external
}

void dependent_loop(float *a, int n) {
  for (int i = 4; i < n; ++i) {  // BAD not-vectorised
    a[i] = a[i - 1] * 2.0f + a[i - 4];
  }
}

float float_sum(const float *a, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i) {  // BAD not-vectorised
    sum += a[i];
  }
  return sum;
}

static int by_value(const void *a, const void *b) {
  counter = rand() + printf(".");  // BAD blocking-io
  return *(const int *)a - *(const int *)b;
}

void callback_of_qsort(int *values, size_t n) {
  qsort(values, n, sizeof *values, by_value);
}

// It may come back to itself through a pointer: that is no recursion that is known.
long guess(long x) {
  return step ? step(x) : 0;  // BAD indirect-call
}

static long guess_more(long x) {
  return guess(x - 1) + 1;
}

void set_step(int on) {
  step = on ? guess_more : NULL;
}

// The same twice on a line is one finding.
void two_on_a_line(void *a, void *b) {
  free(a), free(b);  // BAD allocation
}

void callback_by_pointer(int *values, size_t n, int (*compare)(const void *, const void *)) {
  qsort(values, n, sizeof *values, compare);
}

// Nothing calls it: its findings are nobody's.
void not_reached(void) {
  free(malloc(3));
  printf("not reached\n");
}
