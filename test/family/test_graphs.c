/* The graphs of families: names, order and roles of parameters, heads, strides, features. */
#include <jimm-test/jimm-test.h>
#include <jimm/base.h>
#include <jimm/model.h>
#include <string.h>

#include "model/named.h"

TEST(names_follow_the_scopes) {
  jimm_graph *graph = named_graph("resnet26t", -1, -1, NULL);
  static const char *const names[] = {"conv1.0.weight",
                                      "conv1.6",
                                      "bn1",
                                      "act1",
                                      "maxpool",
                                      "layer1.0.conv3.weight",
                                      "layer1.0.add",
                                      "layer1.0.act3",
                                      "layer2.0.downsample.0",
                                      "global_pool.pool",
                                      "global_pool.flatten",
                                      "layer4.1.drop_path",
                                      "fc",
                                      "layer2.0.downsample.2.num_batches_tracked"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    TEST_CHECK_MSG(jimm_graph_find(graph, names[i]) != JIMM_NO_VALUE, "%s", names[i]);
  }
  /* The pool before the shortcut's projection is the identity at stride 1: no node. */
  TEST_CHECK(jimm_graph_find(graph, "layer1.0.downsample.0") == JIMM_NO_VALUE);
  jimm_graph_close(&graph);
}

/* PyTorch's order of the state_dict: modules in order of construction, the shortcut last. */
TEST(parameters_are_in_the_order_of_the_state_dict) {
  static const char *const want[] = {"layer2.0.conv1.weight",
                                     "layer2.0.bn1.weight",
                                     "layer2.0.bn1.bias",
                                     "layer2.0.bn1.running_mean",
                                     "layer2.0.bn1.running_var",
                                     "layer2.0.bn1.num_batches_tracked",
                                     "layer2.0.conv2.weight",
                                     "layer2.0.bn2.weight",
                                     "layer2.0.bn2.bias",
                                     "layer2.0.bn2.running_mean",
                                     "layer2.0.bn2.running_var",
                                     "layer2.0.bn2.num_batches_tracked",
                                     "layer2.0.downsample.0.weight",
                                     "layer2.0.downsample.1.weight"};
  jimm_graph *graph = named_graph("resnet18", -1, -1, NULL);
  size_t next = 0;
  for (jimm_value v = jimm_graph_find(graph, want[0]); next < sizeof want / sizeof want[0]; v++) {
    const jimm_node *node = jimm_graph_node(graph, v);
    TEST_REQUIRE(node != NULL);
    if (node->kind == JIMM_NODE_PARAMETER) {
      TEST_CHECK_STR(node->name, want[next]);
      next++;
    }
  }
  jimm_graph_close(&graph);
}

TEST(roles) {
  static const char *const archs[] = {"resnet18", "resnet18d"};
  static const char *const convs[] = {"conv1.weight", "conv1.0.weight"};
  for (int i = 0; i < 2; i++) {
    jimm_graph *graph = named_graph(archs[i], -1, -1, NULL);
    for (jimm_value v = 0; v < jimm_graph_node_count(graph); v++) {
      const jimm_node *node = jimm_graph_node(graph, v);
      if (node->kind == JIMM_NODE_PARAMETER) {
        const bool input = strcmp(node->name, convs[i]) == 0;
        const bool head =
            strcmp(node->name, "fc.weight") == 0 || strcmp(node->name, "fc.bias") == 0;
        TEST_CHECK_INT(((const jimm_parameter_attrs *)node->attrs)->role,
                       input  ? JIMM_ROLE_INPUT_CONV
                       : head ? JIMM_ROLE_CLASSIFIER
                              : JIMM_ROLE_NONE);
      }
    }
    jimm_graph_close(&graph);
  }
}

