/* Models as parts of a graph (jimm_graph_emit): the same models under names of their own. */
#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "named.h"
#include "require_ok.h"

static jimm_value image(jimm_graph *graph, int64_t channels) {
  const jimm_input_attrs attrs = {{4, {-1, channels, -1, -1}}, JIMM_F32};
  return jimm_graph_input(graph, "image", &attrs);
}

static jimm_emitted emit(jimm_graph *graph, const char *scope, const char *model, int64_t classes,
                         jimm_value x) {
  const jimm_model_name name = named_model(model);
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.num_classes = classes;
  jimm_graph_push(graph, "%s", scope);
  const jimm_emitted made = jimm_graph_emit(graph, &name, &options, x);
  jimm_graph_pop(graph);
  return made;
}

static jimm_value linear(jimm_graph *graph, const char *scope, jimm_value x, int64_t in,
                         int64_t out) {
  const jimm_parameter_attrs weight = {
      .shape = {2, {out, in}}, .dtype = JIMM_F32, .role = JIMM_ROLE_CLASSIFIER};
  const jimm_parameter_attrs bias = {
      .shape = {1, {out}}, .dtype = JIMM_F32, .role = JIMM_ROLE_CLASSIFIER};
  jimm_graph_push(graph, "%s", scope);
  const jimm_value w = jimm_graph_parameter(graph, "weight", &weight);
  const jimm_value b = jimm_graph_parameter(graph, "bias", &bias);
  jimm_graph_pop(graph);
  return jimm_graph_add(graph, "linear", scope, NULL, 3, (jimm_value[]){x, w, b});
}

/* Two backbones over one image, a head on each. */
static jimm_graph *pair(int64_t classes) {
  jimm_graph *graph = NULL;
  REQUIRE_OK(jimm_graph_create(&graph));
  const jimm_value x = image(graph, 3);
  const jimm_emitted a = emit(graph, "a.backbone", "test_resnet", 0, x);
  const jimm_emitted b = emit(graph, "b.backbone", "test_convnext3", 0, x);
  jimm_graph_output(graph, "logits", linear(graph, "a.head", a.pre_logits, 96, classes));
  jimm_graph_output(graph, "score", linear(graph, "b.head", b.pre_logits, 128, 2));
  REQUIRE_OK(jimm_graph_finish(graph));
  return graph;
}

/* ---- the same model ---- */

static void check_attrs(const jimm_node *got, const jimm_node *want) {
  for (int32_t i = 0; want->op != NULL && i < want->op->attr_count; i++) {
    const jimm_attr_spec *spec = &want->op->attrs[i];
    static const size_t sizes[] = {8, 16, 8, sizeof(bool), 4, sizeof(jimm_shape)};
    TEST_CHECK_MSG(memcmp((const char *)got->attrs + spec->offset,
                          (const char *)want->attrs + spec->offset, sizes[spec->type]) == 0,
                   "%s: %s", got->name, spec->name);
  }
}

TEST(emits_the_same_nodes) {
  static const char *const models[] = {"test_resnet", "resnetv2_18", "resnetv2_50x1_bit",
                                       "test_convnext3", "convnextv2_atto"};
  for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
    jimm_graph *want = named_graph(models[m], 10, -1, NULL), *got = NULL;
    char name[256];
    REQUIRE_OK(jimm_graph_create(&got));
    const jimm_emitted made = emit(got, "x.y", models[m], 10, image(got, 3));
    REQUIRE_OK(jimm_graph_finish(got));
    /* node 0 is the image in both */
    TEST_REQUIRE_INT(jimm_graph_node_count(got), jimm_graph_node_count(want));
    for (jimm_value v = 1; v < jimm_graph_node_count(want); v++) {
      const jimm_node *g = jimm_graph_node(got, v), *w = jimm_graph_node(want, v);
      snprintf(name, sizeof name, "x.y.%s", w->name);
      TEST_CHECK_STR(g->name, name);
      TEST_CHECK(g->op == w->op && g->constant == w->constant);
      TEST_REQUIRE_INT(g->input_count, w->input_count);
      for (int32_t k = 0; k < w->input_count; k++) {
        TEST_CHECK_INT(g->inputs[k], w->inputs[k]);
      }
      check_attrs(g, w);
    }
    TEST_REQUIRE_INT(jimm_graph_output_count(got), jimm_graph_output_count(want));
    for (int32_t i = 0; i < jimm_graph_output_count(want); i++) {
      snprintf(name, sizeof name, "x.y.%s", jimm_graph_output_name(want, i));
      TEST_CHECK_STR(jimm_graph_output_name(got, i), name);
      TEST_CHECK_INT(jimm_graph_output_value(got, i), jimm_graph_output_value(want, i));
    }
    TEST_CHECK_INT(made.first_feature, 0);
    TEST_CHECK_INT(made.feature_count, jimm_graph_feature_count(want));
    TEST_CHECK_INT(made.features, jimm_graph_find_output(want, "features"));
    TEST_CHECK_INT(made.pre_logits, jimm_graph_find_output(want, "pre_logits"));
    TEST_CHECK_INT(made.logits, jimm_graph_find_output(want, "logits"));
    jimm_graph_close(&want);
    jimm_graph_close(&got);
  }
}

