// Malformed safetensors files: each has one thing wrong and gets the error that names it.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jimm-test/jimm-test.h>
#include <jimm/state.h>

#include "folder.h"

// Writes 8 bytes of length, the header and `data_bytes` bytes of data.
static const char *make_file(const char *header, size_t length, uint64_t stated,
                             size_t data_bytes) {
  static unsigned char file[8192];
  memset(file, 0, sizeof file);
  memcpy(file, &stated, 8);
  memcpy(file + 8, header, length);
  const char *path = in_folder("hostile.safetensors");
  TEST_CHECK(write_bytes(path, file, 8 + length + data_bytes));
  return path;
}

// One tensor "x" with the given members; shorthand for the table.
#define X(MEMBERS) "{\"x\":{" MEMBERS "}}"
#define DTYPE(D) X("\"dtype\":" D ",\"shape\":[2],\"data_offsets\":[0,8]")
#define SHAPE(S) X("\"dtype\":\"F32\",\"shape\":" S ",\"data_offsets\":[0,8]")
#define OFFSETS(O) X("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" O)
#define F32(NAME, B, E) \
  "\"" NAME "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" B "," E "]}"
#define META(M) "{\"__metadata__\":" M "," F32("x", "0", "4") "}"
#define GOOD "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"

typedef struct row {
  const char *header;
  size_t data;
  jimm_status status;
  const char *message;
} row;

