// Status messages, locale, memory, texts, arenas, maps, log, processor.
#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/json.h"
#include "base/locale.h"
#include "base/log.h"
#include "folder.h"

// ---- status -------------------------------------------------------------------------------------

static void *other_thread(void *message) {
  strcpy(message, jimm_error_message());
  jimm_fail(JIMM_ERROR_IO, "the other thread's");
  return NULL;
}

TEST(message_is_set_prefixed_and_per_thread) {
  TEST_CHECK_INT(jimm_fail(JIMM_ERROR_SHAPE, "want %d", 3), JIMM_ERROR_SHAPE);
  TEST_CHECK_STR(jimm_error_message(), "want 3");
  TEST_CHECK_INT(jimm_fail_context(JIMM_ERROR_IO, "%s", "file"), JIMM_ERROR_IO);
  TEST_CHECK_STR(jimm_error_message(), "file: want 3");
  jimm_fail(JIMM_ERROR_IO, "again: %s", jimm_error_message());  // may quote itself
  TEST_CHECK_STR(jimm_error_message(), "again: file: want 3");
  char seen[64] = "not run";
  pthread_t thread;
  TEST_REQUIRE_INT(pthread_create(&thread, NULL, other_thread, seen), 0);
  pthread_join(thread, NULL);
  TEST_CHECK_STR(seen, "");
  TEST_CHECK_STR(jimm_error_message(), "again: file: want 3");
}

TEST(long_messages_are_kept_to_16_kib_and_cut_at_a_character) {
  char text[20001];
  memset(text, 'x', 10000);
  text[10000] = 0;
  jimm_fail(JIMM_ERROR_IO, "%s", text);
  TEST_CHECK_STR(jimm_error_message(), text);
  for (int shift = 0; shift < 3; shift++) {  // three-byte characters at every phase of the cut
    memset(text, 'a', (size_t)shift);
    for (int i = shift; i + 3 < 20000; i += 3) {
      memcpy(text + i, "\xE2\x82\xAC", 4);
    }
    jimm_fail(JIMM_ERROR_IO, "%s", text);
    const char *message = jimm_error_message();
    size_t length = strlen(message);
    TEST_CHECK(length > 16300 && length < 16384);
    TEST_CHECK_STR(message + length - 3, "...");
    TEST_CHECK_UINT(jimm_utf8_valid_prefix(message, length), length);
    jimm_fail_context(JIMM_ERROR_IO, "context");
    length = strlen(message);
    TEST_CHECK(length > 16300 && length < 16384);
    TEST_CHECK_MEM(message, "context: ", 9);
    TEST_CHECK_UINT(jimm_utf8_valid_prefix(message, length), length);
  }
}

TEST(status_names_are_all_there) {
  for (int i = JIMM_OK; i <= JIMM_ERROR_CANCELLED; i++) {
    TEST_CHECK(strcmp(jimm_status_name((jimm_status)i), "unknown status") != 0);
    for (int j = JIMM_OK; j < i; j++) {
      TEST_CHECK(strcmp(jimm_status_name((jimm_status)i), jimm_status_name((jimm_status)j)) != 0);
    }
  }
  TEST_CHECK_STR(jimm_status_name((jimm_status)99), "unknown status");
  TEST_CHECK_STR(jimm_status_name((jimm_status)-1), "unknown status");
  TEST_CHECK_STR(jimm_version(), JIMM_VERSION_STRING);
}

// ---- locale -------------------------------------------------------------------------------------

// glibc's compiled LC_NUMERIC with a comma as decimal point, so that no locale need be installed.
static const unsigned char comma_numeric[] = {
    0x14, 0x11, 3,    0x20, 6,   0, 0,    0, 0x20, 0, 0,    0, 0x22, 0,   0,   0,   0x23, 0,
    0,    0,    0x24, 0,    0,   0, 0x28, 0, 0,    0, 0x2c, 0, 0,    0,   ',', 0,   0,    0,
    '.',  0,    0,    0,    ',', 0, 0,    0, 0,    0, 0,    0, 'U',  'T', 'F', '-', '8',  0};

