#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };

typedef struct settings {
  const char **filters;
  size_t filter_count;
  bool list;
  bool help;
  bool isolate;
  double timeout;  // of tests without one of their own
  double scale;
} settings;

static const char help_text[] =
    "usage: %s [--list] [--filter TEXT]... [--isolate] [--timeout SECONDS]\n"
    "Runs the tests of this program and reports as TAP 14 on standard output.\n"
    "\n"
    "  --list             print the names of the tests and run none\n"
    "  --filter TEXT      run only tests whose name contains TEXT; may be repeated: any of them\n"
    "  --isolate          run every test in a child process\n"
    "  --timeout SECONDS  limit for each test without a limit of its own; implies --isolate\n"
    "  --help             this text\n"
    "\n"
    "JT_TIMEOUT_SCALE in the environment multiplies every time limit.\n"
    "Exit status: 0 no failure and no error, 1 otherwise or when there was no test, 2 bad usage.\n";

static bool positive(const char *text, double *value) {
  char *end;
  *value = strtod(text, &end);
  return end != text && *end == '\0' && isfinite(*value) && *value > 0;
}

// The value of an option that is written "--name value" or "--name=value"; NULL: another option.
static const char *option_value(const char *name, int argc, char **argv, int *i) {
  size_t size = strlen(name);
  if (strncmp(argv[*i], name, size) != 0) {
    return NULL;
  }
  if (argv[*i][size] == '=') {
    return argv[*i] + size + 1;
  }
  if (argv[*i][size] != '\0' || *i + 1 >= argc || !argv[*i + 1]) {
    return NULL;
  }
  return argv[++*i];
}

static bool parse(int argc, char **argv, settings *s) {
  for (int i = 1; i < argc; ++i) {
    const char *argument = argv[i];
    const char *value;
    if (strcmp(argument, "--list") == 0) {
      s->list = true;
    } else if (strcmp(argument, "--isolate") == 0) {
      s->isolate = true;
    } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
      s->help = true;
    } else if ((value = option_value("--filter", argc, argv, &i))) {
      s->filters[s->filter_count++] = value;
    } else if ((value = option_value("--timeout", argc, argv, &i))) {
      if (!positive(value, &s->timeout)) {
        fprintf(stderr, "%s: --timeout wants a positive number, not \"%s\"\n", argv[0], value);
        return false;
      }
    } else {
      fprintf(stderr, "%s: unknown or incomplete argument \"%s\"; see --help\n", argv[0], argument);
      return false;
    }
  }
  const char *scale = getenv("JT_TIMEOUT_SCALE");
  s->scale = 1;
  if (scale && *scale && !positive(scale, &s->scale)) {
    fprintf(stderr, "%s: JT_TIMEOUT_SCALE wants a positive number, not \"%s\"\n", argv[0], scale);
    return false;
  }
  return true;
}

static bool selected(const settings *s, const jti_test *test) {
  for (size_t i = 0; i < s->filter_count; ++i) {
    if (strstr(test->name, s->filters[i])) {
      return true;
    }
  }
  return s->filter_count == 0;
}

static size_t count_selected(const settings *s) {
  const jti_test_list *tests = jti_tests();
  size_t count = 0;
  for (size_t i = 0; i < tests->count; ++i) {
    count += selected(s, &tests->items[i]);
  }
  return count;
}

// Runs the hooks into one result: nobody asks which of several did it, the records tell.
static void run_setups(jti_result *result) {
  static const char line[] = "1..1\nnot ok 1 - setup\n";
  jti_crash_line(line);
  const jti_test_list *setups = jti_setups();
  for (size_t i = 0; i < setups->count && result->outcome != JTI_SKIP; ++i) {
    jti_run_body(&setups->items[i], result);
  }
  jti_crash_line(NULL);
}

static void account(jti_summary *summary, jti_result *result) {
  jti_tap_result(result);
  summary->tests[result->outcome]++;
  summary->checks += result->checks;
  jti_free_result(result);
}

static void run_test(const settings *s, const jti_test *test, jti_result *result) {
  char *line = jti_tap_crash_line(result);
  jti_crash_line(line);
  double start = jti_clock();
  double timeout = (test->options.timeout > 0 ? test->options.timeout : s->timeout) * s->scale;
  if (timeout > 0 || test->options.isolate || s->isolate) {
    jti_run_isolated(test, result, timeout);
  } else {
    jti_run_body(test, result);
  }
  jti_finish_result(test, result);
  result->seconds = jti_clock() - start;
  jti_crash_line(NULL);
  free(line);
}

// A test that does not run because of the setup. The reason is that of the setup's own record.
static void refuse_test(const jti_result *setup, jti_result *result) {
  const char *why = "failed";
  for (size_t i = 0; i < setup->count; ++i) {
    if (setup->outcome == JTI_SKIP && setup->records[i].outcome == JTI_SKIP) {
      why = setup->records[i].message;
    }
  }
  jti_attach(result);
  jti_add_problem(setup->outcome == JTI_SKIP ? JTI_SKIP : JTI_ERROR, NULL, 0, "setup: %s", why);
  jti_attach(NULL);
}

