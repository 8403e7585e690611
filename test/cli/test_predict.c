/* predict and forward, run as a user runs them: they give what the library gives. */
#include <jimm-test/jimm-test.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

/* ---- predict ---- */

/* The entries of "top" are what the library says of the image. */
static void check_top(const json_t *result, const char *file, const char *image, bool folder,
                      const jimm_data_config *data, int64_t k) {
  static const char *const labels[FOLDER_CLASSES] = {"ant", "bee", "cat", "dog"};
  TEST_CHECK_STR(json_string_value(json_object_get(result, "file")), file);
  const json_t *list = json_object_get(result, "top");
  TEST_REQUIRE_INT(length_of(list), k);
  jimm_tensor input = preprocess(image, data);
  jimm_tensor logits = fixture_logits(folder, &input);
  jimm_top top[8];
  TEST_CHECK_INT(jimm_top_k(logits.data, jimm_shape_count(&logits.shape), k, top), k);
  for (int64_t i = 0; i < k; i++) {
    const json_t *entry = json_array_get(list, (size_t)i);
    TEST_CHECK_INT(json_integer_value(json_object_get(entry, "index")), top[i].index);
    TEST_CHECK((float)json_real_value(json_object_get(entry, "logit")) == top[i].logit);
    TEST_CHECK((float)json_real_value(json_object_get(entry, "probability")) == top[i].probability);
    const json_t *label = json_object_get(entry, "label");
    if (folder) {
      TEST_CHECK_STR(json_string_value(label), labels[top[i].index]);
    } else {
      const jimm_labels *names = jimm_labels_find(1000);
      const json_t *synset = json_object_get(entry, "synset");
      TEST_CHECK_STR(json_string_value(label), jimm_labels_description(names, top[i].index));
      TEST_CHECK_STR(json_string_value(synset), jimm_labels_synset(names, top[i].index));
    }
  }
  jimm_tensor_close(&logits);
  jimm_tensor_close(&input);
}

TEST(predict_with_a_weights_file) {
  check_quiet(RUN("predict", "-m", "test_resnet", "-w", "w.safetensors", "--json", "--threads", "1",
                  "a.ppm"),
              0);
  jimm_model_name name;
  TEST_REQUIRE(jimm_model_find("test_resnet", &name) == JIMM_OK);
  json_t *array = run_json();
  TEST_CHECK_INT(length_of(array), 1);
  check_top(json_array_get(array, 0), "a.ppm", "a.ppm", false, &name.variant->data, 5);
  json_decref(array);
}

TEST(predict_with_a_weights_folder) {
  check_quiet(
      RUN("predict", "--weights=folder", "--json", "a.ppm", "-k2", "--threads=1", "ppm.jpg"), 0);
  json_t *array = run_json();
  TEST_CHECK_INT(length_of(array), 2);
  check_top(json_array_get(array, 0), "a.ppm", "a.ppm", true, &folder_data, 2);
  check_top(json_array_get(array, 1), "ppm.jpg", "a.ppm", true, &folder_data, 2);
  json_decref(array);
}

TEST(predict_at_the_test_size) {
  jimm_data_config data = folder_data;
  data.height = 80;
  data.width = 72;
  data.crop_pct = 1.0;
  check_quiet(RUN("predict", "-wfolder", "--json", "--threads=1", "--test-size", "a.ppm"), 0);
  json_t *array = run_json();
  check_top(json_array_get(array, 0), "a.ppm", "a.ppm", true, &data, 4);
  json_decref(array);
}

TEST(predict_text) {
  const run_result *run = RUN("predict", "-w", "folder", "-k", "100", "a.ppm");
  check_quiet(run, 0);
  TEST_REQUIRE_INT(count_lines(run->out), 1 + FOLDER_CLASSES); /* k is cut to the classes */
  TEST_CHECK(strncmp(run->out, "a.ppm\n", 6) == 0);
  double sum = 0;
  double before = 1;
  const char *line = strchr(run->out, '\n') + 1;
  for (int i = 0; i < FOLDER_CLASSES; i++) {
    char label[16] = "";
    double probability = 0;
    int index = -1;
    TEST_REQUIRE(sscanf(line, " %lf %d %15s", &probability, &index, label) == 3);
    TEST_CHECK(index >= 0 && index < FOLDER_CLASSES && strlen(label) == 3);
    TEST_CHECK(probability <= before);
    sum += probability;
    before = probability;
    line = strchr(line, '\n') + 1;
  }
  TEST_CHECK_DOUBLE(sum, 1.0, 4e-6, 0);
}

