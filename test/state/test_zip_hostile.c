// Zip archives that lie: about names, sizes, places and how much there is of them.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "checkpoint_build.h"

static const char pickle[] = STATE_A(TENSOR);
static const float floats[] = {0, 1, 2, 3, 4, 5};

// The good archive with one more entry, which `lie` speaks of.
static jimm_status open_with(const char *name, const zip_lie *lie) {
  zip_begin();
  zip_add("x/data.pkl", pickle, sizeof pickle - 1, NULL);
  zip_add("x/data/0", floats, sizeof floats, NULL);
  zip_add(name, "1234", 4, lie);
  zip_end();
  return open_bytes(zip_bytes, zip_size);
}

static void check(jimm_status status, jimm_status want, const char *message) {
  TEST_CHECK_MSG(status == want, "%s: %s", message, jimm_status_name(status));
  TEST_CHECK_CONTAINS(status == JIMM_OK ? "" : jimm_error_message(), message);
}

TEST(good_archives_are_read) {
  TEST_CHECK_INT(open_with("x/more", NULL), JIMM_OK);
  TEST_CHECK(opened_count == 6 && opened_values[5] == 5);
  TEST_CHECK_INT(open_with("x/folder/", NULL), JIMM_OK);
  TEST_CHECK_INT(open_with("elsewhere/..more", NULL), JIMM_OK);
  TEST_CHECK_INT(open_with("x/wide", &(zip_lie){.wide = true}), JIMM_OK);
  // Sizes that follow the data, as torch.save writes them, or that are there already.
  TEST_CHECK_INT(open_with("x/later", &(zip_lie){.flags = 8, .local_size_more = (uint32_t)-4}),
                 JIMM_OK);
  TEST_CHECK_INT(open_with("x/later", &(zip_lie){.flags = 8}), JIMM_OK);
  // A comment after the end record, which may look like one.
  TEST_CHECK_INT(open_with("x/more", NULL), JIMM_OK);
  zip_bytes[zip_size - 2] = 22;
  memcpy(zip_bytes + zip_size, "PK\5\6 and no more of it", 22);
  TEST_CHECK_INT(open_bytes(zip_bytes, zip_size + 22), JIMM_OK);
}

TEST(names_that_lead_elsewhere_are_refused) {
  static const char *const names[] = {"../evil",  "x/../../evil", "x/..", "/etc/passwd", "..",
                                      "x\\..\\y", "C:evil",       "",     "x/../y"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char want[64] = "entry \"";
    for (const char *c = names[i]; *c != 0; c++) {  // as messages show it
      snprintf(want + strlen(want), sizeof want - strlen(want), *c == '\\' ? "\\x5C" : "%c", *c);
    }
    check(open_with(names[i], NULL), JIMM_ERROR_FORMAT, "expected a relative name without \"..\"");
    TEST_CHECK_CONTAINS(jimm_error_message(), strchr(names[i], '\\') == NULL ? want : "entry \"x");
  }
  check(open_with("x/data/0", NULL), JIMM_ERROR_FORMAT,
        "entry \"x/data/0\" (byte 213): the name is there twice");
  check(open_with("x/data.pkl", NULL), JIMM_ERROR_FORMAT, "the name is there twice");
}

