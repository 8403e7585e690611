/* Image files: which decoder, limits, ownership. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/options.h"
#include "base/os.h"
#include "image/image.h"

typedef struct decoder {
  const char *label;
  bool (*sniff)(const uint8_t *data, size_t size);
  jimm_status (*decode)(const jimm_image_file *file, jimm_image *image);
} decoder;

static const decoder decoders[] = {
#define FORMAT(name, label) {label, jimm_##name##_sniff, jimm_##name##_decode},
#define FOREIGN(label, offset, bytes)
#include "image/formats.def"
#undef FORMAT
#undef FOREIGN
};

typedef struct foreign {
  const char *label;
  size_t offset, length;
  const char *bytes;
} foreign;

static const foreign foreigners[] = {
#define FORMAT(name, label)
#define FOREIGN(label, offset, bytes) {label, offset, sizeof(bytes) - 1, bytes},
#include "image/formats.def"
#undef FORMAT
#undef FOREIGN
};

/* "PNG, JPEG, PPM" */
static const char known[] =
#define FORMAT(name, label) ", " label
#define FOREIGN(label, offset, bytes)
#include "image/formats.def"
#undef FORMAT
#undef FOREIGN
    ;

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The options that the caller's struct has; fields that it lacks keep their defaults. */
static jimm_status resolve_options(const jimm_image_options *options,
                                   jimm_image_options *resolved) {
  *resolved = (jimm_image_options)JIMM_IMAGE_OPTIONS_INIT;
  const jimm_status status =
      jimm_copy_options("jimm_image_options", options, resolved, sizeof *resolved);
  if (status == JIMM_OK && resolved->max_pixels < 1) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "jimm_image_options: max_pixels is %" PRId64 ", expected at least 1",
                     resolved->max_pixels);
  }
  return status;
}

static jimm_status fail_unknown(const uint8_t *data, size_t size, const char *name) {
  for (size_t i = 0; i < COUNT_OF(foreigners); i++) {
    const foreign *f = &foreigners[i];
    if (size >= f->offset + f->length && memcmp(data + f->offset, f->bytes, f->length) == 0) {
      return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: %s is not supported (known formats: %s)", name,
                       f->label, known + 2);
    }
  }
  char bytes[3 * 8 + 1] = "";
  const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < size && i < 8; i++) {
    bytes[3 * i] = ' ';
    bytes[3 * i + 1] = digits[data[i] >> 4];
    bytes[3 * i + 2] = digits[data[i] & 15];
    bytes[3 * i + 3] = 0;
  }
  return jimm_fail(JIMM_ERROR_FORMAT,
                   "%s: not an image of a known format (%s); the file begins with%s", name,
                   known + 2, bytes);
}

static jimm_status decode(const uint8_t *data, size_t size, const char *name, int64_t max_pixels,
                          jimm_image *image) {
  if (size == 0) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: the file is empty, expected an image", name);
  }
  const jimm_image_file file = {data, size, name, max_pixels};
  for (size_t i = 0; i < COUNT_OF(decoders); i++) {
    if (decoders[i].sniff(data, size)) {
      const jimm_status status = decoders[i].decode(&file, image);
      if (status != JIMM_OK) {
        jimm_image_close(image);
      }
      return status;
    }
  }
  return fail_unknown(data, size, name);
}

jimm_status jimm_image_decode(const void *data, size_t size, const char *name,
                              const jimm_image_options *options, jimm_image *image) {
  if (image == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_image_decode: image is NULL");
  }
  memset(image, 0, sizeof(*image));
  if (data == NULL && size > 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_image_decode: data is NULL");
  }
  jimm_image_options resolved;
  const jimm_status status = resolve_options(options, &resolved);
  if (status != JIMM_OK) {
    return status;
  }
  return decode(data, size, name != NULL ? name : "image", resolved.max_pixels, image);
}

/* No file of max_pixels pixels is longer: 8 bytes a pixel uncompressed, and room for metadata. */
static size_t file_limit(int64_t max_pixels) {
  const uint64_t metadata = UINT64_C(64) << 20;
  if ((uint64_t)max_pixels > (SIZE_MAX / 2 - metadata) / 8) {
    return SIZE_MAX / 2;
  }
  return (size_t)((uint64_t)max_pixels * 8 + metadata);
}

jimm_status jimm_image_read(const char *path, const jimm_image_options *options,
                            jimm_image *image) {
  if (image == NULL || path == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_image_read: %s is NULL",
                     image == NULL ? "image" : "path");
  }
  memset(image, 0, sizeof(*image));
  jimm_image_options resolved;
  jimm_status status = resolve_options(options, &resolved);
  if (status != JIMM_OK) {
    return status;
  }
  unsigned char *data = NULL;
  size_t size = 0;
  status = jimm_os_read_file(path, file_limit(resolved.max_pixels), &data, &size);
  if (status != JIMM_OK) {
    return status;
  }
  status = decode(data, size, path, resolved.max_pixels, image);
  jimm_free(data);
  return status;
}
