// The test kit tested by itself: every outcome is provoked in a program of misbehaving tests
// (testkit_victims.c), and its report, its counts and its exit status are read. Since a kit that
// passes everything would pass this, too, main first checks by hand that a failure is seen.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jimm-test/jimm-test.h"
#include "testkit_run.h"

#define NON_BOOLEAN "message: \"soft check of a non-boolean: "

// ---- One victim, one outcome --------------------------------------------------------------------

// clang-format off
// The counts include the one check that the victims' setup makes.
static const expectation expectations[] = {
  {"pass", 0, "\nok 2 - ", "# 2 passed", {"1..2\n"}, "---"},
  {"fail_check", 1, BAD("fail_check"), FAILED("3 checks"),
   {"outcome: fail\n", "expression: \"zero == 1\"\n", "message: \"zero is 0\"\n", "testkit_victims.c\"\n      line: "}, 0},
  {"fail_int", 1, BAD("fail_int"), FAILED("2 checks"),
   {"expression: \"zero == -2\"\n", "got: \"0\"\n", "want: \"-2\"\n"}, 0},
  {"fail_uint", 1, BAD("fail_uint"), FAILED("2 checks"), {"got: \"18446744073709551615\"\n"}, 0},
  {"fail_str", 1, BAD("fail_str"), "# 0 passed, 2 failed",
   {"got: \"left \\\"x\\\"\\n\"\n", "want: \"left y\"\n", "first difference at byte 5"}, 0},
  {"fail_str_null", 1, BAD("fail_str_null"), FAILED("2 checks"), {"got is NULL", "want: \"NULL\"\n"}, "got:"},
  {"fail_contains", 1, BAD("fail_contains"), "# 0 passed, 2 failed", {"got: \"haystack\"\n", "want: \"needle\"\n"}, 0},
  {"fail_contains_null", 1, BAD("fail_contains_null"), FAILED("2 checks"), {"haystack is NULL"}, 0},
  {"fail_double", 1, BAD("fail_double"), "# 0 passed, 3 failed, 1 errors",
   {"got: \"1.5\"\n", "want: \"1\"\n", "difference 0.5, allowed 0.2 (atol 0.1, rtol 0.1)"}, 0},
  {"fail_double_nan", 1, BAD("fail_double_nan"), FAILED("2 checks"), {"nan"}, 0},
  {"fail_double_infinite", 1, BAD("fail_double_infinite"), FAILED("2 checks"), {"inf"}, 0},
  {"fail_double_tolerance", 1, BAD("fail_double_tolerance"), ERRED("2 checks"), {"not a tolerance"}, 0},
  {"fail_mem", 1, BAD("fail_mem"), "# 0 passed, 2 failed",
   {"first difference at offset 3; 1 of 6 bytes differ", "61 62 63 [64] 65 66", "[78]"}, 0},
  {"fail_mem_null", 1, BAD("fail_mem_null"), FAILED("2 checks"), {"got is NULL"}, 0},
  {"fail_explicit", 1, BAD("fail_explicit"), FAILED("2 checks"), {"message: \"row 12\"\n"}, 0},
  {"fail_invalid_text", 1, BAD("fail_invalid_text"), FAILED("2 checks"), {"got: \"\\xff\\x01\xc3\xa4\"\n"}, 0},
  {"error_explicit", 1, BAD("error_explicit"), ERRED("2 checks"), {"message: \"no fixture abc\"\n"}, 0},
  {"no_checks", 1, BAD("no_checks"), "# 0 passed, 0 failed, 2 errors", {"no checks executed"}, 0},
  {"late_add", 1, BAD("late_add"), ERRED("2 checks"), {"jt_add(\\\"late\\\") called while tests run"}, 0},
  {"require_stops", 1, BAD("require_stops"), FAILED("2 checks"), {"got: \"bad\"\n"}, "not reached"},
  {"require_plain_stops", 1, BAD("require_plain_stops"), FAILED("2 checks"), {"zero == 1"}, "not reached"},
  {"worst_wins", 1, BAD("worst_wins"), ERRED("4 checks"),
   {"- outcome: broken", "- outcome: fail", "- outcome: error"}, "TODO"},
  {"skipped", 0, "\nok 1 - skipped # SKIP no camera \\# here\n", SKIPPED("2 checks"),
   {"# nothing was executed: all of the 1 tests were skipped\n"}, "not reached"},
  {"skip_after_fail", 1, BAD("skip_after_fail"), FAILED("2 checks"), {"too late"}, "SKIP"},
  {"broken_expected", 0, "\nnot ok 1 - broken_expected # TODO broken: zero == 1\n", BROKE("2 checks"),
   {"outcome: broken"}, 0},
  {"broken_unbroken", 1, BAD("broken_unbroken"), ERRED("2 checks"), {"unbroken: passed unexpectedly"}, "TODO"},
  {"soft_true", 0, "\nok 1 - soft_true\n", PASSED("4 checks"), {0}, "---"},
  {"soft_false", 0, "\nnot ok 1 - soft_false # TODO broken: soft: zero == 1\n", SOFT("3 checks"),
   {"outcome: soft"}, 0},
  {"soft_zero", 0, "\nnot ok 1 - soft_zero # TODO broken: soft: 0ul\n", SOFT("2 checks"), {0}, 0},
  {"soft_pointer", 1, BAD("soft_pointer"), ERRED("2 checks"), {NON_BOOLEAN "a pointer, a struct"}, "TODO"},
  {"soft_null", 1, BAD("soft_null"), ERRED("2 checks"), {NON_BOOLEAN "a pointer, a struct"}, "TODO"},
  {"soft_float", 1, BAD("soft_float"), ERRED("2 checks"), {NON_BOOLEAN "a floating-point", "got: \"1\""}, "TODO"},
  {"soft_double", 1, BAD("soft_double"), ERRED("2 checks"), {NON_BOOLEAN "a floating-point"}, "TODO"},
  {"soft_long_double", 1, BAD("soft_long_double"), ERRED("2 checks"), {NON_BOOLEAN}, "TODO"},
  {"soft_two", 1, BAD("soft_two"), ERRED("2 checks"), {NON_BOOLEAN "an integer", "got: \"2\""}, "TODO"},
  {"soft_negative", 1, BAD("soft_negative"), ERRED("2 checks"), {NON_BOOLEAN "an integer", "got: \"-1\""}, "TODO"},
  {"soft_unsigned", 1, BAD("soft_unsigned"), ERRED("2 checks"), {NON_BOOLEAN "an integer"}, "TODO"},
  {"soft_struct", 1, BAD("soft_struct"), ERRED("2 checks"), {NON_BOOLEAN "a pointer, a struct"}, "TODO"},
  {"soft_crash", 1, BAD("soft_crash"), ERRED("2 checks"),
   {SANITIZED ? "Sanitizer: SEGV" : "crashed with SIGSEGV (signal 11)", "- outcome: soft"}, "TODO"},
  {"many_failures", 1, BAD("many_failures"), FAILED("1002 checks"), {"want: \"4711\"", "unreported: 980\n"}, 0},
  {"plain_print", 0, "\nok 1 - plain_print\n", PASSED("2 checks"),
   {"\n# first line\n# second line\n"}, "printed by a test"},
  {"plain_fork", 0, "\nok 1 - plain_fork\nok 2 - plain_fork_dies\n", "# 2 passed", {0}, "not ok"},
  {"plain_fork_dies", 0, "\nok 1 - plain_fork_dies\n", PASSED("5 checks"), {0}, "Bail"},
  {"isolated_pass", 0, "\nok 1 - isolated_pass\n", PASSED("3 checks"), {"\n# from the child\n"}, "printed by a test"},
  {"isolated_fail", 1, BAD("isolated_fail"), FAILED("3 checks"),
   {"want: \"want\"\n", "want: \"4711\"\n", "message: \"got is NULL\"\n"}, 0},
  {"isolated_no_checks", 1, BAD("isolated_no_checks"), ERRED("1 checks"), {"no checks executed"}, 0},
  {"isolated_skip", 0, "\nok 1 - isolated_skip # SKIP from the child\n", SKIPPED("1 checks"), {0}, 0},
  {"isolated_segv", 1, BAD("isolated_segv"), ERRED("2 checks"),
   {SANITIZED ? "Sanitizer: SEGV" : "crashed with SIGSEGV (signal 11) before the test ended",
    SANITIZED ? "Sanitizer" : "stderr: |\n    > last words 1\n    > ...\n    >   key: last words 2\n", "want: \"4711\""}, 0},
  {"isolated_abort", 1, BAD("isolated_abort"), ERRED("1 checks"), {"crashed with SIGABRT", "> unflushed words\n"}, 0},
  {"isolated_kill", 1, BAD("isolated_kill"), ERRED("1 checks"), {"crashed with SIGKILL (signal 9)"}, 0},
  {"isolated_exit0", 1, BAD("isolated_exit0"), ERRED("2 checks"), {"exited with status 0 before the test ended"}, 0},
  {"isolated_exit3", 1, BAD("isolated_exit3"), ERRED("1 checks"), {"exited with status 3 before the test ended"}, 0},
  {"isolated_late_exit", 1, BAD("isolated_late_exit"), ERRED("2 checks"),
   {"exited with status 7 after the test ended"}, 0},
  {"isolated_timeout", 1, BAD("isolated_timeout"), ERRED("2 checks"), {"timed out after "}, 0},
  {"isolated_orphan", 0, "\nok 1 - isolated_orphan\n", PASSED("2 checks"), {0}, 0},
  {"isolated_flood", 1, BAD("isolated_flood"), ERRED("20002 checks"),
   {"crashed with SIGABRT", "> line 19999 of a flood\n", "flooded"}, "line 15000 of a flood"},
  {"isolated_many_records", 1, BAD("isolated_many_records"), FAILED("5001 checks"),
   {"got: \"19\"", "unreported: 4980\n"}, "got: \"20\""},
  {"threads", 1, BAD("threads"), FAILED("4009 checks"), {"\n# the test goes on\n"}, "not reached"},
  {"row 1", 1, BAD("row 1"), FAILED("2 checks"), {"got: \"1\""}, 0},
  {"row 2", 0, "\nok 1 - row 2 \\\\ with \\#hash\n", PASSED("2 checks"), {0}, 0},
  {"row 3", 1, BAD("row 3 <\\#> TODO later and <\\#>  skip this"), FAILED("2 checks"), {"got: \"3\""}, 0},
};
// clang-format on