/* A name cannot steer the terminal or forge a line; JSON tells it as it is. */
TEST(predict_text_escapes_control_characters) {
  const char *name = "a\n  1.0\033[2J.ppm";
  TEST_REQUIRE(symlink("a.ppm", scratch_path(name)) == 0);
  const run_result *run = RUN("predict", "-w", "folder", "-k", "1", name);
  check_quiet(run, 0);
  TEST_CHECK_INT(count_lines(run->out), 2);
  TEST_CHECK(strncmp(run->out, "a\\x0a  1.0\\x1b[2J.ppm\n", 22) == 0);
  check_quiet(RUN("predict", "-w", "folder", "-k", "1", "--json", name), 0);
  json_t *json = run_json();
  TEST_CHECK_STR(json_string_value(json_object_get(json_array_get(json, 0), "file")), name);
  json_decref(json);
  TEST_CHECK_INT(unlink(scratch_path(name)), 0);
}

TEST(predict_stdin) {
  const char *const arguments[] = {"predict", "-wfolder", "--json", "--threads",
                                   "1",       "-k1",      "-",      NULL};
  check_quiet(run_program("a.ppm", NULL, arguments), 0);
  json_t *array = run_json();
  check_top(json_array_get(array, 0), "-", "a.ppm", true, &folder_data, 1);
  json_decref(array);
}

TEST(predict_a_folder_of_images) {
  check_quiet(RUN("predict", "-wfolder", "--json", "--threads", "1", "images/"), 0);
  json_t *array = run_json();
  TEST_CHECK_INT(length_of(array), 4); /* sorted; no notes.txt, nothing from deeper.png */
  check_top(json_array_get(array, 0), "images/a.PPM", "images/a.PPM", true, &folder_data, 4);
  check_top(json_array_get(array, 1), "images/b.ppm", "images/b.ppm", true, &folder_data, 4);
  check_top(json_array_get(array, 2), "images/c.ppm", "images/c.ppm", true, &folder_data, 4);
  check_top(json_array_get(array, 3), "images/d.webp", "images/d.webp", true, &folder_data, 4);
  json_decref(array);
}

TEST(predict_goes_on_after_a_bad_image) {
  const run_result *run = RUN("predict", "-wfolder", "--json", "--threads", "1", "empty.png",
                              "a.ppm", "text.png", "--", "absent.png");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "jimm predict: empty.png: ");
  TEST_CHECK_CONTAINS(run->err, "jimm predict: text.png: ");
  TEST_CHECK_CONTAINS(run->err, "absent.png");
  json_t *array = run_json();
  TEST_CHECK_INT(length_of(array), 1);
  check_top(json_array_get(array, 0), "a.ppm", "a.ppm", true, &folder_data, 4);
  json_decref(array);
}

TEST(predict_a_name_that_is_no_utf8) {
  scratch_write("\xff.ppm", "P6\n1 1\n255\nabc", 14);
  check_quiet(RUN("predict", "-wfolder", "--json", "\xff.ppm"), 0);
  json_t *array = run_json();
  TEST_CHECK_STR(json_string_value(json_object_get(json_array_get(array, 0), "file")),
                 "\xEF\xBF\xBD.ppm");
  json_decref(array);
}

TEST(predict_goes_on_in_a_folder) {
  const run_result *run = RUN("predict", "-wfolder", "mixed", "a.ppm", "-k1");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "jimm predict: mixed/b.png: ");
  TEST_CHECK_INT(count_lines(run->err), 1);
  TEST_CHECK_INT(count_lines(run->out), 6);
}

/* Large images among small ones and errors between: results and messages keep the order of the
 * arguments, and more images than the queue has room for go through it. */
