// Call-tree checks on a project of seeded defects: each is found where it is, and nothing else is.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jet_case.h"
#include "tap.h"

// A finding that a sample asks for with "// BAD rule", or (rule NULL) a function that has none.
typedef struct expectation {
  char name[256];    // of the test
  const char *file;  // below the folder of the samples
  char function[128];
  char rule[64];
  unsigned line;
} expectation;

enum { MOST = 400 };
static expectation expectations[MOST];
static size_t expectation_count;
static char entries[32768];
static jet_output all;  // JSON lines for every function of the samples

// ---- What the samples ask for -------------------------------------------------------------------

static expectation *expect(const char *file, unsigned line, const char *function) {
  if (expectation_count == MOST) {
    abort();
  }
  expectation *e = &expectations[expectation_count++];
  e->file = file;
  snprintf(e->function, sizeof e->function, "%s", function);
  e->line = line;
  return e;
}

// Remembers in `function` the one whose definition starts on this line. Those that others can call
// are entries.
static void read_definition(const char *text, char *function, size_t size) {
  const char *open = strchr(text, '(');
  if (text[0] < 'a' || text[0] > 'z' || !open || !strstr(text, ") {")) {
    return;
  }
  const char *start = open;
  while (start > text && start[-1] != ' ' && start[-1] != '*') {
    --start;
  }
  snprintf(function, size, "%.*s", (int)(open - start), start);
  if (strncmp(text, "static", 6) != 0 && strcmp(function, "not_reached") != 0) {
    size_t used = strlen(entries);
    snprintf(entries + used, sizeof entries - used, " --entry %s", function);
  }
}

static void read_sample(const char *name) {
  char path[2 * PATH_MAX];
  char text[512];
  char function[128] = "";
  snprintf(path, sizeof path, "%s/%s", jet_case_samples(), name);
  FILE *file = fopen(path, "r");
  for (unsigned line = 1; file && fgets(text, sizeof text, file); ++line) {
    char before[128];
    snprintf(before, sizeof before, "%s", function);
    read_definition(text, function, sizeof function);
    if (strcmp(before, function) != 0 && strncmp(function, "clean_", 6) == 0) {
      expectation *e = expect(name, line, function);
      snprintf(e->name, sizeof e->name, "%.100s", function);
    }
    for (const char *mark = text; (mark = strstr(mark, "// BAD ")); ++mark) {
      char rule[64] = "";
      sscanf(mark, "// BAD %63s", rule);
      expectation *e = expect(name, line, function);
      memcpy(e->rule, rule, sizeof rule);
      snprintf(e->name, sizeof e->name, "%.100s:%u %s", name, line, rule);
    }
  }
  if (file) {
    fclose(file);
  }
}

static size_t count(const char *text, const char *needle) {
  size_t n = 0;
  for (; (text = strstr(text, needle)); text += strlen(needle)) {
    ++n;
  }
  return n;
}

static void check_expectation(void *ctx) {
  const expectation *e = ctx;
  char needle[3 * PATH_MAX];
  if (!e->rule[0]) {
    snprintf(needle, sizeof needle, "\"function\":\"%s\",\"message\"", e->function);
    TEST_CHECK_MSG(!strstr(all.text, needle), "something is found in %s", e->function);
    return;
  }
  snprintf(needle, sizeof needle,
           "\"rule\":\"%s\",\"file\":\"%s/%s\",\"line\":%u,\"function\":\"%s\",", e->rule,
           jet_case_samples(), e->file, e->line, e->function);
  TEST_CHECK_MSG(count(all.text, needle) == 1, "%zu times: %s", count(all.text, needle), needle);
}

static void add_expectations(void) {
  static const char *const names[] = {"call_defects.c", "opt_defects.c", "deep/helper.c",
                                      "deep/row.c",     "pointers.c",    "clean.c"};
  if (jet_case_no_clang()) {
    return;
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    read_sample(names[i]);
  }
  all = jet_case_jet("--json%s", entries);
  for (size_t i = 0; i < expectation_count; ++i) {
    tap_add(expectations[i].name, check_expectation, &expectations[i]);
  }
}

TEST(findings_are_those_of_the_samples) {
  jet_case_need_clang();
  size_t defects = 0;
  for (size_t i = 0; i < expectation_count; ++i) {
    defects += expectations[i].rule[0] != '\0';
  }
  TEST_CHECK(jet_case_exited(&all, 1));
  TEST_CHECK(defects >= 40);
  TEST_CHECK(expectation_count - defects >= 20);
  if (!TEST_CHECK_UINT(count(all.text, "{\"kind\":\"opt\"") + count(all.text, "{\"kind\":\"call\""),
                       defects)) {
    TEST_NOTE("%s", all.text);
  }
  TEST_CHECK_UINT(count(all.text, "{\"kind\":\"summary\","), 1);
}

