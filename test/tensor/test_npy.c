// .npy files: what NumPy writes is read; what it would not is refused.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/tensor.h>

#include "folder.h"

// Writes magic, version, header and `data_bytes` bytes 0, 1, 2... Returns the path.
static const char *make_npy(int major, int minor, const char *header, size_t data_bytes) {
  static unsigned char file[4096];
  size_t length = strlen(header), at = 0;
  memcpy(file, "\x93NUMPY", 6);
  file[6] = (unsigned char)major;
  file[7] = (unsigned char)minor;
  at = 8;
  for (int i = 0; i < (major == 1 ? 2 : 4); i++) {
    file[at++] = (unsigned char)(length >> 8 * i);
  }
  memcpy(file + at, header, length);
  at += length;
  for (size_t i = 0; i < data_bytes; i++) {
    file[at++] = (unsigned char)i;
  }
  const char *path = in_folder("made.npy");
  TEST_CHECK(write_bytes(path, file, at));
  return path;
}

TEST(npy_reads_headers_of_every_form) {
  static const struct {
    int major;
    const char *header;
    size_t bytes;
    jimm_dtype dtype;
    const char *shape;
  } rows[] = {
      {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", 24, JIMM_F32,
       "[2, 3]"},
      {2, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", 16, JIMM_F64, "[2]"},
      {3, "{'descr': '<f2', 'fortran_order': False, 'shape': (), }\n", 2, JIMM_F16, "[]"},
      {1, "{\"shape\":(1,2,3,),\"fortran_order\":False,\"descr\":\"<i2\"}", 12, JIMM_I16,
       "[1, 2, 3]"},
      {1, "{'descr': '|b1', 'fortran_order': False, 'shape': (3L,), }\n", 3, JIMM_BOOL, "[3]"},
      {1, "{'descr': '|i1', 'fortran_order': False, 'shape': (0, 3), }\n", 0, JIMM_I8, "[0, 3]"},
      {1, "{'descr': '>u1', 'fortran_order': False, 'shape': (2,), }\n", 2, JIMM_U8, "[2]"},
      {1, "{'descr': '=u8', 'fortran_order': False, 'shape': (1,), }\n", 8, JIMM_U64, "[1]"},
      {1, "{'descr': '<i8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1), }\n", 8, JIMM_I64,
       "[1, 1, 1, 1, 1, 1, 1, 1]"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jimm_tensor tensor;
    char text[JIMM_SHAPE_TEXT];
    const char *path = make_npy(rows[i].major, 0, rows[i].header, rows[i].bytes);
    TEST_CHECK_MSG(jimm_npy_read(path, &tensor) == JIMM_OK, "%s: %s", rows[i].header,
                   jimm_error_message());
    TEST_CHECK_INT(tensor.dtype, rows[i].dtype);
    TEST_CHECK_STR(jimm_shape_format(&tensor.shape, text, sizeof text), rows[i].shape);
    TEST_CHECK_MEM(tensor.data,
                   "\0\1\2\3\4\5\6\7\x8\x9\xA\xB\xC\xD\xE\xF\x10\x11\x12\x13\x14\x15"
                   "\x16\x17",
                   rows[i].bytes);
    jimm_tensor_close(&tensor);
  }
}

#define F4(SHAPE) "{'descr': '<f4', 'fortran_order': False, 'shape': " SHAPE ", }\n"
#define DESCR(TYPE) "{'descr': " TYPE ", 'fortran_order': False, 'shape': (1,), }\n"

TEST(npy_refuses_what_it_must) {
  static const struct {
    int major, minor;
    const char *header;
    size_t bytes;
    jimm_status status;
    const char *message;
  } rows[] = {
      {1, 0, F4("(2, 3)"), 23, JIMM_ERROR_FORMAT,
       "truncated .npy file: F32 [2, 3] takes 24 bytes, found 23"},
      {1, 0, F4("(2, 3)"), 25, JIMM_ERROR_FORMAT, "bytes after the array"},
      {1, 0, F4("(2, 3)"), 0, JIMM_ERROR_FORMAT, "found 0"},
      {1, 0, F4("()"), 0, JIMM_ERROR_FORMAT, "takes 4 bytes, found 0"},
      {1, 0, F4("(9223372036854775807, 9)"), 4, JIMM_ERROR_FORMAT, "overflows"},
      {1, 0, F4("(9223372036854775807,)"), 4, JIMM_ERROR_FORMAT, "overflows"},
      {1, 0, F4("(9223372036854775808,)"), 4, JIMM_ERROR_FORMAT, "below 2^63"},
      {1, 0, F4("(-1,)"), 4, JIMM_ERROR_FORMAT, "integer from 0 on"},
      {1, 0, F4("(1.0,)"), 4, JIMM_ERROR_FORMAT, "',' or ')'"},
      {1, 0, F4("(1 1)"), 4, JIMM_ERROR_FORMAT, "',' or ')'"},
      {1, 0, F4("(1,,)"), 4, JIMM_ERROR_FORMAT, "integer from 0 on"},
      {1, 0, F4("(,)"), 4, JIMM_ERROR_FORMAT, "integer from 0 on"},
      {1, 0, F4("(1)"), 4, JIMM_ERROR_FORMAT, "a number in parentheses"},
      {1, 0, F4("[1]"), 4, JIMM_ERROR_FORMAT, "a tuple as shape"},
      {1, 0, F4("1"), 4, JIMM_ERROR_FORMAT, "a tuple as shape"},
      {1, 0, F4("(1,1,1,1,1,1,1,1,1)"), 4, JIMM_ERROR_UNSUPPORTED, "rank 9"},
      {1, 0, DESCR("'>f4'"), 4, JIMM_ERROR_UNSUPPORTED, "big-endian"},
      {1, 0, DESCR("'|f4'"), 4, JIMM_ERROR_UNSUPPORTED, "unsupported element type \"|f4\""},
      {1, 0, DESCR("'<c8'"), 8, JIMM_ERROR_UNSUPPORTED, "unsupported element type \"<c8\""},
      {1, 0, DESCR("'<f16'"), 16, JIMM_ERROR_UNSUPPORTED, "unsupported element type"},
      {1, 0, DESCR("'<U5'"), 20, JIMM_ERROR_UNSUPPORTED, "unsupported element type"},
      {1, 0, DESCR("'|V2'"), 2, JIMM_ERROR_UNSUPPORTED, "unsupported element type"},
      {1, 0, DESCR("'|O'"), 8, JIMM_ERROR_UNSUPPORTED, "Python objects"},
      {1, 0, DESCR("[('a', '<f4')]"), 4, JIMM_ERROR_UNSUPPORTED, "structured"},
      {1, 0, DESCR("''"), 4, JIMM_ERROR_UNSUPPORTED, "unsupported element type"},
      {1, 0, DESCR("f4"), 4, JIMM_ERROR_FORMAT, "a string in quotes"},
      {1, 0, "{'descr': '<f4, }\n", 4, JIMM_ERROR_FORMAT, "a string that ends"},
      {1, 0, DESCR("'<f\\4'"), 4, JIMM_ERROR_FORMAT, "no escapes"},
      {1, 0, "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }\n", 4,
       JIMM_ERROR_UNSUPPORTED, "Fortran order"},
      {1, 0, "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }\n", 4, JIMM_ERROR_FORMAT,
       "True or False"},
      {1, 0, "{'descr': '<f4', 'shape': (1,), }\n", 4, JIMM_ERROR_FORMAT, "each once"},
      {1, 0, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n", 4,
       JIMM_ERROR_FORMAT, "each once"},
      {1, 0, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}\n", 4,
       JIMM_ERROR_FORMAT, "each once"},
      {1, 0, "{'descr': '<f4' 'fortran_order': False, 'shape': (1,), }\n", 4, JIMM_ERROR_FORMAT,
       "',' or '}'"},
      {1, 0, "{'descr' '<f4', 'fortran_order': False, 'shape': (1,), }\n", 4, JIMM_ERROR_FORMAT,
       "':'"},
      {1, 0, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x\n", 4, JIMM_ERROR_FORMAT,
       "nothing after '}'"},
      {1, 0, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), \n", 4, JIMM_ERROR_FORMAT,
       "a string in quotes"},
      {1, 0, "['descr']\n", 4, JIMM_ERROR_FORMAT, "malformed .npy header at byte 10: expected '{'"},
      {1, 0, "", 4, JIMM_ERROR_FORMAT, "expected '{'"},
      {1, 1, F4("(1,)"), 4, JIMM_ERROR_UNSUPPORTED, "version 1.1"},
      {4, 0, F4("(1,)"), 4, JIMM_ERROR_UNSUPPORTED, "version 4.0"},
      {0, 0, F4("(1,)"), 4, JIMM_ERROR_UNSUPPORTED, "version 0.0"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jimm_tensor tensor;
    const char *path = make_npy(rows[i].major, rows[i].minor, rows[i].header, rows[i].bytes);
    jimm_status status = jimm_npy_read(path, &tensor);
    TEST_CHECK_MSG(status == rows[i].status, "%s: %s", rows[i].header, jimm_status_name(status));
    TEST_CHECK(tensor.data == NULL);
    TEST_CHECK_CONTAINS(jimm_error_message(), rows[i].message);
    TEST_CHECK_CONTAINS(jimm_error_message(), "made.npy: ");
  }
}

TEST(npy_refuses_files_cut_anywhere) {
  unsigned char file[512];
  const char *path = make_npy(1, 0, F4("(2, 3)"), 24);
  long size = read_bytes(path, file, sizeof file);
  jimm_tensor tensor;
  TEST_REQUIRE(size > 80);
  for (long cut = 0; cut < size; cut++) {
    TEST_REQUIRE(write_bytes(path, file, (size_t)cut));
    TEST_CHECK_MSG(jimm_npy_read(path, &tensor) == JIMM_ERROR_FORMAT, "cut to %ld bytes", cut);
  }
  TEST_CHECK_INT(jimm_npy_read(in_folder("absent.npy"), &tensor), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK_INT(jimm_npy_read(in_folder("."), &tensor), JIMM_ERROR_IO);
  TEST_REQUIRE(write_bytes(path, "PK\3\4 an archive (.npz)", 22));
  TEST_CHECK_INT(jimm_npy_read(path, &tensor), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "not a .npy file");
}

// numpy.save(path, numpy.arange(6, dtype='f4').reshape(2, 3)), NumPy 2.4, and of an int8 scalar.
TEST(npy_writes_the_bytes_that_numpy_writes) {
  static const char array[] =
      "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
      "                                                          \n";
  static const char scalar[] =
      "\x93NUMPY\x01\x00\x76\x00{'descr': '|i1', 'fortran_order': False, 'shape': (), }"
      "                                                              \n";
  float values[] = {0, 1, 2, 3, 4, 5};
  int8_t five = 5;
  unsigned char file[256];
  const char *path = in_folder("written.npy");
  jimm_tensor tensor = {JIMM_F32, {2, {2, 3}}, values, NULL};
  TEST_REQUIRE_INT(jimm_npy_write(path, &tensor), JIMM_OK);
  TEST_CHECK_INT(read_bytes(path, file, sizeof file), 128 + 24);
  TEST_CHECK_UINT(sizeof array - 1, 128);
  TEST_CHECK_MEM(file, array, 128);
  TEST_CHECK_MEM(file + 128, values, 24);
  tensor = (jimm_tensor){JIMM_I8, {0, {0}}, &five, NULL};
  TEST_REQUIRE_INT(jimm_npy_write(path, &tensor), JIMM_OK);
  TEST_CHECK_INT(read_bytes(path, file, sizeof file), 129);
  TEST_CHECK_UINT(sizeof scalar - 1, 128);
  TEST_CHECK_MEM(file, scalar, 128);
  TEST_CHECK_INT(file[128], 5);
}

TEST(npy_round_trips_every_type) {
  unsigned char bytes[8 * 12];
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (unsigned char)(i * 31 + 1);
  }
  const char *path = in_folder("trip.npy");
  static const jimm_shape shapes[] = {
      {0, {0}}, {1, {12}}, {3, {2, 3, 2}}, {2, {0, 5}}, {8, {1, 2, 1, 3, 1, 2, 1, 1}}};
  for (int dtype = JIMM_F64; dtype <= JIMM_BOOL; dtype++) {
    for (size_t s = 0; s < 5; s++) {
      jimm_tensor tensor = {(jimm_dtype)dtype, shapes[s], bytes, NULL}, back;
      jimm_status status = jimm_npy_write(path, &tensor);
      if (dtype == JIMM_BF16) {
        TEST_CHECK_INT(status, JIMM_ERROR_UNSUPPORTED);
        continue;
      }
      TEST_REQUIRE_INT(status, JIMM_OK);
      TEST_REQUIRE_INT(jimm_npy_read(path, &back), JIMM_OK);
      TEST_CHECK_INT(back.dtype, dtype);
      TEST_CHECK(jimm_shape_equal(&back.shape, &shapes[s]));
      TEST_CHECK_MEM(back.data, bytes, jimm_tensor_bytes(&tensor));
      jimm_tensor_close(&back);
    }
  }
  const jimm_shape widest = {8,
                             {0, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
                              INT64_MAX}};  // the longest header there can be
  jimm_tensor tensor = {JIMM_U8, widest, NULL, NULL}, back;
  TEST_REQUIRE_INT(jimm_npy_write(path, &tensor), JIMM_OK);
  TEST_REQUIRE_INT(jimm_npy_read(path, &back), JIMM_OK);
  TEST_CHECK(jimm_shape_equal(&back.shape, &widest));
  jimm_tensor_close(&back);
  tensor = (jimm_tensor){JIMM_F32, {1, {3}}, NULL, NULL};
  TEST_CHECK_INT(jimm_npy_write(path, &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  tensor = (jimm_tensor){JIMM_F32, {1, {3}}, bytes, NULL};
  TEST_CHECK_INT(jimm_npy_write(in_folder("absent/x.npy"), &tensor), JIMM_ERROR_NOT_FOUND);
}
