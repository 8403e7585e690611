/* What the tasks of kernels are given: a struct of arguments an operator, made by plan/emit_*.c.
 *
 * A task is a jimm_task (base/pool.h): task(args, index, thread), index below the count that the
 * args' split says; every index writes its own part of the output, so the split over threads never
 * changes a result. `thread` chooses a part of a scratch buffer. Activations are channels-last:
 * [images][pixels][channels], dense, float32. All counts and strides are in elements.
 */
#ifndef JIMM_KERNEL_ARGS_H
#define JIMM_KERNEL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/graph.h>

/* ---- the end of a kernel ---- */

typedef enum jimm_activation { JIMM_ACTIVATION_NONE = 0, JIMM_ACTIVATION_RELU = 1 } jimm_activation;

/* What is done to a result v before it is written: activation(v + residual). */
typedef struct jimm_epilogue {
  const float *residual; /* laid out as y; NULL: none */
  jimm_activation activation;
} jimm_epilogue;

/* ---- convolution and matrix product ----
 *
 * y[m][o] = epilogue(sum over taps t and channels c of x(m, t)[c] * w[o][t][c] + bias[o])
 *
 * m runs over images, output rows and output columns. Weights and bias are packed as the row's
 * `pack` likes. Sums run over taps and channels in blocks of at most JIMM_CONV_BLOCK products, each
 * summed from zero, then added up in order: the same order for every element, whatever the split.
 */
#define JIMM_CONV_BLOCK 256
#define JIMM_CONV_MAX_ROWS 96 /* rows of one task's block */

typedef struct jimm_conv_args {
  const float *x;
  const float *packed; /* weights and bias */
  const float *zeros;  /* at least `channels` of them stand for padding */
  float *y;
  size_t rows; /* images * out_height * out_width */
  size_t out_height, out_width;
  int64_t in_height, in_width;                    /* taps outside read zeros */
  size_t image_stride, row_stride, column_stride; /* of x */
  size_t kernel_height, kernel_width;
  int64_t stride[2], padding[2], dilation[2];
  size_t channels, outputs, groups; /* channels and outputs of one group */
  size_t output_stride;             /* of y from row to row */
  jimm_epilogue epilogue;
  void *scratch; /* what the row's rules ask for */
  /* the split: index = group_of_panels * row_blocks + row_block */
  size_t block_rows, row_blocks, task_panels, panels; /* panels: of all groups */
} jimm_conv_args;

/* ---- layout ---- */

/* channels_last: [images][channels][pixels] at *source to channels-last rows, with a border of
 * zeros when `pad` says so; index = image * height + row (padding rows of the top belong to the
 * first row, those of the bottom to the last). channels_first: the way back, to *target; no
 * padding; index = image * row_blocks + block. */
typedef struct jimm_layout_args {
  const float *const *source; /* channels_last: where the pointer of the caller's tensor is */
  float *const *target;       /* channels_first, likewise */
  float *inner;               /* the channels-last side */
  size_t images, channels, height, width;
  size_t pad[4]; /* top, bottom, left, right */
} jimm_layout_args;

/* pad2d: a border of `value`; index = image * (out height) + output row. */
typedef struct jimm_pad_args {
  const float *x;
  float *y;
  size_t images, channels, height, width; /* of x */
  size_t pad[4];                          /* top, bottom, left, right */
  float value;
} jimm_pad_args;

/* ---- pooling ---- */

/* Maps of one size to maps of another, with as many channels; index = image * out_height + output
 * row. */
typedef struct jimm_maps {
  const float *x;
  float *y;
  size_t images, channels;
  int64_t in_height, in_width, out_height, out_width;
} jimm_maps;

/* max_pool2d, avg_pool2d. */
typedef struct jimm_pool_args {
  jimm_maps maps;
  int64_t kernel[2], stride[2], padding[2];
  bool count_include_pad;
} jimm_pool_args;

/* blur_pool2d: filter is the binomial filter of one direction, filter_size coefficients. */
typedef struct jimm_blur_args {
  jimm_maps maps;
  int64_t filter_size, stride, padding;
  float filter[JIMM_MAX_BLUR_FILTER];
} jimm_blur_args;

/* global_pool: index = image * channel_blocks + block, blocks of JIMM_CHANNEL_BLOCK channels. */
#define JIMM_CHANNEL_BLOCK 64
typedef struct jimm_global_pool_args {
  const float *x;
  float *y;
  size_t images, pixels, channels;
  int32_t type; /* jimm_pool_type */
} jimm_global_pool_args;

/* ---- normalisation and pointwise ---- */

/* moments: per channel, sums in float64 of x - s and (x - s)^2 over the pixels of a block, s the
 * channel's value at the image's first pixel; index = image * blocks + block. sums is
 * [images][blocks][2][channels]. */
typedef struct jimm_moments_args {
  const float *x;
  double *sums;
  size_t images, pixels, channels, blocks;
} jimm_moments_args;

/* group_norm, global_response_norm: from the sums to center, scale and shift [images][3][channels];
 * index = image. group_norm divides by the deviation about the group's mean (about_mean) or about
 * zero, and `center` is the mean or zero. */
typedef struct jimm_norm_args {
  const float *x, *weight, *bias;
  const double *sums;
  float *affine;
  size_t images, pixels, channels, blocks, groups;
  double eps;
  bool about_mean, center;
} jimm_norm_args;

/* affine: y = max(epilogue((x - center) * scale + shift), least) per channel; the three
 * vectors lie one after the other, for each image anew when affine_stride is not 0.
 * gated_affine: y = x * sigmoid(x * gate) * scale + shift. index = image * blocks + block, blocks
 * of pixels. */
typedef struct jimm_affine_args {
  const float *x, *affine;
  const float *least, *gate; /* [channels] of affine, NULL for none; of gated_affine */
  float *y;
  size_t images, pixels, channels, blocks, affine_stride;
  jimm_epilogue epilogue; /* of affine */
} jimm_affine_args;

/* channel_norm: the operator, for `rows` pixels of all images; index: blocks of block_rows. */
typedef struct jimm_channel_norm_args {
  const float *x, *weight, *bias; /* bias: NULL for none */
  float *y;
  size_t rows, channels, block_rows;
  int32_t type; /* jimm_channel_norm_type */
  double eps;
} jimm_channel_norm_args;

/* sum: y = epilogue(x): an addition, a relu or both; index: blocks of JIMM_SUM_BLOCK elements. */
#define JIMM_SUM_BLOCK 16384
typedef struct jimm_sum_args {
  const float *x;
  float *y;
  size_t count;
  jimm_epilogue epilogue;
} jimm_sum_args;

/* mul: y = epilogue(x * gate); gate moves on by gate_image from image to image and by
 * gate_pixel from pixel to pixel (0: the same again). index = image * blocks + block, blocks of
 * pixels. */
typedef struct jimm_mul_args {
  const float *x, *gate;
  float *y;
  size_t images, pixels, channels, blocks, gate_image, gate_pixel;
  jimm_epilogue epilogue;
} jimm_mul_args;

/* sigmoid, silu, gelu, gelu_tanh: index: blocks of JIMM_UNARY_BLOCK elements. */
#define JIMM_UNARY_BLOCK 4096
typedef struct jimm_unary_args {
  const float *x;
  float *y;
  size_t count;
} jimm_unary_args;

#endif
