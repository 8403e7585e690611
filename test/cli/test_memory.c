/* Every allocation of the program fails once, whoever asks for it: it ends with a message and
 * status 1, or does without and does everything. */
#include <jimm-test/jimm-test.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/cache_tree.h"
#include "run.h"

static long fail_at;

static void preload(void) {
  char text[32];
  snprintf(text, sizeof text, "%ld", fail_at);
  setenv("FAIL_AT", text, 1);
  setenv("LD_PRELOAD", getenv("JIMM_FAILING_MALLOC"), 1);
}

/* What hashes or asks the hub is left out: OpenSSL and libcurl do not outlive every failure. */
static const char *const lines[][12] = {
    {"--help"},
    {"list", "resnet1*"},
    {"list", "--json", "test_resnet*"},
    {"info", "test_resnet"},
    {"info", "--json", "test_resnet"},
    {"predict", "-w", "folder", "--threads", "1", "a.ppm", "images"},
    {"predict", "-w", "folder", "--json", "--check-finite", "--threads", "1", "a.ppm"},
    {"preprocess", "resnet50", "a.ppm", "-o", "out/x.npy"},
    {"forward", "-w", "folder", "--input", "x.npy", "--threads", "1", "--what", "all", "--output",
     "out/y.safetensors"},
    {"cache", "ls", "test_resnet"},
    {"cache", "ls", "--json"},
    {"cache", "rm", "--dry-run", "*"},
    {"download", "--offline", "--json", "test_resnet"},
    {"convert", "w.pt", "out/w.safetensors", "--dtype", "f16"},
};

static void check_line(void *context) {
  const char *const *arguments = context;
  TEST_REQUIRE_INT(run_program(NULL, NULL, arguments)->status, 0);
  const int files = scratch_entries("out");
  char *whole = strdup(run_program(NULL, NULL, arguments)->out);
  TEST_REQUIRE(whole != NULL);
  long tried = 0;
  bool failed = true;
  for (fail_at = 1; failed; fail_at++) {
    scratch_clear("out");
    unlink(scratch_path("failed"));
    run_prepare = preload;
    const run_result *run = run_program(NULL, NULL, arguments);
    run_prepare = NULL;
    failed = access(scratch_path("failed"), F_OK) == 0;
    tried += failed;
    const bool does_without =
        run->status == 0 && strcmp(run->out, whole) == 0 && scratch_entries("out") == files;
    const bool says_so =
        run->status == 1 && strstr(run->err, "emory") != NULL && scratch_entries("out") == 0;
    if (!does_without && !says_so) {
      TEST_FAIL("allocation %ld: status %d, signal %d: %s", fail_at, run->status, run->signal,
                run->err);
      break;
    }
  }
  TEST_CHECK_MSG(tried > 0, "nothing was allocated");
  TEST_NOTE("%ld allocations", tried);
  free(whole);
  scratch_clear("out");
}

TEST_SETUP() {
  TEST_REQUIRE_MSG(getenv("JIMM_FAILING_MALLOC") != NULL,
                   "JIMM_FAILING_MALLOC must name the library that is preloaded");
  scratch_make();
  setenv("HF_HUB_CACHE", scratch_path("hub"), 1);
  tree_begin(scratch_path("hub"));
  tree_standard();
  char data[8192];
  FILE *file = fopen("test/data/checkpoints/nested_state_dict.pt", "rb");
  TEST_REQUIRE_MSG(file != NULL, "run from the source root");
  scratch_write("w.pt", data, fread(data, 1, sizeof data, file));
  fclose(file);
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    char name[64];
    snprintf(name, sizeof name, "%s %s", lines[i][0], lines[i][1] == NULL ? "" : lines[i][1]);
    jt_add(name, check_line, (void *)(uintptr_t)lines[i], NULL);
  }
}

TEST_MAIN()
