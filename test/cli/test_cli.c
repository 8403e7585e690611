/* The program, run as a user runs it: every command gives what the library gives. */
#include <fcntl.h>
#include <jimm-test/jimm-test.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

TEST_SETUP() {
  scratch_make();
}

/* ---- help ---- */

static const char *const commands[] = {"list",       "info",    "predict",
                                       "preprocess", "forward", "convert"};
enum { COMMANDS = 6 };

TEST(version_and_help) {
  const run_result *run = RUN("--version");
  check_quiet(run, 0);
  TEST_CHECK_STR(run->out, "jimm " JIMM_VERSION_STRING "\n");
  run = RUN("--help");
  check_quiet(run, 0);
  for (int i = 0; i < COMMANDS; i++) {
    TEST_CHECK_CONTAINS(run->out, commands[i]);
  }
  TEST_CHECK_CONTAINS(run->out, "Exit status:");
}

TEST(help_and_man_name_every_option) {
  static const char *const options[COMMANDS][14] = {
      {"--family", "--archs", "--json", "--all"},
      {"--json", "--graph"},
      {"-m, --model", "-w, --weights", "-k, --top", "--json", "--test-size", "--threads",
       "--num-classes", "--check-finite"},
      {"-o, --output", "-w, --weights", "--test-size"},
      {"-w, --weights", "--synthetic", "--input", "--output", "--what", "--num-classes",
       "--in-chans", "--global-pool", "--evaluator", "--threads", "--reset-head", "--check-finite"},
      {"--dtype"},
  };
  const run_result *run = RUN("--man");
  check_quiet(run, 0);
  char *man = strdup(run->out);
  TEST_REQUIRE(man != NULL);
  for (int i = 0; i < COMMANDS; i++) {
    run = RUN(commands[i], "--help");
    check_quiet(run, 0);
    for (int k = 0; options[i][k] != NULL; k++) {
      char escaped[64];
      size_t length = 0;
      for (const char *c = options[i][k]; *c != 0; c++) {
        escaped[length] = '\\';
        length += *c == '-' ? 1 : 0;
        escaped[length++] = *c;
      }
      escaped[length] = 0;
      TEST_CHECK_CONTAINS(run->out, options[i][k]);
      TEST_CHECK_CONTAINS(man, escaped);
    }
  }
  free(man);
}

TEST(completion) {
  TEST_CHECK_STR(RUN("--complete", "pre")->out, "predict\npreprocess\n");
  TEST_CHECK_STR(RUN("--complete", "info", "--g")->out, "--graph\n");
  TEST_CHECK_STR(RUN("--complete", "info", "test_res")->out,
                 "test_resnet\ntest_resnet.r160_in1k\n");
  TEST_CHECK_STR(RUN("--complete", "forward", "x", "--what", "p")->out, "pre_logits\npyramid\n");
  TEST_CHECK_STR(RUN("--complete", "forward", "x", "--what", "=", "f")->out, "features\n");
  TEST_CHECK_STR(RUN("--complete", "predict", "-m", "test_resnet.")->out,
                 "test_resnet.r160_in1k\n");
  TEST_CHECK_STR(RUN("--complete", "predict", "-w", "")->out, ":files\n");
  TEST_CHECK_STR(RUN("--complete", "predict", "--json", "x")->out, ":files\n");
  TEST_CHECK_STR(RUN("--complete", "list", "--family", "res")->out, "resnet\nresnetv2\n");
  TEST_CHECK_INT(RUN("--complete", "nonsense", "x")->status, 0);
}

/* ---- list, info ---- */

