// The tests of docs/luxtestutils.md report what that page says of them. They are in luxtestutils.c,
// whose program is named by JT_VICTIMS.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jimm-test/jimm-test.h"
#include "testkit_run.h"

#define OK(name) "\nok 1 - " name "\n"
#define SKIP(name) "\nok 1 - " name " # SKIP "
#define EXPECTED(name, what) "\nnot ok 1 - " name " # TODO broken: " what

static expectation rows[] = {
    {"energy_has_its_gradient",
     0,
     OK("energy_has_its_gradient"),
     "",
     {" dual ", " tape ", " own "},
     0},
    {"length_has_its_gradient",
     0,
     OK("length_has_its_gradient"),
     "",
     {" dual ", " tape ", " own "},
     0},
    {"tape_is_skipped",
     0,
     OK("tape_is_skipped"),
     "1 of them skipped",
     {": energy: tape: in skip_backends", " dual "},
     " tape "},
    {"own_is_broken", 0, EXPECTED("own_is_broken", "energy: own"), "1 broken", {0}, 0},
    {"all_may_fail", 0, EXPECTED("all_may_fail", "soft: energy: own"), "1 soft", {0}, 0},
    {"own_may_fail", 0, EXPECTED("own_may_fail", "soft: energy: own"), "1 soft", {0}, 0},
    {"with_tolerances", 0, OK("with_tolerances"), "", {0}, 0},
    {"against_the_tape", 0, OK("against_the_tape"), "", {" dual ", " own "}, " tape "},
    {"truth_in_float64", 0, OK("truth_in_float64"), "", {" own "}, 0},
    {"truth_in_float32", 0, OK("truth_in_float32"), "", {" own "}, 0},
    {"x_is_constant", 0, OK("x_is_constant"), "", {" own "}, 0},
    {"with_enzyme", 0, OK("with_enzyme"), "", {" dual "}, 0},
    {"nan_beside_nan", 0, OK("nan_beside_nan"), "", {" own "}, 0},
    {"places_are_those_of_the_caller", 0, OK("places_are_those_of_the_caller"), "", {0}, 0},
    {"soft_checks", 0, EXPECTED("soft_checks", "soft: "), "(2 checks)", {0}, 0},
    {"sums", 0, EXPECTED("sums", ""), "(3 checks, 1 of them skipped)", {" small "}, 0},
    {"differs_crash_under_soft_fail",
     1,
     BAD("differs_crash_under_soft_fail"),
     "1 errors",
     {"crashed with SIGKILL"},
     0},
    {"differs_crash_under_broken",
     1,
     BAD("differs_crash_under_broken"),
     "1 errors",
     {"crashed with SIGKILL"},
     0},
    {"differs_skipped_and_broken",
     1,
     BAD("differs_skipped_and_broken"),
     "1 errors",
     {"name both: tape"},
     0},
    {"differs_unknown_backend",
     1,
     BAD("differs_unknown_backend"),
     "1 errors",
     {"a backend that there is not"},
     0},
    {"differs_no_backend_left",
     0,
     SKIP("differs_no_backend_left"),
     "1 skipped",
     {"no backend is left to compare"},
     0},
    {"differs_nan_is_no_gradient",
     1,
     BAD("differs_nan_is_no_gradient"),
     "1 failed",
     {"got nan"},
     0},
    {"differs_each_element",
     1,
     BAD("differs_each_element"),
     "1 failed",
     {"1 of 200 derivatives are wrong", "x[7]"},
     0},
    {"differs_33_inputs",
     0,
     OK("differs_33_inputs"),
     "1 of them skipped",
     {"sum: forward: more than 32 inputs", " reverse "},
     0},
    {"differs_broken_is_ambiguous",
     1,
     BAD("differs_broken_is_ambiguous"),
     "1 errors",
     {".broken is ambiguous"},
     0},
    {"differs_no_analyser", 0, SKIP("differs_no_analyser"), "1 skipped", {0}, 0},
    {"differs_soft_of_a_number", 1, BAD("differs_soft_of_a_number"), "1 errors", {"boolean"}, 0},
};

// Where the analyser is missing, these are skipped.
static expectation jet_rows[] = {
    {"jet_clean", 0, OK("jet_clean"), "(2 checks)", {0}, 0},
    {"jet_broken",
     0,
     EXPECTED("jet_broken", "no call findings in what largest_of reaches"),
     "(2 checks)",
     {"allocation", "core.NullDereference"},
     0},
    {"jet_one_of_both",
     0,
     EXPECTED("jet_one_of_both", "no opt findings in what largest_of reaches"),
     "(2 checks)",
     {0},
     0},
    {"jet_below_a_folder", 0, OK("jet_below_a_folder"), "(2 checks)", {0}, 0},
    {"jet_more_arguments", 0, OK("jet_more_arguments"), "(2 checks)", {0}, 0},
    {"jet_below_folders_of_all",
     0,
     OK("jet_below_folders_of_all"),
     "(5 checks)",
     {"the folders are set already"},
     0},
};
enum { ROWS = sizeof rows / sizeof *rows, JET_ROWS = sizeof jet_rows / sizeof *jet_rows };

static void check_jet(void *ctx) {
  const expectation *e = ctx;
  report r = victims_run_one(e->victim);
  const char *skipped = strstr(r.text, "\n# skipped check: ");
  if (skipped) {
    TEST_SKIP_CHECK("%.*s", (int)strcspn(skipped + 1, "\n"), skipped + 1);
  } else {
    victims_check(ctx);
  }
  free(r.text);
}

TEST_SETUP() {
  unsetenv("HARNESS_ACTIVE");  // the victims' version line is the subject; ours is written by now
  TEST_REQUIRE(victims_find());
  for (size_t i = 0; i < ROWS; i++) {
    jt_add(rows[i].victim, victims_check, &rows[i], NULL);
  }
  for (size_t i = 0; i < JET_ROWS; i++) {
    jt_add(jet_rows[i].victim, check_jet, &jet_rows[i], NULL);
  }
}

TEST(the_page_names_each_test) {
  report page = victims_command("cat docs/luxtestutils.md");
  TEST_REQUIRE_INT(page.status, 0);
  for (size_t i = 0; i < ROWS + JET_ROWS; i++) {
    const char *name = i < ROWS ? rows[i].victim : jet_rows[i - ROWS].victim;
    char quoted[100];
    char mentioned[100];
    snprintf(quoted, sizeof quoted, "\nTEST(%s) {\n", name);
    snprintf(mentioned, sizeof mentioned, "`%s`", name);
    TEST_CHECK_MSG(strstr(page.text, quoted) || strstr(page.text, mentioned), "%s", name);
  }
  free(page.text);
}

TEST(each_test_is_expected_to_report_something) {
  report r = victims_run("", "--list");
  size_t lines = 0;
  for (const char *at = r.text; (at = strchr(at, '\n')) != NULL; at++) {
    lines++;
  }
  TEST_CHECK_UINT(ROWS + JET_ROWS, lines);
  free(r.text);
}

TEST_MAIN()
