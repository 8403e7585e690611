// Random directions, the same for the same seed.
#include "gradient.h"

#include <math.h>

// S. Vigna's splitmix64.
static uint64_t draw(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return z ^ z >> 31;
}

static double draw_normal(uint64_t *state) {
  double radius = (double)(draw(state) >> 11) * 0x1p-53;
  double angle = (double)(draw(state) >> 11) * 0x1p-53;
  return sqrt(-2 * log1p(-radius)) * cos(6.283185307179586 * angle);
}

size_t jti_count_tangents(const jti_leaves *leaves) {
  size_t count = 0;
  for (size_t i = 0; i < leaves->count; ++i) {
    count += leaves->items[i].has_tangent;
  }
  return count;
}

static double mean_size(const double *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += x[i] * x[i];
  }
  return sqrt(sum / (double)n);
}

// Arguments may be of very different sizes, and a step that is right for one is a leap for another:
// a direction is along one of them, or along all in proportion to their sizes.
void jti_gradient_direction(const jti_gradient_problem *p, uint64_t number, double *direction) {
  uint64_t seed = p->options.seed ? p->options.seed : jt_seed();
  uint64_t state = seed * UINT64_C(0xD1342543DE82EF95) + number;
  size_t tangents = jti_count_tangents(&p->leaves);
  size_t chosen = number < JTI_ALL_TOGETHER ? number % (tangents + 1) : tangents;
  double sum = 0;
  for (size_t i = 0, k = 0; i < p->leaves.count; ++i) {
    const jti_leaf *leaf = &p->leaves.items[i];
    size_t n = leaf->has_tangent ? leaf->arg->count : 0;
    double size = n ? mean_size(p->x + leaf->offset, n) : 0;
    double scale = chosen == tangents ? (size > 0 ? size : 1) : (double)(k == chosen);
    for (size_t e = 0; e < n; ++e) {
      double *at = &direction[leaf->offset + e];
      *at = scale > 0 ? scale * draw_normal(&state) : 0;
      sum += *at * *at;
    }
    k += leaf->has_tangent;
  }
  for (size_t i = 0; i < p->leaves.inputs; ++i) {
    direction[i] = sum > 0 ? direction[i] / sqrt(sum) : 1;
  }
}
