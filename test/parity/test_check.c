/* The checks of libjimm-parity: what a fixture or a golden must be, where an error begins. Fixtures
 * are made here of jimm's own reference in place of timm, so that each can be spoilt in one way. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <hdf5.h>
#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>

#include "folder.h"
#include "parity/check.h"
#include "run/observe.h"

#define REQUIRE_OK(call) TEST_REQUIRE_MSG((call) == JIMM_OK, "%s", jimm_error_message())
#define ARCH "test_resnet"

/* ---- fixtures ---- */

static jimm_status keep_stage(void *context, jimm_value value, const jimm_tensor *tensor) {
  jimm_model *model = *(jimm_model **)context;
  const jimm_graph *graph = jimm_model_graph(model);
  jimm_state *stages = ((jimm_state **)context)[1];
  const jimm_node *node = jimm_graph_node(graph, value);
  return node->constant ? JIMM_OK : jimm_state_add(stages, node->name, tensor);
}

static const char *const plain_outputs[] = {"features", "logits"};
static const char *const taps[] = {"feat_01", "feat_02", "feat_03", "feat_04", "feat_05"};

/* Adds outputs of the reference in float32, and every node's value as a stage. */
static void add_outputs(jimm_model *model, const jimm_tensor *input, int32_t count,
                        const char *const *names, jimm_parity *parity) {
  jimm_tensor outputs[5];
  REQUIRE_OK(jimm_state_create(&parity->outputs));
  REQUIRE_OK(jimm_state_create(&parity->stages));
  void *context[] = {model, parity->stages};
  REQUIRE_OK(
      jimm_reference_observe(model, JIMM_F32, input, count, names, outputs, keep_stage, context));
  for (int32_t i = 0; i < count; i++) {
    REQUIRE_OK(jimm_state_add_owned(parity->outputs, names[i], &outputs[i]));
  }
}

static void add_vector(const jimm_graph *graph, bool channels, jimm_tensor *vector) {
  const jimm_shape shape = {1, {jimm_graph_feature_count(graph)}};
  REQUIRE_OK(jimm_tensor_create(JIMM_I64, &shape, vector));
  for (int32_t i = 0; i < jimm_graph_feature_count(graph); i++) {
    const jimm_feature_info *tap = jimm_graph_feature(graph, i);
    ((int64_t *)vector->data)[i] = channels ? tap->channels : tap->reduction;
  }
}

static void make(jimm_parity *parity, int64_t in_chans, int64_t output_stride, bool pyramid) {
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  jimm_model_name name;
  jimm_graph *graph = NULL;
  jimm_model *model = NULL;
  const jimm_shape shape = {4, {1, in_chans, 32, 32}};
  memset(parity, 0, sizeof *parity);
  options.in_chans = in_chans;
  options.output_stride = output_stride;
  REQUIRE_OK(jimm_model_find(ARCH, &name));
  REQUIRE_OK(jimm_graph_build(&name, &options, &graph));
  REQUIRE_OK(jimm_state_synthetic(graph, 1, &parity->state));
  REQUIRE_OK(jimm_model_create(graph, parity->state, NULL, &model));
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &shape, &parity->input));
  REQUIRE_OK(jimm_synthetic_input(1, "input", &parity->input));
  add_outputs(model, &parity->input, pyramid ? 5 : 2, pyramid ? taps : plain_outputs, parity);
  if (pyramid) {
    add_vector(graph, true, &parity->channels);
    add_vector(graph, false, &parity->reductions);
  }
  char text[64];
  snprintf(text, sizeof text, "{\"output_stride\": %lld}", (long long)output_stride);
  parity->variant = jimm_strdup(ARCH);
  parity->options = jimm_strdup(text);
  jimm_model_close(&model);
  jimm_graph_close(&graph);
}

static float *values_of(const jimm_state *state, const char *name) {
  const jimm_tensor *tensor = jimm_state_find(state, name);
  TEST_REQUIRE_MSG(tensor != NULL, "%s", name);
  return tensor->data;
}

/* Writes the fixture, closes it, and checks the file. */
static jimm_status check(const char *file, jimm_parity *parity, const jimm_parity_options *options,
                         jimm_parity_report **report) {
  const char *path = in_folder(file);
  REQUIRE_OK(jimm_parity_write(path, parity));
  jimm_parity_close(parity);
  return jimm_parity_check_fixture(path, options, report);
}

