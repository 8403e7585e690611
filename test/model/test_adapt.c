// Weights under other names than timm's (jimm_state_adapt), as timm's checkpoint_filter_fn of
// convnext takes them. How that compares with timm itself is test/parity/check_convert.py.
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/model.h>

#include "named.h"
#include "require_ok.h"

static jimm_state *synthetic(const jimm_graph *graph) {
  jimm_state *state = NULL;
  REQUIRE_OK(jimm_state_synthetic(graph, 3, &state));
  return state;
}

// text with `from` replaced by `to` once.
static void replace(char *text, size_t size, const char *from, const char *to) {
  char old[256];
  char *at = strstr(text, from);
  if (at != NULL) {
    snprintf(old, sizeof old, "%s", at + strlen(from));
    snprintf(at, size - (size_t)(at - text), "%s%s", to, old);
  }
}

// timm's name as the papers' code has it.
static void paper_name(const char *name, char *paper, size_t size) {
  int stage;
  char rest[200];
  snprintf(paper, size, "%s", name);
  if (sscanf(name, "stages.%d.downsample.%199s", &stage, rest) == 2) {
    snprintf(paper, size, "downsample_layers.%d.%s", stage, rest);
  }
  replace(paper, size, "stem.", "downsample_layers.0.");
  replace(paper, size, ".blocks.", ".");
  replace(paper, size, "conv_dw", "dwconv");
  replace(paper, size, "mlp.grn.weight", "grn.gamma");
  replace(paper, size, "mlp.grn.bias", "grn.beta");
  replace(paper, size, "mlp.fc", "pwconv");
  replace(paper, size, "head.fc.", "head.");
  replace(paper, size, "head.norm.", "norm.");
}

// The same weights as the papers' code saves them: matrices, and vectors of rank 4.
static jimm_state *paper_state(jimm_state *state) {
  jimm_state *paper = NULL;
  REQUIRE_OK(jimm_state_create(&paper));
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    char name[256];
    const char *own = jimm_state_name(state, i);
    jimm_tensor tensor = *jimm_state_tensor(state, i);
    paper_name(own, name, sizeof name);
    if (strstr(own, "mlp.grn.") != NULL) {
      tensor.shape = (jimm_shape){4, {1, 1, 1, tensor.shape.dim[0]}};
    } else if (strstr(own, "mlp.fc") != NULL && tensor.shape.rank == 4) {
      tensor.shape.rank = 2;
    }
    REQUIRE_OK(jimm_state_add_view(paper, name, state, &tensor));
  }
  return paper;
}

static void check_same(const jimm_graph *graph, const jimm_state *got, const jimm_state *want) {
  TEST_CHECK_INT(jimm_state_count(got), jimm_state_count(want));
  for (int64_t i = 0; i < jimm_state_count(want); i++) {
    const char *name = jimm_state_name(want, i);
    const jimm_tensor *tensor = jimm_state_find(got, name), *own = jimm_state_tensor(want, i);
    TEST_CHECK_MSG(tensor != NULL && jimm_shape_equal(&tensor->shape, &own->shape), "%s", name);
    TEST_CHECK_MSG(tensor != NULL && tensor->data == own->data, "%s is no view", name);
    TEST_CHECK(jimm_graph_find(graph, name) != JIMM_NO_VALUE);
  }
}

static void check_paper(const char *model) {
  jimm_graph *graph = named_graph(model, -1, -1, NULL);
  jimm_state *state = synthetic(graph), *paper = paper_state(state), *adapted = NULL;
  jimm_model *bound = NULL;
  TEST_CHECK(jimm_state_find(paper, "downsample_layers.0.0.weight") != NULL);
  TEST_CHECK(jimm_state_find(paper, "stages.1.0.pwconv1.weight") != NULL);
  TEST_CHECK(jimm_state_find(paper, "downsample_layers.3.1.weight") != NULL);
  REQUIRE_OK(jimm_state_adapt(graph, paper, &adapted));
  check_same(graph, adapted, state);
  REQUIRE_OK(jimm_model_create(graph, paper, NULL, &bound));
  jimm_state_close(&paper);  // the adapted state keeps it, and it the first
  jimm_state_close(&state);
  TEST_CHECK_INT(jimm_model_check_finite(bound), JIMM_OK);
  const jimm_tensor *tensor = jimm_state_find(adapted, "stem.0.weight");
  TEST_CHECK(tensor != NULL && ((const float *)tensor->data)[0] != 0);
  jimm_model_close(&bound);
  jimm_state_close(&adapted);
  jimm_graph_close(&graph);
}

TEST(names_of_the_papers_code) {
  check_paper("test_convnext");
  check_paper("convnext_atto");    // conv_mlp: matrices become 1x1 convolutions
  check_paper("convnextv2_atto");  // global response norm
}

