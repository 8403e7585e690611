// jet.h: what the files of jimm-jet share. The walk of one run through them:
//
//   main.c     arguments, the order of the steps, the exit status
//   compdb.c   compile database -> units: one file with the flags that matter
//   cache.c    which results of an earlier run still hold
//   build.c    units -> bitcode, by clang
//   module.c   those units the entry needs -> one module, lightly optimised, nothing inlined
//   walk.c     the module's functions -> those that the entry reaches, and by which calls
//   rules.c    a reached function -> findings            effects.c  what an external function does
//   pointers.c where calls through pointers lead         function.c functions, and what reaches
//   them loops.c    the loops the vectoriser gave up on       flow.c     where a float becomes a
//   double call.c     findings of clang's analyser              plist.c    reads its files
//   recursion.c functions that come back to themselves
//   finding.c  the findings that count                   report.c   findings -> text or JSON lines
//   process.c  child processes, the private folder       text.c     memory, paths, files
//   end.c      the state of the run, notes and errors
//
// Memory lives until the program ends (jet_alloc), unless said otherwise.
#ifndef JIMM_JET_H
#define JIMM_JET_H

#include <llvm-c/Types.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JET_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#define JET_NORETURN __attribute__((__noreturn__))

enum { JET_CLEAN = 0, JET_FOUND = 1, JET_ERROR = 2, JET_SKIPPED = 77 };

// ---- text.c -------------------------------------------------------------------------------------

// NULL-terminated, so that `items` is an argv.
typedef struct jet_list {
  char **items;
  size_t count;
  size_t capacity;
} jet_list;

void *jet_alloc(size_t size);  // zeroed; ends the program when there is no memory
// Room for one item more, of `size` bytes: `items`, or a copy with twice the room. The first time
// `items` is NULL and the capacity 0.
void *jet_reserve(void *items, size_t count, size_t *capacity, size_t size);
char *jet_format(const char *format, ...) JET_PRINTF(1, 2);
char *jet_format_list(const char *format, va_list args) JET_PRINTF(1, 0);
void jet_add(jet_list *list, const char *item);  // copies
void jet_add_all(jet_list *list, const jet_list *items);
bool jet_has(const jet_list *list, const char *item);
bool jet_starts(const char *text, const char *start);
bool jet_ends(const char *text, const char *end);
// The path without links, "." and "..". Relative ones start at `directory`; NULL: the working
// folder.
char *jet_path(const char *directory, const char *file);
bool jet_below(const char *path, const char *folder);
const char *jet_shown(const char *path);         // relative to the working folder when below it
char *jet_read(const char *path, size_t *size);  // zero-terminated; NULL when it cannot be read
bool jet_write(const char *path, const char *data, size_t size);  // whole or not at all
// A growing hash; 32 hexadecimal digits in the end.
typedef struct jet_hash {
  uint64_t a, b;
} jet_hash;
void jet_hash_add(jet_hash *hash, const char *data, size_t size);
void jet_hash_text(jet_hash *hash, const char *text);
char *jet_hash_name(const jet_hash *hash);
void jet_free_all(void);

// ---- process.c ----------------------------------------------------------------------------------

// A command whose standard output and error go to a file.
typedef struct jet_job {
  jet_list argv;
  const char *directory;
  const char *output;  // NULL: lost
  int status;          // as waitpid gives it
  int error;           // errno when it could not be started
} jet_job;

// Makes the private folder, and a process that empties it and ends the children should this program
// die. Both end with jet_close_processes.
void jet_open_processes(void);
void jet_close_processes(void);
const char *jet_temporary(void);
void jet_run(jet_job *jobs, size_t count, unsigned parallel);
bool jet_succeeded(const jet_job *job);

// ---- compdb.c -----------------------------------------------------------------------------------

typedef struct jet_unit {
  const char *file;
  const char *directory;
  const char *target;  // the folder of its program's object files: what is linked together
  jet_list flags;
  const char *name;     // of its results in the cache
  const char *key;      // hash of everything that went into its bitcode
  const char *bitcode;  // path
  bool linked;
  bool reached;  // it has functions that the entry reaches
  LLVMModuleRef module;
} jet_unit;

typedef struct jet_units {
  const char *database;
  jet_unit *items;
  size_t count;
  size_t left_out;  // entries that are not C, of those below the folders of --source
} jet_units;

void jet_read_database(const char *path, jet_units *units);

// ---- effects.c ----------------------------------------------------------------------------------

typedef enum jet_effect {
  JET_UNKNOWN,
  JET_NONE,
  JET_MATH,  // of doubles: a finding in float code only
  JET_ALLOCATION,
  JET_LOCK,
  JET_BLOCKING_IO,
  JET_EFFECTS
} jet_effect;

void jet_load_effects(const char *path);  // NULL: the built-in table
jet_effect jet_find_effect(const char *function);
// JET_UNKNOWN unless a table given by the user has the function.
jet_effect jet_find_given_effect(const char *function);
bool jet_is_of_libc(const char *function);  // in the built-in table

// ---- finding.c ----------------------------------------------------------------------------------

typedef struct jet_function jet_function;

typedef struct jet_finding {
  const char *rule;
  bool call;  // of the analyser
  const char *file;
  unsigned line;
  const jet_function *function;
  const char *message;
  const char *callee;  // the end of the path; NULL: the function itself
  jet_list targets;    // of an indirect call
  jet_list steps;      // of the analyser: how it gets there
} jet_finding;

