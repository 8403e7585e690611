/* Operators y[i] = f(x[i]) of one input: the loop, and the row with the shape rule that they share.
 */
#ifndef JIMM_OP_UNARY_H
#define JIMM_OP_UNARY_H

#include "op/op.h"

#ifdef REAL

/* `expression` is f of `v`. */
#define UNARY_FORWARD(name, expression)                           \
  FORWARD(name) {                                                 \
    const REAL *x = IN(0);                                        \
    REAL *y = OUT();                                              \
    const int64_t count = jimm_shape_count(&call->output->shape); \
    for (int64_t i = 0; i < count; i++) {                         \
      const REAL v = x[i];                                        \
      y[i] = (expression);                                        \
    }                                                             \
    return JIMM_OK;                                               \
  }

#else

#include "op/rules.h"

static const char *const unary_names[] = {"x"};

/* The row of an operator whose `examples` stand before. What follows `words` is .infer, and the
 * attributes when there are any. */
#define UNARY_ROW(op, words, ...)                                    \
  FORWARDS(op);                                                      \
  const jimm_op jimm_op_##op = {.size = sizeof(jimm_op),             \
                                .name = #op,                         \
                                .summary = words,                    \
                                .min_inputs = 1,                     \
                                .max_inputs = 1,                     \
                                .input_names = unary_names,          \
                                .forward_f32 = jimm_##op##_f32,      \
                                .forward_f64 = jimm_##op##_f64,      \
                                .examples = examples,                \
                                .example_count = COUNT_OF(examples), \
                                __VA_ARGS__}

#endif

#endif
