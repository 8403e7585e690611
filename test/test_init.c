/* Fresh weights (jimm_state_init): the family's recipes, and the numbers themselves. How they
 * compare with timm's own is test/parity/check_init.py. */
#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "filter.h"
#include "require_ok.h"

static jimm_state *init(const char *model, uint64_t seed, jimm_graph **graph) {
  jimm_model_name name;
  jimm_state *state = NULL;
  REQUIRE_OK(jimm_model_find(model, &name));
  REQUIRE_OK(jimm_graph_build(&name, NULL, graph));
  REQUIRE_OK(jimm_state_init(name.family, *graph, seed, &state));
  return state;
}

static const jimm_tensor *find(const jimm_state *state, const char *name) {
  const jimm_tensor *tensor = jimm_state_find(state, name);
  TEST_REQUIRE_MSG(tensor != NULL, "no tensor %s", name);
  return tensor;
}

static void check_constant(const jimm_state *state, const char *name, double value) {
  const jimm_tensor *t = find(state, name);
  const float *x = t->data;
  int64_t wrong = 0;
  TEST_REQUIRE_INT(t->dtype, JIMM_F32);
  for (int64_t i = 0; i < jimm_shape_count(&t->shape); i++) {
    wrong += x[i] == (float)value ? 0 : 1;
  }
  TEST_CHECK_MSG(wrong == 0, "%s: %lld elements are not %g", name, (long long)wrong, value);
}

typedef struct moments {
  double mean, deviation, largest, fourth; /* fourth: over deviation^4 */
  double count;
} moments;

static moments measure(const jimm_tensor *t) {
  const float *x = t->data;
  moments m = {.count = (double)jimm_shape_count(&t->shape)};
  double second = 0, fourth = 0;
  for (int64_t i = 0; i < (int64_t)m.count; i++) {
    m.mean += (double)x[i] / m.count;
    second += (double)x[i] * (double)x[i] / m.count;
    fourth += pow((double)x[i], 4) / m.count;
    m.largest = fmax(m.largest, fabs((double)x[i]));
  }
  m.deviation = sqrt(second);
  m.fourth = fourth / (second * second);
  return m;
}

/* Six standard errors; the fourth moment tells a normal distribution (3) from a uniform (9/5). */
static void check_normal(const jimm_state *state, const char *name, double deviation) {
  const moments m = measure(find(state, name));
  TEST_CHECK_MSG(fabs(m.mean) < 6 * deviation / sqrt(m.count), "%s: mean %g", name, m.mean);
  TEST_CHECK_MSG(fabs(m.deviation / deviation - 1) < 6 / sqrt(2 * m.count),
                 "%s: deviation %g, expected %g", name, m.deviation, deviation);
  TEST_CHECK_MSG(fabs(m.fourth - 3) < 6 * sqrt(96 / m.count), "%s: fourth moment %g", name,
                 m.fourth);
}

static void check_uniform(const jimm_state *state, const char *name, double bound) {
  const moments m = measure(find(state, name));
  TEST_CHECK_MSG(m.largest <= bound && m.largest > bound * (1 - 20 / m.count),
                 "%s: largest %g, bound %g", name, m.largest, bound);
  TEST_CHECK_MSG(fabs(m.mean) < 6 * bound / sqrt(3 * m.count), "%s: mean %g", name, m.mean);
  TEST_CHECK_MSG(fabs(m.fourth - 1.8) < 6 * sqrt(7 / m.count), "%s: fourth moment %g", name,
                 m.fourth);
}