TEST(predict_keeps_the_order) {
  enum { COUNT = 48, SIDE = 1200 };
  static char large[SIDE * SIDE * 3 + 32];
  size_t size = (size_t)sprintf(large, "P6\n%d %d\n255\n", SIDE, SIDE);
  scratch_write("large.ppm", large, size + (size_t)SIDE * SIDE * 3);
  TEST_REQUIRE(mkdir(scratch_path("many"), 0700) == 0);
  char name[32];
  for (int i = 0; i < COUNT; i++) {
    snprintf(name, sizeof name, "many/%02d.ppm", i);
    const char *target = i % 8 == 0 ? "../large.ppm" : i % 8 == 3 ? "../empty.png" : "../a.ppm";
    TEST_REQUIRE(symlink(target, scratch_path(name)) == 0);
  }
  const run_result *run =
      RUN("predict", "-wfolder", "-k1", "--json", "absent.png", "many", "text.png");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_INT(count_lines(run->err), COUNT / 8 + 2);
  const char *err = run->err;
  TEST_CHECK_CONTAINS(err, "absent.png");
  json_t *array = run_json();
  TEST_CHECK_INT(length_of(array), COUNT - COUNT / 8);
  size_t next = 0;
  for (int i = 0; i < COUNT; i++) {
    snprintf(name, sizeof name, "many/%02d.ppm", i);
    if (i % 8 == 3) {
      const char *found = strstr(err, name);
      TEST_CHECK_MSG(found != NULL, "%s is not reported in its turn", name);
      err = found == NULL ? err : found;
    } else {
      const json_t *file = json_object_get(json_array_get(array, next++), "file");
      TEST_CHECK_STR(json_string_value(file), name);
    }
  }
  TEST_CHECK_CONTAINS(err, "text.png");
  json_decref(array);
  scratch_clear("many");
  TEST_CHECK_INT(rmdir(scratch_path("many")), 0);
  TEST_CHECK_INT(unlink(scratch_path("large.ppm")), 0);
}

/* ---- forward ---- */

static void check_close(const jimm_tensor *got, const jimm_tensor *want, double relative) {
  jimm_compare compare;
  if (TEST_CHECK_MSG(jimm_tensor_compare(got, want, &compare) == JIMM_OK, "%s",
                     jimm_error_message())) {
    TEST_CHECK_MSG(compare.max_abs_want > 0 && compare.relative <= relative, "relative error %g",
                   compare.relative);
  }
}

TEST(forward_is_the_plan) {
  const run_result *run = RUN("forward", "test_resnet", "-w", "w.safetensors", "--input", "x.npy",
                              "--output", "out/y.npy", "--threads", "1");
  check_quiet(run, 0);
  TEST_CHECK_STR(run->out, "");
  jimm_tensor input = read_npy("x.npy");
  jimm_tensor want = fixture_logits(false, &input);
  jimm_tensor got = read_npy("out/y.npy");
  check_tensor(&got, &want);
  jimm_tensor_close(&got);
  check_quiet(RUN("forward", "test_resnet.r160_in1k", "--synthetic", "7", "--input", "x.npy",
                  "--output", "out/y.npy", "--threads", "1"),
              0);
  got = read_npy("out/y.npy");
  check_tensor(&got, &want);
  jimm_tensor_close(&got);
  jimm_tensor_close(&want);
  jimm_tensor_close(&input);
  scratch_clear("out");
}

