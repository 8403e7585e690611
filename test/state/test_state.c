// States; safetensors files that are as they should be; synthetic weights.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>
#include <jimm/state.h>

#include "folder.h"
#include "state/state.h"

static float numbers[] = {1, 2, 3, 4, 5, 6};

static jimm_tensor view(jimm_dtype dtype, int64_t rows, int64_t columns, void *data) {
  return (jimm_tensor){dtype, {2, {rows, columns}}, data, NULL};
}

// ---- states -------------------------------------------------------------------------------------

TEST(state_keeps_copies_in_order) {
  jimm_state *state;
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  float values[] = {1, 2, 3, 4, 5, 6};
  jimm_tensor tensor = view(JIMM_F32, 2, 3, values);
  char name[] = "b.weight";
  TEST_CHECK_INT(jimm_state_add(state, name, &tensor), JIMM_OK);
  name[0] = 'a';  // the state has its own copies of name and data
  values[0] = 9;
  TEST_CHECK_INT(jimm_state_add(state, name, &tensor), JIMM_OK);
  TEST_CHECK_INT(jimm_state_count(state), 2);
  TEST_CHECK_STR(jimm_state_name(state, 0), "b.weight");
  TEST_CHECK_STR(jimm_state_name(state, 1), "a.weight");
  TEST_CHECK_DOUBLE((double)((float *)jimm_state_find(state, "b.weight")->data)[0], 1, 0, 0);
  TEST_CHECK_DOUBLE((double)((float *)jimm_state_find(state, "a.weight")->data)[0], 9, 0, 0);
  TEST_CHECK(jimm_state_find(state, "a.weight") == jimm_state_tensor(state, 1));
  TEST_CHECK(jimm_state_find(state, "c.weight") == NULL);
  TEST_CHECK(jimm_state_name(state, 2) == NULL && jimm_state_tensor(state, 2) == NULL);
  TEST_CHECK(jimm_state_name(state, -1) == NULL && jimm_state_tensor(state, -1) == NULL);
  TEST_CHECK_INT(jimm_state_add(state, "b.weight", &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "tensor \"b.weight\" is there already");
  TEST_CHECK_INT(jimm_state_add(state, "bad\xFF", &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "\"bad\\xFF\" is not UTF-8 at byte 3");
  tensor.data = NULL;
  TEST_CHECK_INT(jimm_state_add(state, "none", &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "tensor \"none\"");
  tensor.shape.dim[0] = -1;
  TEST_CHECK_INT(jimm_state_add(state, "negative", &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_count(state), 2);
  jimm_state_close(&state);
  TEST_CHECK(state == NULL);
  jimm_state_close(&state);
  jimm_state_close(NULL);
}

TEST(state_takes_over_owned_memory) {
  jimm_state *state;
  jimm_tensor tensor;
  const jimm_shape shape = {1, {4}};
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &shape, &tensor), JIMM_OK);
  void *data = tensor.data;
  TEST_CHECK_INT(jimm_state_add_owned(state, "x", &tensor), JIMM_OK);
  TEST_CHECK(tensor.data == NULL && tensor.owned == NULL);
  TEST_CHECK(jimm_state_find(state, "x")->data == data);
  TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &shape, &tensor), JIMM_OK);
  TEST_CHECK_INT(jimm_state_add_owned(state, "x", &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK(tensor.owned != NULL);  // on failure it stays the caller's
  jimm_tensor_close(&tensor);
  tensor = view(JIMM_F32, 2, 3, numbers);  // nothing owned: copied
  TEST_CHECK_INT(jimm_state_add_owned(state, "y", &tensor), JIMM_OK);
  TEST_CHECK(jimm_state_find(state, "y")->data != numbers);
  jimm_state *second = jimm_state_retain(state);
  jimm_state_close(&state);
  TEST_CHECK_INT(jimm_state_count(second), 2);
  jimm_state_close(&second);
}

TEST(state_metadata_is_set_and_replaced) {
  jimm_state *state;
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  TEST_CHECK(jimm_state_metadata(state, "format") == NULL);
  TEST_CHECK_INT(jimm_state_set_metadata(state, "format", "np"), JIMM_OK);
  TEST_CHECK_INT(jimm_state_set_metadata(state, "format", "pt"), JIMM_OK);
  for (int i = 0; i < 40; i++) {
    char key[16];
    snprintf(key, sizeof key, "key%d", i);
    TEST_CHECK_INT(jimm_state_set_metadata(state, key, key + 3), JIMM_OK);
  }
  TEST_CHECK_STR(jimm_state_metadata(state, "format"), "pt");
  TEST_CHECK_STR(jimm_state_metadata(state, "key39"), "39");
  TEST_CHECK_INT(jimm_state_set_metadata(state, "\xFF", "x"), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_set_metadata(state, "x", "\xFF"), JIMM_ERROR_INVALID_ARGUMENT);
  jimm_state_close(&state);
}

// ---- safetensors --------------------------------------------------------------------------------

// What safetensors.torch.save of Python (0.8) makes of
// {"b.weight": ones(2, 3), "a": tensor(7), "h": tensor([1.5, -2], float16), "m": tensor([True]),
//  "e\u0301\"": zeros(0, 4, dtype=bfloat16)}, metadata {"format": "pt"}.
static const char python_header[] =
    "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"I64\",\"shape\":[],"
    "\"data_offsets\":[0,8]},\"b.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],"
    "\"data_offsets\":[8,32]},\"e\xCC\x81\\\"\":{\"dtype\":\"BF16\",\"shape\":[0,4],"
    "\"data_offsets\":[32,32]},\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[32,36]},"
    "\"m\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[36,37]}}";

static void fill_state(jimm_state *state) {
  float ones[] = {1, 1, 1, 1, 1, 1};
  int64_t seven = 7;
  uint16_t halves[] = {0x3E00, 0xC000};
  uint8_t yes = 1;
  const struct {
    const char *name;
    jimm_tensor tensor;
  } rows[] = {{"m", {JIMM_BOOL, {1, {1}}, &yes, NULL}},
              {"h", {JIMM_F16, {1, {2}}, halves, NULL}},
              {"b.weight", {JIMM_F32, {2, {2, 3}}, ones, NULL}},
              {"e\xCC\x81\"", {JIMM_BF16, {2, {0, 4}}, NULL, NULL}},
              {"a", {JIMM_I64, {0, {0}}, &seven, NULL}}};
  for (size_t i = 0; i < 5; i++) {
    TEST_CHECK_INT(jimm_state_add(state, rows[i].name, &rows[i].tensor), JIMM_OK);
  }
  TEST_CHECK_INT(jimm_state_set_metadata(state, "format", "pt"), JIMM_OK);
}

TEST(safetensors_writes_the_bytes_that_python_writes) {
  jimm_state *state;
  unsigned char file[2048];
  const char *path = in_folder("written.safetensors");
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  fill_state(state);
  TEST_REQUIRE_INT(jimm_state_save(state, path), JIMM_OK);
  jimm_state_close(&state);
  const size_t length = sizeof python_header - 1, padded = (length + 7) / 8 * 8;
  TEST_CHECK_INT(read_bytes(path, file, sizeof file), (long)(8 + padded + 37));
  uint64_t header = 0;
  memcpy(&header, file, 8);
  TEST_CHECK_UINT(header, padded);
  TEST_CHECK_MEM(file + 8, python_header, length);
  for (size_t i = length; i < padded; i++) {
    TEST_CHECK_INT(file[8 + i], ' ');
  }
  TEST_CHECK_MEM(file + 8 + padded, "\7\0\0\0\0\0\0\0\0\0\x80\x3F", 12);
  TEST_CHECK_MEM(file + 8 + padded + 32, "\0\x3E\0\xC0\1", 5);
  // An empty state is a file too.
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_save(state, path), JIMM_OK);
  TEST_CHECK_INT(read_bytes(path, file, sizeof file), 16);
  TEST_CHECK_MEM(file, "\x08\0\0\0\0\0\0\0{}      ", 16);
  jimm_state_close(&state);
  TEST_REQUIRE_INT(jimm_state_open(path, &state), JIMM_OK);
  TEST_CHECK_INT(jimm_state_count(state), 0);
  jimm_state_close(&state);
}

TEST(safetensors_round_trip) {
  jimm_state *state, *back;
  const char *path = in_folder("trip.safetensors");
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  fill_state(state);
  unsigned char bytes[64];
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (unsigned char)(i * 3 + 1);
  }
  for (int dtype = JIMM_F64; dtype <= JIMM_BOOL; dtype++) {
    const jimm_tensor tensor = {(jimm_dtype)dtype, {3, {2, 1, 3}}, bytes, NULL};
    TEST_CHECK_INT(jimm_state_add(state, jimm_dtype_name((jimm_dtype)dtype), &tensor), JIMM_OK);
  }
  TEST_REQUIRE_INT(jimm_state_save(state, path), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_open(path, &back), JIMM_OK);
  TEST_CHECK_INT(jimm_state_count(back), jimm_state_count(state));
  TEST_CHECK_STR(jimm_state_metadata(back, "format"), "pt");
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const jimm_tensor *want = jimm_state_tensor(state, i);
    const jimm_tensor *got = jimm_state_find(back, jimm_state_name(state, i));
    TEST_REQUIRE(got != NULL);
    TEST_CHECK_INT(got->dtype, want->dtype);
    TEST_CHECK(jimm_shape_equal(&got->shape, &want->shape));
    TEST_CHECK_MEM(got->data, want->data, jimm_tensor_bytes(want));
    TEST_CHECK(got->owned == NULL);  // a view into the mapping
    TEST_CHECK_UINT((uintptr_t)got->data % jimm_dtype_size(got->dtype), 0);
  }
  // In the order of the file: the library's order of types, then names.
  static const char *const order[] = {"U64", "I64", "a",    "F64",         "F32",  "b.weight",
                                      "U32", "I32", "BF16", "e\xCC\x81\"", "F16",  "h",
                                      "U16", "I16", "I8",   "U8",          "BOOL", "m"};
  for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
    TEST_CHECK_STR(jimm_state_name(back, (int64_t)i), order[i]);
  }
  // Saving an opened state over its own file: the mapping keeps the old one.
  TEST_CHECK_INT(jimm_state_save(back, path), JIMM_OK);
  TEST_CHECK_MEM(jimm_state_find(back, "F64")->data, bytes, 48);
  jimm_state_close(&back);
  TEST_REQUIRE_INT(jimm_state_open(path, &back), JIMM_OK);
  TEST_CHECK_INT(jimm_state_count(back), jimm_state_count(state));
  jimm_state_close(&back);
  jimm_state_close(&state);
}

