/* The transform: pictures and targets of any geometry, pixels from the input. */
#include <string.h>

#include "fuzz.h"
#include "image/image.h"

static void fill(jimm_image *image) {
  const size_t size = (size_t)(image->width * image->height) * 3;
  for (size_t i = 0; i < size; i++) {
    image->data[i] = (uint8_t)(fuzz_size > 0 ? fuzz_data[i % fuzz_size] : i);
  }
}

void fuzz_one(void) {
  jimm_data_config config = {.channels = 3, .mean = {0.5, 0.25, 0}, .std = {0.25, 1, 2}};
  const int64_t width = fuzz_range(1, 20), height = fuzz_range(1, 20);
  const int64_t stretch = fuzz_range(0, 7);
  config.width = fuzz_range(0, 12);
  config.height = fuzz_range(0, 12);
  config.interpolation = (jimm_interpolation)fuzz_range(0, 2);
  config.crop_mode = (jimm_crop_mode)fuzz_range(0, 2);
  config.crop_pct = (double)fuzz_range(0, 1023) / 512;
  jimm_image image = {0, 0, NULL}, result = {0, 0, NULL};
  jimm_tensor tensor;
  fuzz_require(jimm_image_create(stretch == 0 ? 10 * width : width,
                                 stretch == 1 ? 10 * height : height, &image) == JIMM_OK);
  fill(&image);
  if (jimm_image_crop(&image, &config, &result) == JIMM_OK) {
    fuzz_require(result.width == config.width && result.height == config.height);
    fuzz_touch(result.data, (size_t)(result.width * result.height) * 3);
  }
  jimm_image_close(&result);
  const jimm_shape shape = {3, {3, config.height, config.width}};
  fuzz_require(jimm_tensor_create(JIMM_F32, &shape, &tensor) == JIMM_OK);
  if (jimm_image_preprocess(&image, &config, &tensor) == JIMM_OK) {
    fuzz_touch(tensor.data, jimm_tensor_bytes(&tensor));
  }
  jimm_tensor_close(&tensor);
  if (jimm_image_resize(&image, config.width, config.height, config.interpolation, &result) ==
      JIMM_OK) {
    fuzz_touch(result.data, (size_t)(result.width * result.height) * 3);
  }
  jimm_image_close(&result);
  jimm_image_close(&image);
}