TEST(numbers_do_not_follow_the_locale) {
  const char *file = in_folder("comma/LC_NUMERIC");
  mkdir(in_folder("comma"), 0777);
  TEST_REQUIRE(write_bytes(file, comma_numeric, sizeof comma_numeric));
  setenv("LOCPATH", in_folder("."), 1);
  const bool set = setlocale(LC_NUMERIC, "comma") != NULL;
  unsetenv("LOCPATH");
  if (!set) {
    TEST_SKIP("this C library does not take the test's locale");
  }
  char plain[16], buffer[64], *end;
  snprintf(plain, sizeof plain, "%.1f", 0.5);
  TEST_CHECK_STR(plain, "0,5");  // the locale is what the test needs
  char *text = jimm_format("%g %.2f", 1.5e-5, 0.5);
  TEST_CHECK_STR(text, "1.5e-05 0.50");
  jimm_free(text);
  jimm_fail(JIMM_ERROR_IO, "%.1f", 2.5);
  TEST_CHECK_STR(jimm_error_message(), "2.5");
  jimm_snprintf(buffer, sizeof buffer, "%g", 0.125);
  TEST_CHECK_STR(buffer, "0.125");
  TEST_CHECK_DOUBLE(jimm_strtod("0.25,", &end), 0.25, 0, 0);
  TEST_CHECK_STR(end, ",");
  jimm_arena arena = {NULL};
  jimm_json *json;
  TEST_CHECK_INT(jimm_json_parse("x", "1.75", 4, &arena, &json), JIMM_OK);
  TEST_CHECK_DOUBLE(json->number, 1.75, 0, 0);
  jimm_arena_close(&arena);
  snprintf(plain, sizeof plain, "%.1f", 0.5);
  TEST_CHECK_STR(plain, "0,5");  // and it is still set
  setlocale(LC_NUMERIC, "C");
}

TEST(utf8_prefix_follows_rfc_3629) {
  static const struct {
    const char *text;
    size_t valid;
  } rows[] = {{"plain", 5},
              {"\xC3\xA9", 2},
              {"\xE2\x82\xAC", 3},
              {"\xF0\x9F\x98\x80", 4},
              {"\xF4\x8F\xBF\xBF", 4},
              {"\xED\x9F\xBF", 3},
              {"a\x80", 1},
              {"a\xC3", 1},
              {"\xC0\x80", 0},  // overlong
              {"\xC1\xBF", 0},
              {"\xE0\x9F\xBF", 0},
              {"\xF0\x8F\xBF\xBF", 0},
              {"\xED\xA0\x80", 0},      // a surrogate
              {"\xF4\x90\x80\x80", 0},  // above U+10FFFF
              {"\xF5\x80\x80\x80", 0},
              {"\xFF", 0},
              {"ab\xE2\x82", 2}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    TEST_CHECK_UINT(jimm_utf8_valid_prefix(rows[i].text, strlen(rows[i].text)), rows[i].valid);
  }
}

TEST(shown_names_are_harmless) {
  char buffer[24];
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "a.b", 3), "\"a.b\"");
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "\x1B[31m\n", 6), "\"\\x1B[31m\\x0A\"");
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "\xC2\x9B\xC2\xA0", 4), "\"\\xC2\\x9B\xC2\xA0\"");
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "\xE2\x80\xAE\xE2\x80\x94", 6),
                 "\"\\xE2\\x80\\xAE\xE2\x80\x94\"");
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "\xE2\x81\xA7", 3), "\"\\xE2\\x81\\xA7\"");
  TEST_CHECK_STR(jimm_show(buffer, sizeof buffer, "\xFF\xC3\xA9", 3), "\"\\xFF\xC3\xA9\"");
  const char *cut = jimm_show(buffer, sizeof buffer, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 35);
  TEST_CHECK(strlen(cut) < sizeof buffer);
  TEST_CHECK_STR(cut + strlen(cut) - 4, "...\"");
}

// ---- memory -------------------------------------------------------------------------------------

typedef struct counter {
  long allocated, released, left;  // left: allocations until failure; -1: never
} counter;

