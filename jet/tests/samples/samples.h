// The functions of the samples, so that they may call each other. A line with a defect ends in
// "// BAD rule" for each finding that it has.
#ifndef JET_SAMPLES_H
#define JET_SAMPLES_H

#include <stddef.h>

struct node {
  struct node *next;
  int value;
};

int *find_or_null(int *array, size_t n, int what);  // deep/helper.c
void release(void *p);                              // deep/helper.c
void *take_memory(size_t size);                     // deep/helper.c
int apply(int (*f)(int), int x);                    // deep/helper.c
int prepare_row(int n, int **row);                  // deep/row.c
int prepare_nothing(int n, int **row);              // deep/row.c
int unknown_to_all(int x);                          // in no file

#endif  // JET_SAMPLES_H
