// HDF5 fixtures: what h5py writes is read, what jimm writes is whole, hostile files are refused.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <hdf5.h>
#include <jimm-test/jimm-test.h>
#include <jimm/parity.h>

#include "folder.h"
#include "parity/hdf5.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

static float pixels[2 * 3 * 2 * 2];

static void make_parity(jimm_parity *parity) {
  static double logits[] = {0.5, -1.5, 3};
  const jimm_tensor row = {JIMM_F64, {1, {3}}, logits, NULL};
  for (int i = 0; i < 24; i++) {
    pixels[i] = (float)i;
  }
  *parity = (jimm_parity){.input = {JIMM_F32, {4, {2, 3, 2, 2}}, pixels, NULL}};
  TEST_CHECK_INT(jimm_state_create(&parity->state), JIMM_OK);
  TEST_CHECK_INT(jimm_state_create(&parity->outputs), JIMM_OK);
  TEST_CHECK_INT(jimm_state_add(parity->outputs, "logits", &row), JIMM_OK);
}

TEST(fixtures_round_trip_in_every_type) {
  jimm_parity parity, back;
  unsigned char bytes[48];
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (unsigned char)(i * 5 + 1);
  }
  make_parity(&parity);
  const uint8_t flags[] = {1, 0, 1, 1, 0, 0};
  for (int dtype = JIMM_F64; dtype <= JIMM_BOOL; dtype++) {
    jimm_tensor tensor = {(jimm_dtype)dtype, {2, {2, 3}}, bytes, NULL};
    char name[32];
    tensor.data = dtype == JIMM_BOOL ? (void *)(uintptr_t)flags : bytes;
    snprintf(name, sizeof name, "layer1.0.%s", jimm_dtype_name(tensor.dtype));
    TEST_CHECK_INT(jimm_state_add(parity.state, name, &tensor), JIMM_OK);
  }
  const jimm_tensor scalar = {JIMM_I64, {0, {0}}, bytes, NULL};
  const jimm_tensor empty = {JIMM_F32, {2, {0, 3}}, NULL, NULL};
  TEST_CHECK_INT(jimm_state_add(parity.state, "bn.num_batches_tracked", &scalar), JIMM_OK);
  TEST_CHECK_INT(jimm_state_add(parity.state, "\xC3\xA9", &empty), JIMM_OK);
  const char *path = in_folder("trip.h5");
  TEST_REQUIRE_INT(jimm_parity_write(path, &parity), JIMM_OK);
  TEST_REQUIRE_INT(jimm_parity_read(path, &back), JIMM_OK);
  TEST_CHECK_MEM(back.input.data, pixels, sizeof pixels);
  TEST_CHECK(jimm_shape_equal(&back.input.shape, &parity.input.shape));
  TEST_CHECK_INT(jimm_state_count(back.outputs), 1);
  TEST_CHECK_INT(jimm_state_find(back.outputs, "logits")->dtype, JIMM_F64);
  TEST_CHECK_INT(jimm_state_count(back.state), jimm_state_count(parity.state));
  for (int64_t i = 0; i < jimm_state_count(parity.state); i++) {
    const jimm_tensor *want = jimm_state_tensor(parity.state, i);
    const jimm_tensor *got = jimm_state_find(back.state, jimm_state_name(parity.state, i));
    TEST_REQUIRE_MSG(got != NULL, "%s", jimm_state_name(parity.state, i));
    TEST_CHECK_MSG(got->dtype == want->dtype, "%s", jimm_dtype_name(want->dtype));
    TEST_CHECK(jimm_shape_equal(&got->shape, &want->shape));
    TEST_CHECK_MEM(got->data, want->data, jimm_tensor_bytes(want));
  }
  jimm_parity_close(&back);
  TEST_CHECK(back.state == NULL && back.outputs == NULL && back.input.data == NULL);
  jimm_parity_close(&back);
  jimm_parity_close(NULL);
  parity.input = (jimm_tensor){.dtype = JIMM_DTYPE_NONE};
  jimm_parity_close(&parity);
}

