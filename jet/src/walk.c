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

static LLVMValueRef without_casts(LLVMValueRef value) {
  while (LLVMIsAConstantExpr(value) && LLVMGetConstOpcode(value) == LLVMBitCast) {
    value = LLVMGetOperand(value, 0);
  }
  return LLVMIsAGlobalAlias(value) ? without_casts(LLVMAliasGetAliasee(value)) : value;
}

LLVMValueRef jet_direct_callee(LLVMValueRef call) {
  LLVMValueRef callee = without_casts(LLVMGetCalledValue(call));
  return LLVMIsAFunction(callee) ? callee : NULL;
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
  size_t size = 0;
  const char *name = LLVMGetValueName2(value, &size);
  // What comes after a dot was added by LLVM to tell functions of one name apart.
  *f = (jet_function){.value = value, .name = jet_format("%.*s", (int)strcspn(name, "."), name)};
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

static void list_functions(void) {
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
    if (from->edge_count == from->edge_capacity) {
      size_t capacity = from->edge_capacity ? 2 * from->edge_capacity : 8;
      jet_edge *grown = jet_alloc(capacity * sizeof *grown);
      if (from->edge_count) {
        memcpy(grown, from->edges, from->edge_count * sizeof *grown);
      }
      from->edges = grown;
      from->edge_capacity = capacity;
    }
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

static bool is_entry(LLVMValueRef f) {
  static const char name[] = "jimm-jet-entry";
  return LLVMGetStringAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, name,
                                       sizeof name - 1) != NULL;
}

void jet_walk(void) {
  list_functions();
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

// ---- Recursion ----------------------------------------------------------------------------------
// Tarjan's strongly connected components over the calls whose target is certain: one finding for
// each component with a cycle, at the first of its functions that the entry reaches.

static jet_function **stack;
static size_t stack_count, next_index;

// The shortest way from `first` back to itself within its component. `from` has, for each function
// that the search came to, 1 + the number of that which it came from.
static const char *describe_cycle(const jet_function *first, jet_function **members, size_t count,
                                  jet_place *place) {
  size_t *from = jet_alloc((jet.function_count + 1) * sizeof *from);
  size_t *queue = jet_alloc((jet.function_count + 1) * sizeof *queue);
  bool *inside = jet_alloc(jet.function_count + 1);
  for (size_t i = 0; i < count; ++i) {
    inside[members[i] - jet.functions] = true;
  }
  size_t start = (size_t)(first - jet.functions);
  size_t end = 0;
  queue[end++] = start;
  for (size_t i = 0; i < end && !from[start]; ++i) {
    const jet_function *f = &jet.functions[queue[i]];
    for (size_t e = 0; e < f->edge_count; ++e) {
      size_t to = (size_t)(f->edges[e].to - jet.functions);
      if (f->edges[e].certain && inside[to] && !from[to]) {
        from[to] = queue[i] + 1;
        queue[end++] = to;
      }
    }
  }
  const char *text = first->name;
  size_t last = start;
  for (size_t at = from[start] - 1; at != start; at = from[at] - 1) {
    text = jet_format("%s -> %s", jet.functions[at].name, text);
    last = at;
  }
  for (size_t e = 0; e < first->edge_count && !place->line; ++e) {
    if (first->edges[e].certain && first->edges[e].to == &jet.functions[last]) {
      *place = first->edges[e].place;
    }
  }
  return jet_format("%s -> %s", first->name, text);
}

static size_t order_of(const jet_function *f) {
  size_t i = 0;
  while (jet.reached[i] != f) {
    ++i;
  }
  return i;
}

static void report_component(jet_function **members, size_t count) {
  bool cyclic = count > 1;
  for (size_t e = 0; e < members[0]->edge_count; ++e) {
    cyclic |= members[0]->edges[e].certain && members[0]->edges[e].to == members[0];
  }
  if (!cyclic) {
    return;
  }
  const jet_function *first = members[0];
  for (size_t i = 1; i < count; ++i) {
    if (order_of(members[i]) < order_of(first)) {
      first = members[i];
    }
  }
  jet_place place = {0};
  const char *cycle = describe_cycle(first, members, count, &place);
  jet_find((jet_finding){.rule = "recursion",
                         .file = place.file,
                         .line = place.line,
                         .function = first,
                         .message = jet_format("recursion: %s", cycle)});
}

static void visit(jet_function *f) {
  f->index = f->low = ++next_index;
  f->on_stack = true;
  stack[stack_count++] = f;
  for (size_t e = 0; e < f->edge_count; ++e) {
    jet_function *to = f->edges[e].to;
    if (!f->edges[e].certain) {
      continue;
    }
    if (!to->index) {
      visit(to);
      f->low = to->low < f->low ? to->low : f->low;
    } else if (to->on_stack) {
      f->low = to->index < f->low ? to->index : f->low;
    }
  }
  if (f->low != f->index) {
    return;
  }
  size_t begin = stack_count;
  do {
    stack[--begin]->on_stack = false;
  } while (stack[begin] != f);
  report_component(stack + begin, stack_count - begin);
  stack_count = begin;
}

void jet_find_recursion(void) {
  stack = jet_alloc((jet.reached_count + 1) * sizeof(jet_function *));
  for (size_t i = 0; i < jet.reached_count; ++i) {
    if (!jet.reached[i]->index) {
      visit(jet.reached[i]);
    }
  }
}
