/* add: torch.add. */
#include "op/broadcast.h"

#ifdef REAL

BINARY_FORWARD(add, u + v)

#else

#include "op/rules.h"

FORWARDS(add);

static const char *const input_names[] = {"a", "b"};

static const jimm_op_example examples[] = {
    {"image", NULL, 2, {SHAPE(2, 5, 7, 3), SHAPE(2, 5, 7, 3)}},
    {"vector", NULL, 2, {SHAPE(3, 17), SHAPE(3, 17)}},
    {"positions", NULL, 2, {TOKENS(2, 9, 21), TOKENS(1, 9, 21)}},
    {"tokens", NULL, 2, {TOKENS(2, 5, 35), TOKENS(2, 5, 35)}},
    {"lower_rank", NULL, 2, {SHAPE(2, 3, 4, 5), SHAPE(4, 1)}},
    {"both_ways", NULL, 2, {SHAPE(3, 1, 5), SHAPE(1, 4, 1)}},
    {"higher_rank", NULL, 2, {SHAPE(7), SHAPE(2, 3, 7)}},
    {"cancelling", NULL, 2, {SHAPE(1, 9, 3, 3), SHAPE(1, 9, 3, 3)}, {{1000, 1}, {-1000, 1}}},
};

const jimm_op jimm_op_add = {
    .size = sizeof(jimm_op),
    .name = "add",
    .summary = "a + b, broadcast (torch.add)",
    .min_inputs = 2,
    .max_inputs = 2,
    .input_names = input_names,
    .infer = jimm_binary_infer,
    .forward_f32 = jimm_add_f32,
    .forward_f64 = jimm_add_f64,
    .examples = examples,
    .example_count = COUNT_OF(examples),
    .rounding = JIMM_ROUNDING_ONCE,
    .traits = JIMM_OP_POINTWISE | JIMM_OP_GLUE | JIMM_OP_RESIDUAL,
};

#endif
