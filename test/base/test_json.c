// The strict JSON reader: what RFC 8259 allows and what it does not.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "base/json.h"
#include "base/locale.h"

static jimm_status parse(const char *text, size_t size, jimm_arena *arena, jimm_json **root) {
  // A copy of exactly this size, so that AddressSanitizer sees a read past the end.
  char *copy = malloc(size == 0 ? 1 : size);
  memcpy(copy, text, size);
  jimm_status status = jimm_json_parse("file", copy, size, arena, root);
  free(copy);
  return status;
}

TEST(json_accepts_what_the_rfc_does) {
  static const char *const texts[] = {"null",
                                      "true",
                                      "false",
                                      "0",
                                      "-0",
                                      "10",
                                      "-1.5e+10",
                                      "1E5",
                                      "0.0",
                                      "0e0",
                                      "\"\"",
                                      "[]",
                                      "{}",
                                      " \t\r\n[ ] ",
                                      "[1,2]",
                                      "[ 1 , [ ] , { } ]",
                                      "{\"a\":1,\"b\":{\"a\":2}}",
                                      "{\"\":0}",
                                      "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                                      "\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\"",
                                      "\"\x7F\"",
                                      "\"\xF4\x8F\xBF\xBF\"",
                                      "\"\\u0000\"",
                                      "1e-400",
                                      "123456789012345678901234567890",
                                      "{\"a\":1,\"A\":1}",
                                      "\"\xEF\xBB\xBF\""};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    jimm_arena arena = {NULL};
    jimm_json *root;
    TEST_CHECK_MSG(parse(texts[i], strlen(texts[i]), &arena, &root) == JIMM_OK, "%s: %s", texts[i],
                   jimm_error_message());
    TEST_CHECK(root != NULL);
    jimm_arena_close(&arena);
  }
}

