#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };

static size_t count_selected(const jti_settings *s) {
  const jti_test_list *tests = jti_tests();
  size_t count = 0;
  for (size_t i = 0; i < tests->count; ++i) {
    count += jti_selected(s, &tests->items[i]);
  }
  return count;
}

// Runs the hooks into one result: nobody asks which of several did it, the records tell.
static void run_setups(jti_result *result) {
  static const char line[] = "1..1\nnot ok 1 - setup\n";
  jti_crash_line(line);
  double start = jti_clock();
  const jti_test_list *setups = jti_setups();
  for (size_t i = 0; i < setups->count && result->outcome != JTI_SKIP; ++i) {
    jti_run_body(&setups->items[i], result);
  }
  result->seconds = jti_clock() - start;
  jti_crash_line(NULL);
}

static void count_checks(jti_summary *summary, const jti_counts *counts) {
  summary->checks += counts->passed + counts->told + counts->skipped;
  summary->skipped += counts->skipped;
}

// Everything that is said about a result that has its own line.
static void account(jti_summary *summary, const jti_result *result) {
  jti_tap_result(result);
  jti_table_add(result);
  jti_junit_add(result);
  summary->tests[result->outcome]++;
  count_checks(summary, &result->counts);
}

// As YAML, so that a crash handler finds it ready.
static char *repeat_line(const jti_settings *s, const jti_test *test) {
  char *command = jti_repeat_command(s, test->name);
  if (!command) {
    return NULL;
  }
  jti_text line = {0};
  jti_text_printf(&line, "  repeat: ");
  jti_text_yaml(&line, command);
  jti_text_printf(&line, "\n");
  free(command);
  return line.data;
}

static void run_test(const jti_settings *s, const jti_test *test, jti_result *result) {
  result->repeat = repeat_line(s, test);
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

// A failed check that belongs to no test must be in the XML, too, or that would be all green.
static void report_strays(void) {
  jti_text text = {0};
  jti_text_printf(&text, "%zu failed checks outside any test, see stderr", jti_now.strays);
  jti_tap_note(text.data);
  jti_record record = {.outcome = JTI_ERROR, .message = text.data};
  jti_result result = {
      .name = "(outside any test)", .outcome = JTI_ERROR, .records = &record, .count = 1};
  jti_junit_add(&result);
  jti_text_free(&text);
}

static int conclude(const jti_summary *summary) {
  jti_text table = {0};
  jti_table_write(&table);
  if (table.size) {
    jti_tap_note(table.data);
  }
  jti_text_free(&table);
  jti_tap_summary(summary);
  if (jti_now.strays) {
    report_strays();
  }
  bool written = jti_junit_close() && !jti_tap_lost();
  bool good = !summary->tests[JTI_FAIL] && !summary->tests[JTI_ERROR] && !jti_now.strays;
  return good && written ? EXIT_GOOD : EXIT_BAD;
}

// A run without tests is an error of its own, on a line of its own, so that no reader of TAP takes
// an empty plan for a skip.
static int report_no_tests(const jti_settings *s) {
  jti_summary summary = {0};
  bool filtered = s->filter_count || s->exclude_count;
  jti_result result = {.name = filtered ? "(no test matches the filter)" : "(no tests)",
                       .number = 1};
  jti_attach(&result);
  jti_add_problem(JTI_ERROR, NULL, 0,
                  filtered ? "none of the %zu tests matches" : "%zu tests are registered",
                  jti_tests()->count);
  jti_attach(NULL);
  jti_tap_plan(1);
  account(&summary, &result);
  jti_free_result(&result);
  return conclude(&summary);
}

static void run_selected(const jti_settings *s, const jti_result *setup, size_t number,
                         jti_summary *summary) {
  const jti_test_list *tests = jti_tests();
  bool refuse = setup->outcome == JTI_SKIP || setup->outcome >= JTI_FAIL;
  for (size_t i = 0; i < tests->count; ++i) {
    const jti_test *test = &tests->items[i];
    if (!jti_selected(s, test)) {
      continue;
    }
    jti_result result = {
        .name = test->name, .file = test->file, .line = test->line, .number = number++};
    if (refuse) {
      refuse_test(setup, &result);
    } else {
      run_test(s, test, &result);
    }
    account(summary, &result);
    jti_free_result(&result);
  }
}

static void order_tests(const jti_settings *s) {
  jti_sort_tests();
  if (s->shuffle) {
    jti_shuffle_tests(s->seed);
  }
  jti_close_registry(true);
}

// Said before anything runs: a crash must not take the seed away.
static void tell_seed(const jti_settings *s) {
  if (s->shuffle) {
    jti_text text = {0};
    jti_text_printf(&text, "shuffled; --shuffle --seed %llu repeats this order", s->seed);
    jti_tap_note(text.data);
    jti_text_free(&text);
  }
}

static int run_all(const jti_settings *s) {
  jti_summary summary = {0};
  jti_result setup = {.name = "setup", .number = 1};
  tell_seed(s);
  run_setups(&setup);
  order_tests(s);

  const jti_test_list *tests = jti_tests();
  size_t count = count_selected(s);
  // A skip of everything is told by the tests, if there are any; other trouble has its own line.
  bool setup_line = setup.outcome == JTI_SKIP ? tests->count == 0 : setup.outcome != JTI_PASS;
  if (count == 0 && !(setup_line && (tests->count == 0 || setup.outcome >= JTI_FAIL))) {
    jti_free_result(&setup);
    return report_no_tests(s);
  }
  jti_tap_plan(count + setup_line);
  if (setup_line) {
    account(&summary, &setup);
  } else {
    jti_tap_skipped(&setup);
    jti_table_add(&setup);
    count_checks(&summary, &setup.counts);
  }
  run_selected(s, &setup, 1 + setup_line, &summary);
  jti_free_result(&setup);
  return conclude(&summary);
}

static int list_all(const jti_settings *s, int fd) {
  jti_result setup = {.name = "setup"};
  run_setups(&setup);
  jti_sort_tests();
  bool good = setup.outcome < JTI_FAIL;
  if (!good) {
    fprintf(stderr, "jimm-test: setup failed:\n%s", setup.diagnostic.data);
  }
  const jti_test_list *tests = jti_tests();
  for (size_t i = 0; i < tests->count; ++i) {
    if (jti_selected(s, &tests->items[i])) {
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

static int run_or_list(const jti_settings *s, int report) {
  if (s->list) {
    return list_all(s, report);
  }
  jti_tap_open(report, s->color);
  jti_watch_crashes(report);
  int status = run_all(s);
  jti_unwatch_crashes();
  jti_tap_close();
  jti_table_free();
  return status;
}

int jt_main(int argc, char **argv) {
  jti_settings s;
  int status = EXIT_USAGE;
  if (!jti_parse(argc, argv, &s)) {
    goto done;
  }
  if (s.help) {
    jti_print_help();
    status = EXIT_GOOD;
    goto done;
  }
  if (s.junit && !s.list && !jti_junit_open(s.junit)) {
    goto done;
  }
  jti_set_seed(s.seed);
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
  status = run_or_list(&s, report);
  fflush(stdout);
  dup2(report, 1);
  close(report);
done:
  jti_free_settings(&s);
  jti_free_registry();
  return status;
}
