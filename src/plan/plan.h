/* The inside of a plan: steps over buffers of one arena. */
#ifndef JIMM_PLAN_PLAN_H
#define JIMM_PLAN_PLAN_H

#include <jimm/plan.h>

#include "base/alloc.h"
#include "base/pool.h"
#include "kernel/kernel.h"

#define JIMM_NO_BUFFER (-1)

/* An activation. Buffers whose lifetimes (in steps, both ends included) do not meet may share
 * memory; `root` is the buffer whose memory this one takes over in place (itself when it does not).
 */
typedef struct jimm_buffer {
  size_t bytes, offset;
  int32_t first, last, root;
} jimm_buffer;

/* How a step uses a buffer. REUSE: element by element from the same place as it writes, so that the
 * output may lie on it when nobody reads it later. */
typedef enum jimm_access { JIMM_READ = 0, JIMM_REUSE = 1, JIMM_WRITE = 2 } jimm_access;

/* A pointer in a step's args that memory planning fills in. */
typedef struct jimm_ref {
  size_t field; /* offset of the pointer in args */
  int32_t buffer;
  int32_t access; /* jimm_access */
} jimm_ref;

#define JIMM_MAX_REFS (JIMM_MAX_INPUTS + 1)

typedef struct jimm_step {
  jimm_task task;
  void *args;
  size_t count;
  const char *kernel, *nodes; /* for people: the kernel's name; the nodes that the step computes */
  jimm_shape shape;           /* of the value, as in the graph */
  jimm_value value; /* the node whose value the step completes, channels-last in the buffer that it
                       writes; JIMM_NO_VALUE: none */
  struct jimm_reference_step *reference; /* args, when the step is a reference operator */
  struct jimm_conv_args *conv;           /* args, when the step needs the zeros of the plan */
  int32_t ref_count;
  jimm_ref refs[JIMM_MAX_REFS];
} jimm_step;

/* A step for an operator without a kernel: its reference implementation over row-major buffers. A
 * failure is kept here, for the task may run on another thread than the caller's. */
typedef struct jimm_reference_step {
  const jimm_op *op;
  jimm_op_call call;
  jimm_tensor inputs[JIMM_MAX_INPUTS], output;
  jimm_status status;
  char message[512];
} jimm_reference_step;

struct jimm_plan {
  jimm_model *model; /* retained */
  jimm_pool *pool;
  jimm_arena objects; /* args, names */
  jimm_isa isa;
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

  jimm_shape input_shape;
  const jimm_shape *shapes; /* of all values of the graph */
  int32_t output_count;
  jimm_shape *output_shapes;
  const char **output_names;
  const float *input; /* bound by run */
  float **outputs;
};

/* The step list for `values` (plan->output_count graph values): lower.c. */
jimm_status jimm_plan_lower(jimm_plan *plan, const jimm_value *values);
/* Lifetimes, sharing in place, offsets; allocates the arena and fills in all refs: memory.c. */
jimm_status jimm_plan_place(jimm_plan *plan);

/* ---- fusion (fuse.c) ---- */

/* What follows a node and is computed in its step; `end` is the value that the step yields. */
typedef struct jimm_fusion {
  jimm_value norm;     /* a batch_norm folded into the weights */
  jimm_value residual; /* the other operand of an add */
  bool relu;
  jimm_value end;
} jimm_fusion;

typedef struct jimm_fusions {
  jimm_fusion *of;   /* [nodes] for nodes that start a step */
  jimm_value *head;  /* [nodes] the node whose step computes this one */
  jimm_value *alias; /* [nodes] the value that this one equals: through dropout without a mask */
  bool *needed;      /* [nodes] some output depends on it */
} jimm_fusions;

/* `shapes` are those of all nodes. All arrays live in plan->objects. */
jimm_status jimm_plan_fuse(jimm_plan *plan, const jimm_value *values, const jimm_shape *shapes,
                           jimm_fusions *fusions);
/* Whether the kernel of mul takes operands of these shapes: equal ones, or [N or 1, C, 1, 1] over
 * [N, C, H, W]. */
bool jimm_mul_has_kernel(const jimm_shape *a, const jimm_shape *b);
bool jimm_node_is(const jimm_node *node, const char *op);
/* Whether inputs first .. last of the node are constant or absent. */
bool jimm_node_has_weights(const jimm_graph *graph, const jimm_node *node, int32_t first);

/* ---- packed weights (pack.c) ---- */

typedef struct jimm_pack {
  jimm_model *model;
  jimm_value weight, bias, norm; /* bias: JIMM_NO_VALUE for none; norm: a batch_norm node or none */
  size_t outputs, channels, taps, groups; /* outputs and channels of one group */
  size_t columns;
  const char *kernel; /* names the layout */
} jimm_pack;

/* Bias and weights of a convolution or linear layer in panels (kernel.h), with `norm` folded in, in
 * float64 and rounded once. */
jimm_status jimm_pack_conv(const jimm_pack *pack, const float **bias, const float **weights,
                           size_t *bytes);
/* A batch_norm of its own as center, scale and shift [3][channels]. */
jimm_status jimm_pack_affine(jimm_model *model, jimm_value norm, size_t channels,
                             const float **affine, size_t *bytes);

/* Products of sizes; false (and a LIMIT message by the caller) on overflow. */
static inline bool jimm_size_product(size_t *result, size_t a, size_t b, size_t c, size_t d) {
  return !__builtin_mul_overflow(a, b, result) && !__builtin_mul_overflow(*result, c, result) &&
         !__builtin_mul_overflow(*result, d, result);
}

#endif
