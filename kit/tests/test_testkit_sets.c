// Sets and skipped checks of the kit, on the victims of testkit_victims_sets.c.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "jimm-test/jimm-test.h"
#include "testkit_run.h"

#define EMPTY(path, name) \
  "set: \"" path "\"\n      message: \"set \\\"" name "\\\": no checks executed\"\n"
#define ELSEWHERE(name) \
  "message: \"set \\\"" name "\\\": opened in another thread than the test's\"\n"

// clang-format off
// The counts include the one check that the victims' setup makes.
static const expectation expectations[] = {
  {"set_nested", 1, BAD("set_nested"), ERRED("11 checks, 1 of them skipped"),
   {"set: \"outer > inner \\\"x\\\"\"\n      expression: \"zero == 4711\"\n",
    "set: \"outer > number 3\"\n      expression: \"number < 3\"\n",
    "set: \"outer\"\n      message: \"between sets\"\n",
    "line: 5\n      expression: \"after a set\"\n",
    "  checks: 10\n  skipped: 1\n",
    "\n#   set            passed  failed  errors  broken  soft  skipped  seconds\n"
    "#   set_nested          3       3       1       1     1        1    "}, 0},
  {"set_nested", 1, BAD("set_nested"), ERRED("11 checks, 1 of them skipped"),
   {"\n#     outer             3       2       1       1     1        1    ",
    "\n#       inner \"x\"       1       1       0       1     1        1    ",
    "\n#       number 2        1       0       0       0     0        0    ",
    "\n#       number 3        0       1       0       0     0        0    "}, 0},
  {"set_left", 1, BAD("set_left"), FAILED("10 checks"),
   {"line: 5\n      message: \"after all sets\"\n",
    "\n#   set_left          8       1       0       0     0        0    ",
    "\n#     breaks          1       0       0       0     0        0    ",
    "\n#     continues       1       0       0       0     0        0    ",
    "\n#     returns         1       0       0       0     0        0    ",
    "\n#     goes            1       0       0       0     0        0    "}, "not reached"},
  {"set_required", 1, BAD("set_required"), "# 0 passed, 2 failed, 0 errors",
   {"set: \"outer > inner\"\n      expression: \"zero == 1\"\n", "line: 5\n      message: \"not in a set\"\n",
    "\n#   set_required       0       1       0       0     0        0    ",
    "\n#     outer            0       1       0       0     0        0    ",
    "\n#       inner          0       1       0       0     0        0    "}, "not reached"},
  {"set_empty", 1, BAD("set_empty"), ERRED("3 checks"),
   {EMPTY("full > hollow", "hollow"),
    "\n#     full           1       0       1       0     0        0",
    "\n#       hollow       0       0       1       0     0        0"}, "\\\"full"},
  {"set_hollow_child", 1, BAD("set_hollow_child"), ERRED("3 checks"),
   {EMPTY("full > hollow", "hollow"),
    "\n#       hollow             0       0       1       0     0        0"}, "\\\"full"},
  {"set_alone_is_empty", 1, BAD("set_alone_is_empty"), ERRED("1 checks"), {EMPTY("(no name)", "(no name)")}, 0},
  {"set_ends_empty", 1, BAD("set_ends_empty"), ERRED("2 checks"), {EMPTY("ended", "ended")}, 0},
  {"set_not_made", 0, "\nok 1 - set_not_made\n# skipped check: ", PASSED("3 checks, 1 of them skipped"),
   {"\n#     no camera        0       0       0       0     0        1    "}, "not ok"},
  {"set_skips_test", 0, "\nok 1 - set_skips_test # SKIP no camera\n", SKIPPED("2 checks"),
   {"\n#     camera             0       0       0       0     0        1    "}, "not ok"},
  {"set_in_child", 1, BAD("set_in_child"), FAILED("7 checks, 1 of them skipped"),
   {"set: \"second > third\"\n      expression: \"zero == 4711\"\n", ": said in the child\n",
    "\n#   set_in_child       4       1       0       0     0        1    ",
    "\n#     first            2       0       0       0     0        0    ",
    "\n#     second           1       1       0       0     0        1    ",
    "\n#       third          0       1       0       0     0        1    "}, 0},
  {"set_child_dies", 1, BAD("set_child_dies"), ERRED("7 checks, 1 of them skipped"),
   {"set: \"outer > inner\"\n      expression: \"zero == 4711\"\n",
    "set: \"outer > inner\"\n      message: \"crashed with SIGABRT", ": said before the crash\n",
    "\n#     done               1       0       0       0     0        0    ",
    "\n#     outer              3       1       1       0     0        1    ",
    "\n#       inner            2       1       1       0     0        1    "}, 0},
  {"set_elsewhere", 1, BAD("set_elsewhere"), ERRED("7 checks"),
   {"set: \"of the test\"\n      " ELSEWHERE("elsewhere"), "set: \"of the test\"\n      " ELSEWHERE("deeper"),
    "set: \"of the test\"\n      expression: \"zero == 4711\"\n",
    "\n#     of the test       4       2       4       0     0        0    "}, 0},
  {"set_closed_elsewhere", 1, BAD("set_closed_elsewhere"), ERRED("3 checks"),
   {"file: \"place.c\"\n      line: 12\n      set: \"mine\"\n"
    "      message: \"set \\\"mine\\\": closed in another thread than the test's\"\n",
    "set: \"mine\"\n      expression: \"zero == 4711\"\n"}, 0},
  {"set_forked", 1, BAD("set_forked"), ERRED("4 checks"),
   {"message: \"set \\\"of the fork\\\": opened in another process than the test's\"\n",
    "set: \"of the test\"\n      expression: \"zero == 4711\"\n",
    "\n#     of the test       2       1       1       0     0        0    "}, "damaged"},
  {"set_functions", 1, BAD("set_functions"), FAILED("4 checks"),
   {"set: \"outer > inner\"\n      expression: \"zero == 4711\"\n", "line: 5\n      expression: \"after a set\"\n",
    "\n#     left open         1       0       0       0     0        0    "}, 0},
  {"set_jumped_over", 1, BAD("set_jumped_over"), FAILED("3 checks"),
   {"line: 5\n      message: \"after all sets\"\n",
    "\n#       inner             1       0       0       0     0        0    "}, 0},
  {"set_meanwhile", 0, "\nok 2 - set_meanwhile_in_child\n", "# 2 passed, 0 failed",
   {"\n#   set_meanwhile             2052 ", "\n#   set_meanwhile_in_child    2052 ",
    ": by a thread (2 times)\n", "(4109 checks, 4 of them skipped)"}, "not ok"},
  // All of a hundred rows are shown; of more, those that have something to say.
  {"set_hundred", 1, BAD("set_hundred"), FAILED("100 checks"),
   {"\n#   set_hundred      98       1 ", "\n#     set 98          1       0 "}, " more, "},
  {"set_one_more", 1, BAD("set_one_more"), FAILED("101 checks"),
   {"\n#   set_one_more      99       1       0       0     0        0    ",
    "\n#     set 7            0       1       0       0     0        0    ",
    "\n#   and 99 more, in which all checks passed\n# 0 passed, "}, "set 8 "},
  {"unmade_some", 0, "\nok 1 - unmade_some\n", PASSED("6 checks, 4 of them skipped"),
   {": no camera (3 times)\n# skipped check: place.c:5: no light\n"}, "not ok"},
  {"unmade_all", 0, "\nok 1 - unmade_all # SKIP the first reason\n# skipped check: ",
   SKIPPED("3 checks, 2 of them skipped"), {": the second reason\n", "# nothing was executed: all of the 1 tests"}, "not ok"},
  {"unmade_and_bad", 1, BAD("unmade_and_bad"), FAILED("3 checks, 1 of them skipped"),
   {"  checks: 2\n  skipped: 1\n", ": no camera\n"}, "SKIP"},
  {"unmade_in_child", 0, "\nok 1 - unmade_in_child # SKIP said in the child\n", SKIPPED("2 checks, 1 of them skipped"),
   {": said in the child\n"}, "no checks executed"},
  {"unmade_and_soft", 0, "\nnot ok 1 - unmade_and_soft # TODO broken: soft: zero == 1\n",
   SOFT("3 checks, 1 of them skipped"), {": no camera\n"}, "SKIP"},
  {"soft_kinds", 0, "\nok 1 - soft_kinds\n", PASSED("8 checks"), {0}, "---"},
  {"unmade_many", 0, "\nok 1 - unmade_many\n", PASSED("27 checks, 25 of them skipped"),
   {": reason 19\n# skipped checks with other reasons: 5\n"}, "reason 20"},
};
// clang-format on

