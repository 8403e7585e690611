/* Between the caller's NCHW tensors and the channels-last activations of a plan. */
#include <string.h>

#include "kernel/generic/vector.h"

#define BLOCK 16

/* to[j * to_stride + i] = from[i * from_stride + j], block by block, so that both sides stay in L1.
 */
INLINE void transpose(const float *from, size_t from_stride, float *to, size_t to_stride,
                      size_t rows, size_t columns) {
  for (size_t i0 = 0; i0 < rows; i0 += BLOCK) {
    const size_t i1 = rows - i0 < BLOCK ? rows : i0 + BLOCK;
    for (size_t j0 = 0; j0 < columns; j0 += BLOCK) {
      const size_t j1 = columns - j0 < BLOCK ? columns : j0 + BLOCK;
      for (size_t j = j0; j < j1; j++) {
        for (size_t i = i0; i < i1; i++) {
          to[j * to_stride + i] = from[i * from_stride + j];
        }
      }
    }
  }
}

void TASK(channels_last_transpose_f32)(TASK_ARGS) {
  const jimm_layout_args *a = args;
  const size_t image = index / a->height;
  const size_t row = index % a->height;
  const size_t plane = a->height * a->width;
  const size_t width = a->pad[2] + a->width + a->pad[3];
  const size_t height = a->pad[0] + a->height + a->pad[1];
  const size_t row_size = width * a->channels;
  const float *from = *a->source + image * a->channels * plane + row * a->width;
  float *to = a->inner + (image * height + a->pad[0] + row) * row_size;
  if (row == 0 && a->pad[0] > 0) {
    memset(to - a->pad[0] * row_size, 0, a->pad[0] * row_size * sizeof(float));
  }
  if (row + 1 == a->height && a->pad[1] > 0) {
    memset(to + row_size, 0, a->pad[1] * row_size * sizeof(float));
  }
  memset(to, 0, a->pad[2] * a->channels * sizeof(float));
  to += a->pad[2] * a->channels;
  memset(to + a->width * a->channels, 0, a->pad[3] * a->channels * sizeof(float));
  if (a->channels == 3) {
    for (size_t x = 0; x < a->width; x++) {
      to[3 * x] = from[x];
      to[3 * x + 1] = from[plane + x];
      to[3 * x + 2] = from[2 * plane + x];
    }
  } else if (plane == 1) {
    memcpy(to, from, a->channels * sizeof(float));
  } else {
    transpose(from, plane, to, a->channels, a->channels, a->width);
  }
}

void TASK(channels_first_transpose_f32)(TASK_ARGS) {
  const jimm_layout_args *a = args;
  const size_t plane = a->height * a->width;
  const size_t blocks = (a->channels + JIMM_CHANNEL_BLOCK - 1) / JIMM_CHANNEL_BLOCK;
  const size_t image = index / blocks;
  const size_t c = index % blocks * JIMM_CHANNEL_BLOCK;
  const size_t count = a->channels - c < JIMM_CHANNEL_BLOCK ? a->channels - c : JIMM_CHANNEL_BLOCK;
  const float *from = a->inner + image * plane * a->channels + c;
  float *to = *a->target + (image * a->channels + c) * plane;
  if (plane == 1) {
    memcpy(to, from, count * sizeof(float));
  } else {
    transpose(from, a->channels, to, plane, plane, count);
  }
}

void TASK(pad2d_direct_f32)(TASK_ARGS) {
  const jimm_pad_args *a = args;
  const size_t out_height = a->height + a->pad[0] + a->pad[1];
  const size_t out_width = a->width + a->pad[2] + a->pad[3];
  const size_t image = index / out_height;
  const size_t oy = index % out_height;
  const size_t length = a->width * a->channels;
  const size_t left = a->pad[2] * a->channels;
  const bool inside = oy >= a->pad[0] && oy - a->pad[0] < a->height;
  float *y = a->y + index * out_width * a->channels;
  for (size_t i = 0; i < (inside ? left : out_width * a->channels); i++) {
    y[i] = a->value;
  }
  if (inside) {
    memcpy(y + left, a->x + (image * a->height + oy - a->pad[0]) * length, length * sizeof(float));
    for (size_t i = left + length; i < out_width * a->channels; i++) {
      y[i] = a->value;
    }
  }
}