TEST(entries_that_lie_are_refused) {
  static const struct {
    zip_lie lie;
    jimm_status status;
    const char *message;
  } rows[] = {
      {{.method = 8},
       JIMM_ERROR_UNSUPPORTED,
       "entry \"x/y\" (byte 213): it is compressed (method 8)"},
      {{.flags = 1}, JIMM_ERROR_UNSUPPORTED, "it is encrypted"},
      {{.flags = 0x40}, JIMM_ERROR_UNSUPPORTED, "it is encrypted"},
      {{.flags = 0x2000}, JIMM_ERROR_UNSUPPORTED, "it is encrypted"},
      {{.flags = 0x20}, JIMM_ERROR_UNSUPPORTED, "it is a patch"},
      {{.local_name = "x/z"}, JIMM_ERROR_FORMAT, "its local header has another name, method or"},
      {{.local_name = "x/yy"}, JIMM_ERROR_FORMAT, "its local header has another name"},
      {{.local_flags_more = 8}, JIMM_ERROR_FORMAT, "another name, method or flags"},
      {{.local_size_more = 1}, JIMM_ERROR_FORMAT, "its local header has another size or checksum"},
      {{.local_size_more = (uint32_t)-4}, JIMM_ERROR_FORMAT, "another size or checksum"},
      {{.local_crc_more = 1}, JIMM_ERROR_FORMAT, "another size or checksum"},
      {{.flags = 8, .local_size_more = 1}, JIMM_ERROR_FORMAT, "another size or checksum"},
      {{.flags = 8, .local_crc_more = 1}, JIMM_ERROR_FORMAT, "another size or checksum"},
      {{.size_more = 1, .local_size_more = 1}, JIMM_ERROR_FORMAT, "reach into the directory"},
      {{.size_more = 1u << 30, .local_size_more = 1u << 30},
       JIMM_ERROR_FORMAT,
       "a truncated file?"},
      {{.offset_more = 1}, JIMM_ERROR_FORMAT, "there is no local header where the directory says"},
      {{.offset_more = 1 << 30}, JIMM_ERROR_FORMAT, "there is no local header"},
      {{.offset_more = -300}, JIMM_ERROR_FORMAT, "there is no local header"},
      {{.wide = true, .offset_more = INT64_MAX / 2}, JIMM_ERROR_FORMAT, "there is no local header"},
      {{.wide = true, .size_more = UINT32_MAX - 8}, JIMM_ERROR_FORMAT, "reach into the directory"},
      // The quoted bomb: many names for the same bytes.
      {{.local_name = "x/data/0", .offset_more = -62}, JIMM_ERROR_FORMAT, "another name"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    check(open_with("x/y", &rows[i].lie), rows[i].status, rows[i].message);
  }
}

TEST(entries_that_overlap_are_refused) {
  // One entry within the data of another.
  static unsigned char inner[64];
  zip_begin();
  zip_add("x/in", "1234", 4, NULL);
  memcpy(inner, zip_bytes, zip_size);
  const size_t size = zip_size;
  zip_begin();
  zip_add("x/data.pkl", pickle, sizeof pickle - 1, NULL);
  zip_add("x/data/0", floats, sizeof floats, NULL);
  zip_add("x/out", inner, size, NULL);
  const size_t end = zip_size;
  zip_add("x/in", "1234", 4, &(zip_lie){.offset_more = -(int64_t)size});
  zip_end();
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "it overlaps entry \"x/out\"");
  TEST_CHECK(end > size);
  // The same entry twice under two names is another name in its header; under one, it is there
  // twice.
  zip_begin();
  zip_add("x/data.pkl", pickle, sizeof pickle - 1, NULL);
  zip_add("x/data/0", floats, sizeof floats, NULL);
  zip_add("x/data/0", floats, sizeof floats, &(zip_lie){.offset_more = -62});
  zip_end();
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "it overlaps entry \"x/data/0\"");
}

TEST(damaged_pickles_are_found_by_their_checksum) {
  TEST_REQUIRE_INT(open_with("x/y", NULL), JIMM_OK);
  zip_bytes[50] ^= 1;
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT,
        "entry \"x/data.pkl\" (byte 0): damaged: its checksum is");
  zip_bytes[50] ^= 1;
  zip_bytes[zip_directory - 8 - 4 - 33] ^= 1; /* a storage: read when it is used, and not before */
  TEST_CHECK_INT(open_bytes(zip_bytes, zip_size), JIMM_OK);
}

static void poke(size_t at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) {
    zip_bytes[at + (size_t)i] = (unsigned char)(value >> 8 * i);
  }
}

TEST(directories_that_lie_are_refused) {
  static const struct {
    size_t back; /* from the end of the file */
    uint64_t value;
    int bytes;
    jimm_status status;
    const char *message;
  } rows[] = {
      {14, 0xFFFF0003, 4, JIMM_ERROR_UNSUPPORTED, "a zip archive of several files"},
      {18, 1, 2, JIMM_ERROR_UNSUPPORTED, "a zip archive of several files"},
      {14, 0x00020002, 4, JIMM_ERROR_FORMAT, "bytes after its 2 entries"},
      {14, 0x00040004, 4, JIMM_ERROR_FORMAT, "4 entries do not fit a directory of 159"},
      {14, 0xFFFFFFFF, 4, JIMM_ERROR_FORMAT, "65535 entries do not fit a directory of"},
      {10, 0xFFFFFFFF, 4, JIMM_ERROR_FORMAT, "4294967295 bytes) reaches past its end"},
      {10, 10, 4, JIMM_ERROR_FORMAT, "3 entries do not fit a directory of 10 bytes"},
      {6, 0xFFFFFFFF, 4, JIMM_ERROR_FORMAT, "the directory (byte 4294967295"},
      {6, 5, 4, JIMM_ERROR_FORMAT, "expected a record of the directory"},
      {2, 1, 2, JIMM_ERROR_FORMAT, "without the record that ends it"},
      {22, 0, 1, JIMM_ERROR_FORMAT, "without the record that ends it"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    TEST_REQUIRE_INT(open_with("x/y", NULL), JIMM_OK);
    poke(zip_size - rows[i].back, rows[i].value, rows[i].bytes);
    check(open_bytes(zip_bytes, zip_size), rows[i].status, rows[i].message);
  }
  // A name that reaches past the directory; bytes before the archive.
  TEST_REQUIRE_INT(open_with("x/y", NULL), JIMM_OK);
  poke(zip_directory + 28, 0xFFFF, 2);
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "reaches past the end of the");
  TEST_REQUIRE_INT(open_with("x/y", NULL), JIMM_OK);
  memmove(zip_bytes + 4, zip_bytes, zip_size);
  check(open_bytes(zip_bytes, zip_size + 4), JIMM_ERROR_FORMAT, "hostile.pt: ");
  // A name with a zero byte.
  TEST_REQUIRE_INT(open_with("x/y", NULL), JIMM_OK);
  zip_bytes[zip_directory + 46 + 1] = 0;
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "expected a relative name");
}