// ---- Death without isolation --------------------------------------------------------------------

typedef struct death {
  const char *victim;
  const char *how;
  int signal;  // that ends the process; 0: it exits with status 1
  bool caught_by_sanitizer;
} death;

static const death deaths[] = {
    {"plain_segv", "crashed with SIGSEGV", SIGSEGV, true},
    {"plain_abort", "crashed with SIGABRT", SIGABRT, false},
    {"plain_fpe", "crashed with SIGFPE", SIGFPE, true},
    {"plain_bus", "crashed with SIGBUS", SIGBUS, true},
    {"plain_ill", "crashed with SIGILL", SIGILL, false},
    {"plain_overflow", "crashed with SIGSEGV", SIGSEGV, true},
    {"plain_terminated", "stopped by SIGTERM", SIGTERM, false},
    {"plain_exit", "the test called exit()", 0, false},
};

static void check_death(void *ctx) {
  const death *d = ctx;
  bool sanitized = SANITIZED && d->caught_by_sanitizer;
  const char *how = sanitized ? "stopped by a sanitizer" : d->how;
  report r = victims_run_one(d->victim);
  char line[256];
  snprintf(line, sizeof line, "1..1\nnot ok 1 - %s\n  ---\n  outcome: error\n  message: \"%s\"\n",
           d->victim, how);
  bool good = TEST_CHECK_CONTAINS(r.text, line);
  snprintf(line, sizeof line, "\n  ...\nBail out! %s\n", how);
  good &= TEST_CHECK_CONTAINS(r.text, line);
  if (d->signal && !sanitized) {
    good &= TEST_CHECK(WIFSIGNALED(r.status) && WTERMSIG(r.status) == d->signal);
  } else {
    good &= TEST_CHECK(!victims_exited(&r, 0));  // a sanitizer may be told to abort
  }
  if (strcmp(d->victim, "plain_segv") == 0) {
    good &= TEST_CHECK_CONTAINS(r.text, "want: \"4711\"");  // said before the crash
  }
  if (!good) {
    TEST_NOTE("%s", r.text);
  }
  free(r.text);
}

