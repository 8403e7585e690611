#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"

/* Large blocks lie on huge pages where the system has them: a weight tensor is touched once or
 * twice, and with small pages half of that time goes into faults. */
#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_BLOCK (2 * HUGE_PAGE)

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
  if (allocator->size < sizeof(jimm_allocator)) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_set_allocator: size is %zu, expected at least %zu", allocator->size,
                     sizeof(jimm_allocator));
  }
  if (allocator->allocate == NULL || allocator->release == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_set_allocator: allocate and release must both be given");
  }
  installed = *allocator;
  installed.size = sizeof(jimm_allocator);
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

void *jimm_grow(void *old, size_t count, size_t new_count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(new_count, size, &bytes)) {
    jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: %zu x %zu bytes overflow", new_count, size);
    return NULL;
  }
  void *pointer = jimm_alloc(bytes);
  if (pointer != NULL && old != NULL) {
    memcpy(pointer, old, (count < new_count ? count : new_count) * size);
    jimm_free(old);
  }
  return pointer;
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
