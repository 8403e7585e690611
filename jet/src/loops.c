// The loops that the vectoriser gave up on, from its optimisation record. Those with calls are
// dropped, and those that the source does not have: LLVM makes loops of recursion, too.
#include "jet.h"

#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>

typedef struct loop {
  const char *file;
  unsigned line, column;
} loop;

static loop *loops;
static size_t loop_count, loop_capacity;

// ---- Loops of the source ------------------------------------------------------------------------

static LLVMMetadataRef start_of_loop(LLVMValueRef branch) {
  LLVMValueRef node =
      LLVMGetMetadata(branch, LLVMGetMDKindIDInContext(jet.context, "llvm.loop", 9));
  if (!node) {
    return NULL;
  }
  unsigned count = LLVMGetMDNodeNumOperands(node);
  LLVMValueRef *operands = jet_alloc((count + 1) * sizeof(LLVMValueRef));
  LLVMGetMDNodeOperands(node, operands);
  for (unsigned i = 1; i < count; ++i) {
    LLVMMetadataRef data = operands[i] ? LLVMValueAsMetadata(operands[i]) : NULL;
    if (data && LLVMGetMetadataKind(data) == LLVMDILocationMetadataKind) {
      return data;
    }
  }
  return NULL;
}

static void note_loop(const jet_function *f, LLVMMetadataRef start) {
  loops = jet_reserve(loops, loop_count, &loop_capacity, sizeof *loops);
  loops[loop_count++] = (loop){.file = f->file,
                               .line = LLVMDILocationGetLine(start),
                               .column = LLVMDILocationGetColumn(start)};
}

static void list_loops(const jet_function *f) {
  for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f->value); b; b = LLVMGetNextBasicBlock(b)) {
    LLVMMetadataRef start = f->file ? start_of_loop(LLVMGetBasicBlockTerminator(b)) : NULL;
    if (start) {
      note_loop(f, start);
    }
  }
}

static bool is_loop(const char *file, unsigned line, unsigned column) {
  for (size_t i = 0; i < loop_count; ++i) {
    if (loops[i].line == line && loops[i].column == column && strcmp(loops[i].file, file) == 0) {
      return true;
    }
  }
  return false;
}

// ---- The record ---------------------------------------------------------------------------------

// One remark of the record, a YAML document with a fixed layout.
typedef struct remark {
  bool missed, analysis, passed;
  char *name, *function, *file, *text;
  unsigned line, column;
} remark;

static char *value_of(const char *line) {
  const char *at = strchr(line, ':');
  at = at ? at + 1 : line;
  at += strspn(at, " ");
  size_t size = strlen(at);
  if (size >= 2 && (*at == '\'' || *at == '"') && at[size - 1] == *at) {
    return jet_format("%.*s", (int)size - 2, at + 1);
  }
  return jet_format("%s", at);
}

static void read_place(const char *line, remark *r) {
  const char *file = strstr(line, "File: ");
  const char *number = strstr(line, ", Line: ");
  const char *column = strstr(line, ", Column: ");
  if (file && number && column && file < number) {
    file += strlen("File: ");
    size_t size = (size_t)(number - file);
    bool quoted = size >= 2 && (*file == '\'' || *file == '"');
    r->file = jet_format("%.*s", (int)size - 2 * quoted, file + quoted);
    r->line = (unsigned)strtoul(number + strlen(", Line: "), NULL, 10);
    r->column = (unsigned)strtoul(column + strlen(", Column: "), NULL, 10);
  }
}

// Reads up to the end of one document; false when there is none. Changes the text.
static bool read_remark(char **text, remark *r) {
  *r = (remark){.text = jet_format("%s", "")};
  bool any = false;
  while (**text) {
    char *line = *text;
    size_t size = strcspn(line, "\n");
    *text = line + size + (line[size] == '\n');
    line[size] = '\0';
    if (jet_starts(line, "--- ")) {
      any = true;
      r->missed = jet_starts(line, "--- !Missed");
      r->passed = jet_starts(line, "--- !Passed");
      r->analysis = jet_starts(line, "--- !Analysis");
    } else if (jet_starts(line, "...")) {
      return any;
    } else if (jet_starts(line, "Name:")) {
      r->name = value_of(line);
    } else if (jet_starts(line, "Function:")) {
      r->function = value_of(line);
    } else if (jet_starts(line, "DebugLoc:")) {
      read_place(line, r);
    } else if (jet_starts(line, "  - ")) {
      r->text = jet_format("%s%s", r->text, value_of(line));
    }
  }
  return any;
}

