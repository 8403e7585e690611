/* What a fixture must be, and when it passes. */
#include <math.h>
#include <string.h>

#include <hdf5.h>
#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>

#include "base/alloc.h"
#include "folder.h"
#include "own_fixture.h"
#include "require_ok.h"

static void passes(const char *file, jimm_parity *parity, int32_t outputs) {
  jimm_parity_report *report = NULL;
  REQUIRE_OK(fixture_check(file, parity, NULL, &report));
  TEST_CHECK_STR(report->arch, FIXTURE_ARCH);
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
  TEST_CHECK_INT(fixture_check(file, parity, NULL, &report), status);
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
  fixture_make(&parity, 3, 32, false);
  passes(FIXTURE_ARCH "_io.h5", &parity, 2);
  fixture_make(&parity, 1, 32, false);
  passes(FIXTURE_ARCH "_in1c_io.h5", &parity, 2);
  fixture_make(&parity, 3, 32, true);
  passes(FIXTURE_ARCH "_featsonly_io.h5", &parity, 5);
  fixture_make(&parity, 1, 8, true);
  passes(FIXTURE_ARCH "_in1c_featsonly_io.h5", &parity, 5);
  fixture_make(&parity, 3, 32, false); /* older ones have neither attributes nor stages */
  jimm_state_close(&parity.stages);
  jimm_free(parity.variant);
  jimm_free(parity.options);
  parity.variant = parity.options = NULL;
  passes(FIXTURE_ARCH "_r160_in1k_io.h5", &parity, 2);
}

TEST(wrong_values_fail) {
  jimm_parity parity;
  jimm_parity_report *report = NULL;
  fixture_make(&parity, 3, 32, false);
  fixture_values(parity.outputs, "logits")[7] += 2e-3f;
  REQUIRE_OK(fixture_check(FIXTURE_ARCH "_io.h5", &parity, NULL, &report));
  TEST_CHECK(!report->passed);
  TEST_REQUIRE_INT(report->output_count, 2);
  TEST_CHECK(report->outputs[0].passed && !report->outputs[1].passed);
  TEST_CHECK_STR(report->outputs[1].name, "logits");
  TEST_CHECK(report->outputs[1].measured > JIMM_LOGITS_TOL);
  TEST_CHECK(report->share > 1.5 && report->share < 2.5);
  jimm_parity_report_close(&report);
  fixture_make(&parity, 3, 32, false);
  const jimm_tensor *features = jimm_state_find(parity.outputs, "features");
  for (int64_t i = 0; i < jimm_shape_count(&features->shape); i++) {
    ((float *)features->data)[i] *= 1.002f;
  }
  REQUIRE_OK(fixture_check(FIXTURE_ARCH "_io.h5", &parity, NULL, &report));
  TEST_REQUIRE_INT(report->output_count, 2);
  TEST_CHECK(!report->outputs[0].passed && report->outputs[1].passed);
  TEST_CHECK(report->outputs[0].measured > JIMM_FEATURES_RTOL);
  jimm_parity_report_close(&report);
  fixture_make(&parity, 3, 8, true); /* the stride decides the values */
  jimm_free(parity.options);
  parity.options = jimm_strdup("{\"output_stride\": 16}");
  TEST_CHECK_INT(fixture_check(FIXTURE_ARCH "_featsonly_io.h5", &parity, NULL, &report),
                 JIMM_ERROR_MISMATCH);
  TEST_CHECK_CONTAINS(jimm_error_message(), "feature_reductions");
}

TEST(fixtures_that_do_not_fit_are_refused) {
  jimm_parity p;
  fixture_make(&p, 3, 32, false);
  refused("resnet18_io.h5", &p, JIMM_ERROR_MISMATCH, "expected a fixture of resnet18");
  fixture_make(&p, 3, 32, false);
  jimm_free(p.variant);
  p.variant = jimm_strdup("resnet9000");
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "resnet9000");
  fixture_make(&p, 3, 32, false);
  refused("resnet9000_io.h5", &p, JIMM_ERROR_NOT_FOUND, "resnet9000");
  fixture_make(&p, 3, 32, false);
  refused(FIXTURE_ARCH ".h5", &p, JIMM_ERROR_INVALID_ARGUMENT, "KEY_io.h5");
  fixture_make(&p, 3, 32, false);
  refused(FIXTURE_ARCH "_in1c_io.h5", &p, JIMM_ERROR_MISMATCH, "expected 1 channels");
  fixture_make(&p, 3, 32, false);
  p.input.dtype = JIMM_I32;
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/input: expected F32");
  fixture_make(&p, 3, 32, false);
  jimm_free(p.options);
  p.options = jimm_strdup("{\"output_stride\": 8.5}");
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_FORMAT, "output_stride");
  fixture_make(&p, 3, 32, false);
  jimm_free(p.options);
  p.options = jimm_strdup("{");
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_FORMAT, "options");
}