TEST_SETUP() {
  unsetenv("HARNESS_ACTIVE");  // the victims' version line is the subject; ours is written by now
  for (size_t i = 0; i < sizeof expectations / sizeof *expectations; ++i) {
    jt_add(expectations[i].victim, victims_check, (void *)&expectations[i], NULL);
  }
  for (size_t i = 0; i < sizeof deaths / sizeof *deaths; ++i) {
    jt_add(deaths[i].victim, check_death, (void *)&deaths[i], NULL);
  }
}

// ---- Whole runs ---------------------------------------------------------------------------------

TEST(no_test_matches) {
  victims_expect("", "--filter nothing-like-this", 1,
                 "1..1\nnot ok 1 - (no test matches the filter)\n");
  victims_expect("", "--filter nothing-like-this", 1, "1 errors");
  victims_expect("", "--list --filter nothing-like-this", 1, "");
}

TEST(no_tests_at_all) {
  victims_expect("VICTIM_EMPTY=1", "", 1, "1..1\nnot ok 1 - (no tests)\n");
  victims_expect("VICTIM_EMPTY=1", "--list", 1, "");
}

TEST(setup_trouble) {
  victims_expect("VICTIM_SETUP=fail", "--filter fail_int", 1, "1..2\nnot ok 1 - setup\n");
  victims_expect("VICTIM_SETUP=fail", "--filter fail_int", 1, "message: \"setup: failed\"\n");
  victims_expect("VICTIM_SETUP=fail", "--filter fail_int", 1, "# 0 passed, 1 failed, 1 errors,");
  victims_expect("VICTIM_SETUP=fail", "--list", 1, "fail_int\n");
  victims_expect("VICTIM_SETUP=skip", "--filter fail_int", 0,
                 "ok 1 - fail_int # SKIP setup: no network\n");
  victims_expect("VICTIM_SETUP=skip", "--filter fail_int", 0,
                 "# nothing was executed: all of the 1 tests");
  report r = victims_run("VICTIM_SETUP=crash", "");
  TEST_CHECK(WIFSIGNALED(r.status) && WTERMSIG(r.status) == SIGABRT);
  TEST_CHECK_CONTAINS(r.text, "not ok 1 - setup\n");
  TEST_CHECK_CONTAINS(r.text, "Bail out! crashed with SIGABRT\n");
  free(r.text);
}