TEST(forward_evaluators_agree) {
  check_quiet(RUN("forward", "test_resnet", "-w", "w.safetensors", "--input", "x64.npy", "--output",
                  "out/want.safetensors", "--what", "all", "--evaluator", "reference64"),
              0);
  jimm_state *want = NULL;
  jimm_state *got = NULL;
  TEST_REQUIRE(jimm_state_open(scratch_path("out/want.safetensors"), &want) == JIMM_OK);
  TEST_CHECK_INT(jimm_state_count(want), 8);
  static const char *const evaluators[] = {"plan", "reference"};
  static const char *const names[] = {"logits",  "features", "pre_logits", "feat_01",
                                      "feat_02", "feat_03",  "feat_04",    "feat_05"};
  for (int e = 0; e < 2; e++) {
    check_quiet(RUN("forward", "test_resnet", "-w", "w.safetensors", "--input", "x.npy", "--output",
                    "out/got.safetensors", "--what", "all", "--evaluator", evaluators[e]),
                0);
    TEST_REQUIRE(jimm_state_open(scratch_path("out/got.safetensors"), &got) == JIMM_OK);
    TEST_CHECK_INT(jimm_state_count(got), 8);
    for (int i = 0; i < 8; i++) {
      const jimm_tensor *a = jimm_state_find(got, names[i]);
      const jimm_tensor *b = jimm_state_find(want, names[i]);
      TEST_REQUIRE(a != NULL && b != NULL);
      TEST_CHECK_STR(jimm_dtype_name(a->dtype), "F32");
      TEST_CHECK_STR(jimm_dtype_name(b->dtype), "F64");
      check_close(a, b, 2e-6);
    }
    jimm_state_close(&got);
  }
  jimm_state_close(&want);
  scratch_clear("out");
}

/* "feat_02 [1, 32, 16, 16] ...": what a .safetensors file in out holds. */
static const char *file_shapes(const char *file) {
  static char text[1024];
  jimm_state *state = NULL;
  text[0] = 0;
  TEST_REQUIRE(jimm_state_open(scratch_path(file), &state) == JIMM_OK);
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    char shape[JIMM_SHAPE_TEXT];
    jimm_shape_format(&jimm_state_tensor(state, i)->shape, shape, sizeof shape);
    size_t length = strlen(text);
    snprintf(text + length, sizeof text - length, "%s%s %s", i == 0 ? "" : " ",
             jimm_state_name(state, i), shape);
  }
  jimm_state_close(&state);
  return text;
}

TEST(forward_pyramid) {
#define PYRAMID \
  "forward", "test_resnet", "--synthetic", "1", "--input", "x.npy", "--what", "pyramid"
  check_quiet(RUN(PYRAMID, "--output", "out/y.safetensors"), 0);
  TEST_CHECK_STR(file_shapes("out/y.safetensors"),
                 "feat_01 [2, 32, 32, 24] feat_02 [2, 32, 16, 12] feat_03 [2, 48, 8, 6] "
                 "feat_04 [2, 192, 4, 3] feat_05 [2, 96, 2, 2]");
  check_quiet(RUN(PYRAMID, "--output", "out/y.safetensors", "--out-indices", "-1,1"), 0);
  TEST_CHECK_STR(file_shapes("out/y.safetensors"), "feat_02 [2, 32, 16, 12] feat_05 [2, 96, 2, 2]");
  check_quiet(
      RUN(PYRAMID, "--output", "out/y.safetensors", "--output-stride", "8", "--out-indices", "3,4"),
      0);
  TEST_CHECK_STR(file_shapes("out/y.safetensors"), "feat_04 [2, 192, 8, 6] feat_05 [2, 96, 8, 6]");
  check_quiet(RUN(PYRAMID, "--output", "out/y.npy", "--out-indices", "2"), 0);
  scratch_clear("out");
#undef PYRAMID
}

/* The shape of what `forward` writes with these options. */
static const char *forward_shape(const char *const *arguments) {
  static char text[JIMM_SHAPE_TEXT];
  const run_result *run = run_program(NULL, NULL, arguments);
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_STR(run->err, "");
  if (run->status != 0) {
    return "";
  }
  jimm_tensor tensor = read_npy("out/y.npy");
  jimm_shape_format(&tensor.shape, text, sizeof text);
  jimm_tensor_close(&tensor);
  scratch_clear("out");
  return text;
}
#define SHAPE(...) \
  forward_shape(   \
      (const char *const[]){"forward", "test_resnet", "--output", "out/y.npy", __VA_ARGS__, NULL})

