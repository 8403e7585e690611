/* The 16-bit floating types: conversions between them and float and double. */
#ifndef JIMM_TENSOR_HALF_H
#define JIMM_TENSOR_HALF_H

#include <stdint.h>
#include <string.h>

static inline float jimm_bf16_to_f32(uint16_t half) {
  uint32_t bits = (uint32_t)half << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Exact; the payload of a NaN is kept, and so is its signalling bit. */
static inline float jimm_f16_to_f32(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 31u;
  uint32_t fraction = half & 1023u, bits;
  if (exponent == 31) {
    bits = 0x7F800000u | fraction << 13;
  } else if (exponent != 0) {
    bits = (exponent + 112) << 23 | fraction << 13;
  } else if (fraction != 0) { /* subnormal: fraction x 2^-24, normal in binary32 */
    uint32_t shift = (uint32_t)__builtin_clz(fraction) - 21; /* brings the leading one to bit 10 */
    bits = (113 - shift) << 23 | ((fraction << shift) & 1023u) << 13;
  } else {
    bits = 0;
  }
  bits |= sign;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Round to nearest even, once, to a 16-bit type of `fraction_bits` with that exponent bias.
 * Overflow gives infinity; NaN stays NaN, made quiet, with the upper bits of its payload. */
static inline uint16_t jimm_f64_narrow(double value, int fraction_bits, int bias) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint16_t sign = (uint16_t)(bits >> 63 << 15);
  const uint64_t magnitude = bits & UINT64_C(0x7FFFFFFFFFFFFFFF);
  const uint16_t infinity = (uint16_t)((2u * (unsigned)bias + 1u) << fraction_bits);
  if (magnitude > UINT64_C(0x7FF0000000000000)) {
    unsigned quiet = 1u << (fraction_bits - 1);
    unsigned payload = (unsigned)(magnitude >> (52 - fraction_bits)) & (2u * quiet - 1u);
    return (uint16_t)(sign | infinity | quiet | payload);
  }
  const int exponent = (int)(magnitude >> 52) - 1023 + bias;
  if (exponent > 2 * bias) {
    return (uint16_t)(sign | infinity);
  }
  /* The significand with its leading one; it is shifted so that one unit is the result's last bit.
   */
  int shift = 52 - fraction_bits + (exponent < 1 ? 1 - exponent : 0);
  if (shift > 53) { /* below half of the smallest subnormal */
    return sign;
  }
  uint64_t significand = (magnitude & UINT64_C(0xFFFFFFFFFFFFF)) | UINT64_C(1) << 52;
  uint64_t kept = significand >> shift, rest = significand & ((UINT64_C(1) << shift) - 1);
  uint64_t half = UINT64_C(1) << (shift - 1);
  kept += rest > half || (rest == half && (kept & 1) != 0);
  /* Normal: the leading one adds 1 to the exponent field. A carry out of the fraction goes on into
   * the exponent, from subnormal to normal and from the largest number to infinity. */
  uint64_t result = exponent < 1 ? kept : ((uint64_t)(exponent - 1) << fraction_bits) + kept;
  return (uint16_t)(sign | result);
}

static inline uint16_t jimm_f64_to_f16(double value) {
  return jimm_f64_narrow(value, 10, 15);
}

static inline uint16_t jimm_f64_to_bf16(double value) {
  return jimm_f64_narrow(value, 7, 127);
}

#endif
