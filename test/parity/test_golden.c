/* Every architecture against timm, without Python: parameters and node attributes of the graph, the
 * outputs of the plan (float32, the house bar) and of the reference evaluator (float64). The
 * goldens in test/golden are timm's answers for synthetic weights; test/parity/dump_goldens.py
 * wrote them.
 *
 * JIMM_GOLDEN_REPORT=FILE writes the measured errors as a markdown table; JIMM_TEST_FULL=1 runs
 * the reference over every case (minutes); JIMM_TEST_QUICK=1 takes one small architecture of each
 * kind (for sanitizers and emulation). */
#include <dirent.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>

#include "filter.h"
#include "golden_folder.h"
#include "parity/check.h"
#include "require_ok.h"

/* The reference in float64 differs from timm in float64 by the order of sums only. */
#define REFERENCE_BAR 1e-10

/* Columns of the report: the three outputs that every case has, and the worst of all taps. */
enum { COLUMNS = 4, PYRAMID = 3 };
static const char *const output_names[PYRAMID] = {"features", "pre_logits", "logits"};

typedef struct worst {
  double error, timm_error;
} worst;

/* What one architecture measured, the worst of its cases per column. */
typedef struct measured {
  worst worst[COLUMNS];
  double share; /* of the house bar: the largest error / bar */
} measured;

static FILE *report;

/* ---- one case ---- */

typedef struct evaluation {
  const jimm_golden_case *test_case;
  const char *names[JIMM_PARITY_OUTPUTS];
  jimm_model *model;
  jimm_tensor input;
} evaluation;

static void evaluation_open(const jimm_golden *golden, const jimm_golden_case *test_case,
                            jimm_golden_weights *weights, evaluation *e) {
  *e = (evaluation){.test_case = test_case};
  TEST_REQUIRE(test_case->output_count >= PYRAMID &&
               test_case->output_count <= JIMM_PARITY_OUTPUTS);
  for (int32_t i = 0; i < test_case->output_count; i++) {
    e->names[i] = test_case->outputs[i].name;
    TEST_CHECK_MSG(i >= PYRAMID || strcmp(e->names[i], output_names[i]) == 0, "%s: output %d is %s",
                   test_case->name, (int)i, e->names[i]);
  }
  REQUIRE_OK(jimm_golden_open_case(golden, test_case, weights, &e->model, &e->input));
}

static void evaluation_close(evaluation *e) {
  jimm_tensor_close(&e->input);
  jimm_model_close(&e->model);
}

/* The graph has timm's parameters, nodes and taps. */
static void check_graph(const jimm_golden *golden, const evaluation *e) {
  const jimm_graph *graph = jimm_model_graph(e->model);
  const bool first = e->test_case == &golden->cases[0];
  jimm_text text = {0};
  jimm_golden_compare_features(e->test_case, graph, &text);
  if (first) {
    jimm_golden_compare_parameters(golden, graph, &text);
  }
  if (first || e->test_case->nodes != NULL) {
    REQUIRE_OK(jimm_golden_compare_nodes(golden, e->test_case, graph, &text));
  }
  char *differences = jimm_text_take(&text);
  TEST_REQUIRE(differences != NULL);
  TEST_CHECK_MSG(differences[0] == 0, "%s: the graph is not timm's:\n%s", e->test_case->name,
                 differences);
  jimm_free(differences);
}

static void check_plan(const evaluation *e, measured *total) {
  jimm_tensor outputs[JIMM_PARITY_OUTPUTS];
  REQUIRE_OK(
      jimm_parity_run(e->model, &e->input, 1, e->test_case->output_count, e->names, outputs));
  for (int32_t i = 0; i < e->test_case->output_count; i++) {
    const jimm_golden_output *want = &e->test_case->outputs[i];
    const double bar = jimm_house_bar(JIMM_PRECISION_HIGHEST, want->timm_error);
    double error = 0;
    REQUIRE_OK(jimm_golden_measure(e->test_case, want, &outputs[i], &error));
    TEST_CHECK_MSG(error <= bar, "%s, %s: relative error %.3g, bar %.3g (timm's own %.3g)",
                   e->test_case->name, want->name, error, bar, want->timm_error);
    worst *column = &total->worst[i < PYRAMID ? i : PYRAMID];
    if (error > column->error) {
      *column = (worst){error, want->timm_error};
    }
    total->share = fmax(total->share, error / bar);
    jimm_tensor_close(&outputs[i]);
  }
}

