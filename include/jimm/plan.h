/* jimm: plans: a model made ready to run at one batch and image size; the reference evaluator. */
#ifndef JIMM_PLAN_H
#define JIMM_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include <jimm/base.h>
#include <jimm/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct jimm_plan_options {
  size_t size;
  int64_t batch, height, width;
  int32_t threads;            /* JIMM_THREADS_DEFAULT, or 1 to JIMM_THREADS_MAX; no more are started
                                 than jimm_default_threads(), results do not depend on them */
  const char *const *outputs; /* names of graph outputs, in the order of jimm_plan_run */
  int32_t output_count;       /* 0: "logits" alone */
  jimm_isa isa;               /* at most this level; JIMM_ISA_BEST: all that there is */
  jimm_precision precision;
  /* Shapes of the graph's inputs, in its order, in place of batch, height and width; NULL: an
   * image's free dimensions are these three, and another input's first one is batch. */
  const jimm_shape *input_shapes;
  int32_t input_shape_count;
} jimm_plan_options;
#define JIMM_PLAN_OPTIONS_INIT                                                            \
  {                                                                                       \
    sizeof(jimm_plan_options), 1, 224, 224, JIMM_THREADS_DEFAULT, NULL, 0, JIMM_ISA_BEST, \
        JIMM_PRECISION_HIGHEST, NULL, 0                                                   \
  }

/* Fused steps over packed weights (which belong to the model) and one activation arena. One caller
 * at a time; several plans of one model may run at once. Its thread pool is made at the first run.
 * For a given plan, thread count and instruction set the results are the same bits every time. */
typedef struct jimm_plan jimm_plan;

/* Retains the model. Operators without a kernel run through their reference implementation. Errors:
 * shapes that do not fit (naming the node), an unknown output, a size that overflows, a thread
 * count, a level or a precision that there is not. */
JIMM_API jimm_status jimm_plan_create(jimm_model *model, const jimm_plan_options *options,
                                      jimm_plan **plan);
JIMM_API void jimm_plan_close(jimm_plan **plan);

/* Inputs, in the order of the graph (jimm_graph_find_input finds one by its name). */
JIMM_API int32_t jimm_plan_input_count(const jimm_plan *plan);
JIMM_API jimm_status jimm_plan_input_shape(const jimm_plan *plan, int32_t index, jimm_shape *shape);
JIMM_API int32_t jimm_plan_output_count(const jimm_plan *plan);
JIMM_API jimm_status jimm_plan_output_shape(const jimm_plan *plan, int32_t index,
                                            jimm_shape *shape);

/* Runs: `inputs` F32 of the plan's input shapes, one for each input of the graph (an image is
 * [batch, channels, height, width]); outputs F32 of the plan's output shapes; all memory of the
 * caller. Allocates nothing after the first run. Denormal numbers count as zero. */
JIMM_API jimm_status jimm_plan_run(jimm_plan *plan, const jimm_tensor *inputs,
                                   jimm_tensor *outputs);

typedef struct jimm_plan_stats {
  size_t size;
  size_t arena_bytes;  /* activations of this plan */
  size_t packed_bytes; /* packed weights that this plan uses (shared through the model) */
  int32_t steps;
  int64_t macs;
  jimm_isa isa;
  int32_t threads;      /* that run its steps */
  const char *features; /* what its kernels may use, "fma f16c avx2"; lives as long as the plan */
} jimm_plan_stats;
#define JIMM_PLAN_STATS_INIT \
  { sizeof(jimm_plan_stats), 0, 0, 0, 0, JIMM_ISA_BASELINE, 0, NULL }
JIMM_API jimm_status jimm_plan_get_stats(const jimm_plan *plan, jimm_plan_stats *stats);
/* One line a step: kernel, node names, shapes. The caller frees *text with jimm_text_free. */
JIMM_API jimm_status jimm_plan_print(const jimm_plan *plan, char **text);

/* Evaluates the graph node by node with the plain reference operators in `dtype` (JIMM_F32 or
 * JIMM_F64): slow, and the truth that plans are tested against. `outputs` (count entries, cleared)
 * are created here, of that dtype; the caller closes them. `inputs`, one for each input of the
 * graph, are F32 or F64. */
JIMM_API jimm_status jimm_reference_run(const jimm_model *model, jimm_dtype dtype,
                                        const jimm_tensor *inputs, int32_t output_count,
                                        const char *const *output_names, jimm_tensor *outputs);

/* The same evaluation of all outputs, to find out where NaN or infinity begins: stops at the first
 * value (an input, a parameter, then node by node in graph order) that has an element that is not
 * finite: JIMM_ERROR_NOT_FINITE, and the message names node, operator and element. JIMM_OK when all
 * values are finite. */
JIMM_API jimm_status jimm_reference_check_finite(const jimm_model *model, jimm_dtype dtype,
                                                 const jimm_tensor *inputs);

#ifdef __cplusplus
}
#endif
#endif
