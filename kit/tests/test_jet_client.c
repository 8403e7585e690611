// TEST_CALL, TEST_OPT and TEST_JET: each outcome is provoked on purpose in a run of this program of
// its own, whose only test is the one named JET_VICTIM in the environment.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jet_case.h"
#include "jimm-test/jet.h"

static void outcome_pass(void *ctx) {
  (void)ctx;
  TEST_CHECK(TEST_CALL(clean_sum));
  TEST_CHECK(TEST_OPT(clean_sum));
  TEST_CHECK(TEST_JET(clean_sum));
}

static void outcome_opt_fails(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_OPT(hidden_allocation));
}

static void outcome_call_fails(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_CALL(null_dereference));
}

static void outcome_kinds_are_apart(void *ctx) {
  (void)ctx;
  TEST_CHECK(TEST_OPT(null_dereference));
  TEST_CHECK(TEST_CALL(hidden_allocation));
}

static void outcome_both(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_JET(use_after_free));
}

static void outcome_one_broken(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_JET(use_after_free, .opt_broken = true));
}

static void outcome_broken(void *ctx) {
  (void)ctx;
  TEST_CHECK(TEST_JET(use_after_free, .opt_broken = true, .call_broken = true));
  TEST_CHECK(TEST_OPT(use_after_free, .opt_broken = true));
  TEST_CHECK(TEST_CALL(use_after_free, .call_broken = true));
}

static void outcome_opt_unbroken(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_JET(clean_sum, .opt_broken = true));
}

static void outcome_call_unbroken(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_CALL(clean_sum, .call_broken = true));
}

static void outcome_ambiguous(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_JET(clean_sum, .broken = true));
  TEST_CHECK(!TEST_OPT(clean_sum, .broken = true));
}

static void outcome_wrong_marker(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_OPT(clean_sum, .call_broken = true));
  TEST_CHECK(!TEST_CALL(clean_sum, .opt_broken = true));
}

static void outcome_no_entry(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_OPT(clean_sun));
}

static void outcome_no_entry_broken(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_OPT(clean_sun, .opt_broken = true));
}

static void outcome_quoted(void *ctx) {
  (void)ctx;
  TEST_CHECK(TEST_OPT("clean.c:small_helper"));
}

static void outcome_lists(void *ctx) {
  (void)ctx;
  TEST_CHECK(TEST_OPT(hidden_allocation, .ignore = JT_STRINGS("lock", "allocation")));
  TEST_CHECK(TEST_OPT(unknown_external, .effects = JT_STRINGS(getenv("JET_EFFECTS"))));
  TEST_CHECK(TEST_CALL(clean_sum, .call_args = JT_STRINGS("-DX", "-DY")));
  TEST_CHECK(!TEST_CALL(clean_sum, .call_args = JT_STRINGS("-include", "/no/such/header")));
  TEST_CHECK(!TEST_OPT(clean_sum, .opt_args = JT_STRINGS("-include", "/no/such/header")));
  TEST_CHECK(!TEST_OPT(clean_sum, .source_dirs = JT_STRINGS(getenv("JET_DEEP"))));
}

static void outcome_link_dirs(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_OPT(apply, .link_dirs = JT_STRINGS(getenv("JET_SAMPLES"))));
}

static void outcome_no_database(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_OPT(clean_sum, .compdb = "/no/such/database"));
  TEST_CHECK(!TEST_OPT(clean_sum));
}

static void outcome_no_options(void *ctx) {
  (void)ctx;
  TEST_CHECK(jt_jet("there.c", 4711, "clean_sum", NULL));
  TEST_CHECK(!jt_jet_opt("there.c", 4711, "hidden_allocation", NULL));
}

static void outcome_skip(void *ctx) {
  (void)ctx;
  TEST_CHECK(TEST_OPT(clean_sum));
  TEST_CHECK(TEST_CALL(clean_sum, .call_broken = true));
  TEST_NOTE("the test goes on");
}

static void outcome_bad_program(void *ctx) {
  (void)ctx;
  TEST_CHECK(!TEST_OPT(clean_sum, .opt_broken = true));
}

