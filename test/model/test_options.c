/* Options of a model: the table, what families take, and what their graphs are then. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>

#include "model/options.h"

static jimm_graph *build(const char *arch, const jimm_model_options *options) {
  jimm_model_name name;
  jimm_graph *graph = NULL;
  TEST_REQUIRE_INT(jimm_model_find(arch, &name), JIMM_OK);
  TEST_REQUIRE_MSG(jimm_graph_build(&name, options, &graph) == JIMM_OK, "%s", jimm_error_message());
  return graph;
}

TEST(the_table_of_options) {
  static const struct {
    const char *name, *option;
    double unset;
  } rows[] = {
#define MODEL_INTEGER(name, NAME, unset, standard, least, most, stated, option, ...) \
  {#name, option, unset},
#define MODEL_WORD(name, NAME, stated, words, option, ...) {#name, option, 0},
#define MODEL_NUMBER(name, NAME, unset, ...) {#name, "", unset},
#define WORDS(...) 0
#include <jimm/model_options.def>
  };
  const jimm_model_options fresh = JIMM_MODEL_OPTIONS_INIT;
  const size_t count = sizeof rows / sizeof rows[0];
  for (size_t i = 0; i < count; i++) {
    const jimm_model_option *row = jimm_model_option_at((int32_t)i);
    TEST_REQUIRE(row != NULL);
    TEST_CHECK_STR(row->name, rows[i].name);
    TEST_CHECK_INT(row->bit, UINT32_C(1) << i);
    TEST_CHECK_MSG(!jimm_model_option_is_set(row, &fresh), "JIMM_MODEL_OPTIONS_INIT: %s",
                   row->name);
    TEST_CHECK(row->type == JIMM_OPTION_WORD || row->unset == rows[i].unset);
    char dashed[64]; /* the command line's name is the field's with dashes */
    size_t length = strlen(rows[i].name);
    for (size_t c = 0; c <= length; c++) {
      dashed[c] = rows[i].name[c] == '_' ? '-' : rows[i].name[c];
    }
    TEST_CHECK(rows[i].option[0] == 0 || strcmp(rows[i].option, dashed) == 0);
  }
  TEST_CHECK(jimm_model_option_at((int32_t)count) == NULL);
  TEST_CHECK(jimm_model_option_at(-1) == NULL);
}

static void set(jimm_model_options *options, const char *name, double value) {
  const jimm_model_option *row = jimm_model_option_at(0);
  for (int32_t i = 0; row != NULL && strcmp(row->name, name) != 0;) {
    row = jimm_model_option_at(++i);
  }
  TEST_REQUIRE_MSG(row != NULL, "%s", name);
  void *field = (char *)options + row->offset;
  if (row->type == JIMM_OPTION_INTEGER) {
    *(int64_t *)field = (int64_t)value;
  } else {
    *(double *)field = value;
  }
}

