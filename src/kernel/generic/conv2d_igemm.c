/* Convolution as an implicit matrix product over channels-last activations.
 *
 * A register tile of ROWS pixels by COLUMNS output channels; for every tap, ROWS pointers to the
 * pixels that the tap reads (a shared row of zeros stands for padding), so the activations are used
 * where they lie: no im2col.
 *
 * The first half is the task, compiled once for every instruction set; the second the rules.
 *
 * Packed weights: the bias, [group][panel][COLUMNS], then panels of COLUMNS outputs,
 * [group][panel][tap][channel][COLUMNS]; both are zero beyond the outputs of a group. */
#ifdef ISA
#include "kernel/generic/epilogue.h"

#define ROWS PASTE(jimm_conv2d_igemm_f32_, ISA, _rows)
#define COLUMNS PASTE(jimm_conv2d_igemm_f32_, ISA, _columns)
#define VECTORS (COLUMNS / LANES)
#define MAX_POINTERS 4096

_Static_assert(COLUMNS % LANES == 0, "panels are whole vectors");
_Static_assert(JIMM_CONV_MAX_ROWS % ROWS == 0, "blocks are whole tiles");

/* What a tile needs; the same for all tiles of a block but pointers, sums and y. */
typedef struct tile {
  const float *const *pointers; /* [taps][JIMM_CONV_MAX_ROWS] from this tile's first row on */
  size_t taps, offset, channels;
  const float *weights;
  float *sums; /* [rows][COLUMNS]: earlier blocks of products */
  bool first, last;
  const float *bias;
  float *y;
  size_t stride, columns; /* of y; columns < COLUMNS at the end of a group */
  jimm_epilogue epilogue; /* of this tile */
} tile;

/* The last columns of a group: fewer than a panel. */
static __attribute__((noinline)) void finish_partial(const tile *t, const float *sums, int rows) {
  for (int r = 0; r < rows; r++) {
    for (size_t i = 0; i < t->columns; i++) {
      const size_t at = (size_t)r * t->stride + i;
      t->y[at] = finish1(t->epilogue, at, sums[(size_t)r * COLUMNS + i]);
    }
  }
}

INLINE void compute(const tile *t, const int rows) {
  vfloat sum[ROWS][VECTORS];
  UNROLL
  for (int r = 0; r < rows; r++) {
    UNROLL
    for (int v = 0; v < VECTORS; v++) {
      sum[r][v] = (vfloat){0};
    }
  }
  const float *w = t->weights;
  const size_t channels = t->channels;
  for (size_t tap = 0; tap < t->taps; tap++) {
    const float *const *pointers = t->pointers + tap * JIMM_CONV_MAX_ROWS;
    const float *a[ROWS];
    UNROLL
    for (int r = 0; r < rows; r++) {
      a[r] = pointers[r] + t->offset;
    }
    UNROLL_BY(4)
    for (size_t c = 0; c < channels; c++) {
      vfloat b[VECTORS];
      UNROLL
      for (int v = 0; v < VECTORS; v++) {
        b[v] = load(w + v * LANES);
      }
      w += COLUMNS;
      UNROLL
      for (int r = 0; r < rows; r++) {
        const vfloat x = splat(a[r][c]);
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
          sum[r][v] += x * b[v];
        }
      }
    }
  }
  if (!t->first) {
    UNROLL
    for (int r = 0; r < rows; r++) {
      UNROLL
      for (int v = 0; v < VECTORS; v++) {
        sum[r][v] += load(t->sums + r * COLUMNS + v * LANES);
      }
    }
  }
  if (!t->last) {
    UNROLL
    for (int r = 0; r < rows; r++) {
      UNROLL
      for (int v = 0; v < VECTORS; v++) {
        store(t->sums + r * COLUMNS + v * LANES, sum[r][v]);
      }
    }
    return;
  }
  UNROLL
  for (int v = 0; v < VECTORS; v++) {
    const vfloat bias = load(t->bias + v * LANES);
    UNROLL
    for (int r = 0; r < rows; r++) {
      sum[r][v] += bias;
    }
  }
  if (t->columns < COLUMNS) {
    UNROLL
    for (int r = 0; r < rows; r++) {
      UNROLL
      for (int v = 0; v < VECTORS; v++) {
        store(t->sums + r * COLUMNS + v * LANES, sum[r][v]);
      }
    }
    finish_partial(t, t->sums, rows);
    return;
  }
  const size_t stride = t->stride;
  if (t->epilogue.residual != NULL) {
    UNROLL
    for (int r = 0; r < rows; r++) {
      UNROLL
      for (int v = 0; v < VECTORS; v++) {
        sum[r][v] += load(t->epilogue.residual + (size_t)r * stride + v * LANES);
      }
    }
  }
  if (t->epilogue.activation == JIMM_ACTIVATION_RELU) {
    UNROLL
    for (int r = 0; r < rows; r++) {
      UNROLL
      for (int v = 0; v < VECTORS; v++) {
        sum[r][v] = relu(sum[r][v]);
      }
    }
  }
  UNROLL
  for (int r = 0; r < rows; r++) {
    UNROLL
    for (int v = 0; v < VECTORS; v++) {
      store(t->y + (size_t)r * stride + v * LANES, sum[r][v]);
    }
  }
}

