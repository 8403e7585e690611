#include <math.h>
#include <string.h>

#include <jimm/tensor.h>

#include "tensor/half.h"
#include "tensor/tensor.h"

static bool is_floating(jimm_dtype dtype) {
  return dtype == JIMM_F64 || dtype == JIMM_F32 || dtype == JIMM_F16 || dtype == JIMM_BF16;
}

/* Element `index`; the data may be unaligned. */
static double element(const jimm_tensor *tensor, int64_t index) {
  const unsigned char *data = (const unsigned char *)tensor->data;
  double wide;
  float single;
  uint16_t half;
  switch (tensor->dtype) {
    case JIMM_F64:
      memcpy(&wide, data + (size_t)index * sizeof wide, sizeof wide);
      return wide;
    case JIMM_F32:
      memcpy(&single, data + (size_t)index * sizeof single, sizeof single);
      return (double)single;
    default:
      memcpy(&half, data + (size_t)index * sizeof half, sizeof half);
      return (double)(tensor->dtype == JIMM_F16 ? jimm_f16_to_f32(half) : jimm_bf16_to_f32(half));
  }
}

jimm_status jimm_tensor_compare(const jimm_tensor *got, const jimm_tensor *want,
                                jimm_compare *result) {
  *result = (jimm_compare){.worst = -1};
  size_t bytes;
  jimm_status status = jimm_tensor_check(got, &bytes);
  if (status == JIMM_OK) {
    status = jimm_tensor_check(want, &bytes);
  }
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "jimm_tensor_compare");
  }
  if (!is_floating(got->dtype) || !is_floating(want->dtype)) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "jimm_tensor_compare: expected floating element types, found %s and %s",
                     jimm_dtype_name(got->dtype), jimm_dtype_name(want->dtype));
  }
  if (!jimm_shape_equal(&got->shape, &want->shape)) {
    char a[JIMM_SHAPE_TEXT], b[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_SHAPE, "jimm_tensor_compare: shapes differ: got %s, want %s",
                     jimm_shape_format(&got->shape, a, sizeof a),
                     jimm_shape_format(&want->shape, b, sizeof b));
  }
  const int64_t count = jimm_shape_count(&got->shape);
  double largest = -1;
  for (int64_t i = 0; i < count; i++) {
    double g = element(got, i), w = element(want, i);
    if (isfinite(w) && fabs(w) > result->max_abs_want) {
      result->max_abs_want = fabs(w);
    }
    bool finite = isfinite(g) && isfinite(w);
    if (!finite && g == w) {
      continue; /* the same infinity */
    }
    double difference = fabs(g - w);
    result->not_finite += !finite;
    /* The first element that is not finite is the worst of all. */
    if (finite ? result->not_finite == 0 && difference > largest : result->not_finite == 1) {
      largest = difference;
      result->worst = i;
    }
  }
  if (result->worst < 0 && count > 0) {
    result->worst = 0; /* nothing but equal infinities */
    largest = 0;
  }
  if (count > 0) {
    result->worst_got = element(got, result->worst);
    result->worst_want = element(want, result->worst);
    result->max_abs_diff = result->not_finite > 0 ? (double)NAN : largest;
    result->relative = result->max_abs_diff == 0 ? 0 : result->max_abs_diff / result->max_abs_want;
  }
  return JIMM_OK;
}
