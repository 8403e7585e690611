// The allocator, and what lives on it: growing memory, texts, arenas.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>

#include "base/alloc.h"

typedef struct counter {
  long allocated, released, left;  // left: allocations until failure; -1: never
} counter;

static void *count_allocate(void *context, size_t bytes, size_t alignment) {
  counter *c = context;
  if (c->left == 0) {
    return NULL;
  }
  c->left -= c->left > 0;
  c->allocated++;
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void count_release(void *context, void *pointer) {
  ((counter *)context)->released++;
  free(pointer);
}

TEST(allocator_is_checked_and_used) {
  counter c = {0, 0, -1};
  jimm_allocator bad = {sizeof bad, count_allocate, NULL, &c};
  TEST_CHECK_INT(jimm_set_allocator(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  bad = (jimm_allocator){4, count_allocate, count_release, &c};
  TEST_CHECK_INT(jimm_set_allocator(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "size is 4");
  jimm_allocator good = {sizeof good, count_allocate, count_release, &c};
  TEST_REQUIRE_INT(jimm_set_allocator(&good), JIMM_OK);
  void *empty = jimm_alloc(0), *zeros = jimm_calloc(3, 5);
  TEST_CHECK(empty != NULL && zeros != NULL);
  TEST_CHECK_MEM(zeros, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15);
  TEST_CHECK_UINT((uintptr_t)zeros % JIMM_ALIGNMENT, 0);
  jimm_free(empty);
  jimm_free(zeros);
  jimm_free(NULL);
  c.left = 0;
  TEST_CHECK(jimm_alloc(77) == NULL);
  TEST_CHECK_CONTAINS(jimm_error_message(), "77 bytes");
  char *keep = NULL;
  c.left = 1;
  keep = jimm_strdup("keep");
  size_t capacity = 5;
  TEST_CHECK_INT(jimm_reserve(&keep, 5, 10, 1, &capacity), JIMM_ERROR_OUT_OF_MEMORY);
  TEST_CHECK_STR(keep, "keep");  // the old memory stays
  TEST_CHECK_UINT(capacity, 5);
  jimm_free(keep);
  jimm_set_allocator(NULL);
  TEST_CHECK_INT(c.allocated, 3);
  TEST_CHECK_INT(c.released, 3);
}

TEST(sizes_that_overflow_are_refused) {
  TEST_CHECK(jimm_calloc(SIZE_MAX / 2, 3) == NULL);
  TEST_CHECK_CONTAINS(jimm_error_message(), "overflow");
  int64_t *array = NULL;
  size_t capacity = 0;
  TEST_CHECK_INT(jimm_reserve(&array, 0, SIZE_MAX / 4, 8, &capacity), JIMM_ERROR_OUT_OF_MEMORY);
  TEST_CHECK_CONTAINS(jimm_error_message(), "overflow");
  TEST_CHECK(array == NULL && capacity == 0);
  TEST_CHECK(jimm_alloc(SIZE_MAX) == NULL);
  TEST_CHECK(jimm_alloc(SIZE_MAX - 10) == NULL);
  jimm_arena arena = {NULL};
  TEST_CHECK(jimm_arena_alloc(&arena, SIZE_MAX - 1) == NULL);
  jimm_arena_close(&arena);
}

TEST(reserve_keeps_and_doubles) {
  int *values = NULL;
  size_t capacity = 0, moves = 0;
  for (size_t i = 0; i < 1000; i++) {
    const size_t before = capacity;
    TEST_REQUIRE_INT(jimm_reserve(&values, i, i + 1, sizeof *values, &capacity), JIMM_OK);
    TEST_REQUIRE(capacity > i);
    moves += capacity != before;
    values[i] = (int)i;
  }
  TEST_CHECK(moves < 10);
  int wrong = 0;
  for (int i = 0; i < 1000; i++) {
    wrong += values[i] != i;
  }
  TEST_CHECK_INT(wrong, 0);
  const int *same = values;
  TEST_CHECK_INT(jimm_reserve(&values, 1000, 1, sizeof *values, &capacity), JIMM_OK);
  TEST_CHECK(values == same);
  TEST_CHECK_INT(jimm_reserve(&values, 1000, 100000, sizeof *values, &capacity), JIMM_OK);
  TEST_CHECK(capacity >= 100000 && values[999] == 999);
  jimm_free(values);
}

TEST(text_grows_and_failure_sticks) {
  jimm_text text = {NULL, 0, 0, 0};
  for (int i = 0; i < 1000; i++) {
    jimm_text_append(&text, "%d,", i);
  }
  jimm_text_append_bytes(&text, "x\0y", 3);
  TEST_CHECK_UINT(text.length, 3890 + 3);
  char *taken = jimm_text_take(&text);
  TEST_CHECK_MEM(taken, "0,1,2,", 6);
  TEST_CHECK_STR(taken + 3886, "999,x");
  jimm_free(taken);
  taken = jimm_text_take(&text);
  TEST_CHECK_STR(taken, "");
  jimm_free(taken);
  counter c = {0, 0, 1};
  jimm_allocator limited = {sizeof limited, count_allocate, count_release, &c};
  jimm_set_allocator(&limited);
  jimm_text_append(&text, "%0300d", 1);  // the first block
  jimm_text_append(&text, "%0300d", 1);  // needs a second one
  jimm_text_append(&text, "small");
  TEST_CHECK(text.failed);
  TEST_CHECK(jimm_text_take(&text) == NULL);
  jimm_set_allocator(NULL);
  TEST_CHECK_INT(c.allocated, c.released);
}

TEST(arena_gives_zeroed_aligned_memory) {
  jimm_arena arena = {NULL};
  unsigned char *all[200];
  for (size_t i = 0; i < 200; i++) {
    all[i] = jimm_arena_alloc(&arena, i * 37);
    TEST_REQUIRE(all[i] != NULL);
    TEST_CHECK_UINT((uintptr_t)all[i] % 16, 0);
    bool zero = true;
    for (size_t k = 0; k < i * 37; k++) {
      zero = zero && all[i][k] == 0;
    }
    TEST_CHECK(zero);
    memset(all[i], (int)i, i * 37);
  }
  for (size_t i = 1; i < 200; i++) {  // nobody wrote over anybody
    TEST_CHECK_INT(all[i][0], (int)i);
    TEST_CHECK_INT(all[i][i * 37 - 1], (int)i);
  }
  TEST_CHECK_STR(jimm_arena_strdup(&arena, "name"), "name");
  unsigned char *large = jimm_arena_alloc(&arena, 5u << 20);
  TEST_REQUIRE(large != NULL);
  TEST_CHECK_INT(large[(5u << 20) - 1], 0);
  jimm_arena_close(&arena);
  TEST_CHECK(arena.blocks == NULL);
}