static const row rows[] = {
    // Not JSON, or not the right JSON.
    {"", 8, JIMM_ERROR_FORMAT, "expected a header that starts with '{' at byte 8"},
    {" {}", 0, JIMM_ERROR_FORMAT, "starts with '{' at byte 8"},
    {"[]", 0, JIMM_ERROR_FORMAT, "starts with '{' at byte 8"},
    {"{", 0, JIMM_ERROR_FORMAT, "expected a key in quotes, found the end"},
    {"{}x", 0, JIMM_ERROR_FORMAT, "expected the end of the text, found 'x'"},
    {"{}{}", 0, JIMM_ERROR_FORMAT, "expected the end of the text"},
    {"{\"x\":1,}", 0, JIMM_ERROR_FORMAT, "byte 7 (line 1, column 8): expected a key"},
    {"{\"\xFF\":1}", 0, JIMM_ERROR_FORMAT, "the text is not UTF-8"},
    {"{\"\\ud800\":1}", 0, JIMM_ERROR_FORMAT, "a high surrogate"},
    {"{\"x\\u0000y\":{" GOOD "}}", 8, JIMM_ERROR_FORMAT,
     "tensor \"x\\x00y\" (byte 20): expected a name without zero bytes"},
    {"{\"x\":{" GOOD "},\"x\":{" GOOD "}}", 8, JIMM_ERROR_FORMAT, "the key \"x\" is there twice"},
    {"{\"x\":{" GOOD "},\"\\u0078\":{" GOOD "}}", 8, JIMM_ERROR_FORMAT,
     "the key \"x\" is there twice"},
    {X(GOOD ",\"dtype\":\"F32\""), 8, JIMM_ERROR_FORMAT, "the key \"dtype\" is there twice"},
    {"{\"x\":null}", 0, JIMM_ERROR_FORMAT, "tensor \"x\" (byte 13): expected an object"},
    {"{\"x\":[]}", 0, JIMM_ERROR_FORMAT, "tensor \"x\" (byte 13): expected an object"},
    // Members.
    {X(GOOD ",\"stride\":[1]"), 8, JIMM_ERROR_FORMAT, "unknown key \"stride\""},
    {X(""), 0, JIMM_ERROR_FORMAT, "tensor \"x\" (byte 13): expected the key \"dtype\""},
    {X("\"dtype\":\"F32\",\"data_offsets\":[0,8]"), 8, JIMM_ERROR_FORMAT,
     "expected the key \"shape\""},
    {X("\"dtype\":\"F32\",\"shape\":[2]"), 8, JIMM_ERROR_FORMAT,
     "expected the key \"data_offsets\""},
    {X("\"Dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"), 8, JIMM_ERROR_FORMAT,
     "unknown key \"Dtype\""},
    // Element types.
    {DTYPE("32"), 8, JIMM_ERROR_FORMAT, "tensor \"x\" (byte 22): expected a string as \"dtype\""},
    {DTYPE("null"), 8, JIMM_ERROR_FORMAT, "expected a string as \"dtype\""},
    {DTYPE("\"f32\""), 8, JIMM_ERROR_FORMAT, "unknown dtype \"f32\""},
    {DTYPE("\"F32 \""), 8, JIMM_ERROR_FORMAT, "unknown dtype \"F32 \""},
    {DTYPE("\"F32\\u0000\""), 8, JIMM_ERROR_FORMAT, "unknown dtype \"F32\\x00\""},
    {DTYPE("\"\""), 8, JIMM_ERROR_FORMAT, "unknown dtype \"\""},
    {DTYPE("\"F8_E4M3\""), 2, JIMM_ERROR_UNSUPPORTED,
     "tensor \"x\" (byte 22): unsupported dtype \"F8_E4M3\""},
    {DTYPE("\"F8_E5M2\""), 2, JIMM_ERROR_UNSUPPORTED, "unsupported dtype \"F8_E5M2\""},
    {DTYPE("\"F4\""), 1, JIMM_ERROR_UNSUPPORTED, "unsupported dtype \"F4\""},
    {DTYPE("\"C64\""), 16, JIMM_ERROR_UNSUPPORTED, "unsupported dtype \"C64\""},
    // Shapes.
    {SHAPE("2"), 8, JIMM_ERROR_FORMAT, "expected an array as \"shape\""},
    {SHAPE("{}"), 8, JIMM_ERROR_FORMAT, "expected an array as \"shape\""},
    {SHAPE("[-2]"), 8, JIMM_ERROR_FORMAT, "integers from 0 on"},
    {SHAPE("[2.0]"), 8, JIMM_ERROR_FORMAT, "integers from 0 on"},
    {SHAPE("[2e0]"), 8, JIMM_ERROR_FORMAT, "integers from 0 on"},
    {SHAPE("[\"2\"]"), 8, JIMM_ERROR_FORMAT, "integers from 0 on"},
    {SHAPE("[18446744073709551618]"), 8, JIMM_ERROR_FORMAT, "integers from 0 on"},
    {SHAPE("[2,1,1,1,1,1,1,1,1]"), 8, JIMM_ERROR_UNSUPPORTED,
     "unsupported rank 9, expected at most 8"},
    {SHAPE("[4611686018427387905,2]"), 8, JIMM_ERROR_FORMAT,
     "the size of F32 [4611686018427387905, 2] overflows"},
    {SHAPE("[9223372036854775807]"), 8, JIMM_ERROR_FORMAT, "overflows"},
    {SHAPE("[4611686018427387906]"), 8, JIMM_ERROR_FORMAT, "overflows"},  // x 4 = 8 modulo 2^64
    {SHAPE("[3]"), 8, JIMM_ERROR_FORMAT, "F32 [3] takes 12 bytes, but data_offsets [0, 8] hold 8"},
    {SHAPE("[1]"), 8, JIMM_ERROR_FORMAT, "F32 [1] takes 4 bytes, but data_offsets [0, 8] hold 8"},
    {SHAPE("[]"), 8, JIMM_ERROR_FORMAT, "F32 [] takes 4 bytes"},
    {SHAPE("[0]"), 8, JIMM_ERROR_FORMAT, "F32 [0] takes 0 bytes"},
    // Offsets.
    {OFFSETS("8"), 8, JIMM_ERROR_FORMAT, "two integers from 0 on as \"data_offsets\""},
    {OFFSETS("[]"), 8, JIMM_ERROR_FORMAT, "two integers"},
    {OFFSETS("[0]"), 8, JIMM_ERROR_FORMAT, "two integers"},
    {OFFSETS("[0,8,8]"), 8, JIMM_ERROR_FORMAT, "two integers"},
    {OFFSETS("[0,8.0]"), 8, JIMM_ERROR_FORMAT, "two integers"},
    {OFFSETS("[-8,0]"), 8, JIMM_ERROR_FORMAT, "two integers"},
    {OFFSETS("[8,0]"), 8, JIMM_ERROR_FORMAT, "begin at 8 and end at 0 before it"},
    {OFFSETS("[18446744073709551608,0]"), 8, JIMM_ERROR_FORMAT, "two integers"},
    {OFFSETS("[9223372036854775799,9223372036854775807]"), 8, JIMM_ERROR_FORMAT,
     "reach past the end of the data, which has 8 bytes"},
    {OFFSETS("[0,8]"), 7, JIMM_ERROR_FORMAT,
     "tensor \"x\" (byte 13): data_offsets [0, 8] reach past the end of the data, which has 7 "
     "bytes"},
    {OFFSETS("[0,8]"), 0, JIMM_ERROR_FORMAT, "which has 0 bytes (a truncated file?)"},
    {OFFSETS("[0,8]"), 9, JIMM_ERROR_FORMAT,
     "1 bytes after the end of the last tensor's data (byte 70)"},
    {OFFSETS("[1,9]"), 9, JIMM_ERROR_FORMAT, "begin at 1, expected 0: a hole of 1 bytes"},
    {"{}", 1, JIMM_ERROR_FORMAT, "1 bytes after the end of the last tensor's data (byte 10)"},
    {"{" F32("a", "0", "4") "," F32("b", "4", "8") "}", 12, JIMM_ERROR_FORMAT,
     "4 bytes after the end"},
    {"{" F32("a", "0", "4") "," F32("b", "8", "12") "}", 12, JIMM_ERROR_FORMAT,
     "tensor \"b\" (byte 66): data_offsets begin at 8, expected 4: a hole of 4 bytes"},
    {"{" F32("a", "0", "4") "," F32("b", "0", "4") "}", 4, JIMM_ERROR_FORMAT,
     "tensor \"b\" (byte 66): data_offsets begin at 0, expected 4: overlaps tensor \"a\""},
    {"{" F32("a", "0", "4") "," F32("b", "2", "6") "}", 6, JIMM_ERROR_FORMAT,
     "expected 4: overlaps tensor \"a\""},
    {"{" F32("b", "2", "6") "," F32("a", "0", "4") "}", 8, JIMM_ERROR_FORMAT,
     "tensor \"b\" (byte 13): data_offsets begin at 2, expected 4: overlaps tensor \"a\""},
    // Metadata.
    {META("[]"), 4, JIMM_ERROR_FORMAT, "__metadata__ (byte 24): expected an object of strings"},
    {META("null"), 4, JIMM_ERROR_FORMAT, "expected an object of strings"},
    {META("{\"k\":1}"), 4, JIMM_ERROR_FORMAT, "__metadata__ (byte 29): expected a string as \"k\""},
    {META("{\"k\":{\"a\":\"b\"}}"), 4, JIMM_ERROR_FORMAT, "expected a string as \"k\""},
    {META("{\"k\":\"a\",\"k\":\"b\"}"), 4, JIMM_ERROR_FORMAT, "the key \"k\" is there twice"},
    {META("{\"k\":\"a\\u0000b\"}"), 4, JIMM_ERROR_UNSUPPORTED, "\"k\" holds a zero byte"},
    {META("{},\"__metadata__\":{}"), 4, JIMM_ERROR_FORMAT, "is there twice"},
    // A name that would clean the reader's screen.
    {"{\"\\u001b[2J\":1}", 0, JIMM_ERROR_FORMAT, "tensor \"\\x1B[2J\""}};

