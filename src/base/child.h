/* Work in a child process, for libraries that damaged input may crash: the child writes what it
 * found to a pipe, and the caller reads it and outlives it. */
#ifndef JIMM_BASE_CHILD_H
#define JIMM_BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/status.h>

typedef struct jimm_child {
  int pid, descriptor;
} jimm_child;

/* Forks a child that runs work(context, child) and ends; it writes with jimm_child_write. It has
 * the memory of the caller as it was, no other threads, the default actions for signals of crashes
 * and the limits of jimm_child_limit; it leaves no core file. */
JIMM_SIBLING jimm_status jimm_child_start(jimm_child *child,
                                          void (*work)(void *context, const jimm_child *child),
                                          void *context);
/* In the child. It ends when nobody reads. */
JIMM_SIBLING void jimm_child_write(const jimm_child *child, const void *data, size_t size);
/* In the child: from here it may take `bytes` of memory and 10 s of processor time, within the
 * limits that the process has: damaged input makes libraries loop or allocate without end. What is
 * too much memory fails to be allocated; at the end of the time it gets SIGXCPU. jimm_child_start
 * gives it 512 MiB. */
JIMM_SIBLING void jimm_child_limit(uint64_t bytes);
/* In the child, before it makes `bytes` of good data: the limits grow with them. */
JIMM_SIBLING void jimm_child_expect(size_t bytes);
/* In the caller: exactly `size` bytes, or false when the child wrote fewer and is gone. */
JIMM_SIBLING bool jimm_child_read(const jimm_child *child, void *data, size_t size);
/* Waits for the end of the child, which must come by itself after jimm_child_read was false; `now`
 * kills one that still runs. The signal that ended it, or 0. */
JIMM_SIBLING int jimm_child_end(jimm_child *child, bool now);

#endif
