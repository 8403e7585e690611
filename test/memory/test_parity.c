/* Every allocation of libjimm-parity fails once: fixtures read and written, and the checks. HDF5's
 * own memory is its own. */
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>
#include <jimm/parity.h>

#include "base/alloc.h"
#include "walk.h"

/* ---- a model with few allocations ---- */

static jimm_value parameter(jimm_graph *graph, const char *name, const jimm_shape *shape,
                            jimm_parameter_role role) {
  const jimm_parameter_attrs attrs = {*shape, JIMM_F32, JIMM_PARAMETER, role, false};
  return jimm_graph_parameter(graph, name, &attrs);
}

static void build(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *options) {
  static const jimm_conv2d_attrs conv = {{2, 2}, {0, 0}, {1, 1}, 1};
  static const jimm_global_pool_attrs pool = {JIMM_POOL_AVG};
  static const jimm_flatten_attrs flatten = {1};
  const jimm_input_attrs image = {{4, {-1, options->in_chans, -1, -1}}, JIMM_F32};
  const jimm_shape weight = {4, {5, options->in_chans, 2, 2}}, fc = {2, {options->num_classes, 5}};
  (void)arch;
  jimm_value x = jimm_graph_input(graph, "input", &image);
  const jimm_value w = parameter(graph, "conv.weight", &weight, JIMM_ROLE_INPUT_CONV);
  x = jimm_graph_add(graph, "conv2d", "conv", &conv, 2, (jimm_value[]){x, w});
  jimm_graph_add_feature(graph, "conv", 5, 2, x);
  jimm_graph_output(graph, "features", x);
  x = jimm_graph_add(graph, "global_pool", "pool", &pool, 1, &x);
  x = jimm_graph_add(graph, "flatten", "flatten", &flatten, 1, &x);
  jimm_graph_output(graph, "pre_logits", x);
  if (options->num_classes > 0) {
    const jimm_value v = parameter(graph, "fc.weight", &fc, JIMM_ROLE_CLASSIFIER);
    x = jimm_graph_add(graph, "linear", "fc", NULL, 2, (jimm_value[]){x, v});
  }
  jimm_graph_output(graph, "logits", x);
}

static const jimm_variant variants[] = {{.tag = "", .num_classes = 3}};
static const jimm_arch archs[] = {
    {.name = "walk", .variants = variants, .variant_count = 1, .num_features = 5}};
static const char *const classifiers[] = {"fc", NULL};
static const jimm_family family = {.size = sizeof family,
                                   .name = "walk",
                                   .build = build,
                                   .default_global_pool = "avg",
                                   .archs = archs,
                                   .arch_count = 1,
                                   .classifiers = classifiers};

/* ---- a fixture of it ---- */

static float values[60];

static jimm_status add(jimm_state **state, const char *name, const jimm_shape *shape) {
  const jimm_tensor tensor = {JIMM_F32, *shape, values, NULL};
  const jimm_status status = *state == NULL ? jimm_state_create(state) : JIMM_OK;
  return status == JIMM_OK ? jimm_state_add(*state, name, &tensor) : status;
}

static jimm_status write_to(const char *path, bool pyramid) {
  static int64_t channels[] = {5}, reductions[] = {2};
  const jimm_shape map = {4, {1, 5, 2, 2}};
  jimm_parity parity = {.input = {JIMM_F32, {4, {1, 3, 4, 4}}, values, NULL}};
  jimm_status status = add(&parity.state, "conv.weight", &(jimm_shape){4, {5, 3, 2, 2}});
  if (status == JIMM_OK) {
    status = add(&parity.state, "fc.weight", &(jimm_shape){2, {3, 5}});
  }
  if (status == JIMM_OK) {
    status = add(&parity.outputs, pyramid ? "feat_01" : "features", &map);
  }
  if (status == JIMM_OK && !pyramid) {
    status = add(&parity.outputs, "logits", &(jimm_shape){2, {1, 3}});
  }
  if (status == JIMM_OK && !pyramid) {
    status = add(&parity.stages, "conv", &map);
  }
  if (pyramid) {
    parity.channels = (jimm_tensor){JIMM_I64, {1, {1}}, channels, NULL};
    parity.reductions = (jimm_tensor){JIMM_I64, {1, {1}}, reductions, NULL};
  }
  if (status == JIMM_OK) {
    parity.variant = jimm_strdup("walk");
    parity.options = jimm_strdup("{\"output_stride\": 32}");
    status = parity.variant == NULL || parity.options == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  }
  if (status == JIMM_OK) {
    status = jimm_parity_write(path, &parity);
  }
  jimm_parity_close(&parity);
  return status;
}