TEST(fixture_writer_refuses_and_leaves_the_old_file) {
  jimm_parity parity;
  char text[8] = "";
  mkdir(in_folder("out"), 0777);
  const char *path = in_folder("out/x.h5");
  TEST_REQUIRE(write_bytes(path, "old", 3));
  make_parity(&parity);
  static const char *const names[] = {"a/b", "", ".", "/"};
  for (size_t i = 0; i < 4; i++) {
    jimm_parity odd = parity;
    TEST_REQUIRE_INT(jimm_state_create(&odd.state), JIMM_OK);
    TEST_CHECK_INT(jimm_state_add(odd.state, names[i], &parity.input), JIMM_OK);
    TEST_CHECK_INT(jimm_parity_write(path, &odd), JIMM_ERROR_INVALID_ARGUMENT);
    TEST_CHECK_CONTAINS(jimm_error_message(), "cannot name a dataset");
    jimm_state_close(&odd.state);
  }
  jimm_parity odd = parity;
  odd.input.shape.rank = 3;
  TEST_CHECK_INT(jimm_parity_write(path, &odd), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_parity_write(in_folder("out/absent/x.h5"), &parity), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK_INT(jimm_parity_write(in_folder("out"), &parity), JIMM_ERROR_IO);
  TEST_CHECK_INT(read_bytes(path, text, 7), 3);
  TEST_CHECK_STR(text, "old");
  TEST_CHECK_INT(count_in_folder(in_folder("out")), 1);
  TEST_CHECK_INT(jimm_parity_write(path, &parity), JIMM_OK);
  TEST_CHECK_INT(count_in_folder(in_folder("out")), 1);
  parity.input = (jimm_tensor){.dtype = JIMM_DTYPE_NONE};
  jimm_parity_close(&parity);
}

// ---- files made with the HDF5 library itself ----------------------------------------------------

typedef struct made {
  hid_t file, state;
} made;

// A file with input, /state_dict and /output, for `change` to spoil or to extend.
static const char *make_h5(void (*change)(made *m)) {
  const char *path = in_folder("made.h5");
  const hsize_t dims[] = {2, 3, 2, 2};
  made m = {.file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)};
  TEST_CHECK(m.file >= 0);
  hid_t space = H5Screate_simple(4, dims, NULL);
  hid_t input =
      H5Dcreate2(m.file, "input", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(input, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels);
  H5Dclose(input);
  H5Sclose(space);
  m.state = H5Gcreate2(m.file, "state_dict", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Gclose(H5Gcreate2(m.file, "output", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  if (change != NULL) {
    change(&m);
  }
  H5Gclose(m.state);
  H5Fclose(m.file);
  return path;
}

// A dataset of `count` elements; data NULL: never written.
static void put(hid_t group, const char *name, hid_t type, hsize_t count, hid_t properties,
                hid_t memory_type, const void *data) {
  hid_t space = H5Screate_simple(1, &count, NULL);
  hid_t dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  TEST_CHECK_MSG(dataset >= 0, "%s", name);
  if (data != NULL) {
    TEST_CHECK(H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  }
  H5Dclose(dataset);
  H5Sclose(space);
}

static float ramp[4096];

// Chunked, shuffled, packed, with checksums, as h5py's compression='gzip', shuffle=True,
// fletcher32=True; and one whose last chunk is only partly filled.
static void packed(made *m) {
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk = 1000;
  H5Pset_chunk(properties, 1, &chunk);
  H5Pset_shuffle(properties);
  H5Pset_deflate(properties, 4);
  H5Pset_fletcher32(properties);
  for (int i = 0; i < 4096; i++) {
    ramp[i] = (float)i * 0.25f;
  }
  put(m->state, "packed", H5T_IEEE_F32LE, 4096, properties, H5T_NATIVE_FLOAT, ramp);
  static const float zeros[4096];
  put(m->state, "zeros", H5T_IEEE_F32LE, 4096, properties, H5T_NATIVE_FLOAT, zeros);
  H5Pclose(properties);
  const int16_t shorts[] = {-2, 300};
  const double doubles[] = {1.5, -2};
  put(m->state, "big.i16", H5T_STD_I16BE, 2, H5P_DEFAULT, H5T_NATIVE_INT16, shorts);
  put(m->state, "big.f64", H5T_IEEE_F64BE, 2, H5P_DEFAULT, H5T_NATIVE_DOUBLE, doubles);
  hid_t half = jimm_hdf5_type_make(JIMM_F16);
  H5Tset_order(half, H5T_ORDER_BE);
  put(m->state, "big.f16", half, 2, H5P_DEFAULT, H5T_NATIVE_DOUBLE, doubles);
  H5Tclose(half);
  hid_t group = H5Gcreate2(m->state, "layer1", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  put(group, "0.weight", H5T_IEEE_F32LE, 2, H5P_DEFAULT, H5T_NATIVE_DOUBLE, doubles);
  H5Gclose(group);
}

TEST(fixtures_of_any_storage_and_byte_order_are_read) {
  jimm_parity parity;
  TEST_REQUIRE_INT(jimm_parity_read(make_h5(packed), &parity), JIMM_OK);
  TEST_CHECK_INT(jimm_state_count(parity.state), 6);
  static const struct {
    const char *name;
    jimm_dtype dtype;
    const char *bytes;
    size_t size;
  } want[] = {{"big.i16", JIMM_I16, "\xFE\xFF\x2C\x01", 4},
              {"big.f64", JIMM_F64, "\0\0\0\0\0\0\xF8\x3F\0\0\0\0\0\0\0\xC0", 16},
              {"big.f16", JIMM_F16, "\x00\x3E\x00\xC0", 4},
              {"layer1.0.weight", JIMM_F32, "\0\0\xC0\x3F\0\0\0\xC0", 8}};
  for (size_t i = 0; i < 4; i++) {
    const jimm_tensor *got = jimm_state_find(parity.state, want[i].name);
    TEST_REQUIRE_MSG(got != NULL, "%s", want[i].name);
    TEST_CHECK_INT(got->dtype, want[i].dtype);
    TEST_CHECK_UINT(jimm_tensor_bytes(got), want[i].size);
    TEST_CHECK_MEM(got->data, want[i].bytes, want[i].size);
  }
  const jimm_tensor *got = jimm_state_find(parity.state, "packed");
  TEST_REQUIRE(got != NULL);
  TEST_CHECK_MEM(got->data, ramp, sizeof ramp);
  jimm_parity_close(&parity);
}

// ---- hostile files ------------------------------------------------------------------------------

static void no_input(made *m) {
  H5Ldelete(m->file, "input", H5P_DEFAULT);
}
static void no_output(made *m) {
  H5Ldelete(m->file, "output", H5P_DEFAULT);
}
static void output_is_dataset(made *m) {
  no_output(m);
  put(m->file, "output", H5T_IEEE_F32LE, 1, H5P_DEFAULT, H5T_NATIVE_FLOAT, pixels);
}
static void input_is_group(made *m) {
  no_input(m);
  H5Gclose(H5Gcreate2(m->file, "input", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}
static void input_is_flat(made *m) {
  no_input(m);
  put(m->file, "input", H5T_IEEE_F32LE, 4, H5P_DEFAULT, H5T_NATIVE_FLOAT, pixels);
}
static void input_is_link(made *m) {
  no_input(m);
  H5Lcreate_external("/etc/hostname", "/x", m->file, "input", H5P_DEFAULT, H5P_DEFAULT);
}
static void soft_link(made *m) {
  H5Lcreate_soft("/input", m->state, "soft", H5P_DEFAULT, H5P_DEFAULT);
}
static void external_link(made *m) {
  H5Lcreate_external("/etc/hostname", "/x", m->state, "external", H5P_DEFAULT, H5P_DEFAULT);
}
static void circle(made *m) {
  H5Lcreate_hard(m->file, "state_dict", m->state, "circle", H5P_DEFAULT, H5P_DEFAULT);
}
static void text(made *m) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 4);
  put(m->state, "text", type, 1, H5P_DEFAULT, type, "abc");
  H5Tclose(type);
}
static void named_type(made *m) {
  hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tcommit2(m->state, "type", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Tclose(type);
}
static void odd_integer(made *m) {
  hid_t type = H5Tcopy(H5T_STD_I32LE);
  H5Tset_precision(type, 20);
  put(m->state, "odd", type, 4, H5P_DEFAULT, H5T_NATIVE_FLOAT, pixels);
  H5Tclose(type);
}
static void long_double(made *m) {
  put(m->state, "wide", H5T_NATIVE_LDOUBLE, 4, H5P_DEFAULT, H5T_NATIVE_FLOAT, pixels);
}
static void other_enum(made *m) {
  hid_t type = H5Tenum_create(H5T_STD_I8LE);
  const signed char values[] = {0, 1};
  H5Tenum_insert(type, "TRUE", &values[0]);  // the wrong way round
  H5Tenum_insert(type, "FALSE", &values[1]);
  put(m->state, "enum", type, 2, H5P_DEFAULT, type, values);
  H5Tclose(type);
}
static void no_shape(made *m) {
  hid_t space = H5Screate(H5S_NULL);
  H5Dclose(
      H5Dcreate2(m->state, "null", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
}
static void rank_nine(made *m) {
  const hsize_t dims[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  hid_t space = H5Screate_simple(9, dims, NULL);
  H5Dclose(
      H5Dcreate2(m->state, "nine", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
}
static void never_written(made *m) {
  put(m->state, "unwritten", H5T_IEEE_F32LE, 100, H5P_DEFAULT, 0, NULL);
}
static void huge(made *m) {
  put(m->state, "huge", H5T_IEEE_F32LE, (hsize_t)1 << 40, H5P_DEFAULT, 0, NULL);
}
// A gigabyte is claimed; one chunk of it exists.
static void bomb(made *m) {
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk = 1024, count = (hsize_t)1 << 28, start = 0;
  H5Pset_chunk(properties, 1, &chunk);
  hid_t space = H5Screate_simple(1, &count, NULL), part = H5Screate_simple(1, &chunk, NULL);
  hid_t dataset =
      H5Dcreate2(m->state, "bomb", H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &chunk, NULL);
  H5Dwrite(dataset, H5T_NATIVE_FLOAT, part, space, H5P_DEFAULT, ramp);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Sclose(part);
  H5Pclose(properties);
}
static void external_data(made *m) {
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(properties, "/etc/hostname", 0, 4);
  put(m->state, "outside", H5T_STD_U8LE, 4, properties, 0, NULL);
  H5Pclose(properties);
}
static void same_key(made *m) {
  hid_t group = H5Gcreate2(m->state, "a", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  put(group, "b", H5T_IEEE_F32LE, 1, H5P_DEFAULT, H5T_NATIVE_FLOAT, pixels);
  put(m->state, "a.b", H5T_IEEE_F32LE, 1, H5P_DEFAULT, H5T_NATIVE_FLOAT, pixels);
  H5Gclose(group);
}
static void long_name(made *m) {
  static char name[2000];
  memset(name, 'n', sizeof name - 1);
  put(m->state, name, H5T_IEEE_F32LE, 1, H5P_DEFAULT, H5T_NATIVE_FLOAT, pixels);
}
static void bad_name(made *m) {
  put(m->state, "\xFF", H5T_IEEE_F32LE, 1, H5P_DEFAULT, H5T_NATIVE_FLOAT, pixels);
}

TEST(hostile_fixtures_are_refused_by_name) {
  static const struct {
    void (*change)(made *m);
    jimm_status status;
    const char *message;
  } rows[] = {
      {no_input, JIMM_ERROR_FORMAT, "the dataset /input is missing"},
      {no_output, JIMM_ERROR_FORMAT, "the group /output is missing"},
      {output_is_dataset, JIMM_ERROR_FORMAT, "/output: expected a group"},
      {input_is_group, JIMM_ERROR_FORMAT, "/input: expected a dataset"},
      {input_is_flat, JIMM_ERROR_FORMAT, "/input: expected the shape [N, C, H, W], found [4]"},
      {input_is_link, JIMM_ERROR_FORMAT, "/input cannot be opened as a dataset"},
      {soft_link, JIMM_ERROR_UNSUPPORTED, "/state_dict/soft: a link, expected a dataset"},
      {external_link, JIMM_ERROR_UNSUPPORTED, "/state_dict/external: a link, expected a dataset"},
      {circle, JIMM_ERROR_LIMIT, "groups nest deeper than 16"},
      {text, JIMM_ERROR_UNSUPPORTED,
       "/state_dict/text: expected a bool, integer or floating type, found a string"},
      {named_type, JIMM_ERROR_FORMAT, "/state_dict/type: expected a dataset or a group"},
      {odd_integer, JIMM_ERROR_UNSUPPORTED, "an integer type of unusual layout"},
      {long_double, JIMM_ERROR_UNSUPPORTED, "a floating type of unusual layout"},
      {other_enum, JIMM_ERROR_UNSUPPORTED, "found an enumeration"},
      {no_shape, JIMM_ERROR_FORMAT, "/state_dict/null: a dataset without a shape"},
      {rank_nine, JIMM_ERROR_UNSUPPORTED, "/state_dict/nine: rank 9, expected at most 8"},
      {never_written, JIMM_ERROR_FORMAT, "F32 [100] takes 400 bytes, but only 0 were ever written"},
      {huge, JIMM_ERROR_LIMIT, "/state_dict/huge: more than the limit of 17179869184 bytes"},
      {bomb, JIMM_ERROR_FORMAT, "takes 1073741824 bytes, but only 4096 were ever written"},
      {external_data, JIMM_ERROR_UNSUPPORTED, "/state_dict/outside: its data lie in other files"},
      {same_key, JIMM_ERROR_FORMAT, "/state_dict/a.b: tensor \"a.b\" is there already"},
      {long_name, JIMM_ERROR_LIMIT, "/state_dict: a name of more than 1022 bytes"},
      {bad_name, JIMM_ERROR_FORMAT, "is not UTF-8"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jimm_parity parity;
    jimm_status status = jimm_parity_read(make_h5(rows[i].change), &parity);
    TEST_CHECK_MSG(status == rows[i].status, "%s: %s", rows[i].message, jimm_status_name(status));
    TEST_CHECK_CONTAINS(jimm_error_message(), rows[i].message);
    TEST_CHECK_CONTAINS(jimm_error_message(), "made.h5: ");
    TEST_CHECK(parity.state == NULL && parity.outputs == NULL && parity.input.data == NULL);
    jimm_parity_close(&parity);
    TEST_CHECK_INT(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);  // nothing stays open
  }
  jimm_parity parity;
  TEST_CHECK_INT(jimm_parity_read(make_h5(NULL), &parity), JIMM_OK);
  jimm_parity_close(&parity);
}

// Found by fuzzing: the next two files made HDF5 take gigabytes.
TEST(dataset_larger_than_its_file_is_refused) {
  jimm_parity parity;
  TEST_CHECK_INT(jimm_parity_read("test/fuzz/corpus/fixture_raw/claims-gigabytes", &parity),
                 JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(),
                      "/input: is said to take 549755813896 bytes of a file of 4035");
}

TEST(heap_without_end_takes_little_memory) {
#ifdef SANITIZED
  TEST_SKIP("sanitizers hide memory from the child's limits");
#endif
  jimm_parity parity;
  struct rusage used;
  TEST_CHECK_INT(jimm_parity_read("test/data/hdf5/endless-heap.h5", &parity), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "endless-heap.h5: ");
  TEST_REQUIRE(getrusage(RUSAGE_CHILDREN, &used) == 0);
  TEST_CHECK_MSG(used.ru_maxrss < 1L << 20, "the child took %ld KiB", used.ru_maxrss);
}

TEST(fixture_files_cut_anywhere_are_refused) {
  static unsigned char file[1 << 16];
  jimm_parity parity;
  const char *path = make_h5(packed);
  const long size = read_bytes(path, file, sizeof file);
  TEST_REQUIRE(size > 1000 && size < (long)sizeof file);
  for (long cut = 0; cut < size; cut += cut < 1024 ? 61 : 997) {
    TEST_REQUIRE(write_bytes(path, file, (size_t)cut));
    TEST_CHECK_MSG(jimm_parity_read(path, &parity) == JIMM_ERROR_FORMAT, "cut to %ld bytes", cut);
    TEST_CHECK_CONTAINS(jimm_error_message(), "made.h5: ");
  }
  TEST_CHECK_INT(jimm_parity_read(in_folder("absent.h5"), &parity), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK_INT(jimm_parity_read(in_folder("."), &parity), JIMM_ERROR_IO);
  TEST_REQUIRE(write_bytes(path, "not hdf5 at all", 15));
  TEST_CHECK_INT(jimm_parity_read(path, &parity), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "not an HDF5 file");
}

static herr_t count_prints(hid_t stack, void *context) {
  (void)stack;
  ++*(int *)context;
  return 0;
}

TEST(the_programs_own_error_printer_is_kept_and_not_called) {
  int prints = 0;
  H5E_auto2_t printer = NULL;
  void *data = NULL;
  H5Eset_auto2(H5E_DEFAULT, count_prints, &prints);
  jimm_parity parity;
  const char *path = in_folder("quiet.h5");
  TEST_REQUIRE(write_bytes(path, "\x89HDF\r\n\x1A\n and nothing", 20));
  TEST_CHECK_INT(jimm_parity_read(path, &parity), JIMM_ERROR_FORMAT);
  TEST_CHECK_INT(prints, 0);
  H5Eget_auto2(H5E_DEFAULT, &printer, &data);
  TEST_CHECK(printer == count_prints && data == &prints);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

TEST_MAIN()