TEST(options_that_are_wrong_are_named) {
  static const struct {
    const char *arch, *option;
    double value;
    const char *message;
  } rows[] = {
      {"resnet18", "num_classes", -2, "resnet18: num_classes: expected 0 or more, got -2"},
      {"resnet18", "num_classes", 3e9, "expected 2147483647 or less, got 3000000000"},
      {"test_convnext", "in_chans", 0, "test_convnext: in_chans: expected 1 or more, got 0"},
      {"resnet18", "img_size", 224,
       "img_size: models of the family resnet do not take this option"},
      {"resnetv2_18", "img_size", 224, "img_size: models of the family resnetv2 do not take"},
      {"convnextv2_atto", "img_size", 0, "img_size: models of the family convnextv2 do not take"},
      {"resnet18", "drop_rate", 1.5, "resnet18: drop_rate: expected 0 to 1, got 1.5"},
      {"resnet18", "drop_path_rate", -0.25, "drop_path_rate: expected 0 to 1, got -0.25"},
      {"resnet18", "drop_path_rate", NAN, "drop_path_rate: expected 0 to 1, got"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jimm_model_name name;
    jimm_graph *graph = NULL;
    jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
    set(&options, rows[i].option, rows[i].value);
    TEST_REQUIRE_INT(jimm_model_find(rows[i].arch, &name), JIMM_OK);
    TEST_CHECK_INT(jimm_graph_build(&name, &options, &graph), JIMM_ERROR_INVALID_ARGUMENT);
    TEST_CHECK(graph == NULL);
    TEST_CHECK_CONTAINS(jimm_error_message(), rows[i].message);
  }
}

TEST(what_is_left_open_is_filled) {
  jimm_model_options asked = JIMM_MODEL_OPTIONS_INIT, folder = JIMM_MODEL_OPTIONS_INIT;
  asked.num_classes = 0;
  asked.global_pool = "";
  folder.num_classes = 10;
  folder.in_chans = 1;
  folder.global_pool = "max";
  folder.output_stride = 8;
  folder.drop_rate = 0.5;
  jimm_model_options_fill(&asked, &folder);
  TEST_CHECK_INT(asked.num_classes, 0);
  TEST_CHECK_INT(asked.in_chans, 1);
  TEST_CHECK_STR(asked.global_pool, "");
  TEST_CHECK_INT(asked.output_stride, 8);
  TEST_CHECK_INT(asked.img_size, -1);
  TEST_CHECK(asked.drop_rate == 0.5 && asked.drop_path_rate == -1);
}

/* ---- rates ---- */

static double rate_of(const jimm_graph *graph, const char *name) {
  const jimm_node *node = jimm_graph_node(graph, jimm_graph_find(graph, name));
  TEST_REQUIRE_MSG(node != NULL, "%s", name);
  return ((const jimm_dropout_attrs *)node->attrs)->rate;
}

/* As drop_prob and p of timm's modules, which for the last two rows are float32. */
TEST(rates_rise_from_block_to_block) {
  static const struct {
    const char *arch, *drop, *first, *second, *middle, *last;
    double second_rate, middle_rate, last_rate;
  } rows[] = {
      {"resnet18", "head_drop", "layer1.0", "layer1.1", "layer3.1", "layer4.1",
       0.014285714285714287, 0.07142857142857142, 0.1},
      {"test_resnet", "head_drop", "layer1.0", "layer2.0", "layer3.0", "layer4.0",
       0.03333333333333333, 0.06666666666666667, 0.10000000000000002},
      {"resnetv2_18", "head.drop", "stages.0.blocks.0", "stages.0.blocks.1", "stages.2.blocks.1",
       "stages.3.blocks.1", 0.014285714365541935, 0.0714285746216774, 0.10000000149011612},
      {"resnetv2_50x1_bit", "head.drop", "stages.0.blocks.0", "stages.0.blocks.1",
       "stages.2.blocks.0", "stages.3.blocks.2", 0.006666666828095913, 0.046666666865348816,
       0.10000000149011612},
      {"convnext_atto", "head.drop", "stages.0.blocks.0", "stages.0.blocks.1", "stages.2.blocks.2",
       "stages.3.blocks.1", 0.00909090880304575, 0.054545458406209946, 0.10000000149011612},
      {"convnext_tiny_hnf", "head.drop", "stages.0.blocks.0", "stages.0.blocks.1",
       "stages.2.blocks.8", "stages.3.blocks.2", 0.0058823530562222, 0.08235294371843338,
       0.10000000149011612},
  };
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.drop_rate = 0.2;
  options.drop_path_rate = 0.1;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct {
      const char *block;
      double rate;
    } blocks[] = {{rows[i].first, 0},
                  {rows[i].second, rows[i].second_rate},
                  {rows[i].middle, rows[i].middle_rate},
                  {rows[i].last, rows[i].last_rate}};
    jimm_graph *graph = build(rows[i].arch, &options);
    jimm_graph *plain = build(rows[i].arch, NULL);
    TEST_CHECK(rate_of(graph, rows[i].drop) == 0.2);
    TEST_CHECK(rate_of(plain, rows[i].drop) == 0);
    for (size_t b = 0; b < sizeof blocks / sizeof blocks[0]; b++) {
      char name[64];
      snprintf(name, sizeof name, "%s.drop_path", blocks[b].block);
      TEST_CHECK_MSG(fabs(rate_of(graph, name) - blocks[b].rate) < 1e-8, "%s %s: %.17g",
                     rows[i].arch, name, rate_of(graph, name));
      TEST_CHECK(rate_of(plain, name) == 0);
    }
    jimm_graph_close(&plain);
    jimm_graph_close(&graph);
  }
}

/* The dropouts of ConvNeXt's MLPs have a rate of their own in timm, which nobody sets. */
TEST(other_dropouts_keep_their_rate) {
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.drop_rate = options.drop_path_rate = 1;
  jimm_graph *graph = build("test_convnext", &options);
  TEST_CHECK(rate_of(graph, "stages.1.blocks.0.mlp.drop1") == 0);
  TEST_CHECK(rate_of(graph, "stages.1.blocks.0.mlp.drop2") == 0);
  TEST_CHECK(rate_of(graph, "head.drop") == 1);
  jimm_graph_close(&graph);
}