static bool complains_of_calls(const remark *r) {
  return r->name &&
         (jet_starts(r->name, "CantVectorizeCall") || jet_starts(r->name, "CantVectorizeLibcall"));
}

// "loop not vectorized: unsafe dependent memory operations in loop. Use #pragma ..." without what
// is the same every time.
static const char *reason_of(const remark *r) {
  static const char start[] = "loop not vectorized: ";
  const char *text = jet_starts(r->text, start) ? r->text + strlen(start) : r->text;
  const char *advice = strstr(text, ". Use #pragma");
  return jet_format("%.*s", (int)(advice ? (size_t)(advice - text) : strlen(text)), text);
}

static void report_loop(const jet_unit *unit, const remark *r, const jet_list *reasons) {
  const char *file = jet_path(unit->directory, r->file);
  const jet_function *f = jet_reached_at(file, r->line);
  if (!f || !is_loop(file, r->line, r->column)) {
    return;
  }
  const char *why = "";
  for (size_t i = 0; i < reasons->count; ++i) {
    why = jet_format("%s%s%s", why, i ? "; " : "", reasons->items[i]);
  }
  jet_find((jet_finding){
      .rule = "not-vectorised",
      .file = file,
      .line = r->line,
      .function = f,
      .message = jet_format("the loop was not vectorised: %s", *why ? why : "no reason is given")});
}

static void read_record(const jet_unit *unit, char *text) {
  jet_list reasons = {0};
  bool calls = false;
  const char *function = "";
  for (remark r; read_remark(&text, &r);) {
    if (!r.function || strcmp(r.function, function) != 0) {
      reasons = (jet_list){0};
      calls = false;
      function = r.function ? r.function : "";
    }
    if (r.analysis) {
      const char *reason = reason_of(&r);
      calls |= complains_of_calls(&r);
      if (!jet_has(&reasons, reason)) {
        jet_add(&reasons, reason);
      }
      continue;
    }
    if (r.missed && r.file && !calls && r.name && strcmp(r.name, "MissedDetails") == 0) {
      report_loop(unit, &r, &reasons);
    }
    reasons = (jet_list){0};
    calls = false;
  }
}

static void plan(const jet_unit *unit, size_t number, jet_job *job) {
  *job = (jet_job){.directory = unit->directory, .output = jet_result(number, "log")};
  static const char *const options[] = {JET_CLANG,
                                        "-w",
                                        "-O2",
                                        "-x",
                                        "ir",
                                        "-S",
                                        "-emit-llvm",
                                        "-fsave-optimization-record",
                                        "-foptimization-record-passes=loop-vectorize"};
  for (size_t i = 0; i < sizeof options / sizeof *options; ++i) {
    jet_add(&job->argv, options[i]);
  }
  jet_add(&job->argv, jet_format("-foptimization-record-file=%s", jet_result(number, "loops")));
  jet_add(&job->argv, "-o");
  jet_add(&job->argv, "/dev/null");
  jet_add(&job->argv, unit->bitcode);
}

static void make_records(size_t *numbers, size_t count, char **records) {
  jet_run_units(numbers, count, plan, "vectorising");
  for (size_t i = 0; i < count; ++i) {
    const jet_unit *unit = &jet.units.items[numbers[i]];
    size_t size = 0;
    char *text = jet_read(jet_result(numbers[i], "loops"), &size);
    records[numbers[i]] = text ? text : jet_format("%s", "");
    if (jet.options.cache && !jet_write(jet_cached(unit, "loops"), text ? text : "", size)) {
      jet_note("cannot write %s", jet_cached(unit, "loops"));
    }
  }
}

void jet_find_loops(void) {
  for (size_t i = 0; i < jet.reached_count; ++i) {
    list_loops(jet.reached[i]);
  }
  size_t *numbers = jet_alloc((jet.units.count + 1) * sizeof *numbers);
  char **records = jet_alloc((jet.units.count + 1) * sizeof *records);
  size_t count = 0;
  for (size_t i = 0; i < jet.units.count; ++i) {
    const jet_unit *unit = &jet.units.items[i];
    if (!unit->reached) {
      continue;
    }
    records[i] = jet.options.cache ? jet_read(jet_cached(unit, "loops"), NULL) : NULL;
    if (!records[i]) {
      numbers[count++] = i;
    }
  }
  make_records(numbers, count, records);
  for (size_t i = 0; i < jet.units.count; ++i) {
    if (records[i]) {
      read_record(&jet.units.items[i], records[i]);
    }
  }
}
