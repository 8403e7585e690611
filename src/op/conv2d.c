/* conv2d: torch.nn.functional.conv2d with zero padding. */
#include "op/op.h"

#ifdef REAL

/* Output pixels of a row that are summed together, and about how many terms go into one partial
 * sum: summing partial sums keeps the rounding error of long reductions small. */
#define TILE 256
#define TERMS 64

/* What one run of output pixels needs to know: pixels begin .. begin + count - 1 of an output row.
 */
typedef struct row_run {
  const REAL *x;      /* first channel of the group */
  const REAL *weight; /* [channels, kernel_h, kernel_w] of one output channel */
  int64_t channels, height, width, kernel_h, kernel_w;
  int64_t stride_w, dilation_h, dilation_w, padding_w;
  int64_t top; /* input row of the window's first row; may be negative */
  int64_t begin, count;
} row_run;

static int64_t minimum(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Adds the terms of four channels to sums[0 .. count - 1], one after the other: four at a time
 * because loading and storing the sums costs more than the arithmetic. */
static void add_four(REAL *restrict sums, int64_t count, int64_t stride, const REAL *source,
                     int64_t step, const REAL *weight, int64_t weight_step) {
  const REAL *a = source, *b = a + step, *c = b + step, *d = c + step;
  const REAL w0 = weight[0], w1 = weight[weight_step], w2 = weight[2 * weight_step],
             w3 = weight[3 * weight_step];
  if (stride == 1) {
    for (int64_t i = 0; i < count; i++) {
      sums[i] = sums[i] + w0 * a[i] + w1 * b[i] + w2 * c[i] + w3 * d[i];
    }
  } else {
    for (int64_t i = 0; i < count; i++) {
      const int64_t k = i * stride;
      sums[i] = sums[i] + w0 * a[k] + w1 * b[k] + w2 * c[k] + w3 * d[k];
    }
  }
}

/* Adds the terms of channels from .. to - 1 to partial[0 .. run->count - 1]. */
static void add_channels(const row_run *run, int64_t from, int64_t to, REAL *partial) {
  const int64_t stride = run->stride_w;
  for (int64_t ky = 0; ky < run->kernel_h; ky++) {
    const int64_t iy = run->top + ky * run->dilation_h;
    if (iy < 0 || iy >= run->height) {
      continue;
    }
    for (int64_t kx = 0; kx < run->kernel_w; kx++) {
      /* Pixel i reads column first + i * stride; keep those inside the input. */
      const int64_t first = run->begin * stride + kx * run->dilation_w - run->padding_w;
      const int64_t low = first < 0 ? (-first + stride - 1) / stride : 0;
      const int64_t high =
          first >= run->width ? 0 : minimum(run->count, (run->width - 1 - first) / stride + 1);
      if (low >= high) {
        continue;
      }
      REAL *sums = partial + low;
      const int64_t count = high - low;
      const REAL *w = run->weight + ky * run->kernel_w + kx;
      const REAL *source = run->x + iy * run->width + first + low * stride;
      const int64_t w_step = run->kernel_h * run->kernel_w, step = run->height * run->width;
      int64_t c = from;
      for (; c + 4 <= to; c += 4) {
        add_four(sums, count, stride, source + c * step, step, w + c * w_step, w_step);
      }
      for (; c < to; c++) {
        for (int64_t i = 0; i < count; i++) {
          sums[i] += w[c * w_step] * source[c * step + i * stride];
        }
      }
    }
  }
}

static void run_row(const row_run *run, REAL bias, REAL *output) {
  REAL total[TILE] = {0};
  const int64_t taps = run->kernel_h * run->kernel_w;
  const int64_t block = taps >= TERMS ? 4 : (TERMS / taps + 3) / 4 * 4;
  for (int64_t c = 0; c < run->channels; c += block) {
    REAL partial[TILE];
    for (int64_t i = 0; i < run->count; i++) {
      partial[i] = 0;
    }
    add_channels(run, c, minimum(c + block, run->channels), partial);
    for (int64_t i = 0; i < run->count; i++) {
      total[i] += partial[i];
    }
  }
  for (int64_t i = 0; i < run->count; i++) {
    output[i] = total[i] + bias;
  }
}

FORWARD(conv2d) {
  const jimm_conv2d_attrs *a = call->attrs;
  const int64_t batch = DIM(0, 0), channels = DIM(0, 1), out_channels = DIM(1, 0);
  row_run run = {
      .channels = DIM(1, 1),
      .height = DIM(0, 2),
      .width = DIM(0, 3),
      .kernel_h = DIM(1, 2),
      .kernel_w = DIM(1, 3),
      .stride_w = a->stride[1],
      .dilation_h = a->dilation[0],
      .dilation_w = a->dilation[1],
      .padding_w = a->padding[1],
  };
  int64_t out_height = OUT_DIM(2), out_width = OUT_DIM(3);
  const int64_t plane = run.height * run.width;
  if (run.kernel_h == 1 && run.kernel_w == 1 && a->stride[0] == 1 && a->stride[1] == 1 &&
      a->padding[0] == 0 && a->padding[1] == 0) {
    run.height = out_height = 1; /* pointwise: the image is one long row */
    run.width = out_width = plane;
  }
  const REAL *bias = HAS(2) ? IN(2) : NULL;
  REAL *output = OUT();
  for (int64_t n = 0; n < batch; n++) {
    for (int64_t o = 0; o < out_channels; o++) {
      const int64_t group = o / (out_channels / a->groups);
      run.x = IN(0) + (n * channels + group * run.channels) * plane;
      run.weight = IN(1) + o * run.channels * run.kernel_h * run.kernel_w;
      for (int64_t y = 0; y < out_height; y++) {
        run.top = y * a->stride[0] - a->padding[0];
        for (run.begin = 0; run.begin < out_width; run.begin += TILE) {
          run.count = minimum(TILE, out_width - run.begin);
          run_row(&run, bias == NULL ? 0 : bias[o], output);
          output += run.count;
        }
      }
    }
  }
  return JIMM_OK;
}

#else

#include <inttypes.h>

#include "op/rules.h"

FORWARDS(conv2d);

static jimm_status check_attrs(const jimm_conv2d_attrs *a) {
  jimm_status status = jimm_check_pair("stride", a->stride, 1);
  if (status == JIMM_OK) {
    status = jimm_check_pair("padding", a->padding, 0);
  }
  if (status == JIMM_OK) {
    status = jimm_check_pair("dilation", a->dilation, 1);
  }
  if (status == JIMM_OK && (a->groups < 1 || a->groups > JIMM_MAX_DIM)) {
    status = jimm_fail(JIMM_ERROR_SHAPE, "groups must be positive, got %" PRId64, a->groups);
  }
  return status;
}

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  const jimm_conv2d_attrs *a = attrs;
  const jimm_shape *x = &inputs[0], *weight = &inputs[1];
  jimm_status status = check_attrs(a);
  if (status == JIMM_OK) {
    status = jimm_check_image("x", x);
  }
  if (status == JIMM_OK) {
    status = jimm_check_rank("weight", weight, 4, 4);
  }
  if (status != JIMM_OK) {
    return status;
  }
  char x_text[JIMM_SHAPE_TEXT], w_text[JIMM_SHAPE_TEXT];
  jimm_shape_format(x, x_text, sizeof(x_text));
  jimm_shape_format(weight, w_text, sizeof(w_text));
  for (int i = 0; i < 4; i++) {
    if (weight->dim[i] == 0) {
      return jimm_fail(JIMM_ERROR_SHAPE, "weight is empty: %s", w_text);
    }
  }
  if (weight->dim[0] % a->groups != 0) {
    return jimm_fail(JIMM_ERROR_SHAPE,
                     "groups %" PRId64 " must divide the output channels, got weight %s", a->groups,
                     w_text);
  }
  if (x->dim[1] != weight->dim[1] * a->groups) {
    return jimm_fail(JIMM_ERROR_SHAPE,
                     "weight %s with groups %" PRId64 " expects x with %" PRId64
                     " channels, got x %s",
                     w_text, a->groups, weight->dim[1] * a->groups, x_text);
  }
  if (input_count > 2 && inputs[2].rank >= 0) {
    status = jimm_check_vector("bias", &inputs[2], weight->dim[0]);
  }
  if (status == JIMM_OK) {
    status = jimm_check_filled("x", x);
  }
  if (status != JIMM_OK) {
    return status;
  }
  jimm_shape result = {4, {x->dim[0], weight->dim[0]}};
  for (int i = 0; i < 2; i++) {
    const int64_t padded = x->dim[2 + i] + 2 * a->padding[i];
    const int64_t kernel = a->dilation[i] * (weight->dim[2 + i] - 1) + 1;
    if (kernel > padded) {
      return jimm_fail(JIMM_ERROR_SHAPE,
                       "the %s of x %s is %" PRId64 " with padding, less than the %" PRId64
                       " that weight %s covers with dilation %" PRId64,
                       i == 0 ? "height" : "width", x_text, padded, kernel, w_text, a->dilation[i]);
    }
    result.dim[2 + i] = (padded - kernel) / a->stride[i] + 1;
  }
  *output = result;
  return JIMM_OK;
}

