// The library under its own call-tree checks: what a run of a plan does in all of its kernels and
// reference operators, by this build's compile database. jet/docs/jet.md says what the rules mean.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jimm-test/jet.h"

// OWN_BUILD: the build folder. OWN_JET: jimm-jet, or "". JET_MISSING: why it was not built, or "".

// Rooms that a run is made of. Only they are compiled: what the run reached outside of them would
// be an unknown function, and a finding.
#define ROOMS JT_STRINGS("src/base", "src/tensor", "src/op", "src/kernel", "src/plan", "src/run")
// Where the targets of a step's pointers are: kernels, conversions, reference operators.
#define POINTED JT_STRINGS("src/op", "src/kernel", "src/plan")

// Paths of this length and no longer, which is a third of the time for the same findings; with
// JIMM_TEST_FULL the analyser's own limit.
static const char *const *analyser_arguments(void) {
  static const char *const shorter[] = {"-Xclang", "-analyzer-config", "-Xclang", "max-nodes=75000",
                                        NULL};
  static const char *const none[] = {NULL};
  const char *full = getenv("JIMM_TEST_FULL");
  return full && *full && strcmp(full, "0") != 0 ? none : shorter;
}

// What the run is allowed, each in the function that needs it.
static const char *const allowed[] = {
    // The task of a step, on each thread of the pool.
    "indirect-call:pool.c:work",
    // A convolution's task does one tile of rows after the other; each number of rows is a function
    // of its own, from a table of constants.
    "indirect-call:conv2d_igemm.c:run_tile",
    // The step of an operator without a kernel, which may be the user's own.
    "indirect-call:reference_step.c:run_reference",
    // Once in a process, before the first number is formatted, for the message of an error.
    "lock:locale.c:enter_c_locale",
    // Statistics and averages are summed in float64 and rounded once (docs/operators.md); these are
    // a value a channel or a row, or the channels behind the last whole vector.
    "double-promotion:norm.c:jimm_group_norm_direct_f32_*",
    "double-promotion:norm.c:jimm_global_response_norm_direct_f32_*",
    "double-promotion:norm.c:jimm_channel_norm_direct_f32_*",
    "double-promotion:pool.c:jimm_avg_pool2d_direct_f32_*", "double-promotion:pool.c:put",
    "double-promotion:standardize_weight.c:jimm_standardize_weight_f32",
    // The reference adds its terms in a fixed order, which is what the vectoriser may not change.
    "not-vectorised:sum.h:sum", "not-vectorised:sum.h:sum_squares", "not-vectorised:sum.h:dot",
    // Over the few dimensions of a shape.
    "not-vectorised:op.h:around_axis", "not-vectorised:broadcast.h:broadcast_index", NULL};

static void need_jet(void) {
  if (JET_MISSING[0]) {
    TEST_SKIP("jimm-jet was not built: %s", JET_MISSING);
  }
  setenv("JIMM_JET", OWN_JET, 0);
  setenv("JT_JET_CACHE", OWN_BUILD "/jet-cache", 0);
}

TEST(a_run_neither_allocates_nor_waits_nor_errs) {
  need_jet();
  TEST_JET(jimm_plan_run, .compdb = OWN_BUILD, .source_dirs = ROOMS, .link_dirs = POINTED,
           .effects = JT_STRINGS("test/run/own_run.effects"), .ignore = allowed,
           .call_args = analyser_arguments());
}

// What the effects and the rooms keep out of the check of the run, as far as errors go.
TEST(threads_and_files_are_free_of_errors) {
  need_jet();
  TEST_CALL(jimm_pool_start, .compdb = OWN_BUILD, .source_dirs = JT_STRINGS("src/base"),
            .call_args = analyser_arguments());
  TEST_CALL(jimm_write_file, .compdb = OWN_BUILD, .source_dirs = JT_STRINGS("src/base"),
            .call_args = analyser_arguments());
}