TEST(taps_of_each_part) {
  jimm_graph *graph = pair(5);
  TEST_CHECK_INT(jimm_graph_feature_count(graph), 5 + 4);
  TEST_CHECK_STR(jimm_graph_feature(graph, 0)->output, "a.backbone.feat_01");
  TEST_CHECK_STR(jimm_graph_feature(graph, 4)->module, "a.backbone.layer4");
  TEST_CHECK_STR(jimm_graph_feature(graph, 5)->output, "b.backbone.feat_01");
  TEST_CHECK_STR(jimm_graph_feature(graph, -1)->module, "b.backbone.stages.3");
  TEST_CHECK_INT(jimm_graph_feature(graph, -1)->channels, 128);
  TEST_CHECK(jimm_graph_find_output(graph, "b.backbone.pre_logits") != JIMM_NO_VALUE);
  TEST_CHECK_INT(jimm_graph_find_output(graph, "pre_logits"), JIMM_NO_VALUE);
  jimm_graph_close(&graph);
}

/* What `output` is for an image of 40 x 56, batch 2. The caller closes it. */
static jimm_tensor run(jimm_model *model, const char *output, bool plan) {
  jimm_tensor x = {.dtype = JIMM_DTYPE_NONE}, y = {.dtype = JIMM_DTYPE_NONE};
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &(jimm_shape){4, {2, 3, 40, 56}}, &x));
  REQUIRE_OK(jimm_synthetic_input(3, "input", &x));
  if (plan) {
    jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
    options.batch = 2, options.height = 40, options.width = 56, options.threads = 1;
    options.outputs = &output, options.output_count = 1;
    jimm_plan *made = NULL;
    jimm_shape shape;
    REQUIRE_OK(jimm_plan_create(model, &options, &made));
    REQUIRE_OK(jimm_plan_output_shape(made, 0, &shape));
    REQUIRE_OK(jimm_tensor_create(JIMM_F32, &shape, &y));
    REQUIRE_OK(jimm_plan_run(made, &x, &y));
    jimm_plan_close(&made);
  } else {
    REQUIRE_OK(jimm_reference_run(model, JIMM_F32, &x, 1, &output, &y));
  }
  jimm_tensor_close(&x);
  return y;
}

/* A state of the tensors whose names begin with `prefix`, without it. */
static jimm_state *below(const jimm_state *state, const char *prefix) {
  jimm_state *cut = NULL;
  REQUIRE_OK(jimm_state_create(&cut));
  const size_t length = strlen(prefix);
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    if (strncmp(jimm_state_name(state, i), prefix, length) == 0) {
      REQUIRE_OK(
          jimm_state_add(cut, jimm_state_name(state, i) + length, jimm_state_tensor(state, i)));
    }
  }
  return cut;
}

