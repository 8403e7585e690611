/* silu: torch.nn.functional.silu, also called swish. */
#include "op/unary.h"

#ifdef REAL

UNARY_FORWARD(silu, v / (1 + EXP(-v)))

#else

static const jimm_op_example examples[] = {
    {"image", NULL, 1, {SHAPE(2, 5, 7, 3)}, {{0, 8}}},
    {"wide", NULL, 1, {SHAPE(1, 67, 9, 8)}, {{0, 3}}},
    {"vector", NULL, 1, {SHAPE(3, 17)}, {{-4, 3}}},
    {"tail", NULL, 1, {SHAPE(2, 61)}, {{-50, 45}}},
    {"saturated", NULL, 1, {SHAPE(2, 40)}, {{0, 800}}},
    {"tiny", NULL, 1, {SHAPE(2, 19)}, {{0, 1e-30}}},
    {"scalar", NULL, 1, {{0, {0}}}},
};

UNARY_ROW(silu, "x * sigmoid(x) (torch.nn.functional.silu)", .infer = jimm_unary_infer,
          .traits = JIMM_OP_POINTWISE);

#endif
