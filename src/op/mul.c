/* mul: torch.mul. */
#include "op/broadcast.h"

#ifdef REAL

BINARY_FORWARD(mul, u *v)

#else

#include "op/rules.h"

FORWARDS(mul);

static const char *const input_names[] = {"a", "b"};

static const jimm_op_example examples[] = {
    {"gate", NULL, 2, {SHAPE(2, 19, 7, 5), SHAPE(2, 19, 1, 1)}},
    {"gate_wide", NULL, 2, {SHAPE(3, 64, 9, 9), SHAPE(3, 64, 1, 1)}},
    {"gate_shared", NULL, 2, {SHAPE(3, 33, 4, 4), SHAPE(1, 33, 1, 1)}},
    {"gate_pixel", NULL, 2, {SHAPE(2, 40, 1, 1), SHAPE(2, 40, 1, 1)}},
    {"equal", NULL, 2, {SHAPE(2, 5, 7, 3), SHAPE(2, 5, 7, 3)}},
    {"over_channels", NULL, 2, {SHAPE(2, 6, 5, 4), SHAPE(2, 1, 5, 4)}},
    {"over_rows", NULL, 2, {SHAPE(2, 6, 5, 4), SHAPE(1, 6, 1, 4)}},
    {"vector", NULL, 2, {SHAPE(3, 17), SHAPE(1, 17)}},
    {"scale_tokens", NULL, 2, {TOKENS(2, 6, 34), SHAPE(34)}},
    {"over_batch", NULL, 2, {SHAPE(1, 4, 3, 3), SHAPE(3, 4, 1, 1)}},
    {"scalar", NULL, 2, {{0, {0}}, {0, {0}}}},
};

const jimm_op jimm_op_mul = {
    .size = sizeof(jimm_op),
    .name = "mul",
    .summary = "a * b, broadcast (torch.mul)",
    .min_inputs = 2,
    .max_inputs = 2,
    .input_names = input_names,
    .infer = jimm_binary_infer,
    .forward_f32 = jimm_mul_f32,
    .forward_f64 = jimm_mul_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .rounding = JIMM_ROUNDING_ONCE,
    .traits = JIMM_OP_POINTWISE | JIMM_OP_GLUE,
};

#endif
