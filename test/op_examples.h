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

#endif
