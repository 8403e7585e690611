#include <stddef.h>

#include <jimm/tensor.h>

static const struct {
  size_t size;
  const char *name;
} dtypes[] = {
    [JIMM_DTYPE_NONE] = {0, "?"}, [JIMM_F64] = {8, "F64"},   [JIMM_F32] = {4, "F32"},
    [JIMM_F16] = {2, "F16"},      [JIMM_BF16] = {2, "BF16"}, [JIMM_I64] = {8, "I64"},
    [JIMM_I32] = {4, "I32"},      [JIMM_I16] = {2, "I16"},   [JIMM_I8] = {1, "I8"},
    [JIMM_U64] = {8, "U64"},      [JIMM_U32] = {4, "U32"},   [JIMM_U16] = {2, "U16"},
    [JIMM_U8] = {1, "U8"},        [JIMM_BOOL] = {1, "BOOL"},
};

static size_t row(jimm_dtype dtype) {
  return (size_t)dtype < sizeof dtypes / sizeof dtypes[0] ? (size_t)dtype : JIMM_DTYPE_NONE;
}

size_t jimm_dtype_size(jimm_dtype dtype) {
  return dtypes[row(dtype)].size;
}

const char *jimm_dtype_name(jimm_dtype dtype) {
  return dtypes[row(dtype)].name;
}