TEST(list_names) {
  int released = 0;
  int all = 0;
  int archs = 0;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    archs += family->arch_count;
    for (int32_t a = 0; a < family->arch_count; a++) {
      all += family->archs[a].variant_count;
      for (int32_t v = 0; v < family->archs[a].variant_count; v++) {
        released += family->archs[a].variants[v].has_weights;
      }
    }
  }
  const run_result *run = RUN("list");
  check_quiet(run, 0);
  TEST_CHECK_INT(count_lines(run->out), released);
  TEST_CHECK_CONTAINS(run->out, "resnet50.a1_in1k\n");
  TEST_CHECK_INT(count_lines(RUN("list", "--all")->out), all);
  TEST_CHECK_INT(count_lines(RUN("list", "--archs")->out), archs);
  TEST_CHECK_INT(count_lines(RUN("list", "--archs", "--family", "bit")->out), 6);
  TEST_CHECK(all > released);
  TEST_CHECK_STR(RUN("list", "test_r*")->out, "test_resnet.r160_in1k\n");
  TEST_CHECK_STR(RUN("list", "*resnet.r160_in1k")->out, "test_resnet.r160_in1k\n");
  run = RUN("list", "resnet34");
  check_quiet(run, 0);
  TEST_CHECK_CONTAINS(run->out, "resnet34.a1_in1k\n");
  TEST_CHECK(strstr(run->out, "resnet34d") == NULL);
}

/* What a terminal has been given comes in pieces, and late: until `last` has come `times` times,
 * and what follows it at once. */
static void read_terminal(int terminal, char *text, size_t size, const char *last, int times) {
  size_t length = 0;
  for (bool enough = false;;) {
    struct pollfd readable = {.fd = terminal, .events = POLLIN};
    ssize_t got = 0;
    if (poll(&readable, 1, enough ? 200 : 10000) > 0) {
      got = read(terminal, text + length, size - 1 - length);
    }
    if (got <= 0) {
      break;
    }
    length += (size_t)got;
    text[length] = 0;
    int seen = 0;
    for (const char *at = strstr(text, last); at; at = strstr(at + 1, last)) {
      seen++;
    }
    enough = seen >= times;
  }
  text[length] = 0;
}

/* A terminal gets a table, where licences that restrict are marked; see also list_names. */
TEST(list_marks_restricted_licences) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) {
    close(terminal);
    TEST_SKIP("no terminal to be had");
  }
  char text[4096];
  const int keep = open(ptsname(terminal), O_RDWR | O_NOCTTY); /* its end would drop the output */
  TEST_REQUIRE(keep >= 0);
  const char *const arguments[] = {"list", "convnext_tiny.*lvd1689m", NULL};
  const char *const more[] = {"list", "resnet18.fb_*", NULL};
  const char *const none[] = {"list", "resnet18.a*", NULL};
  check_quiet(run_program(NULL, ptsname(terminal), arguments), 0);
  check_quiet(run_program(NULL, ptsname(terminal), more), 0);
  read_terminal(terminal, text, sizeof text, "says how\r\n", 2);
  TEST_CHECK_CONTAINS(text, "dinov3-license *\r\n");
  TEST_CHECK_CONTAINS(text, "fair-noncommercial-research-license *\r\n* the licence restricts");
  TEST_CHECK_CONTAINS(text, "cc-by-nc-4.0 *\r\n* the licence restricts");
  check_quiet(run_program(NULL, ptsname(terminal), none), 0);
  read_terminal(terminal, text, sizeof text, "apache-2.0\r\n", 1);
  TEST_CHECK_CONTAINS(text, "apache-2.0\r\n");
  TEST_CHECK(strchr(text, '*') == NULL);
  close(keep);
  close(terminal);
  const run_result *run = RUN("list", "resnet18.fb_*");
  check_quiet(run, 0);
  TEST_CHECK_STR(run->out, "resnet18.fb_ssl_yfcc100m_ft_in1k\nresnet18.fb_swsl_ig1b_ft_in1k\n");
}

static double real_at(const json_t *object, const char *key, size_t index) {
  const json_t *array = json_object_get(object, key);
  return json_number_value(array == NULL ? NULL : json_array_get(array, index));
}

