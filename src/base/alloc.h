/* Memory from the installed allocator (base.h). Functions return NULL on failure and set the
 * thread's message; callers return JIMM_ERROR_OUT_OF_MEMORY. */
#ifndef JIMM_BASE_ALLOC_H
#define JIMM_BASE_ALLOC_H

#include <stddef.h>

#include <jimm/base.h>

#define JIMM_ALIGNMENT 64

/* Uninitialised; bytes 0 gives a valid pointer. Aligned to JIMM_ALIGNMENT. */
JIMM_SIBLING void *jimm_alloc(size_t bytes);
/* Zeroed, count * size checked for overflow. */
JIMM_SIBLING void *jimm_calloc(size_t count, size_t size);
/* Makes room for at least `wanted` elements of `size` bytes in a growing array. `array` is the
 * address of the pointer to it (NULL at first), of any type; of its *capacity elements (0 at first)
 * the first `count` are kept. It doubles, so that adding elements one by one is cheap. When there
 * is no memory all stays as it is: JIMM_ERROR_OUT_OF_MEMORY. */
JIMM_SIBLING jimm_status jimm_reserve(void *array, size_t count, size_t wanted, size_t size,
                                      size_t *capacity);
JIMM_SIBLING void jimm_free(void *pointer); /* accepts NULL */
JIMM_SIBLING char *jimm_strdup(const char *text);
JIMM_SIBLING char *jimm_strndup(const char *text, size_t length);
/* printf into new memory */
JIMM_SIBLING char *jimm_format(const char *format, ...) JIMM_PRINTF(1, 2);

/* A growing text, for messages and listings. Zero-initialise; `failed` sticks. */
typedef struct jimm_text {
  char *data;
  size_t length, capacity;
  int failed;
} jimm_text;
JIMM_SIBLING void jimm_text_append(jimm_text *text, const char *format, ...) JIMM_PRINTF(2, 3);
/* Appends bytes as they are, zero bytes too. */
JIMM_SIBLING void jimm_text_append_bytes(jimm_text *text, const char *bytes, size_t length);
/* Hands over the characters ("" if nothing was appended), or NULL after a failure; clears text. */
JIMM_SIBLING char *jimm_text_take(jimm_text *text);

/* Many small objects that die together: names, attributes. Zero-initialise. */
typedef struct jimm_arena {
  struct jimm_arena_block *blocks;
} jimm_arena;
JIMM_SIBLING void *jimm_arena_alloc(jimm_arena *arena, size_t bytes); /* zeroed, aligned to 16 */
JIMM_SIBLING char *jimm_arena_strdup(jimm_arena *arena, const char *text);
/* printf into the arena */
JIMM_SIBLING char *jimm_arena_format(jimm_arena *arena, const char *format, ...) JIMM_PRINTF(2, 3);
JIMM_SIBLING void jimm_arena_close(jimm_arena *arena);

/* A map from strings (borrowed, must outlive the map) to int64_t. Zero-initialise. */
typedef struct jimm_map {
  struct jimm_map_slot *slots;
  size_t count, capacity;
} jimm_map;
/* JIMM_ERROR_INVALID_ARGUMENT (no message) when the key is there already. */
JIMM_SIBLING jimm_status jimm_map_insert(jimm_map *map, const char *key, int64_t value);
JIMM_SIBLING int64_t jimm_map_find(const jimm_map *map, const char *key); /* -1: absent */
JIMM_SIBLING void jimm_map_close(jimm_map *map);

#endif