TEST(heads) {
  jimm_graph *graph = named_graph("resnet18", 10, 3, "avg");
  TEST_CHECK_STR(named_output_shape(graph, "logits", 3), "[2, 10]");
  jimm_graph_close(&graph);

  graph = named_graph("resnet18", 0, 3, "max");
  TEST_CHECK_STR(named_output_shape(graph, "logits", 3), "[2, 512]");
  TEST_CHECK_INT(jimm_graph_find_output(graph, "logits"),
                 jimm_graph_find_output(graph, "pre_logits"));
  TEST_CHECK(jimm_graph_find(graph, "fc.weight") == JIMM_NO_VALUE);
  jimm_graph_close(&graph);

  graph = named_graph("resnet18", 0, 3, "");
  TEST_CHECK_STR(named_output_shape(graph, "features", 3), "[2, 512, 2, 2]");
  TEST_CHECK_STR(named_output_shape(graph, "pre_logits", 3), "[2, 512, 2, 2]");
  TEST_CHECK_STR(named_output_shape(graph, "logits", 3), "[2, 512, 2, 2]");
  jimm_graph_close(&graph);

  graph = named_graph("resnet18", 10, 3, "catavgmax");
  TEST_CHECK_STR(named_output_shape(graph, "pre_logits", 3), "[2, 1024]");
  TEST_CHECK_STR(named_output_shape(graph, "logits", 3), "[2, 10]");
  jimm_graph_close(&graph);

  graph = named_graph("resnet18", 10, 3, "avgmax");
  TEST_CHECK_STR(named_output_shape(graph, "pre_logits", 3), "[2, 512]");
  jimm_graph_close(&graph);

  graph = named_graph("resnet18d", 10, 5, NULL);
  TEST_CHECK_STR(named_output_shape(graph, "logits", 5), "[2, 10]");
  jimm_graph_close(&graph);
}

/* Where the output stride is reached, strides become dilation (timm's make_blocks). */
TEST(output_stride) {
  static const struct {
    int64_t stride;
    const char *features;
    int64_t reduction[5];
    int64_t dilation[3]; /* of layer3.0, layer4.0 and layer4.1, the 3x3 convolutions */
  } rows[] = {
      {32, "[2, 2048, 2, 2]", {2, 4, 8, 16, 32}, {1, 1, 1}},
      {16, "[2, 2048, 4, 4]", {2, 4, 8, 16, 16}, {1, 1, 2}},
      {8, "[2, 2048, 8, 8]", {2, 4, 8, 8, 8}, {1, 2, 4}},
  };
  static const char *const convs[] = {"layer3.0.conv2", "layer4.0.conv2", "layer4.1.conv2"};
  const jimm_model_name found = named_model("resnet50");
  for (int i = 0; i < 3; i++) {
    jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
    options.output_stride = rows[i].stride;
    jimm_graph *graph = NULL;
    TEST_REQUIRE(jimm_graph_build(&found, &options, &graph) == JIMM_OK);
    TEST_CHECK_STR(named_output_shape(graph, "features", 3), rows[i].features);
    for (int k = 0; k < 5; k++) {
      TEST_CHECK_INT(jimm_graph_feature(graph, k)->reduction, rows[i].reduction[k]);
    }
    for (int k = 0; k < 3; k++) {
      const jimm_node *node = jimm_graph_node(graph, jimm_graph_find(graph, convs[k]));
      TEST_CHECK_INT(((const jimm_conv2d_attrs *)node->attrs)->dilation[0], rows[i].dilation[k]);
    }
    jimm_graph_close(&graph);
  }
}

/* timm's ResNetV2 takes any output stride: the first that strides have reached counts. */
TEST(output_stride_of_resnetv2) {
  static const struct {
    int64_t asked, reduction, dilation; /* of the last stage */
  } rows[] = {{1, 4, 8}, {2, 4, 8}, {4, 4, 8}, {5, 8, 4}, {12, 16, 2}, {32, 32, 1}, {64, 32, 1}};
  static const char *const names[] = {"resnetv2_18", "resnetv2_50x1_bit"};
  for (int n = 0; n < 2; n++) {
    const jimm_model_name found = named_model(names[n]);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
      jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
      options.output_stride = rows[i].asked;
      jimm_graph *graph = NULL;
      TEST_REQUIRE(jimm_graph_build(&found, &options, &graph) == JIMM_OK);
      TEST_CHECK_INT(jimm_graph_feature(graph, -1)->reduction, rows[i].reduction);
      const jimm_node *node =
          jimm_graph_node(graph, jimm_graph_find(graph, "stages.3.blocks.1.conv2"));
      TEST_CHECK_INT(((const jimm_conv2d_attrs *)node->attrs)->dilation[0], rows[i].dilation);
      jimm_graph_close(&graph);
    }
    for (int64_t bad = -1; bad < 1; bad++) {
      jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
      options.output_stride = bad;
      jimm_graph *graph = NULL;
      TEST_CHECK_INT(jimm_graph_build(&found, &options, &graph), JIMM_ERROR_INVALID_ARGUMENT);
      TEST_CHECK_CONTAINS(jimm_error_message(), "output_stride: expected a number above 0, got");
    }
  }
}

