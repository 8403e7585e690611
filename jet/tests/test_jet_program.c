// jimm-jet when something is amiss: the wrong names, files that do not compile, no clang, a signal
// in the middle; and what it keeps from run to run.
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jet_case.h"
#include "tap.h"

static void check_output(jet_output output, int status, const char *needle) {
  bool good = TEST_CHECK_MSG(jet_case_exited(&output, status), "status %#x, not %d",
                             (unsigned)output.status, status);
  good &= TEST_CHECK_CONTAINS(output.text, needle);
  if (!good) {
    TEST_NOTE("%s", output.text);
  }
  free(output.text);
}

// ---- Arguments and names ------------------------------------------------------------------------

TEST(arguments) {
  jet_case_need_program();
  check_output(jet_case_jet("--help"), 0, "usage: jimm-jet --entry FUNCTION");
  check_output(jet_case_jet("--bad"), 2, "jimm-jet: error: \"--bad\" is no argument");
  check_output(jet_case_jet("--entry"), 2, "--entry wants a value");
  check_output(jet_case_jet(" "), 2, "no --entry");
  check_output(jet_case_jet("--entry x --opt-only --call-only"), 2, "exclude each other");
  check_output(jet_case_jet("--entry x --jobs 0"), 2, "--jobs wants a number");
  check_output(jet_case_jet("--entry x --jobs 2x"), 2, "--jobs wants a number");
  check_output(jet_case_jet("--json --bad"), 2,
               "{\"kind\":\"error\",\"text\":\"\\\"--bad\\\" is no");
}

TEST(entries_that_are_not_there) {
  jet_case_need_clang();
  check_output(jet_case_jet("--entry clean_sun"), 2,
               "error: no function \"clean_sun\" in the 7 files of ");
  check_output(jet_case_jet("--entry clean_sun"), 2, "; near: clean_sum");
  check_output(jet_case_jet("--entry unknown_to_all"), 2,
               "\"unknown_to_all\" is used in tests/samples/opt_defects.c, but none of the 7");
  check_output(jet_case_jet("--entry hook"), 2, "no function \"hook\"");
}

TEST(static_entries) {
  jet_case_need_clang();
  check_output(jet_case_jet("--opt-only --entry by_value"), 1, "by_value (opt_defects.c:");
  check_output(jet_case_jet("--opt-only --entry take_if_asked"), 1, "take_if_asked (clean.c:");
  check_output(jet_case_jet("--entry small_helper"), 2,
               "\"small_helper\" is in tests/samples/clean.c and in "
               "tests/samples/opt_defects.c: say \"tests/samples/clean.c:small_helper\"");
  check_output(jet_case_jet("--opt-only --entry clean.c:small_helper"), 0,
               "1 functions of 1 files");
  check_output(jet_case_jet("--entry other.c:small_helper"), 2,
               "no function \"other.c:small_helper\"; there is one in tests/samples/clean.c\n");
}

// ---- Compile databases --------------------------------------------------------------------------

// jimm-jet on one file of this text, through a database of its own.
static jet_output run_on(const char *text, const char *arguments) {
  char database[3 * PATH_MAX];
  jet_case_write("one.c", text);
  snprintf(database, sizeof database,
           "[{\"directory\": \"%s\", \"file\": \"one.c\", \"arguments\": [\"gcc\", \"-c\", "
           "\"one.c\"]}, {\"directory\": \"/\", \"file\": \"two.cc\", \"command\": \"g++\"}]",
           jet_case_folder());
  return jet_case_run("'%s' --compdb '%s' %s 2>&1", jet_case_program(),
                      jet_case_write("one.json", database), arguments);
}

