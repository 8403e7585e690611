/* The inside of a plan: steps over buffers of one arena. */
#ifndef JIMM_PLAN_PLAN_H
#define JIMM_PLAN_PLAN_H

#include <jimm/plan.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "kernel/args.h"
#include "kernel/kernel.h"

#define JIMM_NO_BUFFER (-1)

/* An activation. Buffers whose lifetimes (in steps, both ends included) do not meet may share
 * memory; `root` is the buffer whose memory this one takes over in place (itself when it does not).
 */
typedef struct jimm_buffer {
  size_t bytes, offset;
  int32_t first, last, root;
} jimm_buffer;

/* How a step uses a buffer. REUSE: element by element from the same place as its result is written,
 * so that the result may lie on it when nobody reads it later. SCRATCH: nothing in it outlives the
 * step. */
typedef enum jimm_access {
  JIMM_READ = 0,
  JIMM_REUSE = 1,
  JIMM_WRITE = 2,
  JIMM_SCRATCH = 3
} jimm_access;

/* A pointer in a step's args that memory planning fills in. */
typedef struct jimm_ref {
  size_t field; /* offset of the pointer in args */
  int32_t buffer;
  int32_t access; /* jimm_access */
} jimm_ref;

#define JIMM_KERNEL_REFS 8 /* the most that a step of a kernel has */

typedef struct jimm_step {
  jimm_task task;
  void *args;
  size_t count;
  const char *kernel, *nodes; /* for people: the kernel's name; the nodes that the step computes */
  jimm_shape shape;           /* of the value, as in the graph */
  jimm_value value;           /* the node whose value the step completes, in its result buffer;
                                 JIMM_NO_VALUE: none */
  /* for profiles: multiply-adds of the nodes that it completes; bytes of buffers, packed weights
   * and caller's tensors that it reads and writes */
  int64_t macs;
  size_t bytes_read, bytes_written;
  struct jimm_reference_step *reference; /* args, when the step is a reference operator */
  struct jimm_conv_args *conv;           /* args, when the step needs the zeros of the plan */
  int32_t form;                          /* jimm_form of that value in the buffer */
  int32_t ref_count;
  jimm_ref *refs; /* in plan->objects */
} jimm_step;

/* The buffer of a step's result: the first that it writes. Others that it writes are read by later
 * steps, too, but never share memory with what it reads. JIMM_NO_BUFFER: none, it writes to the
 * caller's tensor. */
static inline int32_t jimm_step_result(const jimm_step *step) {
  for (int32_t i = 0; i < step->ref_count; i++) {
    if (step->refs[i].access == JIMM_WRITE) {
      return step->refs[i].buffer;
    }
  }
  return JIMM_NO_BUFFER;
}

/* A step for an operator without a kernel: its reference implementation over row-major buffers. A
 * failure is kept here, for the task may run on another thread than the caller's. */
typedef struct jimm_reference_step {
  const jimm_op *op;
  jimm_op_call call;
  jimm_tensor output;
  jimm_status status;
  char message[512];
  jimm_tensor inputs[]; /* [call.input_count] */
} jimm_reference_step;

struct jimm_plan {
  jimm_model *model; /* retained */
  jimm_pool *pool;
  jimm_arena objects;              /* args, names */
  const jimm_kernel_list *kernels; /* to choose from, */
  jimm_features features;          /* of those that need no others */
  const char *feature_names;
  jimm_precision precision;
  int32_t threads;

  jimm_step *steps;
  jimm_buffer *buffers;
  int32_t step_count, buffer_count;
  size_t step_capacity, buffer_capacity;
  jimm_tensor *constants; /* constant values that steps read as they are */
  int32_t constant_count;
  size_t constant_capacity;

  float *memory; /* the activation arena, then the zeros that stand for padding */
  size_t arena_bytes, zero_count;
  size_t packed_bytes;
  int64_t macs;

  int32_t input_count;
  jimm_shape *input_shapes;
  const char **input_names; /* for messages: the graph's, "" for the only one */
  const jimm_shape *shapes; /* of all values of the graph */
  int32_t output_count;
  jimm_shape *output_shapes;
  const char **output_names;
  const float **inputs; /* bound by run */
  float **outputs;
};

/* jimm_plan_create with rows of another table than kernels.def. The list outlives the plan. */
jimm_status jimm_plan_create_from(jimm_model *model, const jimm_plan_options *options,
                                  const jimm_kernel_list *kernels, jimm_plan **plan);
/* Lifetimes, sharing in place, offsets; allocates the arena and fills in all refs: memory.c. */
jimm_status jimm_plan_place(jimm_plan *plan);

/* ---- choice (choose.c) ---- */

/* The cheapest row that computes the problem and needs no other features; of equal ones the last;
 * NULL when there is none. */
const jimm_kernel *jimm_kernel_choose(const jimm_kernel_list *kernels, const jimm_problem *problem,
                                      jimm_features features);

/* ---- packed weights (pack.c) ---- */

typedef struct jimm_pack {
  jimm_model *model;
  jimm_value weight, bias, norm; /* bias: JIMM_NO_VALUE for none; norm: a batch_norm node or none */
  const jimm_kernel *kernel;     /* the row that packs; its name names the layout */
  const jimm_problem *problem;
} jimm_pack;

/* Weights and bias of a convolution or linear layer as the row likes them (kernel.h), with `norm`
 * folded in, in float64 and rounded once. */
jimm_status jimm_pack_weights(const jimm_pack *pack, const void **packed, size_t *bytes);
/* A batch_norm of its own as center, scale and shift [3][channels]. */
jimm_status jimm_pack_affine(jimm_model *model, jimm_value norm, size_t channels,
                             const float **affine, size_t *bytes);

/* Products of sizes; false (and a LIMIT message by the caller) on overflow. */
static inline bool jimm_size_product(size_t *result, size_t a, size_t b, size_t c, size_t d) {
  return !__builtin_mul_overflow(a, b, result) && !__builtin_mul_overflow(*result, c, result) &&
         !__builtin_mul_overflow(*result, d, result);
}

#endif