TEST_SETUP() {
  for (size_t i = 0; i < sizeof expectations / sizeof *expectations; ++i) {
    jt_add(expectations[i].victim, victims_check, (void *)&expectations[i], NULL);
  }
}

TEST(a_crash_in_a_set_keeps_what_was_said) {
  report r = victims_run_one("set_dies");
  TEST_CHECK(WIFSIGNALED(r.status) && WTERMSIG(r.status) == SIGABRT);
  TEST_CHECK_CONTAINS(r.text, "  message: \"crashed with SIGABRT\"\n  set: \"outer > inner\"\n");
  TEST_CHECK_CONTAINS(r.text, "set: \"outer > inner\"\n      expression: \"zero == 4711\"\n");
  TEST_CHECK_CONTAINS(r.text, "  ...\n# skipped check: ");
  TEST_CHECK_CONTAINS(r.text, ": said before the crash\nBail out! crashed with SIGABRT\n");
  free(r.text);
}

TEST(sets_and_skipped_checks_in_a_setup) {
  victims_expect("VICTIM_SETUP=set", "--filter seed_drawn", 0, "1..1\n# skipped check: ");
  victims_expect("VICTIM_SETUP=set", "--filter seed_drawn", 0, "#     prepared       0 ");
  victims_expect("VICTIM_SETUP=set", "--filter seed_drawn", 0, "(3 checks, 1 of them skipped)");
  victims_expect("VICTIM_SETUP='stray set'", "--filter seed_drawn", 1, "not ok 1 - setup\n");
}