TEST(check_outside_any_test) {
  victims_expect("VICTIM_STRAY=1", "--filter soft_true", 1, "# 1 failed checks outside any test");
}

TEST(arguments) {
  victims_expect("", "--bad", 2, "");
  victims_expect("", "--filter", 2, "");
  victims_expect("", "--timeout=-1", 2, "");
  victims_expect("", "--timeout=x", 2, "");
  victims_expect("JT_TIMEOUT_SCALE=x", "--filter soft_true", 2, "");
  victims_expect("", "--help", 0, "usage: ");
  victims_expect("", "--list", 0, "pass\nfail_check\n");
  victims_expect("", "--list --filter row", 0, "row 1\nrow 2 \\ with #hash\n");
  victims_expect("", "--filter=soft_true --filter isolated_pass", 0, "1..2\n");
  victims_expect("", "--isolate --filter soft_true", 0, "ok 1 - soft_true\n");
  victims_expect("", "--isolate --filter plain_segv", 1,
                 SANITIZED ? "Sanitizer: SEGV" : "crashed with SIGSEGV (signal 11)");
}

TEST(report_cannot_be_written) {
  if (access("/dev/full", W_OK) != 0) {
    TEST_SKIP("no /dev/full");
  }
  victims_expect("", "--filter soft_true >/dev/full", 1, "");
}

TEST(time_limits) {
  victims_expect("JT_TIMEOUT_SCALE=1", "--filter isolated_timeout", 1, "timed out after 0.2 s");
  victims_expect("JT_TIMEOUT_SCALE=2", "--filter isolated_timeout", 1, "timed out after 0.4 s");
  victims_expect("JT_TIMEOUT_SCALE=0.5", "--filter timeout_from --timeout 0.4", 1,
                 "timed out after 0.2 s");
}