TEST(compile_databases) {
  jet_case_need_program();
  check_output(jet_case_jet("--entry x --compdb /no/such/file"), 2,
               "cannot read the compile database /no/such/file");
  check_output(jet_case_jet("--entry x --compdb '%s'", jet_case_write("bad.json", "[\n{,}]")), 2,
               "bad.json:2: ");
  check_output(jet_case_jet("--entry x --compdb '%s'", jet_case_write("bad.json", "{}")), 2,
               "a compile database is an array");
  check_output(jet_case_jet("--entry x --compdb '%s'", jet_case_write("bad.json", "[]")), 2,
               "bad.json has no C files");
  check_output(jet_case_jet("--entry x --compdb '%s'", jet_case_write("bad.json", "[{}]")), 2,
               "an entry has no \"file\"");
}

// CMake has the objects of a program in folders below PROGRAM.dir.
TEST(programs_of_cmake) {
  jet_case_need_clang();
  static const char *const programs[] = {"app", "tool"};
  jet_case_write("one.c", "#include <stdlib.h>\nvoid *f(void) { return malloc(1); }\n");
  jet_case_write("two.c", "#include <stdlib.h>\nvoid *malloc(size_t n) { return n ? 0 : &n; }\n");
  for (size_t i = 0; i < 2; ++i) {
    char database[3 * PATH_MAX];
    snprintf(database, sizeof database,
             "[{\"directory\": \"%s\", \"file\": \"one.c\", \"command\": \"cc -o "
             "CMakeFiles/app.dir/src/one.c.o -c one.c\"},\n"
             "{\"directory\": \"%s\", \"file\": \"two.c\", \"command\": \"cc -o "
             "CMakeFiles/%s.dir/lib/two.c.o -c two.c\"}]",
             jet_case_folder(), jet_case_folder(), programs[i]);
    check_output(jet_case_run("'%s' --opt-only --entry f --compdb '%s' 2>&1", jet_case_program(),
                              jet_case_write("cmake.json", database)),
                 i ? 1 : 0, i ? "1 opt findings" : "0 opt findings in what f reaches: 2 functions");
  }
}

TEST(compile_database_is_found_above) {
  jet_case_need_clang();
  check_output(jet_case_run("mkdir -p '%s/a/b' && cd '%s/a/b' && '%s' --opt-only --entry clean_sum",
                            jet_case_folder(), jet_case_folder(), jet_case_program()),
               0, "in what clean_sum reaches");
  check_output(jet_case_run("cd / && '%s' --opt-only --entry clean_sum 2>&1", jet_case_program()),
               2, "no compile_commands.json in this folder or above");
}

TEST(files_that_do_not_compile) {
  jet_case_need_clang();
  check_output(run_on("int f(void) {\n  return x;\n}\n", "--entry f"), 2,
               "one.c:2:10: error: use of undeclared identifier 'x'\n");
}

TEST(files_that_are_gone) {
  jet_case_need_clang();
  char database[2 * PATH_MAX];
  snprintf(database, sizeof database,
           "[{\"directory\": \"%s\", \"file\": \"gone.c\", \"command\": \"cc -c gone.c\"}]",
           jet_case_folder());
  check_output(jet_case_run("'%s' --entry f --compdb '%s' 2>&1", jet_case_program(),
                            jet_case_write("gone.json", database)),
               2, "gone.c: compiling fails: clang: error: no such file or directory: '");
}

TEST(other_languages_are_left_out) {
  jet_case_need_clang();
  check_output(run_on("int f(void) { return 1; }\n", "--entry f"), 0,
               "jimm-jet: note: 1 entries of ");
}

TEST(arguments_are_passed_on) {
  jet_case_need_clang();
  static const char text[] =
      "#ifndef SAY\n#error \"SAY is missing\"\n#endif\n"
      "int f(int *p) { if (!p) return *p; return 1; }\n";
  check_output(run_on(text, "--opt-only --entry f"), 2, "SAY is missing");
  check_output(run_on(text, "--opt-only --entry f --opt-arg -DSAY"), 0, "0 opt findings");
  check_output(run_on(text, "--entry f --opt-arg=-DSAY"), 2, "one.c: parsing fails: ");
  check_output(run_on(text, "--entry f --opt-arg=-DSAY --call-arg=-DSAY"), 1, "1 call findings");
}