TEST(features) {
  jimm_graph *graph = named_graph("resnet18", 10, 3, NULL);
  static const char *const modules[] = {"act1", "layer1", "layer2", "layer3", "layer4"};
  for (int32_t i = 0; i < 5; i++) {
    TEST_CHECK_STR(jimm_graph_feature(graph, i)->module, modules[i]);
    TEST_CHECK(jimm_graph_feature(graph, i - 5) == jimm_graph_feature(graph, i));
  }
  TEST_CHECK_STR(jimm_graph_feature(graph, 0)->output, "feat_01");
  TEST_CHECK_STR(jimm_graph_feature(graph, -1)->output, "feat_05");
  TEST_CHECK_INT(jimm_graph_feature(graph, 4)->value, jimm_graph_find_output(graph, "features"));
  TEST_CHECK(jimm_graph_feature(graph, 5) == NULL);
  TEST_CHECK(jimm_graph_feature(graph, -6) == NULL);
  TEST_CHECK(jimm_graph_feature(graph, INT32_MIN) == NULL);
  TEST_CHECK(jimm_graph_feature(NULL, 0) == NULL);
  TEST_CHECK_INT(jimm_graph_feature_count(NULL), 0);
  jimm_graph_close(&graph);
}

static const char *bad_options(int64_t num_classes, int64_t in_chans, const char *global_pool) {
  const jimm_model_name found = named_model("resnet18");
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.num_classes = num_classes;
  options.in_chans = in_chans;
  options.global_pool = global_pool;
  jimm_graph *graph = NULL;
  TEST_CHECK_INT(jimm_graph_build(&found, &options, &graph), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK(graph == NULL);
  return jimm_error_message();
}

TEST(bad_options) {
  TEST_CHECK_CONTAINS(bad_options(10, 3, ""), "num_classes is 10");
  TEST_CHECK_CONTAINS(bad_options(10, 3, "median"), "global_pool \"median\": expected");
  TEST_CHECK_CONTAINS(bad_options(-2, 3, NULL), "num_classes: expected 0 or more, got -2");
  TEST_CHECK_CONTAINS(bad_options(10, 0, NULL), "in_chans: expected 1 or more, got 0");
  jimm_graph *graph = NULL;
  const jimm_model_name pruned = named_model("ecaresnet50d_pruned");
  jimm_model_options catavgmax = JIMM_MODEL_OPTIONS_INIT;
  catavgmax.global_pool = "catavgmax";
  TEST_CHECK_INT(jimm_graph_build(&pruned, &catavgmax, &graph), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "num_classes is 1000, expected 0");
  const jimm_model_name strided = named_model("resnet18");
  static const int64_t strides[] = {4, 0, -1, 24, 64};
  for (int i = 0; i < 5; i++) {
    jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
    options.output_stride = strides[i];
    TEST_CHECK_INT(jimm_graph_build(&strided, &options, &graph), JIMM_ERROR_INVALID_ARGUMENT);
    TEST_CHECK_CONTAINS(jimm_error_message(), "output_stride: expected 8, 16 or 32, got");
  }
  const jimm_model_name nobody = {0};
  TEST_CHECK_INT(jimm_graph_build(&nobody, NULL, &graph), JIMM_ERROR_INVALID_ARGUMENT);
  const jimm_model_name found = named_model("resnet18");
  jimm_model_options unset = {0};
  TEST_CHECK_INT(jimm_graph_build(&found, &unset, &graph), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "JIMM_..._INIT");
}
