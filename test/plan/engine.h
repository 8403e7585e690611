/* What the tests of kernels and plans share: small graphs with weights, planned and run. */
#ifndef JIMM_TEST_ENGINE_H
#define JIMM_TEST_ENGINE_H

#include <jimm/plan.h>

/* Fills an F32 tensor with offset + scale * u, u uniform in [-1, 1) from (seed, name). */
void engine_fill(jimm_tensor *tensor, uint64_t seed, const char *name, double offset, double scale);
/* A new F32 tensor of that shape, filled likewise. */
jimm_tensor engine_tensor(const jimm_shape *shape, uint64_t seed, const char *name, double offset,
                          double scale);

/* Adds input "x" of exactly that shape; a parameter of that shape. */
jimm_value engine_input(jimm_graph *graph, const jimm_shape *shape);
jimm_value engine_parameter(jimm_graph *graph, const char *name, const jimm_shape *shape);

/* Plan options for an input of that shape. */
jimm_plan_options engine_options(const jimm_shape *input, int32_t threads, jimm_isa isa);
/* Plans and runs once; *output (output 0) is made here. */
jimm_status engine_run(jimm_model *model, const jimm_plan_options *options,
                       const jimm_tensor *input, jimm_tensor *output);

#endif
