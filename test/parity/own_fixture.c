#include "own_fixture.h"

#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "folder.h"
#include "require_ok.h"
#include "run/observe.h"

static jimm_status keep_stage(void *context, jimm_value value, const jimm_tensor *tensor) {
  jimm_model *model = *(jimm_model **)context;
  const jimm_graph *graph = jimm_model_graph(model);
  jimm_state *stages = ((jimm_state **)context)[1];
  const jimm_node *node = jimm_graph_node(graph, value);
  return node->constant ? JIMM_OK : jimm_state_add(stages, node->name, tensor);
}

static const char *const plain_outputs[] = {"features", "logits"};
static const char *const taps[] = {"feat_01", "feat_02", "feat_03", "feat_04", "feat_05"};

/* Adds outputs of the reference in float32, and every node's value as a stage. */
static void add_outputs(jimm_model *model, const jimm_tensor *input, int32_t count,
                        const char *const *names, jimm_parity *parity) {
  jimm_tensor outputs[5];
  REQUIRE_OK(jimm_state_create(&parity->outputs));
  REQUIRE_OK(jimm_state_create(&parity->stages));
  void *context[] = {model, parity->stages};
  REQUIRE_OK(
      jimm_reference_observe(model, JIMM_F32, input, count, names, outputs, keep_stage, context));
  for (int32_t i = 0; i < count; i++) {
    REQUIRE_OK(jimm_state_add_owned(parity->outputs, names[i], &outputs[i]));
  }
}

static void add_vector(const jimm_graph *graph, bool channels, jimm_tensor *vector) {
  const jimm_shape shape = {1, {jimm_graph_feature_count(graph)}};
  REQUIRE_OK(jimm_tensor_create(JIMM_I64, &shape, vector));
  for (int32_t i = 0; i < jimm_graph_feature_count(graph); i++) {
    const jimm_feature_info *tap = jimm_graph_feature(graph, i);
    ((int64_t *)vector->data)[i] = channels ? tap->channels : tap->reduction;
  }
}

void fixture_make(jimm_parity *parity, int64_t in_chans, int64_t output_stride, bool pyramid) {
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  jimm_model_name name;
  jimm_graph *graph = NULL;
  jimm_model *model = NULL;
  const jimm_shape shape = {4, {1, in_chans, 32, 32}};
  memset(parity, 0, sizeof *parity);
  options.in_chans = in_chans;
  options.output_stride = output_stride;
  REQUIRE_OK(jimm_model_find(FIXTURE_ARCH, &name));
  REQUIRE_OK(jimm_graph_build(&name, &options, &graph));
  REQUIRE_OK(jimm_state_synthetic(graph, 1, &parity->state));
  REQUIRE_OK(jimm_model_create(graph, parity->state, NULL, &model));
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &shape, &parity->input));
  REQUIRE_OK(jimm_synthetic_input(1, "input", &parity->input));
  add_outputs(model, &parity->input, pyramid ? 5 : 2, pyramid ? taps : plain_outputs, parity);
  if (pyramid) {
    add_vector(graph, true, &parity->channels);
    add_vector(graph, false, &parity->reductions);
  }
  char text[64];
  snprintf(text, sizeof text, "{\"output_stride\": %lld}", (long long)output_stride);
  parity->variant = jimm_strdup(FIXTURE_ARCH);
  parity->options = jimm_strdup(text);
  jimm_model_close(&model);
  jimm_graph_close(&graph);
}

float *fixture_values(const jimm_state *state, const char *name) {
  const jimm_tensor *tensor = jimm_state_find(state, name);
  TEST_REQUIRE_MSG(tensor != NULL, "%s", name);
  return tensor->data;
}

jimm_status fixture_check(const char *file, jimm_parity *parity, const jimm_parity_options *options,
                          jimm_parity_report **report) {
  const char *path = in_folder(file);
  REQUIRE_OK(jimm_parity_write(path, parity));
  jimm_parity_close(parity);
  return jimm_parity_check_fixture(path, options, report);
}
