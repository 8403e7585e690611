/* Preloaded into the program: its allocation number FAIL_AT, counted from the start of the program,
 * fails, and an empty file "failed" says that it came to that. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static long number, wanted;

__attribute__((constructor)) static void start(void) {
  const char *text = getenv("FAIL_AT");
  wanted = text == NULL ? 0 : atol(text);
}

static bool refuse(void) {
  if (wanted == 0 || __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED) != wanted) {
    return false;
  }
  close(open("failed", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  errno = ENOMEM;
  return true;
}

EXPORTED void *malloc(size_t size) {
  return refuse() ? NULL : __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size) {
  return refuse() ? NULL : __libc_calloc(count, size);
}

EXPORTED void *realloc(void *old, size_t size) {
  return refuse() ? NULL : __libc_realloc(old, size);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size) {
  return refuse() ? NULL : __libc_memalign(alignment, size);
}