static int64_t macs(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                    const jimm_shape *output) {
  (void)attrs;
  (void)input_count;
  const jimm_shape *weight = &inputs[1];
  int64_t result = jimm_shape_count(output);
  for (int i = 1; i < 4; i++) {
    if (__builtin_mul_overflow(result, weight->dim[i], &result)) {
      return INT64_MAX;
    }
  }
  return result;
}

static const char *const input_names[] = {"x", "weight", "bias"};

static const jimm_attr_spec attr_specs[] = {
    {"stride", JIMM_ATTR_PAIR, offsetof(jimm_conv2d_attrs, stride), NULL},
    {"padding", JIMM_ATTR_PAIR, offsetof(jimm_conv2d_attrs, padding), NULL},
    {"dilation", JIMM_ATTR_PAIR, offsetof(jimm_conv2d_attrs, dilation), NULL},
    {"groups", JIMM_ATTR_INT, offsetof(jimm_conv2d_attrs, groups), NULL},
};

#define CONV(sh, sw, ph, pw, dh, dw, g) \
  &(const jimm_conv2d_attrs) {          \
    {sh, sw}, {ph, pw}, {dh, dw}, g     \
  }
#define CONV1(s, p) CONV(s, s, p, p, 1, 1, 1)

static const jimm_op_example examples[] = {
    {"stem_7x7_s2", CONV1(2, 3), 2, {SHAPE(1, 3, 37, 35), SHAPE(16, 3, 7, 7)}},
    {"stem_7x7_s2_gray", CONV1(2, 3), 2, {SHAPE(2, 1, 32, 32), SHAPE(24, 1, 7, 7)}},
    {"k3_s1", CONV1(1, 1), 2, {SHAPE(1, 16, 14, 14), SHAPE(32, 16, 3, 3)}},
    {"k3_s1_odd", CONV1(1, 1), 2, {SHAPE(3, 13, 9, 11), SHAPE(19, 13, 3, 3)}},
    {"k3_s2_even", CONV1(2, 1), 2, {SHAPE(1, 16, 28, 28), SHAPE(16, 16, 3, 3)}},
    {"k3_s2_odd", CONV1(2, 1), 2, {SHAPE(2, 24, 15, 13), SHAPE(17, 24, 3, 3)}},
    {"k3_bias", CONV1(1, 1), 3, {SHAPE(1, 8, 10, 10), SHAPE(12, 8, 3, 3), SHAPE(12)}},
    {"k3_s2_deep_stem", CONV1(2, 1), 2, {SHAPE(1, 3, 33, 31), SHAPE(24, 3, 3, 3)}},
    {"k1_s1", CONV1(1, 0), 2, {SHAPE(1, 64, 14, 14), SHAPE(48, 64, 1, 1)}},
    {"k1_s1_wide", CONV1(1, 0), 2, {SHAPE(1, 9, 20, 31), SHAPE(7, 9, 1, 1)}},
    {"k1_s2", CONV1(2, 0), 2, {SHAPE(2, 32, 15, 14), SHAPE(40, 32, 1, 1)}},
    {"k1_bias", CONV1(1, 0), 3, {SHAPE(3, 10, 1, 1), SHAPE(5, 10, 1, 1), SHAPE(5)}},
    {"k1_padded", CONV1(1, 1), 3, {SHAPE(1, 5, 4, 3), SHAPE(6, 5, 1, 1), SHAPE(6)}},
    {"long_reduction", CONV1(1, 1), 2, {SHAPE(1, 512, 7, 7), SHAPE(8, 512, 3, 3)}},
    {"long_reduction_k1", CONV1(1, 0), 2, {SHAPE(1, 2048, 3, 3), SHAPE(16, 2048, 1, 1)}},
    {"grouped", CONV(1, 1, 1, 1, 1, 1, 8), 2, {SHAPE(1, 32, 12, 12), SHAPE(64, 4, 3, 3)}},
    {"grouped_s2_bias",
     CONV(2, 2, 1, 1, 1, 1, 3),
     3,
     {SHAPE(2, 15, 11, 10), SHAPE(21, 5, 3, 3), SHAPE(21)}},
    {"depthwise", CONV(1, 1, 1, 1, 1, 1, 19), 2, {SHAPE(1, 19, 9, 9), SHAPE(19, 1, 3, 3)}},
    {"dilated_2", CONV(1, 1, 2, 2, 2, 2, 1), 2, {SHAPE(1, 12, 13, 13), SHAPE(10, 12, 3, 3)}},
    {"dilated_4_s2", CONV(2, 2, 4, 4, 4, 4, 1), 2, {SHAPE(1, 6, 14, 9), SHAPE(9, 6, 3, 3)}},
    {"rectangular",
     CONV(3, 2, 0, 4, 2, 1, 1),
     3,
     {SHAPE(2, 7, 16, 18), SHAPE(11, 7, 2, 5), SHAPE(11)}},
    {"stride_above_kernel", CONV1(5, 0), 2, {SHAPE(1, 8, 17, 16), SHAPE(8, 8, 2, 2)}},
    {"pixel_7x7", CONV1(2, 3), 2, {SHAPE(1, 3, 1, 1), SHAPE(10, 3, 7, 7)}},
    {"pixel_3x3", CONV1(1, 1), 2, {SHAPE(2, 20, 1, 1), SHAPE(20, 20, 3, 3)}},
    {"padding_only_edges", CONV1(1, 6), 2, {SHAPE(1, 3, 2, 3), SHAPE(4, 3, 3, 3)}},
    {"very_wide", CONV1(1, 1), 2, {SHAPE(1, 2, 3, 600), SHAPE(3, 2, 3, 3)}},
    {"exact_fit", CONV1(1, 0), 2, {SHAPE(1, 4, 5, 5), SHAPE(6, 4, 5, 5)}},
};

const jimm_op jimm_op_conv2d = {
    .size = sizeof(jimm_op),
    .name = "conv2d",
    .summary = "2-D convolution with zero padding (torch.nn.functional.conv2d)",
    .min_inputs = 2,
    .max_inputs = 3,
    .input_names = input_names,
    .attrs_size = sizeof(jimm_conv2d_attrs),
    .attrs = attr_specs,
    .attr_count = COUNT_OF(attr_specs),
    .infer = infer,
    .forward_f32 = jimm_conv2d_f32,
    .forward_f64 = jimm_conv2d_f64,
    .macs = macs,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .traits = JIMM_OP_DENSE | JIMM_OP_IMAGE,
};

#endif
