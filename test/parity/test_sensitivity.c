/* Does every parameter matter? See src/parity/sensitivity.c. Takes the smallest network of every
 * family, where it is small; JIMM_TEST_FULL=1 all of those, and every kind of block, stem,
 * downsample and norm. */
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>

#include "filter.h"
#include "parity/check.h"
#include "require_ok.h"

#define SMALL 1000000 /* parameters */

static void check_arch(void *context) {
  const char *arch = context;
  jimm_model_name name;
  jimm_graph *graph = NULL;
  jimm_parity_book *book = NULL;
  REQUIRE_OK(jimm_model_find(arch, &name));
  REQUIRE_OK(jimm_graph_build(&name, NULL, &graph));
  REQUIRE_OK(jimm_parity_book_create(arch, &book));
  REQUIRE_OK(jimm_parity_sensitivity(book, graph, JIMM_THREADS_DEFAULT));
  jimm_parity_report *report = &book->report;
  TEST_CHECK(report->parameter_count > 0);
  TEST_CHECK_MSG(report->least_effect > report->effect_bar, "%s: logits move by %.3g only",
                 report->least_parameter, report->least_effect);
  TEST_NOTE("%s: %d tensors, the least effect is %.2g (%s)", arch, (int)report->parameter_count,
            report->least_effect, report->least_parameter);
  jimm_parity_report_close(&report);
  jimm_graph_close(&graph);
}

/* A graph in which a parameter is read but changes nothing must show as such. */
TEST(a_parameter_without_effect_shows) {
  const jimm_input_attrs input = {{4, {-1, 3, -1, -1}}, JIMM_F32};
  const jimm_parameter_attrs weight = {
      {2, {4, 3}}, JIMM_F32, JIMM_PARAMETER, JIMM_ROLE_NONE, false};
  const jimm_parameter_attrs hidden = {
      {2, {4, 4}}, JIMM_F32, JIMM_PARAMETER, JIMM_ROLE_NONE, false};
  const jimm_global_pool_attrs pool = {JIMM_POOL_AVG};
  const jimm_flatten_attrs flatten = {1};
  jimm_graph *graph = NULL;
  jimm_parity_book *book = NULL;
  REQUIRE_OK(jimm_graph_create(&graph));
  jimm_value x = jimm_graph_input(graph, "input", &input);
  x = jimm_graph_add(graph, "global_pool", "pool", &pool, 1, &x);
  x = jimm_graph_add(graph, "flatten", "flat", &flatten, 1, &x);
  const jimm_value linear[] = {x, jimm_graph_parameter(graph, "fc.weight", &weight)};
  x = jimm_graph_add(graph, "linear", "fc", NULL, 2, linear);
  const jimm_value unused[] = {x, jimm_graph_parameter(graph, "lost.weight", &hidden)};
  jimm_graph_add(graph, "linear", "lost", NULL, 2, unused);
  jimm_graph_output(graph, "logits", x);
  REQUIRE_OK(jimm_graph_finish(graph));
  REQUIRE_OK(jimm_parity_book_create("own", &book));
  REQUIRE_OK(jimm_parity_sensitivity(book, graph, 1));
  jimm_parity_report *report = &book->report;
  TEST_CHECK_INT(report->parameter_count, 2);
  TEST_CHECK_STR(report->least_parameter, "lost.weight");
  TEST_CHECK(report->least_effect == 0);
  jimm_parity_report_close(&report);
  jimm_graph_close(&graph);
}

static int added;

static void add(const char *arch) {
  if (filter_arch(arch)) {
    jt_add(arch, check_arch, (void *)arch, NULL);
    added++;
  }
}

TEST_SETUP() {
  static const char *const kinds[] = {
      "test_convnext3",   "resnet18d",         "resnet26t",           "resnet50",
      "resnet50_gn",      "seresnet18",        "ecaresnet26t",        "resnetrs50",
      "resnetblur18",     "resnetaa34d",       "ecaresnet50d_pruned", "resnext50_32x4d",
      "resnetv2_18d",     "resnetv2_50d_evos", "resnetv2_50d_frn",    "convnext_zepto_rms_ols",
      "convnext_atto_rms"};
  const char *set = getenv("JIMM_TEST_FULL");
  const bool full = set != NULL && strcmp(set, "1") == 0;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_arch *smallest = filter_smallest(jimm_family_at(f));
    if (full || smallest->params < SMALL) {
      add(smallest->name);
    }
  }
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && full; i++) {
    add(kinds[i]);
  }
  if (added == 0) {
    filter_add_skip();
  }
}

TEST_MAIN()