/* One function per number of rows, so that the last tiles of a small image waste nothing. */
#define TILE(n)                                                   \
  static __attribute__((noinline)) void tile_##n(const tile *t) { \
    compute(t, n);                                                \
  }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
#define TILES_4 tile_1, tile_2, tile_3, tile_4
#if defined(__x86_64__) && !defined(__AVX2__)
static void (*const tiles[ROWS])(const tile *) = {TILES_4};
#else
TILE(5)
TILE(6)
#if defined(__AVX2__) && !defined(__AVX512F__)
static void (*const tiles[ROWS])(const tile *) = {TILES_4, tile_5, tile_6};
#else
TILE(7)
TILE(8)
#if !defined(__AVX512F__)
static void (*const tiles[ROWS])(const tile *) = {TILES_4, tile_5, tile_6, tile_7, tile_8};
#else
TILE(9)
TILE(10)
TILE(11)
TILE(12)
static void (*const tiles[ROWS])(const tile *) = {TILES_4, tile_5,  tile_6,  tile_7, tile_8,
                                                  tile_9,  tile_10, tile_11, tile_12};
#endif
#endif
#endif

/* The only call through a pointer in a kernel: of a table of constants, once a tile. */
INLINE void run_tile(const tile *t, size_t rows) {
  tiles[rows - 1](t);
}

/* Where the taps first .. first+count-1 of `rows` output pixels from `row` on are in x. */
static void find_pixels(const jimm_conv_args *a, size_t group, size_t row, size_t rows,
                        size_t first, size_t count, const float **pointers) {
  const float *x = a->x + group * a->channels;
  const size_t plane = a->out_height * a->out_width;
  size_t image = row / plane;
  size_t oy = row % plane / a->out_width;
  size_t ox = row % a->out_width;
  for (size_t r = 0; r < rows; r++) {
    const int64_t top = (int64_t)oy * a->stride[0] - a->padding[0];
    const int64_t left = (int64_t)ox * a->stride[1] - a->padding[1];
    const float *base = x + image * a->image_stride;
    size_t ky = first / a->kernel_width;
    size_t kx = first % a->kernel_width;
    for (size_t t = 0; t < count; t++) {
      const int64_t iy = top + (int64_t)ky * a->dilation[0];
      const int64_t ix = left + (int64_t)kx * a->dilation[1];
      const bool inside =
          (uint64_t)iy < (uint64_t)a->in_height && (uint64_t)ix < (uint64_t)a->in_width;
      pointers[t * JIMM_CONV_MAX_ROWS + r] =
          inside ? base + (size_t)iy * a->row_stride + (size_t)ix * a->column_stride : a->zeros;
      if (++kx == a->kernel_width) {
        kx = 0;
        ky++;
      }
    }
    if (++ox == a->out_width) {
      ox = 0;
      if (++oy == a->out_height) {
        oy = 0;
        image++;
      }
    }
  }
}

/* The blocks of products: whole taps when several fit, else equal parts of one tap's channels. */
typedef struct blocking {
  size_t taps, block_taps, parts;
} blocking;

static blocking split_products(const jimm_conv_args *a) {
  blocking s = {.taps = a->kernel_height * a->kernel_width, .block_taps = 1, .parts = 1};
  if (a->channels >= JIMM_CONV_BLOCK) {
    s.parts = (a->channels + JIMM_CONV_BLOCK - 1) / JIMM_CONV_BLOCK;
  } else {
    s.block_taps = JIMM_CONV_BLOCK / a->channels;
    const size_t most = MAX_POINTERS / JIMM_CONV_MAX_ROWS;
    s.block_taps = s.block_taps > most ? most : s.block_taps;
  }
  return s;
}

