#include <string.h>

#include <jimm/tensor.h>

#include "base/alloc.h"
#include "tensor/half.h"
#include "tensor/tensor.h"

/* The nearest double that rounds on to 16 bits as the integer would: where bits are lost, the last
 * one kept is set (round to odd), so that no second rounding falls on a tie that is none. */
static double odd_double(uint64_t magnitude) {
  int scale = 0;
  while (magnitude >> 53 != 0) {
    magnitude = magnitude >> 1 | (magnitude & 1);
    scale++;
  }
  double value = (double)magnitude;
  for (; scale > 0; scale--) {
    value *= 2;
  }
  return value;
}

static double odd_signed(int64_t value) {
  return value < 0 ? -odd_double(0 - (uint64_t)value) : odd_double((uint64_t)value);
}

/* One loop from a C type to another: EXPRESSION makes y of x. Data may be unaligned (a view into a
 * file), so elements are copied in and out. */
#define LOOP(FROM, TO, EXPRESSION)                 \
  for (size_t i = 0; i < count; i++) {             \
    FROM x;                                        \
    memcpy(&x, from + i * sizeof(FROM), sizeof x); \
    TO y = (TO)(EXPRESSION);                       \
    memcpy(to + i * sizeof(TO), &y, sizeof y);     \
  }                                                \
  return true

/* Every floating target of one source; HALF is x as a double that is right to round to 16 bits. */
#define FLOATING(FROM, VALUE, HALF)              \
  case JIMM_F64:                                 \
    LOOP(FROM, double, VALUE);                   \
  case JIMM_F32:                                 \
    LOOP(FROM, float, VALUE);                    \
  case JIMM_F16:                                 \
    LOOP(FROM, uint16_t, jimm_f64_to_f16(HALF)); \
  case JIMM_BF16:                                \
    LOOP(FROM, uint16_t, jimm_f64_to_bf16(HALF))

#define NOTHING_ELSE \
  default:           \
    return false

static bool from_f64(jimm_dtype dtype, const unsigned char *from, unsigned char *to, size_t count) {
  switch (dtype) {
    FLOATING(double, x, x);
    NOTHING_ELSE;
  }
}

static bool from_f32(jimm_dtype dtype, const unsigned char *from, unsigned char *to, size_t count) {
  switch (dtype) {
    FLOATING(float, x, (double)x);
    NOTHING_ELSE;
  }
}

static bool from_f16(jimm_dtype dtype, const unsigned char *from, unsigned char *to, size_t count) {
  switch (dtype) {
    FLOATING(uint16_t, jimm_f16_to_f32(x), (double)jimm_f16_to_f32(x));
    NOTHING_ELSE;
  }
}

static bool from_bf16(jimm_dtype dtype, const unsigned char *from, unsigned char *to,
                      size_t count) {
  switch (dtype) {
    FLOATING(uint16_t, jimm_bf16_to_f32(x), (double)jimm_bf16_to_f32(x));
    NOTHING_ELSE;
  }
}

static bool from_i64(jimm_dtype dtype, const unsigned char *from, unsigned char *to, size_t count) {
  switch (dtype) {
    FLOATING(int64_t, x, odd_signed(x));
    NOTHING_ELSE;
  }
}

static bool from_i32(jimm_dtype dtype, const unsigned char *from, unsigned char *to, size_t count) {
  switch (dtype) {
    FLOATING(int32_t, x, (double)x);
    case JIMM_I64:
      LOOP(int32_t, int64_t, x);
      NOTHING_ELSE;
  }
}

static bool from_i16(jimm_dtype dtype, const unsigned char *from, unsigned char *to, size_t count) {
  switch (dtype) {
    FLOATING(int16_t, x, (double)x);
    case JIMM_I64:
      LOOP(int16_t, int64_t, x);
    case JIMM_I32:
      LOOP(int16_t, int32_t, x);
      NOTHING_ELSE;
  }
}

static bool from_i8(jimm_dtype dtype, const unsigned char *from, unsigned char *to, size_t count) {
  switch (dtype) {
    FLOATING(int8_t, x, (double)x);
    case JIMM_I64:
      LOOP(int8_t, int64_t, x);
    case JIMM_I32:
      LOOP(int8_t, int32_t, x);
    case JIMM_I16:
      LOOP(int8_t, int16_t, x);
      NOTHING_ELSE;
  }
}

