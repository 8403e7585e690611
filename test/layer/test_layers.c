/* Widths and kernels that layers compute from channels, as timm.layers does; the architectures use
 * a few of them only. */
#include <jimm-test/jimm-test.h>

#include "layer/layer.h"

/* The shape of parameter `name` of a layer on an image of `channels`. */
static const char *shape_of(const char *name, int64_t channels, double ratio) {
  static char text[JIMM_SHAPE_TEXT];
  jimm_graph *graph = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&graph), JIMM_OK);
  jimm_value x = jimm_layer_image(graph, channels);
  x = ratio > 0 ? jimm_layer_squeeze_excite(graph, "se", x, channels, ratio)
                : jimm_layer_eca(graph, "se", x, channels);
  jimm_graph_output(graph, "y", x);
  TEST_REQUIRE_MSG(jimm_graph_finish(graph) == JIMM_OK, "%s", jimm_error_message());
  const jimm_node *node = jimm_graph_node(graph, jimm_graph_find(graph, name));
  TEST_REQUIRE(node != NULL);
  jimm_shape_format(&((const jimm_parameter_attrs *)node->attrs)->shape, text, sizeof text);
  jimm_graph_close(&graph);
  return text;
}

TEST(squeeze_excite_widths) {
  static const struct {
    int64_t channels;
    double ratio;
    const char *fc1;
  } rows[] = {
      {16, 1.0 / 16, "[8, 16, 1, 1]"},       {64, 1.0 / 16, "[8, 64, 1, 1]"},
      {92, 0.25, "[24, 92, 1, 1]"},          {100, 1.0 / 16, "[8, 100, 1, 1]"},
      {200, 1.0 / 16, "[16, 200, 1, 1]"},    {256, 0.25, "[64, 256, 1, 1]"},
      {2048, 1.0 / 16, "[128, 2048, 1, 1]"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    TEST_CHECK_STR(shape_of("se.fc1.weight", rows[i].channels, rows[i].ratio), rows[i].fc1);
  }
}

TEST(eca_kernels) {
  static const struct {
    int64_t channels;
    const char *weight;
  } rows[] = {
      {1, "[1, 1, 3]"},    {2, "[1, 1, 3]"},    {32, "[1, 1, 3]"},   {64, "[1, 1, 3]"},
      {127, "[1, 1, 3]"},  {128, "[1, 1, 5]"},  {512, "[1, 1, 5]"},  {1024, "[1, 1, 5]"},
      {2047, "[1, 1, 5]"}, {2048, "[1, 1, 7]"}, {8192, "[1, 1, 7]"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    TEST_CHECK_STR(shape_of("se.conv.weight", rows[i].channels, 0), rows[i].weight);
  }
}