TEST(a_set_outside_any_test_is_an_error) {
  victims_expect("VICTIM_STRAY=set", "--filter seed_drawn", 1, "# 2 failed checks outside any");
}

// What Meson's reader does with a line: nothing here may be unknown to it.
static bool is_tap(const char *line, size_t size, bool *in_yaml, bool *after_test) {
  bool yaml = *in_yaml;
  bool test = strncmp(line, "ok ", 3) == 0 || strncmp(line, "not ok ", 7) == 0;
  if (yaml) {
    *in_yaml = !(size == 5 && strncmp(line, "  ...", 5) == 0);
    return size >= 2 && strncmp(line, "  ", 2) == 0;
  }
  *in_yaml = *after_test && size == 5 && strncmp(line, "  ---", 5) == 0;
  *after_test = test;
  return *in_yaml || test || size == 0 || *line == '#' || strncmp(line, "1..", 3) == 0 ||
         strncmp(line, "TAP version ", 12) == 0;
}

TEST(no_line_of_a_report_is_unknown) {
  report r = victims_run("", "--isolate --filter set_ --filter unmade --filter odd --shuffle");
  bool in_yaml = false;
  bool after_test = false;
  size_t lines = 0;
  for (const char *line = r.text; *line; ++lines) {
    size_t size = strcspn(line, "\n");
    TEST_CHECK_MSG(is_tap(line, size, &in_yaml, &after_test), "%.*s", (int)size, line);
    line += size + (line[size] == '\n');
  }
  TEST_CHECK(!in_yaml);
  TEST_CHECK(lines > 300);
  free(r.text);
}

TEST(sets_in_this_very_program) {
  TEST_CHECK_STR(jt_set_open(__FILE__, __LINE__, "opened").number ? "a number" : "", "a number");
  TEST_SET("a") {
    TEST_SET("b") {
      TEST_CHECK(true);
    }
  }
}
