// Instruction sets: what this machine has, and the mask.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>

#include "base/cpu.h"

static jimm_isa masked(jimm_isa level, const char *value) {
  return jimm_features_isa(jimm_cpu_mask(jimm_isa_features(level), value));
}

TEST(cpu_mask_lowers_and_never_raises) {
  const jimm_features all = jimm_isa_features(JIMM_ISA_BEST);
  const jimm_features base = jimm_isa_features(JIMM_ISA_BASELINE);
  TEST_CHECK_UINT(all, UINT64_MAX);
  TEST_CHECK_UINT(jimm_cpu_mask(all, NULL), all);
  TEST_CHECK_UINT(jimm_cpu_mask(all, ""), all);
  TEST_CHECK_UINT(jimm_cpu_mask(all, "baseline"), base);
  TEST_CHECK_UINT(jimm_cpu_mask(base, "avx512"), base);
  TEST_CHECK_INT(masked(JIMM_ISA_BASELINE, "avx2"), JIMM_ISA_BASELINE);
  TEST_CHECK_STR(jimm_isa_name(JIMM_ISA_AVX512), "avx512");
  TEST_CHECK(jimm_isa_name((jimm_isa)3) == NULL);
  TEST_CHECK(jimm_isa_name(JIMM_ISA_BEST) == NULL);
#if defined(__x86_64__)
  TEST_CHECK_INT(masked(JIMM_ISA_AVX512, "avx2"), JIMM_ISA_AVX2);
  TEST_CHECK_INT(masked(JIMM_ISA_AVX512, "baseline"), JIMM_ISA_BASELINE);
  TEST_CHECK_INT(masked(JIMM_ISA_AVX2, "avx512"), JIMM_ISA_AVX2);
  TEST_CHECK_INT(masked(JIMM_ISA_AVX2, NULL), JIMM_ISA_AVX2);
#endif
}

// Levels and single features, of which a level needs all of its own.
TEST(cpu_mask_takes_a_list) {
#if defined(__x86_64__)
  const jimm_features bf16 = JIMM_FEATURE(AVX512_BF16);
  const jimm_features all = JIMM_FEATURES_AVX512 | bf16 | JIMM_FEATURE(AMX_TILE);
  TEST_CHECK_UINT(jimm_cpu_mask(all, "avx512"), JIMM_FEATURES_AVX512);
  TEST_CHECK_UINT(jimm_cpu_mask(all, "avx512,avx512_bf16"), JIMM_FEATURES_AVX512 | bf16);
  TEST_CHECK_UINT(jimm_cpu_mask(JIMM_FEATURES_AVX512, "avx2,avx512_bf16"), JIMM_FEATURES_AVX2);
  TEST_CHECK_UINT(jimm_cpu_mask(all, "fma,f16c"), JIMM_FEATURE(FMA) | JIMM_FEATURE(F16C));
  TEST_CHECK_UINT(jimm_cpu_mask(all, "avx2,"), all);
  TEST_CHECK_UINT(jimm_cpu_mask(all, "avx"), all);
  TEST_CHECK_INT(jimm_features_isa(JIMM_FEATURES_AVX512 & ~JIMM_FEATURE(AVX512VL)), JIMM_ISA_AVX2);
  TEST_CHECK_INT(jimm_features_isa(JIMM_FEATURES_AVX512 & ~JIMM_FEATURE(FMA)), JIMM_ISA_BASELINE);
  char text[JIMM_FEATURES_TEXT];
  TEST_CHECK_STR(jimm_features_format(bf16 | JIMM_FEATURE(FMA), text, sizeof text),
                 "fma avx512_bf16");
  TEST_CHECK_STR(jimm_features_format(0, text, sizeof text), "");
  TEST_CHECK(strlen(jimm_features_format(UINT64_MAX, text, sizeof text)) + 1 < sizeof text);
#else
  TEST_SKIP("the features are those of x86-64");
#endif
}

// The kernel's own list of flags is the witness.
TEST(cpu_detection_agrees_with_the_system) {
#if defined(__x86_64__) && defined(__linux__)
  FILE *file = fopen("/proc/cpuinfo", "r");
  if (file == NULL) {
    TEST_SKIP("no /proc/cpuinfo");
  }
  static char line[16384];
  bool found = false;
  while (!found && fgets(line, sizeof line, file) != NULL) {
    found = strncmp(line, "flags", 5) == 0;
  }
  fclose(file);
  TEST_REQUIRE(found);
  const jimm_features detected = jimm_cpu_detect();
  jimm_features listed = 0;
#define FEATURE(NAME, name, leaf, subleaf, place, bit, state) \
  listed |= strstr(line, " " #name " ") != NULL ? JIMM_FEATURE(NAME) : 0;
#include "base/features.def"
#undef FEATURE
  TEST_CHECK_UINT(listed & ~detected, 0);
  // A system that is older than a feature does not list it.
  TEST_CHECK_UINT(detected & JIMM_FEATURES_AVX512, listed & JIMM_FEATURES_AVX512);
#else
  TEST_CHECK_UINT(jimm_cpu_detect(), JIMM_FEATURES_BASELINE);
#endif
  TEST_CHECK_UINT(jimm_cpu_features(), jimm_cpu_mask(jimm_cpu_detect(), getenv("JIMM_CPU")));
  TEST_CHECK_INT(jimm_cpu_isa(), jimm_features_isa(jimm_cpu_features()));
}