static jimm_status write_fixture(const char *name) {
  return write_to(walk_output(name), strstr(name, "featsonly") != NULL);
}

static jimm_status read_fixture(const char *name) {
  jimm_parity parity;
  const jimm_status status = jimm_parity_read(walk_input(name), &parity);
  jimm_parity_close(&parity);
  return status;
}

/* ---- checks: what they find is wrong, but they find it ---- */

static jimm_parity_options everything(void) {
  jimm_parity_options options = JIMM_PARITY_OPTIONS_INIT;
  options.threads = 1;
  options.trace = true;
  options.sensitivity = true;
  return options;
}

static jimm_status check_fixture(const char *name) {
  const jimm_parity_options options = everything();
  jimm_parity_report *report = NULL;
  const jimm_status status = jimm_parity_check_fixture(walk_input(name), &options, &report);
  if (status == JIMM_OK && (report->passed || report->step_count == 0)) {
    jimm_parity_report_close(&report);
    return jimm_fail(JIMM_ERROR_INTERNAL, "the values are no model's, but they pass");
  }
  jimm_parity_report_close(&report);
  return status;
}

static jimm_status check_golden(const char *name) {
  const jimm_parity_options options = everything();
  jimm_parity_report *report = NULL;
  const jimm_status status = jimm_parity_check_golden(walk_input(name), &options, &report);
  if (status == JIMM_OK && (report->passed || report->differences[0] == 0)) {
    jimm_parity_report_close(&report);
    return jimm_fail(JIMM_ERROR_INTERNAL, "the numbers are no model's, but they pass");
  }
  jimm_parity_report_close(&report);
  return status;
}

static void put_output(FILE *file, const char *name, const char *shape) {
  fprintf(file, "\"%s\":{\"shape\":%s,\"max_abs\":1,\"timm_error\":0,\"projections\":[0,0,0,0],",
          name, shape);
  fprintf(file, "\"entries\":[0");
  for (int i = 1; i < 64; i++) {
    fprintf(file, ",0");
  }
  fprintf(file, "]}");
}

static void write_golden(const char *path) {
  FILE *file = fopen(path, "w");
  TEST_REQUIRE(file != NULL);
  fprintf(file,
          "{\"arch\":\"walk\",\"weights_seed\":1,\"parameters\":[[\"conv.weight\",\"buffer\","
          "[5,3,2,2]]],\"blocks\":[\"b\"],\"nodes\":[{\"op\":\"relu\",\"names\":[\"conv\",\"x\"]}],"
          "\"cases\":[{\"name\":\"one\",\"seed\":1,\"batch\":1,\"in_chans\":3,\"height\":4,"
          "\"width\":4,\"num_classes\":3,\"global_pool\":\"avg\",\"output_stride\":32,"
          "\"features\":[[\"other\",5,2]],\"outputs\":{");
  put_output(file, "features", "[1,5,2,2]");
  fputc(',', file);
  put_output(file, "logits", "[1,3]");
  fprintf(file, "}}]}\n");
  TEST_REQUIRE(fclose(file) == 0);
}

static const memory_walk rows[] = {
    {"read a fixture", read_fixture, "walk_io.h5", JIMM_OK, FOREIGN_IGNORED},
    {"read a fixture of a pyramid", read_fixture, "walk_featsonly_io.h5", JIMM_OK, FOREIGN_IGNORED},
    {"write a fixture", write_fixture, "walk_io.h5", JIMM_OK, FOREIGN_IGNORED},
    {"write a fixture of a pyramid", write_fixture, "walk_featsonly_io.h5", JIMM_OK,
     FOREIGN_IGNORED},
    {"check a fixture", check_fixture, "walk_io.h5", JIMM_OK, FOREIGN_IGNORED},
    {"check a fixture of a pyramid", check_fixture, "walk_featsonly_io.h5", JIMM_OK,
     FOREIGN_IGNORED},
    {"check a golden", check_golden, "walk.json", JIMM_OK, FOREIGN_IGNORED},
};

TEST_SETUP() {
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    values[i] = (float)i / 16 + 0.25F;
  }
  TEST_REQUIRE_INT(jimm_family_register(&family), JIMM_OK);
  TEST_REQUIRE_INT(write_to(walk_input("walk_io.h5"), false), JIMM_OK);
  TEST_REQUIRE_INT(write_to(walk_input("walk_featsonly_io.h5"), true), JIMM_OK);
  write_golden(walk_input("walk.json"));
  memory_walks_add(rows, sizeof rows / sizeof rows[0]);
}

TEST_MAIN()
