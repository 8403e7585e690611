// From the units' bitcode to one module: those units that the entries need, as a linker takes
// members of an archive. A project's database has many programs, so not all units fit together.
#include "jet.h"

#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/Linker.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

const char jet_unit_attribute[] = "jimm-jet-unit";

// Enough to see constants, and with them which functions are called; no inliner, so that the calls
// stay those of the source.
static const char passes[] =
    "function(sroa,early-cse,instcombine,simplifycfg),globalopt,ipsccp,called-value-propagation,"
    "function(sroa,early-cse,instcombine,simplifycfg)";

typedef struct symbol {
  const char *name;
  size_t unit;
  bool internal;
  bool function;
} symbol;

static symbol *symbols;  // that have a definition, sorted by name and unit
static size_t symbol_count, symbol_capacity;
static const char *complaint;
static const jet_unit **entry_units;
static size_t entry_unit_count;

static void keep_complaint(LLVMDiagnosticInfoRef info, void *context) {
  (void)context;
  if (LLVMGetDiagInfoSeverity(info) == LLVMDSError) {
    char *text = LLVMGetDiagInfoDescription(info);
    complaint = jet_format("%s", text);
    LLVMDisposeMessage(text);
  }
}

static bool is_internal(LLVMValueRef value) {
  LLVMLinkage linkage = LLVMGetLinkage(value);
  return linkage == LLVMInternalLinkage || linkage == LLVMPrivateLinkage;
}

static const char *name_of(LLVMValueRef value) {
  size_t size = 0;
  return LLVMGetValueName2(value, &size);
}

static void add_symbol(LLVMValueRef value, size_t unit, bool function) {
  if (LLVMIsDeclaration(value) || LLVMGetLinkage(value) == LLVMAvailableExternallyLinkage) {
    return;
  }
  symbols = jet_reserve(symbols, symbol_count, &symbol_capacity, sizeof *symbols);
  symbols[symbol_count++] = (symbol){.name = jet_format("%s", name_of(value)),
                                     .unit = unit,
                                     .internal = is_internal(value),
                                     .function = function};
}

static void load(jet_unit *unit, size_t number) {
  LLVMMemoryBufferRef buffer = NULL;
  char *message = NULL;
  if (LLVMCreateMemoryBufferWithContentsOfFile(unit->bitcode, &buffer, &message)) {
    jet_fail("%s: %s", unit->bitcode, message);
  }
  if (LLVMGetBitcodeModuleInContext2(jet.context, buffer, &unit->module)) {
    jet_fail("%s: not the bitcode of this version of LLVM: %s", unit->bitcode,
             complaint ? complaint : "unreadable");
  }
  char *text = jet_format("%zu", number);
  LLVMAttributeRef mark =
      LLVMCreateStringAttribute(jet.context, jet_unit_attribute,
                                (unsigned)strlen(jet_unit_attribute), text, (unsigned)strlen(text));
  for (LLVMValueRef f = LLVMGetFirstFunction(unit->module); f; f = LLVMGetNextFunction(f)) {
    add_symbol(f, number, true);
    if (!LLVMIsDeclaration(f)) {
      LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, mark);
    }
  }
  for (LLVMValueRef g = LLVMGetFirstGlobal(unit->module); g; g = LLVMGetNextGlobal(g)) {
    add_symbol(g, number, false);
  }
  for (LLVMValueRef a = LLVMGetFirstGlobalAlias(unit->module); a; a = LLVMGetNextGlobalAlias(a)) {
    add_symbol(a, number, true);
  }
}

static int by_name(const void *left, const void *right) {
  const symbol *a = left;
  const symbol *b = right;
  int order = strcmp(a->name, b->name);
  return order ? order : (a->unit > b->unit) - (a->unit < b->unit);
}

static const symbol *first_of(const char *name) {
  size_t low = 0;
  size_t high = symbol_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(symbols[middle].name, name) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < symbol_count && strcmp(symbols[low].name, name) == 0 ? &symbols[low] : NULL;
}

static bool same_name(const symbol *s, const char *name) {
  return s < symbols + symbol_count && strcmp(s->name, name) == 0;
}

static bool is_below_a_link(const jet_unit *unit) {
  for (size_t f = 0; f < jet.options.links.count; ++f) {
    if (jet_below(unit->file, jet.options.links.items[f])) {
      return true;
    }
  }
  return false;
}

// Whether `unit` is sure to be in one program with `user` or with the entry. What the C library has
// is defined anew by tests and tools of a project (a malloc that fails), and not for its other
// programs.
static bool is_of_the_program(const jet_unit *unit, const jet_unit *user) {
  bool together = unit->linked || (user && strcmp(unit->target, user->target) == 0);
  for (size_t i = 0; i < entry_unit_count && !together; ++i) {
    together = strcmp(unit->target, entry_units[i]->target) == 0;
  }
  return together || is_below_a_link(unit);
}

