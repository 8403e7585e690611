/* Every allocation on the way from an image file to a tensor fails once: a row for each format. */
#include <jimm-test/jimm-test.h>
#include <jimm/image.h>
#include <stdio.h>

#include "walk.h"

#define SIDE 64

/* Decodes and preprocesses a file of test/data/images. */
static jimm_status preprocess(const char *name) {
  const jimm_data_config config = {
      3, SIDE, SIDE, JIMM_BICUBIC, JIMM_CROP_CENTER, 0.9, {0.5, 0.5, 0.5}, {1, 1, 1}};
  static float values[3 * SIDE * SIDE];
  jimm_tensor output = {JIMM_F32, {3, {3, SIDE, SIDE}}, values, NULL};
  char path[256];
  snprintf(path, sizeof path, "test/data/images/%s", name);
  jimm_image image;
  jimm_status status = jimm_image_read(path, NULL, &image);
  if (status == JIMM_OK) {
    status = jimm_image_preprocess(&image, &config, &output);
  }
  jimm_image_close(&image);
  return status;
}

static jimm_status resize(const char *name) {
  char path[256];
  snprintf(path, sizeof path, "test/data/images/%s", name);
  jimm_image image, resized = {0, 0, NULL};
  jimm_status status = jimm_image_read(path, NULL, &image);
  if (status == JIMM_OK) {
    status = jimm_image_resize(&image, 50, 40, JIMM_BILINEAR, &resized);
  }
  jimm_image_close(&resized);
  jimm_image_close(&image);
  return status;
}

static const memory_walk rows[] = {
    {"PNG", preprocess, "rgb8.png", JIMM_OK, FOREIGN_FAILS}, /* libdeflate */
    {"PNG, interlaced palette", preprocess, "palette4_interlaced.png"},
    {"PNG, 16 bits", preprocess, "gray_alpha16.png", JIMM_OK, FOREIGN_FAILS},
    {"PNG, wide", preprocess, "wide.png", JIMM_OK, FOREIGN_FAILS},
    {"JPEG", preprocess, "photo.jpg", JIMM_OK, FOREIGN_FAILS},
    /* libwebp calls a file damaged when its memory runs out; test_cli_memory sees that it goes on.
     */
    {"WebP", preprocess, "lossy_alpha.webp", JIMM_OK, FOREIGN_IGNORED},
    {"WebP, animated", preprocess, "animated.webp", JIMM_OK, FOREIGN_IGNORED},
    {"JPEG, progressive", preprocess, "photo_progressive.jpg", JIMM_OK, FOREIGN_FAILS},
    {"JPEG, CMYK", preprocess, "cmyk.jpg", JIMM_OK, FOREIGN_FAILS},
    {"JPEG, gray", preprocess, "gray.jpg", JIMM_OK, FOREIGN_FAILS},
    {"PPM", preprocess, "rgb255.ppm"},
    {"PPM, 16 bits", preprocess, "rgb1000.ppm"},
    {"PGM", preprocess, "gray300.pgm"},
    {"resize", resize, "rgb8.png", JIMM_OK, FOREIGN_FAILS},
};

TEST_SETUP() {
  memory_walks_add(rows, sizeof rows / sizeof rows[0]);
}

TEST_MAIN()