static void *count_allocate(void *context, size_t bytes, size_t alignment) {
  counter *c = context;
  if (c->left == 0) {
    return NULL;
  }
  c->left -= c->left > 0;
  c->allocated++;
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void count_release(void *context, void *pointer) {
  ((counter *)context)->released++;
  free(pointer);
}

TEST(allocator_is_checked_and_used) {
  counter c = {0, 0, -1};
  jimm_allocator bad = {sizeof bad, count_allocate, NULL, &c};
  TEST_CHECK_INT(jimm_set_allocator(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  bad = (jimm_allocator){4, count_allocate, count_release, &c};
  TEST_CHECK_INT(jimm_set_allocator(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "size is 4");
  jimm_allocator good = {sizeof good, count_allocate, count_release, &c};
  TEST_REQUIRE_INT(jimm_set_allocator(&good), JIMM_OK);
  void *empty = jimm_alloc(0), *zeros = jimm_calloc(3, 5);
  TEST_CHECK(empty != NULL && zeros != NULL);
  TEST_CHECK_MEM(zeros, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15);
  TEST_CHECK_UINT((uintptr_t)zeros % JIMM_ALIGNMENT, 0);
  jimm_free(empty);
  jimm_free(zeros);
  jimm_free(NULL);
  c.left = 0;
  TEST_CHECK(jimm_alloc(77) == NULL);
  TEST_CHECK_CONTAINS(jimm_error_message(), "77 bytes");
  char *keep = NULL;
  c.left = 1;
  keep = jimm_strdup("keep");
  size_t capacity = 5;
  TEST_CHECK_INT(jimm_reserve(&keep, 5, 10, 1, &capacity), JIMM_ERROR_OUT_OF_MEMORY);
  TEST_CHECK_STR(keep, "keep");  // the old memory stays
  TEST_CHECK_UINT(capacity, 5);
  jimm_free(keep);
  jimm_set_allocator(NULL);
  TEST_CHECK_INT(c.allocated, 3);
  TEST_CHECK_INT(c.released, 3);
}

TEST(sizes_that_overflow_are_refused) {
  TEST_CHECK(jimm_calloc(SIZE_MAX / 2, 3) == NULL);
  TEST_CHECK_CONTAINS(jimm_error_message(), "overflow");
  int64_t *array = NULL;
  size_t capacity = 0;
  TEST_CHECK_INT(jimm_reserve(&array, 0, SIZE_MAX / 4, 8, &capacity), JIMM_ERROR_OUT_OF_MEMORY);
  TEST_CHECK_CONTAINS(jimm_error_message(), "overflow");
  TEST_CHECK(array == NULL && capacity == 0);
  TEST_CHECK(jimm_alloc(SIZE_MAX) == NULL);
  TEST_CHECK(jimm_alloc(SIZE_MAX - 10) == NULL);
  jimm_arena arena = {NULL};
  TEST_CHECK(jimm_arena_alloc(&arena, SIZE_MAX - 1) == NULL);
  jimm_arena_close(&arena);
}

TEST(reserve_keeps_and_doubles) {
  int *values = NULL;
  size_t capacity = 0, moves = 0;
  for (size_t i = 0; i < 1000; i++) {
    const size_t before = capacity;
    TEST_REQUIRE_INT(jimm_reserve(&values, i, i + 1, sizeof *values, &capacity), JIMM_OK);
    TEST_REQUIRE(capacity > i);
    moves += capacity != before;
    values[i] = (int)i;
  }
  TEST_CHECK(moves < 10);
  int wrong = 0;
  for (int i = 0; i < 1000; i++) {
    wrong += values[i] != i;
  }
  TEST_CHECK_INT(wrong, 0);
  const int *same = values;
  TEST_CHECK_INT(jimm_reserve(&values, 1000, 1, sizeof *values, &capacity), JIMM_OK);
  TEST_CHECK(values == same);
  TEST_CHECK_INT(jimm_reserve(&values, 1000, 100000, sizeof *values, &capacity), JIMM_OK);
  TEST_CHECK(capacity >= 100000 && values[999] == 999);
  jimm_free(values);
}

TEST(text_grows_and_failure_sticks) {
  jimm_text text = {NULL, 0, 0, 0};
  for (int i = 0; i < 1000; i++) {
    jimm_text_append(&text, "%d,", i);
  }
  jimm_text_append_bytes(&text, "x\0y", 3);
  TEST_CHECK_UINT(text.length, 3890 + 3);
  char *taken = jimm_text_take(&text);
  TEST_CHECK_MEM(taken, "0,1,2,", 6);
  TEST_CHECK_STR(taken + 3886, "999,x");
  jimm_free(taken);
  taken = jimm_text_take(&text);
  TEST_CHECK_STR(taken, "");
  jimm_free(taken);
  counter c = {0, 0, 1};
  jimm_allocator limited = {sizeof limited, count_allocate, count_release, &c};
  jimm_set_allocator(&limited);
  jimm_text_append(&text, "%0300d", 1);  // the first block
  jimm_text_append(&text, "%0300d", 1);  // needs a second one
  jimm_text_append(&text, "small");
  TEST_CHECK(text.failed);
  TEST_CHECK(jimm_text_take(&text) == NULL);
  jimm_set_allocator(NULL);
  TEST_CHECK_INT(c.allocated, c.released);
}

TEST(arena_gives_zeroed_aligned_memory) {
  jimm_arena arena = {NULL};
  unsigned char *all[200];
  for (size_t i = 0; i < 200; i++) {
    all[i] = jimm_arena_alloc(&arena, i * 37);
    TEST_REQUIRE(all[i] != NULL);
    TEST_CHECK_UINT((uintptr_t)all[i] % 16, 0);
    bool zero = true;
    for (size_t k = 0; k < i * 37; k++) {
      zero = zero && all[i][k] == 0;
    }
    TEST_CHECK(zero);
    memset(all[i], (int)i, i * 37);
  }
  for (size_t i = 1; i < 200; i++) {  // nobody wrote over anybody
    TEST_CHECK_INT(all[i][0], (int)i);
    TEST_CHECK_INT(all[i][i * 37 - 1], (int)i);
  }
  TEST_CHECK_STR(jimm_arena_strdup(&arena, "name"), "name");
  unsigned char *large = jimm_arena_alloc(&arena, 5u << 20);
  TEST_REQUIRE(large != NULL);
  TEST_CHECK_INT(large[(5u << 20) - 1], 0);
  jimm_arena_close(&arena);
  TEST_CHECK(arena.blocks == NULL);
}

// ---- maps ---------------------------------------------------------------------------------------

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

// ---- log ----------------------------------------------------------------------------------------

static char last_line[4096];
static int line_count;

static void take_line(void *context, jimm_log_level level, const char *message) {
  (void)context;
  (void)level;
  line_count++;
  snprintf(last_line, sizeof last_line, "%s", message);
}

TEST(log_lines_reach_the_receiver) {
  line_count = 0;
  jimm_log(JIMM_LOG_WARNING, "nobody hears this");
  jimm_set_log(take_line, NULL, JIMM_LOG_INFO);
  jimm_log(JIMM_LOG_DEBUG, "too detailed");
  TEST_CHECK_INT(line_count, 0);
  jimm_log(JIMM_LOG_INFO, "two\nlines %d", 2);
  TEST_CHECK_INT(line_count, 1);
  TEST_CHECK_STR(last_line, "two lines 2");
  jimm_log(JIMM_LOG_WARNING, "%03000d\xC3\xA9", 1);
  TEST_CHECK_UINT(strlen(last_line), 2047);
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_AVX2, "sse9"), JIMM_ISA_AVX2);
  TEST_CHECK_CONTAINS(last_line, "JIMM_CPU=sse9");
  jimm_set_log(NULL, NULL, JIMM_LOG_DEBUG);
  jimm_log(JIMM_LOG_WARNING, "nobody hears this either");
  TEST_CHECK_INT(line_count, 3);
}

// ---- processor ----------------------------------------------------------------------------------

TEST(cpu_mask_lowers_and_never_raises) {
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_AVX512, "avx2"), JIMM_ISA_AVX2);
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_AVX512, "baseline"), JIMM_ISA_BASELINE);
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_AVX2, "avx512"), JIMM_ISA_AVX2);
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_BASELINE, "avx2"), JIMM_ISA_BASELINE);
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_AVX2, NULL), JIMM_ISA_AVX2);
  TEST_CHECK_INT(jimm_cpu_mask(JIMM_ISA_AVX2, ""), JIMM_ISA_AVX2);
  TEST_CHECK_STR(jimm_isa_name(JIMM_ISA_AVX512), "avx512");
  TEST_CHECK(jimm_isa_name((jimm_isa)3) == NULL);
  TEST_CHECK(jimm_isa_name((jimm_isa)-1) == NULL);
}