TEST(resnet_basic) {
  jimm_graph *graph = NULL;
  jimm_state *state = init("resnet18", 3, &graph);
  check_normal(state, "conv1.weight", sqrt(2.0 / (64 * 49)));
  check_normal(state, "layer2.0.conv1.weight", sqrt(2.0 / (128 * 9)));
  check_normal(state, "layer2.0.downsample.0.weight", sqrt(2.0 / 128));
  check_constant(state, "bn1.weight", 1);
  check_constant(state, "layer1.0.bn1.weight", 1);
  check_constant(state, "layer1.0.bn2.weight", 0); /* the last norm of the branch */
  check_constant(state, "layer2.0.downsample.1.weight", 1);
  check_constant(state, "layer1.0.bn2.bias", 0);
  check_constant(state, "layer1.0.bn2.running_mean", 0);
  check_constant(state, "layer1.0.bn2.running_var", 1);
  check_uniform(state, "fc.weight", 1 / sqrt(512.0));
  check_uniform(state, "fc.bias", 1 / sqrt(512.0));
  const jimm_tensor *tracked = find(state, "bn1.num_batches_tracked");
  TEST_CHECK_INT(tracked->dtype, JIMM_I64);
  TEST_CHECK_INT(*(const int64_t *)tracked->data, 0);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

TEST(resnet_bottleneck) {
  jimm_graph *graph = NULL;
  jimm_state *state = init("seresnext26t_32x4d", 1, &graph);
  check_constant(state, "layer1.0.bn2.weight", 1);
  check_constant(state, "layer1.0.bn3.weight", 0);
  /* groups do not count */
  check_normal(state, "layer1.0.conv2.weight", sqrt(2.0 / (128 * 9)));
  check_normal(state, "layer1.0.se.fc1.weight", sqrt(2.0 / 16));
  check_uniform(state, "layer1.0.se.fc1.bias", 1 / sqrt(256.0));
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

TEST(resnetv2) {
  jimm_graph *graph = NULL;
  jimm_state *state = init("resnetv2_50x1_bit", 1, &graph);
  check_normal(state, "stem.conv.weight", sqrt(2.0 / (64 * 49)));
  check_normal(state, "stages.0.blocks.0.conv3.weight", sqrt(2.0 / 256));
  check_constant(state, "stages.0.blocks.0.norm3.weight", 1);
  check_normal(state, "head.fc.weight", 0.01);
  check_constant(state, "head.fc.bias", 0);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  state = init("resnetv2_50d_evos", 1, &graph);
  check_constant(state, "stages.0.blocks.0.norm3.v", 1);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  state = init("resnetv2_50d_frn", 1, &graph);
  check_constant(state, "stages.0.blocks.0.norm3.tau", 0);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

TEST(convnext) {
  jimm_graph *graph = NULL;
  jimm_state *state = init("convnext_atto", 1, &graph);
  check_normal(state, "stem.0.weight", 0.02);
  check_constant(state, "stem.0.bias", 0);
  check_constant(state, "stem.1.weight", 1);
  check_normal(state, "stages.0.blocks.0.conv_dw.weight", 0.02);
  check_normal(state, "stages.0.blocks.0.mlp.fc1.weight", 0.02);
  check_constant(state, "stages.0.blocks.0.mlp.fc1.bias", 0);
  check_constant(state, "stages.0.blocks.0.gamma", 1e-6);
  check_normal(state, "head.fc.weight", 0.02);
  check_constant(state, "head.fc.bias", 0);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  state = init("convnextv2_atto", 1, &graph);
  check_constant(state, "stages.0.blocks.0.mlp.grn.weight", 0);
  check_constant(state, "stages.0.blocks.0.mlp.grn.bias", 0);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

/* Every family, a new one too: all parameters are there, and finite. */
TEST(every_family) {
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_arch *arch = filter_smallest(jimm_family_at(f));
    jimm_graph *graph = NULL;
    jimm_model *model = NULL;
    jimm_state *state = init(arch->name, 1, &graph);
    REQUIRE_OK(jimm_model_create(graph, state, NULL, &model));
    REQUIRE_OK(jimm_model_check_finite(model));
    jimm_model_close(&model);
    jimm_state_close(&state);
    jimm_graph_close(&graph);
  }
}

TEST(the_seed_decides) {
  jimm_graph *graph = NULL;
  jimm_state *one = init("test_convnext", 1, &graph);
  jimm_graph_close(&graph);
  jimm_state *again = init("test_convnext", 1, &graph);
  jimm_graph_close(&graph);
  jimm_state *other = init("test_convnext", 2, &graph);
  TEST_CHECK_INT(jimm_state_count(one), jimm_state_count(again));
  int64_t equal = 0;
  for (int64_t i = 0; i < jimm_state_count(one); i++) {
    const char *name = jimm_state_name(one, i);
    const jimm_tensor *a = jimm_state_tensor(one, i), *b = find(again, name),
                      *c = find(other, name);
    TEST_CHECK(memcmp(a->data, b->data, jimm_tensor_bytes(a)) == 0);
    equal += memcmp(a->data, c->data, jimm_tensor_bytes(a)) == 0 ? 1 : 0;
  }
  TEST_CHECK_MSG(equal < jimm_state_count(one), "seeds 1 and 2 give the same weights");
  jimm_model *model = NULL;
  REQUIRE_OK(jimm_model_create(graph, one, NULL, &model)); /* nothing missing, nothing more */
  jimm_model_close(&model);
  jimm_state_close(&one);
  jimm_state_close(&again);
  jimm_state_close(&other);
  jimm_graph_close(&graph);
}

/* The first elements of resnet18's conv1.weight for seed 7, from the definition in
 * src/family/init.c with 50 digits: within half a unit in the last place of float32, so that
 * machines cannot differ.
 */
TEST(numbers_are_the_definition) {
  static const double expected[] = {
#include "golden/init.def"
  };
  jimm_graph *graph = NULL;
  jimm_state *state = init("resnet18", 7, &graph);
  const float *x = find(state, "conv1.weight")->data;
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    TEST_CHECK_MSG(x[i] == (float)expected[i], "element %d: %.9g, expected %.17g", (int)i,
                   (double)x[i], expected[i]);
  }
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

TEST(bad_arguments) {
  jimm_model_name name;
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  REQUIRE_OK(jimm_model_find("test_resnet", &name));
  REQUIRE_OK(jimm_graph_build(&name, NULL, &graph));
  REQUIRE_OK(jimm_state_init(NULL, graph, 1, &state)); /* as PyTorch's layers start */
  TEST_CHECK(((const float *)find(state, "layer1.0.bn2.weight")->data)[0] == 1);
  jimm_state_close(&state);
  TEST_CHECK_INT(jimm_state_init(name.family, NULL, 1, &state), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_init(name.family, graph, 1, NULL), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK(state == NULL);
  jimm_graph_close(&graph);
}

TEST_MAIN()