TEST(forward_options) {
  TEST_CHECK_STR(SHAPE("-ww.safetensors", "--input", "x.npy"), "[2, 1000]");
  TEST_CHECK_STR(SHAPE("-ww.safetensors", "--input", "x.npy", "--what", "features"),
                 "[2, 96, 2, 2]");
  TEST_CHECK_STR(SHAPE("-ww.safetensors", "--input", "x.npy", "--what=pre_logits"), "[2, 96]");
  TEST_CHECK_STR(SHAPE("-ww.safetensors", "--input", "gray.npy", "--in-chans", "1"), "[1, 1000]");
  TEST_CHECK_STR(SHAPE("-wgray.safetensors", "--input", "gray.npy", "--in-chans", "1"),
                 "[1, 1000]");
  TEST_CHECK_STR(SHAPE("-ww.safetensors", "--input", "x.npy", "--num-classes", "7", "--reset-head"),
                 "[2, 7]");
  TEST_CHECK_STR(SHAPE("-wheadless.safetensors", "--input", "x.npy", "--num-classes", "0"),
                 "[2, 96]");
  TEST_CHECK_STR(SHAPE("-wheadless.safetensors", "--input", "x.npy", "--num-classes", "0",
                       "--global-pool", "catavgmax"),
                 "[2, 192]");
  TEST_CHECK_STR(SHAPE("--synthetic", "18446744073709551615", "--input", "x.npy", "--num-classes",
                       "3", "--global-pool", "max"),
                 "[2, 3]");
  TEST_CHECK_STR(forward_shape((const char *const[]){"forward", "-w", "folder", "--input", "x.npy",
                                                     "--output", "out/y.npy", NULL}),
                 "[2, 4]");
}

/* One note a use of weights whose licence restricts it; none for other weights. */
TEST(restricted_weights_are_noted) {
#define NOTE "note: the licence of the weights of "
  check_quiet(RUN("init", "convnextv2_atto", "--seed", "1", "-o", "out/w.safetensors"), 0);
  const run_result *run = RUN("forward", "convnextv2_atto", "-wout/w.safetensors", "--input",
                              "x.npy", "--output", "out/y.npy");
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_STR(run->err, "jimm forward: " NOTE
                           "convnextv2_atto.fcmae_ft_in1k is cc-by-nc-4.0: no commercial use\n");
  run = RUN("predict", "-m", "convnextv2_atto", "-wout/w.safetensors", "a.ppm", "a.ppm", "--json");
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_CONTAINS(run->err, "jimm predict: " NOTE "convnextv2_atto.fcmae_ft_in1k");
  TEST_CHECK_INT(count_lines(run->err), 1);
  json_t *array = run_json();
  TEST_CHECK_INT(length_of(array), 2);
  json_decref(array);
  check_quiet(RUN("forward", "convnextv2_atto", "--synthetic", "1", "--input", "x.npy", "--output",
                  "out/y.npy"),
              0);

  /* A folder's own licence counts, not that of the released weights. */
  static const char *const configs[] = {
      "{\"architecture\": \"convnextv2_atto\", \"pretrained_cfg\": {\"license\": \"mit\"}}",
      "{\"architecture\": \"convnextv2_atto\"}",
      ("{\"architecture\": \"convnextv2_atto\", \"pretrained_cfg\": "
       "{\"license\": \"cc-by-nc-sa-4.0\", \"tag\": \"mine\"}}")};
  TEST_REQUIRE(mkdir(scratch_path("own"), 0700) == 0);
  TEST_REQUIRE(symlink("../out/w.safetensors", scratch_path("own/model.safetensors")) == 0);
  for (int i = 0; i < 3; i++) {
    scratch_write("own/config.json", configs[i], strlen(configs[i]));
    run = RUN("forward", "-wown", "--input", "x.npy", "--output", "out/y.npy");
    TEST_CHECK_INT(run->status, 0);
    TEST_CHECK_STR(run->err, i < 2 ? ""
                                   : "jimm forward: " NOTE
                                     "convnextv2_atto.mine is "
                                     "cc-by-nc-sa-4.0: no commercial use, share alike\n");
  }
  scratch_clear("own");
  TEST_CHECK_INT(rmdir(scratch_path("own")), 0);
  scratch_clear("out");
#undef NOTE
}

TEST(forward_says_that_it_rounds) {
  const run_result *run = RUN("forward", "test_resnet", "--synthetic", "1", "--input", "x64.npy",
                              "--output", "out/y.npy");
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_CONTAINS(run->err, "x64.npy: float64 input rounded to float32");
  scratch_clear("out");
}
