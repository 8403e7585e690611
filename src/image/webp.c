/* WebP: lossy, lossless, with alpha, and the first frame of animations. As Pillow's
 * WebPImagePlugin: the frame lies on a transparent black canvas, and alpha is dropped. */
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "image/image.h"

bool jimm_webp_sniff(const uint8_t *data, size_t size) {
  return size >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0;
}

static const char *reason_of(VP8StatusCode code) {
  switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return "there is not enough memory";
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return "its data end early";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "it uses a feature that libwebp lacks";
    default:
      return "its data are damaged";
  }
}

/* Decodes the frame into its place on the canvas. */
static jimm_status decode_frame(const jimm_image_file *file, const WebPIterator *frame,
                                jimm_image *image) {
  const int64_t right = (int64_t)frame->x_offset + frame->width;
  const int64_t bottom = (int64_t)frame->y_offset + frame->height;
  if (frame->x_offset < 0 || frame->y_offset < 0 || frame->width < 1 || frame->height < 1 ||
      right > image->width || bottom > image->height) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: WebP frame of %d x %d pixels at %d, %d: expected it inside %lld x %lld",
                     file->name, frame->width, frame->height, frame->x_offset, frame->y_offset,
                     (long long)image->width, (long long)image->height);
  }
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) {
    return jimm_fail(JIMM_ERROR_INTERNAL, "%s: libwebp is not the version that jimm was built for",
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
  if (code != VP8_STATUS_OK) {
    return jimm_fail(
        code == VP8_STATUS_OUT_OF_MEMORY ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_ERROR_FORMAT,
        "%s: WebP frame of %d x %d pixels cannot be decoded: %s", file->name, frame->width,
        frame->height, reason_of(code));
  }
  return JIMM_OK;
}

static jimm_status decode_first(const jimm_image_file *file, WebPDemuxer *demuxer,
                                jimm_image *image) {
  WebPIterator frame;
  jimm_status status = jimm_image_begin(file, "WebP", WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
                                        WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT), image);
  if (status != JIMM_OK) {
    return status;
  }
  if (!WebPDemuxGetFrame(demuxer, 1, &frame)) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: WebP file without a frame", file->name);
  }
  if (frame.width != image->width || frame.height != image->height) {
    memset(image->data, 0, (size_t)(image->width * image->height) * 3);
  }
  status = decode_frame(file, &frame, image);
  WebPDemuxReleaseIterator(&frame);
  return status;
}

jimm_status jimm_webp_decode(const jimm_image_file *file, jimm_image *image) {
  const WebPData data = {file->data, file->size};
  WebPDemuxState state;
  WebPDemuxer *demuxer = WebPDemuxPartial(&data, &state);
  jimm_status status;
  if (demuxer == NULL || state != WEBP_DEMUX_DONE) {
    status =
        state == WEBP_DEMUX_PARSE_ERROR
            ? jimm_fail(JIMM_ERROR_FORMAT, "%s: the chunks of the WebP file are damaged",
                        file->name)
            : jimm_fail(JIMM_ERROR_FORMAT, "%s: WebP file is truncated: it ends after %zu bytes",
                        file->name, file->size);
  } else {
    status = decode_first(file, demuxer, image);
  }
  WebPDemuxDelete(demuxer);
  return status;
}