// ---- Clang --------------------------------------------------------------------------------------

static void write_script(const char *name, const char *text) {
  chmod(jet_case_write(name, text), 0700);
}

TEST(no_clang_is_a_skip) {
  jet_case_need_program();
  char settings[2 * PATH_MAX];
  jet_output output =
      jet_case_run("mkdir -p '%s/nothing' '%s/other'", jet_case_folder(), jet_case_folder());
  free(output.text);
  snprintf(settings, sizeof settings, "PATH='%s/nothing' '%s' --compdb '%s' --entry clean_sum 2>&1",
           jet_case_folder(), jet_case_program(), jet_case_database());
  check_output(jet_case_run("%s", settings), 77,
               "jimm-jet: skipped: no clang-14: No such file or directory\n");
  write_script("other/clang-14", "#!/bin/sh\necho clang version 15.0.7\n");
  snprintf(settings, sizeof settings, "PATH='%s/other' '%s' --compdb '%s' --entry clean_sum 2>&1",
           jet_case_folder(), jet_case_program(), jet_case_database());
  check_output(jet_case_run("%s", settings), 77, "what has this name is version 15.0.7, and this");
  write_script("other/clang-14", "#!/bin/sh\nexit 1\n");
  check_output(jet_case_run("%s", settings), 77, "it does not tell its version");
}

// A clang whose analyser does as told.
static void break_analyser(const char *what) {
  char script[2 * PATH_MAX];
  snprintf(script, sizeof script,
           "#!/bin/sh\ncase \" $* \" in *' --analyze '*) %s ;; esac\n"
           "PATH=${PATH#*:} exec clang-14 \"$@\"\n",
           what);
  write_script("broken/clang-14", script);
}

TEST(analysers_that_fail) {
  jet_case_need_clang();
  char settings[2 * PATH_MAX];
  jet_output output = jet_case_run("mkdir -p '%s/broken'", jet_case_folder());
  free(output.text);
  snprintf(settings, sizeof settings,
           "PATH='%s/broken':$PATH '%s' --compdb '%s' --entry clean_sum 2>&1", jet_case_folder(),
           jet_case_program(), jet_case_database());
  break_analyser("kill -SEGV $$");
  check_output(jet_case_run("%s", settings), 2, "clean.c: analysing was ended by signal 11");
  break_analyser("echo 'error: no room'; exit 1");
  check_output(jet_case_run("%s", settings), 2, "clean.c: analysing fails: error: no room");
  break_analyser("exit 0");
  check_output(jet_case_run("%s", settings), 2, "clean.c: the analyser's report cannot be read");
  snprintf(settings, sizeof settings,
           "PATH='%s/broken':$PATH '%s' --compdb '%s' --entry clean_sum --opt-only 2>&1",
           jet_case_folder(), jet_case_program(), jet_case_database());
  check_output(jet_case_run("%s", settings), 0, "jimm-jet: 0 opt findings in what clean_sum");
}

// ---- What is kept -------------------------------------------------------------------------------

// A clang that only tells its version: whatever else is wanted of it must have been kept.
static void write_mute_clang(void) {
  jet_output version = jet_case_run("clang-14 --version");
  char script[2 * PATH_MAX];
  snprintf(script, sizeof script,
           "#!/bin/sh\nif [ \"$1\" = --version ]; then\ncat <<'END'\n%.2000sEND\nexit 0\nfi\n"
           "echo \"error: clang was asked for more\"\nexit 1\n",
           version.text);
  free(version.text);
  jet_output output = jet_case_run("mkdir -p '%s/mute'", jet_case_folder());
  free(output.text);
  write_script("mute/clang-14", script);
}

