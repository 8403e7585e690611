/* Resampling as Pillow's Image.resize (version 13) does it, bit for bit: weights in double, then
 * fixed point of 22 bits; one axis after the other, as a rule rows first, with 8-bit pixels in
 * between; an axis of unchanged size is left alone. Only the part that a window of the result needs
 * is made. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "image/image.h"

/* Pillow gives up above this many weights for an axis (2 GiB of double). */
#define MAX_WEIGHTS (INT32_MAX / 8)

/* ---- loops ---- */

const jimm_resize_loops *jimm_resize_select(jimm_isa isa) {
#if defined(__x86_64__)
  return isa >= JIMM_ISA_AVX2 ? &jimm_resize_avx2 : &jimm_resize_sse2;
#else
  (void)isa;
  return &jimm_resize_plain;
#endif
}

/* ---- weights ---- */

static double bilinear(double x) {
  x = fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic convolution with a = -0.5, in Pillow's order of operations. */
static double bicubic(double x) {
  const double a = -0.5;
  x = fabs(x);
  if (x < 1.0) {
    return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  }
  if (x < 2.0) {
    return (((x - 5) * x + 8) * x - 4) * a;
  }
  return 0.0;
}

static void close_filter(jimm_filter *filter) {
  jimm_free(filter->first);
  jimm_free(filter->count);
  jimm_free(filter->weight);
  memset(filter, 0, sizeof(*filter));
}

static int32_t to_fixed(double weight) {
  const double scaled = weight * (1 << JIMM_FILTER_BITS);
  return (int32_t)(weight < 0 ? -0.5 + scaled : 0.5 + scaled);
}

/* Weights of outputs start .. start + outputs - 1, of `to` in all, from `from` inputs. */
static jimm_status make_filter(int64_t from, int64_t to, int64_t start, int64_t outputs,
                               jimm_interpolation interpolation, jimm_filter *filter) {
  memset(filter, 0, sizeof(*filter));
  /* Pillow keeps the size of the source in float32. */
  const double scale = (double)(float)from / (double)to;
  const double stretch = scale < 1.0 ? 1.0 : scale;
  const double support = (interpolation == JIMM_BICUBIC ? 2.0 : 1.0) * stretch;
  const double inverse = 1.0 / stretch;
  const int64_t needed = (int64_t)ceil(support) * 2 + 1;
  const int64_t taps = (needed + 3) / 4 * 4;
  if (outputs > MAX_WEIGHTS / needed) {
    return jimm_fail(JIMM_ERROR_LIMIT,
                     "resizing %" PRId64 " to %" PRId64 " pixels needs more than %d weights", from,
                     to, (int)MAX_WEIGHTS);
  }
  filter->outputs = outputs;
  filter->taps = taps;
  filter->first = jimm_alloc((size_t)outputs * sizeof(int32_t));
  filter->count = jimm_alloc((size_t)outputs * sizeof(int32_t));
  filter->weight = jimm_alloc((size_t)(outputs * taps) * sizeof(int32_t));
  double *exact = jimm_alloc((size_t)taps * sizeof(double));
  if (filter->first == NULL || filter->count == NULL || filter->weight == NULL || exact == NULL) {
    jimm_free(exact);
    close_filter(filter);
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  for (int64_t i = 0; i < outputs; i++) {
    const double center = ((double)(start + i) + 0.5) * scale;
    int64_t low = (int64_t)(center - support + 0.5);
    int64_t high = (int64_t)(center + support + 0.5);
    low = low < 0 ? 0 : low;
    high = high > from ? from : high;
    double sum = 0.0;
    for (int64_t t = 0; t < high - low; t++) {
      const double x = ((double)(low + t) - center + 0.5) * inverse;
      exact[t] = interpolation == JIMM_BICUBIC ? bicubic(x) : bilinear(x);
      sum += exact[t];
    }
    int32_t *weight = filter->weight + i * taps;
    for (int64_t t = 0; t < high - low; t++) {
      weight[t] = to_fixed(sum != 0.0 ? exact[t] / sum : exact[t]);
    }
    memset(weight + (high - low), 0, (size_t)(taps - (high - low)) * sizeof(int32_t));
    filter->first[i] = (int32_t)low;
    filter->count[i] = (int32_t)(high - low);
  }
  jimm_free(exact);
  return JIMM_OK;
}

/* ---- two passes ---- */

/* Rows of RGB pixels: the source, or what lies between the passes. */
typedef struct rows {
  const uint8_t *data;
  size_t stride, bytes; /* of a row */
  int64_t count;
  size_t after; /* bytes after the last row that may be read */
} rows;

typedef struct resize {
  const jimm_resize_loops *loops;
  const jimm_image *image;
  const jimm_window *window;
  uint8_t *target;
  size_t stride;
  bool across, down; /* which passes are needed */
  jimm_filter horizontal, vertical;
  uint8_t *between; /* between the passes */
} resize;

/* The range of inputs that a filter uses; its positions become relative to the first of them. */
static void rebase(jimm_filter *f, int64_t *low, int64_t *count) {
  const int32_t first = f->first[0];
  *low = first;
  *count = f->first[f->outputs - 1] + f->count[f->outputs - 1] - first;
  for (int64_t i = 0; i < f->outputs; i++) {
    f->first[i] -= first;
  }
}

/* The last rows, after which too little may be read, are copied first. */
static jimm_status pass_across(const resize *r, rows source, uint8_t *target, size_t stride) {
  int64_t last = 0;
  while (last < source.count && source.after + (size_t)last * source.stride < JIMM_ROW_SLACK) {
    last++;
  }
  const int64_t first = source.count - last;
  r->loops->across(&r->horizontal, source.data, source.stride, first, target, stride);
  if (last == 0) {
    return JIMM_OK;
  }
  const size_t bytes = (size_t)last * source.bytes;
  uint8_t *copy = jimm_calloc(1, bytes + JIMM_ROW_SLACK);
  if (copy == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  for (int64_t y = 0; y < last; y++) {
    memcpy(copy + (size_t)y * source.bytes, source.data + (size_t)(first + y) * source.stride,
           source.bytes);
  }
  r->loops->across(&r->horizontal, copy, source.bytes, last, target + (size_t)first * stride,
                   stride);
  jimm_free(copy);
  return JIMM_OK;
}

static void pass_down(const resize *r, rows source, uint8_t *target, size_t stride) {
  const jimm_filter *f = &r->vertical;
  for (int64_t i = 0; i < f->outputs; i++) {
    r->loops->down(f->weight + i * f->taps, f->count[i],
                   source.data + (size_t)f->first[i] * source.stride, source.stride, source.bytes,
                   target + (size_t)i * stride);
  }
}

/* Room for `height` rows of `width` pixels. */
static jimm_status create_between(resize *r, int64_t width, int64_t height, rows *between) {
  if ((uint64_t)width > (SIZE_MAX - JIMM_ROW_SLACK) / 3 / (uint64_t)height) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%" PRId64 " x %" PRId64 " pixels do not fit in memory",
                     width, height);
  }
  const size_t bytes = (size_t)width * 3, all = bytes * (size_t)height;
  r->between = jimm_alloc(all + JIMM_ROW_SLACK);
  if (r->between == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  memset(r->between + all, 0, JIMM_ROW_SLACK);
  *between = (rows){r->between, bytes, bytes, height, JIMM_ROW_SLACK};
  return JIMM_OK;
}

/* Since version 13, Pillow begins with the columns when that is much less work. With 8 bits between
 * the passes the order shows in the result. */
static bool begins_down(const jimm_image *image, int64_t width, int64_t height) {
  return height < image->height && image->height - height > 2 * (image->width - width);
}

static jimm_status run(resize *r, int64_t width, int64_t height, jimm_interpolation interpolation) {
  const jimm_window *w = r->window;
  const jimm_image *image = r->image;
  jimm_status status = JIMM_OK;
  /* The part of the source that is used. */
  int64_t x = w->x, y = w->y, columns = w->width, lines = w->height;
  if (r->across) {
    status = make_filter(image->width, width, w->x, w->width, interpolation, &r->horizontal);
    if (status != JIMM_OK) {
      return status;
    }
    rebase(&r->horizontal, &x, &columns);
  }
  if (r->down) {
    status = make_filter(image->height, height, w->y, w->height, interpolation, &r->vertical);
    if (status != JIMM_OK) {
      return status;
    }
    rebase(&r->vertical, &y, &lines);
  }
  const size_t pitch = (size_t)image->width * 3;
  const uint8_t *begin = image->data + (size_t)y * pitch + (size_t)x * 3;
  const size_t bytes = (size_t)columns * 3;
  const size_t after = (size_t)(image->height - y - lines) * pitch + pitch - (size_t)x * 3 - bytes;
  const rows source = {begin, pitch, bytes, lines, after};
  rows between = {0};
  if (!r->across && !r->down) {
    for (int64_t i = 0; i < lines; i++) {
      memcpy(r->target + (size_t)i * r->stride, begin + (size_t)i * pitch, bytes);
    }
  } else if (!r->down) {
    status = pass_across(r, source, r->target, r->stride);
  } else if (!r->across) {
    pass_down(r, source, r->target, r->stride);
  } else if (begins_down(image, width, height)) {
    status = create_between(r, columns, w->height, &between);
    if (status == JIMM_OK) {
      pass_down(r, source, r->between, between.stride);
      status = pass_across(r, between, r->target, r->stride);
    }
  } else {
    status = create_between(r, w->width, lines, &between);
    if (status == JIMM_OK) {
      status = pass_across(r, source, r->between, between.stride);
    }
    if (status == JIMM_OK) {
      pass_down(r, between, r->target, r->stride);
    }
  }
  return status;
}

jimm_status jimm_image_resize_window(const jimm_image *image, int64_t width, int64_t height,
                                     jimm_interpolation interpolation, const jimm_window *window,
                                     uint8_t *target, size_t stride) {
  if (image == NULL || image->data == NULL || image->width < 1 || image->height < 1) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "resize: the image has no pixels");
  }
  if (interpolation != JIMM_BILINEAR && interpolation != JIMM_BICUBIC) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "resize: interpolation %d, expected JIMM_BILINEAR or JIMM_BICUBIC",
                     (int)interpolation);
  }
  if (width < 1 || height < 1) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "resize to %" PRId64 " x %" PRId64 " pixels, expected at least 1 x 1", width,
                     height);
  }
  if (width > INT32_MAX || height > INT32_MAX || image->width > INT32_MAX ||
      image->height > INT32_MAX) {
    return jimm_fail(JIMM_ERROR_LIMIT,
                     "resize from %" PRId64 " x %" PRId64 " to %" PRId64 " x %" PRId64
                     " pixels, sides above %d",
                     image->width, image->height, width, height, INT32_MAX);
  }
  resize r = {.loops = jimm_resize_select(jimm_cpu_isa()),
              .image = image,
              .window = window,
              .target = target,
              .stride = stride,
              .across = width != image->width,
              .down = height != image->height};
  const jimm_status status = run(&r, width, height, interpolation);
  jimm_free(r.between);
  close_filter(&r.horizontal);
  close_filter(&r.vertical);
  return status;
}

jimm_status jimm_image_resize(const jimm_image *image, int64_t width, int64_t height,
                              jimm_interpolation interpolation, jimm_image *result) {
  if (result == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_image_resize: result is NULL");
  }
  jimm_image made;
  memset(result, 0, sizeof(*result));
  jimm_status status = jimm_image_create(width, height, &made);
  if (status != JIMM_OK) {
    return status;
  }
  const jimm_window whole = {0, 0, width, height};
  status = jimm_image_resize_window(image, width, height, interpolation, &whole, made.data,
                                    (size_t)width * 3);
  if (status != JIMM_OK) {
    jimm_image_close(&made);
    return status;
  }
  *result = made;
  return JIMM_OK;
}
