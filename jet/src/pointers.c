// Calls through pointers: where they may lead. The optimiser proves some sets of targets; a table
// of constants has its elements; a field of a struct has the functions that initialisers and stores
// of the program put there; all others lead to any function of the type whose address is taken.
#include "jet.h"

#include <llvm-c/Core.h>
#include <stdlib.h>
#include <string.h>

// Something else than a direct call uses the function, so that a pointer to it may exist.
static bool has_address_taken(LLVMValueRef value) {
  for (LLVMUseRef use = LLVMGetFirstUse(value); use; use = LLVMGetNextUse(use)) {
    LLVMValueRef user = LLVMGetUser(use);
    if (!LLVMIsAInstruction(user) || !jet_is_call(user)) {
      return true;
    }
    for (unsigned i = 0; i < LLVMGetNumArgOperands(user); ++i) {
      if (LLVMGetOperand(user, i) == value) {
        return true;
      }
    }
  }
  return false;
}

// ---- Fields -------------------------------------------------------------------------------------

// What lies in one field of all objects of a struct. Structs of one name in two files are one here.
typedef struct field {
  char *type;  // the struct's name
  unsigned index;
  bool open;  // something else than a function may be stored there
  LLVMValueRef *functions;
  size_t count, capacity;
  struct field *next;
} field;

enum { SLOTS = 4096 };
static field *fields[SLOTS];

// "struct.op" of "struct.op.17", which is what LLVM makes of a second one.
static size_t plain_size(const char *name) {
  size_t size = strlen(name);
  size_t digits = size;
  while (digits && name[digits - 1] >= '0' && name[digits - 1] <= '9') {
    --digits;
  }
  return digits && digits < size && name[digits - 1] == '.' ? digits - 1 : size;
}

static field *field_of(LLVMTypeRef type, unsigned index) {
  const char *name = LLVMGetStructName(type);
  if (!name) {
    return NULL;
  }
  size_t size = plain_size(name);
  jet_hash hash = {.a = index};
  jet_hash_add(&hash, name, size);
  field **slot = &fields[hash.b % SLOTS];
  for (field *f = *slot; f; f = f->next) {
    if (f->index == index && strncmp(f->type, name, size) == 0 && !f->type[size]) {
      return f;
    }
  }
  field *f = jet_alloc(sizeof *f);
  *f = (field){.type = jet_format("%.*s", (int)size, name), .index = index, .next = *slot};
  *slot = f;
  return f;
}

static void add_function(field *f, LLVMValueRef function) {
  for (size_t i = 0; i < f->count; ++i) {
    if (f->functions[i] == function) {
      return;
    }
  }
  f->functions = jet_reserve(f->functions, f->count, &f->capacity, sizeof(LLVMValueRef));
  f->functions[f->count++] = function;
}

static bool is_function_pointer(LLVMTypeRef type) {
  return LLVMGetTypeKind(type) == LLVMPointerTypeKind &&
         LLVMGetTypeKind(LLVMGetElementType(type)) == LLVMFunctionTypeKind;
}

static bool is_element_address(LLVMValueRef value) {
  return LLVMIsAGetElementPtrInst(value) ||
         (LLVMIsAConstantExpr(value) && LLVMGetConstOpcode(value) == LLVMGetElementPtr);
}

// The field that an address is of. The first field of a struct has the struct's own address, which
// LLVM may write without a field: nothing is claimed of it.
static field *field_at(LLVMValueRef address) {
  if (!is_element_address(address)) {
    return NULL;
  }
  LLVMTypeRef type = LLVMGetGEPSourceElementType(address);
  LLVMTypeRef outer = NULL;
  unsigned index = 0;
  for (int i = 2; i < LLVMGetNumOperands(address); ++i) {
    LLVMValueRef step = LLVMGetOperand(address, (unsigned)i);
    outer = NULL;
    if (LLVMGetTypeKind(type) == LLVMStructTypeKind) {
      index = (unsigned)LLVMConstIntGetZExtValue(step);
      outer = type;
      type = LLVMStructGetTypeAtIndex(type, index);
    } else {
      type = LLVMGetElementType(type);
    }
  }
  return outer && index && is_function_pointer(type) ? field_of(outer, index) : NULL;
}

static void put(field *f, LLVMValueRef value) {
  value = jet_without_casts(value);
  if (LLVMIsAFunction(value)) {
    add_function(f, value);
  } else if (!LLVMIsAConstantPointerNull(value) && !LLVMIsUndef(value)) {
    f->open = true;
  }
}

static void read_initialiser(LLVMValueRef value) {
  LLVMTypeRef type = LLVMTypeOf(value);
  bool is_struct = LLVMGetTypeKind(type) == LLVMStructTypeKind;
  if ((!is_struct && LLVMGetTypeKind(type) != LLVMArrayTypeKind) ||
      (!LLVMIsAConstantStruct(value) && !LLVMIsAConstantArray(value))) {
    return;  // zeros and numbers
  }
  for (int i = 0; i < LLVMGetNumOperands(value); ++i) {
    LLVMValueRef item = LLVMGetOperand(value, (unsigned)i);
    field *f =
        is_struct && is_function_pointer(LLVMTypeOf(item)) ? field_of(type, (unsigned)i) : NULL;
    if (f) {
      put(f, item);
    } else {
      read_initialiser(item);
    }
  }
}