// ---- What findings say --------------------------------------------------------------------------

static void check_run(const char *arguments, int status, const char *needle) {
  jet_case_need_clang();
  jet_output output = jet_case_jet("%s", arguments);
  bool good = TEST_CHECK_MSG(jet_case_exited(&output, status), "%s: status %#x", arguments,
                             (unsigned)output.status);
  good &= !needle || TEST_CHECK_CONTAINS(output.text, needle);
  if (!good) {
    TEST_NOTE("%s", output.text);
  }
  free(output.text);
}

TEST(paths_lead_from_the_entry) {
  check_run("--opt-only --entry allocation_two_calls_deep", 1,
            "\n    allocation_two_calls_deep (opt_defects.c:26) -> take_memory (helper.c:23) -> "
            "take_block (helper.c:19) -> malloc\n");
  check_run("--opt-only --entry callback_of_qsort", 1, ") ~> by_value (opt_defects.c:");
  check_run("--opt-only --entry callback_by_pointer", 1, ") ~> by_value (opt_defects.c:");
  check_run("--opt-only --entry callback_by_pointer --direct-only", 0, NULL);
  check_run("--opt-only --entry mutual_recursion", 1, "recursion: is_even -> is_odd -> is_even\n");
  check_run("--opt-only --entry factorial", 1, "recursion: factorial -> factorial\n");
}

TEST(calls_through_pointers_have_targets) {
  check_run("--opt-only --json --entry indirect_call", 1, "\"targets\":[\"twice\",\"half\"]");
  check_run("--opt-only --entry indirect_call", 1, "possible by type: twice, half\n");
}

TEST(tables_and_fields_say_where_pointers_lead) {
  check_run("--opt-only --entry take_step", 1, "calls through a pointer; its targets: up, down\n");
  check_run("--opt-only --entry area_of", 1, "possible by its field: square_area, round_area\n");
  check_run("--opt-only --entry area_of", 1,
            "jimm-jet: 1 opt findings in what area_of reaches: 3 ");
  check_run("--opt-only --entry edge_of", 1, "possible by its field: square_edge\n");
  check_run("--opt-only --entry edge_of", 1, " ~> square_edge (pointers.c:");
  check_run("--opt-only --entry ring_bell", 1, "possible by type: loud, quiet\n");
}

TEST(functions_of_libc_are_those_of_the_program) {
  char arguments[2 * PATH_MAX];
  check_run("--opt-only --entry take_memory", 1, "in take_block: malloc takes or frees memory");
  check_run("--opt-only --entry take_memory", 1, "jimm-jet: 1 opt findings in what");
  check_run("--opt-only --entry counted --ignore unknown-external", 1,
            "in malloc: pthread_mutex_lock may wait");
  snprintf(arguments, sizeof arguments,
           "--opt-only --entry take_memory --ignore unknown-external --link '%s/other'",
           jet_case_samples());
  check_run(arguments, 1, "in malloc: pthread_mutex_lock may wait");
  check_run(arguments, 1, "jimm-jet: 1 opt findings in what");
}

TEST(direct_only_stays_away_from_pointers) {
  check_run("--opt-only --entry indirect_call", 1, ": 4 functions of 1 files (");
  check_run("--opt-only --direct-only --entry indirect_call", 1, ": 2 functions of 1 files (");
}

TEST(targets_may_be_in_files_that_no_name_leads_to) {
  char arguments[2 * PATH_MAX];
  check_run("--opt-only --entry apply", 1, "; no function of the program has its type\n");
  snprintf(arguments, sizeof arguments, "--opt-only --entry apply --link '%s'", jet_case_samples());
  check_run(arguments, 1, "possible by type: twice, half\n");
  check_run("--opt-only --entry apply --link /no/such", 2, "--link: there is no /no/such");
}

TEST(the_analyser_tells_how_it_gets_there) {
  check_run("--call-only --entry use_after_release", 1, ": Memory is released\n");
  check_run("--call-only --entry use_after_release", 1, "jimm-jet: 1 call findings in what");
}

TEST(what_is_reached_is_listed) {
  check_run("--opt-only --list --entry take_memory", 1,
            "reached: take_memory (tests/samples/deep/helper.c:22)\n"
            "reached: take_block (tests/samples/deep/helper.c:18)\njimm-jet: 1 opt");
  check_run("--opt-only --list --json --entry clean_minimum", 0,
            "{\"kind\":\"reached\",\"function\":\"clean_minimum\",\"file\":\"");
  check_run("--opt-only --list --entry take_memory --ignore allocation:take_block --ignore lock", 0,
            "silenced nothing: --ignore lock\nreached: take_memory (");
  check_run("--opt-only --list --json --entry take_memory --ignore lock", 1,
            "{\"kind\":\"idle\",\"ignore\":\"lock\"}\n");
}