typedef struct jet_options {
  jet_list entries;
  const char *database;
  jet_list targets;  // folders
  jet_list links;    // folders
  jet_list sources;  // folders
  jet_list effects;
  jet_list ignored;  // RULE or RULE:FUNCTION
  jet_list opt_args, call_args;
  const char *cache;  // NULL: none
  unsigned jobs;
  bool json, call, opt, direct_only, list, help;
} jet_options;

typedef struct jet_run_state {
  jet_options options;
  jet_units units;
  const char *clang;  // its version, for cache keys
  LLVMContextRef context;
  LLVMModuleRef module;
  jet_function *functions;
  size_t function_count;
  jet_function **reached;  // in the order of reaching
  size_t reached_count;
  jet_finding *findings;
  size_t finding_count, finding_capacity;
  double start;
  void (*at_end)(void);  // called when the run ends early; NULL: nothing
} jet_run_state;

extern jet_run_state jet;

// Drops what is ignored, outside the targets, or there already. Takes the lists over.
void jet_find(jet_finding finding);
bool jet_is_rule(const char *name);
const char *jet_meaning_of(const char *rule);
void jet_sort_findings(void);          // by their rules
const jet_list *jet_idle_items(void);  // of --ignore: those that silenced nothing

// ---- build.c, cache.c, module.c -----------------------------------------------------------------

void jet_check_clang(void);
void jet_build_units(void);
#define JET_CLANG "clang-14"
// Fills in the command for one unit; its number names its files in the private folder.
typedef void jet_plan(const jet_unit *unit, size_t number, jet_job *job);
// One command for each of these units; what fails ends the program. `what` as in "compiling".
void jet_run_units(size_t *numbers, size_t count, jet_plan *plan, const char *what);
void jet_check_job(const jet_job *job, const char *what, const char *file);  // ends if it failed
void jet_add_clang(const jet_unit *unit, jet_job *job);  // clang with the unit's flags
char *jet_result(size_t number, const char *kind);       // a file in the private folder

void jet_open_cache(void);
char *jet_cached(const jet_unit *unit, const char *kind);  // the path of a result
bool jet_cache_holds(jet_unit *unit);                      // sets the key
// Moves new bitcode into the cache and forgets the unit's older results.
void jet_cache_keep(jet_unit *unit, const char *bitcode, const char *dependencies);

void jet_link(void);
// What these units define, in the form of clang's external definition map.
char *jet_definitions(const bool *units);
extern const char jet_unit_attribute[];  // of each function: the number of its unit

// ---- function.c, walk.c, recursion.c ------------------------------------------------------------

typedef struct jet_place {
  const char *file;
  unsigned line;
} jet_place;

typedef struct jet_edge {
  jet_function *to;
  jet_place place;
  bool certain;  // the call is direct, or all its targets are known
} jet_edge;

struct jet_function {
  LLVMValueRef value;
  const char *name;
  const char *file;  // NULL when the function has no debug information
  unsigned line, last_line;
  size_t unit;
  bool reached;
  const jet_function *from;  // the caller on a shortest path from an entry; NULL: an entry
  jet_place from_place;
  bool from_certain;
  jet_edge *edges;
  size_t edge_count, edge_capacity;
  size_t index, low;  // of the search for cycles
  bool on_stack;
};

void jet_walk(void);
void jet_list_functions(void);                      // of the module
jet_function *jet_function_of(LLVMValueRef value);  // NULL when it has no body
void jet_reach(jet_function *from, jet_function *to, jet_place place, bool certain);
jet_place jet_place_of(const jet_function *f, LLVMValueRef instruction);
LLVMValueRef jet_without_casts(LLVMValueRef value);
// Its name in the source: what comes after a dot was added by LLVM to tell functions of one name
// apart, but for intrinsics.
const char *jet_name_of(LLVMValueRef value);
// The function that a call names; NULL when it goes through a pointer or is inline assembly.
LLVMValueRef jet_direct_callee(LLVMValueRef call);
bool jet_is_call(LLVMValueRef instruction);
const jet_function *jet_reached_at(const char *file, unsigned line);
// The reached function of this name whose text is in `file`.
const jet_function *jet_reached_named(const char *name, const char *file);
void jet_find_recursion(void);

// ---- pointers.c ---------------------------------------------------------------------------------

void jet_read_pointers(void);  // before the walk
void jet_call_pointer(jet_function *f, LLVMValueRef call);
// Reaches the functions of a type whose address is taken.
void jet_reach_by_type(jet_function *f, LLVMValueRef call, LLVMTypeRef type, jet_list *targets);

// ---- rules.c, flow.c, loops.c, call.c, plist.c --------------------------------------------------

void jet_scan(jet_function *f);
bool jet_promotes(LLVMValueRef instruction);  // float -> double -> float
bool jet_float_libm(LLVMValueRef call);       // the same, with a function of libm in between
void jet_find_loops(void);
void jet_analyse(void);
struct json_t *jet_read_plist(const char *path);  // to be released with json_decref; NULL: damaged

// ---- report.c, end.c ----------------------------------------------------------------------------

int jet_report(void);                        // the exit status
void jet_print_line(struct json_t *object);  // one line of JSON; takes the object over
void jet_note(const char *format, ...) JET_PRINTF(1, 2);
void jet_fail(const char *format, ...) JET_PRINTF(1, 2) JET_NORETURN;
void jet_skip(const char *format, ...) JET_PRINTF(1, 2) JET_NORETURN;

#endif  // JIMM_JET_H