TEST(computes_the_same_bits) {
  static const struct {
    const char *prefix, *model;
  } parts[] = {{"a.backbone.", "test_resnet"}, {"b.backbone.", "test_convnext3"}};
  static const char *const outputs[] = {"features", "feat_02", "pre_logits"};
  jimm_graph *graph = pair(5);
  jimm_state *state = NULL;
  jimm_model *both = NULL;
  REQUIRE_OK(jimm_state_synthetic(graph, 9, &state));
  REQUIRE_OK(jimm_model_create(graph, state, NULL, &both));
  for (int p = 0; p < 2; p++) {
    jimm_graph *one = named_graph(parts[p].model, 0, -1, NULL);
    jimm_state *own = below(state, parts[p].prefix);
    jimm_model *model = NULL;
    REQUIRE_OK(jimm_model_create(one, own, NULL, &model));
    for (int k = 0; k < 6; k++) {
      char name[64];
      snprintf(name, sizeof name, "%s%s", parts[p].prefix, outputs[k % 3]);
      jimm_tensor got = run(both, name, k < 3), want = run(model, outputs[k % 3], k < 3);
      TEST_REQUIRE(jimm_shape_equal(&got.shape, &want.shape));
      TEST_CHECK_MEM(got.data, want.data, (size_t)jimm_shape_count(&want.shape) * sizeof(float));
      jimm_tensor_close(&got);
      jimm_tensor_close(&want);
    }
    jimm_model_close(&model);
    jimm_state_close(&own);
    jimm_graph_close(&one);
  }
  jimm_tensor logits = run(both, "logits", true), score = run(both, "score", true);
  TEST_CHECK_INT(logits.shape.dim[1], 5);
  TEST_CHECK_INT(score.shape.dim[1], 2);
  jimm_tensor_close(&logits);
  jimm_tensor_close(&score);
  jimm_model_close(&both);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

/* ---- fresh weights ---- */

static double largest(const jimm_state *state, const char *name) {
  const jimm_tensor *t = jimm_state_find(state, name);
  TEST_REQUIRE_MSG(t != NULL, "no tensor %s", name);
  double most = 0;
  for (int64_t i = 0; i < jimm_shape_count(&t->shape); i++) {
    most = fmax(most, fabs((double)((const float *)t->data)[i]));
  }
  return most;
}

/* Each part starts as its own family does, under a name of any length. */
TEST(init_of_each_family) {
#define LONG "a_name_that_is_longer_than_any_buffer_of_sixty_four_bytes.bn1.and.more.bn2"
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  REQUIRE_OK(jimm_graph_create(&graph));
  const jimm_value x = image(graph, 3);
  emit(graph, LONG, "test_resnet", 7, x);
  emit(graph, "v2", "resnetv2_18", 7, x);
  const jimm_emitted c = emit(graph, "c", "test_convnext3", 0, x);
  linear(graph, "head", c.pre_logits, 128, 400);
  REQUIRE_OK(jimm_graph_finish(graph));
  REQUIRE_OK(jimm_state_init(NULL, graph, 4, &state));
  TEST_CHECK_INT(largest(state, LONG ".layer1.0.bn2.weight") == 0, 1); /* basic block */
  TEST_CHECK_INT(largest(state, LONG ".layer3.0.bn2.weight") == 1, 1); /* bottleneck */
  TEST_CHECK_INT(largest(state, LONG ".layer3.0.bn3.weight") == 0, 1);
  TEST_CHECK_INT(largest(state, LONG ".bn1.weight") == 1, 1);
  const double v2 = largest(state, "v2.head.fc.weight"); /* N(0, 0.01) */
  TEST_CHECK_MSG(v2 > 0.02 && v2 < 0.07, "%g", v2);
  TEST_CHECK(largest(state, "v2.head.fc.bias") == 0);
  TEST_CHECK_DOUBLE(largest(state, "c.stages.0.blocks.0.gamma"), 1e-6, 1e-12, 0);
  TEST_CHECK(largest(state, "c.stages.0.blocks.0.mlp.fc1.bias") == 0);
  const double bound = 1 / sqrt(128.0); /* PyTorch's linear layer, with its bias */
  TEST_CHECK_DOUBLE(largest(state, "head.weight"), bound, bound / 100, 0);
  TEST_CHECK_DOUBLE(largest(state, "head.bias"), bound, bound / 10, 0);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
#undef LONG
}

/* ---- weights that do not fit at once ---- */

static jimm_status bind(jimm_graph *graph, jimm_state *state, bool reset_head, jimm_model **model) {
  jimm_weights_options options = JIMM_WEIGHTS_OPTIONS_INIT;
  options.reset_head = reset_head;
  return jimm_model_create(graph, state, &options, model);
}

TEST(each_classifier_is_reset_by_itself) {
  jimm_graph *five = pair(5), *seven = pair(7);
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  REQUIRE_OK(jimm_state_synthetic(five, 2, &state));
  TEST_CHECK_INT(bind(seven, state, false, &model), JIMM_ERROR_MISMATCH);
  TEST_CHECK_CONTAINS(jimm_error_message(),
                      "misshapen: a.head.weight: expected [7, 96], got [5, 96]");
  TEST_CHECK_CONTAINS(jimm_error_message(), "The classifier is of another size");
  REQUIRE_OK(bind(seven, state, true, &model));
  const jimm_tensor *kept = jimm_model_parameter(model, jimm_graph_find(seven, "b.head.weight"));
  TEST_CHECK(kept->data == jimm_state_find(state, "b.head.weight")->data);
  TEST_CHECK(jimm_model_parameter(model, jimm_graph_find(seven, "a.head.bias"))->owned != NULL);
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&five);
  jimm_graph_close(&seven);
}

