// Where a float is promoted to double, computed with, and made a float again: what was meant to be
// float arithmetic. Doubles that go to memory, to a caller or to another function are wanted ones.
#include "jet.h"

#include <llvm-c/Core.h>

typedef struct value_set {
  LLVMValueRef *items;
  size_t count, capacity;
} value_set;

static bool insert(value_set *set, LLVMValueRef value) {
  for (size_t i = 0; i < set->count; ++i) {
    if (set->items[i] == value) {
      return false;
    }
  }
  set->items = jet_reserve(set->items, set->count, &set->capacity, sizeof(LLVMValueRef));
  set->items[set->count++] = value;
  return true;
}

static bool is_double_libm(LLVMValueRef instruction) {
  LLVMValueRef callee = jet_is_call(instruction) ? jet_direct_callee(instruction) : NULL;
  return callee && LLVMIsDeclaration(callee) && jet_find_effect(jet_name_of(callee)) == JET_MATH;
}

static bool is_promotion(LLVMValueRef value) {
  return LLVMIsAInstruction(value) && LLVMGetInstructionOpcode(value) == LLVMFPExt &&
         LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMDoubleTypeKind &&
         LLVMGetTypeKind(LLVMTypeOf(LLVMGetOperand(value, 0))) == LLVMFloatTypeKind;
}

// Functions of doubles that arithmetic goes through: those of libm, and intrinsics.
static bool is_math_call(LLVMValueRef instruction) {
  LLVMValueRef callee = jet_is_call(instruction) ? jet_direct_callee(instruction) : NULL;
  if (!callee || LLVMGetTypeKind(LLVMTypeOf(instruction)) != LLVMDoubleTypeKind) {
    return false;
  }
  size_t size = 0;
  return jet_starts(LLVMGetValueName2(callee, &size), "llvm.") || is_double_libm(instruction);
}

static bool is_arithmetic(LLVMValueRef instruction) {
  switch (LLVMGetInstructionOpcode(instruction)) {
    case LLVMFNeg:
    case LLVMFAdd:
    case LLVMFSub:
    case LLVMFMul:
    case LLVMFDiv:
    case LLVMFRem:
    case LLVMPHI:
    case LLVMSelect:
      return true;
    default:
      return is_math_call(instruction);
  }
}

// A comparison of nothing but promoted floats and constants.
static bool compares_floats(LLVMValueRef instruction) {
  if (LLVMGetInstructionOpcode(instruction) != LLVMFCmp) {
    return false;
  }
  for (unsigned i = 0; i < 2; ++i) {
    LLVMValueRef operand = LLVMGetOperand(instruction, i);
    if (!LLVMIsConstant(operand) && !is_promotion(operand)) {
      return false;
    }
  }
  return true;
}

static bool becomes_float(LLVMValueRef start) {
  value_set seen = {0};
  insert(&seen, start);
  for (size_t i = 0; i < seen.count; ++i) {
    for (LLVMUseRef use = LLVMGetFirstUse(seen.items[i]); use; use = LLVMGetNextUse(use)) {
      LLVMValueRef user = LLVMGetUser(use);
      if (!LLVMIsAInstruction(user)) {
        continue;
      }
      if (LLVMGetInstructionOpcode(user) == LLVMFPTrunc || compares_floats(user)) {
        return true;
      }
      if (is_arithmetic(user)) {
        insert(&seen, user);
      }
    }
  }
  return false;
}

static bool comes_from_float(LLVMValueRef call) {
  value_set seen = {0};
  insert(&seen, call);
  for (size_t i = 0; i < seen.count; ++i) {
    LLVMValueRef value = seen.items[i];
    if (is_promotion(value)) {
      return true;
    }
    if (LLVMIsAInstruction(value) && is_arithmetic(value)) {
      for (int o = 0; o < LLVMGetNumOperands(value); ++o) {
        insert(&seen, LLVMGetOperand(value, (unsigned)o));
      }
    }
  }
  return false;
}

bool jet_float_libm(LLVMValueRef call) {
  return is_math_call(call) && comes_from_float(call) && becomes_float(call);
}

bool jet_promotes(LLVMValueRef instruction) {
  if (!is_promotion(instruction) || !becomes_float(instruction)) {
    return false;
  }
  // Promoted only for a function of libm: that is the finding then.
  for (LLVMUseRef use = LLVMGetFirstUse(instruction); use; use = LLVMGetNextUse(use)) {
    if (!LLVMIsAInstruction(LLVMGetUser(use)) || !is_double_libm(LLVMGetUser(use))) {
      return true;
    }
  }
  return false;
}
