/* Every architecture against timm, without Python: parameters and node attributes of the graph, the
 * outputs of the plan (float32, the house bar) and of the reference evaluator (float64). The
 * goldens in test/golden are timm's answers for synthetic weights; test/parity/dump_goldens.py
 * wrote them.
 *
 * JIMM_GOLDEN_REPORT=FILE writes the measured errors as a markdown table; JIMM_TEST_FULL=1 runs
 * the reference over every case (minutes); JIMM_TEST_QUICK=1 takes one small architecture of each
 * kind (for sanitizers and emulation). */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "golden.h"

/* The house bar: relative to the largest value, against timm in float64. */
#define HOUSE_FLOOR 2e-6
#define HOUSE_TIMES_TIMM 3.0
/* The reference in float64 differs from timm in float64 by the order of sums only. */
#define REFERENCE_BAR 1e-10

/* The outputs that a case may have; the taps of the pyramid come last. */
#define OUTPUT_COUNT 8
static const char *const output_names[OUTPUT_COUNT] = {
    "features", "pre_logits", "logits", "feat_01", "feat_02", "feat_03", "feat_04", "feat_05"};
/* Columns of the report: the three outputs, and the worst of all taps. */
enum { COLUMNS = 4, PYRAMID = 3 };

/* What one architecture measured, the worst of its cases per column. */
typedef struct measured {
  golden_error worst[COLUMNS];
  double share; /* of the house bar: the largest error / bar */
} measured;

static FILE *report;

/* ---- one case ---- */

typedef struct evaluation {
  const jimm_json *test_case;
  int32_t outputs; /* the first so many of output_names */
  jimm_model *model;
  jimm_tensor input;
} evaluation;

static jimm_graph *build(const char *arch, const jimm_json *test_case, int64_t in_chans) {
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.num_classes = golden_integer(test_case, "num_classes");
  options.in_chans = in_chans;
  options.global_pool = golden_get(test_case, "global_pool", JIMM_JSON_STRING)->string;
  options.output_stride = golden_integer(test_case, "output_stride");
  jimm_model_name name;
  jimm_graph *graph = NULL;
  REQUIRE_OK(jimm_model_find(arch, &name));
  REQUIRE_OK(jimm_graph_build(&name, &options, &graph));
  return graph;
}

/* The weights of a case; made anew only when its head is another than that of the case before. */
typedef struct weights {
  jimm_state *state;
  int64_t num_classes;
  const char *global_pool;
} weights;

static jimm_state *weights_of(weights *w, const char *arch, uint64_t seed,
                              const jimm_json *test_case) {
  const int64_t num_classes = golden_integer(test_case, "num_classes");
  const char *global_pool = golden_get(test_case, "global_pool", JIMM_JSON_STRING)->string;
  if (w->state != NULL && w->num_classes == num_classes &&
      strcmp(w->global_pool, global_pool) == 0) {
    return w->state;
  }
  jimm_state_close(&w->state);
  jimm_graph *graph = build(arch, test_case, 3);
  REQUIRE_OK(jimm_state_synthetic(graph, seed, &w->state));
  jimm_graph_close(&graph);
  w->num_classes = num_classes;
  w->global_pool = global_pool;
  return w->state;
}

/* `state` holds weights of 3 channels, which are adapted when they are bound, as released ones. */
static void evaluation_open(const jimm_json *golden, jimm_state *state, const jimm_json *test_case,
                            evaluation *e) {
  const char *arch = golden_get(golden, "arch", JIMM_JSON_STRING)->string;
  const int64_t in_chans = golden_integer(test_case, "in_chans");
  *e = (evaluation){.test_case = test_case};
  e->outputs = (int32_t)golden_get(test_case, "outputs", JIMM_JSON_OBJECT)->length;
  TEST_REQUIRE(e->outputs >= PYRAMID && e->outputs <= OUTPUT_COUNT);
  jimm_graph *graph = build(arch, test_case, in_chans);
  golden_check_features(test_case, graph);
  if (jimm_json_get(test_case, "nodes") != NULL) {
    golden_check_nodes(golden, test_case, graph);
  }
  REQUIRE_OK(jimm_model_create(graph, state, NULL, &e->model));
  jimm_graph_close(&graph);

  const jimm_shape shape = {
      4,
      {golden_integer(test_case, "batch"), in_chans, golden_integer(test_case, "height"),
       golden_integer(test_case, "width")}};
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &shape, &e->input));
  REQUIRE_OK(jimm_synthetic_input((uint64_t)golden_integer(test_case, "seed"), "input", &e->input));
}

static void evaluation_close(evaluation *e) {
  jimm_tensor_close(&e->input);
  jimm_model_close(&e->model);
}

static double house_bar(golden_error error) {
  return fmax(HOUSE_FLOOR, HOUSE_TIMES_TIMM * error.timm_error);
}

