#include "base/cpu.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const isa_names[JIMM_ISA_COUNT] = {"baseline", "avx2", "avx512"};

const char *jimm_isa_name(jimm_isa isa) {
  return (int)isa >= 0 && (int)isa < JIMM_ISA_COUNT ? isa_names[isa] : NULL;
}

#if defined(__x86_64__)
/* Register state that the operating system saves: bit 1 SSE, 2 AVX, 5 to 7 AVX-512. */
static uint64_t read_xcr0(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

jimm_isa jimm_cpu_detect(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) {
    return JIMM_ISA_BASELINE;
  }
  const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
  const unsigned need1 = fma | osxsave | avx | f16c;
  if ((c & need1) != need1 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    return JIMM_ISA_BASELINE;
  }
  const uint64_t saves = read_xcr0();
  const unsigned bmi1 = 1u << 3, avx2 = 1u << 5, bmi2 = 1u << 8;
  if ((saves & 0x06) != 0x06 || (b & (bmi1 | avx2 | bmi2)) != (bmi1 | avx2 | bmi2)) {
    return JIMM_ISA_BASELINE;
  }
  const unsigned avx512 = 1u << 16 /* F */ | 1u << 17 /* DQ */ | 1u << 28 /* CD */ |
                          1u << 30 /* BW */ | 1u << 31 /* VL */;
  return (saves & 0xE6) == 0xE6 && (b & avx512) == avx512 ? JIMM_ISA_AVX512 : JIMM_ISA_AVX2;
}
#else
jimm_isa jimm_cpu_detect(void) {
  return JIMM_ISA_BASELINE;
}
#endif

jimm_isa jimm_cpu_mask(jimm_isa detected, const char *value) {
  if (value == NULL || value[0] == 0) {
    return detected;
  }
  for (int i = 0; i < JIMM_ISA_COUNT; i++) {
    if (strcmp(value, isa_names[i]) == 0) {
      return (jimm_isa)i < detected ? (jimm_isa)i : detected;
    }
  }
  jimm_log(JIMM_LOG_WARNING, "JIMM_CPU=%s is ignored: expected baseline, avx2 or avx512", value);
  return detected;
}

static jimm_isa usable;
static pthread_once_t usable_once = PTHREAD_ONCE_INIT;

static void find_usable(void) {
  usable = jimm_cpu_mask(jimm_cpu_detect(), getenv("JIMM_CPU"));
}

jimm_isa jimm_cpu_isa(void) {
  pthread_once(&usable_once, find_usable);
  return usable;
}
