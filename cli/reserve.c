/* Arrays that grow. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

bool cli_reserve(void *array, size_t wanted, size_t size, size_t *capacity) {
  enum { FIRST = 16 };
  if (wanted <= *capacity) {
    return true;
  }
  size_t larger = *capacity > SIZE_MAX / 2 ? wanted : 2 * *capacity;
  larger = larger < FIRST ? FIRST : larger;
  larger = larger < wanted ? wanted : larger;
  void *old;
  memcpy(&old, array, sizeof old); /* a pointer of another type: its bytes */
  void *grown = larger > SIZE_MAX / size ? NULL : realloc(old, larger * size);
  if (grown == NULL) {
    return false;
  }
  memcpy(array, &grown, sizeof grown);
  *capacity = larger;
  return true;
}