TEST(nothing_found_is_status_0) {
  check_run("--entry clean_sum", 0,
            "jimm-jet: 0 opt findings, 0 call findings in what clean_sum reaches: 1 functions");
  check_run("--entry clean_sum --entry clean_copy", 0, "in what clean_sum and 1 more reach: 2");
}

// ---- Choosing what counts -----------------------------------------------------------------------

TEST(rules_can_be_ignored) {
  check_run("--opt-only --entry allocation_two_calls_deep --ignore allocation", 0, NULL);
  check_run("--opt-only --entry allocation_two_calls_deep --ignore allocation:release", 1,
            "jimm-jet: 1 opt findings");
  check_run("--opt-only --entry allocation_two_calls_deep --ignore 'allocation:take_*'", 1,
            "jimm-jet: 1 opt findings");
  check_run("--opt-only --entry allocation_two_calls_deep --ignore 'allocation:rel'", 1,
            "jimm-jet: 2 opt findings");
  check_run("--opt-only --entry allocation_two_calls_deep --ignore allocation:helper.c:release", 1,
            "jimm-jet: 1 opt findings");
  check_run("--opt-only --entry allocation_two_calls_deep --ignore allocation:other.c:release", 1,
            "jimm-jet: 2 opt findings");
  check_run("--opt-only --entry clean_sum --ignore alocation", 2, "\"alocation\" is no rule");
  check_run("--call-only --entry null_dereference --ignore core.NullDereference", 0, NULL);
}

TEST(folders_can_be_chosen) {
  char arguments[2 * PATH_MAX];
  snprintf(arguments, sizeof arguments,
           "--opt-only --entry allocation_two_calls_deep --target '%s/deep'", jet_case_samples());
  check_run(arguments, 1, "jimm-jet: 2 opt findings");
  snprintf(arguments, sizeof arguments, "--opt-only --entry hidden_allocation --target '%s/deep'",
           jet_case_samples());
  check_run(arguments, 0, NULL);
  snprintf(arguments, sizeof arguments, "--opt-only --entry hidden_allocation --target '%s/dee'",
           jet_case_samples());
  check_run(arguments, 2, "--target: there is no ");
}

TEST(the_program_may_be_some_folders) {
  char arguments[2 * PATH_MAX];
  snprintf(arguments, sizeof arguments, "--opt-only --entry take_memory --source '%s/deep'",
           jet_case_samples());
  check_run(arguments, 1, "jimm-jet: 1 opt findings");
  snprintf(arguments, sizeof arguments, "--opt-only --entry clean_sum --source '%s/deep'",
           jet_case_samples());
  check_run(arguments, 2, "no function \"clean_sum\" in the 2 files of ");
  check_run("--opt-only --entry clean_sum --source /no/such", 2, "--source: there is no /no/such");
  check_run("--opt-only --entry clean_sum --source /proc", 2, " has no C files below /proc");
}

static void check_effects(const char *effects, const char *entry, int status, const char *needle) {
  char arguments[2 * PATH_MAX];
  snprintf(arguments, sizeof arguments, "--opt-only --entry %s --effects '%s'", entry,
           jet_case_write("effects", effects));
  check_run(arguments, status, needle);
}

TEST(effects_can_be_told) {
  check_effects("# mine\nnone  unknown_to_*  # all of it\n", "unknown_external", 0, NULL);
  check_effects("none unknown_*\nlock unknown_to_all\n", "unknown_external", 1,
                "lock: waits for other threads (1)\n");
  check_effects("lock unknown_to_all\nnone unknown_*\n", "unknown_external", 0, NULL);
  check_effects("none malloc free\n", "allocation_two_calls_deep", 0, NULL);
  // Of functions that are in the program, too: nobody looks into them then.
  check_effects("blocking-io take_memory release\n", "allocation_two_calls_deep", 1,
                "jimm-jet: 2 opt findings in what allocation_two_calls_deep reaches: 1 functions");
  check_effects("slow free\n", "clean_sum", 2, "effects:1: \"slow\" is no effect");
  check_effects("\nlock\n", "clean_sum", 2, "effects:2: no function has the effect");
  check_effects("lock a*b\n", "clean_sum", 2, "effects:1: \"a*b\": a '*' is allowed");
  check_run("--opt-only --entry clean_sum --effects /no/such", 2, "cannot read the effects");
}

int main(int argc, char **argv) {
  const char *trouble = jet_case_open();
  if (trouble) {
    printf("Bail out! %s\n", trouble);
    return 1;
  }
  add_expectations();
  int status = tap_main(argc, argv);
  free(all.text);
  jet_case_close();
  return status;
}
