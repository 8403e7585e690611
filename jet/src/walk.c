// From the entries to all that they reach, breadth first.
#include "jet.h"

#include <llvm-c/Core.h>

static bool is_entry(LLVMValueRef f) {
  static const char name[] = "jimm-jet-entry";
  return LLVMGetStringAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, name,
                                       sizeof name - 1) != NULL;
}

void jet_walk(void) {
  jet_list_functions();
  jet_read_pointers();
  for (size_t i = 0; i < jet.function_count; ++i) {
    if (is_entry(jet.functions[i].value)) {
      jet_reach(NULL, &jet.functions[i], (jet_place){0}, true);
    }
  }
  for (size_t i = 0; i < jet.reached_count; ++i) {  // grows while it is read: breadth first
    jet_scan(jet.reached[i]);
  }
}