static void passes(const char *file, jimm_parity *parity, int32_t outputs) {
  jimm_parity_report *report = NULL;
  REQUIRE_OK(check(file, parity, NULL, &report));
  TEST_CHECK_STR(report->arch, ARCH);
  TEST_CHECK_INT(report->output_count, outputs);
  TEST_CHECK(report->passed);
  TEST_CHECK(report->share > 0 && report->share < 0.1);
  TEST_CHECK(report->traced == NULL);
  jimm_parity_report_close(&report);
  TEST_CHECK(report == NULL);
}

/* A fixture that cannot be compared; the message names the file and `mention`. */
static void refused(const char *file, jimm_parity *parity, jimm_status status,
                    const char *mention) {
  jimm_parity_report *report = NULL;
  TEST_CHECK_INT(check(file, parity, NULL, &report), status);
  TEST_CHECK(report == NULL);
  TEST_CHECK_CONTAINS(jimm_error_message(), file);
  TEST_CHECK_CONTAINS(jimm_error_message(), mention);
}

TEST(names_say_what_a_fixture_is) {
  jimm_parity_name name;
  TEST_CHECK(jimm_parity_parse_name("a/b/resnet18_io.h5", &name));
  TEST_CHECK_STR(name.key, "resnet18");
  TEST_CHECK(name.in_chans == 3 && !name.pyramid);
  TEST_CHECK(jimm_parity_parse_name("resnet50_a1_in1k_in1c_io.h5", &name));
  TEST_CHECK_STR(name.key, "resnet50_a1_in1k");
  TEST_CHECK(name.in_chans == 1 && !name.pyramid);
  TEST_CHECK(jimm_parity_parse_name("resnet50_in12c_featsonly_io.h5", &name));
  TEST_CHECK_STR(name.key, "resnet50");
  TEST_CHECK(name.in_chans == 12 && name.pyramid);
  /* no channels: part of the key */
  TEST_CHECK(jimm_parity_parse_name("x_in0c_io.h5", &name));
  TEST_CHECK_STR(name.key, "x_in0c");
  TEST_CHECK(jimm_parity_parse_name("x_in1cc_io.h5", &name));
  TEST_CHECK_STR(name.key, "x_in1cc");
  static const char *const others[] = {"",      "_io.h5",  "resnet18.h5", "resnet18_io.h5.tmp",
                                       "io.h5", "a/_io.h5"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    TEST_CHECK_MSG(!jimm_parity_parse_name(others[i], &name), "%s", others[i]);
  }
}

TEST(good_fixtures_pass) {
  jimm_parity parity;
  make(&parity, 3, 32, false);
  passes(ARCH "_io.h5", &parity, 2);
  make(&parity, 1, 32, false);
  passes(ARCH "_in1c_io.h5", &parity, 2);
  make(&parity, 3, 32, true);
  passes(ARCH "_featsonly_io.h5", &parity, 5);
  make(&parity, 1, 8, true);
  passes(ARCH "_in1c_featsonly_io.h5", &parity, 5);
  make(&parity, 3, 32, false); /* older ones have neither attributes nor stages */
  jimm_state_close(&parity.stages);
  jimm_free(parity.variant);
  jimm_free(parity.options);
  parity.variant = parity.options = NULL;
  passes(ARCH "_r160_in1k_io.h5", &parity, 2);
}