TEST(heads_for_distillation_are_dropped) {
  jimm_graph *graph = named_graph("test_convnext", -1, -1, NULL);
  jimm_state *state = synthetic(graph), *paper = paper_state(state), *adapted = NULL;
  const float one[1] = {1};
  const jimm_tensor tensor = {JIMM_F32, {1, {1}}, (void *)(uintptr_t)one, NULL};
  REQUIRE_OK(jimm_state_add(paper, "projectors.0.weight", &tensor));
  REQUIRE_OK(jimm_state_add(paper, "norms.3.weight", &tensor));
  REQUIRE_OK(jimm_state_adapt(graph, paper, &adapted));
  check_same(graph, adapted, state);
  jimm_state_close(&adapted);
  // Anything else that is not known stays, and is no weight of the model.
  jimm_model *bound = NULL;
  REQUIRE_OK(jimm_state_add(paper, "stages.12.345.dwconv_dwconv.x", &tensor));
  TEST_CHECK_INT(jimm_model_create(graph, paper, NULL, &bound), JIMM_ERROR_MISMATCH);
  TEST_CHECK_CONTAINS(jimm_error_message(), "unexpected: stages.12.blocks.345.conv_dw_conv_dw.x");
  // Two names that become one.
  REQUIRE_OK(jimm_state_add(paper, "stem.0.weight", &tensor));
  TEST_CHECK_INT(jimm_state_adapt(graph, paper, &adapted), JIMM_ERROR_MISMATCH);
  TEST_CHECK_CONTAINS(jimm_error_message(), "those of convnext: tensor \"stem.0.weight\" is there");
  TEST_CHECK(adapted == NULL);
  jimm_state_close(&paper);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

// A classifier without a bias, and a text tower beside the image's.
TEST(names_of_open_clip) {
  jimm_graph *graph = named_graph("test_convnext", 5, -1, NULL);
  jimm_state *state = synthetic(graph), *clip = NULL;
  jimm_model *bound = NULL;
  REQUIRE_OK(jimm_state_create(&clip));
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    char name[256];
    const char *own = jimm_state_name(state, i);
    const jimm_tensor *tensor = jimm_state_tensor(state, i);
    snprintf(name, sizeof name, "visual.trunk.%s", own);
    if (strcmp(own, "head.fc.weight") == 0) {
      REQUIRE_OK(jimm_state_add_view(clip, "visual.head.proj.weight", state, tensor));
    } else if (strcmp(own, "head.fc.bias") == 0) {
      REQUIRE_OK(jimm_state_add_view(clip, "transformer.resblocks.0.bias", state, tensor));
    } else {
      REQUIRE_OK(jimm_state_add_view(clip, name, state, tensor));
    }
  }
  REQUIRE_OK(jimm_model_create(graph, clip, NULL, &bound));
  const jimm_tensor *bias = jimm_model_parameter(bound, jimm_graph_find(graph, "head.fc.bias"));
  TEST_REQUIRE(bias != NULL);
  TEST_CHECK_INT(bias->shape.dim[0], 5);
  for (int i = 0; i < 5; i++) {
    TEST_CHECK_DOUBLE(((const float *)bias->data)[i], 0, 0, 0);
  }
  jimm_model_close(&bound);
  jimm_state_close(&clip);
  // A head of two layers.
  jimm_state *adapted = NULL;
  const jimm_tensor *stem = jimm_state_find(state, "stem.0.weight");
  const jimm_tensor *weight = jimm_state_find(state, "head.fc.weight");
  static const char *const mlp[][2] = {{"visual.head.mlp.fc1.weight", "head.pre_logits.fc.weight"},
                                       {"visual.head.mlp.fc1.bias", "head.pre_logits.fc.bias"},
                                       {"visual.head.mlp.fc2.weight", "head.fc.weight"},
                                       {"visual.trunk.stem.0.weight", "stem.0.weight"}};
  REQUIRE_OK(jimm_state_create(&clip));
  for (int i = 0; i < 4; i++) {
    REQUIRE_OK(jimm_state_add_view(clip, mlp[i][0], state, i == 3 ? stem : weight));
  }
  REQUIRE_OK(jimm_state_adapt(graph, clip, &adapted));
  TEST_CHECK_INT(jimm_state_count(adapted), 5);
  for (int i = 0; i < 4; i++) {
    const jimm_tensor *tensor = jimm_state_find(adapted, mlp[i][1]);
    TEST_CHECK_MSG(tensor != NULL && tensor->data == (i == 3 ? stem : weight)->data, "%s",
                   mlp[i][1]);
  }
  TEST_CHECK(jimm_state_find(adapted, "head.fc.bias") != NULL);
  jimm_state_close(&adapted);
  jimm_state_close(&clip);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

// A copy of `state` without the tensors whose names begin so.
static jimm_state *without(jimm_state *state, const char *prefix) {
  jimm_state *copy = NULL;
  REQUIRE_OK(jimm_state_create(&copy));
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const char *name = jimm_state_name(state, i);
    if (strncmp(name, prefix, strlen(prefix)) != 0) {
      REQUIRE_OK(jimm_state_add_view(copy, name, state, jimm_state_tensor(state, i)));
    }
  }
  return copy;
}

