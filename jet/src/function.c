// The functions of the module: where they are in the source, and what reaches them.
#include "jet.h"

#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>

static jet_function **by_value;  // sorted by the address of the value

bool jet_is_call(LLVMValueRef instruction) {
  LLVMOpcode code = LLVMGetInstructionOpcode(instruction);
  return code == LLVMCall || code == LLVMInvoke || code == LLVMCallBr;
}

LLVMValueRef jet_without_casts(LLVMValueRef value) {
  while (LLVMIsAConstantExpr(value) && LLVMGetConstOpcode(value) == LLVMBitCast) {
    value = LLVMGetOperand(value, 0);
  }
  return value;
}

LLVMValueRef jet_direct_callee(LLVMValueRef call) {
  LLVMValueRef callee = jet_without_casts(LLVMGetCalledValue(call));
  while (LLVMIsAGlobalAlias(callee)) {
    callee = jet_without_casts(LLVMAliasGetAliasee(callee));
  }
  return LLVMIsAFunction(callee) ? callee : NULL;
}

const char *jet_name_of(LLVMValueRef value) {
  size_t size = 0;
  const char *name = LLVMGetValueName2(value, &size);
  return jet_starts(name, "llvm.") ? name : jet_format("%.*s", (int)strcspn(name, "."), name);
}

static int by_address(const void *left, const void *right) {
  uintptr_t a = (uintptr_t)(*(jet_function *const *)left)->value;
  uintptr_t b = (uintptr_t)(*(jet_function *const *)right)->value;
  return (a > b) - (a < b);
}

jet_function *jet_function_of(LLVMValueRef value) {
  size_t low = 0;
  size_t high = jet.function_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if ((uintptr_t)by_value[middle]->value < (uintptr_t)value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < jet.function_count && by_value[low]->value == value ? by_value[low] : NULL;
}

// The text of a metadata node's file. `scope` may be NULL.
static const char *file_of(LLVMMetadataRef scope, const char *directory) {
  LLVMMetadataRef file = scope ? LLVMDIScopeGetFile(scope) : NULL;
  if (!file) {
    return NULL;
  }
  unsigned size = 0;
  const char *text = LLVMDIFileGetFilename(file, &size);
  const char *name = jet_format("%.*s", (int)size, text);
  text = LLVMDIFileGetDirectory(file, &size);
  return jet_path(size ? jet_format("%.*s", (int)size, text) : directory, name);
}

jet_place jet_place_of(const jet_function *f, LLVMValueRef instruction) {
  jet_place place = {.file = f->file, .line = f->line};
  LLVMMetadataRef location = LLVMInstructionGetDebugLoc(instruction);
  if (location && LLVMDILocationGetLine(location)) {
    place.line = LLVMDILocationGetLine(location);
    const char *file =
        file_of(LLVMDILocationGetScope(location), jet.units.items[f->unit].directory);
    place.file = file ? file : f->file;
  }
  return place;
}

static void describe(jet_function *f, LLVMValueRef value) {
  *f = (jet_function){.value = value, .name = jet_name_of(value)};
  LLVMAttributeRef mark =
      LLVMGetStringAttributeAtIndex(value, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                                    jet_unit_attribute, (unsigned)strlen(jet_unit_attribute));
  unsigned length = 0;
  f->unit = mark ? (size_t)strtoul(LLVMGetStringAttributeValue(mark, &length), NULL, 10) : 0;
  LLVMMetadataRef subprogram = LLVMGetSubprogram(value);
  if (!subprogram) {
    return;
  }
  f->file = file_of(subprogram, jet.units.items[f->unit].directory);
  f->line = f->last_line = LLVMDISubprogramGetLine(subprogram);
  for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(value); b; b = LLVMGetNextBasicBlock(b)) {
    for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
      LLVMMetadataRef location = LLVMInstructionGetDebugLoc(i);
      unsigned line = location ? LLVMDILocationGetLine(location) : 0;
      f->last_line = line > f->last_line ? line : f->last_line;
    }
  }
}

void jet_list_functions(void) {
  for (LLVMValueRef f = LLVMGetFirstFunction(jet.module); f; f = LLVMGetNextFunction(f)) {
    jet.function_count += LLVMIsDeclaration(f) == 0;
  }
  jet.functions = jet_alloc((jet.function_count + 1) * sizeof *jet.functions);
  by_value = jet_alloc((jet.function_count + 1) * sizeof(jet_function *));
  jet.reached = jet_alloc((jet.function_count + 1) * sizeof(jet_function *));
  size_t n = 0;
  for (LLVMValueRef f = LLVMGetFirstFunction(jet.module); f; f = LLVMGetNextFunction(f)) {
    if (!LLVMIsDeclaration(f)) {
      describe(&jet.functions[n], f);
      by_value[n] = &jet.functions[n];
      ++n;
    }
  }
  qsort(by_value, n, sizeof(jet_function *), by_address);
}

void jet_reach(jet_function *from, jet_function *to, jet_place place, bool certain) {
  if (from) {
    from->edges =
        jet_reserve(from->edges, from->edge_count, &from->edge_capacity, sizeof *from->edges);
    from->edges[from->edge_count++] = (jet_edge){.to = to, .place = place, .certain = certain};
  }
  if (!to->reached) {
    to->reached = true;
    to->from = from;
    to->from_place = place;
    to->from_certain = certain;
    jet.units.items[to->unit].reached = true;
    jet.reached[jet.reached_count++] = to;
  }
}

const jet_function *jet_reached_at(const char *file, unsigned line) {
  const jet_function *best = NULL;
  for (size_t i = 0; i < jet.reached_count; ++i) {
    const jet_function *f = jet.reached[i];
    if (f->file && f->line <= line && line <= f->last_line && strcmp(f->file, file) == 0 &&
        (!best || f->line > best->line)) {
      best = f;
    }
  }
  return best;
}

const jet_function *jet_reached_named(const char *name, const char *file) {
  for (size_t i = 0; i < jet.reached_count; ++i) {
    const jet_function *f = jet.reached[i];
    if (f->file && strcmp(f->name, name) == 0 && strcmp(f->file, file) == 0) {
      return f;
    }
  }
  return NULL;
}
