/* --check-finite: NaN and infinity in weights, inputs and on the way are errors that name them. */
#include <jimm-test/jimm-test.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

/* Writes a copy of a file of weights, in which one element has another value. */
static void spoil_weights(const char *from, const char *name, size_t index, float value,
                          const char *to) {
  jimm_state *state = NULL, *spoilt = NULL;
  TEST_REQUIRE(jimm_state_open(scratch_path(from), &state) == JIMM_OK);
  TEST_REQUIRE(jimm_state_create(&spoilt) == JIMM_OK);
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    TEST_REQUIRE(jimm_state_add(spoilt, jimm_state_name(state, i), jimm_state_tensor(state, i)) ==
                 JIMM_OK);
  }
  const jimm_tensor *tensor = jimm_state_find(spoilt, name);
  TEST_REQUIRE(tensor != NULL);
  ((float *)tensor->data)[index] = value;
  TEST_REQUIRE(jimm_state_save(spoilt, scratch_path(to)) == JIMM_OK);
  jimm_state_close(&state);
  jimm_state_close(&spoilt);
}

TEST_SETUP() {
  jimm_tensor input = read_npy("x.npy");
  ((float *)input.data)[64 * 48 + 50] = -INFINITY;
  TEST_REQUIRE(jimm_npy_write(scratch_path("infinite.npy"), &input) == JIMM_OK);
  jimm_tensor_close(&input);
  spoil_weights("w.safetensors", "layer1.0.conv2.weight", 10, NAN, "nan.safetensors");
  spoil_weights("w.safetensors", "layer2.0.bn1.running_var", 2, -1, "negative.safetensors");
  TEST_REQUIRE_INT(mkdir(scratch_path("spoilt"), 0700), 0);
  TEST_REQUIRE_INT(mkdir(scratch_path("negative"), 0700), 0);
  TEST_REQUIRE_INT(link(scratch_path("folder/config.json"), scratch_path("spoilt/config.json")), 0);
  TEST_REQUIRE_INT(link(scratch_path("folder/config.json"), scratch_path("negative/config.json")),
                   0);
  spoil_weights("folder/model.safetensors", "fc.bias", 1, NAN, "spoilt/model.safetensors");
  spoil_weights("folder/model.safetensors", "layer2.0.bn1.running_var", 2, -1,
                "negative/model.safetensors");
}

#define FORWARD "forward", "test_resnet", "--output", "out/y.npy"

static void check_error(const run_result *run, const char *message) {
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_STR(run->out, "");
  TEST_CHECK_CONTAINS(run->err, message);
  TEST_CHECK_INT(scratch_entries("out"), 0);
  scratch_clear("out");
}

TEST(finite_forward_is_as_before) {
  static const char *const evaluators[] = {"plan", "reference", "reference64"};
  for (size_t i = 0; i < 3; i++) {
    check_quiet(
        RUN(FORWARD, "-w", "w.safetensors", "--input", "x.npy", "--evaluator", evaluators[i]), 0);
    jimm_tensor want = read_npy("out/y.npy");
    check_quiet(RUN(FORWARD, "-w", "w.safetensors", "--input", "x.npy", "--evaluator",
                    evaluators[i], "--check-finite"),
                0);
    jimm_tensor got = read_npy("out/y.npy");
    check_tensor(&got, &want);
    jimm_tensor_close(&got);
    jimm_tensor_close(&want);
  }
  scratch_clear("out");
}

TEST(forward_names_input_weights_and_node) {
  const char *input =
      "jimm forward: infinite.npy: element [0, 1, 1, 2] is -infinity (1 of 18432 elements are not "
      "finite)\n";
  const char *weights =
      "jimm forward: nan.safetensors: tensor \"layer1.0.conv2.weight\": element [0, 1, 0, 1] is "
      "NaN";
  const char *node = "jimm forward: x.npy: layer2.0.bn1 (batch_norm): element [0, 2, 0, 0] is NaN";
  static const char *const evaluators[] = {"plan", "reference", "reference64"};
  for (size_t i = 0; i < 3; i++) {
    check_error(RUN(FORWARD, "--synthetic", "1", "--input", "infinite.npy", "--check-finite",
                    "--evaluator", evaluators[i]),
                input);
    check_error(RUN(FORWARD, "-w", "nan.safetensors", "--input", "x.npy", "--check-finite",
                    "--evaluator", evaluators[i]),
                weights);
    check_error(RUN(FORWARD, "-w", "negative.safetensors", "--input", "x.npy", "--check-finite",
                    "--evaluator", evaluators[i]),
                node);
  }
  /* Without the option the values are written as they come. */
  check_quiet(RUN(FORWARD, "-w", "negative.safetensors", "--input", "x.npy"), 0);
  jimm_tensor logits = read_npy("out/y.npy");
  TEST_CHECK_INT(jimm_tensor_check_finite(&logits), JIMM_ERROR_NOT_FINITE);
  jimm_tensor_close(&logits);
  scratch_clear("out");
}

TEST(predict_names_weights_and_node) {
  check_error(RUN("predict", "--check-finite", "-w", "spoilt", "a.ppm"),
              "jimm predict: spoilt/model.safetensors: tensor \"fc.bias\": element [1] is NaN");
  check_error(RUN("predict", "--check-finite", "-w", "negative", "a.ppm"),
              "jimm predict: a.ppm: layer2.0.bn1 (batch_norm): element [0, 2, 0, 0] is NaN");
  check_error(RUN("predict", "-w", "negative", "a.ppm"), "a.ppm: the logits are not all finite");
  char want[4096];
  TEST_CHECK_INT(RUN("predict", "-w", "folder", "a.ppm", "images")->status, 0);
  strncpy(want, RUN("predict", "-w", "folder", "a.ppm", "images")->out, sizeof want - 1);
  want[sizeof want - 1] = 0;
  const run_result *run = RUN("predict", "--check-finite", "-w", "folder", "a.ppm", "images");
  check_quiet(run, 0);
  TEST_CHECK_STR(run->out, want);
}