/* Released weights have a classifier; a backbone under a prefix drops it where it is asked to. */
TEST(left_over_classifier_under_a_prefix) {
  jimm_graph *whole = NULL, *bare = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  for (int64_t classes = 0; classes < 2; classes++) {
    jimm_graph **graph = classes == 0 ? &bare : &whole;
    REQUIRE_OK(jimm_graph_create(graph));
    const jimm_value x = image(*graph, 3);
    emit(*graph, "a", "test_resnet", 8 * classes, x);
    const jimm_emitted b = emit(*graph, "b", "test_convnext3", 6, x);
    jimm_graph_output(*graph, "logits", b.logits);
    REQUIRE_OK(jimm_graph_finish(*graph));
  }
  REQUIRE_OK(jimm_state_synthetic(whole, 2, &state));
  TEST_CHECK_INT(bind(bare, state, false, &model), JIMM_ERROR_MISMATCH);
  TEST_CHECK_CONTAINS(jimm_error_message(), "unexpected: a.fc.weight [8, 96]");
  TEST_CHECK_CONTAINS(jimm_error_message(), "The classifier is of another size");
  REQUIRE_OK(bind(bare, state, true, &model));
  jimm_model_close(&model);
  jimm_tensor extra = {.dtype = JIMM_DTYPE_NONE};
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &(jimm_shape){1, {1}}, &extra));
  REQUIRE_OK(jimm_state_add_owned(state, "b.fc.weight", &extra)); /* not ConvNeXt's classifier */
  TEST_CHECK_INT(bind(bare, state, true, &model), JIMM_ERROR_MISMATCH);
  TEST_CHECK_CONTAINS(jimm_error_message(), "1 unexpected\n  unexpected: b.fc.weight [1]");
  jimm_state_close(&state);
  jimm_graph_close(&whole);
  jimm_graph_close(&bare);
}

/* ---- errors ---- */

/* Finishes and closes; the message. */
static const char *fail(jimm_graph *graph, jimm_status status) {
  TEST_CHECK_INT(jimm_graph_finish(graph), status);
  jimm_graph_close(&graph);
  return jimm_error_message();
}

static jimm_graph *empty(void) {
  jimm_graph *graph = NULL;
  REQUIRE_OK(jimm_graph_create(&graph));
  return graph;
}

TEST(bad_arguments) {
  jimm_graph *graph = empty();
  const jimm_emitted none = emit(graph, "a", "test_resnet", 0, 0);
  TEST_CHECK_INT(none.features, JIMM_NO_VALUE);
  TEST_CHECK_INT(none.feature_count, 0);
  TEST_CHECK_CONTAINS(fail(graph, JIMM_ERROR_INVALID_ARGUMENT),
                      "a: the input of a model is no value of this graph (0; the graph has 0 ");

  graph = empty();
  const jimm_parameter_attrs attrs = {.shape = {1, {4}}, .dtype = JIMM_F32};
  emit(graph, "a", "test_resnet", 0, jimm_graph_parameter(graph, "w", &attrs));
  TEST_CHECK_CONTAINS(fail(graph, JIMM_ERROR_INVALID_ARGUMENT), "a model is a parameter");

  graph = empty();
  emit(graph, "a.b", "test_resnet", -5, image(graph, 3));
  TEST_CHECK_CONTAINS(fail(graph, JIMM_ERROR_INVALID_ARGUMENT),
                      "a.b: test_resnet: num_classes: expected 0 or more, got -5");

  graph = empty();
  jimm_model_name name = {0};
  jimm_graph_emit(graph, &name, NULL, image(graph, 3));
  TEST_CHECK_CONTAINS(fail(graph, JIMM_ERROR_INVALID_ARGUMENT),
                      "jimm_graph_emit: the name is not resolved");

  graph = empty(); /* the family's own refusal, under the scope */
  name = named_model("test_resnet");
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.output_stride = 3;
  jimm_graph_push(graph, "enc");
  jimm_graph_emit(graph, &name, &options, image(graph, 3));
  jimm_graph_pop(graph);
  TEST_CHECK_CONTAINS(fail(graph, JIMM_ERROR_INVALID_ARGUMENT), "enc: output_stride: expected 8");

  graph = empty();
  emit(graph, "a", "test_resnet", 0, image(graph, 1));
  TEST_CHECK_CONTAINS(fail(graph, JIMM_ERROR_SHAPE),
                      "a.input (input): expected F32 [-1, 3, -1, -1] (-1: any), got image: F32 "
                      "[-1, 1, -1, -1]");

  graph = empty();
  const jimm_value x = image(graph, 3);
  emit(graph, "a", "test_resnet", 0, x);
  emit(graph, "a", "test_resnet", 0, x);
  TEST_CHECK_CONTAINS(fail(graph, JIMM_ERROR_INVALID_ARGUMENT), "a node of that name already");

  graph = named_graph("test_resnet", 3, -1, NULL);
  jimm_graph_emit(graph, &name, NULL, 0);
  TEST_CHECK_CONTAINS(jimm_error_message(), "finished and cannot be changed");
  jimm_graph_close(&graph);
  jimm_graph_emit(NULL, &name, NULL, 0);
  TEST_CHECK_CONTAINS(jimm_error_message(), "graph is NULL");
}

