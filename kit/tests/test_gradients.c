// Gradient checks tested by themselves: right gradients pass, and every wrong one of
// testkit_gradients.c is named. That program lies
// beside this one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "gradient_defects.h"
#include "gradient_problems.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static char victims[4096];

// What the program reports of one of its tests; freed by the caller.
static char *run(const char *name, const char *more, int *status) {
  char command[8192];
  snprintf(command, sizeof command, "exec '%s' --filter '%s' %s 2>/dev/null", victims, name, more);
  FILE *pipe = popen(command, "r");
  char *text = calloc(1, 1);
  size_t size = 0, got;
  char part[4096];
  while (pipe && text && (got = fread(part, 1, sizeof part, pipe)) > 0) {
    char *grown = realloc(text, size + got + 1);
    if (!grown) {
      break;
    }
    text = grown;
    memcpy(text + size, part, got);
    size += got;
    text[size] = '\0';
  }
  *status = pipe ? pclose(pipe) : -1;
  return text;
}

static void check(const char *name, const char *more, int want, const char *const *findings) {
  int status;
  char *text = run(name, more, &status);
  TEST_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == want, "%s: status %d", name, status);
  for (; *findings; findings++) {
    TEST_CHECK_CONTAINS(text, *findings);
  }
  free(text);
}

// ---- Seeded defects -----------------------------------------------------------------------------

typedef struct seeded {
  const char *name, *function, *what, *finding;
} seeded;

static const seeded defects[] = {
#define DEFECT(name, function, what, finding) {#name, #function, what, finding},
#include "gradient_defects.def"
#undef DEFECT
};

static void defect_is_named(void *row) {
  const seeded *s = row;
  char line[100], set[100];
  snprintf(line, sizeof line, "\nnot ok 1 - %s\n", s->name);
  snprintf(set, sizeof set, "set: \"%s > own", s->function);
  // A sanitizer meets a crash before we do, and ends the process in its own way.
  bool crash = SANITIZED && strstr(s->finding, "crashed with");
  check(s->name, "", 1, (const char *[]){line, set, crash ? "outcome: error" : s->finding, NULL});
}

// ---- Samples ------------------------------------------------------------------------------------

static void sample_passes(void *name) {
  TEST_CHECK(check_sample(name));
}

TEST_SETUP() {
  for (size_t i = 0; i < sizeof defects / sizeof *defects; i++) {
    jt_add(defects[i].name, defect_is_named, (void *)(uintptr_t)&defects[i], NULL);
  }
  for (size_t i = 0; i < sample_count; i++) {
    jt_add(sample_names[i], sample_passes, (void *)(uintptr_t)sample_names[i], NULL);
  }
}

// ---- Outcomes -----------------------------------------------------------------------------------

#define OK(name) "\nok 1 - " name
#define BAD(name) "\nnot ok 1 - " name "\n"
#define EXPECTED(name) \
  "\nnot ok 1 - " name \
  " # TO"              \
  "DO broken: "

