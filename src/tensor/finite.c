/* NaN and infinity: how many there are, where the first is. */
#include <inttypes.h>
#include <string.h>

#include "base/locale.h"
#include "tensor/tensor.h"

/* A floating number is not finite when all bits of its exponent are set. The counting loops have no
 * branch, so that they run at the speed of memory; data may be unaligned. */
#define DEFINE_COUNT(bits)                                                           \
  static int64_t count_##bits(const unsigned char *data, int64_t n, uint64_t mask) { \
    const uint##bits##_t exponent = (uint##bits##_t)mask;                            \
    int64_t count = 0;                                                               \
    for (int64_t i = 0; i < n; i++) {                                                \
      uint##bits##_t element;                                                        \
      memcpy(&element, data + (size_t)i * sizeof element, sizeof element);           \
      count += (element & exponent) == exponent;                                     \
    }                                                                                \
    return count;                                                                    \
  }
DEFINE_COUNT(16)
DEFINE_COUNT(32)
DEFINE_COUNT(64)

typedef struct float_layout {
  jimm_dtype dtype;
  int64_t (*count)(const unsigned char *data, int64_t n, uint64_t mask);
  uint64_t exponent;
} float_layout;

static const float_layout layouts[] = {{JIMM_F64, count_64, UINT64_C(0x7FF) << 52},
                                       {JIMM_F32, count_32, UINT64_C(0xFF) << 23},
                                       {JIMM_F16, count_16, UINT64_C(0x1F) << 10},
                                       {JIMM_BF16, count_16, UINT64_C(0xFF) << 7}};

/* NULL for integers. */
static const float_layout *layout_of(jimm_dtype dtype) {
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
    if (layouts[i].dtype == dtype) {
      return &layouts[i];
    }
  }
  return NULL;
}

int64_t jimm_tensor_count_not_finite(const jimm_tensor *tensor) {
  const float_layout *layout = layout_of(tensor->dtype);
  return layout == NULL
             ? 0
             : layout->count(tensor->data, jimm_shape_count(&tensor->shape), layout->exponent);
}

jimm_status jimm_tensor_fail_not_finite(const jimm_tensor *tensor, const char *what) {
  const float_layout *layout = layout_of(tensor->dtype);
  const int64_t count = jimm_tensor_count_not_finite(tensor);
  const size_t size = jimm_dtype_size(tensor->dtype);
  if (layout == NULL || count == 0) {
    return JIMM_OK;
  }
  const unsigned char *at = tensor->data;
  int64_t index = 0;
  while (layout->count(at, 1, layout->exponent) == 0) {
    at += size;
    index++;
  }
  uint64_t bits = 0;
  memcpy(&bits, at, size);
  const uint64_t sign = UINT64_C(1) << (8 * size - 1);
  const char *value = bits == layout->exponent            ? "infinity"
                      : bits == (layout->exponent | sign) ? "-infinity"
                                                          : "NaN";
  jimm_shape place = tensor->shape;
  for (int32_t i = place.rank - 1; i >= 0; i--) {
    place.dim[i] = index % tensor->shape.dim[i];
    index /= tensor->shape.dim[i];
  }
  char text[JIMM_SHAPE_TEXT];
  return jimm_fail(JIMM_ERROR_NOT_FINITE,
                   "%selement %s is %s (%" PRId64 " of %" PRId64 " elements are not finite)", what,
                   jimm_shape_format(&place, text, sizeof text), value, count,
                   jimm_shape_count(&tensor->shape));
}

jimm_status jimm_tensor_check_finite(const jimm_tensor *tensor) {
  if (tensor == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_tensor_check_finite: tensor is NULL");
  }
  size_t bytes;
  const jimm_status status = jimm_tensor_check(tensor, &bytes);
  return status == JIMM_OK ? jimm_tensor_fail_not_finite(tensor, "") : status;
}

void jimm_finite_look(jimm_finite_search *search, const char *name, const jimm_tensor *tensor) {
  if (jimm_tensor_count_not_finite(tensor) == 0) {
    return;
  }
  if (search->bad++ == 0) {
    search->name = name;
    search->tensor = tensor;
  }
}

jimm_status jimm_finite_status(const jimm_finite_search *search) {
  char shown[JIMM_SHOW_TEXT], what[JIMM_SHOW_TEXT + 16];
  if (search->bad == 0) {
    return JIMM_OK;
  }
  jimm_snprintf(what, sizeof what,
                "tensor %s: ", jimm_show(shown, sizeof shown, search->name, strlen(search->name)));
  const jimm_status status = jimm_tensor_fail_not_finite(search->tensor, what);
  return search->bad == 1 ? status
                          : jimm_fail(status, "%s; %" PRId64 " more tensors have such elements",
                                      jimm_error_message(), search->bad - 1);
}