static double check_reference(const evaluation *e) {
  double worst_error = 0;
  jimm_tensor outputs[JIMM_PARITY_OUTPUTS];
  memset(outputs, 0, sizeof outputs);
  REQUIRE_OK(jimm_reference_run(e->model, JIMM_F64, &e->input, e->test_case->output_count, e->names,
                                outputs));
  for (int32_t i = 0; i < e->test_case->output_count; i++) {
    double error = 0;
    REQUIRE_OK(jimm_golden_measure(e->test_case, &e->test_case->outputs[i], &outputs[i], &error));
    TEST_CHECK_MSG(error <= REFERENCE_BAR, "%s, %s: the reference's relative error is %.3g",
                   e->test_case->name, e->names[i], error);
    worst_error = fmax(worst_error, error);
    jimm_tensor_close(&outputs[i]);
  }
  return worst_error;
}

/* ---- one architecture ---- */

/* Small networks of every kind of block, stem, downsample, norm, attention and anti-aliasing; and
 * the smallest of every family. */
static const char *const small[] = {
    "ecaresnet26t",        "ecaresnet50d_pruned",
    "ecaresnext26t_32x4d", "resnet10t",
    "resnet14t",           "resnet18",
    "resnet18d",           "resnet26",
    "resnet26t",           "resnet50_gn",
    "resnetaa34d",         "resnetblur18",
    "resnetrs50",          "seresnet18",
    "test_resnet",         "resnetv2_18d",
    "resnetv2_50d_evos",   "resnetv2_50d_frn",
    "resnetv2_50x1_bit",   "convnext_atto",
    "convnext_atto_rms",   "convnext_zepto_rms_ols",
    "test_convnext",       "test_convnext3",
    "convnextv2_atto",
};

static bool is_small(const char *arch) {
  for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
    if (strcmp(arch, small[i]) == 0) {
      return true;
    }
  }
  jimm_model_name name;
  return jimm_model_find(arch, &name) == JIMM_OK && filter_smallest(name.family) == name.arch;
}

static bool is_set(const char *variable) {
  const char *value = getenv(variable);
  return value != NULL && strcmp(value, "1") == 0;
}

/* Where the float64 reference runs in a plain check: small networks at the smallest case, a few
 * dilated ones, and test_resnet in full. */
static bool reference_runs(const char *arch, const char *test_case) {
  static const char *const dilated[] = {"resnet10t", "resnetblur18", "resnetaa34d"};
  if (is_set("JIMM_TEST_FULL") || strcmp(arch, "test_resnet") == 0 ||
      (strcmp(arch, "resnet10t") == 0 && strcmp(test_case, "odd") == 0)) {
    return true;
  }
  if (is_small(arch) && strcmp(test_case, "gray") == 0) {
    return true;
  }
  for (size_t i = 0; i < sizeof dilated / sizeof dilated[0]; i++) {
    if (strcmp(arch, dilated[i]) == 0 && strcmp(test_case, "stride8") == 0) {
      return true;
    }
  }
  return false;
}

static void write_report(const char *arch, const measured *m) {
  if (report == NULL) {
    return;
  }
  fprintf(report, "| %s |", arch);
  for (int i = 0; i < COLUMNS; i++) {
    fprintf(report, " %.1e | %.1e |", m->worst[i].error, m->worst[i].timm_error);
  }
  fprintf(report, " %.0f %% |\n", 100.0 * m->share);
  fflush(report);
}

