// The kinds of reports: JUnit XML, colours, seeds and orders; and the victims in C++.
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jimm-test/jimm-test.h"
#include "testkit_run.h"

// ---- A folder for the files ---------------------------------------------------------------------

static char folder[] = "/tmp/jimm-testkit-XXXXXX";

static pid_t owner;
enum { FILE_ROOM = 65536 };

static void remove_folder(void) {
  if (getpid() != owner) {
    return;
  }
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (system(command) != 0) {
    fprintf(stderr, "cannot remove %s\n", folder);
  }
}

static const char *in_folder(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

TEST_SETUP() {
  owner = getpid();
  TEST_REQUIRE(mkdtemp(folder));
  TEST_CHECK(atexit(remove_folder) == 0);
}

static char *contents(const char *name) {
  char *text = calloc(1, FILE_ROOM);
  FILE *f = fopen(in_folder(name), "rb");
  if (f && text) {
    text[fread(text, 1, FILE_ROOM - 1, f)] = '\0';
  }
  if (f) {
    fclose(f);
  }
  return text;
}

// ---- JUnit XML ----------------------------------------------------------------------------------

enum { DEPTH = 8, NAME = 32 };

typedef struct xml {
  const char *at;
  const char *problem;
  char open[DEPTH][NAME];
  int depth;
  int elements;
} xml;

static void fail(xml *x, const char *problem) {
  x->problem = x->problem ? x->problem : problem;
}

// One character of text or of an attribute: a reference, or itself if XML has it.
static void character(xml *x) {
  unsigned char c = (unsigned char)*x->at;
  if (c == '&') {
    char *end;
    long code = strncmp(x->at, "&#", 2) == 0 ? strtol(x->at + 2, &end, 10) : 0;
    if (code < 9 || (code < 32 && code != 9 && code != 10 && code != 13) || *end != ';') {
      fail(x, "a reference that is none");
      return;
    }
    x->at = end + 1;
    return;
  }
  int more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : -1;
  if ((c < 0x20 && c != '\n') || c == 0x7f || more < 0) {
    fail(x, "a character that XML does not have");
  }
  for (++x->at; more > 0 && !x->problem; --more, ++x->at) {
    if (((unsigned char)*x->at & 0xc0) != 0x80) {
      fail(x, "malformed UTF-8");
    }
  }
}

static void name(xml *x, char out[NAME]) {
  int size = 0;
  while (isalpha((unsigned char)*x->at) || *x->at == '-') {
    if (size < NAME - 1) {
      out[size++] = *x->at;
    }
    ++x->at;
  }
  out[size] = '\0';
  if (!size) {
    fail(x, "no name where one belongs");
  }
}

static void attributes(xml *x) {
  while (*x->at == ' ' && !x->problem) {
    char unused[NAME];
    ++x->at;
    name(x, unused);
    if (strncmp(x->at, "=\"", 2) != 0) {
      fail(x, "an attribute without a value");
      return;
    }
    for (x->at += 2; *x->at != '"' && !x->problem;) {
      if (*x->at == '<' || *x->at == '\n' || !*x->at) {
        fail(x, "a value with a raw character in it");
        return;
      }
      character(x);
    }
    ++x->at;
  }
}

static void tag(xml *x) {
  char found[NAME];
  bool closing = x->at[1] == '/';
  x->at += closing ? 2 : 1;
  name(x, found);
  if (closing) {
    if (!x->depth || strcmp(x->open[--x->depth], found) != 0) {
      fail(x, "an end of what was not begun");
    }
  } else {
    attributes(x);
    ++x->elements;
    if (*x->at == '/') {
      ++x->at;
    } else if (x->depth == DEPTH) {
      fail(x, "too deep");
    } else {
      strcpy(x->open[x->depth++], found);
    }
  }
  if (*x->at++ != '>') {
    fail(x, "a tag without end");
  }
}

static void check_xml(const char *text) {
  static const char prolog[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  TEST_REQUIRE(strncmp(text, prolog, sizeof prolog - 1) == 0);
  xml x = {.at = text + sizeof prolog - 1};
  while (*x.at && !x.problem) {
    if (*x.at == '<') {
      tag(&x);
    } else {
      character(&x);
    }
  }
  TEST_CHECK_MSG(!x.problem, "%s at byte %zd", x.problem, x.at - text);
  TEST_CHECK_INT(x.depth, 0);
  TEST_CHECK(x.elements >= 5);
  for (const char *at = text; (at = strstr(at, " time=\""));) {
    at += strlen(" time=\"");
    size_t whole = strspn(at, "0123456789");
    TEST_CHECK_MSG(whole && at[whole] == '.' && at[whole + 4] == '"', "time %.20s", at);
  }
}

static char *junit_of(const char *settings, const char *arguments, int status) {
  char more[512];
  snprintf(more, sizeof more, "--junit '%s' %s", in_folder("report.xml"), arguments);
  victims_expect(settings, more, status, "TAP version 14\n1..");
  char *text = contents("report.xml");
  check_xml(text);
  return text;
}

static void check_junit(const char *arguments, int status, size_t count,
                        const char *const *wanted) {
  char *text = junit_of("", arguments, status);
  for (size_t i = 0; i < count; ++i) {
    TEST_CHECK_CONTAINS(text, wanted[i]);
  }
  free(text);
}
#define CHECK_JUNIT(arguments, status, ...)                                                    \
  check_junit(arguments, status, sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
              (const char *[]){__VA_ARGS__})

TEST(junit_has_every_outcome) {
  CHECK_JUNIT(
      "--filter soft_true --filter fail_check --filter error_explicit --filter soft_false "
      "--filter broken_expected --filter skipped --filter unmade_all",
      1, " tests=\"7\" failures=\"1\" errors=\"1\" skipped=\"4\" time=\"",
      "<testsuites name=\"testkit_victims\"", "<testsuite name=\"testkit_victims\"",
      "<testcase name=\"soft_true\" classname=\"testkit_victims\" file=\"",
      " assertions=\"3\" time=\"", ": zero == 1: zero is 0\" type=\"fail\">    - outcome: fail\n",
      "<error message=\"", ": no fixture abc\" type=\"error\">", "<skipped message=\"soft: ",
      "<skipped message=\"broken: ", "<skipped message=\"no camera # here\">",
      "<skipped message=\"the first reason\">", "<system-out>skipped check: ");
  TEST_CHECK_INT(access(in_folder("report.xml"), R_OK), 0);
  struct stat there;
  TEST_CHECK(stat(folder, &there) == 0 && there.st_nlink == 2);
}

TEST(junit_escapes_everything) {
  CHECK_JUNIT("--filter odd --seed 7", 1,
              "name=\"odd text &#60;a b='c' d=&#34;e&#34;&#62; &#38;amp; \\x01&#10;\\xff\"",
              "\\x1b[31m \\xff \\xef\\xbf\\xbf \xc3\xa4\"\n", "set &#60;&#38;&#62;\\x02",
              "]]&#62; &#38; &#60;got&#62;",
              "<system-err>&#60;last&#62; &#38; words \\x01\\xfe\n</system-err>",
              "<property name=\"seed\" value=\"7\"/>");
}

TEST(junit_has_sets_and_children) {
  CHECK_JUNIT("--filter set_child_dies --filter set_nested", 1,
              "      inner            2       1       1       0     0        1    ",
              "outer &#62; inner: ", "crashed with SIGABRT");
}

TEST(junit_tells_of_runs_that_are_no_good) {
  CHECK_JUNIT("--filter nothing-like-this", 1, " tests=\"1\" failures=\"0\" errors=\"1\"");
  char *text = junit_of("VICTIM_STRAY=1", "--filter soft_true", 1);
  TEST_CHECK_CONTAINS(text, "tests=\"2\" failures=\"0\" errors=\"1\"");
  TEST_CHECK_CONTAINS(text, "<error message=\"1 failed checks outside any test");
  free(text);
  text = junit_of("VICTIM_SETUP=fail", "--filter soft_true", 1);
  TEST_CHECK_CONTAINS(text, "tests=\"2\" failures=\"1\" errors=\"1\"");
  TEST_CHECK_CONTAINS(text, "<testcase name=\"setup\"");
  free(text);
}

// A report of yesterday must not be taken for that of a run which crashed.
TEST(junit_of_a_crash_is_none) {
  free(junit_of("", "--filter soft_true", 0));
  TEST_CHECK_INT(access(in_folder("report.xml"), F_OK), 0);
  char arguments[256];
  snprintf(arguments, sizeof arguments, "--junit '%s' --filter plain_abort",
           in_folder("report.xml"));
  report r = victims_run("", arguments);
  TEST_CHECK(!victims_exited(&r, 0));
  TEST_CHECK(access(in_folder("report.xml"), F_OK) != 0);
  snprintf(arguments, sizeof arguments, "ls -A '%s'", folder);
  free(r.text);
  r = victims_command(arguments);
  TEST_CHECK_STR(r.text, "");
  free(r.text);
}

TEST(junit_that_cannot_be_written) {
  victims_expect("", "--junit /nowhere/at/all.xml --filter soft_true", 2, "");
  victims_expect("", "--junit '' --filter soft_true", 2, "");
  char arguments[256];
  TEST_CHECK_INT(mkfifo(in_folder("pipe"), 0600), 0);  // whatever is no file is left alone
  snprintf(arguments, sizeof arguments, "--junit '%s' --filter soft_true", in_folder("pipe"));
  victims_expect("", arguments, 2, "");
  TEST_CHECK_INT(unlink(in_folder("pipe")), 0);
  snprintf(arguments, sizeof arguments, "--junit '%s' --filter soft_true", folder);
  victims_expect("", arguments, 2, "");
  report r = victims_run("", arguments);
  TEST_CHECK_STR(r.text, "");  // before any test runs
  free(r.text);
  // Its folder vanishes while the tests run.
  char settings[256];
  snprintf(settings, sizeof settings, "mkdir '%s/gone'; VICTIM_REMOVES='%s/gone'", folder, folder);
  snprintf(arguments, sizeof arguments, "--junit '%s/gone/report.xml' --filter soft_true", folder);
  victims_expect(settings, arguments, 1, "ok 1 - soft_true\n");
}

// ---- Colours ------------------------------------------------------------------------------------

// The report of the victims on a terminal of their own.
static char *on_terminal(const char *settings, const char *arguments) {
  char command[8192];
  snprintf(command, sizeof command, "%s exec '%s' %s 2>/dev/null", settings, victims_path(),
           arguments);
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  int slave = -1;
  if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0) {
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  }
  if (slave < 0) {
    TEST_SKIP("no pseudo-terminal");
  }
  pid_t pid = fork();
  if (pid == 0) {
    dup2(slave, 1);
    close(slave);
    close(master);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  close(slave);
  char *text = calloc(1, FILE_ROOM);
  size_t size = 0;
  ssize_t got;
  while (text && size < FILE_ROOM - 1 &&
         (got = read(master, text + size, FILE_ROOM - 1 - size)) > 0) {
    size += (size_t)got;
  }
  close(master);
  TEST_CHECK(waitpid(pid, NULL, 0) == pid);
  TEST_CHECK_CONTAINS(text, "TAP version 14\r\n");
  return text;
}

TEST(colors_on_a_terminal) {
  static const char filters[] =
      "--filter soft_true --filter fail_int --filter skipped --filter soft_false --filter "
      "unmade_some";
  char *text = on_terminal("unset NO_COLOR; TERM=xterm", filters);
  TEST_CHECK_CONTAINS(text, "\n\033[32mok 3 - soft_true\033[0m\r\n");
  TEST_CHECK_CONTAINS(text, "\n\033[31mnot ok 1 - fail_int\033[0m\r\n  ---\r\n");
  TEST_CHECK_CONTAINS(text, "\n\033[33mok ");
  TEST_CHECK_CONTAINS(text, "# SKIP no camera \\# here\033[0m\r\n");
  TEST_CHECK_CONTAINS(text, "\n\033[33mnot ok ");
  TEST_CHECK_CONTAINS(text, "\n\033[2m# skipped check: ");
  TEST_CHECK_CONTAINS(text, "\n\033[2m# 2 passed, 1 failed, 0 errors");
  free(text);
  text = on_terminal("unset NO_COLOR; TERM=xterm", "--filter plain_abort");
  TEST_CHECK_CONTAINS(text, "\n\033[31mnot ok 1 - plain_abort\033[0m\r\n");
  TEST_CHECK_CONTAINS(text, "\n\033[31mBail out! crashed with SIGABRT\033[0m\r\n");
  free(text);
}

TEST(no_colors_where_none_are_wanted) {
  static const char *const settings[][2] = {{"NO_COLOR=1 TERM=xterm", ""},
                                            {"unset NO_COLOR; TERM=dumb", ""},
                                            {"unset NO_COLOR; TERM=xterm", "--color=never"}};
  for (size_t i = 0; i < sizeof settings / sizeof *settings; ++i) {
    char arguments[64];
    snprintf(arguments, sizeof arguments, "%s --filter fail_int", settings[i][1]);
    char *text = on_terminal(settings[i][0], arguments);
    TEST_CHECK_CONTAINS(text, "\nnot ok 1 - fail_int\r\n");
    TEST_CHECK_MSG(!strchr(text, '\033'), "%s: %s", settings[i][0], text);
    free(text);
  }
  char *text = on_terminal("NO_COLOR= TERM=xterm", "--filter fail_int");  // empty is as if not set
  TEST_CHECK_CONTAINS(text, "\033[31mnot ok");
  free(text);
}

TEST(no_colors_in_a_pipe_unless_forced) {
  report r = victims_run("unset NO_COLOR; TERM=xterm", "--filter fail_int");
  TEST_CHECK_CONTAINS(r.text, "\nnot ok 1 - fail_int\n");
  TEST_CHECK(!strchr(r.text, '\033'));
  free(r.text);
  victims_expect("NO_COLOR=1", "--color always --filter fail_int", 1,
                 "\n\033[31mnot ok 1 - fail_int\033[0m\n");
  victims_expect("", "--color=sometimes", 2, "");
}

// ---- Seeds and orders ---------------------------------------------------------------------------

// The digits of "ok N - order_DIGIT" in the order of the report.
static void order_of(const char *arguments, char out[9]) {
  report r = victims_run("", arguments);
  TEST_CHECK(victims_exited(&r, 0));
  size_t count = 0;
  const char *at = r.text;
  while (count < 8 && (at = strstr(at, " - order_"))) {
    at += strlen(" - order_");
    out[count++] = *at;
  }
  out[count] = '\0';
  free(r.text);
}

TEST(shuffled_orders_are_those_of_their_seeds) {
  char plain[9], five[9], again[9], six[9];
  order_of("--filter order_", plain);
  order_of("--filter order_ --shuffle --seed 5", five);
  order_of("--filter order_ --shuffle --seed 5", again);
  order_of("--filter order_ --shuffle --seed 6", six);
  TEST_CHECK_STR(plain, "12345678");
  TEST_CHECK_STR(again, five);
  TEST_CHECK(strcmp(five, plain) != 0 && strcmp(six, five) != 0);
  for (const char *digit = plain; *digit; ++digit) {
    TEST_CHECK_MSG(strchr(five, *digit) && strchr(six, *digit), "%s and %s", five, six);
  }
  order_of("--filter order_ --seed 5", again);
  TEST_CHECK_STR(again, plain);
}

// The seed that a run draws and prints repeats its order, and two runs draw different ones.
TEST(a_drawn_seed_repeats_its_order) {
  unsigned long long seeds[3];
  for (int i = 0; i < 3; ++i) {
    report r = victims_run("", "--filter order_ --filter seed_drawn --shuffle");
    char told[64];
    TEST_REQUIRE(sscanf(r.text, "TAP version 14\n# shuffled; --shuffle --seed %llu repeats this",
                        &seeds[i]) == 1);
    snprintf(told, sizeof told, "\n# the seed is %llu\n", seeds[i]);
    TEST_CHECK_CONTAINS(r.text, told);
    char arguments[128];
    snprintf(arguments, sizeof arguments,
             "--filter order_ --filter seed_drawn --shuffle --seed %llu", seeds[i]);
    report again = victims_run("", arguments);
    TEST_CHECK_STR(again.text, r.text);
    free(r.text);
    free(again.text);
  }
  TEST_CHECK(seeds[0] != seeds[1] || seeds[0] != seeds[2]);
}

TEST(seeds_are_told_where_they_matter) {
  victims_expect("", "--filter seed_drawn", 0, "\n# the seed is 1\n");
  victims_expect("", "--filter seed_drawn --seed=0", 0, "\n# the seed is 0\n");
  victims_expect("", "--filter seed_drawn --seed 18446744073709551615", 0,
                 "\n# the seed is 18446744073709551615\n");
  victims_expect("", "--filter seed_drawn --isolate --seed 9", 0, "\n# the seed is 9\n");
  victims_expect("", "--filter seed_bad --seed 5", 1,
                 "testkit_victims --filter seed_bad --seed 5\"\n  findings:");
  victims_expect("", "--filter seed_bad --isolate --timeout 60", 1,
                 "testkit_victims --filter seed_bad --isolate --timeout 60\"\n");
  victims_expect("", "--filter 'odd t' --seed 5", 1, " --filter 'odd text <a b='\\\\''c'\\\\'' d=");
  static const char *const silent[] = {"--filter seed_bad", "--filter seed_drawn --seed 5",
                                       "--filter soft_false --seed 5"};
  for (int i = 0; i < 3; ++i) {
    report r = victims_run("", silent[i]);
    TEST_CHECK(!strstr(r.text, "repeat"));
    free(r.text);
  }
  report r = victims_run("", "--filter seed_dies --seed 5");
  TEST_CHECK_CONTAINS(r.text, "SIGABRT\"\n  repeat: \"");
  free(r.text);
}

TEST(bad_arguments_of_reports) {
  static const char *const bad[] = {
      "--seed x", "--seed -1",   "--seed ''", "--seed 1.5", "--seed 18446744073709551616",
      "--seed",   "--seed ' 1'", "--junit",   "--exclude",  "--color"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    victims_expect("", bad[i], 2, "");
  }
}

TEST(excluded_tests_do_not_run) {
  victims_expect("", "--list --filter order_ --exclude order_2 --exclude 4", 0,
                 "order_1\norder_3\norder_5\n");
  victims_expect("", "--filter order_ --exclude order_2 --exclude=4", 0, "TAP version 14\n1..6\n");
  victims_expect("", "--filter order_ --exclude order", 1, "(no test matches the filter)");
}

TEST(help_names_every_argument) {
  report r = victims_run("", "--help");
  static const char *const names[] = {"--list",    "--filter",  "--exclude", "--isolate",
                                      "--timeout", "--shuffle", "--seed",    "--junit",
                                      "--color",   "--help",    "NO_COLOR",  "JT_TIMEOUT_SCALE"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    TEST_CHECK_CONTAINS(r.text, names[i]);
  }
  free(r.text);
}

// ---- C++ ----------------------------------------------------------------------------------------

TEST(the_same_in_cpp) {
  char program[4200];
  snprintf(program, sizeof program, "%s_cpp", victims_path());
  if (access(program, X_OK) != 0) {
    TEST_SKIP("no C++ compiler when this was built");
  }
  char command[4300];
  snprintf(command, sizeof command, "exec '%s' --isolate 2>/dev/null", program);
  report r = victims_command(command);
  TEST_CHECK(victims_exited(&r, 1));
  static const char *const wanted[] = {
      "\nok 1 - cpp_soft_true\n",
      "\nnot ok 2 - cpp_soft_false # TODO broken: soft: zero == 1\n",
      "\nnot ok 3 - cpp_soft_no # TODO broken: soft: NO\n",
      "\nnot ok 4 - cpp_soft_perhaps\n",
      "\nnot ok 5 - cpp_soft_scoped\n",
      "\nnot ok 6 - cpp_soft_pointer\n",
      "\nnot ok 7 - cpp_soft_null\n",
      "\nnot ok 8 - cpp_soft_double\n",
      "\nnot ok 9 - cpp_soft_two\n",
      "\nnot ok 10 - cpp_soft_object\n",
      "\nnot ok 11 - cpp_soft_crash\n",
      "line: 5\n      message: \"after all sets\"\n",
      "\n#       inner            1       0       0 ",
      "set: \"ends\"\n      expression: \"zero == 4711\"\n",
      "message: \"set \\\"hollow\\\": no checks executed\"\n",
      "\nok 15 - cpp_unmade # SKIP seed 1\n"};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; ++i) {
    TEST_CHECK_CONTAINS(r.text, wanted[i]);
  }
  TEST_CHECK_CONTAINS(r.text, "non-boolean: a floating-point number\"\n");
  TEST_CHECK_CONTAINS(r.text, "# 1 passed, 2 failed, 9 errors, 0 broken, 2 soft, 1 skipped (24 ch");
  free(r.text);
}
