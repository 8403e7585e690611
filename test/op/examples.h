/* The operators' example cases, filled: shared by the programs that test operators and kernels. */
#ifndef JIMM_TEST_OP_EXAMPLES_H
#define JIMM_TEST_OP_EXAMPLES_H

#include <stdbool.h>

#include <jimm/graph.h>

#define OP_EXAMPLE_TEXT 2048

/* Attributes, input shapes and fills in words, e.g.
 * "stride=[2, 2] groups=1 | [1, 3, 37, 35] 0 1 | [16, 3, 7, 7] 0 1": equal for equal examples. */
void op_example_signature(const jimm_op *op, const jimm_op_example *example, char *buffer,
                          size_t size);
/* One JSON object a line for every example of every operator, to standard output. */
void op_example_list(void);

/* Makes input `index` of the example in F64 or F32: element i is (float)(offset + scale * u_i) with
 * the stream (seed 1, "OP/EXAMPLE/INDEX") of docs/synthetic.md. Absent: rank -1, no data. */
jimm_status op_example_input(const jimm_op *op, const jimm_op_example *example, int32_t index,
                             jimm_dtype dtype, jimm_tensor *tensor);

/* All inputs at once; op_example_close frees them. */
jimm_status op_example_inputs(const jimm_op *op, const jimm_op_example *example, jimm_dtype dtype,
                              jimm_tensor inputs[JIMM_EXAMPLE_INPUTS]);
void op_example_close(jimm_tensor inputs[JIMM_EXAMPLE_INPUTS]);

/* The reference in `dtype`, into a new tensor that held NaN before, so that an element left
 * unwritten shows. `attrs` stands for the example's. */
jimm_status op_example_forward(const jimm_op *op, const jimm_op_example *example, const void *attrs,
                               jimm_dtype dtype, const jimm_tensor *inputs, jimm_tensor *output);

/* How far a float32 evaluation may be from `y`, the float64 one. It rounds each of K terms and each
 * of their partial sums. Roundings are independent, so the error is that of one rounding of each
 * term times sqrt(K): u (sqrt(K) response + largest), with u = 2^-24, K the multiply-adds of an
 * output element, or, when the operator counts none, the elements of a sample; and response how far
 * the output moves, per unit, when every element of every input is rounded up or down at random
 * (the largest of four draws). `inputs` are F64. Negative on failure. */
double op_example_bound(const jimm_op *op, const jimm_op_example *example,
                        const jimm_tensor *inputs, const jimm_tensor *y);
/* The largest |a - b|; NaN when only one of two is NaN. b is F64. */
double op_example_difference(const jimm_tensor *a, const jimm_tensor *b);

#endif
