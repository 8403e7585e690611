/* The table of temporary files. */
#include "base/temporary.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define SLOTS 64

enum { SLOT_FREE = 0, SLOT_BUSY = -1 };

/* What a signal handler reads: no memory that is freed, no lock. */
static struct {
  atomic_int owner; /* the process that writes it, or one of the above */
  int folder;
  char name[JIMM_TEMPORARY_NAME_BYTES];
} slots[SLOTS];

/* Slots of the process that forked this one are free (but one that it was just entering). */
int jimm_temporary_enter(int folder, const char *name) {
  const int process = (int)getpid();
  const size_t length = strlen(name);
  for (int i = 0; i < SLOTS && length < JIMM_TEMPORARY_NAME_BYTES; i++) {
    int owner = atomic_load(&slots[i].owner);
    if (owner != process && owner != SLOT_BUSY &&
        atomic_compare_exchange_strong(&slots[i].owner, &owner, SLOT_BUSY)) {
      slots[i].folder = folder;
      memcpy(slots[i].name, name, length + 1);
      atomic_store(&slots[i].owner, process);
      return i;
    }
  }
  return -1;
}

void jimm_temporary_leave(int slot) {
  if (slot >= 0) {
    atomic_store(&slots[slot].owner, SLOT_FREE);
  }
}

void jimm_remove_temporaries(void) {
  const int process = (int)getpid();
  const int error = errno;
  for (int i = 0; i < SLOTS; i++) {
    if (atomic_load(&slots[i].owner) == process) {
      (void)unlinkat(slots[i].folder, slots[i].name, 0);
    }
  }
  errno = error;
}
