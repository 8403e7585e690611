// The functions of the samples, so that they may call each other. A line with a defect ends in
// "// BAD rule" for each finding that it has.
#ifndef JET_SAMPLES_H
#define JET_SAMPLES_H

#include <stddef.h>

struct node {
  struct node *next;
  int value;
};

int *find_or_null(int *array, size_t n, int what);  // helper.c
void release(void *p);                              // helper.c
void *take_memory(size_t size);                     // helper.c
int apply(int (*f)(int), int x);                    // helper.c
int unknown_to_all(int x);                          // in no file

#endif  // JET_SAMPLES_H