static void check_variant(const json_t *object, const jimm_family *family, const jimm_arch *arch,
                          const jimm_variant *variant) {
  char name[256];
  snprintf(name, sizeof name, "%s%s%s", arch->name, variant->tag[0] == 0 ? "" : ".", variant->tag);
  TEST_CHECK_STR(json_string_value(json_object_get(object, "name")), name);
  TEST_CHECK_STR(json_string_value(json_object_get(object, "arch")), arch->name);
  TEST_CHECK_STR(json_string_value(json_object_get(object, "tag")), variant->tag);
  TEST_CHECK_STR(json_string_value(json_object_get(object, "family")), family->name);
  TEST_CHECK_STR(json_string_value(json_object_get(object, "license")), variant->license);
  TEST_CHECK_STR(json_string_value(json_object_get(object, "restriction")),
                 jimm_license_restriction(variant->license));
  TEST_CHECK_STR(json_string_value(json_object_get(object, "hub_id")), variant->hub_id);
  TEST_CHECK_INT(json_integer_value(json_object_get(object, "num_classes")), variant->num_classes);
  TEST_CHECK((double)variant->data.height == real_at(object, "input_size", 1));
  TEST_CHECK((double)variant->data.width == real_at(object, "input_size", 2));
  /* the same doubles, to the bit */
  TEST_CHECK(json_real_value(json_object_get(object, "crop_pct")) == variant->data.crop_pct);
  for (size_t i = 0; i < 3; i++) {
    TEST_CHECK(real_at(object, "mean", i) == variant->data.mean[i]);
    TEST_CHECK(real_at(object, "std", i) == variant->data.std[i]);
  }
  jimm_model_name found = {family, arch, variant, NULL};
  jimm_graph *graph = NULL;
  if (TEST_CHECK(jimm_graph_build(&found, NULL, &graph) == JIMM_OK)) {
    TEST_CHECK_INT(json_integer_value(json_object_get(object, "params")),
                   jimm_graph_parameter_count(graph));
  }
  jimm_graph_close(&graph);
}

TEST(list_json_is_the_registry) {
  check_quiet(RUN("list", "--json", "--all"), 0);
  json_t *array = run_json();
  TEST_REQUIRE(json_is_array(array));
  size_t index = 0;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; a < family->arch_count; a++) {
      const jimm_arch *arch = &family->archs[a];
      for (int32_t v = 0; v < arch->variant_count; v++) {
        check_variant(json_array_get(array, index++), family, arch, &arch->variants[v]);
      }
    }
  }
  TEST_CHECK_INT(length_of(array), (int)index);
  json_decref(array);
}

TEST(list_json_is_readable) {
  const run_result *run = RUN("list", "resnet10t", "--json");
  check_quiet(run, 0);
  TEST_CHECK_CONTAINS(run->out, "\"test_crop_pct\": 0.95,");
  TEST_CHECK_CONTAINS(run->out, "0.485,");
}

TEST(list_archs_json) {
  check_quiet(RUN("list", "--archs", "--json", "resnet50"), 0);
  json_t *array = run_json();
  TEST_CHECK_INT(length_of(array), 1);
  const json_t *object = json_array_get(array, 0);
  TEST_CHECK_STR(json_string_value(json_object_get(object, "name")), "resnet50");
  TEST_CHECK_STR(json_string_value(json_object_get(object, "default_tag")), "a1_in1k");
  TEST_CHECK_INT(json_integer_value(json_object_get(object, "params")), 25557032);
  TEST_CHECK_INT(json_integer_value(json_object_get(object, "num_features")), 2048);
  TEST_CHECK_STR(json_string_value(json_array_get(json_object_get(object, "tags"), 0)), "a1_in1k");
  json_decref(array);
}

TEST(info_text) {
  const run_result *run = RUN("info", "resnet50");
  check_quiet(run, 0);
  TEST_CHECK_CONTAINS(run->out, "resnet50.a1_in1k\n");
  TEST_CHECK_CONTAINS(run->out, "25557032 (25.6 M)");
  TEST_CHECK_CONTAINS(run->out, "4.09 G at 224 x 224"); /* the well-known figure */
  TEST_CHECK_CONTAINS(run->out, "102.4 MB of weights in float32");
  TEST_CHECK_CONTAINS(run->out, "apache-2.0");
  run = RUN("info", "resnet50.fb_swsl_ig1b_ft_in1k");
  check_quiet(run, 0);
  TEST_CHECK_CONTAINS(run->out, "cc-by-nc-4.0\n  restriction      no commercial use\n");
}

