// Instruction sets: what this machine has, and the mask.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>

#include "base/cpu.h"

TEST(cpu_mask_lowers_and_never_raises) {
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_AVX512, "avx2"), JIMM_ISA_AVX2);
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_AVX512, "baseline"), JIMM_ISA_BASELINE);
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_AVX2, "avx512"), JIMM_ISA_AVX2);
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_BASELINE, "avx2"), JIMM_ISA_BASELINE);
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_AVX2, NULL), JIMM_ISA_AVX2);
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_AVX2, ""), JIMM_ISA_AVX2);
  TEST_CHECK_STR(jimm_isa_name(JIMM_ISA_AVX512), "avx512");
  TEST_CHECK(jimm_isa_name((jimm_isa)3) == NULL);
  TEST_CHECK(jimm_isa_name((jimm_isa)-1) == NULL);
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
  jimm_isa want = JIMM_ISA_BASELINE;
  if (strstr(line, " avx2 ") != NULL && strstr(line, " fma ") != NULL &&
      strstr(line, " f16c ") != NULL && strstr(line, " bmi2 ") != NULL) {
    want = strstr(line, " avx512f ") != NULL && strstr(line, " avx512bw ") != NULL &&
                   strstr(line, " avx512dq ") != NULL && strstr(line, " avx512vl ") != NULL &&
                   strstr(line, " avx512cd ") != NULL
               ? JIMM_ISA_AVX512
               : JIMM_ISA_AVX2;
  }
  TEST_CHECK_INT(jimm_cpu_detect(), want);
#else
  TEST_CHECK_INT(jimm_cpu_detect(), JIMM_ISA_BASELINE);
#endif
  TEST_CHECK_INT(jimm_cpu_isa(), jimm_cpu_mask(jimm_cpu_detect(), getenv("JIMM_CPU")));
}
