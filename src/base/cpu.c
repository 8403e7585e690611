#include "base/cpu.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* The levels that this architecture has, by number; those of others have no features. */
static const struct {
  const char *name;
  bool here;
  jimm_features features;
} levels[JIMM_ISA_COUNT] = {
    {"baseline", true, JIMM_FEATURES_BASELINE},
#if defined(__x86_64__)
    {"avx2", true, JIMM_FEATURES_AVX2},
    {"avx512", true, JIMM_FEATURES_AVX512},
#else
    {"avx2", false, 0},
    {"avx512", false, 0},
#endif
};

/* Register state that the system must save, as bits of XCR0: SSE and AVX; AVX-512; AMX. */
enum { NONE = 0, YMM = 0x06, ZMM = 0xE6, TILES = 0x60006 };
enum { A, B, C, D };

typedef struct feature {
  const char *name;
  uint32_t leaf, subleaf, place, bit;
  uint64_t state;
} feature;

static const feature known[] = {
#define FEATURE(NAME, name, leaf, subleaf, place, bit, state) \
  {#name, leaf, subleaf, place, bit, state},
#include "base/features.def"
#undef FEATURE
    {NULL, 0, 0, 0, 0, 0},
};

_Static_assert(JIMM_FEATURE_COUNT <= 64, "a bit a feature");

const char *jimm_isa_name(jimm_isa isa) {
  return (int)isa >= 0 && (int)isa < JIMM_ISA_COUNT ? levels[isa].name : NULL;
}

jimm_features jimm_isa_features(jimm_isa isa) {
  const bool cuts = (int)isa >= 0 && (int)isa < JIMM_ISA_COUNT && levels[isa].here;
  return cuts ? levels[isa].features : ~(jimm_features)0;
}

jimm_isa jimm_features_isa(jimm_features features) {
  jimm_isa best = JIMM_ISA_BASELINE;
  for (int i = 0; i < JIMM_ISA_COUNT; i++) {
    if (levels[i].here && (levels[i].features & ~features) == 0) {
      best = (jimm_isa)i;
    }
  }
  return best;
}

const char *jimm_features_format(jimm_features features, char *text, size_t size) {
  size_t length = 0;
  text[0] = 0;
  for (int i = 0; i < JIMM_FEATURE_COUNT; i++) {
    if ((features >> i & 1) != 0 && length < size) {
      const int n =
          snprintf(text + length, size - length, "%s%s", length > 0 ? " " : "", known[i].name);
      length += n > 0 ? (size_t)n : 0;
    }
  }
  return text;
}

#if defined(__x86_64__)
static uint64_t read_xcr0(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

/* What the system saves; 0 when it does not say. */
static uint64_t saved_state(void) {
  const unsigned osxsave = 1u << 27;
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & osxsave) != 0 ? read_xcr0() : 0;
}

static bool has(const feature *f, uint64_t saved) {
  unsigned r[4] = {0};
  return __get_cpuid_count(f->leaf, f->subleaf, &r[A], &r[B], &r[C], &r[D]) &&
         (r[f->place] >> f->bit & 1) != 0 && (saved & f->state) == f->state;
}

jimm_features jimm_cpu_detect(void) {
  const uint64_t saved = saved_state();
  jimm_features found = 0;
  for (int i = 0; i < JIMM_FEATURE_COUNT; i++) {
    found |= has(&known[i], saved) ? (jimm_features)1 << i : 0;
  }
  return found;
}
#else
jimm_features jimm_cpu_detect(void) {
  return JIMM_FEATURES_BASELINE;
}
#endif

/* The set that a name of that length stands for; false when it is unknown. */
static bool find_name(const char *name, size_t length, jimm_features *features) {
  for (int i = 0; i < JIMM_ISA_COUNT; i++) {
    if (strlen(levels[i].name) == length && memcmp(levels[i].name, name, length) == 0) {
      *features |= jimm_isa_features((jimm_isa)i);
      return true;
    }
  }
  for (int i = 0; i < JIMM_FEATURE_COUNT; i++) {
    if (strlen(known[i].name) == length && memcmp(known[i].name, name, length) == 0) {
      *features |= (jimm_features)1 << i;
      return true;
    }
  }
  return false;
}

jimm_features jimm_cpu_mask(jimm_features detected, const char *value) {
  if (value == NULL || value[0] == 0) {
    return detected;
  }
  jimm_features allowed = JIMM_FEATURES_BASELINE;
  for (const char *name = value;; name++) {
    const size_t length = strcspn(name, ",");
    if (!find_name(name, length, &allowed)) {
      jimm_log(JIMM_LOG_WARNING,
               "JIMM_CPU=%s is ignored: expected baseline, avx2, avx512 or features, joined by "
               "commas; there is no \"%.*s\"",
               value, (int)length, name);
      return detected;
    }
    name += length;
    if (name[0] == 0) {
      return detected & allowed;
    }
  }
}

static jimm_features usable;
static pthread_once_t usable_once = PTHREAD_ONCE_INIT;

static void find_usable(void) {
  usable = jimm_cpu_mask(jimm_cpu_detect(), getenv("JIMM_CPU"));
}

jimm_features jimm_cpu_features(void) {
  pthread_once(&usable_once, find_usable);
  return usable;
}

jimm_isa jimm_cpu_isa(void) {
  return jimm_features_isa(jimm_cpu_features());
}