TEST(info_json) {
  check_quiet(RUN("info", "resnet50", "--json"), 0);
  json_t *object = run_json();
  /* 25,557,032 parameters and 53,120 running statistics */
  TEST_CHECK_INT(json_integer_value(json_object_get(object, "weight_bytes")), 4 * 25610152);
  TEST_CHECK_INT(json_integer_value(json_object_get(object, "macs")), 4089184256);
  TEST_CHECK_INT(json_integer_value(json_object_get(object, "largest_activation_bytes")),
                 4 * 64 * 112 * 112);
  TEST_CHECK(json_is_null(json_object_get(object, "restriction")));
  json_decref(object);
}

TEST(info_key_and_alias) {
  TEST_CHECK_CONTAINS(RUN("info", "resnet50_a1_in1k")->out, "resnet50.a1_in1k\n");
  const run_result *run = RUN("info", "tv_resnet34");
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_CONTAINS(run->out, "resnet34.tv_in1k\n");
  TEST_CHECK_CONTAINS(run->err, "tv_resnet34 is deprecated");
  TEST_CHECK_CONTAINS(run->err, "resnet34.tv_in1k");
}

TEST(info_graph) {
  const run_result *run = RUN("info", "test_resnet", "--graph");
  check_quiet(run, 0);
  TEST_CHECK_CONTAINS(run->out, "layer1.0.conv1");
  TEST_CHECK_CONTAINS(run->out, "[1, 1000]");
  check_quiet(RUN("info", "test_resnet", "--graph", "--json"), 0);
  json_t *object = run_json();
  TEST_CHECK_STR(json_string_value(json_object_get(object, "name")), "test_resnet.r160_in1k");
  json_t *nodes = json_object_get(json_object_get(object, "graph"), "nodes");
  size_t index = 0;
  json_t *node = NULL;
  bool seen = false;
  json_array_foreach(nodes, index, node) {
    if (strcmp(json_string_value(json_object_get(node, "name")), "layer1.0.bn1") == 0) {
      const json_t *attributes = json_object_get(node, "attributes");
      seen = true;
      TEST_CHECK_STR(json_string_value(json_object_get(node, "op")), "batch_norm");
      TEST_CHECK(json_real_value(json_object_get(attributes, "eps")) == 1e-5);
    }
  }
  TEST_CHECK(seen);
  json_decref(object);
}

/* ---- preprocess ---- */

TEST(preprocess_is_the_library) {
  jimm_model_name name;
  TEST_REQUIRE(jimm_model_find("resnet50.a1_in1k", &name) == JIMM_OK);
  for (int test_size = 0; test_size < 2; test_size++) {
    const run_result *run =
        RUN("preprocess", "resnet50", "a.ppm", "-o", "out/x.npy", test_size ? "--test-size" : NULL);
    check_quiet(run, 0);
    TEST_CHECK_STR(run->out, "");
    jimm_data_config data = jimm_variant_data(name.variant, test_size != 0);
    TEST_CHECK_INT(data.height, test_size ? 288 : 224);
    jimm_tensor want = preprocess("a.ppm", &data);
    jimm_tensor got = read_npy("out/x.npy");
    check_tensor(&got, &want);
    jimm_tensor_close(&got);
    jimm_tensor_close(&want);
  }
  scratch_clear("out");
}

TEST(preprocess_by_folder_and_stdin) {
  jimm_tensor want = preprocess("a.ppm", &folder_data);
  check_quiet(
      run_program("a.ppm", NULL,
                  (const char *const[]){"preprocess", "-wfolder", "-", "-oout/x.npy", NULL}),
      0);
  jimm_tensor got = read_npy("out/x.npy");
  check_tensor(&got, &want);
  jimm_tensor_close(&got);
  jimm_tensor_close(&want);
  scratch_clear("out");
}

TEST_MAIN()