static void check_plan(const evaluation *e, measured *total) {
  const char *name = golden_get(e->test_case, "name", JIMM_JSON_STRING)->string;
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.batch = e->input.shape.dim[0];
  options.height = e->input.shape.dim[2];
  options.width = e->input.shape.dim[3];
  options.outputs = output_names;
  options.output_count = e->outputs;
  jimm_plan *plan = NULL;
  REQUIRE_OK(jimm_plan_create(e->model, &options, &plan));
  jimm_tensor outputs[OUTPUT_COUNT];
  memset(outputs, 0, sizeof outputs);
  for (int32_t i = 0; i < e->outputs; i++) {
    jimm_shape shape;
    REQUIRE_OK(jimm_plan_output_shape(plan, i, &shape));
    REQUIRE_OK(jimm_tensor_create(JIMM_F32, &shape, &outputs[i]));
  }
  REQUIRE_OK(jimm_plan_run(plan, &e->input, outputs));
  for (int32_t i = 0; i < e->outputs; i++) {
    const golden_error got = golden_measure(e->test_case, output_names[i], &outputs[i]);
    const double bar = house_bar(got);
    TEST_CHECK_MSG(got.error <= bar, "%s, %s: relative error %.3g, bar %.3g, timm's own %.3g", name,
                   output_names[i], got.error, bar, got.timm_error);
    golden_error *worst = &total->worst[i < PYRAMID ? i : PYRAMID];
    worst->error = fmax(worst->error, got.error);
    worst->timm_error = fmax(worst->timm_error, got.timm_error);
    total->share = fmax(total->share, got.error / bar);
    jimm_tensor_close(&outputs[i]);
  }
  jimm_plan_close(&plan);
}

static double check_reference(const evaluation *e) {
  const char *name = golden_get(e->test_case, "name", JIMM_JSON_STRING)->string;
  double worst = 0;
  jimm_tensor outputs[OUTPUT_COUNT];
  memset(outputs, 0, sizeof outputs);
  REQUIRE_OK(jimm_reference_run(e->model, JIMM_F64, &e->input, e->outputs, output_names, outputs));
  for (int32_t i = 0; i < e->outputs; i++) {
    const golden_error got = golden_measure(e->test_case, output_names[i], &outputs[i]);
    TEST_CHECK_MSG(got.error <= REFERENCE_BAR, "%s, %s: the reference's relative error is %.3g",
                   name, output_names[i], got.error);
    worst = fmax(worst, got.error);
    jimm_tensor_close(&outputs[i]);
  }
  return worst;
}

/* ---- one architecture ---- */

/* Small networks of every kind of block, stem, downsample, norm, attention and anti-aliasing. */
static const char *const small[] = {
    "ecaresnet26t",        "ecaresnet50d_pruned",
    "ecaresnext26t_32x4d", "resnet10t",
    "resnet14t",           "resnet18",
    "resnet18d",           "resnet26",
    "resnet26t",           "resnet50_gn",
    "resnetaa34d",         "resnetblur18",
    "resnetrs50",          "seresnet18",
    "test_resnet",
};

static bool is_small(const char *arch) {
  for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
    if (strcmp(arch, small[i]) == 0) {
      return true;
    }
  }
  return false;
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
  jimm_arena arena = {0};
  const jimm_json *golden = golden_read(arch, &arena);
  const uint64_t weights_seed = (uint64_t)golden_integer(golden, "weights_seed");
  const jimm_json *cases = golden_get(golden, "cases", JIMM_JSON_ARRAY);
  TEST_REQUIRE(cases->length >= 4);

  jimm_graph *graph = build(arch, cases->first, 3);
  golden_check_parameters(golden, graph);
  golden_check_nodes(golden, NULL, graph);
  jimm_graph_close(&graph);

  measured total = {0};
  weights shared = {.state = NULL};
  double reference = 0;
  int references = 0;
  for (const jimm_json *item = cases->first; item != NULL; item = item->next) {
    evaluation e;
    evaluation_open(golden, weights_of(&shared, arch, weights_seed, item), item, &e);
    check_plan(&e, &total);
    if (reference_runs(arch, golden_get(item, "name", JIMM_JSON_STRING)->string)) {
      reference = fmax(reference, check_reference(&e));
      references++;
    }
    evaluation_close(&e);
  }
  jimm_state_close(&shared.state);
  TEST_NOTE("%s: %zu cases, error of features %.2g (timm's own %.2g), logits %.2g (%.2g)", arch,
            cases->length, total.worst[0].error, total.worst[0].timm_error, total.worst[2].error,
            total.worst[2].timm_error);
  if (references > 0) {
    TEST_NOTE("%s: float64 reference, %d cases: %.2g", arch, references, reference);
  }
  write_report(arch, &total);
  jimm_arena_close(&arena);
}

/* ---- the list ---- */

#define ARCHS_MAX 1024
static char *archs[ARCHS_MAX];
static int arch_count;

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

TEST_SETUP() {
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

/* A golden for each architecture of the registry, so that a new row cannot go without. */
TEST(every_architecture_has_a_golden) {
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; a < family->arch_count; a++) {
      const char *name = family->archs[a].name;
      TEST_CHECK_MSG(bsearch(&name, archs, (size_t)arch_count, sizeof archs[0], by_name) != NULL,
                     "%s/%s.json is missing: run test/parity/dump_goldens.py %s", golden_folder(),
                     name, name);
    }
  }
}

TEST_MAIN()
