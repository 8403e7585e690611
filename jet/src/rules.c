#include "jet.h"

#include <llvm-c/Core.h>
#include <string.h>

static void find(const jet_function *f, LLVMValueRef instruction, const char *rule,
                 const char *callee, const char *message) {
  jet_place place = jet_place_of(f, instruction);
  jet_find((jet_finding){.rule = rule,
                         .file = place.file,
                         .line = place.line,
                         .function = f,
                         .callee = callee,
                         .message = message});
}

// ---- Calls by name ------------------------------------------------------------------------------

static void report_effect(jet_function *f, LLVMValueRef call, const char *name, jet_effect effect) {
  switch (effect) {
    case JET_ALLOCATION:
      find(f, call, "allocation", name, jet_format("%s takes or frees memory of the heap", name));
      break;
    case JET_LOCK:
      find(f, call, "lock", name, jet_format("%s may wait for another thread", name));
      break;
    case JET_BLOCKING_IO:
      find(f, call, "blocking-io", name, jet_format("%s may wait for a file or the system", name));
      break;
    case JET_UNKNOWN:
      find(f, call, "unknown-external", name,
           jet_format("nothing is known of %s: it is in none of the files and in no effect table",
                      name));
      break;
    case JET_MATH:
      if (jet_float_libm(call)) {
        find(f, call, "double-libm", name,
             jet_format("%s computes in double what was a float and becomes one", name));
      }
      break;
    case JET_NONE:
    case JET_EFFECTS:
      break;
  }
}

// Those that get a pointer to a function may call it.
static void call_back(jet_function *f, LLVMValueRef call) {
  for (unsigned i = 0; i < LLVMGetNumArgOperands(call); ++i) {
    LLVMValueRef argument = jet_without_casts(LLVMGetOperand(call, i));
    LLVMTypeRef type = LLVMTypeOf(argument);
    jet_function *to = LLVMIsAFunction(argument) ? jet_function_of(argument) : NULL;
    if (to) {
      jet_reach(f, to, jet_place_of(f, call), false);
    } else if (!LLVMIsConstant(argument) && LLVMGetTypeKind(type) == LLVMPointerTypeKind &&
               LLVMGetTypeKind(LLVMGetElementType(type)) == LLVMFunctionTypeKind) {
      jet_reach_by_type(f, call, LLVMGetElementType(type), &(jet_list){0});
    }
  }
}

static void call_function(jet_function *f, LLVMValueRef call, LLVMValueRef callee) {
  const char *name = jet_name_of(callee);
  jet_function *to = jet_function_of(callee);
  jet_effect given = jet_find_given_effect(name);
  if (to && given == JET_UNKNOWN) {
    jet_reach(f, to, jet_place_of(f, call), true);
    return;
  }
  jet_effect effect = jet_find_effect(name);
  if (jet_starts(name, "llvm.") && effect == JET_UNKNOWN) {
    return;  // an instruction by another name
  }
  report_effect(f, call, name, effect);
  call_back(f, call);
}

static void scan_call(jet_function *f, LLVMValueRef call) {
  LLVMValueRef callee = jet_direct_callee(call);
  if (callee) {
    call_function(f, call, callee);
  } else if (LLVMIsAInlineAsm(LLVMGetCalledValue(call))) {
    find(f, call, "inline-asm", NULL, "inline assembly: the optimiser cannot see through it");
  } else {
    jet_call_pointer(f, call);
  }
}

void jet_scan(jet_function *f) {
  LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(f->value);
  for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f->value); b; b = LLVMGetNextBasicBlock(b)) {
    for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
      LLVMOpcode code = LLVMGetInstructionOpcode(i);
      if (jet_is_call(i)) {
        scan_call(f, i);
      } else if (code == LLVMAlloca && (b != entry || !LLVMIsConstant(LLVMGetOperand(i, 0)))) {
        find(f, i, "dynamic-stack", NULL,
             "a variable-length array or alloca: the stack grows by a size known at run time");
      } else if (code == LLVMFPExt && jet_promotes(i)) {
        find(f, i, "double-promotion", NULL,
             "a float is computed with as double and becomes a float again");
      }
    }
  }
}
