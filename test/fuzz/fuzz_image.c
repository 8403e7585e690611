/* One image format, -DFORMAT_NAME=png: the sniffer, and the decoder of what it knows. */
#include "fuzz.h"
#include "image/image.h"

#define PASTE_(a, b, c) a##b##c
#define PASTE(a, b, c) PASTE_(a, b, c)

/* Small pictures show every path of a decoder, thousands of times a second. */
#define MAX_PIXELS 4096

void fuzz_one(void) {
  const jimm_image_file file = {fuzz_data, fuzz_size, "input", MAX_PIXELS};
  jimm_image image = {0, 0, NULL};
  if (!PASTE(jimm_, FORMAT_NAME, _sniff)(fuzz_data, fuzz_size)) {
    return;
  }
  if (PASTE(jimm_, FORMAT_NAME, _decode)(&file, &image) == JIMM_OK) {
    fuzz_require(image.width > 0 && image.height > 0 && image.width * image.height <= MAX_PIXELS);
    fuzz_touch(image.data, (size_t)(image.width * image.height) * 3);
  } else {
    fuzz_require(jimm_error_message()[0] != 0);
  }
  jimm_image_close(&image);
}