static const struct {
  const char *name;
  int status;
  const char *findings[5];
} rows[] = {
    {"no_backend", 0, {OK("no_backend # SKIP "), "no backend is left to compare"}},
    {"nothing_to_differentiate", 0, {"# SKIP square: every argument is constant or empty"}},
    {"skipped_backend", 0, {"# SKIP square: own: in skip_backends"}},
    {"soft_wrong", 0, {EXPECTED("soft_wrong") "soft: square: own", "x[2] ", "got 7 "}},
    {"soft_over_broken", 0, {EXPECTED("soft_over_broken") "soft: "}},
    {"broken_wrong", 0, {EXPECTED("broken_wrong") "square: own"}},
    {"broken_right", 1, {BAD("broken_right"), "unbroken: passed unexpectedly"}},
    {"soft_crash", 1, {BAD("soft_crash"), "outcome: error", "crashed with SIGABRT"}},
    {"skipped_and_broken", 1, {BAD("skipped_and_broken"), "name both: own"}},
    {"unknown_backend", 1, {BAD("unknown_backend"), "a backend that there is not"}},
    {"negative_tolerance", 1, {BAD("negative_tolerance"), "rtol -1"}},
    {"no_such_truth", 1, {BAD("no_such_truth"), "the function has no backend \\\"tape\\\""}},
    {"path_that_is_not_there", 1, {BAD("path_that_is_not_there"), "have no \\\"nobody\\\""}},
    {"same_names", 1, {BAD("same_names"), "have the name \\\"x\\\""}},
    {"wrong_shape", 1, {BAD("wrong_shape"), "its shape has 4 elements, it has 1"}},
    {"null_data", 1, {BAD("null_data"), "2 elements at NULL"}},
    {"at_a_kink",
     1,
     {BAD("at_a_kink"), "this is no wrong gradient", "x[1] ", "0 to the left, 1 to the right"}},
    {"untold_in_grains",
     1,
     {BAD("untold_in_grains"), "2 of 2 derivatives cannot be told", "noise: differences say"}},
    {"wrong_in_grains", 1, {BAD("wrong_in_grains"), "1 of 2 derivatives are wrong", "x[1] "}},
    {"right_in_a_bump", 0, {OK("right_in_a_bump\n")}},
    {"wrong_in_a_bump", 1, {BAD("wrong_in_a_bump"), "got 3 ", "want 4 "}},
    {"right_in_noise", 0, {OK("right_in_noise")}},
    {"wrong_in_noise", 1, {BAD("wrong_in_noise"), "1 of 3 derivatives are wrong", "x[2] "}},
    {"at_a_jump", 1, {BAD("at_a_jump"), "this is no wrong gradient"}},
    {"value_is_nan", 1, {BAD("value_is_nan"), "nan: there is no gradient to compare with"}},
    {"value_is_infinite", 1, {BAD("value_is_infinite"), "its value is -inf"}},
    {"edge_of_a_domain", 1, {BAD("edge_of_a_domain"), "the function is not finite beside it"}},
    {"not_deterministic", 1, {BAD("not_deterministic"), "it is not deterministic: with the same"}},
    {"writes_its_input", 1, {BAD("writes_its_input"), "element 2 of \\\"x\\\" has changed"}},
    {"crashes_beside_x",
     1,
     {BAD("crashes_beside_x"), "outcome: error", SANITIZED ? "message: " : "crashed with SIGSEGV"}},
    {"hangs_beside_x", 1, {BAD("hangs_beside_x"), "outcome: error", "took more than "}},
    {"float_without_truth", 0, {OK("float_without_truth # SKIP "), "no form in float64"}},
    {"float_wrong", 1, {BAD("float_wrong"), "got 4.01999"}},
    {"one_of_many", 1, {BAD("one_of_many"), "x[77777] ", "random directions of all 100000"}},
    {"more_than_ten", 1, {BAD("more_than_ten"), "30 of 30", "and 20 more"}},
    {"beside_a_pole", 0, {OK("beside_a_pole")}},
    {"wrong_beside_a_kink", 1, {BAD("wrong_beside_a_kink"), "got 5 ", "want 3 "}},
    {"recompiled_is_another", 1, {"changed_square > dual", "its value is 2, not 14"}},
    {"recompiled_without_enzyme",
     0,
     {OK("recompiled_without_enzyme\n"), "enzyme: Enzyme's plugin was not found",
      "enzyme reverse: Enzyme's", "(3 checks, 2 of them skipped)"}},
    {"recompiled_with_a_context",
     0,
     {OK("recompiled_with_a_context # SKIP "), "dual: ctx may hold"}},
    {"recompiled_with_a_plain_context", 0, {OK("recompiled_with_a_plain_context\n")}},
    {"enzyme_ctx_of_unknown_size", 0, {OK("enzyme_ctx_of_unknown_size\n")}},
    {"enzyme_writes_into_ctx", 1, {BAD("enzyme_writes_into_ctx"), "it wrote into its ctx"}},
    {"enzyme_changes_a_constant",
     1,
     {BAD("enzyme_changes_a_constant"), "after it the function is another"}},
    {"enzyme_with_runtime_activity", 0, {OK("enzyme_with_runtime_activity\n")}},
    {"enzyme_cannot", 1, {BAD("enzyme_cannot"), "Enzyme cannot differentiate it: longjmp"}},
    {"enzyme_cannot_as_expected", 0, {EXPECTED("enzyme_cannot_as_expected")}},
    {"enzyme_forward_only", 0, {OK("enzyme_forward_only\n"), "(1 checks)"}},
    {"enzyme_reverse",
     1,
     {BAD("enzyme_reverse"), "set: \"half_square > enzyme reverse\"", "got 5",
      "Enzyme holds ctx for constant"}},
    {"enzyme_skipped", 0, {OK("enzyme_skipped # SKIP"), "(3 checks, 3 of them skipped)"}},
    {"enzyme_miscompiled", 1, {BAD("enzyme_miscompiled"), "the function is another"}},
    {"kind_right", 0, {OK("kind_right"), "(5 checks)"}},
    {"kind_of_forty_inputs", 0, {OK("kind_of_forty_inputs"), "forward: more than 32 inputs"}},
    {"kind_wrong_vjp", 1, {"set: \"f > reverse\"", "x[0] ", "reverse, forward beside reverse"}},
    {"kind_wrong_jvp", 1, {"set: \"f > forward\"", "forward beside reverse", "x[3] "}},
    {"kind_wrong_jvp_of_forty", 1, {"reverse, forward beside reverse", "along a random direction"}},
    {"kind_both_wrong_alike", 1, {"set: \"f > reverse\"", "set: \"f > forward\"", "x[0] "}},
    {"kind_wrong_hvp", 1, {"reverse, second order", "a random direction is wrong at x["}},
    {"kind_unsymmetric", 1, {"reverse, second order", "it is not symmetric"}},
    {"kind_without_a_rule", 1, {BAD("kind_without_a_rule"), "no rule for \\\"sin\\\""}},
    {"kind_without_a_rule_is_broken", 0, {EXPECTED("kind_without_a_rule_is_broken")}},
    {"kind_odd_at_zero", 1, {"forward, special values", "at x[0] = 0 the derivative of x[0] is"}},
    {"kind_with_another_truth", 1, {"set: \"f > forward\"", "relative error 0.01"}},
    {"in_this_process", 0, {OK("in_this_process")}},
    {"of_nothing_but_kinds", 0, {OK("of_nothing_but_kinds # SKIP ")}},
};

