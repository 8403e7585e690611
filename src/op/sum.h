/* Sums of many terms in the element type, in a fixed order: 16 running sums over every 16th term,
 * then a tree. The rounding error grows with count / 16 instead of count. */
#ifndef JIMM_OP_SUM_H
#define JIMM_OP_SUM_H

#include <stdint.h>

#define LANES 16

static inline REAL sum_lanes(REAL lane[LANES]) {
  for (int width = LANES / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) {
      lane[i] += lane[i + width];
    }
  }
  return lane[0];
}

/* Sum of `term`, an expression in the index i, for i = 0 .. count - 1. */
#define SUM_BODY(term)                           \
  REAL lane[LANES] = {0};                        \
  int64_t base = 0;                              \
  for (; base + LANES <= count; base += LANES) { \
    for (int64_t l = 0; l < LANES; l++) {        \
      const int64_t i = base + l;                \
      lane[l] += (term);                         \
    }                                            \
  }                                              \
  for (int64_t i = base; i < count; i++) {       \
    lane[i - base] += (term);                    \
  }                                              \
  return sum_lanes(lane)

static inline REAL sum(const REAL *x, int64_t count) {
  SUM_BODY(x[i]);
}

/* Sum of (x - center)^2. */
static inline REAL sum_squares(const REAL *x, int64_t count, REAL center) {
  SUM_BODY((x[i] - center) * (x[i] - center));
}

static inline REAL dot(const REAL *x, const REAL *y, int64_t count) {
  SUM_BODY(x[i] * y[i]);
}

#endif
