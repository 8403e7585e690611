// Element types, shapes, tensors, conversion, comparison.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/base.h>
#include <jimm/tensor.h>

#include "tensor/half.h"

#define SHAPE(...)                                                                                \
  {                                                                                               \
    .rank = (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .dim = { __VA_ARGS__ } \
  }

// ---- types and shapes ---------------------------------------------------------------------------

TEST(dtypes_have_names_and_sizes) {
  static const struct {
    jimm_dtype dtype;
    size_t size;
    const char *name;
  } rows[] = {{JIMM_F64, 8, "F64"},    {JIMM_F32, 4, "F32"},      {JIMM_F16, 2, "F16"},
              {JIMM_BF16, 2, "BF16"},  {JIMM_I64, 8, "I64"},      {JIMM_I32, 4, "I32"},
              {JIMM_I16, 2, "I16"},    {JIMM_I8, 1, "I8"},        {JIMM_U64, 8, "U64"},
              {JIMM_U32, 4, "U32"},    {JIMM_U16, 2, "U16"},      {JIMM_U8, 1, "U8"},
              {JIMM_BOOL, 1, "BOOL"},  {JIMM_DTYPE_NONE, 0, "?"}, {(jimm_dtype)14, 0, "?"},
              {(jimm_dtype)-1, 0, "?"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    TEST_CHECK_UINT(jimm_dtype_size(rows[i].dtype), rows[i].size);
    TEST_CHECK_STR(jimm_dtype_name(rows[i].dtype), rows[i].name);
  }
}

TEST(shapes_are_counted_and_written) {
  static const struct {
    jimm_shape shape;
    int64_t count;
    const char *text;
  } rows[] = {
      {{.rank = 0}, 1, "[]"},
      {SHAPE(3), 3, "[3]"},
      {SHAPE(1, 3, 224, 224), 150528, "[1, 3, 224, 224]"},
      {SHAPE(5, 0, 7), 0, "[5, 0, 7]"},
      {SHAPE(INT64_MAX), INT64_MAX, "[9223372036854775807]"},
      {SHAPE(INT64_MAX, 2), -1, "[9223372036854775807, 2]"},
      {SHAPE(INT64_C(1) << 32, INT64_C(1) << 31), -1, "[4294967296, 2147483648]"},
      {SHAPE(INT64_C(1) << 32, INT64_C(1) << 30), INT64_C(1) << 62, "[4294967296, 1073741824]"},
      {SHAPE(INT64_MAX, INT64_MAX, 0), 0, "[9223372036854775807, 9223372036854775807, 0]"},
      {SHAPE(2, -1), -1, "[2, -1]"},
      {SHAPE(0, -1), -1, "[0, -1]"},
      {{.rank = -1}, -1, "absent"},
      {{.rank = 9}, -1, "[rank 9]"},
      {SHAPE(INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN,
             INT64_MIN),
       -1,
       "[-9223372036854775808, -9223372036854775808, -9223372036854775808, "
       "-9223372036854775808, -9223372036854775808, -9223372036854775808, "
       "-9223372036854775808, -9223372036854775808]"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[256], cut[6];
    TEST_CHECK_INT(jimm_shape_count(&rows[i].shape), rows[i].count);
    TEST_CHECK_STR(jimm_shape_format(&rows[i].shape, text, sizeof text), rows[i].text);
    jimm_shape_format(&rows[i].shape, cut, sizeof cut);
    TEST_CHECK(strlen(cut) <= 5 && strncmp(cut, rows[i].text, strlen(cut)) == 0);
  }
  // What JIMM_SHAPE_TEXT promises: sizes that exist are never cut.
  const jimm_shape widest = SHAPE(INT64_MAX, 1, 1, 1, 1, 1, 1, 1);
  char text[JIMM_SHAPE_TEXT];
  TEST_CHECK(strlen(jimm_shape_format(&widest, text, sizeof text)) < sizeof text - 1);
  const jimm_shape a = SHAPE(2, 3), b = SHAPE(2, 4), c = SHAPE(2, 3, 1);
  TEST_CHECK(jimm_shape_equal(&a, &a));
  TEST_CHECK(!jimm_shape_equal(&a, &b));
  TEST_CHECK(!jimm_shape_equal(&a, &c));
}

// ---- tensors ------------------------------------------------------------------------------------

// An allocator that has nothing.
static void *refuse(void *context, size_t bytes, size_t alignment) {
  (void)context;
  (void)bytes;
  (void)alignment;
  return NULL;
}
static void refuse_release(void *context, void *pointer) {
  (void)context;
  (void)pointer;
}

TEST(tensors_are_zeroed_aligned_and_checked) {
  jimm_tensor tensor;
  const jimm_shape shape = SHAPE(3, 5);
  TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &shape, &tensor), JIMM_OK);
  TEST_CHECK_UINT((uintptr_t)tensor.data % 64, 0);
  TEST_CHECK_UINT(jimm_tensor_bytes(&tensor), 60);
  static const char zeros[60];
  TEST_CHECK_MEM(tensor.data, zeros, 60);
  jimm_tensor_close(&tensor);
  TEST_CHECK(tensor.data == NULL && tensor.owned == NULL);
  jimm_tensor_close(&tensor);
  jimm_tensor_close(NULL);
  const jimm_shape empty = SHAPE(0, 4), negative = SHAPE(-1), huge = SHAPE(INT64_MAX / 2);
  TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &empty, &tensor), JIMM_OK);
  jimm_tensor_close(&tensor);
  TEST_CHECK_INT(jimm_tensor_create(JIMM_F32, &negative, &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "F32 [-1]");
  TEST_CHECK_INT(jimm_tensor_create(JIMM_F64, &huge, &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  const jimm_allocator none = {sizeof none, refuse, refuse_release, NULL};
  jimm_set_allocator(&none);
  TEST_CHECK_INT(jimm_tensor_create(JIMM_U8, &huge, &tensor), JIMM_ERROR_OUT_OF_MEMORY);
  jimm_set_allocator(NULL);
  TEST_CHECK_INT(jimm_tensor_create((jimm_dtype)77, &shape, &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK(tensor.data == NULL);
  tensor = (jimm_tensor){JIMM_F32, SHAPE(2, 2), NULL, NULL};  // its own shape as the argument
  TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &tensor.shape, &tensor), JIMM_OK);
  TEST_CHECK_UINT(jimm_tensor_bytes(&tensor), 16);
  jimm_tensor_close(&tensor);
}

// ---- 16-bit floats ------------------------------------------------------------------------------

// The value of a 16-bit float from its definition.
static double value_of(unsigned bits, int fraction_bits, int bias) {
  const int exponent_bits = 15 - fraction_bits;
  const unsigned fraction = bits & ((1u << fraction_bits) - 1);
  const int exponent = (int)(bits >> fraction_bits & ((1u << exponent_bits) - 1));
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction == 0 ? sign * (double)INFINITY : (double)NAN;
  }
  return exponent == 0
             ? sign * ldexp(fraction, 1 - bias - fraction_bits)
             : sign * ldexp((1u << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

static bool same(double a, double b) {
  return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

TEST(halves_widen_exactly_for_all_65536) {
  int wrong16 = 0, wrong_b16 = 0, wrong_back = 0;
  for (unsigned bits = 0; bits < 65536; bits++) {
    const uint16_t half = (uint16_t)bits;
    const double f16 = (double)jimm_f16_to_f32(half), bf16 = (double)jimm_bf16_to_f32(half);
    wrong16 += !same(f16, value_of(bits, 10, 15));
    wrong_b16 += !same(bf16, value_of(bits, 7, 127));
    // and back; a NaN stays one, quiet, with its sign and the rest of its payload
    wrong_back += jimm_f64_to_f16(f16) != (isnan(f16) ? (bits | 0x200) : bits);
    wrong_back += jimm_f64_to_bf16(bf16) != (isnan(bf16) ? (bits | 0x40) : bits);
  }
  TEST_CHECK_INT(wrong16, 0);
  TEST_CHECK_INT(wrong_b16, 0);
  TEST_CHECK_INT(wrong_back, 0);
}

// Between every two neighbours: the midpoint goes to the even one, its neighbours to the nearer.
static int count_wrong_roundings(int fraction_bits, int bias, uint16_t (*narrow)(double)) {
  const unsigned infinity = (1u << 15) - (1u << fraction_bits);
  int wrong = 0;
  for (unsigned bits = 0; bits < infinity; bits++) {
    const double low = value_of(bits, fraction_bits, bias);
    // The successor of the largest number would be 2^(bias + 1); there infinity stands.
    const double high =
        bits + 1 == infinity ? ldexp(1, bias + 1) : value_of(bits + 1, fraction_bits, bias);
    const double middle = low + (high - low) / 2;
    const unsigned even = (bits & 1) == 0 ? bits : bits + 1;
    for (unsigned sign = 0; sign < 2; sign++) {
      const double s = sign ? -1 : 1;
      wrong += narrow(s * middle) != (even | sign << 15);
      wrong += narrow(s * nextafter(middle, low)) != (bits | sign << 15);
      wrong += narrow(s * nextafter(middle, high)) != ((bits + 1) | sign << 15);
    }
  }
  return wrong;
}

TEST(halves_round_to_nearest_even_at_all_midpoints) {
  TEST_CHECK_INT(count_wrong_roundings(10, 15, jimm_f64_to_f16), 0);
  TEST_CHECK_INT(count_wrong_roundings(7, 127, jimm_f64_to_bf16), 0);
  const uint64_t low_payload = UINT64_C(0x7FF0000000000001);  // must not become an infinity
  double nan;
  memcpy(&nan, &low_payload, sizeof nan);
  TEST_CHECK_UINT(jimm_f64_to_f16(nan), 0x7E00);
  TEST_CHECK_UINT(jimm_f64_to_bf16(nan), 0x7FC0);
  TEST_CHECK_UINT(jimm_f64_to_f16(0x1p-1074), 0);
  TEST_CHECK_UINT(jimm_f64_to_f16(-0x1p-1074), 0x8000);
  TEST_CHECK_UINT(jimm_f64_to_f16(1e300), 0x7C00);
  TEST_CHECK_UINT(jimm_f64_to_bf16(-1e300), 0xFF80);
  TEST_CHECK_UINT(jimm_f64_to_bf16((double)INFINITY), 0x7F80);
}

// ---- conversion ---------------------------------------------------------------------------------

// Converts one element and gives the result's bytes.
static jimm_status convert_one(jimm_dtype from, const void *value, jimm_dtype to, void *result) {
  jimm_tensor tensor = {from, SHAPE(1), NULL, NULL}, out;
  unsigned char unaligned[17];  // views into files need not be aligned
  memcpy(unaligned + 1, value, jimm_dtype_size(from));
  tensor.data = unaligned + 1;
  jimm_status status = jimm_tensor_convert(&tensor, to, &out);
  if (status == JIMM_OK) {
    memcpy(result, out.data, jimm_dtype_size(to));
    jimm_tensor_close(&out);
  }
  return status;
}

static bool is_float(int dtype) {
  return dtype >= JIMM_F64 && dtype <= JIMM_BF16;
}

// 1 in every element type, as bytes.
static const unsigned char one_bytes[14][8] = {[JIMM_F64] = {0, 0, 0, 0, 0, 0, 0xF0, 0x3F},
                                               [JIMM_F32] = {0, 0, 0x80, 0x3F},
                                               [JIMM_F16] = {0, 0x3C},
                                               [JIMM_BF16] = {0x80, 0x3F},
                                               [JIMM_I64] = {1},
                                               [JIMM_I32] = {1},
                                               [JIMM_I16] = {1},
                                               [JIMM_I8] = {1},
                                               [JIMM_U64] = {1},
                                               [JIMM_U32] = {1},
                                               [JIMM_U16] = {1},
                                               [JIMM_U8] = {1},
                                               [JIMM_BOOL] = {1}};

TEST(conversion_of_every_pair_of_types) {
  // Integer pairs that keep every value, by width: signed from signed and narrower unsigned.
  static const struct {
    int bits;
    bool is_signed;
  } integers[14] = {[JIMM_I64] = {64, true},  [JIMM_I32] = {32, true},  [JIMM_I16] = {16, true},
                    [JIMM_I8] = {8, true},    [JIMM_U64] = {64, false}, [JIMM_U32] = {32, false},
                    [JIMM_U16] = {16, false}, [JIMM_U8] = {8, false},   [JIMM_BOOL] = {1, false}};
  for (int from = JIMM_F64; from <= JIMM_BOOL; from++) {
    for (int to = JIMM_F64; to <= JIMM_BOOL; to++) {
      bool keeps = from == to || is_float(to);
      if (!is_float(from) && !is_float(to)) {
        keeps = integers[from].is_signed == integers[to].is_signed
                    ? integers[from].bits <= integers[to].bits
                    : integers[to].is_signed && integers[from].bits < integers[to].bits;
      }
      unsigned char result[8] = {0};
      jimm_status status = convert_one((jimm_dtype)from, one_bytes[from], (jimm_dtype)to, result);
      TEST_CHECK_MSG(status == (keeps ? JIMM_OK : JIMM_ERROR_UNSUPPORTED), "%s to %s",
                     jimm_dtype_name((jimm_dtype)from), jimm_dtype_name((jimm_dtype)to));
      if (keeps) {
        TEST_CHECK_MEM(result, one_bytes[to], jimm_dtype_size((jimm_dtype)to));
      } else {
        TEST_CHECK_CONTAINS(jimm_error_message(), "does not keep every value");
      }
    }
  }
}

TEST(conversion_of_integers_rounds_once) {
  // 2^62 + half of a unit in the last place + 1: twice rounded, the 1 is lost and the tie goes
  // down.
  const int64_t to_bf16 = (INT64_C(1) << 62) + (INT64_C(1) << 54) + 1;
  const int64_t to_f32 = -((INT64_C(1) << 62) + (INT64_C(1) << 38) + 1);
  const uint64_t large = UINT64_MAX;
  uint16_t half;
  float single;
  double wide;
  TEST_CHECK_INT(convert_one(JIMM_I64, &to_bf16, JIMM_BF16, &half), JIMM_OK);
  TEST_CHECK_DOUBLE((double)jimm_bf16_to_f32(half), 0x1.02p62, 0, 0);
  TEST_CHECK_INT(convert_one(JIMM_U64, &to_bf16, JIMM_BF16, &half), JIMM_OK);
  TEST_CHECK_DOUBLE((double)jimm_bf16_to_f32(half), 0x1.02p62, 0, 0);
  const int64_t tie = (INT64_C(1) << 62) + (INT64_C(1) << 54);
  TEST_CHECK_INT(convert_one(JIMM_I64, &tie, JIMM_BF16, &half), JIMM_OK);
  TEST_CHECK_DOUBLE((double)jimm_bf16_to_f32(half), 0x1p62, 0, 0);
  TEST_CHECK_INT(convert_one(JIMM_I64, &to_f32, JIMM_F32, &single), JIMM_OK);
  TEST_CHECK_DOUBLE((double)single, -0x1.000002p62, 0, 0);
  TEST_CHECK_INT(convert_one(JIMM_U64, &large, JIMM_F64, &wide), JIMM_OK);
  TEST_CHECK_DOUBLE(wide, 0x1p64, 0, 0);
  TEST_CHECK_INT(convert_one(JIMM_U64, &large, JIMM_F16, &half), JIMM_OK);
  TEST_CHECK_UINT(half, 0x7C00);
  const int64_t least = INT64_MIN;
  TEST_CHECK_INT(convert_one(JIMM_I64, &least, JIMM_BF16, &half), JIMM_OK);
  TEST_CHECK_DOUBLE((double)jimm_bf16_to_f32(half), -0x1p63, 0, 0);
  const int32_t minus = -2049;  // between two F16 numbers: 2048 is the even one
  TEST_CHECK_INT(convert_one(JIMM_I32, &minus, JIMM_F16, &half), JIMM_OK);
  TEST_CHECK_DOUBLE((double)jimm_f16_to_f32(half), -2048, 0, 0);
  // A double that float would round onto an F16 tie: 1 + 2^-11 + 2^-30.
  const double near_tie = 1 + 0x1p-11 + 0x1p-30;
  TEST_CHECK_INT(convert_one(JIMM_F64, &near_tie, JIMM_F16, &half), JIMM_OK);
  TEST_CHECK_UINT(half, 0x3C01);
  const double overflow = 1e39;
  TEST_CHECK_INT(convert_one(JIMM_F64, &overflow, JIMM_F32, &single), JIMM_OK);
  TEST_CHECK(isinf(single));
  const int8_t negative = -5;
  int64_t sum;
  TEST_CHECK_INT(convert_one(JIMM_I8, &negative, JIMM_I64, &sum), JIMM_OK);
  TEST_CHECK_INT(sum, -5);
  const uint8_t odd_bool = 7;  // any byte but 0 is true
  TEST_CHECK_INT(convert_one(JIMM_BOOL, &odd_bool, JIMM_I64, &sum), JIMM_OK);
  TEST_CHECK_INT(sum, 1);
}

TEST(conversion_works_in_place_and_checks_its_input) {
  jimm_tensor tensor;
  const jimm_shape shape = SHAPE(2, 3);
  TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &shape, &tensor), JIMM_OK);
  for (int i = 0; i < 6; i++) {
    ((float *)tensor.data)[i] = (float)i + 0.5f;
  }
  void *before = tensor.owned;
  TEST_REQUIRE_INT(jimm_tensor_convert(&tensor, JIMM_F64, &tensor), JIMM_OK);  // the caller frees
  TEST_CHECK_INT(tensor.dtype, JIMM_F64);
  TEST_CHECK(jimm_shape_equal(&tensor.shape, &shape));
  TEST_CHECK_DOUBLE(((double *)tensor.data)[5], 5.5, 0, 0);
  jimm_tensor old = {JIMM_F32, shape, before, before};
  jimm_tensor_close(&old);
  jimm_tensor_close(&tensor);
  const jimm_tensor no_data = {JIMM_F32, SHAPE(2), NULL, NULL},
                    empty = {JIMM_F32, SHAPE(0), NULL, NULL};
  TEST_CHECK_INT(jimm_tensor_convert(&no_data, JIMM_F64, &tensor), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "has no data");
  TEST_CHECK_INT(jimm_tensor_convert(&empty, JIMM_F64, &tensor), JIMM_OK);
  jimm_tensor_close(&tensor);
  TEST_CHECK_INT(jimm_tensor_convert(&empty, JIMM_DTYPE_NONE, &tensor),
                 JIMM_ERROR_INVALID_ARGUMENT);
}

// ---- comparison ---------------------------------------------------------------------------------

TEST(comparison_measures_what_it_says) {
  const float nan = NAN, inf = INFINITY;
  static const struct {
    int64_t count;
    float got[4], want[4];
    double diff, largest, relative;
    int64_t worst, not_finite;
  } rows[] = {{3, {1, 2, 3}, {1, 2, 3}, 0, 3, 0, 0, 0},
              {3, {1, 2, 3.5f}, {1, -4, 3}, 6, 4, 1.5, 1, 0},
              {2, {0, 0}, {0, 0}, 0, 0, 0, 0, 0},
              {2, {-1, 3}, {1, 1}, 2, 1, 2, 0, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const jimm_tensor got = {JIMM_F32, SHAPE(rows[i].count), (void *)(uintptr_t)rows[i].got, NULL};
    const jimm_tensor want = {JIMM_F32, SHAPE(rows[i].count), (void *)(uintptr_t)rows[i].want,
                              NULL};
    jimm_compare c;
    TEST_REQUIRE_INT(jimm_tensor_compare(&got, &want, &c), JIMM_OK);
    TEST_CHECK_DOUBLE(c.max_abs_diff, rows[i].diff, 0, 0);
    TEST_CHECK_DOUBLE(c.max_abs_want, rows[i].largest, 0, 0);
    TEST_CHECK_DOUBLE(c.relative, rows[i].relative, 0, 0);
    TEST_CHECK_INT(c.worst, rows[i].worst);
    TEST_CHECK_INT(c.not_finite, rows[i].not_finite);
    TEST_CHECK_DOUBLE(c.worst_got, (double)rows[i].got[c.worst], 0, 0);
    TEST_CHECK_DOUBLE(c.worst_want, (double)rows[i].want[c.worst], 0, 0);
  }
  // Not finite: NaN in the result, never a small number. Equal infinities are equal.
  const struct {
    float got[3], want[3];
    int64_t worst, not_finite;
  } odd[] = {{{1, nan, 3}, {5, 2, 3}, 1, 1},
             {{1, 2, 3}, {5, nan, nan}, 1, 2},
             {{1, nan, 3}, {1, nan, 3}, 1, 1},
             {{1, inf, 3}, {1, 2, 3}, 1, 1},
             {{inf, 2, 3}, {-inf, 2, 3}, 0, 1}};
  jimm_compare c;
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    const jimm_tensor got = {JIMM_F32, SHAPE(3), (void *)(uintptr_t)odd[i].got, NULL};
    const jimm_tensor want = {JIMM_F32, SHAPE(3), (void *)(uintptr_t)odd[i].want, NULL};
    TEST_REQUIRE_INT(jimm_tensor_compare(&got, &want, &c), JIMM_OK);
    TEST_CHECK(isnan(c.max_abs_diff) && isnan(c.relative));
    TEST_CHECK_INT(c.not_finite, odd[i].not_finite);
    TEST_CHECK_INT(c.worst, odd[i].worst);
  }
  float a[] = {inf, 1, -inf}, b[] = {inf, 1.5f, -inf};
  jimm_tensor got = {JIMM_F32, SHAPE(3), a, NULL}, want = {JIMM_F32, SHAPE(3), b, NULL};
  TEST_REQUIRE_INT(jimm_tensor_compare(&got, &want, &c), JIMM_OK);
  TEST_CHECK_DOUBLE(c.max_abs_diff, 0.5, 0, 0);
  TEST_CHECK_DOUBLE(c.max_abs_want, 1.5, 0, 0);  // of the finite ones
  TEST_CHECK_INT(c.not_finite, 0);
}

TEST(comparison_takes_every_floating_type) {
  double wide[] = {1.5, -2};
  float single[] = {1.5f, -2};
  uint16_t half[] = {0x3E00, 0xC000}, brain[] = {0x3FC0, 0xC000};
  const jimm_tensor all[] = {{JIMM_F64, SHAPE(2), wide, NULL},
                             {JIMM_F32, SHAPE(2), single, NULL},
                             {JIMM_F16, SHAPE(2), half, NULL},
                             {JIMM_BF16, SHAPE(2), brain, NULL}};
  jimm_compare c;
  for (int i = 0; i < 4; i++) {
    for (int k = 0; k < 4; k++) {
      TEST_REQUIRE_INT(jimm_tensor_compare(&all[i], &all[k], &c), JIMM_OK);
      TEST_CHECK_DOUBLE(c.max_abs_diff, 0, 0, 0);
      TEST_CHECK_DOUBLE(c.max_abs_want, 2, 0, 0);
    }
  }
  int64_t integers[] = {1, 2};
  const jimm_tensor whole = {JIMM_I64, SHAPE(2), integers, NULL};
  const jimm_tensor other = {JIMM_F32, SHAPE(2, 1), single, NULL};
  const jimm_tensor empty = {JIMM_F32, SHAPE(0), NULL, NULL};
  TEST_CHECK_INT(jimm_tensor_compare(&whole, &whole, &c), JIMM_ERROR_UNSUPPORTED);
  TEST_CHECK_INT(jimm_tensor_compare(&all[1], &other, &c), JIMM_ERROR_SHAPE);
  TEST_CHECK_CONTAINS(jimm_error_message(), "got [2], want [2, 1]");
  TEST_CHECK_INT(jimm_tensor_compare(&empty, &empty, &c), JIMM_OK);
  TEST_CHECK_INT(c.worst, -1);
  TEST_CHECK_DOUBLE(c.relative, 0, 0, 0);
}

TEST_MAIN()
