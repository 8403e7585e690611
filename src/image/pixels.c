/* The pixels of an image: made, checked for size, released. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "image/image.h"

void jimm_image_close(jimm_image *image) {
  if (image == NULL) {
    return;
  }
  jimm_free(image->data);
  memset(image, 0, sizeof(*image));
}

jimm_status jimm_image_create(int64_t width, int64_t height, jimm_image *image) {
  memset(image, 0, sizeof(*image));
  if (width < 1 || height < 1) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "an image has at least 1 x 1 pixels, not %" PRId64 " x %" PRId64, width,
                     height);
  }
  if (width > INT64_MAX / 3 / height || (uint64_t)width * (uint64_t)height > SIZE_MAX / 3) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%" PRId64 " x %" PRId64 " pixels do not fit in memory",
                     width, height);
  }
  image->data = jimm_alloc((size_t)width * (size_t)height * 3);
  if (image->data == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  image->width = width;
  image->height = height;
  return JIMM_OK;
}

jimm_status jimm_image_check_size(const jimm_image_file *file, const char *format, int64_t width,
                                  int64_t height) {
  if (width < 1 || height < 1) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: the %s header says %" PRId64 " x %" PRId64
                     " pixels, expected at least 1 x 1",
                     file->name, format, width, height);
  }
  if (width > file->max_pixels / height) {
    return jimm_fail(JIMM_ERROR_LIMIT,
                     "%s: %s image of %" PRId64 " x %" PRId64
                     " pixels is above the limit of %" PRId64 " pixels",
                     file->name, format, width, height, file->max_pixels);
  }
  return JIMM_OK;
}

jimm_status jimm_image_begin(const jimm_image_file *file, const char *format, int64_t width,
                             int64_t height, jimm_image *image) {
  jimm_status status = jimm_image_check_size(file, format, width, height);
  if (status == JIMM_OK) {
    status = jimm_image_create(width, height, image);
    if (status != JIMM_OK) {
      jimm_fail_context(status, "%s", file->name);
    }
  }
  return status;
}