static void outcome_targets(void *ctx) {
  (void)ctx;
  const char *deep = getenv("JET_DEEP");
  TEST_CHECK(!TEST_OPT(hidden_allocation));
  TEST_CHECK(jt_jet_target_dirs(JT_STRINGS(deep), false));
  TEST_CHECK(TEST_OPT(hidden_allocation));
  TEST_CHECK(!TEST_OPT(hidden_allocation, .target_dirs = JT_STRINGS(getenv("JET_SAMPLES"))));
  TEST_CHECK(!TEST_OPT(hidden_allocation, .target_dirs = (const char *const[]){NULL}));
  TEST_CHECK(!jt_jet_target_dirs(JT_STRINGS(getenv("JET_SAMPLES")), false));
  TEST_CHECK(TEST_OPT(hidden_allocation));
  TEST_CHECK(jt_jet_target_dirs(JT_STRINGS(getenv("JET_SAMPLES")), true));
  TEST_CHECK(!TEST_OPT(hidden_allocation));
  TEST_CHECK(jt_jet_target_dirs(NULL, true));
  TEST_CHECK(jt_jet_target_dirs(JT_STRINGS(deep), false));
}

// ---- What each does -----------------------------------------------------------------------------

typedef struct victim {
  const char *name;
  void (*fn)(void *ctx);
  const char *settings;  // of the environment
  bool good;             // exits with 0
  const char *line;      // of TAP
  const char *needles[4];
  enum { CLANG, PROGRAM, NOTHING } needs;
} victim;

#define OPT(entry) "expression: \"no opt findings in what " entry " reaches\"\n"
#define CALL(entry) "expression: \"no call findings in what " entry " reaches\"\n"

// clang-format off
static const victim victims[] = {
  {"outcome_pass", outcome_pass, "", true, "\nok 1 - outcome_pass\n", {"(7 checks)"}, CLANG},
  {"outcome_opt_fails", outcome_opt_fails, "", false, "\nnot ok 1 - outcome_opt_fails\n",
   {OPT("hidden_allocation"), "message: |\n        > 2 opt findings:\n        > allocation: tests/jet_samples/defects.c:",
    "hidden_allocation (defects.c:9) -> strdup\n        > allocation: "}, CLANG},
  {"outcome_call_fails", outcome_call_fails, "", false, "\nnot ok 1 - outcome_call_fails\n",
   {CALL("null_dereference"), "> 1 call findings:\n        > core.NullDereference: tests/jet", "- outcome: fail"}, CLANG},
  {"outcome_kinds_are_apart", outcome_kinds_are_apart, "", true, "\nok 1 - outcome_kinds_are_apart\n", {0}, CLANG},
  {"outcome_both", outcome_both, "", false, "\nnot ok 1 - outcome_both\n",
   {CALL("use_after_free"), OPT("use_after_free"), "checks: 3\n"}, CLANG},
  {"outcome_one_broken", outcome_one_broken, "", false, "\nnot ok 1 - outcome_one_broken\n",
   {"- outcome: fail", "- outcome: broken", "checks: 3\n"}, CLANG},
  {"outcome_broken", outcome_broken, "", true, "\nnot ok 1 - outcome_broken # TODO broken: ",
   {CALL("use_after_free"), OPT("use_after_free"), "0 failed, 0 errors, 1 broken"}, CLANG},
  {"outcome_opt_unbroken", outcome_opt_unbroken, "", false, "\nnot ok 1 - outcome_opt_unbroken\n",
   {"- outcome: error", "message: \"unbroken: nothing was found; remove .opt_broken\"", OPT("clean_sum")}, CLANG},
  {"outcome_call_unbroken", outcome_call_unbroken, "", false, "\nnot ok 1 - outcome_call_unbroken\n",
   {"- outcome: error", "message: \"unbroken: nothing was found; remove .call_broken\"", CALL("clean_sum")}, CLANG},
  {"outcome_ambiguous", outcome_ambiguous, "", false, "\nnot ok 1 - outcome_ambiguous\n",
   {"- outcome: error", "message: \"clean_sum: .broken is ambiguous: say .call_broken or .opt_broken\"",
    "0 failed, 1 errors"}, NOTHING},
  {"outcome_wrong_marker", outcome_wrong_marker, "", false, "\nnot ok 1 - outcome_wrong_marker\n",
   {".call_broken says nothing of TEST_OPT", ".opt_broken says nothing of TEST_CALL", "- outcome: error"}, NOTHING},
  {"outcome_no_entry", outcome_no_entry, "", false, "\nnot ok 1 - outcome_no_entry\n",
   {"- outcome: error", "message: \"clean_sun: no function \\\"clean_sun\\\" in the 3 files", "near: clean_sum"}, CLANG},
  {"outcome_no_entry_broken", outcome_no_entry_broken, "", false, "\nnot ok 1 - outcome_no_entry_broken\n",
   {"- outcome: error", "no function \\\"clean_sun\\\""}, CLANG},
  {"outcome_quoted", outcome_quoted, "", true, "\nok 1 - outcome_quoted\n", {0}, CLANG},
  {"outcome_lists", outcome_lists, "", false, "\nnot ok 1 - outcome_lists\n",
   {"compiling fails: ", "parsing fails: ", "/no/such/header", "\\\"clean_sum\\\" in the 1 files"}, CLANG},
  {"outcome_link_dirs", outcome_link_dirs, "", false, "\nnot ok 1 - outcome_link_dirs\n",
   {"possible by type: twice, half", OPT("apply")}, CLANG},
  {"outcome_no_database", outcome_no_database, "JT_COMPDB=", false, "\nnot ok 1 - outcome_no_database\n",
   {"cannot read the compile database /no/such/database", "no compile database: not by .compdb, nor by"}, PROGRAM},
  {"outcome_no_options", outcome_no_options, "", false, "\nnot ok 1 - outcome_no_options\n",
   {"file: \"there.c\"\n      line: 4711\n", OPT("hidden_allocation")}, CLANG},
  {"outcome_skip", outcome_skip, "JIMM_JET= PATH=/no/such", true, "\nok 1 - outcome_skip\n",
   {"# skipped check: ", "clean_sum: there is no jimm-jet: not by JIMM_JET, nor beside", "\n# the test goes on\n",
    "2 of them skipped"}, NOTHING},
  {"outcome_skip", outcome_skip, "PATH=/no/such", true, "\nok 1 - outcome_skip\n",
   {"clean_sum: no clang-14: ", "\n# the test goes on\n", "2 of them skipped"}, PROGRAM},
  {"outcome_bad_program", outcome_bad_program, "JIMM_JET=/no/such", false, "\nnot ok 1 - outcome_bad_program\n",
   {"jimm-jet cannot be started: No such file or directory", "- outcome: error"}, NOTHING},
  {"outcome_bad_program", outcome_bad_program, "JIMM_JET=/bin/true", false, "\nnot ok 1 - outcome_bad_program\n",
   {"jimm-jet ended by status 0 without a result", "- outcome: error"}, NOTHING},
  {"outcome_targets", outcome_targets, "", false, "\nnot ok 1 - outcome_targets\n",
   {"\n# jt_jet_target_dirs: the folders are set already; they stay", "checks: 17\n"}, CLANG},
};
// clang-format on

