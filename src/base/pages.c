/* Advice to the system about pages of memory. */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/os.h"

void jimm_os_release_pages(const void *data, size_t size) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t begin = ((uintptr_t)data + page - 1) / page * page;
  uintptr_t end = ((uintptr_t)data + size) / page * page;
  if (begin < end) {
    /* Advice: when the system declines, nothing is lost but memory. */
    (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
  }
}

void jimm_os_advise_huge(void *data, size_t size) {
#ifdef MADV_HUGEPAGE
  (void)madvise(data, size, MADV_HUGEPAGE); /* advice, too */
#else
  (void)data;
  (void)size;
#endif
}