// What Enzyme does wrong is seen. Without its plugin each is a skip.
static const struct {
  const char *name;
  int status;
  const char *findings[5];
} pitfalls[] = {
    {"pitfall_scratch_in_ctx", 1, {BAD("pitfall_scratch_in_ctx"), "it wrote into its ctx"}},
    {"pitfall_scratch_of_unknown_size",
     1,
     {BAD("pitfall_scratch_of_unknown_size"), "3 of 3 derivatives are wrong",
      "Enzyme holds ctx for constant"}},
    {"pitfall_callback_in_ctx", 1, {BAD("pitfall_callback_in_ctx"), "Enzyme holds ctx"}},
    {"pitfall_chosen_pointer", 1, {BAD("pitfall_chosen_pointer"), "chosen_pointer > enzyme"}},
    {"pitfall_chosen_pointer_at_run_time", 0, {OK("pitfall_chosen_pointer_at_run_time\n")}},
    {"pitfall_printing", 1, {BAD("pitfall_printing"), "Enzyme fails at it: error: "}},
    {"pitfall_log_gamma", 1, {BAD("pitfall_log_gamma"), "Enzyme cannot differentiate it: "}},
    {"pitfall_log_gamma_as_expected", 0, {EXPECTED("pitfall_log_gamma_as_expected")}},
    {"pitfall_remquo", 1, {BAD("pitfall_remquo"), "derivative found for remquo"}},
};

static bool has_enzyme(void) {
  int status;
  char *text = run("pitfall_log_gamma", "", &status);
  const char *skip = strstr(text, "# SKIP log_gamma: enzyme: ");
  if (skip) {
    TEST_SKIP_CHECK("%.*s", (int)strcspn(skip, "\n"), skip + 7);
  }
  free(text);
  return !skip;
}

TEST(pitfalls_of_enzyme) {
  for (size_t i = 0; i < sizeof pitfalls / sizeof *pitfalls && has_enzyme(); i++) {
    check(pitfalls[i].name, "", pitfalls[i].status, pitfalls[i].findings);
  }
}

TEST(outcomes) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    check(rows[i].name, "", rows[i].status, rows[i].findings);
  }
}

int main(int argc, char **argv) {
  const char *slash = strrchr(argv[0], '/');
  snprintf(victims, sizeof victims, "%.*s/testkit_gradients", slash ? (int)(slash - argv[0]) : 1,
           slash ? argv[0] : ".");
  return jt_main(argc, argv);
}
