#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/locale.h"

#define ARENA_ALIGN 16
#define ARENA_FIRST 4096
#define ARENA_LARGEST ((size_t)1 << 20)

typedef struct jimm_arena_block {
  struct jimm_arena_block *next;
  size_t used, capacity;
  size_t padding; /* objects start at a multiple of ARENA_ALIGN */
} jimm_arena_block;

_Static_assert(sizeof(jimm_arena_block) % ARENA_ALIGN == 0, "objects follow the block's head");

void *jimm_arena_alloc(jimm_arena *arena, size_t bytes) {
  if (bytes > SIZE_MAX / 4) {
    jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: %zu bytes", bytes);
    return NULL;
  }
  size_t need = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
  need = need == 0 ? ARENA_ALIGN : need;
  jimm_arena_block *block = arena->blocks;
  if (block == NULL || block->capacity - block->used < need) {
    /* Blocks double up to a limit, so that small arenas stay small and large ones take few calls.
     */
    size_t capacity = block == NULL ? ARENA_FIRST : block->capacity * 2;
    capacity = capacity > ARENA_LARGEST ? ARENA_LARGEST : capacity;
    capacity = capacity < need ? need : capacity;
    block = jimm_alloc(sizeof *block + capacity);
    if (block == NULL) {
      return NULL;
    }
    *block = (jimm_arena_block){arena->blocks, 0, capacity, 0};
    arena->blocks = block;
  }
  void *result = (unsigned char *)(block + 1) + block->used;
  block->used += need;
  memset(result, 0, need);
  return result;
}

char *jimm_arena_strdup(jimm_arena *arena, const char *text) {
  size_t bytes = strlen(text) + 1;
  char *copy = jimm_arena_alloc(arena, bytes);
  if (copy != NULL) {
    memcpy(copy, text, bytes);
  }
  return copy;
}

char *jimm_arena_format(jimm_arena *arena, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const int length = jimm_vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (length < 0) {
    jimm_fail(JIMM_ERROR_INTERNAL, "a text could not be formatted");
    return NULL;
  }
  char *text = jimm_arena_alloc(arena, (size_t)length + 1);
  if (text != NULL) {
    va_start(args, format);
    jimm_vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
  }
  return text;
}

void jimm_arena_close(jimm_arena *arena) {
  jimm_arena_block *block = arena->blocks;
  while (block != NULL) {
    jimm_arena_block *next = block->next;
    jimm_free(block);
    block = next;
  }
  arena->blocks = NULL;
}
