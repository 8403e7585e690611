#include "internal.h"

#include <stdlib.h>
#include <string.h>

static jti_test_list tests;
static jti_test_list setups;
static bool closed;

jti_test_list *jti_tests(void) {
  return &tests;
}
jti_test_list *jti_setups(void) {
  return &setups;
}

static void append(jti_test_list *list, jti_test test) {
  JTI_RESERVE(list->items, list->count, 1, list->capacity);
  test.order = list->count;
  list->items[list->count++] = test;
}

// Callers compiled against an older header have a shorter struct: what they do not know stays zero.
static jt_options known_options(const jt_options *options) {
  jt_options known = {.size = sizeof known};
  if (options) {
    size_t size = options->size && options->size < sizeof known ? options->size : sizeof known;
    memcpy(&known, options, size);
    known.size = sizeof known;
  }
  return known;
}

void jt_register(const char *name, const char *file, int line, void (*fn)(void),
                 const jt_options *options) {
  append(&tests, (jti_test){.name = name,
                            .file = file,
                            .line = line,
                            .plain = fn,
                            .options = known_options(options)});
}

void jt_register_setup(const char *file, int line, void (*fn)(void)) {
  append(&setups, (jti_test){.name = "setup", .file = file, .line = line, .plain = fn});
}

void jt_add(const char *name, void (*fn)(void *ctx), void *ctx, const jt_options *options) {
  if (closed) {
    jt_error(NULL, 0, "jt_add(\"%s\") called while tests run", name);
    return;
  }
  char *copy = jti_copy(name ? name : "(no name)");
  append(&tests, (jti_test){.name = copy,
                            .owned_name = copy,
                            .with_context = fn,
                            .ctx = ctx,
                            .options = known_options(options)});
}

// Constructors run in the order that the linker put the files in; file name and line do not depend
// on that. Tests from jt_add have no place and stay, in their order, behind the others.
static int by_place(const void *left, const void *right) {
  const jti_test *a = left;
  const jti_test *b = right;
  if (a->file && b->file) {
    int files = strcmp(a->file, b->file);
    if (files) {
      return files;
    }
    if (a->line != b->line) {
      return a->line < b->line ? -1 : 1;
    }
  } else if (a->file || b->file) {
    return a->file ? -1 : 1;
  }
  return a->order < b->order ? -1 : a->order > b->order;
}

void jti_sort_tests(void) {
  if (tests.count) {
    qsort(tests.items, tests.count, sizeof *tests.items, by_place);
  }
  if (setups.count) {
    qsort(setups.items, setups.count, sizeof *setups.items, by_place);
  }
}

void jti_close_registry(bool close) {
  closed = close;
}

void jti_free_registry(void) {
  for (size_t i = 0; i < tests.count; ++i) {
    free(tests.items[i].owned_name);
  }
  free(tests.items);
  free(setups.items);
  tests = setups = (jti_test_list){0};
  closed = false;
}