static jet_output run_kept(const char *clang, const char *text) {
  char database[3 * PATH_MAX];
  jet_case_write("kept.h", text);
  snprintf(database, sizeof database,
           "[{\"directory\": \"%s\", \"file\": \"kept.c\", \"arguments\": [\"gcc\", \"kept.c\"]}]",
           jet_case_folder());
  return jet_case_run("PATH='%s/%s':$PATH '%s' --entry f --cache '%s/kept' --compdb '%s' 2>&1",
                      jet_case_folder(), clang, jet_case_program(), jet_case_folder(),
                      jet_case_write("kept.json", database));
}

TEST(results_are_kept_until_a_header_changes) {
  jet_case_need_clang();
  write_mute_clang();
  jet_case_write("kept.c", "#include \"kept.h\"\nint f(int *p) { BODY }\n");
  static const char bad[] =
      "#define BODY if (!p) return *p; "
      "for (int i = 1; i < 99; ++i) p[i] = p[i - 1] * 3; return 2;\n";
  static const char good[] = "#define BODY return 1;\n";
  check_output(run_kept("nothing", bad), 1, "jimm-jet: 1 opt findings, 1 call findings in");
  check_output(run_kept("mute", bad), 1, "jimm-jet: 1 opt findings, 1 call findings in");
  check_output(run_kept("mute", good), 2, "kept.c: compiling fails: error: clang was asked for");
  check_output(run_kept("nothing", good), 0, "jimm-jet: 0 opt findings, 0 call findings in");
  check_output(run_kept("mute", good), 0, "jimm-jet: 0 opt findings, 0 call findings in");
}

TEST(results_are_kept_until_a_source_changes) {
  jet_case_need_clang();
  write_mute_clang();
  jet_case_write("kept.c", "#include \"kept.h\"\nint f(int *p) { if (!p) return *p; return 1; }\n");
  check_output(run_kept("nothing", ""), 1, "jimm-jet: 0 opt findings, 1 call findings in");
  check_output(run_kept("mute", ""), 1, "jimm-jet: 0 opt findings, 1 call findings in");
  jet_case_write("kept.c", "#include \"kept.h\"\nint f(int *p) { if (p) return *p; return 1; }\n");
  check_output(run_kept("mute", ""), 2, "kept.c: compiling fails: error: clang was asked for");
  check_output(run_kept("nothing", ""), 0, "jimm-jet: 0 opt findings, 0 call findings in");
}

// What the analyser says of two.c follows from found.c; alone.c has nothing to do with it.
static jet_output run_three(const char *clang, const char *condition) {
  static const char *const files[] = {"two.c", "found.c", "alone.c"};
  char database[6 * PATH_MAX] = "";
  char text[256];
  snprintf(text, sizeof text, "static int x;\nint *find(int n) { return %s ? &x : 0; }\n",
           condition);
  jet_case_write("found.c", text);
  for (size_t i = 0; i < 3; ++i) {
    size_t used = strlen(database);
    snprintf(database + used, sizeof database - used,
             "%s{\"directory\": \"%s\", \"file\": \"%s\", \"arguments\": [\"gcc\", \"%s\"]}%s",
             i ? ",\n" : "[", jet_case_folder(), files[i], files[i], i < 2 ? "" : "]");
  }
  return jet_case_run(
      "PATH='%s/%s':$PATH '%s' --call-only --entry f --cache '%s/three' --compdb '%s' 2>&1",
      jet_case_folder(), clang, jet_case_program(), jet_case_folder(),
      jet_case_write("three.json", database));
}