// Who defines it for `user`: a unit that is there already, else one whose object file lies in the
// same folder, else the first in the database. NULL when none does.
static const symbol *choose(const char *name, const jet_unit *user) {
  const symbol *best = NULL;
  bool of_libc = jet_is_of_libc(name);
  int best_rank = 0;
  for (const symbol *s = first_of(name); s && same_name(s, name); ++s) {
    const jet_unit *unit = &jet.units.items[s->unit];
    if (of_libc && !is_of_the_program(unit, user)) {
      continue;
    }
    int rank = s->internal                                       ? 0
               : unit->linked                                    ? 3
               : user && strcmp(unit->target, user->target) == 0 ? 2
                                                                 : 1;
    if (rank > best_rank) {
      best = s;
      best_rank = rank;
    }
  }
  return best;
}

// Two programs' parts may define the same: the first that was taken keeps the name.
static void give_way(LLVMValueRef value) {
  if (LLVMIsDeclaration(value) || LLVMGetLinkage(value) != LLVMExternalLinkage) {
    return;
  }
  size_t size = 0;
  const char *name = LLVMGetValueName2(value, &size);
  LLVMValueRef there = LLVMGetNamedFunction(jet.module, name);
  if (!there) {
    there = LLVMGetNamedGlobal(jet.module, name);
  }
  if (there && !LLVMIsDeclaration(there)) {
    LLVMSetLinkage(value, LLVMWeakAnyLinkage);
  }
}

static void take(size_t number, size_t *work, size_t *count) {
  jet_unit *unit = &jet.units.items[number];
  if (unit->linked) {
    return;
  }
  unit->linked = true;
  work[(*count)++] = number;
}

static void need(LLVMValueRef value, const jet_unit *user, size_t *work, size_t *count) {
  if (!LLVMIsDeclaration(value)) {
    return;
  }
  const char *name = name_of(value);
  const symbol *s = jet_starts(name, "llvm.") ? NULL : choose(name, user);
  if (s) {
    take(s->unit, work, count);
  }
}

static unsigned distance(const char *a, const char *b) {
  enum { LONGEST = 100 };
  unsigned row[LONGEST + 1];
  size_t size = strlen(b);
  if (size > LONGEST || strlen(a) > LONGEST) {
    return LONGEST;
  }
  for (unsigned j = 0; j <= size; ++j) {
    row[j] = j;
  }
  for (unsigned i = 1; a[i - 1]; ++i) {
    unsigned diagonal = row[0];
    row[0] = i;
    for (unsigned j = 1; j <= size; ++j) {
      unsigned change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      unsigned shorter = (row[j - 1] < row[j] ? row[j - 1] : row[j]) + 1;
      row[j] = change < shorter ? change : shorter;
    }
  }
  return row[size];
}

// Up to three names that may have been meant: ", near: a, b". Names that contain it count, too.
static const char *near_matches(const char *name) {
  const char *text = "";
  unsigned limit = (unsigned)strlen(name) / 3 + 1;
  unsigned shown = 0;
  for (unsigned far = 0; far <= limit && shown < 3; ++far) {
    for (size_t i = 0; i < symbol_count && shown < 3; ++i) {
      bool again = i && strcmp(symbols[i - 1].name, symbols[i].name) == 0;
      unsigned d = distance(name, symbols[i].name);
      bool contains = strlen(name) >= 4 && d > limit && strstr(symbols[i].name, name);
      if (symbols[i].function && !again && (d == far || (far == limit && contains))) {
        text = jet_format("%s%s%s", text, shown++ ? ", " : "; near: ", symbols[i].name);
      }
    }
  }
  return text;
}

static void entry_is_missing(const char *entry, const char *name) JET_NORETURN;

static void entry_is_missing(const char *entry, const char *name) {
  size_t count = jet.units.count;
  for (const symbol *s = first_of(name); s && same_name(s, name); ++s) {
    if (s->function) {
      jet_fail("no function \"%s\"; there is one in %s", entry,
               jet_shown(jet.units.items[s->unit].file));
    }
  }
  for (size_t i = 0; i < count; ++i) {
    LLVMValueRef f = LLVMGetNamedFunction(jet.units.items[i].module, name);
    if (f && LLVMIsDeclaration(f)) {
      jet_fail("function \"%s\" is used in %s, but none of the %zu files of %s defines it%s", name,
               jet_shown(jet.units.items[i].file), count, jet_shown(jet.units.database),
               near_matches(name));
    }
  }
  jet_fail("no function \"%s\" in the %zu files of %s%s", name, count,
           jet_shown(jet.units.database), near_matches(name));
}

