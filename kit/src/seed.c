// The program's seed, and the order that it gives to the tests.
#include "internal.h"

#include <time.h>
#include <unistd.h>

static unsigned long long program_seed = 1;

unsigned long long jt_seed(void) {
  return program_seed;
}

void jti_set_seed(unsigned long long seed) {
  program_seed = seed;
}

// SplitMix64.
static uint64_t next_number(uint64_t *state) {
  uint64_t x = *state += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

// Short enough to be typed again; different for programs that start at the same moment.
unsigned long long jti_random_seed(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t state = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  state ^= (uint64_t)getpid() << 40;
  return next_number(&state) >> 44;
}

void jti_shuffle_tests(unsigned long long seed) {
  jti_test_list *tests = jti_tests();
  uint64_t state = seed;
  for (size_t left = tests->count; left > 1; --left) {
    size_t chosen = (size_t)(next_number(&state) % left);
    jti_test swapped = tests->items[left - 1];
    tests->items[left - 1] = tests->items[chosen];
    tests->items[chosen] = swapped;
  }
}