static bool from_u64(jimm_dtype dtype, const unsigned char *from, unsigned char *to, size_t count) {
  switch (dtype) {
    FLOATING(uint64_t, x, odd_double(x));
    NOTHING_ELSE;
  }
}

static bool from_u32(jimm_dtype dtype, const unsigned char *from, unsigned char *to, size_t count) {
  switch (dtype) {
    FLOATING(uint32_t, x, (double)x);
    case JIMM_I64:
      LOOP(uint32_t, int64_t, x);
    case JIMM_U64:
      LOOP(uint32_t, uint64_t, x);
      NOTHING_ELSE;
  }
}

static bool from_u16(jimm_dtype dtype, const unsigned char *from, unsigned char *to, size_t count) {
  switch (dtype) {
    FLOATING(uint16_t, x, (double)x);
    case JIMM_I64:
      LOOP(uint16_t, int64_t, x);
    case JIMM_I32:
      LOOP(uint16_t, int32_t, x);
    case JIMM_U64:
      LOOP(uint16_t, uint64_t, x);
    case JIMM_U32:
      LOOP(uint16_t, uint32_t, x);
      NOTHING_ELSE;
  }
}

/* `LOAD` is x (U8) or x != 0 (BOOL, where any byte but 0 counts as true). */
#define FROM_BYTE(LOAD)                                        \
  FLOATING(uint8_t, (uint8_t)(LOAD), (double)(uint8_t)(LOAD)); \
  case JIMM_I64:                                               \
    LOOP(uint8_t, int64_t, LOAD);                              \
  case JIMM_I32:                                               \
    LOOP(uint8_t, int32_t, LOAD);                              \
  case JIMM_I16:                                               \
    LOOP(uint8_t, int16_t, LOAD);                              \
  case JIMM_U64:                                               \
    LOOP(uint8_t, uint64_t, LOAD);                             \
  case JIMM_U32:                                               \
    LOOP(uint8_t, uint32_t, LOAD);                             \
  case JIMM_U16:                                               \
    LOOP(uint8_t, uint16_t, LOAD)

static bool from_u8(jimm_dtype dtype, const unsigned char *from, unsigned char *to, size_t count) {
  switch (dtype) {
    FROM_BYTE(x);
    NOTHING_ELSE;
  }
}

static bool from_bool(jimm_dtype dtype, const unsigned char *from, unsigned char *to,
                      size_t count) {
  switch (dtype) {
    FROM_BYTE(x != 0);
    case JIMM_I8:
      LOOP(uint8_t, int8_t, x != 0);
    case JIMM_U8:
      LOOP(uint8_t, uint8_t, x != 0);
      NOTHING_ELSE;
  }
}

typedef bool (*converter)(jimm_dtype dtype, const unsigned char *from, unsigned char *to,
                          size_t count);
static const converter converters[] = {
    [JIMM_F64] = from_f64,   [JIMM_F32] = from_f32, [JIMM_F16] = from_f16, [JIMM_BF16] = from_bf16,
    [JIMM_I64] = from_i64,   [JIMM_I32] = from_i32, [JIMM_I16] = from_i16, [JIMM_I8] = from_i8,
    [JIMM_U64] = from_u64,   [JIMM_U32] = from_u32, [JIMM_U16] = from_u16, [JIMM_U8] = from_u8,
    [JIMM_BOOL] = from_bool,
};

jimm_status jimm_tensor_convert(const jimm_tensor *source, jimm_dtype dtype, jimm_tensor *result) {
  const jimm_tensor input = *source; /* may be *result */
  size_t bytes;
  *result = (jimm_tensor){.dtype = JIMM_DTYPE_NONE};
  jimm_status status = jimm_tensor_check(&input, &bytes);
  jimm_tensor output = {.dtype = JIMM_DTYPE_NONE};
  if (status == JIMM_OK) {
    status = jimm_tensor_create(dtype, &input.shape, &output);
  }
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "jimm_tensor_convert");
  }
  if (input.dtype == dtype) {
    if (bytes > 0) {
      memcpy(output.data, input.data, bytes);
    }
  } else if (!converters[input.dtype](dtype, input.data, output.data,
                                      (size_t)jimm_shape_count(&input.shape))) {
    jimm_tensor_close(&output);
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "jimm_tensor_convert: %s does not keep every value of %s",
                     jimm_dtype_name(dtype), jimm_dtype_name(input.dtype));
  }
  *result = output;
  return JIMM_OK;
}
