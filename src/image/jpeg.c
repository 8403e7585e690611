/* JPEG by libjpeg-turbo, as Pillow's JpegImagePlugin reads it: baseline and progressive, gray,
 * colour and CMYK; accurate integer inverse DCT and fancy upsampling, the library's defaults.
 *
 * The source never invents data: at the end of the file it suspends the library, which then says
 * that it wants more, and the file is reported as truncated. (libjpeg's own memory source would
 * insert an end marker, and the missing part would be gray.) Warnings about corrupt data are
 * ignored. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/alloc.h"
#include "image/image.h"

/* Scans of a progressive file; more only serve to waste time. */
#define MAX_SCANS 1000

typedef struct decoder {
  struct jpeg_decompress_struct codec; /* first: the callbacks get its address */
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  jmp_buf failed;
  jimm_status status; /* set before a jump by our own callbacks */
  const jimm_image_file *file;
  jimm_image *image;
  uint8_t *row; /* CMYK */
} decoder;

bool jimm_jpeg_sniff(const uint8_t *data, size_t size) {
  return size >= 3 && data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF;
}

/* ---- callbacks ---- */

static void on_error(j_common_ptr common) {
  decoder *d = (decoder *)common;
  longjmp(d->failed, 1);
}

static void on_message(j_common_ptr common) {
  (void)common;
}

static void on_level(j_common_ptr common, int level) {
  (void)common;
  (void)level;
}

static void do_nothing(j_decompress_ptr library) {
  (void)library;
}

static boolean no_more_input(j_decompress_ptr library) {
  (void)library;
  return FALSE;
}

static void skip_input(j_decompress_ptr library, long count) {
  struct jpeg_source_mgr *source = library->src;
  if (count <= 0) {
    return;
  }
  const size_t skipped =
      (size_t)count < source->bytes_in_buffer ? (size_t)count : source->bytes_in_buffer;
  source->next_input_byte += skipped;
  source->bytes_in_buffer -= skipped;
}

static void on_progress(j_common_ptr common) {
  decoder *d = (decoder *)common;
  if (d->codec.input_scan_number > MAX_SCANS) {
    d->status = jimm_fail(JIMM_ERROR_LIMIT, "%s: progressive JPEG of more than %d scans",
                          d->file->name, MAX_SCANS);
    longjmp(d->failed, 1);
  }
}

/* ---- decoding ---- */

static jimm_status fail_library(decoder *d) {
  char message[JMSG_LENGTH_MAX] = "";
  d->errors.format_message((j_common_ptr)&d->codec, message);
  jimm_status status = JIMM_ERROR_FORMAT;
  switch (d->errors.msg_code) {
    case JERR_OUT_OF_MEMORY:
      return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "%s: out of memory in libjpeg", d->file->name);
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
      status = JIMM_ERROR_UNSUPPORTED;
      break;
    default:
      break;
  }
  return jimm_fail(status, "%s: JPEG: %s", d->file->name, message);
}

static jimm_status fail_truncated(const decoder *d) {
  return jimm_fail(
      JIMM_ERROR_FORMAT,
      "%s: JPEG file is truncated: it ends after %zu bytes, with %u of %u rows decoded",
      d->file->name, d->file->size, (unsigned)d->codec.output_scanline,
      (unsigned)d->codec.image_height);
}

static jimm_status read_header(decoder *d) {
  j_decompress_ptr library = &d->codec;
  int answer = JPEG_HEADER_TABLES_ONLY;
  while (answer == JPEG_HEADER_TABLES_ONLY) {
    answer = jpeg_read_header(library, FALSE);
  }
  if (answer == JPEG_SUSPENDED) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: JPEG file is truncated: it ends after %zu bytes, before the image data",
                     d->file->name, d->file->size);
  }
  switch (library->num_components) {
    case 1:
      library->out_color_space = JCS_GRAYSCALE;
      break;
    case 3:
      library->out_color_space = JCS_RGB;
      break;
    case 4:
      library->out_color_space = JCS_CMYK;
      break;
    default:
      return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                       "%s: JPEG of %d components is not supported, expected 1, 3 or 4",
                       d->file->name, library->num_components);
  }
  return JIMM_OK;
}

