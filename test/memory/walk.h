/* Walks through the library on which every allocation fails once: each failure is reported as such,
 * loses nothing, leaves no file behind, and does not spoil the next try. */
#ifndef TEST_MEMORY_WALK_H
#define TEST_MEMORY_WALK_H

#include <jimm/base.h>
#include <stdbool.h>
#include <stddef.h>

/* What libraries below jimm (libjpeg, libc's qsort) do with memory that is not jimm's allocator's.
 */
typedef enum walk_foreign {
  FOREIGN_NONE = 0, /* they take none */
  FOREIGN_FAILS =
      1, /* each of their allocations fails once, too: the walk does without, or says so */
  FOREIGN_IGNORED = 2 /* they do not survive that, or it is not theirs to say */
} walk_foreign;

/* One row: calls `walk(argument)`, which closes what it made, and gives `want` when there is
 * memory. Files are written into walk_output() only. */
typedef struct memory_walk {
  const char *name;
  jimm_status (*walk)(const char *argument);
  const char *argument;
  jimm_status want;
  walk_foreign foreign;
} memory_walk;

/* Adds a test for each row; in TEST_SETUP. */
void memory_walks_add(const memory_walk *rows, size_t count);

/* Paths of `name` in the folder of files that are read, and in that of files that are written.
 * Valid until seven calls later. */
const char *walk_input(const char *name);
const char *walk_output(const char *name);

#endif