static int conclude(const jti_summary *summary) {
  jti_tap_summary(summary);
  if (jti_now.strays) {
    jti_text text = {0};
    jti_text_printf(&text, "%zu failed checks outside any test, see stderr", jti_now.strays);
    jti_tap_note(text.data);
    jti_text_free(&text);
  }
  bool good = !summary->tests[JTI_FAIL] && !summary->tests[JTI_ERROR] && !jti_now.strays;
  return good && !jti_tap_lost() ? EXIT_GOOD : EXIT_BAD;
}

// A run without tests is an error of its own, on a line of its own, so that no reader of TAP takes
// an empty plan for a skip.
static int report_no_tests(const settings *s) {
  jti_summary summary = {0};
  jti_result result = {.name = s->filter_count ? "(no test matches the filter)" : "(no tests)",
                       .number = 1};
  jti_attach(&result);
  jti_add_problem(JTI_ERROR, NULL, 0,
                  s->filter_count ? "none of the %zu tests matches" : "%zu tests are registered",
                  jti_tests()->count);
  jti_attach(NULL);
  jti_tap_plan(1);
  account(&summary, &result);
  return conclude(&summary);
}

static int run_all(const settings *s) {
  jti_summary summary = {0};
  jti_result setup = {.name = "setup", .number = 1};
  run_setups(&setup);
  jti_sort_tests();
  jti_close_registry(true);

  const jti_test_list *tests = jti_tests();
  size_t count = count_selected(s);
  // A skip of everything is told by the tests, if there are any; other trouble has its own line.
  bool setup_line = setup.outcome == JTI_SKIP ? tests->count == 0 : setup.outcome != JTI_PASS;
  if (count == 0 && !(setup_line && (tests->count == 0 || setup.outcome >= JTI_FAIL))) {
    jti_free_result(&setup);
    return report_no_tests(s);
  }
  jti_tap_plan(count + setup_line);
  size_t number = 1;
  if (setup_line) {
    jti_tap_result(&setup);
    summary.tests[setup.outcome]++;
    ++number;
  }
  summary.checks += setup.checks;
  bool refuse = setup.outcome == JTI_SKIP || setup.outcome >= JTI_FAIL;
  for (size_t i = 0; i < tests->count; ++i) {
    const jti_test *test = &tests->items[i];
    if (!selected(s, test)) {
      continue;
    }
    jti_result result = {.name = test->name, .number = number++};
    if (refuse) {
      refuse_test(&setup, &result);
    } else {
      run_test(s, test, &result);
    }
    account(&summary, &result);
  }
  jti_free_result(&setup);
  return conclude(&summary);
}

static int list_all(const settings *s, int fd) {
  jti_result setup = {.name = "setup"};
  run_setups(&setup);
  jti_sort_tests();
  bool good = setup.outcome < JTI_FAIL;
  if (!good) {
    fprintf(stderr, "jimm-test: setup failed:\n%s", setup.diagnostic.data);
  }
  const jti_test_list *tests = jti_tests();
  for (size_t i = 0; i < tests->count; ++i) {
    if (selected(s, &tests->items[i])) {
      dprintf(fd, "%s\n", tests->items[i].name);
    }
  }
  if (count_selected(s) == 0) {
    fprintf(stderr, "jimm-test: no tests\n");
    good = false;
  }
  jti_free_result(&setup);
  return good ? EXIT_GOOD : EXIT_BAD;
}

int jt_main(int argc, char **argv) {
  settings s = {.filters = jti_alloc((size_t)(argc > 0 ? argc : 1) * sizeof *s.filters)};
  int status = EXIT_USAGE;
  if (!parse(argc, argv, &s)) {
    goto done;
  }
  if (s.help) {
    printf(help_text, argv[0]);
    status = EXIT_GOOD;
    goto done;
  }
  // The report keeps the real standard output for itself; what tests print goes to stderr, by lines
  // so that a crash loses none.
  fflush(stdout);
  int report = fcntl(1, F_DUPFD_CLOEXEC, 3);
  if (report < 0 || dup2(2, 1) < 0) {
    fprintf(stderr, "jimm-test: no standard output or error: %s\n", strerror(errno));
    status = EXIT_BAD;
    goto done;
  }
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  if (s.list) {
    status = list_all(&s, report);
  } else {
    jti_tap_open(report);
    jti_watch_crashes(report);
    status = run_all(&s);
    jti_unwatch_crashes();
    jti_tap_close();
  }
  fflush(stdout);
  dup2(report, 1);
  close(report);
done:
  free(s.filters);
  jti_free_registry();
  return status;
}