/* x * y / 255, rounded as Pillow rounds. */
static unsigned multiply(unsigned x, unsigned y) {
  const unsigned t = x * y + 128;
  return (t + (t >> 8)) >> 8;
}

/* Pillow takes the four channels as inverted, as Adobe writes them, whatever the file says. */
static void cmyk_row(const uint8_t *in, uint8_t *out, size_t width) {
  for (size_t x = 0; x < width; x++, in += 4, out += 3) {
    const unsigned white = in[3];
    for (int c = 0; c < 3; c++) {
      out[c] = (uint8_t)(white - multiply(255u - in[c], white));
    }
  }
}

static void gray_row(const uint8_t *in, uint8_t *out, size_t width) {
  for (size_t x = 0; x < width; x++) {
    const uint8_t value = in[x];
    out[3 * x] = out[3 * x + 1] = out[3 * x + 2] = value;
  }
}

static jimm_status read_rows(decoder *d) {
  j_decompress_ptr library = &d->codec;
  const size_t width = (size_t)d->image->width;
  const int components = library->num_components;
  if (components == 4) {
    d->row = jimm_alloc(width * 4);
    if (d->row == NULL) {
      return jimm_fail_context(JIMM_ERROR_OUT_OF_MEMORY, "%s", d->file->name);
    }
  }
  while (library->output_scanline < library->output_height) {
    uint8_t *out = d->image->data + library->output_scanline * width * 3;
    /* Gray rows are expanded in place, from the right end of the row. */
    JSAMPROW row = components == 1 ? out + 2 * width : components == 4 ? d->row : out;
    if (jpeg_read_scanlines(library, &row, 1) != 1) {
      return fail_truncated(d);
    }
    if (components == 1) {
      gray_row(row, out, width);
    } else if (components == 4) {
      cmyk_row(row, out, width);
    }
  }
  /* Every pixel is there; whether the file ends well does not matter, unless the library finds an
   * error in what follows. */
  (void)jpeg_finish_decompress(library);
  return JIMM_OK;
}

/* libjpeg reports errors by a jump to here. Nothing but `d` is used after it. */
static jimm_status decode(decoder *d) {
  if (setjmp(d->failed) != 0) {
    return d->status != JIMM_OK ? d->status : fail_library(d);
  }
  jpeg_create_decompress(&d->codec);
  d->codec.src = &d->source;
  d->codec.progress = &d->progress;
  jimm_status status = read_header(d);
  if (status == JIMM_OK) {
    status = jimm_image_check_size(d->file, "JPEG", d->codec.image_width, d->codec.image_height);
  }
  if (status != JIMM_OK) {
    return status;
  }
  if (jpeg_start_decompress(&d->codec) == FALSE) {
    return fail_truncated(d);
  }
  status =
      jimm_image_begin(d->file, "JPEG", d->codec.output_width, d->codec.output_height, d->image);
  return status == JIMM_OK ? read_rows(d) : status;
}

jimm_status jimm_jpeg_decode(const jimm_image_file *file, jimm_image *image) {
  decoder d;
  memset(&d, 0, sizeof(d));
  d.file = file;
  d.image = image;
  d.codec.err = jpeg_std_error(&d.errors);
  d.errors.error_exit = on_error;
  d.errors.output_message = on_message;
  d.errors.emit_message = on_level;
  d.source.next_input_byte = file->data;
  d.source.bytes_in_buffer = file->size;
  d.source.init_source = do_nothing;
  d.source.fill_input_buffer = no_more_input;
  d.source.skip_input_data = skip_input;
  d.source.resync_to_restart = jpeg_resync_to_restart;
  d.source.term_source = do_nothing;
  d.progress.progress_monitor = on_progress;
  const jimm_status status = decode(&d);
  jpeg_destroy_decompress(&d.codec);
  jimm_free(d.row);
  return status;
}