// A store writes the field; whoever else gets its address may write anything.
static void read_uses(LLVMValueRef address) {
  field *f = field_at(address);
  for (LLVMUseRef use = f ? LLVMGetFirstUse(address) : NULL; use; use = LLVMGetNextUse(use)) {
    LLVMValueRef user = LLVMGetUser(use);
    bool is_store = LLVMIsAStoreInst(user) && LLVMGetOperand(user, 1) == address;
    if (is_store) {
      put(f, LLVMGetOperand(user, 0));
    } else if (!LLVMIsALoadInst(user)) {
      f->open = true;
    }
  }
}

static void read_function(LLVMValueRef function) {
  for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(function); b; b = LLVMGetNextBasicBlock(b)) {
    for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
      read_uses(i);
      for (int o = 0; o < LLVMGetNumOperands(i); ++o) {
        LLVMValueRef operand = LLVMGetOperand(i, (unsigned)o);
        if (LLVMIsAConstantExpr(operand)) {
          read_uses(operand);
        }
      }
    }
  }
}

void jet_read_pointers(void) {
  for (LLVMValueRef g = LLVMGetFirstGlobal(jet.module); g; g = LLVMGetNextGlobal(g)) {
    LLVMValueRef value = LLVMGetInitializer(g);
    if (value) {
      read_initialiser(value);
    }
  }
  for (LLVMValueRef f = LLVMGetFirstFunction(jet.module); f; f = LLVMGetNextFunction(f)) {
    read_function(f);
  }
}

// ---- Targets ------------------------------------------------------------------------------------

static void add_target(jet_function *f, LLVMValueRef call, LLVMValueRef target, bool certain,
                       jet_list *targets) {
  jet_function *to = jet_function_of(target);
  const char *name = to ? to->name : jet_name_of(target);
  if (!jet_has(targets, name)) {
    jet_add(targets, name);
  }
  if (to && !jet.options.direct_only) {
    jet_reach(f, to, jet_place_of(f, call), certain);
  }
}

// The targets that the optimiser has proved to be all.
static bool proved_targets(jet_function *f, LLVMValueRef call, jet_list *targets) {
  LLVMValueRef node = LLVMGetMetadata(call, LLVMGetMDKindIDInContext(jet.context, "callees", 7));
  if (!node) {
    return false;
  }
  unsigned count = LLVMGetMDNodeNumOperands(node);
  LLVMValueRef *operands = jet_alloc((count + 1) * sizeof(LLVMValueRef));
  LLVMGetMDNodeOperands(node, operands);
  for (unsigned i = 0; i < count; ++i) {
    if (operands[i]) {
      add_target(f, call, operands[i], true, targets);
    }
  }
  return targets->count > 0;
}

// The elements of a constant table of functions.
static bool table_targets(jet_function *f, LLVMValueRef call, LLVMValueRef address,
                          jet_list *targets) {
  LLVMValueRef table = is_element_address(address) ? LLVMGetOperand(address, 0) : address;
  LLVMValueRef value = LLVMIsAGlobalVariable(table) && LLVMIsGlobalConstant(table)
                           ? LLVMGetInitializer(table)
                           : NULL;
  if (!value || !LLVMIsAConstantArray(value)) {
    return false;
  }
  for (int i = 0; i < LLVMGetNumOperands(value); ++i) {
    LLVMValueRef item = jet_without_casts(LLVMGetOperand(value, (unsigned)i));
    if (!LLVMIsAFunction(item) && !LLVMIsAConstantPointerNull(item)) {
      return false;
    }
  }
  for (int i = 0; i < LLVMGetNumOperands(value); ++i) {
    LLVMValueRef item = jet_without_casts(LLVMGetOperand(value, (unsigned)i));
    if (LLVMIsAFunction(item)) {
      add_target(f, call, item, true, targets);
    }
  }
  return targets->count > 0;
}

static bool field_targets(jet_function *f, LLVMValueRef call, LLVMValueRef address,
                          jet_list *targets) {
  const field *from = field_at(address);
  if (!from || from->open) {
    return false;
  }
  for (size_t i = 0; i < from->count; ++i) {
    add_target(f, call, from->functions[i], false, targets);
  }
  return targets->count > 0;
}

void jet_reach_by_type(jet_function *f, LLVMValueRef call, LLVMTypeRef type, jet_list *targets) {
  for (size_t i = 0; i < jet.function_count; ++i) {
    LLVMValueRef to = jet.functions[i].value;
    if (LLVMGlobalGetValueType(to) == type && has_address_taken(to)) {
      add_target(f, call, to, false, targets);
    }
  }
}

void jet_call_pointer(jet_function *f, LLVMValueRef call) {
  LLVMValueRef callee = LLVMGetCalledValue(call);
  LLVMValueRef address = LLVMIsALoadInst(callee) ? LLVMGetOperand(callee, 0) : NULL;
  jet_list targets = {0};
  const char *how = "its targets";
  if (!proved_targets(f, call, &targets) &&
      !(address && table_targets(f, call, address, &targets))) {
    how = "possible by its field";
    if (!address || !field_targets(f, call, address, &targets)) {
      how = "possible by type";
      jet_reach_by_type(f, call, LLVMGetCalledFunctionType(call), &targets);
    }
  }
  const char *names = "";
  for (size_t i = 0; i < targets.count && i < 8; ++i) {
    names = jet_format("%s%s%s", names, i ? ", " : "", targets.items[i]);
  }
  const char *more = targets.count > 8 ? jet_format(" and %zu more", targets.count - 8) : "";
  const char *message = targets.count
                            ? jet_format("calls through a pointer; %s: %s%s", how, names, more)
                            : "calls through a pointer; no function of the program has its type";
  jet_place place = jet_place_of(f, call);
  jet_find((jet_finding){.rule = "indirect-call",
                         .file = place.file,
                         .line = place.line,
                         .function = f,
                         .message = message,
                         .targets = targets});
}
