#include "walk.h"

#include <errno.h>
#include <ftw.h>
#include <jimm-test/jimm-test.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

/* ---- jimm's allocator ---- */

/* Allocations from the start of a walk, the number of the first that fails (0: none), whether those
 * after it fail too, and blocks that live. */
static long calls, failing, living;
static bool all_after;

static void *allocate(void *context, size_t bytes, size_t alignment) {
  (void)context;
  calls++;
  if (failing != 0 && (calls == failing || (all_after && calls > failing))) {
    return NULL;
  }
  void *pointer = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  living += pointer != NULL;
  return pointer;
}

static void release(void *context, void *pointer) {
  (void)context;
  living--;
  free(pointer);
}

/* ---- the C library's ---- */

static long foreign_calls, foreign_failing, foreign_living;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

/* In place of the C library's own functions, for this program and every library in it. Sanitizers
 * do that themselves; there, memory past the allocator is neither counted nor refused. */
#if defined(__GLIBC__) && !defined(SANITIZED)
#define HAVE_FOREIGN 1
#define EXPORTED __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *pointer);

static __thread bool armed; /* this thread is on a walk */

/* What was allocated while armed and lives. */
static void *foreign_blocks[4096];

static bool refuse(void) {
  if (!armed) {
    return false;
  }
  foreign_calls++;
  return foreign_failing != 0 && foreign_calls == foreign_failing;
}

static void *note_block(void *pointer) {
  for (size_t i = 0; armed && pointer != NULL && i < 4096; i++) {
    if (foreign_blocks[i] == NULL) {
      foreign_blocks[i] = pointer;
      foreign_living++;
      break;
    }
  }
  return pointer;
}

static void forget_block(const void *pointer) {
  for (size_t i = 0; foreign_living > 0 && pointer != NULL && i < 4096; i++) {
    if (foreign_blocks[i] == pointer) {
      foreign_blocks[i] = NULL;
      foreign_living--;
      break;
    }
  }
}

static void *refused(void) {
  errno = ENOMEM;
  return NULL;
}

EXPORTED void *malloc(size_t size) {
  return refuse() ? refused() : note_block(__libc_malloc(size));
}

EXPORTED void *calloc(size_t count, size_t size) {
  return refuse() ? refused() : note_block(__libc_calloc(count, size));
}

EXPORTED void *realloc(void *old, size_t size) {
  if (refuse()) {
    return refused();
  }
  void *grown = __libc_realloc(old, size);
  if (grown != NULL || size == 0) {
    forget_block(old);
    note_block(grown);
  }
  return grown;
}

EXPORTED void free(void *pointer) {
  forget_block(pointer);
  __libc_free(pointer);
}
#else
#define HAVE_FOREIGN 0
static bool armed;
#endif

/* ---- what a walk must not change ---- */

const char *walk_input(const char *name) {
  return in_folder(name);
}

const char *walk_output(const char *name) {
  char path[256];
  snprintf(path, sizeof path, "output/%s", name);
  return in_folder(path);
}

static uint64_t files_hash;