// An entry is "function" or "file.c:function". Several static functions of one name need the file.
static const symbol *find_entry(const char *entry) {
  const char *colon = strrchr(entry, ':');
  const char *name = colon ? colon + 1 : entry;
  char *tail = colon ? jet_format("/%.*s", (int)(colon - entry), entry) : NULL;
  const symbol *best = NULL;
  const symbol *other = NULL;
  for (const symbol *s = first_of(name); s && same_name(s, name); ++s) {
    const char *file = jet.units.items[s->unit].file;
    if (!s->function || (tail && !jet_ends(file, tail) && strcmp(file, tail + 1) != 0)) {
      continue;
    }
    bool same_file = best && strcmp(jet.units.items[best->unit].file, file) == 0;
    if (!best || (best->internal && !s->internal)) {
      best = s;
      other = NULL;
    } else if (!same_file && best->internal == s->internal) {
      other = s;
    }
  }
  if (!best) {
    entry_is_missing(entry, name);
  }
  if (other) {
    const char *a = jet_shown(jet.units.items[best->unit].file);
    jet_fail("function \"%s\" is in %s and in %s: say \"%s:%s\"", name, a,
             jet_shown(jet.units.items[other->unit].file), a, name);
  }
  return best;
}

static void run_passes(void) {
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMErrorRef error = LLVMRunPasses(jet.module, passes, NULL, options);
  LLVMDisposePassBuilderOptions(options);
  if (error) {
    jet_fail("LLVM cannot run the passes: %s", LLVMGetErrorMessage(error));
  }
}

static void link_unit(jet_unit *unit) {
  for (LLVMValueRef f = LLVMGetFirstFunction(unit->module); f; f = LLVMGetNextFunction(f)) {
    give_way(f);
  }
  for (LLVMValueRef g = LLVMGetFirstGlobal(unit->module); g; g = LLVMGetNextGlobal(g)) {
    give_way(g);
  }
  if (LLVMLinkModules2(jet.module, unit->module)) {
    jet_fail("%s cannot be linked: %s", jet_shown(unit->file), complaint ? complaint : "no reason");
  }
  unit->module = NULL;
}

// Static entries are made external: nobody may optimise them away. A name that another unit has too
// is changed by the linker, so it gets a mark.
static LLVMValueRef expose(const symbol *entry) {
  LLVMValueRef f = LLVMGetNamedFunction(jet.units.items[entry->unit].module, entry->name);
  if (f && is_internal(f)) {
    LLVMSetLinkage(f, LLVMExternalLinkage);
    char *name = jet_format("%s.entry", entry->name);
    LLVMSetValueName2(f, name, strlen(name));
  }
  return f;
}

// What no name leads to, but pointers may.
static void take_folders(size_t *work, size_t *count) {
  for (size_t i = 0; i < jet.units.count; ++i) {
    if (is_below_a_link(&jet.units.items[i])) {
      take(i, work, count);
    }
  }
}

void jet_link(void) {
  jet.context = LLVMContextCreate();
  LLVMContextSetDiagnosticHandler(jet.context, keep_complaint, NULL);
  for (size_t i = 0; i < jet.units.count; ++i) {
    load(&jet.units.items[i], i);
  }
  qsort(symbols, symbol_count, sizeof *symbols, by_name);
  size_t *work = jet_alloc((jet.units.count + 1) * sizeof *work);
  size_t count = 0;
  entry_units = jet_alloc((jet.options.entries.count + 1) * sizeof(jet_unit *));
  for (size_t i = 0; i < jet.options.entries.count; ++i) {
    const symbol *entry = find_entry(jet.options.entries.items[i]);
    LLVMValueRef f = expose(entry);
    if (!f) {
      jet_fail("\"%s\" is no function", entry->name);
    }
    LLVMAddTargetDependentFunctionAttr(f, "jimm-jet-entry", "");
    take(entry->unit, work, &count);
    entry_units[entry_unit_count++] = &jet.units.items[entry->unit];
  }
  take_folders(work, &count);
  for (size_t i = 0; i < count; ++i) {
    const jet_unit *unit = &jet.units.items[work[i]];
    for (LLVMValueRef f = LLVMGetFirstFunction(unit->module); f; f = LLVMGetNextFunction(f)) {
      need(f, unit, work, &count);
    }
    for (LLVMValueRef g = LLVMGetFirstGlobal(unit->module); g; g = LLVMGetNextGlobal(g)) {
      need(g, unit, work, &count);
    }
  }
  jet.module = LLVMModuleCreateWithNameInContext("jimm-jet", jet.context);
  for (size_t i = 0; i < count; ++i) {
    link_unit(&jet.units.items[work[i]]);
  }
  for (size_t i = 0; i < jet.units.count; ++i) {
    if (jet.units.items[i].module) {
      LLVMDisposeModule(jet.units.items[i].module);
      jet.units.items[i].module = NULL;
    }
  }
  run_passes();
}

char *jet_definitions(const bool *units) {
  char *text = jet_format("%s", "");
  const char *last = "";
  for (size_t i = 0; i < symbol_count; ++i) {
    const symbol *s = &symbols[i];
    if (s->function && !s->internal && units[s->unit] && strcmp(s->name, last) != 0) {
      text = jet_format("%sc:@F@%s %zu.ast\n", text, s->name, s->unit);
      last = s->name;
    }
  }
  return text;
}