TEST(prove_reads_it) {
  if (system("prove --version >/dev/null 2>&1") != 0) {
    TEST_SKIP("prove is not installed");
  }
  char command[8192];
  const struct {
    const char *filter;
    bool good;
  } runs[] = {{"broken_expected", true}, {"soft_false", true},
              {"skipped", true},         {"row 2", true},
              {"row 3", false},          {"fail_check", false},
              {"worst_wins", false},     {"isolated_segv", false},
              {"plain_abort", false},    {"no such test", false},
              {"fail_invalid", false},   {"set_not_made", true},
              {"set_in_child", false},   {"unmade_all", true},
              {"set_dies", false},       {"odd", false}};
  for (size_t i = 0; i < sizeof runs / sizeof *runs; ++i) {
    snprintf(command, sizeof command, "prove -e '' '%s' :: --filter '%s' 2>&1", victims_path(),
             runs[i].filter);
    FILE *pipe = popen(command, "r");
    TEST_REQUIRE(pipe);
    char text[8192] = "";
    size_t size = fread(text, 1, sizeof text - 1, pipe);
    text[size] = '\0';
    TEST_CHECK_MSG((pclose(pipe) == 0) == runs[i].good, "%s: %s", runs[i].filter, text);
    TEST_CHECK_MSG(!strstr(text, "Parse errors"), "%s: %s", runs[i].filter, text);
  }
}

// One run's summary beside what TAP::Parser, on which prove is built, makes of its lines. Of what
// plain_fork leaves behind, the end of an isolated test may cut off the report.
TEST(perl_counts_what_the_summary_counts) {
  if (system("perl -MTAP::Parser -e 1 >/dev/null 2>&1") != 0) {
    TEST_SKIP("Perl's TAP::Parser is not installed");
  }
  report r = victims_run(
      "HARNESS_ACTIVE=1",
      "--timeout 1 --exclude plain_fork 2>/dev/null | perl -MTAP::Parser -e 'local $/; "
      "my $p = TAP::Parser->new({tap => <STDIN>}); my $summary; "
      "while (my $r = $p->next) { $summary = $r->raw if $r->raw =~ /^# \\d+ passed/ } "
      "print join(\" \", map { scalar $p->$_ } qw(parse_errors actual_passed actual_failed todo "
      "skipped)), \" $summary\"'");
  unsigned perl[5] = {0};
  unsigned own[6] = {0};
  int read = sscanf(r.text,
                    "%u %u %u %u %u # %u passed, %u failed, %u errors, %u broken, %u soft, %u "
                    "skipped",
                    &perl[0], &perl[1], &perl[2], &perl[3], &perl[4], &own[0], &own[1], &own[2],
                    &own[3], &own[4], &own[5]);
  TEST_CHECK_MSG(read == 11, "%s", r.text);
  for (int i = 0; i < 6; ++i) {
    TEST_CHECK_MSG(own[i] > 0, "no outcome of each kind: %s", r.text);
  }
  TEST_CHECK_UINT(perl[0], 0);
  TEST_CHECK_UINT(perl[1], own[0] + own[5]);
  TEST_CHECK_UINT(perl[2], own[1] + own[2] + own[3] + own[4]);
  TEST_CHECK_UINT(perl[3], own[3] + own[4]);
  TEST_CHECK_UINT(perl[4], own[5]);
  free(r.text);
}

// ---- main ---------------------------------------------------------------------------------------

// What the rest takes for granted, without a macro of the kit.
static bool failures_are_seen(void) {
  report good = victims_run_one("soft_true");
  report bad = victims_run_one("fail_int");
  bool seen = victims_exited(&good, 0) && strstr(good.text, "\nok 1 - soft_true\n") &&
              victims_exited(&bad, 1) && strstr(bad.text, "\nnot ok 1 - fail_int\n");
  free(good.text);
  free(bad.text);
  return seen;
}

int main(int argc, char **argv) {
  // The victims' time limits are the subject here, not the surroundings'.
  unsetenv("JT_TIMEOUT_SCALE");
  if (!victims_find()) {
    printf("Bail out! no program of victims at \"%s\"\n", victims_path());
    return 1;
  }
  if (!failures_are_seen()) {
    printf("Bail out! the kit does not see a plain failure\n");
    return 1;
  }
  return jt_main(argc, argv);
}