TEST(wrong_values_fail) {
  jimm_parity parity;
  jimm_parity_report *report = NULL;
  make(&parity, 3, 32, false);
  values_of(parity.outputs, "logits")[7] += 2e-3f;
  REQUIRE_OK(check(ARCH "_io.h5", &parity, NULL, &report));
  TEST_CHECK(!report->passed);
  TEST_REQUIRE_INT(report->output_count, 2);
  TEST_CHECK(report->outputs[0].passed && !report->outputs[1].passed);
  TEST_CHECK_STR(report->outputs[1].name, "logits");
  TEST_CHECK(report->outputs[1].measured > JIMM_LOGITS_TOL);
  TEST_CHECK(report->share > 1.5 && report->share < 2.5);
  jimm_parity_report_close(&report);
  make(&parity, 3, 32, false);
  const jimm_tensor *features = jimm_state_find(parity.outputs, "features");
  for (int64_t i = 0; i < jimm_shape_count(&features->shape); i++) {
    ((float *)features->data)[i] *= 1.002f;
  }
  REQUIRE_OK(check(ARCH "_io.h5", &parity, NULL, &report));
  TEST_REQUIRE_INT(report->output_count, 2);
  TEST_CHECK(!report->outputs[0].passed && report->outputs[1].passed);
  TEST_CHECK(report->outputs[0].measured > JIMM_FEATURES_RTOL);
  jimm_parity_report_close(&report);
  make(&parity, 3, 8, true); /* the stride decides the values */
  jimm_free(parity.options);
  parity.options = jimm_strdup("{\"output_stride\": 16}");
  TEST_CHECK_INT(check(ARCH "_featsonly_io.h5", &parity, NULL, &report), JIMM_ERROR_MISMATCH);
  TEST_CHECK_CONTAINS(jimm_error_message(), "feature_reductions");
}

TEST(fixtures_that_do_not_fit_are_refused) {
  jimm_parity p;
  make(&p, 3, 32, false);
  refused("resnet18_io.h5", &p, JIMM_ERROR_MISMATCH, "expected a fixture of resnet18");
  make(&p, 3, 32, false);
  jimm_free(p.variant);
  p.variant = jimm_strdup("resnet9000");
  refused(ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "resnet9000");
  make(&p, 3, 32, false);
  refused("resnet9000_io.h5", &p, JIMM_ERROR_NOT_FOUND, "resnet9000");
  make(&p, 3, 32, false);
  refused(ARCH ".h5", &p, JIMM_ERROR_INVALID_ARGUMENT, "KEY_io.h5");
  make(&p, 3, 32, false);
  refused(ARCH "_in1c_io.h5", &p, JIMM_ERROR_MISMATCH, "expected 1 channels");
  make(&p, 3, 32, false);
  p.input.dtype = JIMM_I32;
  refused(ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/input: expected F32");
  make(&p, 3, 32, false);
  jimm_free(p.options);
  p.options = jimm_strdup("{\"output_stride\": 8.5}");
  refused(ARCH "_io.h5", &p, JIMM_ERROR_FORMAT, "output_stride");
  make(&p, 3, 32, false);
  jimm_free(p.options);
  p.options = jimm_strdup("{");
  refused(ARCH "_io.h5", &p, JIMM_ERROR_FORMAT, "options");
}

TEST(values_that_are_not_finite_are_refused) {
  jimm_parity p;
  make(&p, 3, 32, false);
  ((float *)p.input.data)[5] = NAN;
  refused(ARCH "_io.h5", &p, JIMM_ERROR_NOT_FINITE, "/input");
  make(&p, 3, 32, false);
  values_of(p.state, "layer1.0.conv1.weight")[3] = INFINITY;
  refused(ARCH "_io.h5", &p, JIMM_ERROR_NOT_FINITE, "layer1.0.conv1.weight");
  make(&p, 3, 32, false);
  values_of(p.outputs, "features")[3] = NAN;
  refused(ARCH "_io.h5", &p, JIMM_ERROR_NOT_FINITE, "features");
  make(&p, 3, 32, false);
  values_of(p.stages, "layer1.0.conv1")[3] = NAN;
  refused(ARCH "_io.h5", &p, JIMM_ERROR_NOT_FINITE, "layer1.0.conv1");
}

/* A copy of the state without `name`. */
static jimm_state *without(jimm_state *state, const char *name) {
  jimm_state *result = NULL;
  REQUIRE_OK(jimm_state_create(&result));
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    if (strcmp(jimm_state_name(state, i), name) != 0) {
      REQUIRE_OK(jimm_state_add(result, jimm_state_name(state, i), jimm_state_tensor(state, i)));
    }
  }
  jimm_state_close(&state);
  return result;
}