/* ---- families of one's own ---- */

static void build_pair(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *o) {
  (void)arch;
  const jimm_value x = image(graph, o->in_chans);
  emit(graph, "left", "test_resnet", 0, x);
  const jimm_emitted right = emit(graph, "right", "test_convnext3", 0, x);
  jimm_graph_output(graph, "features", right.features);
  jimm_graph_add_feature(graph, "right", 128, 32, right.features);
}

static void build_twice(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *o) {
  (void)arch;
  image(graph, o->in_chans);
  image(graph, o->in_chans);
}

static void build_open(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *o) {
  (void)arch;
  jimm_graph_push(graph, "open");
  image(graph, o->in_chans);
}

static void build_closed(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *o) {
  (void)arch;
  jimm_graph_pop(graph);
  jimm_graph_push(graph, "another_scope");
  image(graph, o->in_chans);
}

/* One whose build is `build`. */
static jimm_graph *own(void (*build)(jimm_graph *, const jimm_arch *, const jimm_model_options *),
                       jimm_emitted *made) {
  static const jimm_variant variant = {.tag = ""};
  static const jimm_arch arch = {
      .name = "own", .num_features = 1, .variants = &variant, .variant_count = 1};
  const jimm_family family = {.size = sizeof family,
                              .name = "own",
                              .build = build,
                              .default_global_pool = "avg",
                              .archs = &arch,
                              .arch_count = 1};
  const jimm_model_name name = {&family, &arch, &variant, NULL};
  jimm_graph *graph = empty();
  const jimm_value x = image(graph, 3);
  jimm_graph_push(graph, "outer");
  *made = jimm_graph_emit(graph, &name, NULL, x);
  jimm_graph_pop(graph);
  return graph;
}

TEST(parts_within_parts) {
  jimm_emitted made;
  jimm_graph *graph = own(build_pair, &made);
  REQUIRE_OK(jimm_graph_finish(graph));
  TEST_CHECK(jimm_graph_find(graph, "outer.left.layer1.0.conv1.weight") != JIMM_NO_VALUE);
  TEST_CHECK(jimm_graph_find_output(graph, "outer.right.feat_04") != JIMM_NO_VALUE);
  TEST_CHECK_INT(made.features, jimm_graph_find_output(graph, "outer.right.features"));
  TEST_CHECK_INT(made.features, jimm_graph_find_output(graph, "outer.features"));
  TEST_CHECK_INT(made.logits, JIMM_NO_VALUE);
  TEST_CHECK_INT(made.feature_count, 10);
  TEST_CHECK_STR(jimm_graph_feature(graph, -1)->module, "outer.right");
  jimm_graph_close(&graph);
}

TEST(builds_that_cannot_be_parts) {
  jimm_emitted made;
  TEST_CHECK_CONTAINS(fail(own(build_twice, &made), JIMM_ERROR_UNSUPPORTED),
                      "outer.image (input): a model with several inputs cannot be part");
  TEST_CHECK_CONTAINS(fail(own(build_open, &made), JIMM_ERROR_INVALID_ARGUMENT),
                      "a family's build left another scope than it found");
  TEST_CHECK_CONTAINS(fail(own(build_closed, &made), JIMM_ERROR_INVALID_ARGUMENT),
                      "a family's build left another scope than it found");
}

TEST_MAIN()
