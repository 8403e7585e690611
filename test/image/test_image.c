/* Image files against Pillow, preprocessing against timm: bit for bit, with the answers that
 * test/parity/dump_image_goldens.py recorded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/image.h>

#include "image/png.h"

#define FOLDER "test/data/images/"

typedef struct image_case {
  const char *name;
  int64_t width, height;
  uint32_t pixels;
} image_case;

typedef struct resize_case {
  const char *name;
  int64_t width, height;
  jimm_interpolation interpolation;
  uint32_t pixels;
} resize_case;

typedef struct crop_case {
  const char *name;
  jimm_data_config config;
  uint32_t pixels, values;
} crop_case;

#define HALF         \
  {0.5, 0.5, 0.5}, { \
    0.5, 0.5, 0.5    \
  }
#define IMAGENET           \
  {0.485, 0.456, 0.406}, { \
    0.229, 0.224, 0.225    \
  }
#define BILINEAR JIMM_BILINEAR
#define BICUBIC JIMM_BICUBIC
#define CENTER JIMM_CROP_CENTER
#define SQUASH JIMM_CROP_SQUASH

static const image_case image_cases[] = {
#define IMAGE(name, width, height, pixels, least) {name, width, height, pixels},
#define RESIZE(...)
#define CROP(...)
#include "data/images/golden.def"
#undef IMAGE
#undef RESIZE
};

static const resize_case resize_cases[] = {
#define IMAGE(...)
#define RESIZE(...) {__VA_ARGS__},
#include "data/images/golden.def"
#undef RESIZE
#undef CROP
};

static const crop_case crop_cases[] = {
#define RESIZE(...)
#define CROP(name, height, width, pct, mode, interpolation, norm, pixels, values) \
  {name, {3, height, width, interpolation, mode, pct, norm}, pixels, values},
#include "data/images/golden.def"
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t crc32_of(const void *data, size_t size) {
  static uint32_t table[256];
  for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) {
      c = (c & 1) != 0 ? 0xedb88320u ^ c >> 1 : c >> 1;
    }
    table[i] = c;
  }
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < size; i++) {
    crc = table[(crc ^ ((const uint8_t *)data)[i]) & 255] ^ crc >> 8;
  }
  return ~crc;
}

static uint32_t pixels_crc(const jimm_image *image) {
  return crc32_of(image->data, (size_t)(image->width * image->height * 3));
}

static bool read_file(const char *name, jimm_image *image) {
  char path[256];
  snprintf(path, sizeof(path), FOLDER "%s", name);
  const jimm_status status = jimm_image_read(path, NULL, image);
  return TEST_CHECK_MSG(status == JIMM_OK, "%s: %s", name, jimm_error_message());
}

TEST(decode_as_pillow) {
  TEST_CHECK(COUNT_OF(image_cases) >= 65);
  for (size_t i = 0; i < COUNT_OF(image_cases); i++) {
    const image_case *c = &image_cases[i];
    jimm_image image;
    if (!read_file(c->name, &image)) {
      continue;
    }
    TEST_CHECK_MSG(image.width == c->width && image.height == c->height, "%s: %lld x %lld", c->name,
                   (long long)image.width, (long long)image.height);
    TEST_CHECK_MSG(pixels_crc(&image) == c->pixels, "pixels of %s", c->name);
    jimm_image_close(&image);
    TEST_CHECK(image.data == NULL);
  }
}

TEST(resize_as_pillow) {
  for (size_t i = 0; i < COUNT_OF(resize_cases); i++) {
    const resize_case *c = &resize_cases[i];
    jimm_image image, result;
    if (!read_file(c->name, &image)) {
      continue;
    }
    if (TEST_CHECK_MSG(
            jimm_image_resize(&image, c->width, c->height, c->interpolation, &result) == JIMM_OK,
            "%s: %s", c->name, jimm_error_message())) {
      TEST_CHECK_MSG(pixels_crc(&result) == c->pixels, "%s to %lld x %lld, interpolation %d",
                     c->name, (long long)c->width, (long long)c->height, (int)c->interpolation);
      jimm_image_close(&result);
    }
    jimm_image_close(&image);
  }
}

TEST(crop_and_preprocess_as_timm) {
  for (size_t i = 0; i < COUNT_OF(crop_cases); i++) {
    const crop_case *c = &crop_cases[i];
    jimm_image image, result;
    if (!read_file(c->name, &image)) {
      continue;
    }
    if (TEST_CHECK_MSG(jimm_image_crop(&image, &c->config, &result) == JIMM_OK, "%s: %s", c->name,
                       jimm_error_message())) {
      TEST_CHECK_MSG(pixels_crc(&result) == c->pixels, "%s: crop %zu", c->name, i);
      jimm_image_close(&result);
    }
    const size_t count = (size_t)(3 * c->config.height * c->config.width);
    float *values = malloc(count * sizeof(float));
    TEST_REQUIRE(values != NULL);
    jimm_tensor output = {JIMM_F32, {4, {1, 3, c->config.height, c->config.width}}, values, NULL};
    if (TEST_CHECK(jimm_image_preprocess(&image, &c->config, &output) == JIMM_OK)) {
      TEST_CHECK_MSG(crc32_of(values, count * sizeof(float)) == c->values, "%s: values %zu",
                     c->name, i);
    }
    free(values);
    jimm_image_close(&image);
  }
}

/* A reproducible stream of numbers. */
static uint32_t next(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(*state >> 33);
}