static void check_arch(void *context) {
  const char *arch = context;
  char *path = jimm_format("%s/%s.json", golden_folder(), arch);
  jimm_golden golden;
  TEST_REQUIRE(path != NULL);
  REQUIRE_OK(jimm_golden_read(path, &golden));
  jimm_free(path);
  TEST_REQUIRE_STR(golden.arch, arch);
  TEST_REQUIRE(golden.case_count >= 4);

  measured total = {0};
  jimm_golden_weights weights = {.state = NULL};
  double reference = 0;
  int references = 0;
  for (int32_t i = 0; i < golden.case_count; i++) {
    evaluation e;
    evaluation_open(&golden, &golden.cases[i], &weights, &e);
    check_graph(&golden, &e);
    check_plan(&e, &total);
    if (reference_runs(arch, golden.cases[i].name)) {
      reference = fmax(reference, check_reference(&e));
      references++;
    }
    evaluation_close(&e);
  }
  jimm_golden_weights_close(&weights);
  TEST_NOTE("%s: %d cases, error of features %.2g (timm's own %.2g), logits %.2g (%.2g)", arch,
            (int)golden.case_count, total.worst[0].error, total.worst[0].timm_error,
            total.worst[2].error, total.worst[2].timm_error);
  if (references > 0) {
    TEST_NOTE("%s: float64 reference, %d cases: %.2g", arch, references, reference);
  }
  write_report(arch, &total);
  jimm_golden_close(&golden);
}

/* ---- the list ---- */

#define ARCHS_MAX 1024
static char *archs[ARCHS_MAX];
static int arch_count;

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

TEST_SETUP() {
#ifdef __GLIBC__
  /* Memory is kept for the next network: the system clears the pages of a new block first, which
   * took half of the time. */
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
  DIR *folder = opendir(golden_folder());
  TEST_REQUIRE_MSG(folder != NULL, "no folder %s: run from the source root", golden_folder());
  const struct dirent *entry;
  while ((entry = readdir(folder)) != NULL && arch_count < ARCHS_MAX) {
    const char *end = strrchr(entry->d_name, '.');
    if (end != NULL && strcmp(end, ".json") == 0) {
      archs[arch_count] = strndup(entry->d_name, (size_t)(end - entry->d_name));
      TEST_REQUIRE(archs[arch_count] != NULL);
      arch_count++;
    }
  }
  closedir(folder);
  TEST_REQUIRE_MSG(arch_count > 0, "no golden in %s", golden_folder());
  qsort(archs, (size_t)arch_count, sizeof archs[0], by_name);
  for (int i = 0; i < arch_count; i++) {
    if (!filter_arch(archs[i]) || (is_set("JIMM_TEST_QUICK") && !is_small(archs[i]))) {
      continue;
    }
    jt_add(archs[i], check_arch, archs[i], NULL);
  }
  const char *path = getenv("JIMM_GOLDEN_REPORT");
  if (path != NULL && path[0] != 0) {
    report = fopen(path, "w");
    TEST_REQUIRE_MSG(report != NULL, "cannot write %s", path);
    fprintf(
        report,
        "| architecture | features | timm's own | pre_logits | timm's own | logits | timm's "
        "own | pyramid | timm's own | of the bar |\n|---|---|---|---|---|---|---|---|---|---|\n");
  }
}

/* A golden for each architecture of the registry that is in the scope of this run, so that a new
 * row cannot go without. */
TEST(every_architecture_has_a_golden) {
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; a < family->arch_count; a++) {
      const char *name = family->archs[a].name;
      TEST_CHECK_MSG(
          !filter_arch(name) ||
              bsearch(&name, archs, (size_t)arch_count, sizeof archs[0], by_name) != NULL,
          "%s/%s.json is missing: run test/parity/dump_goldens.py %s", golden_folder(), name, name);
    }
  }
}

TEST_MAIN()
