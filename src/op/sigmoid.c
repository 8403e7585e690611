/* sigmoid: torch.sigmoid. */
#include "op/unary.h"

#ifdef REAL

UNARY_FORWARD(sigmoid, 1 / (1 + EXP(-v)))

#else

static const jimm_op_example examples[] = {
    {"gate", NULL, 1, {SHAPE(3, 37, 1, 1)}},
    {"image", NULL, 1, {SHAPE(2, 5, 7, 3)}, {{0, 8}}},
    {"vector", NULL, 1, {SHAPE(3, 17)}, {{-4, 3}}},
    {"saturated", NULL, 1, {SHAPE(2, 40)}, {{0, 800}}},
    {"scalar", NULL, 1, {{0, {0}}}},
};

UNARY_ROW(sigmoid, "1 / (1 + exp(-x)) (torch.sigmoid)", .infer = jimm_unary_infer,
          .traits = JIMM_OP_POINTWISE);

#endif