static void make_noise(int64_t width, int64_t height, uint64_t seed, jimm_image *image) {
  TEST_REQUIRE(jimm_image_create(width, height, image) == JIMM_OK);
  for (int64_t i = 0; i < width * height * 3; i++) {
    image->data[i] = (uint8_t)(next(&seed) % 3 == 0 ? next(&seed) : next(&seed) % 2 * 255);
  }
}

/* Up to five rows of three outputs each from rows of noise, and columns of them. */
static void check_loops(const jimm_resize_loops *loops, const uint8_t *source) {
  enum { PIXELS = 700, TAPS = 600, BYTES = 100, STRIDE = PIXELS * 3, ROWS = 5 };
  static int32_t weights[3 * (TAPS + 3)];
  uint64_t seed = 5;
  for (int32_t taps = 1; taps <= TAPS; taps += taps < 20 ? 1 : 97) {
    const int32_t room = (taps + 3) / 4 * 4;
    int32_t first[3] = {0, 7, PIXELS - taps}, count[3] = {taps, taps, taps};
    for (int32_t i = 0; i < 3 * room; i++) {
      /* Sums of at most 2^23 in size, as real filters have them, of both signs. */
      weights[i] =
          i % room < taps ? (int32_t)(next(&seed) % (1u << 23)) / taps * (i % 3 == 0 ? -1 : 1) : 0;
    }
    const jimm_filter filter = {3, room, first, count, weights};
    uint8_t got[ROWS * 10], want[ROWS * 10];
    for (int64_t rows = 1; rows <= ROWS; rows++) {
      memset(got, 55, sizeof(got));
      memset(want, 55, sizeof(want));
      loops->across(&filter, source, STRIDE, rows, got, 10);
      jimm_resize_plain.across(&filter, source, STRIDE, rows, want, 10);
      TEST_CHECK_MEM(got, want, sizeof(got));
    }
    for (size_t bytes = 1; bytes <= BYTES; bytes += 9) {
      uint8_t got_row[BYTES + 1] = {0}, want_row[BYTES + 1] = {0};
      loops->down(weights, taps, source, BYTES, bytes, got_row);
      jimm_resize_plain.down(weights, taps, source, BYTES, bytes, want_row);
      TEST_CHECK_MEM(got_row, want_row, sizeof(got_row));
    }
  }
}

TEST(vector_loops_equal_the_plain_ones) {
  enum { SIZE = 600 * 100 + JIMM_ROW_SLACK };
  uint64_t seed = 4;
  uint8_t *source = malloc(SIZE);
  TEST_REQUIRE(source != NULL);
  for (size_t i = 0; i < SIZE; i++) {
    source[i] = (uint8_t)next(&seed);
  }
  for (int isa = 0; isa <= (int)jimm_cpu_isa(); isa++) {
    check_loops(jimm_resize_select((jimm_isa)isa), source);
  }
  free(source);
}