TEST(hostile_headers_are_refused_by_name) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const size_t length = strlen(rows[i].header);
    const char *path = make_file(rows[i].header, length, length, rows[i].data);
    jimm_state *state = (jimm_state *)(uintptr_t)1;
    jimm_status status = jimm_state_open(path, &state);
    TEST_CHECK_MSG(status == rows[i].status, "%s: %s", rows[i].header, jimm_status_name(status));
    TEST_CHECK(state == NULL);
    TEST_CHECK_CONTAINS(jimm_error_message(), rows[i].message);
    TEST_CHECK_CONTAINS(jimm_error_message(), "hostile.safetensors: ");
    if (status == JIMM_OK) {
      jimm_state_close(&state);
    }
  }
}

TEST(headers_that_are_unusual_are_read) {
  static const row good[] = {
      {"{}", 0, JIMM_OK, ""},
      {"{} \n\t\r  ", 0, JIMM_OK, ""},
      {"{ \"x\" : { " GOOD " } }", 8, JIMM_OK, ""},
      {X("\"data_offsets\":[0,8],\"shape\":[1,2],\"dtype\":\"F32\""), 8, JIMM_OK, ""},
      {"{" F32("b", "4", "8") "," F32("a", "0", "4") "}", 8, JIMM_OK, ""},
      {X("\"dtype\":\"F64\",\"shape\":[0,9223372036854775807,9],\"data_offsets\":[0,0]"), 0,
       JIMM_OK, ""},
      {"{\"\":{" GOOD "}}", 8, JIMM_OK, ""},
      {META("{}"), 4, JIMM_OK, ""},
      {"{\"__metadata__\":{\"a\":\"b\"}}", 0, JIMM_OK, ""},
      {X("\"dtype\":\"BOOL\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]"), 1, JIMM_OK, ""},
      // Tensors without elements may lie between others, at one place.
      {"{\"z\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]}," F32(
           "a", "0", "4") "," F32("b", "4", "8") "}",
       8, JIMM_OK, ""}};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    const size_t length = strlen(good[i].header);
    jimm_state *state = NULL;
    const char *path = make_file(good[i].header, length, length, good[i].data);
    TEST_CHECK_MSG(jimm_state_open(path, &state) == JIMM_OK, "%s: %s", good[i].header,
                   jimm_error_message());
    jimm_state_close(&state);
  }
}