static void run(const jimm_model_options *model_options, bool reference, jimm_tensor *logits) {
  static const char *const names[] = {"logits"};
  jimm_graph *graph = build("test_resnet", model_options);
  jimm_model *model = NULL;
  jimm_tensor input = {.dtype = JIMM_DTYPE_NONE};
  TEST_REQUIRE_INT(jimm_model_create_synthetic(graph, 1, &model), JIMM_OK);
  TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &(jimm_shape){4, {1, 3, 32, 32}}, &input), JIMM_OK);
  TEST_REQUIRE_INT(jimm_synthetic_input(1, "input", &input), JIMM_OK);
  if (reference) {
    TEST_REQUIRE_INT(jimm_reference_run(model, JIMM_F64, &input, 1, names, logits), JIMM_OK);
  } else {
    jimm_plan *plan = NULL;
    jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
    options.height = options.width = 32;
    TEST_REQUIRE_INT(jimm_plan_create(model, &options, &plan), JIMM_OK);
    TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &(jimm_shape){2, {1, 1000}}, logits), JIMM_OK);
    TEST_REQUIRE_INT(jimm_plan_run(plan, &input, logits), JIMM_OK);
    jimm_plan_close(&plan);
  }
  jimm_tensor_close(&input);
  jimm_model_close(&model);
  jimm_graph_close(&graph);
}

TEST(rates_change_no_result) {
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.drop_rate = options.drop_path_rate = 0.5;
  for (int reference = 0; reference < 2; reference++) {
    jimm_tensor plain = {.dtype = JIMM_DTYPE_NONE}, dropped = {.dtype = JIMM_DTYPE_NONE};
    run(NULL, reference != 0, &plain);
    run(&options, reference != 0, &dropped);
    TEST_REQUIRE(jimm_tensor_bytes(&plain) == jimm_tensor_bytes(&dropped));
    TEST_CHECK(memcmp(plain.data, dropped.data, jimm_tensor_bytes(&plain)) == 0);
    jimm_tensor_close(&plain);
    jimm_tensor_close(&dropped);
  }
}

/* ---- families of one's own ---- */

static jimm_model_options seen;

static jimm_value linear(jimm_graph *graph, const char *name, jimm_value x, int64_t out) {
  const jimm_parameter_attrs weight = {
      {2, {out, 3}}, JIMM_F32, JIMM_PARAMETER, JIMM_ROLE_CLASSIFIER, false};
  const jimm_parameter_attrs bias = {
      {1, {out}}, JIMM_F32, JIMM_PARAMETER, JIMM_ROLE_CLASSIFIER, false};
  jimm_graph_push(graph, "%s", name);
  const jimm_value w = jimm_graph_parameter(graph, "weight", &weight);
  const jimm_value b = jimm_graph_parameter(graph, "bias", &bias);
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, "linear", name, NULL, 3, (jimm_value[]){x, w, b});
}

/* Two classifiers, whose mean is the logits, as those of timm's distilled models. */
static void build_two(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *options) {
  const jimm_input_attrs image = {{4, {-1, 3, -1, -1}}, JIMM_F32};
  const jimm_global_pool_attrs pool = {JIMM_POOL_AVG};
  const jimm_flatten_attrs flat = {1};
  (void)arch;
  seen = *options;
  jimm_value x = jimm_graph_input(graph, "input", &image);
  x = jimm_graph_add(graph, "global_pool", "pool", &pool, 1, &x);
  x = jimm_graph_add(graph, "flatten", "flatten", &flat, 1, &x);
  jimm_graph_output(graph, "pre_logits", x);
  if (options->num_classes > 0) {
    const jimm_value both[] = {linear(graph, "head", x, options->num_classes),
                               linear(graph, "head_dist", x, options->num_classes)};
    x = jimm_graph_add(graph, "add", "add", NULL, 2, both);
  }
  jimm_graph_output(graph, "logits", x);
}

static const jimm_variant two_variant = {.tag = "", .num_classes = 4};
static const jimm_arch two_arch = {
    .name = "two_heads", .num_features = 3, .variants = &two_variant, .variant_count = 1};
static const char *const two_classifiers[] = {"head", "head_dist", NULL};
static jimm_family two = {.size = sizeof two,
                          .name = "two",
                          .build = build_two,
                          .default_global_pool = "avg",
                          .archs = &two_arch,
                          .arch_count = 1,
                          .classifiers = two_classifiers};

static jimm_graph *build_own(int64_t classes) {
  const jimm_model_name name = {&two, &two_arch, &two_variant, NULL};
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  jimm_graph *graph = NULL;
  options.num_classes = classes;
  TEST_REQUIRE_MSG(jimm_graph_build(&name, &options, &graph) == JIMM_OK, "%s",
                   jimm_error_message());
  return graph;
}

