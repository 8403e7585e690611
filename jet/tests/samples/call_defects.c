// Errors for the analyser: one function each.
#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <string.h>

#include "samples.h"

int null_dereference(const int *p) {
  if (!p) {
    return *p;  // BAD core.NullDereference
  }
  return *p;
}

int null_from_other_file(int *array) {
  int *p = find_or_null(array, 0, 3);
  return *p;  // BAD core.NullDereference
}

int null_field(struct node *n) {
  struct node *next = n->next;
  if (next) {
    return 1;
  }
  return next->value;  // BAD core.NullDereference
}

int use_after_free(void) {
  int *p = malloc(sizeof *p);  // BAD allocation
  if (!p) {
    return 0;
  }
  *p = 3;
  free(p);    // BAD allocation
  return *p;  // BAD unix.Malloc
}

int use_after_release(void) {
  int *p = malloc(sizeof *p);  // BAD allocation
  if (!p) {
    return 0;
  }
  *p = 3;
  release(p);
  return *p;  // BAD unix.Malloc
}

int leak_on_one_path(const char *text) {
  char *copy = strdup(text);  // BAD allocation
  if (!copy) {
    return -1;
  }
  if (copy[0] == '#') {
    return 0;  // BAD unix.Malloc
  }
  int length = (int)strlen(copy);
  free(copy);  // BAD allocation
  return length;
}

void double_free(size_t n) {
  char *p = take_memory(n);
  if (n > 10) {
    free(p);  // BAD allocation
  }
  free(p);  // BAD allocation // BAD unix.Malloc
}

int uninitialised_read(int flag) {
  int x;
  if (flag > 2) {
    x = 4;
  }
  return x;  // BAD core.uninitialized.UndefReturn
}

int uninitialised_branch(int flag) {
  int x;
  if (flag) {
    x = 1;
  }
  if (x) {  // BAD core.uninitialized.Branch
    return 2;
  }
  return 3;
}

int uninitialised_argument(int flag) {
  int x;
  if (flag) {
    x = 1;
  }
  return abs(x);  // BAD core.CallAndMessage
}

static int divide(int a, int b) {
  return a / b;  // BAD core.DivideZero
}

int division_by_zero(int a) {
  return divide(a, a > 3 ? 0 : 1);
}

int out_of_bounds(void) {
  int values[4] = {1, 2, 3, 4};
  int *p = values;
  return p[7];  // BAD core.uninitialized.UndefReturn
}

int *address_of_local(void) {
  int local = 3;
  int *p = &local;
  return p;  // BAD core.StackAddressEscape
}

void *bad_size(void) {
  long *p = malloc(sizeof(short));  // BAD unix.MallocSizeof // BAD allocation
  return p;
}

int failure_that_is_none(int n) {
  int *row = NULL;
  if (prepare_nothing(n, &row) != 0) {
    return 0;
  }
  return row[0];  // BAD core.NullDereference
}
