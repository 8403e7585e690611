// Maps from names to numbers.
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "base/alloc.h"

TEST(map_finds_what_was_inserted) {
  enum { COUNT = 5000 };
  static char keys[COUNT][32];
  jimm_map map = {NULL, 0, 0};
  TEST_CHECK_INT(jimm_map_find(&map, "anything"), -1);
  for (int i = 0; i < COUNT; i++) {
    snprintf(keys[i], sizeof keys[i], "layer%d.%.*s", i, i % 9, "abcdefgh");
    TEST_REQUIRE_INT(jimm_map_insert(&map, keys[i], i), JIMM_OK);
    TEST_REQUIRE(2 * map.count <= map.capacity);  // a full map would search for ever
  }
  for (int i = 0; i < COUNT; i++) {
    char copy[32];
    strcpy(copy, keys[i]);  // by content, not by address
    TEST_REQUIRE_INT(jimm_map_find(&map, copy), i);
  }
  TEST_CHECK_INT(jimm_map_insert(&map, "layer0.", 9), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_map_find(&map, "layer0."), 0);
  TEST_CHECK_INT(jimm_map_find(&map, "layer0"), -1);
  TEST_CHECK_INT(jimm_map_insert(&map, "", 7), JIMM_OK);
  TEST_CHECK_INT(jimm_map_find(&map, ""), 7);
  jimm_map_close(&map);
  TEST_CHECK_INT(jimm_map_find(&map, ""), -1);
}