TEST(a_window_is_part_of_the_whole) {
  static const int64_t sizes[][4] = {{40, 30, 80, 60},   {300, 200, 37, 41}, {30, 300, 20, 25},
                                     {1, 90, 64, 5760},  {200, 3, 6400, 96}, {17, 19, 17, 60},
                                     {17, 190, 17, 60},  {50, 9, 20, 9},     {12, 12, 12, 12},
                                     {20, 400, 100, 30}, {7, 500, 3, 2}};
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    const int64_t width = sizes[i][2], height = sizes[i][3];
    jimm_image image, whole;
    make_noise(sizes[i][0], sizes[i][1], i, &image);
    for (int kind = 0; kind < 2; kind++) {
      const jimm_interpolation interpolation = kind == 0 ? JIMM_BILINEAR : JIMM_BICUBIC;
      TEST_REQUIRE(jimm_image_resize(&image, width, height, interpolation, &whole) == JIMM_OK);
      const jimm_window windows[] = {{0, 0, 1, 1},
                                     {width - 1, height - 1, 1, 1},
                                     {width / 3, height / 4, (width + 2) / 3, (height + 1) / 2},
                                     {0, height / 2, width, (height + 1) / 2}};
      for (size_t w = 0; w < COUNT_OF(windows); w++) {
        const jimm_window *window = &windows[w];
        const size_t bytes = (size_t)window->width * 3;
        uint8_t *part = malloc(bytes * (size_t)window->height);
        TEST_REQUIRE(part != NULL);
        TEST_CHECK(jimm_image_resize_window(&image, width, height, interpolation, window, part,
                                            bytes) == JIMM_OK);
        for (int64_t y = 0; y < window->height; y++) {
          if (!TEST_CHECK_MEM(part + (size_t)y * bytes,
                              whole.data + ((window->y + y) * width + window->x) * 3, bytes)) {
            break;
          }
        }
        free(part);
      }
      jimm_image_close(&whole);
    }
    jimm_image_close(&image);
  }
}

/* Pillow 13 begins with the columns when the height shrinks by more than twice what the width does;
 * the two orders give different pixels, so the goldens alone might miss a wrong boundary. */
TEST(the_order_of_passes) {
  static const struct {
    int64_t width, height;
    bool down_first;
  } cases[] = {{30, 40, false}, {30, 39, true}, {31, 39, true},
               {29, 40, false}, {45, 59, true}, {45, 61, false}};
  jimm_image image, got, between, want;
  make_noise(40, 60, 11, &image);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const int64_t w = cases[i].width, h = cases[i].height;
    for (int down = 0; down < 2; down++) {
      TEST_REQUIRE(jimm_image_resize(&image, w, h, JIMM_BICUBIC, &got) == JIMM_OK);
      TEST_REQUIRE(jimm_image_resize(&image, down ? 40 : w, down ? h : 60, JIMM_BICUBIC,
                                     &between) == JIMM_OK);
      TEST_REQUIRE(jimm_image_resize(&between, w, h, JIMM_BICUBIC, &want) == JIMM_OK);
      const bool same = memcmp(got.data, want.data, (size_t)(w * h * 3)) == 0;
      TEST_CHECK_MSG(same == (cases[i].down_first == (down == 1)), "to %lld x %lld, %s first",
                     (long long)w, (long long)h, down ? "columns" : "rows");
      jimm_image_close(&got);
      jimm_image_close(&between);
      jimm_image_close(&want);
    }
  }
  jimm_image_close(&image);
}

/* Each filter, worked out by hand, and what is no filter. */
TEST(png_filters) {
  static const uint8_t in[4] = {10, 20, 250, 40};
  static const uint8_t above[4 + FILTER_SLACK] = {1, 2, 3, 200};
  static const uint8_t want[5][4] = {
      {10, 20, 250, 40}, {10, 30, 24, 64}, {11, 22, 253, 240}, {10, 26, 8, 144}, {11, 31, 25, 240}};
  uint8_t got[4];
  for (unsigned filter = 0; filter < 5; filter++) {
    TEST_CHECK(jimm_png_undo_filter(filter, in, above, got, 4, 1));
    TEST_CHECK_MEM(got, want[filter], 4);
  }
  TEST_CHECK(!jimm_png_undo_filter(5, in, above, got, 4, 1));
  TEST_CHECK(!jimm_png_undo_filter(255, in, above, got, 4, 1));
}

TEST(a_copy_of_the_same_size) {
  jimm_image image, result;
  make_noise(13, 9, 3, &image);
  TEST_REQUIRE(jimm_image_resize(&image, 13, 9, JIMM_BICUBIC, &result) == JIMM_OK);
  TEST_CHECK_MEM(result.data, image.data, 13 * 9 * 3);
  TEST_CHECK(result.data != image.data);
  jimm_image_close(&result);
  jimm_image_close(&image);
  jimm_image_close(&image);
  jimm_image_close(NULL);
}

TEST_MAIN()