static void check_victim(void *ctx) {
  const victim *v = ctx;
  char self[PATH_MAX] = "";
  if (v->needs == CLANG) {
    jet_case_need_clang();
  } else if (v->needs == PROGRAM) {
    jet_case_need_program();
  }
  TEST_REQUIRE(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  jet_output output = jet_case_run(
      "JET_VICTIM=%s JET_SAMPLES='%s' JET_DEEP='%s/deep' JET_EFFECTS='%s' JIMM_JET='%s' "
      "JT_COMPDB='%s' "
      "JT_JET_CACHE='%s/cache' %s '%s' --filter %s 2>&1",
      v->name, jet_case_samples(), jet_case_samples(),
      jet_case_write("victim.effects", "none unknown_to_all\n"), jet_case_program(),
      jet_case_database(), jet_case_folder(), v->settings, self, v->name);
  bool good = TEST_CHECK_MSG(jet_case_exited(&output, v->good ? 0 : 1), "status %#x",
                             (unsigned)output.status);
  good &= TEST_CHECK_CONTAINS(output.text, v->line);
  for (size_t i = 0; i < 4 && v->needles[i]; ++i) {
    good &= TEST_CHECK_CONTAINS(output.text, v->needles[i]);
  }
  // What a victim says of the macros' values is always true.
  good &= TEST_CHECK(!strstr(output.text, "got: \"false\""));
  if (!good) {
    TEST_NOTE("%s", output.text);
  }
  free(output.text);
}

TEST_SETUP() {
  const char *one = getenv("JET_VICTIM");
  for (size_t i = 0; i < sizeof victims / sizeof *victims; ++i) {
    if (!one) {
      jt_add(victims[i].name, check_victim, (void *)&victims[i], NULL);
    } else if (strcmp(victims[i].name, one) == 0) {
      jt_add(one, victims[i].fn, NULL, NULL);
      break;
    }
  }
}

int main(int argc, char **argv) {
  if (getenv("JET_VICTIM")) {
    return jt_main(argc, argv);
  }
  const char *trouble = jet_case_open();
  if (trouble) {
    printf("Bail out! %s\n", trouble);
    return 1;
  }
  int status = jt_main(argc, argv);
  jet_case_close();
  return status;
}
