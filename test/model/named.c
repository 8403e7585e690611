#include "named.h"

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>

jimm_model_name named_model(const char *name) {
  jimm_model_name found;
  TEST_REQUIRE_MSG(jimm_model_find(name, &found) == JIMM_OK, "%s: %s", name, jimm_error_message());
  return found;
}

jimm_graph *named_graph(const char *name, int64_t num_classes, int64_t in_chans,
                        const char *global_pool) {
  const jimm_model_name found = named_model(name);
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.num_classes = num_classes;
  options.in_chans = in_chans;
  options.global_pool = global_pool;
  jimm_graph *graph = NULL;
  TEST_REQUIRE_MSG(jimm_graph_build(&found, &options, &graph) == JIMM_OK, "%s: %s", name,
                   jimm_error_message());
  return graph;
}

const char *named_output_shape(const jimm_graph *graph, const char *output, int64_t channels) {
  static char text[JIMM_SHAPE_TEXT];
  static jimm_shape shapes[16384];
  const jimm_shape input = {4, {2, channels, 64, 64}};
  TEST_REQUIRE(jimm_graph_node_count(graph) <= 16384);
  TEST_REQUIRE_MSG(jimm_graph_infer(graph, &input, shapes) == JIMM_OK, "%s", jimm_error_message());
  const jimm_value value = jimm_graph_find_output(graph, output);
  TEST_REQUIRE_MSG(value != JIMM_NO_VALUE, "no output %s", output);
  return jimm_shape_format(&shapes[value], text, sizeof text);
}