TEST(values_that_are_not_finite_are_refused) {
  jimm_parity p;
  fixture_make(&p, 3, 32, false);
  ((float *)p.input.data)[5] = NAN;
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_NOT_FINITE, "/input");
  fixture_make(&p, 3, 32, false);
  fixture_values(p.state, "layer1.0.conv1.weight")[3] = INFINITY;
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_NOT_FINITE, "layer1.0.conv1.weight");
  fixture_make(&p, 3, 32, false);
  fixture_values(p.outputs, "features")[3] = NAN;
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_NOT_FINITE, "features");
  fixture_make(&p, 3, 32, false);
  fixture_values(p.stages, "layer1.0.conv1")[3] = NAN;
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_NOT_FINITE, "layer1.0.conv1");
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
  fixture_make(&p, 3, 32, false);
  p.state = without(p.state, "layer2.0.bn1.bias");
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "layer2.0.bn1.bias");
  fixture_make(&p, 3, 32, false);
  REQUIRE_OK(jimm_state_add(p.state, "layer9.weight", &other));
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "layer9.weight");
  fixture_make(&p, 3, 32, false);
  p.outputs = without(p.outputs, "features");
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/features");
  fixture_make(&p, 3, 32, false);
  p.outputs = without(p.outputs, "logits");
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/logits");
  fixture_make(&p, 3, 32, false);
  REQUIRE_OK(jimm_state_add(p.outputs, "attention", &other));
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/attention");
  fixture_make(&p, 3, 32, false);
  REQUIRE_OK(jimm_state_add(p.outputs, "feat_01", &other));
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/feat_01");
  fixture_make(&p, 3, 32, false);
  p.outputs = without(p.outputs, "features");
  REQUIRE_OK(jimm_state_add(p.outputs, "features", &other));
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_SHAPE, "/output/features");
  fixture_make(&p, 3, 32, false);
  memset(fixture_values(p.outputs, "logits"), 0, 1000 * sizeof(float));
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "all zero");
}

TEST(pyramids_that_do_not_fit_are_refused) {
  jimm_parity p;
  fixture_make(&p, 3, 32, false);
  refused(FIXTURE_ARCH "_featsonly_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/features");
  fixture_make(&p, 3, 32, true);
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/output/feat_01");
  fixture_make(&p, 3, 32, false);
  const jimm_shape two = {1, {2}};
  REQUIRE_OK(jimm_tensor_create(JIMM_I64, &two, &p.channels));
  refused(FIXTURE_ARCH "_io.h5", &p, JIMM_ERROR_MISMATCH, "/feature_channels");
  fixture_make(&p, 3, 32, true);
  ((int64_t *)p.channels.data)[2] += 1;
  refused(FIXTURE_ARCH "_featsonly_io.h5", &p, JIMM_ERROR_MISMATCH, "feat_03");
  fixture_make(&p, 3, 32, true);
  ((int64_t *)p.reductions.data)[4] = 16;
  refused(FIXTURE_ARCH "_featsonly_io.h5", &p, JIMM_ERROR_MISMATCH, "feat_05");
  fixture_make(&p, 3, 32, true);
  jimm_tensor_close(&p.reductions);
  refused(FIXTURE_ARCH "_featsonly_io.h5", &p, JIMM_ERROR_MISMATCH, "/feature_reductions");
  fixture_make(&p, 3, 32, true); /* taps by choice: as many integers, of these taps */
  p.outputs = without(without(p.outputs, "feat_01"), "feat_03");
  p.channels.shape.dim[0] = p.reductions.shape.dim[0] = 3;
  int64_t *channels = p.channels.data, *reductions = p.reductions.data;
  channels[0] = channels[1], channels[1] = channels[3], channels[2] = channels[4];
  reductions[0] = reductions[1], reductions[1] = reductions[3], reductions[2] = reductions[4];
  passes(FIXTURE_ARCH "_featsonly_io.h5", &p, 3);
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
  fixture_make(&p, 3, 32, false);
  REQUIRE_OK(fixture_check(FIXTURE_ARCH "_io.h5", &p, NULL, &report));
  jimm_parity_report_close(&report);
  const char *path = in_folder(FIXTURE_ARCH "_io.h5");
  TEST_CHECK_INT(change_file(path, number_for_variant), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "variant");
  TEST_CHECK_INT(change_file(path, fixed_variant), JIMM_ERROR_MISMATCH);
  TEST_CHECK_CONTAINS(jimm_error_message(), "resnet34");
  TEST_CHECK_INT(change_file(path, add_group), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "\"notes\": fixtures have no such member");
  fixture_make(&p, 3, 32, false);
  REQUIRE_OK(jimm_parity_write(path, &p));
  jimm_parity_close(&p);
  TEST_CHECK_INT(change_file(path, drop_states), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "state_dict");
}
