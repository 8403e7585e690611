#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/os.h"

typedef struct jimm_map_slot {
  const char *key; /* NULL: free */
  uint64_t hash;
  int64_t value;
} jimm_map_slot;

/* Keys come from files that anyone may have written, so the hash is SipHash-2-4 (Aumasson and
 * Bernstein, 2012) under a key drawn per process: nobody can prepare names that all collide. */
static uint64_t hash_key[2];
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;

static void draw_hash_key(void) {
  jimm_os_random(hash_key, sizeof hash_key);
}

static uint64_t rotate(uint64_t x, int by) {
  return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4]) {
  v[0] += v[1];
  v[1] = rotate(v[1], 13) ^ v[0];
  v[0] = rotate(v[0], 32);
  v[2] += v[3];
  v[3] = rotate(v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = rotate(v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = rotate(v[1], 17) ^ v[2];
  v[2] = rotate(v[2], 32);
}

static uint64_t hash_text(const char *text) {
  pthread_once(&hash_once, draw_hash_key);
  size_t length = strlen(text), at = 0;
  uint64_t v[4] = {
      hash_key[0] ^ UINT64_C(0x736f6d6570736575), hash_key[1] ^ UINT64_C(0x646f72616e646f6d),
      hash_key[0] ^ UINT64_C(0x6c7967656e657261), hash_key[1] ^ UINT64_C(0x7465646279746573)};
  for (;;) {
    uint64_t word = 0;
    size_t part = length - at < 8 ? length - at : 8;
    memcpy(&word, text + at, part);
    if (part < 8) {
      word |= (uint64_t)length << 56;
    }
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
    if (part < 8) {
      break;
    }
    at += 8;
  }
  v[2] ^= 0xFF;
  for (int i = 0; i < 4; i++) {
    sip_round(v);
  }
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The slot that holds the key, or the free one where it belongs. There is always a free one. */
static jimm_map_slot *probe(jimm_map_slot *slots, size_t capacity, const char *key, uint64_t hash) {
  size_t at = (size_t)hash & (capacity - 1);
  while (slots[at].key != NULL && (slots[at].hash != hash || strcmp(slots[at].key, key) != 0)) {
    at = (at + 1) & (capacity - 1);
  }
  return &slots[at];
}

static int grow(jimm_map *map) {
  size_t capacity = map->capacity == 0 ? 16 : map->capacity * 2;
  jimm_map_slot *slots = jimm_calloc(capacity, sizeof *slots);
  if (slots == NULL) {
    return 0;
  }
  for (size_t i = 0; i < map->capacity; i++) {
    if (map->slots[i].key != NULL) {
      *probe(slots, capacity, map->slots[i].key, map->slots[i].hash) = map->slots[i];
    }
  }
  jimm_free(map->slots);
  map->slots = slots;
  map->capacity = capacity;
  return 1;
}

jimm_status jimm_map_insert(jimm_map *map, const char *key, int64_t value) {
  if (map->count >= map->capacity / 2 && !grow(map)) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  uint64_t hash = hash_text(key);
  jimm_map_slot *slot = probe(map->slots, map->capacity, key, hash);
  if (slot->key != NULL) {
    return JIMM_ERROR_INVALID_ARGUMENT;
  }
  *slot = (jimm_map_slot){key, hash, value};
  map->count++;
  return JIMM_OK;
}

int64_t jimm_map_find(const jimm_map *map, const char *key) {
  if (map->count == 0) {
    return -1;
  }
  const jimm_map_slot *slot = probe(map->slots, map->capacity, key, hash_text(key));
  return slot->key == NULL ? -1 : slot->value;
}

void jimm_map_close(jimm_map *map) {
  jimm_free(map->slots);
  *map = (jimm_map){NULL, 0, 0};
}
