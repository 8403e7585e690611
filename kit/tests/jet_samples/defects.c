// Errors for the analyser, and what keeps code from being fast.
#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <string.h>

#include "samples.h"

int hidden_allocation(const char *text) {
  char *copy = strdup(text);
  int first = copy ? copy[0] : 0;
  free(copy);
  return first;
}

int null_dereference(const int *p) {
  if (!p) {
    return *p;
  }
  return *p;
}

int use_after_free(void) {
  int *p = malloc(sizeof *p);
  if (!p) {
    return 0;
  }
  *p = 3;
  free(p);
  return *p;
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

int indirect_among_two(int which, int x) {
  return apply(which ? twice : half, small_helper(x));
}

int unknown_external(int x) {
  return unknown_to_all(x);
}
