// jet.h: what is wrong, and what is slow, in everything that a function calls?
//
//   #include <jimm-test/jet.h>
//
//   TEST(the_inner_loop_is_predictable) {
//     TEST_OPT(filter_row);                       // nothing allocates, locks, calls a pointer, ...
//     TEST_CALL(filter_image);                    // clang's analyser finds no error
//     TEST_JET(filter_all, .opt_broken = true);   // both; opt findings are known
//   }
//
// The program jimm-jet looks at the project's sources through its compile database; the functions
// themselves are not run, and need not be linked to the test. jimm-jet(1) has the rules.
//
//   what was found                       without a marker    with .call_broken or .opt_broken
//   nothing                              pass                error ("unbroken")
//   findings                             fail                broken
//   jimm-jet or clang-14 is missing      skip                skip
//   no such function, a file that does
//   not compile, no compile database     error               error
//
// The program is JIMM_JET in the environment, else jimm-jet beside the test program, else on PATH.
// The compile database is .compdb, else JT_COMPDB in the environment, else compile_commands.json in
// the working folder or the nearest folder above that has one. Results of compiling and analysing
// are kept from run to run in JT_JET_CACHE, else in .jimm-jet beside the compile database; with
// JT_JET_CACHE empty they are not kept.
#ifndef JIMM_TEST_JET_H
#define JIMM_TEST_JET_H

#include <jimm-test/jimm-test.h>

#ifdef __cplusplus
extern "C" {
#endif

// Lists are of strings, end with NULL and are borrowed; NULL is no list. See JT_STRINGS.
typedef struct jt_jet_options {
  size_t size;                     // sizeof(jt_jet_options) where the caller was compiled
  bool broken;                     // always refused: say which of the two is meant
  bool call_broken;                // call findings are expected: an error when there are none
  bool opt_broken;                 // the same for opt findings
  const char *const *target_dirs;  // only findings in functions below these folders; NULL: as
                                   // jt_jet_target_dirs said; an empty list: all
  const char *const *link_dirs;    // files below these folders are of the program, too: they may
                                   // have the targets of its pointers
  const char *const *call_args;    // arguments for the analyser
  const char *const *opt_args;     // arguments for the compiler
  const char *const *ignore;       // rules, as "allocation" or "allocation:function"; the function
                                   // may be "row.c:function" or "filter_*", too
  const char *const *effects;      // files that say what external functions do
  const char *compdb;              // the compile database, or the folder that has it
  const char *const *source_dirs;  // only files below these folders are of the program
} jt_jet_options;

#ifndef __cplusplus
// TEST_CALL(function), TEST_CALL(function, .option = value...): errors, by static analysis.
// TEST_OPT: what keeps code from being fast. TEST_JET: both, as two checks.
// The function is named as it is in the source, also a static one; TEST_OPT("row.c:filter") says
// which, where several files have one. Each yields whether all was well or as expected.
#define TEST_CALL(...) JT_JET_(jt_jet_call, __VA_ARGS__, .size = sizeof(jt_jet_options))
#define TEST_OPT(...) JT_JET_(jt_jet_opt, __VA_ARGS__, .size = sizeof(jt_jet_options))
#define TEST_JET(...) JT_JET_(jt_jet, __VA_ARGS__, .size = sizeof(jt_jet_options))
#define JT_JET_(check, entry, ...) check(JT_HERE_, #entry, &(jt_jet_options){__VA_ARGS__})
// A list: .ignore = JT_STRINGS("allocation", "lock"). Valid in the enclosing block.
#define JT_STRINGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#endif

// The folders that count when a check has no .target_dirs. The list is copied. Once there is a
// list, a call without `force` changes nothing, says so in the report and returns false. NULL with
// `force`: no list again.
JT_API bool jt_jet_target_dirs(const char *const *list, bool force);

// What the macros call. `entry` may be in double quotes. `options` may be NULL.
JT_API bool jt_jet_call(const char *file, int line, const char *entry,
                        const jt_jet_options *options);
JT_API bool jt_jet_opt(const char *file, int line, const char *entry,
                       const jt_jet_options *options);
JT_API bool jt_jet(const char *file, int line, const char *entry, const jt_jet_options *options);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // JIMM_TEST_JET_H
