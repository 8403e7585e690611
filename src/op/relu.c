/* relu: torch.nn.functional.relu. */
#include "op/unary.h"

#ifdef REAL

UNARY_FORWARD(relu, v < 0 ? 0 : v) /* NaN and -0 pass through, as in PyTorch */

#else

static const jimm_op_example examples[] = {
    {"image", NULL, 1, {SHAPE(2, 5, 7, 3)}},
    {"vector", NULL, 1, {SHAPE(3, 17)}},
    {"scalar", NULL, 1, {{0, {0}}}},
};

UNARY_ROW(relu, "max(x, 0), NaN kept (torch.nn.functional.relu)", .infer = jimm_unary_infer,
          .traits = JIMM_OP_POINTWISE);

#endif