// ---- What the check of the run looks at ---------------------------------------------------------

static char *listing;  // what jimm-jet says of the run

static void list_run(void) {
  size_t size = 0;
  char *command = NULL;
  FILE *memory = open_memstream(&command, &size);
  fprintf(memory, "'%s' --opt-only --list --entry jimm_plan_run --compdb '%s' --cache '%s'",
          getenv("JIMM_JET"), OWN_BUILD, getenv("JT_JET_CACHE"));
  const struct {
    const char *option;
    const char *const *values;
  } lists[] = {{"source", ROOMS},
               {"link", POINTED},
               {"effects", JT_STRINGS("test/run/own_run.effects")},
               {"ignore", allowed}};
  for (size_t l = 0; l < sizeof lists / sizeof *lists; ++l) {
    for (const char *const *value = lists[l].values; *value; ++value) {
      fprintf(memory, " --%s '%s'", lists[l].option, *value);
    }
  }
  fputs(" 2>&1", memory);
  fclose(memory);
  FILE *pipe = popen(command, "r");
  if (!pipe || getdelim(&listing, &size, '\0', pipe) < 0) {
    TEST_ERROR("%s: no answer", command);
  }
  if (pipe) {
    pclose(pipe);
  }
  free(command);
}

static bool is_reached(const char *text, const char *function) {
  char line[256];
  snprintf(line, sizeof line, "\nreached: %s (", function);
  bool good = TEST_CHECK_MSG(strstr(text, line), "%s is not reached", function);
  if (!good) {
    TEST_NOTE("%s", strstr(text, "error") ? text : "jimm-jet ended well");
  }
  return good;
}

// The instruction sets whose kernels are part of this build.
static const char *const isas[] = {"baseline",
#ifdef __x86_64__
                                   "avx2", "avx512",
#endif
                                   NULL};

TEST(every_kernel_and_operator_is_looked_at_and_no_rule_is_idle) {
  need_jet();
  list_run();
  const char *text = listing;
  const char *skipped = strstr(text, "jimm-jet: skipped: ");
  if (skipped) {
    char reason[256];
    snprintf(reason, sizeof reason, "%.*s", (int)strcspn(skipped, "\n"), skipped);
    TEST_SKIP("%s", reason);
  }
  static const char *const tables[] = {"src/kernel/kernels.def", "src/op/ops.def"};
  size_t rows = 0;
  for (size_t t = 0; t < 2; ++t) {
    FILE *table = fopen(tables[t], "r");
    char line[256];
    TEST_REQUIRE(table);
    while (fgets(line, sizeof line, table)) {
      char op[64];
      char variant[64];
      char function[256];
      if (sscanf(line, "GENERIC(%*[a-z0-9_/], %63[a-z0-9_], %63[a-z0-9_]", op, variant) == 2 ||
          sscanf(line, "KERNEL(%*[a-z0-9_/], %63[a-z0-9_], %63[a-z0-9_]", op, variant) == 2) {
        for (size_t i = 0; isas[i]; ++i) {
          snprintf(function, sizeof function, "jimm_%s_%s_f32_%s", op, variant, isas[i]);
          rows += is_reached(text, function);
        }
      } else if (sscanf(line, "OPERATOR(%63[a-z0-9_])", op) == 1) {
        snprintf(function, sizeof function, "jimm_%s_f32", op);
        rows += is_reached(text, function);
      }
    }
    fclose(table);
  }
  TEST_CHECK(rows >= 40);
  is_reached(text, "run_tile");
  is_reached(text, "run_reference");
  const char *idle = strstr(text, "silenced nothing: ");
  TEST_CHECK_MSG(!idle, "%.*s", idle ? (int)strcspn(idle, "\n") : 0, idle ? idle : "");
}

int main(int argc, char **argv) {
  int status = jt_main(argc, argv);
  free(listing);
  return status;
}
