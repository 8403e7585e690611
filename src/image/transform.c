/* timm's transforms_imagenet_eval: resize, centre crop, scale to 0..1, normalise. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "image/image.h"

/* timm takes this where a configuration has no crop_pct. */
#define DEFAULT_CROP_PCT 0.875

/* Python's round for numbers that are not negative: to nearest, halves to even. */
static int64_t round_even(double x) {
  const double whole = floor(x);
  const double rest = x - whole;
  const int64_t n = (int64_t)whole;
  return rest > 0.5 || (rest == 0.5 && n % 2 != 0) ? n + 1 : n;
}

static jimm_status check_config(const jimm_data_config *config) {
  if (config == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "preprocessing: the configuration is NULL");
  }
  if (config->height < 1 || config->width < 1 || config->height > INT32_MAX ||
      config->width > INT32_MAX) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "preprocessing: input size %" PRId64 " x %" PRId64
                     ", expected sides from 1 to %d",
                     config->height, config->width, INT32_MAX);
  }
  if (!(config->crop_pct >= 0.0) || !isfinite(config->crop_pct)) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "preprocessing: crop_pct is not a positive number");
  }
  if (config->crop_mode != JIMM_CROP_CENTER && config->crop_mode != JIMM_CROP_SQUASH) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "preprocessing: crop mode %d, expected JIMM_CROP_CENTER or JIMM_CROP_SQUASH",
                     (int)config->crop_mode);
  }
  return JIMM_OK;
}

/* To what the image is resized before the crop. */
typedef struct plan {
  double width, height; /* integers; double, so that nothing overflows */
  jimm_interpolation interpolation;
} plan;

static plan plan_resize(const jimm_image *image, const jimm_data_config *config) {
  const double crop_pct = config->crop_pct == 0.0 ? DEFAULT_CROP_PCT : config->crop_pct;
  const double high = floor((double)config->height / crop_pct);
  const double wide = floor((double)config->width / crop_pct);
  const double w = (double)image->width, h = (double)image->height;
  plan p = {wide, high, config->interpolation};
  if (config->crop_mode == JIMM_CROP_SQUASH) {
    return p;
  }
  if (wide == high) {
    /* torchvision's Resize of one number: the shortest side; the other is truncated. */
    if (w <= h) {
      p.height = trunc(wide * h / w);
    } else {
      p.width = trunc(wide * w / h);
    }
    return p;
  }
  /* timm's ResizeKeepRatio, which is made without the configuration's interpolation. */
  const double ratio = fmin(h / high, w / wide);
  p.width = (double)round_even(w / ratio);
  p.height = (double)round_even(h / ratio);
  p.interpolation = JIMM_BILINEAR;
  return p;
}

/* One axis of torchvision's CenterCrop: where the kept part begins in the resized image, where in
 * the result, and how long it is. */
static void crop_axis(int64_t resized, int64_t wanted, int64_t *from, int64_t *to,
                      int64_t *length) {
  if (wanted > resized) {
    *from = 0;
    *to = (wanted - resized) / 2;
    *length = resized;
  } else {
    *from = round_even((double)(resized - wanted) / 2.0);
    *to = 0;
    *length = wanted;
  }
}

jimm_status jimm_image_crop(const jimm_image *image, const jimm_data_config *config,
                            jimm_image *result) {
  if (result == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_image_crop: result is NULL");
  }
  memset(result, 0, sizeof(*result));
  jimm_status status = check_config(config);
  if (status != JIMM_OK) {
    return status;
  }
  if (image == NULL || image->data == NULL || image->width < 1 || image->height < 1) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "preprocessing: the image has no pixels");
  }
  const plan p = plan_resize(image, config);
  if (!(p.width >= 1 && p.height >= 1)) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "preprocessing: crop_pct leaves an image of no pixels");
  }
  if (!(p.width <= INT32_MAX && p.height <= INT32_MAX)) {
    return jimm_fail(JIMM_ERROR_LIMIT,
                     "preprocessing: an image of %" PRId64 " x %" PRId64
                     " pixels would be resized to a side above %d",
                     image->width, image->height, INT32_MAX);
  }
  const int64_t width = (int64_t)p.width, height = (int64_t)p.height;
  jimm_window window;
  int64_t x, y;
  crop_axis(width, config->width, &window.x, &x, &window.width);
  crop_axis(height, config->height, &window.y, &y, &window.height);
  jimm_image made;
  status = jimm_image_create(config->width, config->height, &made);
  if (status != JIMM_OK) {
    return status;
  }
  const size_t stride = (size_t)made.width * 3;
  if (window.width < made.width || window.height < made.height) {
    memset(made.data, 0, stride * (size_t)made.height);
  }
  status = jimm_image_resize_window(image, width, height, p.interpolation, &window,
                                    made.data + (size_t)y * stride + (size_t)x * 3, stride);
  if (status != JIMM_OK) {
    jimm_image_close(&made);
    return status;
  }
  *result = made;
  return JIMM_OK;
}

static jimm_status check_output(const jimm_data_config *config, const jimm_tensor *output) {
  const jimm_shape wanted3 = {3, {3, config->height, config->width}};
  const jimm_shape wanted4 = {4, {1, 3, config->height, config->width}};
  if (output == NULL || output->data == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "preprocessing: the output has no memory");
  }
  if (output->dtype != JIMM_F32) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "preprocessing: the output's element type is %s, expected F32",
                     jimm_dtype_name(output->dtype));
  }
  if (!jimm_shape_equal(&output->shape, &wanted3) && !jimm_shape_equal(&output->shape, &wanted4)) {
    char got[JIMM_SHAPE_TEXT], want[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_SHAPE, "preprocessing: the output's shape is %s, expected %s",
                     jimm_shape_format(&output->shape, got, sizeof(got)),
                     jimm_shape_format(&wanted4, want, sizeof(want)));
  }
  return JIMM_OK;
}

jimm_status jimm_image_preprocess(const jimm_image *image, const jimm_data_config *config,
                                  jimm_tensor *output) {
  jimm_status status = check_config(config);
  if (status != JIMM_OK) {
    return status;
  }
  if (config->channels != 3) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "preprocessing for %" PRId64
                     " channels is not supported: image files give 3 (RGB)",
                     config->channels);
  }
  status = check_output(config, output);
  if (status != JIMM_OK) {
    return status;
  }
  /* A pixel has 256 values a channel: torchvision's ToTensor and Normalize, in float32. */
  float table[3][256];
  for (int c = 0; c < 3; c++) {
    const float mean = (float)config->mean[c], std = (float)config->std[c];
    if (!(std != 0.0f)) {
      return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                       "preprocessing: the standard deviation of channel %d is zero", c);
    }
    for (int v = 0; v < 256; v++) {
      table[c][v] = ((float)v / 255.0f - mean) / std;
    }
  }
  jimm_image crop;
  status = jimm_image_crop(image, config, &crop);
  if (status != JIMM_OK) {
    return status;
  }
  const size_t pixels = (size_t)crop.width * (size_t)crop.height;
  for (size_t c = 0; c < 3; c++) {
    float *out = (float *)output->data + c * pixels;
    const uint8_t *in = crop.data + c;
    for (size_t i = 0; i < pixels; i++) {
      out[i] = table[c][in[3 * i]];
    }
  }
  jimm_image_close(&crop);
  return JIMM_OK;
}