// The kernel's own list of flags is the witness.
TEST(cpu_detection_agrees_with_the_system) {
#if defined(__x86_64__) && defined(__linux__)
  FILE *file = fopen("/proc/cpuinfo", "r");
  if (file == NULL) {
    TEST_SKIP("no /proc/cpuinfo");
  }
  static char line[16384];
  bool found = false;
  while (!found && fgets(line, sizeof line, file) != NULL) {
    found = strncmp(line, "flags", 5) == 0;
  }
  fclose(file);
  TEST_REQUIRE(found);
  jimm_isa want = JIMM_ISA_BASELINE;
  if (strstr(line, " avx2 ") != NULL && strstr(line, " fma ") != NULL &&
      strstr(line, " f16c ") != NULL && strstr(line, " bmi2 ") != NULL) {
    want = strstr(line, " avx512f ") != NULL && strstr(line, " avx512bw ") != NULL &&
                   strstr(line, " avx512dq ") != NULL && strstr(line, " avx512vl ") != NULL &&
                   strstr(line, " avx512cd ") != NULL
               ? JIMM_ISA_AVX512
               : JIMM_ISA_AVX2;
  }
  TEST_CHECK_INT(jimm_cpu_detect(), want);
#else
  TEST_CHECK_INT(jimm_cpu_detect(), JIMM_ISA_BASELINE);
#endif
  TEST_CHECK_INT(jimm_cpu_isa(), jimm_cpu_mask(jimm_cpu_detect(), getenv("JIMM_CPU")));
}

TEST_MAIN()
