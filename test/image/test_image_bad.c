/* Image files and arguments that are refused: with which status, saying what, leaking nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>
#include <jimm/image.h>

#include "image/image.h"

#define FOLDER "test/data/images/"

/* ---- an allocator that counts, and fails on request ---- */

static size_t live, calls, largest, total, fail_at;

static void *allocate(void *context, size_t bytes, size_t alignment) {
  (void)context;
  calls++;
  if (calls == fail_at) {
    return NULL;
  }
  largest = bytes > largest ? bytes : largest;
  total += bytes;
  live++;
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void release(void *context, void *pointer) {
  (void)context;
  live--;
  free(pointer);
}

static void reset_counts(void) {
  calls = largest = total = fail_at = 0;
}

TEST_SETUP() {
  const jimm_allocator allocator = {sizeof(allocator), allocate, release, NULL};
  TEST_REQUIRE(jimm_set_allocator(&allocator) == JIMM_OK);
}

/* ---- helpers ---- */

static uint8_t *load(const char *name, size_t *size) {
  char path[256];
  snprintf(path, sizeof(path), FOLDER "%s", name);
  FILE *file = fopen(path, "rb");
  TEST_REQUIRE_MSG(file != NULL, "%s", path);
  uint8_t *data = malloc(1 << 20);
  TEST_REQUIRE(data != NULL);
  *size = fread(data, 1, 1 << 20, file);
  fclose(file);
  return data;
}

/* Decodes a copy of exactly `size` bytes, so that a sanitizer sees every byte read beyond. */
static jimm_status decode_copy(const uint8_t *data, size_t size, const char *name,
                               jimm_image *image) {
  uint8_t *copy = malloc(size > 0 ? size : 1);
  TEST_REQUIRE(copy != NULL);
  memcpy(copy, data, size);
  const jimm_status status = jimm_image_decode(copy, size, name, NULL, image);
  free(copy);
  return status;
}

#define REFUSED(bytes, status, words) \
  check_refused(__LINE__, (const uint8_t *)(bytes), sizeof(bytes) - 1, (status), (words))

static void check_refused(int line, const uint8_t *data, size_t size, jimm_status status,
                          const char *words) {
  jimm_image image;
  const size_t before = live;
  const jimm_status got = decode_copy(data, size, "some/file", &image);
  jt_check_msg(__FILE__, line, "status", got == status, "got %s, expected %s: %s",
               jimm_status_name(got), jimm_status_name(status), jimm_error_message());
  jt_check_contains(__FILE__, line, "message", jimm_error_message(), words);
  jt_check_contains(__FILE__, line, "message", jimm_error_message(), "some/file");
  jt_check(__FILE__, line, "no image", image.data == NULL && image.width == 0);
  jt_check(__FILE__, line, "no leak", live == before);
}

/* ---- files ---- */

TEST(not_an_image) {
  REFUSED("", JIMM_ERROR_FORMAT, "empty");
  REFUSED("\x01\x02\xff hello", JIMM_ERROR_FORMAT, "begins with 01 02 ff 20");
  REFUSED("\x01\x02", JIMM_ERROR_FORMAT, "known format (PNG, JPEG, PPM, WebP)");
  REFUSED("\x89PNG", JIMM_ERROR_FORMAT, "begins with 89 50 4e 47");
  REFUSED("GIF89a\1\0\1\0", JIMM_ERROR_UNSUPPORTED, "GIF is not supported");
  REFUSED("BM\x46\0\0\0", JIMM_ERROR_UNSUPPORTED, "BMP is not supported");
  REFUSED("II*\0\x08\0\0\0", JIMM_ERROR_UNSUPPORTED, "TIFF is not supported");
  REFUSED(
      "\0\0\0\x1c"
      "ftypavif",
      JIMM_ERROR_UNSUPPORTED, "AVIF is not supported");
  REFUSED("P3\n1 1\n255\n1 2 3\n", JIMM_ERROR_UNSUPPORTED, "P3 is not supported");
}

TEST(ppm) {
  REFUSED("P6\n2 2\n255\n12345678901", JIMM_ERROR_FORMAT, "11 bytes of pixels, expected 12");
  REFUSED("P5\n2 2\n65535\n1234567", JIMM_ERROR_FORMAT, "expected 8");
  REFUSED("P6\n2 2\n", JIMM_ERROR_FORMAT, "before the maximum value");
  REFUSED("P6\n2 # 3 4", JIMM_ERROR_FORMAT, "before the height");
  REFUSED("P6\n2 2\n0\n123456789012", JIMM_ERROR_FORMAT, "maximum value is 0");
  REFUSED("P6\n2 2\n65536\n123456789012", JIMM_ERROR_FORMAT, "maximum value is 65536");
  REFUSED("P6\n0 2\n255\n123456789012", JIMM_ERROR_FORMAT, "0 x 2");
  REFUSED("P6\n-2 2\n255\n123456789012", JIMM_ERROR_FORMAT, "width has the byte 0x2d at offset 3");
  REFUSED("P6\n12345678901 2\n255\n1", JIMM_ERROR_FORMAT, "at most 10 digits");
  REFUSED("P6\n9999999999 9999999999\n255\n1", JIMM_ERROR_LIMIT, "9999999999 x 9999999999");
}

TEST(webp) {
  REFUSED("RIFF\x08\0\0\0WEBP", JIMM_ERROR_FORMAT,
          "truncated: it ends after 12 bytes, its header says 16");
  REFUSED("RIFF\xff\xff\xff\xffWEBPVP8 ", JIMM_ERROR_FORMAT, "its header says 4294967303");
  REFUSED("RIFF\x04\0\0\0WEBP", JIMM_ERROR_FORMAT, "broken WebP file");
  REFUSED("RIFF\x0c\0\0\0WEBPVP9 \0\0\0\0", JIMM_ERROR_FORMAT, "broken WebP file");
  REFUSED("RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff", JIMM_ERROR_FORMAT,
          "broken WebP file");
  /* A canvas of 65,535 x 65,535 pixels with a frame of 1 x 1: refused before memory is taken. */
  reset_counts();
  REFUSED(
      "RIFF\x4e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\xfe\xff\0\xfe\xff\0"
      "ANIM\x06\0\0\0\0\0\0\0\0\0"
      "ANMF\x22\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
      "VP8L\x0a\0\0\0\x2f\0\0\0\0\x07\x10\x11\x11\x88",
      JIMM_ERROR_LIMIT, "WebP image of 65535 x 65535 pixels is above the limit");
  TEST_CHECK_UINT(calls, 0);
}

/* Pixels from a header with comments, also inside a number. */
TEST(ppm_header) {
  static const char file[] = "P5#\n";
  jimm_image image;
  TEST_CHECK(jimm_image_decode(file, sizeof(file) - 1, "f", NULL, &image) ==
             JIMM_ERROR_UNSUPPORTED);
  static const char good[] =
      "P5\t# 7\r\v1#9\n2\f1 # 3\n 255 \xfe\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b";
  TEST_REQUIRE(jimm_image_decode(good, sizeof(good) - 1, "f", NULL, &image) == JIMM_OK);
  TEST_CHECK_INT(image.width, 12);
  TEST_CHECK_INT(image.height, 1);
  TEST_CHECK_INT(image.data[0], 0xfe);
  TEST_CHECK_INT(image.data[35], 0x0b);
  jimm_image_close(&image);
}

#define PNG_BEGIN "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"

TEST(png) {
  /* 100,000 x 100,000, 8-bit RGB; the checksum is right. */
  reset_counts();
  REFUSED(PNG_BEGIN "\0\x01\x86\xa0\0\x01\x86\xa0\x08\x02\0\0\0\x27\x30\x9c\x9f\0\0\0\1IDAT\x78",
          JIMM_ERROR_LIMIT, "100000 x 100000");
  TEST_CHECK_UINT(calls, 0);
  REFUSED(PNG_BEGIN "\0\0\0\2\0\0\0\2\x08\x02\0\0\0\1\2\3\4", JIMM_ERROR_FORMAT,
          "wrong checksum of chunk IHDR at offset 8");
  REFUSED(PNG_BEGIN "\0\0\0\2\0\0", JIMM_ERROR_FORMAT, "truncated: chunk IHDR");
  REFUSED("\x89PNG\r\n\x1a\n\0\0\0\4\1\2\3\4", JIMM_ERROR_FORMAT, "no chunk type at offset 12");
  REFUSED("\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82", JIMM_ERROR_FORMAT, "no image data");
  REFUSED("\x89PNG\r\n\x1a\n\0\0\0\0IDAT", JIMM_ERROR_FORMAT, "not a kind of PNG");
}

/* One byte of a good file changed: where, to what, and what is said. */
static void check_changed(const char *name, size_t at, uint8_t value, const char *words) {
  size_t size;
  uint8_t *data = load(name, &size);
  data[at] = value;
  jimm_image image;
  const size_t before = live;
  const jimm_status status = decode_copy(data, size, name, &image);
  TEST_CHECK_MSG(status == JIMM_ERROR_FORMAT || status == JIMM_ERROR_UNSUPPORTED, "%s: %s", name,
                 jimm_status_name(status));
  TEST_CHECK_CONTAINS(jimm_error_message(), words);
  jimm_image_close(&image);
  TEST_CHECK(live == before);
  free(data);
}

/* The offset of `bytes` in a committed file. */
static size_t find(const char *name, const char *bytes, size_t length) {
  size_t size;
  uint8_t *data = load(name, &size);
  size_t at = 0;
  while (at + length <= size && memcmp(data + at, bytes, length) != 0) {
    at++;
  }
  TEST_REQUIRE_MSG(at + length <= size, "%s", name);
  free(data);
  return at;
}

TEST(damaged_files) {
  const size_t idat = find("rgb8.png", "IDAT", 4);
  check_changed("rgb8.png", idat + 4, 0x79, "broken PNG file");
  check_changed("rgb8.png", idat + 30, 0xff, "broken PNG file");
  const size_t iend = find("gray8.png", "IEND", 4);
  check_changed("gray8.png", iend - 9, 0xa5, "broken PNG file"); /* zlib's checksum */
  const size_t frame = find("photo.jpg", "\xff\xc0", 2);
  check_changed("photo.jpg", frame + 1, 0xc5, "JPEG: ");
  check_changed("photo.jpg", frame + 4, 12, "JPEG: ");
  check_changed("photo.jpg", frame + 9, 2, "JPEG: ");
  const size_t start = find("lossy.webp", "\x9d\x01\x2a", 3);
  check_changed("lossy.webp", start, 0x9c, "broken WebP file");
  check_changed("lossy.webp", start - 1, 0xff, "broken WebP file");
  check_changed("lossless.webp", find("lossless.webp", "VP8L", 4) + 8, 0x2e, "broken WebP file");
  check_changed("lossless.webp", find("lossless.webp", "VP8L", 4) + 14, 0xff, "broken WebP file");
  check_changed("animated.webp", find("animated.webp", "ANMF", 4) + 8, 9, "broken WebP file");
}

/* Where Pillow forgives, so does jimm: a wrong checksum of image data, an unknown chunk, what
 * follows the image. */
TEST(forgiven_damage) {
  static const char *const names[] = {"rgb8.png", "rgb8_interlaced.png"};
  for (size_t i = 0; i < 2; i++) {
    size_t size;
    uint8_t *data = load(names[i], &size);
    jimm_image good, image;
    TEST_REQUIRE(jimm_image_decode(data, size, "f", NULL, &good) == JIMM_OK);
    memcpy(data + size, "trailing", 8);
    data[find(names[i], "IEND", 4) + 5] ^= 1;
    if (TEST_CHECK(decode_copy(data, size + 8, "f", &image) == JIMM_OK)) {
      TEST_CHECK_MEM(image.data, good.data, (size_t)(good.width * good.height * 3));
      jimm_image_close(&image);
    }
    data[find(names[i], "IEND", 4) - 5] ^= 1;
    if (TEST_CHECK(decode_copy(data, size, "f", &image) == JIMM_OK)) {
      TEST_CHECK_MEM(image.data, good.data, (size_t)(good.width * good.height * 3));
      jimm_image_close(&image);
    }
    jimm_image_close(&good);
    free(data);
  }
}

/* A gray PNG of 400 x 400 pixels in stored blocks, its image data in one chunk of 160,411 bytes:
 * more than libspng gets in one piece. The checksum of the chunk is wrong; zlib's is right or not.
 */
static jimm_status decode_large(uint32_t error, jimm_image *image) {
  enum { SIDE = 400, BLOCK = SIDE + 1, SIZE = 2 + SIDE * (5 + BLOCK) + 4 };
  static const uint8_t begin[] = PNG_BEGIN "\0\0\x01\x90\0\0\x01\x90\x08\0\0\0\0\xa5\xd4\x69\x10";
  static uint8_t file[sizeof(begin) + 8 + SIZE + 4 + 12];
  uint8_t *out = file;
  memcpy(out, begin, sizeof(begin) - 1);
  out += sizeof(begin) - 1;
  const uint8_t head[10] = {0,    SIZE >> 16, SIZE >> 8 & 255, SIZE & 255, 'I', 'D', 'A', 'T',
                            0x78, 1};
  memcpy(out, head, sizeof(head));
  out += sizeof(head);
  uint32_t a = 1, b = 0;
  for (int y = 0; y < SIDE; y++) {
    const uint8_t block[5] = {y + 1 == SIDE, BLOCK & 255, BLOCK >> 8, ~BLOCK & 255,
                              ~BLOCK >> 8 & 255};
    memcpy(out, block, sizeof(block));
    out += sizeof(block);
    for (int x = 0; x < BLOCK; x++) {
      *out = x == 0 ? 0 : (uint8_t)(x * y);
      a = (a + *out++) % 65521;
      b = (b + a) % 65521;
    }
  }
  const uint32_t adler = (b << 16 | a) + error;
  for (int i = 0; i < 4; i++) {
    *out++ = (uint8_t)(adler >> (24 - 8 * i));
  }
  memset(out, 0x55, 4);
  memcpy(out + 4, "\0\0\0\0IEND\xae\x42\x60\x82", 12);
  return jimm_image_decode(file, (size_t)(out + 16 - file), "large.png", NULL, image);
}

TEST(large_image_data) {
  jimm_image image;
  TEST_REQUIRE_MSG(decode_large(0, &image) == JIMM_OK, "%s", jimm_error_message());
  for (int y = 0; y < 400; y++) {
    for (int x = 0; x < 400; x++) {
      if (image.data[(y * 400 + x) * 3] != (uint8_t)((x + 1) * y)) {
        TEST_FAIL("pixel %d, %d", x, y);
        y = x = 400;
      }
    }
  }
  TEST_CHECK_INT(image.width, 400);
  jimm_image_close(&image);
  TEST_CHECK(decode_large(1, &image) == JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "large.png: broken PNG file");
}

/* Every file cut at many lengths: what Pillow refuses is refused; what it accepts is refused or
 * gives the whole image. */
static void check_cuts(const char *name, size_t least) {
  size_t size;
  uint8_t *data = load(name, &size);
  jimm_image whole, image;
  TEST_REQUIRE(jimm_image_decode(data, size, name, NULL, &whole) == JIMM_OK);
  const size_t before = live;
  size_t accepted = 0;
  for (size_t length = 0; length < size; length += length < 300 || length + 40 > size ? 1 : 23) {
    const jimm_status status = decode_copy(data, length, name, &image);
    if (status != JIMM_OK) {
      TEST_CHECK_MSG(status == JIMM_ERROR_FORMAT, "%s cut to %zu: %s", name, length,
                     jimm_status_name(status));
    } else {
      accepted++;
      TEST_CHECK_MSG(length >= least, "%s cut to %zu of %zu is accepted", name, length, size);
      TEST_CHECK(image.width == whole.width && image.height == whole.height &&
                 memcmp(image.data, whole.data, (size_t)(whole.width * whole.height * 3)) == 0);
      jimm_image_close(&image);
    }
    if (!TEST_CHECK_MSG(live == before, "%s cut to %zu leaks", name, length)) {
      break;
    }
  }
  /* Without its end marker a PNG is complete. */
  TEST_CHECK_MSG(accepted > 0 || strstr(name, ".png") == NULL, "%s", name);
  jimm_image_close(&whole);
  free(data);
}

TEST(cut_files) {
#define IMAGE(name, width, height, pixels, least) check_cuts(name, least);
#define RESIZE(...)
#define CROP(...)
#include "data/images/golden.def"
}

TEST(paths_and_options) {
  jimm_image image;
  TEST_CHECK(jimm_image_read("no/such/file.png", NULL, &image) != JIMM_OK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "no/such/file.png");
  TEST_CHECK(jimm_image_read("test", NULL, &image) != JIMM_OK);
  TEST_CHECK(jimm_image_read(NULL, NULL, &image) == JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK(jimm_image_read("x", NULL, NULL) == JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK(jimm_image_decode(NULL, 3, "x", NULL, &image) == JIMM_ERROR_INVALID_ARGUMENT);
  jimm_image_options options = JIMM_IMAGE_OPTIONS_INIT;
  static const char *const names[] = {"photo.jpg", "wide.png", "rgb255.ppm", "lossy.webp",
                                      "animated_part.webp"};
  static const int64_t pixels[] = {190 * 143, 1400, 21 * 13, 75 * 52, 50 * 40};
  for (size_t i = 0; i < 5; i++) {
    char path[256];
    snprintf(path, sizeof(path), FOLDER "%s", names[i]);
    options.max_pixels = pixels[i] - 1;
    TEST_CHECK(jimm_image_read(path, &options, &image) == JIMM_ERROR_LIMIT);
    TEST_CHECK_CONTAINS(jimm_error_message(), names[i]);
    options.max_pixels = pixels[i];
    TEST_CHECK(jimm_image_read(path, &options, &image) == JIMM_OK);
    jimm_image_close(&image);
  }
  options.max_pixels = 0;
  TEST_CHECK(jimm_image_read("x", &options, &image) == JIMM_ERROR_INVALID_ARGUMENT);
  options.size = 0;
  TEST_CHECK(jimm_image_read("x", &options, &image) == JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_UINT(live, 0);
}

/* Every allocation fails once. */
TEST(out_of_memory) {
  static const char *const names[] = {
      "rgb8.png",  "palette4_interlaced.png", "photo.jpg", "cmyk.jpg", "rgb255.ppm", "gray300.pgm",
      "lossy.webp"};
  const jimm_data_config config = {
      3, 64, 64, JIMM_BICUBIC, JIMM_CROP_CENTER, 0.9, {0.5, 0.5, 0.5}, {1, 1, 1}};
  static float values[3 * 64 * 64];
  jimm_tensor output = {JIMM_F32, {3, {3, 64, 64}}, values, NULL};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    char path[256];
    snprintf(path, sizeof(path), FOLDER "%s", names[i]);
    jimm_status status = JIMM_ERROR_OUT_OF_MEMORY;
    size_t n = 0;
    while (status != JIMM_OK && n < 100) {
      reset_counts();
      fail_at = ++n;
      jimm_image image;
      status = jimm_image_read(path, NULL, &image);
      if (status == JIMM_OK) {
        status = jimm_image_preprocess(&image, &config, &output);
      }
      jimm_image_close(&image);
      TEST_CHECK_MSG(status == JIMM_OK || status == JIMM_ERROR_OUT_OF_MEMORY, "%s: %s", names[i],
                     jimm_error_message());
      TEST_CHECK_UINT(live, 0);
    }
    TEST_CHECK_MSG(status == JIMM_OK && n > 4, "%s after %zu failures", names[i], n);
  }
  reset_counts();
}

/* ---- preprocessing ---- */

TEST(extreme_shapes_cost_little) {
  static const int64_t shapes[][2] = {{1, 900},    {900, 1},  {1, 100000},
                                      {100000, 1}, {3000, 2}, {2, 3000}};
  const jimm_data_config config = {3,     224,       224,      JIMM_BICUBIC, JIMM_CROP_CENTER,
                                   0.875, {0, 0, 0}, {1, 1, 1}};
  for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
    jimm_image image, crop;
    TEST_REQUIRE(jimm_image_create(shapes[i][0], shapes[i][1], &image) == JIMM_OK);
    memset(image.data, 77, (size_t)(image.width * image.height * 3));
    reset_counts();
    TEST_REQUIRE(jimm_image_crop(&image, &config, &crop) == JIMM_OK);
    TEST_CHECK_UINT(crop.data[0], 77);
    /* A naive resize of 1 x 900 would make 256 x 230,400 pixels: 177 MB. */
    TEST_CHECK_MSG(largest <= 224 * 224 * 3, "%zu bytes", largest);
    TEST_CHECK_MSG(total <= 1 << 20, "%zu bytes in all", total);
    jimm_image_close(&crop);
    jimm_image_close(&image);
  }
}

static void check_config_refused(int line, const jimm_image *image, jimm_data_config config,
                                 jimm_tensor output, jimm_status status, const char *words) {
  const size_t before = live;
  const jimm_status got = jimm_image_preprocess(image, &config, &output);
  jt_check_msg(__FILE__, line, "status", got == status, "got %s: %s", jimm_status_name(got),
               jimm_error_message());
  jt_check_contains(__FILE__, line, "message", jimm_error_message(), words);
  jt_check(__FILE__, line, "no leak", live == before);
}

TEST(refused_configurations) {
  static float values[3 * 8 * 8];
  uint8_t pixels[4 * 4 * 3] = {0};
  const jimm_image image = {4, 4, pixels}, none = {0, 0, NULL};
  const jimm_data_config good = {3,   8,         8,        JIMM_BICUBIC, JIMM_CROP_CENTER,
                                 1.0, {0, 0, 0}, {1, 1, 1}};
  const jimm_tensor output = {JIMM_F32, {3, {3, 8, 8}}, values, NULL};
  jimm_data_config c = good;
  jimm_tensor t = output;
  TEST_CHECK(jimm_image_preprocess(&image, &c, &t) == JIMM_OK);
#define CONFIG_REFUSED(change, status, words)                        \
  do {                                                               \
    c = good;                                                        \
    t = output;                                                      \
    change;                                                          \
    check_config_refused(__LINE__, &image, c, t, (status), (words)); \
  } while (0)
  CONFIG_REFUSED(c.channels = 1, JIMM_ERROR_UNSUPPORTED, "1 channels is not supported");
  CONFIG_REFUSED(c.width = 0, JIMM_ERROR_INVALID_ARGUMENT, "8 x 0");
  CONFIG_REFUSED(c.crop_pct = -1, JIMM_ERROR_INVALID_ARGUMENT, "crop_pct");
  CONFIG_REFUSED(c.crop_pct = 100, JIMM_ERROR_INVALID_ARGUMENT, "no pixels");
  CONFIG_REFUSED(c.crop_pct = 1e-12, JIMM_ERROR_LIMIT, "side above");
  CONFIG_REFUSED(c.crop_mode = (jimm_crop_mode)7, JIMM_ERROR_INVALID_ARGUMENT, "crop mode 7");
  CONFIG_REFUSED(c.interpolation = (jimm_interpolation)7, JIMM_ERROR_INVALID_ARGUMENT,
                 "interpolation 7");
  CONFIG_REFUSED(c.std[1] = 0, JIMM_ERROR_INVALID_ARGUMENT, "channel 1 is zero");
  CONFIG_REFUSED(t.dtype = JIMM_F64, JIMM_ERROR_INVALID_ARGUMENT, "F64");
  CONFIG_REFUSED(t.data = NULL, JIMM_ERROR_INVALID_ARGUMENT, "no memory");
  CONFIG_REFUSED(t.shape.dim[2] = 9, JIMM_ERROR_SHAPE, "[3, 8, 9]");
  check_config_refused(__LINE__, &none, good, output, JIMM_ERROR_INVALID_ARGUMENT, "no pixels");
  check_config_refused(__LINE__, NULL, good, output, JIMM_ERROR_INVALID_ARGUMENT, "no pixels");
  jimm_image result;
  TEST_CHECK(jimm_image_resize(&image, 0, 3, JIMM_BICUBIC, &result) == JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK(jimm_image_resize(&image, INT64_MAX, 3, JIMM_BICUBIC, &result) == JIMM_ERROR_LIMIT);
  TEST_CHECK(jimm_image_resize(&none, 3, 3, JIMM_BICUBIC, &result) == JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK(jimm_image_crop(&image, NULL, &result) == JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_UINT(live, 0);
}

TEST_MAIN()
