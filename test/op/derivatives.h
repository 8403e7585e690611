/* The derivatives that a row names, held against the reference of the same row and each other. */
#ifndef JIMM_TEST_OP_DERIVATIVES_H
#define JIMM_TEST_OP_DERIVATIVES_H

#include <jimm/op.h>

#define OP_FAULT_TEXT 256

/* Whether the row names any of vjp and jvp. */
bool op_has_derivatives(const jimm_op *op);

/* What is wrong with them at an example, in words; "" when nothing is. Of every input alone and of
 * all together:
 *
 *   - J v is what central differences of forward_f64 give, and so is <u, J v> = <J' u, v>;
 *   - both agree to 1e-12;
 *   - results are written in full, over NaN; a gradient that is not asked for stays away, and those
 *     that are have the same bits then; what is read is not written;
 *   - float32 differs from float64 by no more than rounding of the numbers and sums explains.
 *
 * Random numbers are streams of docs/synthetic.md. */
void op_derivatives_check(const jimm_op *op, const jimm_op_example *example,
                          char fault[OP_FAULT_TEXT]);

#endif