TEST(json_refuses_what_the_rfc_does_not) {
  static const struct {
    const char *text, *message;
  } rows[] = {{"", "byte 0 (line 1, column 1): expected a value, found the end"},
              {"  ", "byte 2"},
              {"nul", "expected a value"},
              {"nullx", "byte 4 (line 1, column 5): expected the end of the text, found 'x'"},
              {"True", "expected a value, found 'T'"},
              {"NaN", "expected a value"},
              {"Infinity", "expected a value"},
              {"-Infinity", "expected a digit, found 'I'"},
              {"+1", "expected a value, found '+'"},
              {"01", "a number with a leading zero"},
              {"-01", "a number with a leading zero"},
              {"-", "expected a digit, found the end"},
              {".5", "expected a value, found '.'"},
              {"1.", "expected a digit after the decimal point"},
              {"1.e5", "expected a digit after the decimal point"},
              {"1e", "expected a digit of the exponent"},
              {"1e+", "expected a digit of the exponent"},
              {"0x10", "expected the end of the text"},
              {"1e400", "beyond the range"},
              {"-1e400", "beyond the range"},
              {"1 2", "byte 2"},
              {"[", "expected a value, found the end"},
              {"[1", "expected ',' or ']', found the end"},
              {"[1,]", "expected a value, found ']'"},
              {"[,1]", "expected a value, found ','"},
              {"[1 2]", "expected ',' or ']', found '2'"},
              {"[1}", "expected ',' or ']', found '}'"},
              {"]", "expected a value"},
              {"{", "expected a key in quotes, found the end"},
              {"{\"a\"}", "expected ':' after a key, found '}'"},
              {"{\"a\":}", "expected a value, found '}'"},
              {"{\"a\":1,}", "expected a key in quotes, found '}'"},
              {"{a:1}", "expected a key in quotes, found 'a'"},
              {"{'a':1}", "expected a key in quotes, found '''"},
              {"{1:1}", "expected a key in quotes, found '1'"},
              {"{\"a\":1 \"b\":2}", "expected ',' or '}', found '\"'"},
              {"{\"a\":1,\"b\":2,\"a\":3}", "the key \"a\" is there twice"},
              {"{\"b\":1,\"\\u0061\":2,\"a\":3}", "the key \"a\" is there twice"},
              {"\"", "a string that does not end"},
              {"\"a", "a string that does not end"},
              {"\"a\\", "a string that does not end"},
              {"\"a\\\"", "a string that does not end"},
              {"\"\n\"", "a control character in a string"},
              {"\"\x1F\"", "a control character in a string"},
              {"\"\\x41\"", "an unknown escape"},
              {"\"\\U0041\"", "an unknown escape"},
              {"\"\\'\"", "an unknown escape"},
              {"\"\\u12\"", "four hexadecimal digits"},
              {"\"\\u12G4\"", "four hexadecimal digits"},
              {"\"\\uD800\"", "a high surrogate without a low one"},
              {"\"\\uD800x\"", "a high surrogate without a low one"},
              {"\"\\uD800\\n\"", "a high surrogate without a low one"},
              {"\"\\uD800\\u0041\"", "a high surrogate without a low one"},
              {"\"\\uD800\\uD800\"", "a high surrogate without a low one"},
              {"\"\\uDC00\"", "a low surrogate without a high one"},
              {"\"a\xFF\"", "byte 2 (line 1, column 3): the text is not UTF-8"},
              {"\"\xC0\x80\"", "not UTF-8"},
              {"\"\xED\xA0\x80\"", "not UTF-8"},
              {"\"\xC3\"", "not UTF-8"},
              {"\xEF\xBB\xBF{}", "expected a value, found byte 0xEF"},
              {"/* c */ 1", "expected a value, found '/'"},
              {"[1] // c", "expected the end of the text, found '/'"},
              {"{\n\"a\":\n  x}", "byte 9 (line 3, column 3): expected a value, found 'x'"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jimm_arena arena = {NULL};
    jimm_json *root;
    TEST_CHECK_MSG(parse(rows[i].text, strlen(rows[i].text), &arena, &root) == JIMM_ERROR_FORMAT,
                   "%s", rows[i].text);
    TEST_CHECK(root == NULL);
    TEST_CHECK_CONTAINS(jimm_error_message(), rows[i].message);
    TEST_CHECK_CONTAINS(jimm_error_message(), "file: JSON, byte ");
    jimm_arena_close(&arena);
  }
  jimm_arena arena = {NULL};
  jimm_json *root;
  TEST_CHECK_INT(parse("[\0]", 3, &arena, &root), JIMM_ERROR_FORMAT);  // zero bytes end nothing
  TEST_CHECK_INT(parse("1\0", 2, &arena, &root), JIMM_ERROR_FORMAT);
  jimm_arena_close(&arena);
}

TEST(json_values_are_exact) {
  static const struct {
    const char *text;
    double number;
    bool is_integer;
    int64_t integer;
  } rows[] = {
      {"9223372036854775807", 9223372036854775807.0, true, INT64_MAX},
      {"-9223372036854775808", -9223372036854775808.0, true, INT64_MIN},
      {"9223372036854775808", 9223372036854775808.0, false, 0},
      {"-9223372036854775809", -9223372036854775808.0, false, 0},
      {"18446744073709551617", 18446744073709551616.0, false, 0},
      {"42", 42, true, 42},
      {"42.0", 42, false, 0},
      {"42e0", 42, false, 0},
      {"0.1", 0.1, false, 0},
      {"9007199254740993", 9007199254740992.0, true, 9007199254740993},
      // the midpoint between 1 and its successor, and just above it
      {"1.00000000000000011102230246251565404236316680908203125", 1.0, false, 0},
      {"1.00000000000000011102230246251565404236316680908203126", 0x1.0000000000001p0, false, 0},
      {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022, false, 0},
      {"4.9e-324", 0x1p-1074, false, 0},
      {"1e-400", 0, false, 0},
      {"1.7976931348623157e308", 0x1.fffffffffffffp1023, false, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jimm_arena arena = {NULL};
    jimm_json *root;
    TEST_REQUIRE_INT(parse(rows[i].text, strlen(rows[i].text), &arena, &root), JIMM_OK);
    TEST_CHECK_DOUBLE(root->number, rows[i].number, 0, 0);
    TEST_CHECK_INT(root->is_integer, rows[i].is_integer);
    TEST_CHECK_INT(root->integer, rows[i].integer);
    jimm_arena_close(&arena);
  }
}

TEST(json_structure_order_and_strings) {
  static const char text[] =
      "{\"z\": [true, null, \"a\\u0000b\"], \"\\u00e9\\ud83d\\ude00\": {\"x\": -3}, \"a\": false}";
  jimm_arena arena = {NULL};
  jimm_json *root;
  TEST_REQUIRE_INT(parse(text, sizeof text - 1, &arena, &root), JIMM_OK);
  TEST_CHECK_INT(root->type, JIMM_JSON_OBJECT);
  TEST_CHECK_UINT(root->length, 3);
  TEST_CHECK_STR(root->first->key, "z");
  TEST_CHECK_STR(root->first->next->key, "\xC3\xA9\xF0\x9F\x98\x80");
  TEST_CHECK_STR(root->first->next->next->key, "a");
  TEST_CHECK(root->first->next->next->next == NULL);
  const jimm_json *z = jimm_json_get(root, "z");
  TEST_REQUIRE(z != NULL);
  TEST_CHECK_INT(z->type, JIMM_JSON_ARRAY);
  TEST_CHECK_UINT(z->length, 3);
  TEST_CHECK_UINT(z->offset, 6);
  TEST_CHECK(z->first->boolean);
  TEST_CHECK_INT(z->first->next->type, JIMM_JSON_NULL);
  TEST_CHECK_UINT(z->first->next->next->length, 3);
  TEST_CHECK_MEM(z->first->next->next->string, "a\0b", 4);
  const jimm_json *x = jimm_json_get(jimm_json_get(root, "\xC3\xA9\xF0\x9F\x98\x80"), "x");
  TEST_REQUIRE(x != NULL);
  TEST_CHECK_INT(x->integer, -3);
  TEST_CHECK(jimm_json_get(root, "x") == NULL);
  TEST_CHECK(jimm_json_get(z, "x") == NULL);
  TEST_CHECK(jimm_json_get(NULL, "x") == NULL);
  jimm_arena_close(&arena);
}

TEST(json_limits) {
  jimm_arena arena = {NULL};
  jimm_json *root;
  char deep[200];
  memset(deep, '[', 64);
  memset(deep + 64, ']', 64);
  TEST_CHECK_INT(parse(deep, 128, &arena, &root), JIMM_OK);
  memset(deep, '[', 65);
  memset(deep + 65, ']', 65);
  TEST_CHECK_INT(parse(deep, 130, &arena, &root), JIMM_ERROR_LIMIT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "deeper than 64");
  memset(deep, '[', sizeof deep);
  TEST_CHECK_INT(parse(deep, sizeof deep, &arena, &root), JIMM_ERROR_LIMIT);
  static char long_number[5000];
  memset(long_number, '1', sizeof long_number);
  TEST_CHECK_INT(parse(long_number, sizeof long_number, &arena, &root), JIMM_ERROR_LIMIT);
  jimm_arena_close(&arena);
}

// Many values, all keys different, then one doubled: n log n, and right at every size.
TEST(json_duplicates_are_found_at_every_size) {
  for (int count = 2; count < 70; count++) {
    char text[2000];
    for (int twice = 0; twice < 2; twice++) {
      size_t at = 0;
      for (int i = 0; i < count; i++) {
        int key = twice && i == count - 1 ? count / 2 - 1 : (i * 37) % 101;
        if (twice && i == count / 2 - 1) {
          key = count / 2 - 1;
        } else if (twice && i != count - 1) {
          key = 200 + i;
        }
        at += (size_t)jimm_snprintf(text + at, sizeof text - at, "%s\"k%d\":0", i == 0 ? "{" : ",",
                                    key);
      }
      at += (size_t)jimm_snprintf(text + at, sizeof text - at, "}");
      jimm_arena arena = {NULL};
      jimm_json *root;
      TEST_CHECK_INT(parse(text, at, &arena, &root), twice ? JIMM_ERROR_FORMAT : JIMM_OK);
      jimm_arena_close(&arena);
    }
  }
}

TEST(json_quote_is_read_back) {
  char all[300];
  size_t length = 0;
  for (int c = 0; c < 128; c++) {
    all[length++] = (char)c;
  }
  memcpy(all + length, "\xC3\xA9\xF0\x9F\x98\x80", 6);
  length += 6;
  jimm_text text = {NULL, 0, 0, 0};
  jimm_json_quote(&text, all, length);
  jimm_arena arena = {NULL};
  jimm_json *root;
  TEST_REQUIRE_INT(parse(text.data, text.length, &arena, &root), JIMM_OK);
  TEST_CHECK_UINT(root->length, length);
  TEST_CHECK_MEM(root->string, all, length);
  TEST_CHECK_CONTAINS(text.data, "\"\\u0000\\u0001");
  TEST_CHECK_CONTAINS(text.data, "\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e");
  jimm_free(text.data);
  jimm_arena_close(&arena);
}
