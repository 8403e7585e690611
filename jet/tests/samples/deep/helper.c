// What the other samples call: defects that are seen only across files.
#include "../samples.h"

#include <stdlib.h>

int *find_or_null(int *array, size_t n, int what) {
  size_t i = 0;
  while (i < n && array[i] != what) {  // BAD not-vectorised
    ++i;
  }
  return i < n ? &array[i] : NULL;
}

void release(void *p) {
  free(p);  // BAD allocation
}

static void *take_block(size_t size) {
  return malloc(size);  // BAD allocation
}

void *take_memory(size_t size) {
  return take_block(size);
}

int apply(int (*f)(int), int x) {
  return f(x);  // BAD indirect-call
}