TEST(only_what_depends_on_a_change_is_analysed_anew) {
  jet_case_need_clang();
  char script[2 * PATH_MAX];
  jet_case_write("two.c",
                 "int *find(int n);\nint alone(void);\nint f(int n) {\n"
                 "  int *p = find(n);\n  return *p + alone();\n}\n");
  jet_case_write("alone.c", "int alone(void) { return 1; }\n");
  jet_output output = jet_case_run("mkdir -p '%s/logged'", jet_case_folder());
  free(output.text);
  snprintf(script, sizeof script,
           "#!/bin/sh\ncase \" $* \" in *' --analyze '*) for last; do :; done\n"
           "echo \"${last##*/}\" >>'%s/analysed' ;; esac\n"
           "PATH=${PATH#*:} exec clang-14 \"$@\"\n",
           jet_case_folder());
  write_script("logged/clang-14", script);
  write_mute_clang();
  check_output(run_three("logged", "n"), 1, "two.c:5: in f: Dereference of null pointer");
  check_output(run_three("mute", "n"), 1, "two.c:5: in f: Dereference of null pointer");
  check_output(jet_case_run("sort '%s/analysed' | tr '\\n' ' '; rm '%s/analysed'",
                            jet_case_folder(), jet_case_folder()),
               0, "alone.c found.c two.c ");
  check_output(run_three("logged", "1"), 0, "jimm-jet: 0 call findings in what f reaches: 3");
  check_output(jet_case_run("sort '%s/analysed' | tr '\\n' ' '", jet_case_folder()), 0,
               "found.c two.c ");
  check_output(jet_case_run("! grep alone '%s/analysed' && echo none", jet_case_folder()), 0,
               "none\n");
}

// ---- Ends in the middle -------------------------------------------------------------------------

static size_t files_in(const char *path) {
  DIR *open_folder = opendir(path);
  size_t n = 0;
  for (struct dirent *entry; open_folder && (entry = readdir(open_folder));) {
    n += entry->d_name[0] != '.';
  }
  if (open_folder) {
    closedir(open_folder);
  }
  return n;
}

static void wait_a_little(void) {
  nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

// Waits until `path` has something to read; NULL after a minute.
static char *wait_for_text(const char *path) {
  char *text = NULL;
  for (int i = 0; i < 6000 && !text; ++i) {
    wait_a_little();
    text = jet_case_read(path);
  }
  return text;
}

static void end_by(int number) {
  char pid_file[2 * PATH_MAX];
  char temporary[2 * PATH_MAX];
  char path[2 * PATH_MAX];
  snprintf(pid_file, sizeof pid_file, "%s/slow.pid", jet_case_folder());
  snprintf(temporary, sizeof temporary, "%s/temporary", jet_case_folder());
  snprintf(path, sizeof path, "%s/slow:%s", jet_case_folder(), getenv("PATH"));
  unlink(pid_file);
  mkdir(temporary, 0700);
  pid_t pid = fork();
  TEST_REQUIRE(pid >= 0);
  if (pid == 0) {
    setenv("TMPDIR", temporary, 1);
    setenv("PATH", path, 1);
    execl(jet_case_program(), jet_case_program(), "--entry", "clean_sum", "--compdb",
          jet_case_database(), (char *)NULL);
    _exit(127);
  }
  char *text = wait_for_text(pid_file);
  TEST_CHECK_UINT(files_in(temporary), 1);
  kill(pid, number);
  int status = 0;
  TEST_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == number);
  TEST_REQUIRE(text);
  pid_t child = (pid_t)strtol(text, NULL, 10);
  free(text);
  TEST_REQUIRE(child > 1);
  for (int i = 0; i < 6000 && (kill(child, 0) == 0 || files_in(temporary)); ++i) {
    wait_a_little();
  }
  TEST_CHECK_MSG(kill(child, 0) != 0, "the compiler still runs");
  TEST_CHECK_UINT(files_in(temporary), 0);
}

TEST(a_signal_leaves_nothing_behind) {
  jet_case_need_program();
  char script[2 * PATH_MAX];
  jet_output output = jet_case_run("mkdir -p '%s/slow'", jet_case_folder());
  free(output.text);
  snprintf(script, sizeof script,
           "#!/bin/sh\n[ \"$1\" = --version ] && { echo clang version 14.0.0; exit 0; }\n"
           "echo $$ >'%s/slow.new'\nmv '%s/slow.new' '%s/slow.pid'\nexec sleep 300\n",
           jet_case_folder(), jet_case_folder(), jet_case_folder());
  write_script("slow/clang-14", script);
  end_by(SIGTERM);
  end_by(SIGINT);
  end_by(SIGKILL);
}