TEST(order_is_that_of_the_data_and_views_are_aligned) {
  const char header[] = "{" F32("second", "4", "8") "," F32("first", "0", "4") "}";
  for (size_t spaces = 0; spaces < 8; spaces++) {  // headers of any length: data at any address
    char padded[256];
    snprintf(padded, sizeof padded, "%s%.*s", header, (int)spaces, "        ");
    const size_t length = strlen(padded);
    static unsigned char file[512];
    const uint64_t stated = length;
    const float values[] = {1.5f, -2.5f};
    memcpy(file, &stated, 8);
    memcpy(file + 8, padded, length);
    memcpy(file + 8 + length, values, 8);
    const char *path = in_folder("aligned.safetensors");
    TEST_REQUIRE(write_bytes(path, file, 16 + length));
    jimm_state *state;
    TEST_REQUIRE_INT(jimm_state_open(path, &state), JIMM_OK);
    TEST_CHECK_STR(jimm_state_name(state, 0), "first");
    TEST_CHECK_STR(jimm_state_name(state, 1), "second");
    for (int i = 0; i < 2; i++) {
      const jimm_tensor *tensor = jimm_state_tensor(state, i);
      TEST_CHECK_UINT((uintptr_t)tensor->data % 4, 0);
      TEST_CHECK_MEM(tensor->data, &values[i], 4);
      TEST_CHECK_INT(tensor->owned != NULL, (8 + length) % 4 != 0);
    }
    jimm_state_close(&state);
  }
}