static int hash_file(const char *path, const struct stat *info, int flag, struct FTW *walk) {
  (void)flag;
  if (walk->level == 0) {
    return 0;
  }
  uint64_t hash = UINT64_C(14695981039346656037);
  for (const char *c = path; *c != 0; c++) {
    hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
  }
  FILE *file = S_ISREG(info->st_mode) ? fopen(path, "rb") : NULL;
  static unsigned char data[65536];
  size_t size;
  while (file != NULL && (size = fread(data, 1, sizeof data, file)) > 0) {
    for (size_t i = 0; i < size; i++) {
      hash = (hash ^ data[i]) * UINT64_C(1099511628211);
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  files_hash += hash;
  return 0;
}

static int count_lines_of(const char *path, const char *word) {
  char line[2048];
  int count = 0;
  FILE *file = fopen(path, "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    count += strstr(line, word) != NULL;
  }
  if (file != NULL) {
    fclose(file);
  }
  return count;
}

typedef struct belongings {
  uint64_t files;               /* of the output folder, names and contents */
  int open_files, mapped_files; /* of this process */
} belongings;

static belongings look(void) {
  belongings found = {0, count_in_folder("/proc/self/fd"),
                      count_lines_of("/proc/self/maps", in_folder(""))};
  files_hash = 0;
  nftw(in_folder("output"), hash_file, 16, FTW_PHYS);
  found.files = files_hash;
  return found;
}

static void empty_output(void) {
  remove_tree(in_folder("output"));
  mkdir(in_folder("output"), 0777);
}

/* ---- the walker ---- */

static jimm_status go(const memory_walk *row) {
  jimm_fail(JIMM_ERROR_INTERNAL, "the message of an earlier failure");
  calls = foreign_calls = 0;
  armed = true;
  const jimm_status status = row->walk(row->argument);
  armed = false;
  return status;
}

/* Walks with memory. False when that fails. */
static bool succeed(const memory_walk *row, const char *after, long number) {
  failing = foreign_failing = 0;
  const jimm_status status = go(row);
  if (status != row->want || living != 0 || foreign_living != 0) {
    TEST_FAIL("%s %ld: with memory again: got %s (%s), expected %s; %ld + %ld blocks left", after,
              number, jimm_status_name(status), jimm_error_message(), jimm_status_name(row->want),
              living, foreign_living);
    return false;
  }
  return true;
}

/* Walks without; `may_succeed` where a library may do without. False when something is wrong. */
static bool fail(const memory_walk *row, const char *what, long number, long total,
                 bool may_succeed) {
  const belongings before = look();
  const jimm_status status = go(row);
  const belongings after = look();
  failing = foreign_failing = 0;
  if (may_succeed && status == row->want && living == 0 && foreign_living == 0 &&
      before.open_files == after.open_files && before.mapped_files == after.mapped_files) {
    return true;
  }
  if (status == JIMM_ERROR_OUT_OF_MEMORY && strstr(jimm_error_message(), "out of memory") != NULL &&
      living == 0 && foreign_living == 0 && memcmp(&before, &after, sizeof before) == 0) {
    return true;
  }
  TEST_FAIL(
      "%s %ld of %ld: got %s (%s), %ld + %ld blocks left; files open %+d, mapped %+d; "
      "output %s",
      what, number, total, jimm_status_name(status), jimm_error_message(), living, foreign_living,
      after.open_files - before.open_files, after.mapped_files - before.mapped_files,
      before.files == after.files ? "unchanged" : "changed");
  return false;
}

/* Each allocation fails: alone, where there is no output yet; with all after it, where there is. */
static bool fail_each(const memory_walk *row, long total) {
  const long retry = total < 64 ? 1 : 16; /* trying again is slow where there is much to do */
  for (long number = 1; number <= total; number++) {
    empty_output();
    for (int all = 0; all < 2; all++) {
      failing = number;
      all_after = all == 1;
      if (!fail(row, all_after ? "all allocations from" : "allocation", number, total, false) ||
          (number % retry == 0 && !succeed(row, "allocation", number))) {
        return false;
      }
    }
  }
  return true;
}

static bool fail_each_foreign(const memory_walk *row, long total) {
  for (long number = 1; number <= total; number++) {
    foreign_failing = number;
    if (!fail(row, "allocation past the allocator", number, total, true) ||
        !succeed(row, "allocation past the allocator", number)) {
      return false;
    }
  }
  return true;
}

static void walk_row(void *context) {
  const memory_walk *row = context;
  empty_output();
  /* Twice, because of what libraries keep from their first use. */
  failing = foreign_failing = 0;
  (void)go(row);
  foreign_living = 0;
  living = 0;
#if HAVE_FOREIGN
  memset(foreign_blocks, 0, sizeof foreign_blocks);
#endif
  if (!succeed(row, "at the start", 0)) {
    return;
  }
  const long total = calls, foreign = foreign_calls;
  TEST_CHECK_MSG(total > 0, "nothing is allocated");
  TEST_CHECK_MSG(foreign == 0 || row->foreign != FOREIGN_NONE,
                 "%ld allocations come past the allocator", foreign);
  if (fail_each(row, total) && row->foreign == FOREIGN_FAILS) {
    fail_each_foreign(row, foreign);
  }
  TEST_NOTE("%ld allocations, %ld past the allocator", total, foreign);
}

void memory_walks_add(const memory_walk *rows, size_t count) {
  static const jimm_allocator allocator = {sizeof allocator, allocate, release, NULL};
  TEST_REQUIRE_INT(jimm_set_allocator(&allocator), JIMM_OK);
  for (size_t i = 0; i < count; i++) {
    jt_add(rows[i].name, walk_row, (void *)(uintptr_t)&rows[i], NULL);
  }
}