// The end record of 64 bits and its locator before the other.
static void widen(uint64_t count, uint64_t size, uint64_t offset, uint64_t record) {
  unsigned char end[22];
  TEST_REQUIRE_INT(open_with("x/y", NULL), JIMM_OK);
  memcpy(end, zip_bytes + zip_size - 22, 22);
  const size_t at = zip_size - 22, directory_size = at - zip_directory;
  memset(zip_bytes + at, 0, 76);
  poke(at, 0x06064B50, 4);
  poke(at + 4, 44, 8);
  poke(at + 24, count == 0 ? 3 : count, 8);
  poke(at + 32, count == 0 ? 3 : count, 8);
  poke(at + 40, size == 0 ? directory_size : size, 8);
  poke(at + 48, offset == 0 ? zip_directory : offset, 8);
  poke(at + 56, 0x07064B50, 4);
  poke(at + 64, record == 0 ? at : record, 8);
  poke(at + 72, 1, 4);
  memcpy(zip_bytes + at + 76, end, 22);
  zip_size += 76;
}

TEST(end_records_of_64_bits_are_checked) {
  widen(0, 0, 0, 0);
  TEST_CHECK_INT(open_bytes(zip_bytes, zip_size), JIMM_OK);
  widen(UINT64_MAX, 0, 0, 0);
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_LIMIT,
        "a directory of 18446744073709551615 entries");
  widen((uint64_t)1 << 20, 0, 0, 0);
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "1048576 entries do not fit");
  widen(0, UINT64_MAX, 0, 0);
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "reaches past its end");
  widen(0, 0, UINT64_MAX, 0);
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "reaches past its end");
  widen(0, 0, 0, UINT64_MAX);
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "expected the end record of 64 bits");
  widen(0, 0, 0, 1);
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "expected the end record of 64 bits");
  widen(0, 0, 0, 0);
  poke(zip_size - 22 - 76 + 16, 1, 4);
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_UNSUPPORTED, "a zip archive of several files");
  // Sizes of 64 bits that are announced and not there.
  TEST_REQUIRE_INT(open_with("x/y", NULL), JIMM_OK);
  poke(zip_directory + 24, UINT32_MAX, 4);
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "its sizes of 64 bits are not there");
}

TEST(archives_that_are_no_checkpoints_are_refused) {
  zip_begin();
  zip_end();
  zip_bytes[0] = 'P';
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "hostile.pt: ");
  zip_begin();
  zip_add("data.pkl", pickle, sizeof pickle - 1, NULL);
  zip_end();
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "a zip archive without data.pkl");
  zip_begin();  // the folder is that of the first name
  zip_add("y/version", "3", 1, NULL);
  zip_add("x/data.pkl", pickle, sizeof pickle - 1, NULL);
  zip_add("x/data/0", floats, sizeof floats, NULL);
  zip_end();
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_FORMAT, "a zip archive without data.pkl");
  zip_begin();
  zip_add("x/code/net.py", "", 0, NULL);
  zip_add("x/constants.pkl", ").", 2, NULL);
  zip_add("x/data.pkl", pickle, sizeof pickle - 1, NULL);
  zip_end();
  check(open_bytes(zip_bytes, zip_size), JIMM_ERROR_UNSUPPORTED, "a TorchScript archive");
  static const struct {
    const char *order;
    jimm_status status;
    const char *message;
  } orders[] = {
      {"big", JIMM_ERROR_UNSUPPORTED, "saved with the byte order \"big\", expected \"little\""},
      {"Little", JIMM_ERROR_FORMAT, "the byte order \"Little\""},
      {"", JIMM_ERROR_FORMAT, "the byte order \"\""},
  };
  for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
    zip_begin();
    zip_add("x/data.pkl", pickle, sizeof pickle - 1, NULL);
    zip_add("x/byteorder", orders[i].order, strlen(orders[i].order), NULL);
    zip_add("x/data/0", floats, sizeof floats, NULL);
    zip_end();
    check(open_bytes(zip_bytes, zip_size), orders[i].status, orders[i].message);
  }
}
