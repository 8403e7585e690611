/* Kernels: the tasks that plans are made of, and the table of them (kernels.def).
 *
 * A row of the table says what it computes, of which types, what it needs of the processor, and
 * what it thinks of a problem: whether it takes it, what it would cost, how it wants the weights.
 * Several rows may serve one operator; a plan takes the cheapest (plan/choose.c). What tasks are
 * given is in kernel/args.h.
 */
#ifndef JIMM_KERNEL_KERNEL_H
#define JIMM_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/tensor.h>

#include "base/cpu.h"
#include "base/pool.h"

/* What a step is asked to compute, for ONE image: neither batch nor threads are in it, so that no
 * choice can depend on them, and results are the same bits for any of both. */
typedef struct jimm_problem {
  const char *op;           /* an operator of kernels.def */
  jimm_precision precision; /* that the result must have: rows of fewer bits look at it */
  jimm_dtype input, output; /* of the activations */
  size_t channels, outputs; /* of one group */
  size_t groups;
  size_t in_height, in_width, out_height, out_width;
  /* convolutions and pools; else 1, 1, 0, 1 */
  size_t kernel_height, kernel_width;
  int64_t stride[2], padding[2], dilation[2];
} jimm_problem;

/* The weights of a problem before they are packed, as plain arrays: element (o, c, t) of output o
 * of all groups, channel c of its group and tap t is weights[(o * channels + c) * taps + t]; taps
 * are kernel_height * kernel_width in row-major order. A packed weight is weight * scale[o],
 * rounded to the row's type once; bias[o] is the bias, `scale` applied already. */
typedef struct jimm_weights {
  const float *weights;
  const double *scale, *bias; /* [groups * outputs] */
} jimm_weights;

/* An instruction set that kernels are compiled for: a row of sets.def. */
typedef struct jimm_kernel_set {
  const char *name;
  size_t vector_bytes;
  jimm_features features;
} jimm_kernel_set;

typedef struct jimm_kernel jimm_kernel;

/* What rows think of problems. They run on any processor, also where the task does not. Every
 * function but cost may be missing (NULL). */
typedef struct jimm_kernel_rules {
  /* Whether the row computes it; missing: always. */
  bool (*accepts)(const jimm_kernel *row, const jimm_problem *problem);
  /* The time that an image takes, in multiply-adds of a vector: what rows are compared by. */
  double (*cost)(const jimm_kernel *row, const jimm_problem *problem);
  /* Bytes of the packed weights; SIZE_MAX: more than there can be. Rows with a type of
   * weights have this and pack. */
  size_t (*packed_bytes)(const jimm_kernel *row, const jimm_problem *problem);
  /* Writes them to `packed`, which is zeroed and aligned to 64. */
  void (*pack)(const jimm_kernel *row, const jimm_problem *problem, const jimm_weights *weights,
               void *packed);
  /* Bytes of scratch memory for all of `threads`, of which a task takes a part by its thread's
   * index. Missing: none. */
  size_t (*scratch)(const jimm_kernel *row, const jimm_problem *problem, size_t threads);
  /* Of conv2d: whether the taps of a kernel's row may come as one, of kernel_width * channels
   * channels, when the input has few channels (the packed weights are those of the problem). */
  bool joins_taps;
} jimm_kernel_rules;

struct jimm_kernel {
  const char *name; /* "conv2d_igemm_f32_avx2" */
  const char *op;
  jimm_dtype input, weight, output; /* weight: JIMM_DTYPE_NONE when it has none */
  const jimm_kernel_set *set;
  int32_t rows, columns; /* of a matrix kernel: the block of the output that it computes at once */
  jimm_task task;
  const jimm_kernel_rules
      *rules; /* NULL: takes every problem of its operator and types at cost 1 */
};

typedef struct jimm_kernel_list {
  const jimm_kernel *rows;
  size_t count;
} jimm_kernel_list;

/* kernels.def */
extern const jimm_kernel_list jimm_kernels;

/* Whether a row computes the problem with these features, and what it costs. */
bool jimm_kernel_accepts(const jimm_kernel *kernel, const jimm_problem *problem,
                         jimm_features features);
double jimm_kernel_cost(const jimm_kernel *kernel, const jimm_problem *problem);

/* The tasks, and the blocks of matrix kernels as constants. */
#define PLAIN(file, op, variant, set) \
  void jimm_##op##_##variant##_f32_##set(void *args, size_t index, size_t thread);
#define KERNEL(file, op, variant, input, weight, output, set, rows, columns)             \
  void jimm_##op##_##variant##_##input##_##set(void *args, size_t index, size_t thread); \
  enum {                                                                                 \
    jimm_##op##_##variant##_##input##_##set##_rows = rows,                               \
    jimm_##op##_##variant##_##input##_##set##_columns = columns                          \
  };
#include "kernel/kernels.def"
#undef KERNEL
#undef PLAIN

/* The rules, which the rows of one operator and variant share. */
#define PLAIN(file, op, variant, set)
#define KERNEL(file, op, variant, input, weight, output, set, rows, columns) \
  extern const jimm_kernel_rules jimm_##op##_##variant##_rules;
#include "kernel/kernels.def"
#undef KERNEL
#undef PLAIN

#endif
