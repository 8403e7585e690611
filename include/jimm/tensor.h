/* jimm: tensors: an element type, a shape and memory; .npy files; comparison.
 *
 * A tensor is dense and row-major (the last dimension is contiguous): images are NCHW, as in timm.
 */
#ifndef JIMM_TENSOR_H
#define JIMM_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum jimm_dtype {
  JIMM_DTYPE_NONE = 0,
  JIMM_F64 = 1,
  JIMM_F32 = 2,
  JIMM_F16 = 3,  /* IEEE 754 binary16 */
  JIMM_BF16 = 4, /* the upper half of a binary32 */
  JIMM_I64 = 5,
  JIMM_I32 = 6,
  JIMM_I16 = 7,
  JIMM_I8 = 8,
  JIMM_U64 = 9,
  JIMM_U32 = 10,
  JIMM_U16 = 11,
  JIMM_U8 = 12,
  JIMM_BOOL = 13 /* one byte, 0 or 1 */
} jimm_dtype;

/* Bytes of one element; 0 when `dtype` is none of the above. */
JIMM_API size_t jimm_dtype_size(jimm_dtype dtype);
/* The name that safetensors uses: "F32", "BF16", ...; "?" when unknown. */
JIMM_API const char *jimm_dtype_name(jimm_dtype dtype);

#define JIMM_MAX_RANK 8

/* A shape of `rank` dimensions; rank 0 is a scalar (one element), rank -1 means "absent". `axis` is
 * the dimension of the channels of a value in a graph: 0 stands for the usual one, dimension 1, of
 * images [N, C, H, W] and rows [N, C]; tokens [N, L, C] have 2. Elements lie in memory as the
 * dimensions say, whatever the axis; comparisons, texts and files leave it out. */
typedef struct jimm_shape {
  int32_t rank;
  int64_t dim[JIMM_MAX_RANK];
  int32_t axis;
} jimm_shape;

/* The dimension of the channels: 1, or what `axis` says instead. */
JIMM_API int32_t jimm_shape_axis(const jimm_shape *shape);

/* The number of elements (1 for a scalar); -1 when a dimension is negative or the product overflows
 * int64_t, or the shape is absent. */
JIMM_API int64_t jimm_shape_count(const jimm_shape *shape);
JIMM_API bool jimm_shape_equal(const jimm_shape *a, const jimm_shape *b);
/* Writes "[1, 3, 224, 224]" into `buffer` (terminated, cut if it must be); returns buffer. */
JIMM_API char *jimm_shape_format(const jimm_shape *shape, char *buffer, size_t size);
#define JIMM_SHAPE_TEXT 160 /* a buffer of this size is never cut */

/* A tensor value. `data` is borrowed when `owned` is NULL, else it is memory of jimm's allocator
 * that jimm_tensor_close releases. Copying the struct copies the view, not the memory. Anyone may
 * fill one in to describe memory of their own. `data` may be NULL when the count is 0. */
typedef struct jimm_tensor {
  jimm_dtype dtype;
  jimm_shape shape;
  void *data;
  void *owned;
} jimm_tensor;

/* Makes a tensor of zeros, aligned to 64 bytes. The caller closes it. */
JIMM_API jimm_status jimm_tensor_create(jimm_dtype dtype, const jimm_shape *shape,
                                        jimm_tensor *tensor);
/* Releases owned memory and clears the struct; accepts NULL and a cleared struct. */
JIMM_API void jimm_tensor_close(jimm_tensor *tensor);
/* Elements x element size; 0 for an invalid shape. */
JIMM_API size_t jimm_tensor_bytes(const jimm_tensor *tensor);

/* A new owned tensor with the elements converted to `dtype`: to floating types round to nearest
 * even; between other pairs only where every value is kept (float to integer is refused:
 * JIMM_ERROR_UNSUPPORTED). */
JIMM_API jimm_status jimm_tensor_convert(const jimm_tensor *source, jimm_dtype dtype,
                                         jimm_tensor *result);

/* ---- comparison: the one place that knows what "max-abs-diff" means ---- */

typedef struct jimm_compare {
  double max_abs_diff; /* max |got - want|, NaN if a NaN or an unequal infinity is in the way */
  double max_abs_want; /* max |want| over the finite elements */
  double relative;     /* max_abs_diff / max_abs_want; 0 when both are 0 */
  int64_t worst;       /* row-major index of the worst element, -1 when empty */
  double worst_got, worst_want;
  int64_t not_finite; /* elements where one is infinite and they differ, or one is NaN */
} jimm_compare;

/* Compares element by element in float64. Errors: shapes differ (JIMM_ERROR_SHAPE), an element type
 * is not F64, F32, F16 or BF16 (JIMM_ERROR_UNSUPPORTED). */
JIMM_API jimm_status jimm_tensor_compare(const jimm_tensor *got, const jimm_tensor *want,
                                         jimm_compare *result);

/* Whether every element of a floating type is a finite number (integers and bools are): else
 * JIMM_ERROR_NOT_FINITE, and the message names the first that is NaN or infinite by its indices and
 * says how many there are. Allocates nothing. */
JIMM_API jimm_status jimm_tensor_check_finite(const jimm_tensor *tensor);

/* ---- .npy files (NumPy format 1.0 to 3.0) ---- */

/* Reads a little-endian, C-order array of a bool, integer or floating type. The caller closes the
 * tensor. Errors name the file: big-endian, Fortran-order, structured or object arrays
 * (JIMM_ERROR_UNSUPPORTED), a malformed or truncated file (JIMM_ERROR_FORMAT). */
JIMM_API jimm_status jimm_npy_read(const char *path, jimm_tensor *tensor);
/* Writes `path` whole or not at all (a temporary file beside it, then rename). BF16 has no NumPy
 * type: JIMM_ERROR_UNSUPPORTED. */
JIMM_API jimm_status jimm_npy_write(const char *path, const jimm_tensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