TEST(lying_lengths_are_refused) {
  const char header[] = X(GOOD);
  const size_t length = sizeof header - 1;
  static const struct {
    uint64_t stated;
    const char *message;
  } lies[] = {
      {UINT64_MAX, "the header's length (byte 0) is 18446744073709551615, but the file has only"},
      {UINT64_MAX - 7, "but the file has only"},
      {(uint64_t)INT64_MAX, "but the file has only"},
      {sizeof header - 1 + 9, "truncated or not a safetensors file"},
      {0, "expected a header that starts with '{'"},
      {1, "expected a key in quotes, found the end"},
      {sizeof header - 2, "expected ',' or '}', found the end"},
      {sizeof header, "expected the end of the text, found byte 0x00"}};
  jimm_state *state;
  for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
    const char *path = make_file(header, length, lies[i].stated, 8);
    TEST_CHECK_INT(jimm_state_open(path, &state), JIMM_ERROR_FORMAT);
    TEST_CHECK_CONTAINS(jimm_error_message(), lies[i].message);
  }
  // A header of more than 100 MB that the (sparse) file really has.
  const char *path = make_file("{", 1, 100000001, 0);
  TEST_REQUIRE_INT(truncate(path, 200000000), 0);
  TEST_CHECK_INT(jimm_state_open(path, &state), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "is 100000001, expected at most 100000000");
}

TEST(files_cut_or_changed_anywhere_do_no_harm) {
  const char header[] =
      "{\"__metadata__\":{\"k\":\"v\"}," F32("a", "0", "4") "," F32("b", "4", "8") "}";
  const size_t length = sizeof header - 1;
  unsigned char file[512], changed[512];
  jimm_state *state;
  const char *path = make_file(header, length, length, 8);
  const long size = read_bytes(path, file, sizeof file);
  TEST_REQUIRE(size > 100);
  for (long cut = 0; cut < size; cut++) {
    TEST_REQUIRE(write_bytes(path, file, (size_t)cut));
    TEST_CHECK_MSG(jimm_state_open(path, &state) == JIMM_ERROR_FORMAT, "cut to %ld bytes", cut);
  }
  // Every byte of length and header replaced by some others: an error or a state, never a crash.
  static const unsigned char others[] = {0, 1, '"', '{', '}', '[', ']', ',', '9', '\\', 0x80, 0xFF};
  int refused = 0;
  for (size_t at = 0; at < 8 + length; at++) {
    for (size_t k = 0; k < sizeof others; k++) {
      memcpy(changed, file, (size_t)size);
      changed[at] = others[k];
      TEST_REQUIRE(write_bytes(path, changed, (size_t)size));
      jimm_status status = jimm_state_open(path, &state);
      refused += status != JIMM_OK;
      for (int64_t i = 0; status == JIMM_OK && i < jimm_state_count(state); i++) {
        const jimm_tensor *tensor = jimm_state_tensor(state, i);
        TEST_CHECK(jimm_tensor_bytes(tensor) <= 8);
        volatile unsigned char touched = 0;
        for (size_t b = 0; b < jimm_tensor_bytes(tensor); b++) {
          touched = (unsigned char)(touched ^ ((unsigned char *)tensor->data)[b]);
        }
      }
      if (status == JIMM_OK) {
        jimm_state_close(&state);
      }
    }
  }
  TEST_CHECK(refused > (int)(length * sizeof others) / 2);
}

TEST(files_of_other_kinds_are_refused) {
  jimm_state *state;
  const char *path = in_folder("other");
  TEST_REQUIRE(write_bytes(path, "", 0));
  TEST_CHECK_INT(jimm_state_open(path, &state), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "other: not a safetensors file: 0 bytes");
  TEST_REQUIRE(write_bytes(path, "PK\3\4archive/data.pkl", 20));
  TEST_CHECK_INT(jimm_state_open(path, &state), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "other: truncated: a zip archive without");
  TEST_REQUIRE(write_bytes(path, "\x89PNG\r\n\x1A\n and so on", 18));
  TEST_CHECK_INT(jimm_state_open(path, &state), JIMM_ERROR_FORMAT);
  TEST_CHECK_INT(jimm_state_open(in_folder("."), &state), JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(jimm_error_message(), "found a folder");
  TEST_CHECK_INT(jimm_state_open("/dev/null", &state), JIMM_ERROR_IO);
  TEST_CHECK_INT(jimm_state_open(in_folder("absent"), &state), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK(state == NULL);
}