TEST(missing_and_extra_members_are_refused) {
  jimm_parity p;
  const jimm_tensor other = {JIMM_F32, {1, {2}}, (float[]){1, 2}, NULL};
  make(&p, 3, 32, false);
  p.state = without(p.state, "layer2.0.bn1.bias");
  refused(ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "layer2.0.bn1.bias");
  make(&p, 3, 32, false);
  REQUIRE_OK(jimm_state_add(p.state, "layer9.weight", &other));
  refused(ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "layer9.weight");
  make(&p, 3, 32, false);
  p.outputs = without(p.outputs, "features");
  refused(ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/features");
  make(&p, 3, 32, false);
  p.outputs = without(p.outputs, "logits");
  refused(ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/logits");
  make(&p, 3, 32, false);
  REQUIRE_OK(jimm_state_add(p.outputs, "attention", &other));
  refused(ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/attention");
  make(&p, 3, 32, false);
  REQUIRE_OK(jimm_state_add(p.outputs, "feat_01", &other));
  refused(ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/feat_01");
  make(&p, 3, 32, false);
  p.outputs = without(p.outputs, "features");
  REQUIRE_OK(jimm_state_add(p.outputs, "features", &other));
  refused(ARCH "_io.h5", &p, JIMM_ERROR_SHAPE, "/output/features");
  make(&p, 3, 32, false);
  memset(values_of(p.outputs, "logits"), 0, 1000 * sizeof(float));
  refused(ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "all zero");
}

TEST(pyramids_that_do_not_fit_are_refused) {
  jimm_parity p;
  make(&p, 3, 32, false);
  refused(ARCH "_featsonly_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/features");
  make(&p, 3, 32, true);
  refused(ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/feat_01");
  make(&p, 3, 32, false);
  const jimm_shape two = {1, {2}};
  REQUIRE_OK(jimm_tensor_create(JIMM_I64, &two, &p.channels));
  refused(ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/feature_channels");
  make(&p, 3, 32, true);
  ((int64_t *)p.channels.data)[2] += 1;
  refused(ARCH "_featsonly_io.h5", &p, JIMM_ERROR_MISMATCH, "feat_03");
  make(&p, 3, 32, true);
  ((int64_t *)p.reductions.data)[4] = 16;
  refused(ARCH "_featsonly_io.h5", &p, JIMM_ERROR_MISMATCH, "feat_05");
  make(&p, 3, 32, true);
  jimm_tensor_close(&p.reductions);
  refused(ARCH "_featsonly_io.h5", &p, JIMM_ERROR_MISMATCH, "/feature_reductions");
  make(&p, 3, 32, true); /* taps by choice: as many integers, of these taps */
  p.outputs = without(without(p.outputs, "feat_01"), "feat_03");
  p.channels.shape.dim[0] = p.reductions.shape.dim[0] = 3;
  int64_t *channels = p.channels.data, *reductions = p.reductions.data;
  channels[0] = channels[1], channels[1] = channels[3], channels[2] = channels[4];
  reductions[0] = reductions[1], reductions[1] = reductions[3], reductions[2] = reductions[4];
  passes(ARCH "_featsonly_io.h5", &p, 3);
}

static jimm_status change_file(const char *path, void (*change)(hid_t file)) {
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  TEST_REQUIRE(file >= 0);
  change(file);
  TEST_REQUIRE(H5Fclose(file) >= 0);
  jimm_parity_report *report = NULL;
  const jimm_status status = jimm_parity_check_fixture(path, NULL, &report);
  TEST_CHECK(report == NULL);
  TEST_CHECK_CONTAINS(jimm_error_message(), path);
  return status;
}

static void add_group(hid_t file) {
  H5Gclose(H5Gcreate2(file, "notes", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}
static void drop_states(hid_t file) {
  TEST_CHECK(H5Ldelete(file, "state_dict", H5P_DEFAULT) >= 0);
}
static void number_for_variant(hid_t file) {
  const double value = 3;
  TEST_CHECK(H5Adelete(file, "variant") >= 0);
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t made = H5Acreate2(file, "variant", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
  TEST_CHECK(H5Awrite(made, H5T_NATIVE_DOUBLE, &value) >= 0);
  H5Aclose(made);
  H5Sclose(space);
}
static void fixed_variant(hid_t file) {
  TEST_CHECK(H5Adelete(file, "variant") >= 0);
  hid_t space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
  TEST_CHECK(H5Tset_size(type, 9) >= 0);
  hid_t made = H5Acreate2(file, "variant", type, space, H5P_DEFAULT, H5P_DEFAULT);
  TEST_CHECK(H5Awrite(made, type, "resnet34") >= 0);
  H5Aclose(made);
  H5Tclose(type);
  H5Sclose(space);
}

TEST(members_that_fixtures_do_not_have_are_refused) {
  jimm_parity p;
  jimm_parity_report *report = NULL;
  make(&p, 3, 32, false);
  REQUIRE_OK(check(ARCH "_io.h5", &p, NULL, &report));
  jimm_parity_report_close(&report);
  const char *path = in_folder(ARCH "_io.h5");
  TEST_CHECK_INT(change_file(path, number_for_variant), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "variant");
  TEST_CHECK_INT(change_file(path, fixed_variant), JIMM_ERROR_MISMATCH);
  TEST_CHECK_CONTAINS(jimm_error_message(), "resnet34");
  TEST_CHECK_INT(change_file(path, add_group), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "\"notes\": fixtures have no such member");
  make(&p, 3, 32, false);
  REQUIRE_OK(jimm_parity_write(path, &p));
  jimm_parity_close(&p);
  TEST_CHECK_INT(change_file(path, drop_states), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "state_dict");
}

/* ---- where an error begins ---- */

static jimm_parity_options tracing(void) {
  jimm_parity_options options = JIMM_PARITY_OPTIONS_INIT;
  options.trace = true;
  return options;
}

TEST(a_healthy_trace_jumps_nowhere) {
  const jimm_parity_options options = tracing();
  jimm_parity p;
  jimm_parity_report *report = NULL;
  make(&p, 3, 32, false);
  REQUIRE_OK(check(ARCH "_io.h5", &p, &options, &report));
  TEST_CHECK(report->passed);
  TEST_CHECK_STR(report->traced, "timm's stages");
  TEST_CHECK(report->step_count > 15);
  TEST_CHECK_INT(report->jump, -1);
  TEST_CHECK_INT(report->cause, JIMM_CAUSE_NONE);
  const int32_t steps = report->step_count;
  jimm_parity_report_close(&report);
  make(&p, 3, 32, false);
  jimm_state_close(&p.stages);
  REQUIRE_OK(check(ARCH "_io.h5", &p, &options, &report));
  TEST_CHECK_STR(report->traced, "the float64 reference");
  TEST_CHECK_INT(report->step_count, steps);
  TEST_CHECK_INT(report->jump, -1);
  jimm_parity_report_close(&report);
}

/* What timm computes from layer2.0.conv2 on is another thing than jimm's graph says. */
TEST(a_graph_that_is_not_timms_shows_where) {
  const jimm_parity_options options = tracing();
  static const char *const spoilt[] = {"layer2.0.bn2", "layer3.0.conv1", "layer3.0.act2"};
  jimm_parity p;
  jimm_parity_report *report = NULL;
  make(&p, 3, 32, false);
  for (size_t s = 0; s < sizeof spoilt / sizeof spoilt[0]; s++) {
    const jimm_tensor *stage = jimm_state_find(p.stages, spoilt[s]);
    for (int64_t i = 0; stage != NULL && i < jimm_shape_count(&stage->shape); i++) {
      ((float *)stage->data)[i] *= 1.01f;
    }
  }
  REQUIRE_OK(check(ARCH "_io.h5", &p, &options, &report));
  TEST_REQUIRE(report->jump >= 0);
  const jimm_parity_step *step = &report->steps[report->jump];
  TEST_CHECK_MSG(strncmp(step->node, "layer2.0", 8) == 0 || strncmp(step->node, "layer3.0", 8) == 0,
                 "%s", step->node);
  TEST_CHECK(step->error > 5e-3 && step->error < 2e-2);
  TEST_CHECK(step->before < 1e-5);
  TEST_CHECK_INT(report->cause, JIMM_CAUSE_GRAPH);
  jimm_parity_report_close(&report);
}

/* An operator that is right in float64 and wrong in float32 stands for a wrong kernel. */
static jimm_status scale_infer(const void *attrs, int32_t count, const jimm_shape *inputs,
                               jimm_shape *output) {
  (void)attrs;
  (void)count;
  *output = inputs[0];
  return JIMM_OK;
}
static jimm_status scale_f32(const jimm_op_call *call) {
  const float *x = call->inputs[0].data;
  for (int64_t i = 0; i < jimm_shape_count(&call->output->shape); i++) {
    ((float *)call->output->data)[i] = 2.001f * x[i];
  }
  return JIMM_OK;
}
static jimm_status scale_f64(const jimm_op_call *call) {
  const double *x = call->inputs[0].data;
  for (int64_t i = 0; i < jimm_shape_count(&call->output->shape); i++) {
    ((double *)call->output->data)[i] = 2 * x[i];
  }
  return JIMM_OK;
}

TEST(a_kernel_that_is_wrong_is_named) {
  static const char *const inputs[] = {"x"};
  static const jimm_op wrong = {.size = sizeof wrong,
                                .name = "test_parity_check_twice",
                                .summary = "2 x, wrongly in float32",
                                .min_inputs = 1,
                                .max_inputs = 1,
                                .input_names = inputs,
                                .infer = scale_infer,
                                .forward_f32 = scale_f32,
                                .forward_f64 = scale_f64};
  const jimm_input_attrs input_attrs = {{4, {-1, 3, -1, -1}}, JIMM_F32};
  const jimm_max_pool2d_attrs pool = {{2, 2}, {2, 2}, {0, 0}, false};
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  jimm_parity_book *book = NULL;
  jimm_tensor input = {.dtype = JIMM_DTYPE_NONE};
  REQUIRE_OK(jimm_op_register(&wrong));
  REQUIRE_OK(jimm_graph_create(&graph));
  jimm_value x = jimm_graph_input(graph, "input", &input_attrs);
  x = jimm_graph_add(graph, "relu", "first", NULL, 1, &x);
  x = jimm_graph_add(graph, wrong.name, "second", NULL, 1, &x);
  x = jimm_graph_add(graph, "max_pool2d", "third", &pool, 1, &x);
  x = jimm_graph_add(graph, "sigmoid", "fourth", NULL, 1, &x);
  jimm_graph_output(graph, "logits", x);
  REQUIRE_OK(jimm_graph_finish(graph));
  REQUIRE_OK(jimm_state_create(&state));
  REQUIRE_OK(jimm_model_create(graph, state, NULL, &model));
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &(jimm_shape){4, {2, 3, 8, 6}}, &input));
  REQUIRE_OK(jimm_synthetic_input(1, "input", &input));
  REQUIRE_OK(jimm_parity_book_create("own", &book));
  REQUIRE_OK(jimm_parity_trace(book, model, &input, 1, NULL));
  jimm_parity_report *report = &book->report;
  TEST_REQUIRE_INT(report->step_count, 4);
  TEST_REQUIRE_INT(report->jump, 1);
  TEST_CHECK_STR(report->steps[1].node, "second");
  TEST_CHECK_STR(report->steps[1].operation, wrong.name);
  TEST_CHECK(report->steps[0].error == 0 && report->steps[1].before == 0);
  TEST_CHECK(fabs(report->steps[1].error - 5e-4) < 1e-6);
  TEST_CHECK(fabs(report->steps[2].before - 5e-4) < 1e-6);
  TEST_CHECK_INT(report->cause, JIMM_CAUSE_PLAN);
  jimm_parity_report_close(&report);
  jimm_tensor_close(&input);
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

/* ---- goldens ---- */

static char golden_text[1 << 20];

static const char *golden_folder(void) {
  const char *folder = getenv("JIMM_GOLDEN_DIR");
  return folder != NULL && folder[0] != 0 ? folder : "test/golden";
}

/* The golden of ARCH with the first `what`, and `more` characters behind it, replaced; checked. */
static jimm_status check_replaced(const char *what, size_t (*more)(const char *behind),
                                  const char *with, jimm_parity_report **report) {
  static char changed[sizeof golden_text + 4096];
  char path[1024];
  snprintf(path, sizeof path, "%s/%s.json", golden_folder(), ARCH);
  const long size = read_bytes(path, golden_text, sizeof golden_text - 1);
  TEST_REQUIRE_MSG(size > 0, "%s", path);
  golden_text[size] = 0;
  const char *at = strstr(golden_text, what);
  TEST_REQUIRE_MSG(at != NULL, "%s", what);
  const char *behind = at + strlen(what);
  snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - golden_text), golden_text, with,
           behind + (more == NULL ? 0 : more(behind)));
  const char *file = in_folder("changed.json");
  TEST_REQUIRE(write_bytes(file, changed, strlen(changed)));
  return jimm_parity_check_golden(file, NULL, report);
}

static jimm_status check_changed(const char *what, const char *with, jimm_parity_report **report) {
  return check_replaced(what, NULL, with, report);
}

static size_t to_comma(const char *behind) {
  return strcspn(behind, ",");
}

TEST(goldens_that_are_not_whole_are_refused) {
  static const struct {
    const char *what, *with, *mention;
    jimm_status status;
  } rows[] = {
      {"\"arch\"", "\"arc\"", "\"arch\": expected a string", JIMM_ERROR_FORMAT},
      {"\"arch\":\"test_resnet\"", "\"arch\":\"resnet9000\"", "resnet9000", JIMM_ERROR_NOT_FOUND},
      {"\"cases\":[", "\"cases\":[3,", "\"name\": expected a string", JIMM_ERROR_FORMAT},
      {"\"parameters\":[[", "\"parameters\":[[1,", "parameters", JIMM_ERROR_FORMAT},
      {"\"seed\":1", "\"seed\":-1", "seed", JIMM_ERROR_FORMAT},
      {"\"entries\":[", "\"entries\":[0,", "entries", JIMM_ERROR_FORMAT},
      {"\"max_abs\":", "\"max_abs\":-", "largest value", JIMM_ERROR_FORMAT},
      {"\"cases\"", "\"case\"", "cases", JIMM_ERROR_FORMAT},
      {"\"names\":[", "\"names\":[7,", "names", JIMM_ERROR_FORMAT},
      {"{", "", "changed.json", JIMM_ERROR_FORMAT},
  };
  jimm_parity_report *report = NULL;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    TEST_CHECK_INT(check_changed(rows[i].what, rows[i].with, &report), rows[i].status);
    TEST_CHECK(report == NULL);
    TEST_CHECK_CONTAINS(jimm_error_message(), rows[i].mention);
    TEST_CHECK_CONTAINS(jimm_error_message(), "changed.json");
  }
  TEST_CHECK_INT(jimm_parity_check_golden(in_folder("none.json"), NULL, &report),
                 JIMM_ERROR_NOT_FOUND);
  jimm_parity_options options = JIMM_PARITY_OPTIONS_INIT;
  options.size = 4096;
  TEST_CHECK_INT(jimm_parity_check_golden(in_folder("changed.json"), &options, &report),
                 JIMM_ERROR_INVALID_ARGUMENT);
}

TEST(goldens_hold_values_and_attributes) {
  static const struct {
    const char *what, *with, *difference;
  } rows[] = {
      {"\"eps\":1e-05", "\"eps\":1e-06", "eps is not timm's"},
      {",\"parameter\",", ",\"buffer\",", "timm's is a buffer"},
      {"\"op\":\"relu\"", "\"op\":\"silu\"", "jimm relu, timm silu"},
      {"\"blocks\":[\"", "\"blocks\":[\"layer7\",\"", "layer7.add"},
      {"\"op\":\"conv2d\",\"kernel\":[3,3]", "\"op\":\"conv2d\",\"kernel\":[5,3]",
       "kernel is not timm's"},
      {"[\"layer1\",", "[\"layer7\",", "timm layer7"},
  };
  jimm_parity_report *report = NULL;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    REQUIRE_OK(check_changed(rows[i].what, rows[i].with, &report));
    TEST_CHECK_MSG(!report->passed, "%s", rows[i].with);
    TEST_CHECK_CONTAINS(report->differences, rows[i].difference);
    jimm_parity_report_close(&report);
  }
  REQUIRE_OK(check_changed("\"arch\"", "\"arch\"", &report));
  TEST_CHECK(report->passed);
  TEST_CHECK_STR(report->differences, "");
  jimm_parity_report_close(&report);
  static const char *const numbers[][2] = {{"\"max_abs\":", "\"max_abs\":9"},
                                           {"\"entries\":[", "\"entries\":[9"},
                                           {"\"projections\":[", "\"projections\":[9"}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    REQUIRE_OK(check_replaced(numbers[i][0], to_comma, numbers[i][1], &report));
    TEST_CHECK_MSG(!report->passed && report->share > 1, "%s", numbers[i][0]);
    jimm_parity_report_close(&report);
  }
}

TEST_MAIN()