void TASK(conv2d_igemm_f32)(TASK_ARGS) {
  const jimm_conv_args *a = args;
  const float *pointers[MAX_POINTERS];
  float sums[JIMM_CONV_MAX_ROWS * COLUMNS];
  const blocking s = split_products(a);
  const size_t row = index % a->row_blocks * a->block_rows;
  const size_t rows = a->rows - row < a->block_rows ? a->rows - row : a->block_rows;
  const size_t row_tiles = (rows + ROWS - 1) / ROWS;
  const size_t from = index / a->row_blocks * a->task_panels;
  const size_t to = a->panels - from < a->task_panels ? a->panels : from + a->task_panels;
  const size_t group_panels = a->panels / a->groups;
  const float *weights = a->packed + a->panels * COLUMNS;
  const bool fits = s.taps * JIMM_CONV_MAX_ROWS <= MAX_POINTERS;
  size_t found = SIZE_MAX; /* the group whose pointers are there, when all taps fit */

  for (size_t panel = from; panel < to; panel++) {
    const size_t group = panel / group_panels;
    const size_t column = panel % group_panels * COLUMNS;
    const size_t output = group * a->outputs + column;
    tile t = {.stride = a->output_stride, .bias = a->packed + panel * COLUMNS};
    t.columns = a->outputs - column < COLUMNS ? a->outputs - column : COLUMNS;
    t.weights = weights + panel * s.taps * a->channels * COLUMNS;
    if (fits && found != group) {
      find_pixels(a, group, row, rows, 0, s.taps, pointers);
      found = group;
    }
    for (size_t tap = 0; tap < s.taps; tap += s.block_taps) {
      t.taps = s.taps - tap < s.block_taps ? s.taps - tap : s.block_taps;
      if (!fits) {
        find_pixels(a, group, row, rows, tap, t.taps, pointers);
      }
      for (size_t part = 0; part < s.parts; part++) {
        t.offset = part * a->channels / s.parts;
        t.channels = (part + 1) * a->channels / s.parts - t.offset;
        t.first = tap == 0 && part == 0;
        t.last = tap + t.taps == s.taps && part + 1 == s.parts;
        for (size_t i = 0; i < row_tiles; i++) {
          /* equal tiles: 49 rows are 4 of 6 and 5 of 5, not 8 of 6 and 1 of 1 */
          const size_t r = i * rows / row_tiles;
          const size_t n = (i + 1) * rows / row_tiles - r;
          const size_t at = (row + r) * a->output_stride + output;
          t.pointers = pointers + (fits ? tap * JIMM_CONV_MAX_ROWS : 0) + r;
          t.sums = sums + r * COLUMNS;
          t.y = a->y + at;
          t.epilogue = epilogue_at(&a->epilogue, at);
          run_tile(&t, n);
        }
        t.weights += t.taps * t.channels * COLUMNS;
      }
    }
  }
}

#else
#include "kernel/kernel.h"

static size_t panel_count(const jimm_kernel *row, const jimm_problem *p) {
  const size_t columns = (size_t)row->columns;
  return p->groups * ((p->outputs + columns - 1) / columns);
}

static double cost(const jimm_kernel *row, const jimm_problem *p) {
  const double products = (double)(p->channels * p->kernel_height * p->kernel_width);
  const double vectors = (double)row->columns * sizeof(float) / (double)row->set->vector_bytes;
  return (double)(p->out_height * p->out_width) * products * (double)panel_count(row, p) * vectors;
}

static size_t packed_bytes(const jimm_kernel *row, const jimm_problem *p) {
  const size_t taps = p->kernel_height * p->kernel_width;
  size_t size;
  return __builtin_mul_overflow(p->channels, taps, &size) ||
                 __builtin_add_overflow(size, 1, &size) ||
                 __builtin_mul_overflow(size, (size_t)row->columns * sizeof(float), &size) ||
                 __builtin_mul_overflow(size, panel_count(row, p), &size)
             ? SIZE_MAX
             : size;
}

static void pack(const jimm_kernel *row, const jimm_problem *p, const jimm_weights *w,
                 void *packed) {
  const size_t columns = (size_t)row->columns;
  const size_t taps = p->kernel_height * p->kernel_width;
  const size_t size = p->channels * taps;
  const size_t group_panels = panel_count(row, p) / p->groups;
  float *bias = packed;
  float *weights = bias + panel_count(row, p) * columns;
  for (size_t o = 0; o < p->groups * p->outputs; o++) {
    const size_t panel = o / p->outputs * group_panels + o % p->outputs / columns;
    const size_t column = o % p->outputs % columns;
    const float *from = w->weights + o * size;
    float *to = weights + panel * size * columns + column;
    bias[panel * columns + column] = (float)w->bias[o];
    for (size_t c = 0; c < p->channels; c++) {
      for (size_t t = 0; t < taps; t++) {
        to[(t * p->channels + c) * columns] = (float)((double)from[c * taps + t] * w->scale[o]);
      }
    }
  }
}

const jimm_kernel_rules jimm_conv2d_igemm_rules = {
    .cost = cost, .packed_bytes = packed_bytes, .pack = pack, .joins_taps = true};
#endif
