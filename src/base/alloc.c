#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/os.h"

/* Large blocks lie on huge pages where the system has them: a weight tensor is touched once or
 * twice, and with small pages half of that time goes into faults. */
#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_BLOCK (2 * HUGE_PAGE)

/* What an array that grows has room for at first: so many bytes, and so many elements. */
#define FIRST_BYTES ((size_t)256)
#define FIRST_COUNT ((size_t)4)

static void *default_allocate(void *context, size_t bytes, size_t alignment) {
  (void)context;
  const size_t unit = bytes >= HUGE_BLOCK ? HUGE_PAGE : alignment;
  /* aligned_alloc wants a multiple of the alignment. */
  void *pointer =
      bytes > SIZE_MAX - unit ? NULL : aligned_alloc(unit, (bytes + unit - 1) & ~(unit - 1));
  if (pointer != NULL && unit == HUGE_PAGE) {
    jimm_os_advise_huge(pointer, bytes & ~(HUGE_PAGE - 1));
  }
  return pointer;
}

static void default_release(void *context, void *pointer) {
  (void)context;
  free(pointer);
}

#define DEFAULT_ALLOCATOR \
  { sizeof(jimm_allocator), default_allocate, default_release, NULL }
static jimm_allocator installed = DEFAULT_ALLOCATOR;

jimm_status jimm_set_allocator(const jimm_allocator *allocator) {
  if (allocator == NULL) {
    installed = (jimm_allocator)DEFAULT_ALLOCATOR;
    return JIMM_OK;
  }
  jimm_allocator wanted = {.size = sizeof wanted};
  const jimm_status status = jimm_copy_options("jimm_allocator", allocator, &wanted, sizeof wanted);
  if (status != JIMM_OK) {
    return status;
  }
  if (wanted.allocate == NULL || wanted.release == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_set_allocator: allocate and release must both be given");
  }
  installed = wanted;
  return JIMM_OK;
}

void *jimm_alloc(size_t bytes) {
  void *pointer = NULL;
  if (bytes <= (size_t)PTRDIFF_MAX - JIMM_ALIGNMENT) {
    pointer = installed.allocate(installed.context, bytes == 0 ? 1 : bytes, JIMM_ALIGNMENT);
  }
  if (pointer == NULL) {
    jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: %zu bytes could not be had", bytes);
  }
  return pointer;
}

void *jimm_calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: %zu x %zu bytes overflow", count, size);
    return NULL;
  }
  void *pointer = jimm_alloc(bytes);
  if (pointer != NULL) {
    memset(pointer, 0, bytes);
  }
  return pointer;
}

jimm_status jimm_reserve(void *array, size_t count, size_t wanted, size_t size, size_t *capacity) {
  if (wanted <= *capacity) {
    return JIMM_OK;
  }
  size_t larger = *capacity > SIZE_MAX / 2 ? wanted : 2 * *capacity;
  const size_t least = FIRST_BYTES / size > FIRST_COUNT ? FIRST_BYTES / size : FIRST_COUNT;
  larger = larger < least ? least : larger;
  larger = larger < wanted ? wanted : larger;
  size_t bytes;
  if (__builtin_mul_overflow(larger, size, &bytes)) {
    return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: %zu x %zu bytes overflow", larger,
                     size);
  }
  void *old, *grown = jimm_alloc(bytes);
  if (grown == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  memcpy(&old, array, sizeof old); /* a pointer of another type: its bytes */
  if (count > 0) {
    memcpy(grown, old, count * size);
  }
  jimm_free(old);
  memcpy(array, &grown, sizeof grown);
  *capacity = larger;
  return JIMM_OK;
}

void jimm_free(void *pointer) {
  if (pointer != NULL) {
    installed.release(installed.context, pointer);
  }
}

char *jimm_strndup(const char *text, size_t length) {
  if (length == SIZE_MAX) {
    jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: a text of %zu bytes", length);
    return NULL;
  }
  char *copy = jimm_alloc(length + 1);
  if (copy != NULL) {
    memcpy(copy, text, length);
    copy[length] = 0;
  }
  return copy;
}

char *jimm_strdup(const char *text) {
  return jimm_strndup(text, strlen(text));
}