TEST(families_say_what_they_take) {
  const jimm_model_name name = {&two, &two_arch, &two_variant, NULL};
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  jimm_graph *graph = NULL;
  options.img_size = 384;
  two.options = 0; /* the usual ones */
  TEST_CHECK_INT(jimm_graph_build(&name, &options, &graph), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "two_heads: img_size: models of the family two");
  two.options = JIMM_OPTIONS_USUAL | JIMM_OPTION_IMG_SIZE;
  TEST_REQUIRE_INT(jimm_graph_build(&name, &options, &graph), JIMM_OK);
  TEST_CHECK_INT(seen.img_size, 384);
  TEST_CHECK_INT(seen.num_classes, 4);
  TEST_CHECK_INT(seen.in_chans, 3);
  TEST_CHECK_STR(seen.global_pool, "avg");
  TEST_CHECK(seen.drop_rate == 0 && seen.drop_path_rate == 0);
  jimm_graph_close(&graph);
  two.options = JIMM_OPTION_NUM_CLASSES;
  options = (jimm_model_options)JIMM_MODEL_OPTIONS_INIT;
  options.output_stride = 16;
  TEST_CHECK_INT(jimm_graph_build(&name, &options, &graph), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "output_stride: models of the family two");
  options.output_stride = 32;
  TEST_REQUIRE_INT(jimm_graph_build(&name, &options, &graph), JIMM_OK);
  TEST_CHECK_INT(seen.img_size, -1);
  jimm_graph_close(&graph);
  two.options = 0;
}

/* A caller that was compiled when there were four options. */
TEST(options_of_an_older_caller) {
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.size = offsetof(jimm_model_options, img_size);
  options.num_classes = 7;
  options.img_size = 5;
  options.drop_rate = 9;
  const jimm_model_name name = {&two, &two_arch, &two_variant, NULL};
  jimm_graph *graph = NULL;
  TEST_REQUIRE_INT(jimm_graph_build(&name, &options, &graph), JIMM_OK);
  TEST_CHECK_INT(seen.num_classes, 7);
  TEST_CHECK_INT(seen.img_size, -1);
  TEST_CHECK(seen.drop_rate == 0);
  jimm_graph_close(&graph);
}

/* A model with the weights of a state of `classes`; NULL after JIMM_ERROR_MISMATCH. */
static jimm_model *bind(jimm_graph *graph, jimm_state *state, bool reset_head) {
  jimm_weights_options options = JIMM_WEIGHTS_OPTIONS_INIT;
  jimm_model *model = NULL;
  options.reset_head = reset_head;
  const jimm_status status = jimm_model_create(graph, state, &options, &model);
  TEST_REQUIRE(status == JIMM_OK || status == JIMM_ERROR_MISMATCH);
  return model;
}

TEST(every_classifier_is_reset_or_dropped) {
  jimm_graph *four = build_own(4), *five = build_own(5), *none = build_own(0);
  jimm_state *state = NULL, *partial = NULL;
  TEST_REQUIRE_INT(jimm_state_synthetic(four, 1, &state), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_count(state), 4);
  TEST_REQUIRE_INT(jimm_family_register(&two), JIMM_OK);

  jimm_model *model = bind(five, state, false);
  TEST_CHECK(model == NULL);
  TEST_CHECK_CONTAINS(jimm_error_message(), "4 misshapen");
  TEST_CHECK_CONTAINS(jimm_error_message(), "head_dist.weight");
  TEST_CHECK_CONTAINS(jimm_error_message(), "The classifier is of another size");
  model = bind(five, state, true);
  TEST_REQUIRE(model != NULL);
  const jimm_tensor *fresh = jimm_model_parameter(model, jimm_graph_find(five, "head_dist.weight"));
  TEST_CHECK(fresh != NULL && fresh->shape.dim[0] == 5);
  jimm_model_close(&model);

  model = bind(none, state, false);
  TEST_CHECK(model == NULL);
  TEST_CHECK_CONTAINS(jimm_error_message(), "4 unexpected");
  TEST_CHECK_CONTAINS(jimm_error_message(), "The classifier is of another size");
  model = bind(none, state, true);
  TEST_CHECK(model != NULL);
  jimm_model_close(&model);

  /* one of two that does not fit is made anew, the other kept */
  TEST_REQUIRE_INT(jimm_state_create(&partial), JIMM_OK);
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const char *name = jimm_state_name(state, i);
    if (strncmp(name, "head.", 5) == 0) {
      TEST_REQUIRE_INT(jimm_state_add(partial, name, jimm_state_tensor(state, i)), JIMM_OK);
    }
  }
  model = bind(four, partial, true);
  TEST_REQUIRE(model != NULL);
  const jimm_tensor *kept = jimm_model_parameter(model, jimm_graph_find(four, "head.weight"));
  TEST_CHECK(memcmp(kept->data, jimm_state_find(state, "head.weight")->data,
                    jimm_tensor_bytes(kept)) == 0);
  jimm_model_close(&model);
  jimm_state_close(&partial);
  jimm_state_close(&state);
  jimm_graph_close(&four);
  jimm_graph_close(&five);
  jimm_graph_close(&none);
}