TEST(safetensors_save_refuses_and_leaves_nothing) {
  jimm_state *state;
  jimm_tensor tensor = view(JIMM_F32, 2, 3, numbers);
  mkdir(in_folder("saves"), 0777);
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  TEST_CHECK_INT(jimm_state_save(state, in_folder("saves/absent/x")), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK_INT(jimm_state_save(state, in_folder("saves")), JIMM_ERROR_IO);
  TEST_CHECK_INT(jimm_state_add(state, "__metadata__", &tensor), JIMM_OK);
  TEST_CHECK_INT(jimm_state_save(state, in_folder("saves/x")), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "__metadata__");
  TEST_CHECK_INT(count_in_folder(in_folder("saves")), 0);
  jimm_state_close(&state);
}

TEST(state_refuses_null) {
  jimm_state *state = NULL;
  jimm_tensor tensor = {.dtype = JIMM_DTYPE_NONE};
  TEST_CHECK_INT(jimm_state_open(NULL, &state), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_STR(jimm_error_message(), "jimm_state_open: path or state is NULL");
  TEST_CHECK_INT(jimm_state_open("x", NULL), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_add(NULL, "x", &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_save(NULL, "x"), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  TEST_CHECK_INT(jimm_state_add(state, NULL, &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_add_owned(state, NULL, &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_add(state, "x", NULL), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_state_save(state, NULL), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_tensor_create(JIMM_F32, NULL, &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_npy_read(NULL, &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_npy_read("x", NULL), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_npy_write(NULL, &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_npy_write("x", NULL), JIMM_ERROR_INVALID_ARGUMENT);
  jimm_state_close(&state);
}

TEST(released_pages_come_back) {
  enum { ROWS = 64, COLUMNS = 1024 };
  jimm_state *state, *back;
  float *values = calloc(ROWS * COLUMNS, sizeof *values);
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    values[i] = (float)i;
  }
  jimm_tensor tensor = view(JIMM_F32, ROWS, COLUMNS, values);
  const char *path = in_folder("pages.safetensors");
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_add(state, "x", &tensor), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_save(state, path), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_open(path, &back), JIMM_OK);
  const jimm_tensor *mapped = jimm_state_find(back, "x");
  TEST_CHECK_MEM(mapped->data, values, ROWS * COLUMNS * sizeof *values);
  jimm_state_release_pages(back, mapped);
  TEST_CHECK_MEM(mapped->data, values, ROWS * COLUMNS * sizeof *values);
  // Memory of anyone else is left alone: it would come back as zeros.
  jimm_state_release_pages(back, &tensor);
  jimm_state_release_pages(back, jimm_state_find(state, "x"));
  jimm_state_release_pages(state, jimm_state_find(state, "x"));
  for (int i = 0; i < ROWS * COLUMNS; i += 1000) {
    TEST_CHECK_DOUBLE((double)values[i], i, 0, 0);
    TEST_CHECK_DOUBLE((double)((float *)jimm_state_find(state, "x")->data)[i], i, 0, 0);
  }
  jimm_state_close(&back);
  jimm_state_close(&state);
  free(values);
}

// ---- synthetic weights --------------------------------------------------------------------------

// CRC-32 as zlib's.
static uint32_t crc32_of(const void *data, size_t size) {
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 0; i < size; i++) {
    crc ^= ((const unsigned char *)data)[i];
    for (int bit = 0; bit < 8; bit++) {
      crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
  }
  return ~crc;
}

static void check_bits(const jimm_tensor *tensor, uint32_t first, uint32_t last, uint32_t crc) {
  uint32_t bits;
  const unsigned char *data = tensor->data;
  const size_t size = jimm_tensor_bytes(tensor);
  memcpy(&bits, data, 4);
  TEST_CHECK_UINT(bits, first);
  memcpy(&bits, data + size - 4, 4);
  TEST_CHECK_UINT(bits, last);
  TEST_CHECK_UINT(crc32_of(data, size), crc);
}

// The numbers come from numpy and Python's integers, following docs/synthetic.md.
TEST(synthetic_parameters_are_those_of_numpy) {
  static const struct {
    uint64_t seed;
    const char *name;
    jimm_shape shape;
    uint32_t first, last, crc;  // bits of the first and last value; zlib.crc32 of all
  } rows[] = {{0, "conv1.weight", {4, {64, 3, 7, 7}}, 0xBDF91E4B, 0x3DEDFF2B, 0xBC591A3D},
              {7, "bn1.running_mean", {1, {64}}, 0xBD086FC6, 0xBDFF6693, 0xCBF0A316},
              {7, "bn1.running_var", {1, {64}}, 0x3FAE8F4D, 0x3F3CBF6C, 0x9302B294},
              {UINT64_MAX, "layer1.0.bn1.weight", {1, {33}}, 0x3F4702A2, 0x3EC64106, 0x54EF95FB},
              {1, "fc.weight", {2, {10, 512}}, 0x3CC4A7CA, 0xBCEA0766, 0x5C595B47},
              {1, "fc.bias", {1, {10}}, 0x3E2DE486, 0x3DFC7882, 0x98F772CB},
              {3, "gamma", {1, {5}}, 0x3D9DF8F8, 0xBE5A75AC, 0xFF9EC43F},
              {3, "weight", {0, {0}}, 0xBEE1662C, 0xBEE1662C, 0xEC46242E},
              {3, "\xC3\xA9.weight", {2, {2, 2}}, 0x3F7436EE, 0xBF1EC85D, 0x3F861E82},
              {5, "running_var", {3, {2, 3, 4}}, 0x3F97ED2B, 0x3F6A7AB2, 0x58317960},
              {1, "x.weight_g", {2, {4, 4}}, 0x3D8E1128, 0xBEAEAE2A, 0x7147B8A7}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jimm_tensor tensor;
    TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &rows[i].shape, &tensor), JIMM_OK);
    TEST_CHECK_INT(jimm_synthetic_parameter(rows[i].seed, rows[i].name, &tensor), JIMM_OK);
    check_bits(&tensor, rows[i].first, rows[i].last, rows[i].crc);
    jimm_tensor_close(&tensor);
  }
  jimm_tensor input;
  const jimm_shape shape = {4, {2, 3, 5, 7}};
  TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &shape, &input), JIMM_OK);
  TEST_CHECK_INT(jimm_synthetic_input(42, "input", &input), JIMM_OK);
  check_bits(&input, 0x3F4C7134, 0xBFE74A1A, 0xD24E0E35);
  jimm_tensor_close(&input);
}

TEST(synthetic_refuses_what_it_cannot_fill) {
  int64_t counter = 0;
  jimm_tensor tensor = {JIMM_I64, {0, {0}}, &counter, NULL};
  TEST_CHECK_INT(jimm_synthetic_parameter(1, "bn1.num_batches_tracked", &tensor),
                 JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(),
                      "\"bn1.num_batches_tracked\": expected an F32 tensor, found I64");
  tensor = (jimm_tensor){JIMM_F32, {1, {3}}, NULL, NULL};
  TEST_CHECK_INT(jimm_synthetic_input(1, "input", &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  tensor = (jimm_tensor){JIMM_F32, {2, {0, INT64_MAX}}, NULL, NULL};
  TEST_CHECK_INT(jimm_synthetic_parameter(1, "x.weight", &tensor), JIMM_OK);
}

TEST_MAIN()
