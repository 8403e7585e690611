/* WebP by libwebp, as Pillow's WebPImagePlugin reads it: lossy, lossless and animated.
 *
 * Pillow draws the first frame with libwebp's animation decoder on a canvas of zeros; nothing is
 * blended and the background colour of the file is not used. Here libwebp decodes that frame to RGB
 * at its place in the image, which gives the same bytes, because what alpha there is, is dropped.
 * Colour profiles and EXIF orientation are ignored. Like Pillow, this demands the whole file, also
 * the frames that follow the first. */
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include "image/image.h"

bool jimm_webp_sniff(const uint8_t *data, size_t size) {
  return size >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0;
}

/* libwebp often gives the same answer when its memory runs out. */
static jimm_status fail_broken(const jimm_image_file *file, const char *what) {
  return jimm_fail(JIMM_ERROR_FORMAT, "%s: broken WebP file, or too little memory: %s", file->name,
                   what);
}

static jimm_status check_length(const jimm_image_file *file) {
  const uint8_t *p = file->data + 4;
  const uint64_t length =
      8 + ((uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24);
  if (length > file->size) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: WebP file is truncated: it ends after %zu bytes, its header says %llu",
                     file->name, file->size, (unsigned long long)length);
  }
  return JIMM_OK;
}

/* Decodes a frame to its place in the image. */
static jimm_status decode_frame(const jimm_image_file *file, const WebPIterator *frame,
                                jimm_image *image) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: libwebp has another interface than expected",
                     file->name);
  }
  const size_t stride = (size_t)image->width * 3;
  const size_t offset = (size_t)frame->y_offset * stride + (size_t)frame->x_offset * 3;
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = image->data + offset;
  config.output.u.RGBA.stride = (int)stride;
  config.output.u.RGBA.size = stride * (size_t)image->height - offset;
  const VP8StatusCode code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  switch (code) {
    case VP8_STATUS_OK:
      return JIMM_OK;
    case VP8_STATUS_OUT_OF_MEMORY:
      return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "%s: out of memory in libwebp", file->name);
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: WebP file of an unknown kind", file->name);
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return fail_broken(file, "the image data end too early");
    default:
      return fail_broken(file, "wrong image data");
  }
}

static jimm_status decode(const jimm_image_file *file, const WebPDemuxer *demuxer,
                          jimm_image *image) {
  jimm_status status = jimm_image_begin(file, "WebP", WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
                                        WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT), image);
  if (status != JIMM_OK) {
    return status;
  }
  WebPIterator frame;
  if (WebPDemuxGetFrame(demuxer, 1, &frame) == 0) {
    return fail_broken(file, "no image data");
  }
  if (frame.width < image->width || frame.height < image->height) {
    memset(image->data, 0, (size_t)image->width * (size_t)image->height * 3);
  }
  status = decode_frame(file, &frame, image);
  WebPDemuxReleaseIterator(&frame);
  return status;
}

jimm_status jimm_webp_decode(const jimm_image_file *file, jimm_image *image) {
  const jimm_status status = check_length(file);
  if (status != JIMM_OK) {
    return status;
  }
  const WebPData data = {file->data, file->size};
  WebPDemuxer *demuxer = WebPDemux(&data);
  if (demuxer == NULL) {
    return fail_broken(file, "its chunks do not make an image");
  }
  const jimm_status decoded = decode(file, demuxer, image);
  WebPDemuxDelete(demuxer);
  return decoded;
}
