#include <math.h>

#include <jimm/label.h>
#include <stdbool.h>
#include <stddef.h>

/* Larger first, ties by lower index, NaN after all numbers. */
static bool comes_before(const jimm_top *a, const jimm_top *b) {
  if (isnan(a->logit) || isnan(b->logit)) {
    return isnan(a->logit) == isnan(b->logit) ? a->index < b->index : isnan(b->logit) != 0;
  }
  return a->logit != b->logit ? a->logit > b->logit : a->index < b->index;
}

/* Restores the heap below `root`, whose first entry is the one that comes last. */
static void sift_down(jimm_top *heap, int64_t root, int64_t count) {
  const jimm_top item = heap[root];
  for (int64_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
    if (child + 1 < count && comes_before(&heap[child], &heap[child + 1])) {
      child++;
    }
    if (!comes_before(&item, &heap[child])) {
      break;
    }
    heap[root] = heap[child];
    root = child;
  }
  heap[root] = item;
}

/* The softmax's shift and sum, over numbers that are not NaN; a NaN makes the sum NaN, as in
 * torch.softmax. */
static double softmax_sum(const float *logits, int64_t count, double *largest) {
  *largest = -INFINITY;
  for (int64_t i = 0; i < count; i++) {
    *largest = logits[i] > *largest ? logits[i] : *largest;
  }
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    sum += exp((double)logits[i] - *largest);
  }
  return sum;
}

int64_t jimm_top_k(const float *logits, int64_t count, int64_t k, jimm_top *top) {
  const int64_t kept = k < count ? k : count;
  if (kept <= 0) {
    return 0;
  }
  /* A heap of the best so far, the worst of them at its root; no memory but the caller's. */
  for (int64_t i = 0; i < kept; i++) {
    top[i] = (jimm_top){i, logits[i], 0};
  }
  for (int64_t i = kept / 2; i-- > 0;) {
    sift_down(top, i, kept);
  }
  for (int64_t i = kept; i < count; i++) {
    const jimm_top item = {i, logits[i], 0};
    if (comes_before(&item, &top[0])) {
      top[0] = item;
      sift_down(top, 0, kept);
    }
  }
  for (int64_t end = kept - 1; end > 0; end--) {
    const jimm_top last = top[0];
    top[0] = top[end];
    top[end] = last;
    sift_down(top, 0, end);
  }
  double largest;
  const double sum = softmax_sum(logits, count, &largest);
  for (int64_t i = 0; i < kept; i++) {
    top[i].probability = (float)(exp((double)top[i].logit - largest) / sum);
  }
  return kept;
}