static void check_missing(const char *model, const char *dropped, const char *message) {
  jimm_graph *graph = named_graph(model, 0, -1, NULL);
  jimm_state *state = synthetic(graph), *less = without(state, dropped);
  jimm_model *bound = NULL;
  TEST_CHECK_INT(jimm_model_create(graph, less, NULL, &bound), JIMM_ERROR_MISMATCH);
  TEST_CHECK_CONTAINS(jimm_error_message(), message);
  jimm_state_close(&less);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

// Released weights of the tag "fcmae" have no final norm: theirs alone starts as a fresh one.
TEST(fcmae_lacks_its_final_norm) {
  for (int paper = 0; paper < 2; paper++) {
    jimm_graph *graph = named_graph("convnextv2_atto.fcmae", -1, -1, NULL);
    jimm_state *state = synthetic(graph);
    jimm_state *named = paper == 1 ? paper_state(state) : jimm_state_retain(state);
    jimm_state *less = without(named, paper == 1 ? "norm." : "head.norm.");
    jimm_model *bound = NULL;
    REQUIRE_OK(jimm_model_create(graph, less, NULL, &bound));
    for (int i = 0; i < 2; i++) {
      const jimm_value value =
          jimm_graph_find(graph, i == 0 ? "head.norm.weight" : "head.norm.bias");
      const jimm_tensor *tensor = jimm_model_parameter(bound, value);
      TEST_REQUIRE(tensor != NULL && tensor->shape.dim[0] == 320);
      for (int c = 0; c < 320; c++) {
        TEST_REQUIRE(((const float *)tensor->data)[c] == (i == 0 ? 1.0f : 0.0f));
      }
    }
    jimm_model_close(&bound);
    jimm_state_close(&less);
    jimm_state_close(&named);
    jimm_state_close(&state);
    jimm_graph_close(&graph);
  }
  check_missing("convnextv2_atto.fcmae_ft_in1k", "head.norm.", "2 missing\n  missing: head.norm.w");
  check_missing("convnextv2_atto.fcmae", "head.norm.weight", "1 missing\n  missing: head.norm.wei");
  check_missing("convnextv2_atto.fcmae", "head.norm.bias", "1 missing\n  missing: head.norm.bias");
  check_missing("convnextv2_atto.fcmae", "stem.0.bias", "1 missing\n  missing: stem.0.bias");
}

TEST(weights_that_are_timms_are_left_alone) {
  jimm_graph *graph = named_graph("test_convnext", -1, -1, NULL), *other = NULL;
  jimm_state *state = synthetic(graph), *adapted = NULL;
  REQUIRE_OK(jimm_state_adapt(graph, state, &adapted));
  TEST_CHECK(adapted == state);
  jimm_state_close(&adapted);
  // No family, or one that knows no other names.
  jimm_state *paper = paper_state(state);
  REQUIRE_OK(jimm_graph_create(&other));
  REQUIRE_OK(jimm_state_adapt(other, paper, &adapted));
  TEST_CHECK(adapted == paper);
  jimm_state_close(&adapted);
  jimm_graph_close(&other);
  other = named_graph("test_resnet", -1, -1, NULL);
  REQUIRE_OK(jimm_state_adapt(other, paper, &adapted));
  TEST_CHECK(adapted == paper);
  jimm_state_close(&adapted);
  jimm_graph_close(&other);
  TEST_CHECK_INT(jimm_state_adapt(NULL, paper, &adapted), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_adapt(graph, NULL, &adapted), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_adapt(graph, paper, NULL), JIMM_ERROR_INVALID_ARGUMENT);
  jimm_state_close(&paper);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

TEST(views_are_of_one_other_state) {
  jimm_state *a = NULL, *b = NULL, *c = NULL;
  const float values[4] = {1, 2, 3, 4};
  const jimm_tensor tensor = {JIMM_F32, {1, {4}}, (void *)(uintptr_t)values, NULL};
  REQUIRE_OK(jimm_state_create(&a));
  REQUIRE_OK(jimm_state_create(&b));
  REQUIRE_OK(jimm_state_create(&c));
  REQUIRE_OK(jimm_state_add(a, "x", &tensor));
  REQUIRE_OK(jimm_state_add(b, "x", &tensor));
  jimm_tensor view = *jimm_state_find(a, "x");
  view.shape = (jimm_shape){2, {2, 2}};
  REQUIRE_OK(jimm_state_add_view(c, "y", a, &view));
  TEST_CHECK_INT(jimm_state_add_view(c, "z", b, &view), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "z is of another state than the views before it");
  TEST_CHECK_INT(jimm_state_add_view(c, "y", a, &view), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_add_view(c, "z", c, &view), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_add_view(c, NULL, a, &view), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_add_view(c, "z", NULL, &view), JIMM_ERROR_INVALID_ARGUMENT);
  const void *data = jimm_state_find(a, "x")->data;
  jimm_state_close(&a);
  const jimm_tensor *kept = jimm_state_find(c, "y");
  TEST_CHECK(kept->data == data && kept->shape.rank == 2 && ((const float *)kept->data)[3] == 4);
  TEST_CHECK(kept->owned == NULL);
  jimm_state_close(&b);
  jimm_state_close(&c);
}
