// jimm-test.h: a small test kit for C17 and C++17 that never calls a test passed when it was not.
//
// A program is a set of tests, one TEST_MAIN(), and nothing else:
//
//   #include <jimm-test/jimm-test.h>
//
//   TEST(addition) {
//     TEST_CHECK_INT(1 + 1, 2);
//   }
//
//   TEST_MAIN()
//
// Every check is one outcome; a test has the worst outcome of its checks:
//
//   outcome   meaning                                              TAP line                 exit 0?
//   pass      every check was true                                 ok                       yes
//   skip      a reason not to run, or every check was skipped      ok # SKIP reason         yes
//   soft      TEST_SOFTFAIL was false: drift, known and counted    not ok # "to do"         yes
//   broken    TEST_BROKEN was false: an expected failure           not ok # "to do"         yes
//   fail      a check was false                                    not ok                   no
//   error     crash, timeout, an early exit, "unbroken", no checks not ok                   no
//
// Checks can be grouped in sets (TEST_SET), which have counts of their own at the end of the
// report. A check that cannot be made here is no pass either: TEST_SKIP_CHECK counts it by itself.
//
// The report is TAP 14 on standard output, with a YAML block below every test that has something to
// say. So that a test's own printing cannot spoil it, descriptor 1 points to standard error while
// tests run: whatever a test prints to stdout appears on stderr. (Under Perl's prove, which sets
// HARNESS_ACTIVE, the version line says 13: older ones refuse 14. The rest is valid as either.)
//
// Checks may be made from any thread of the process. A failing TEST_REQUIRE (and TEST_SKIP) ends
// the test when called in the thread that runs it, and ends only the calling thread elsewhere.
// Ending a test is a longjmp: in C++, destructors of the frames in between do not run.
//
// The macros evaluate their arguments once. Those named TEST_CHECK... yield a bool (true: passed),
// so that `if (!TEST_CHECK(p)) return;` works.
#ifndef JIMM_TEST_H
#define JIMM_TEST_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__)
#define JT_API __attribute__((__visibility__("default")))
#define JT_NORETURN __attribute__((__noreturn__))
#define JT_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#define JT_CONSTRUCTOR __attribute__((__constructor__))
#else
#error "jimm-test needs gcc or clang: tests register themselves by constructor functions"
#endif

#ifdef __cplusplus
#include <type_traits>
extern "C" {
#endif

// Options of a test. Set them by name, and let JT_OPTIONS or TEST_OPTIONS fill in `size`.
typedef struct jt_options {
  size_t size;   // sizeof(jt_options) where the caller was compiled: lets the struct grow
  bool isolate;  // run in a child process, so that a crash or an exit is an error of this test only
  double timeout;  // seconds until the test is killed and is an error; implies isolate; 0: none.
                   // JT_TIMEOUT_SCALE in the environment multiplies it (valgrind, sanitizers).
} jt_options;

// An options value for jt_add: in C `&JT_OPTIONS(.timeout = 5.0)`, valid in the enclosing block; in
// C++ a value to be put into a variable. Options by name need C++20 there.
#ifdef __cplusplus
#define JT_OPTIONS(...) (jt_options{.size = sizeof(jt_options), __VA_ARGS__})
#else
#define JT_OPTIONS(...) ((jt_options){.size = sizeof(jt_options), __VA_ARGS__})
#endif

// ---- Tests --------------------------------------------------------------------------------------

// TEST(name) { ... } defines a test and registers it before main. Tests run in the order of their
// source file's name and line. `name` is a C identifier and is what the report and --filter use.
#define TEST(name) JT_TEST_(name, sizeof(jt_options), false, 0.0)

// TEST_OPTIONS(name, .isolate = true, .timeout = 5.0) { ... }: a test with options.
#define TEST_OPTIONS(name, ...) JT_TEST_(name, .size = sizeof(jt_options), __VA_ARGS__)

// TEST_SETUP() { ... } runs before the first test; there may be several, also in one file. Here
// tables are turned into tests with jt_add, and fixtures opened. Checks work in it: a failed one
// makes an item "setup" in the report that is not ok, and every test an error ("setup failed").
// TEST_SKIP in it skips all tests of the program.
#define TEST_SETUP() JT_SETUP_AT_(__LINE__)

// The program's main function. Write it once, in one source file. A program that has arguments of
// its own writes main itself and ends with `return jt_main(argc, argv);`.
#define TEST_MAIN()                 \
  int main(int argc, char **argv) { \
    return jt_main(argc, argv);     \
  }

// Adds one test at run time, for table-driven tests; call it in TEST_SETUP or before jt_main. Such
// tests run after those defined by TEST, in the order of adding. `name` may be any text and is
// copied; `fn` is called with `ctx`, which is borrowed until jt_main returns; `options` may be NULL
// and is copied. Calling it while tests run is an error of the running test.
JT_API void jt_add(const char *name, void (*fn)(void *ctx), void *ctx, const jt_options *options);

// Runs the tests, reports, and returns the exit status: 0 when at least one test was run or
// skipped and none failed or erred; 1 otherwise (also when there is no test, or --filter matches
// none); 2 for bad arguments. See `--help` of any test program for the arguments.
JT_API int jt_main(int argc, char **argv);

// The program's seed, for tests that draw numbers: that of --seed, or the one --shuffle drew and
// printed; else 1, as before jt_main. The report of a failed test names it where it is not 1.
JT_API unsigned long long jt_seed(void);

// ---- Checks -------------------------------------------------------------------------------------
// In TEST_CHECK_..., a failed check is recorded and the test goes on; in TEST_REQUIRE_..., it ends
// the test. `got` is what the code under test said, `want` what it should have said.

// True when `expr` is not zero. The _MSG forms add a printf-style explanation, shown on failure.
#define TEST_CHECK(expr) jt_check(JT_HERE_, #expr, (expr) ? true : false)
#define TEST_CHECK_MSG(expr, ...) jt_check_msg(JT_HERE_, #expr, (expr) ? true : false, __VA_ARGS__)
#define TEST_REQUIRE(expr)                        \
  ((expr) ? (void)jt_check(JT_HERE_, #expr, true) \
          : (jt_check(JT_HERE_, #expr, false), jt_end_test()))
#define TEST_REQUIRE_MSG(expr, ...)               \
  ((expr) ? (void)jt_check(JT_HERE_, #expr, true) \
          : (jt_check_msg(JT_HERE_, #expr, false, __VA_ARGS__), jt_end_test()))

// Integers, compared as long long and as unsigned long long.
#define TEST_CHECK_INT(got, want) jt_check_int(JT_HERE_, #got " == " #want, (got), (want))
#define TEST_CHECK_UINT(got, want) jt_check_uint(JT_HERE_, #got " == " #want, (got), (want))
#define TEST_REQUIRE_INT(got, want) (TEST_CHECK_INT(got, want) ? (void)0 : jt_end_test())
#define TEST_REQUIRE_UINT(got, want) (TEST_CHECK_UINT(got, want) ? (void)0 : jt_end_test())

// Zero-terminated strings. NULL equals only NULL.
#define TEST_CHECK_STR(got, want) jt_check_str(JT_HERE_, #got " == " #want, (got), (want))
#define TEST_REQUIRE_STR(got, want) (TEST_CHECK_STR(got, want) ? (void)0 : jt_end_test())

// The string `needle` occurs in the string `haystack`; false when either is NULL.
#define TEST_CHECK_CONTAINS(haystack, needle) \
  jt_check_contains(JT_HERE_, #haystack " contains " #needle, (haystack), (needle))

// |got - want| <= atol + rtol * |want|. NaN equals nothing; an infinity equals only itself.
// A tolerance that is negative, infinite or NaN is an error.
#define TEST_CHECK_DOUBLE(got, want, atol, rtol) \
  jt_check_double(JT_HERE_, #got " == " #want, (got), (want), (atol), (rtol))

// The first `n` bytes are the same. The report names the first offset that differs. NULL is allowed
// only with n == 0.
#define TEST_CHECK_MEM(got, want, n) jt_check_mem(JT_HERE_, #got " == " #want, (got), (want), (n))

// A failure or an error at this place, with a printf-style message. The test goes on.
#define TEST_FAIL(...) jt_fail(JT_HERE_, __VA_ARGS__)
#define TEST_ERROR(...) jt_error(JT_HERE_, __VA_ARGS__)

// ---- Sets ---------------------------------------------------------------------------------------

// TEST_SET(name) { ... } makes a set of the checks inside, also of those made by functions called
// there and by other threads meanwhile. `name` is any text and is copied; NULL is "(no name)". Sets
// nest. A record names the path of its set ("outer > inner"), and a table at the end of the report
// has the counts of each: a set's counts include those of the sets in it.
//
// A set in which nothing was checked, skipped or recorded is an error. It is closed on every way
// out: its end, break and continue (which leave the set, and not a loop around it), return, goto,
// an exception, and the end of the test. Only the thread that runs the test can open sets;
// elsewhere (another thread, a process forked by the test, outside any test) it is an error, and
// the checks inside belong to what is open there. Put inner sets on lines of their own, or
// compilers warn of shadowing.
#define TEST_SET(name) JT_SET_AT_(__LINE__, name)

// The same as functions, for code whose sets do not follow its blocks. `file` and `name` are
// copied. jt_set_close also closes the sets that were opened since and are still open; closing a
// set that is closed already does nothing. Sets that are open at the end of the test are closed by
// it.
typedef struct jt_set {
  unsigned long long number;  // 0: closed, or refused
} jt_set;
JT_API jt_set jt_set_open(const char *file, int line, const char *name);
JT_API void jt_set_close(jt_set *set);

// ---- Expected failures, drift, skips ------------------------------------------------------------

// An expected failure: false is "broken"; true is an error ("unbroken"), so that a repaired thing
// is noticed and this marker removed. A crash in `expr` is a crash. Yields the value of `expr`.
#define TEST_BROKEN(expr) jt_broken(JT_HERE_, #expr, (expr) ? true : false)

// Drift: true is a pass, false is "soft", reported as broken and never as a pass. `expr` must be a
// boolean: a bool or an integer that is 0 or 1. A pointer, a floating-point number, a struct, or
// another integer is an error, for it says that the check does not say what it means. A crash in
// `expr` is a crash. Yields true where it passed.
#ifdef __cplusplus
#define TEST_SOFTFAIL(expr) jt_softfail(JT_HERE_, #expr, (expr))
#else
// The condition, which is not evaluated, promotes what is narrower than int: for gcc, a bit-field
// has a type of its own.
// clang-format off
#define TEST_SOFTFAIL(expr)                                                                \
  _Generic(0 ? (expr) : ((void)0, (expr)),                                                 \
      int: jt_soft_int, long: jt_soft_int, long long: jt_soft_int, unsigned: jt_soft_uint, \
      unsigned long: jt_soft_uint, unsigned long long: jt_soft_uint,                       \
      float: jt_soft_double, double: jt_soft_double,                                       \
      default: jt_soft_other)(JT_HERE_, #expr, (expr))
// clang-format on
#endif

// Ends the test as skipped, with a printf-style reason. Checks that failed before still count.
#define TEST_SKIP(...) jt_skip(JT_HERE_, __VA_ARGS__)

// One check that cannot be made here, with a printf-style reason. The test goes on, and its outcome
// is that of its other checks; where there are none, it is a skip with the first of the reasons.
// Skipped checks are counted apart, and the report lists their reasons.
#define TEST_SKIP_CHECK(...) jt_skip_check(JT_HERE_, __VA_ARGS__)

// A printf-style remark in the report (a TAP comment), without any effect on the outcome.
#define TEST_NOTE(...) jt_note(__VA_ARGS__)

// ---- Behind the macros --------------------------------------------------------------------------
// Plain functions, for helpers that check on behalf of a caller: pass on the caller's file and
// line. `file`, `expr` and the message are copied.

JT_API bool jt_check(const char *file, int line, const char *expr, bool ok);
JT_API bool jt_check_msg(const char *file, int line, const char *expr, bool ok, const char *format,
                         ...) JT_PRINTF(5, 6);
JT_API bool jt_check_int(const char *file, int line, const char *expr, long long got,
                         long long want);
JT_API bool jt_check_uint(const char *file, int line, const char *expr, unsigned long long got,
                          unsigned long long want);
JT_API bool jt_check_str(const char *file, int line, const char *expr, const char *got,
                         const char *want);
JT_API bool jt_check_contains(const char *file, int line, const char *expr, const char *haystack,
                              const char *needle);
JT_API bool jt_check_double(const char *file, int line, const char *expr, double got, double want,
                            double atol, double rtol);
JT_API bool jt_check_mem(const char *file, int line, const char *expr, const void *got,
                         const void *want, size_t n);
JT_API void jt_fail(const char *file, int line, const char *format, ...) JT_PRINTF(3, 4);
JT_API void jt_error(const char *file, int line, const char *format, ...) JT_PRINTF(3, 4);
JT_API bool jt_broken(const char *file, int line, const char *expr, bool ok);
JT_API bool jt_soft_int(const char *file, int line, const char *expr, long long value);
JT_API bool jt_soft_uint(const char *file, int line, const char *expr, unsigned long long value);
JT_API bool jt_soft_double(const char *file, int line, const char *expr, double value);
JT_API bool jt_soft_other(const char *file, int line, const char *expr, ...);
JT_API void jt_skip(const char *file, int line, const char *format, ...)
    JT_PRINTF(3, 4) JT_NORETURN;
JT_API void jt_skip_check(const char *file, int line, const char *format, ...) JT_PRINTF(3, 4);
JT_API void jt_note(const char *format, ...) JT_PRINTF(1, 2);
// Ends the running test (or, in another thread than the test's, that thread) with what it has.
JT_API void jt_end_test(void) JT_NORETURN;
// What TEST and TEST_SETUP call before main. `name` and `file` are borrowed for good.
JT_API void jt_register(const char *name, const char *file, int line, void (*fn)(void),
                        const jt_options *options);
JT_API void jt_register_setup(const char *file, int line, void (*fn)(void));

#define JT_HERE_ __FILE__, __LINE__
#define JT_JOIN_(a, b) JT_JOIN_AGAIN_(a, b)
#define JT_JOIN_AGAIN_(a, b) a##b

// TEST gives plain values and TEST_OPTIONS designated ones, because C++ refuses a mixture.
#define JT_TEST_(name, ...)                                           \
  static void jt_test_##name(void);                                   \
  JT_CONSTRUCTOR static void jt_register_##name(void) {               \
    static const jt_options options = {__VA_ARGS__};                  \
    jt_register(#name, __FILE__, __LINE__, jt_test_##name, &options); \
  }                                                                   \
  static void jt_test_##name(void)

#define JT_SETUP_AT_(line)                                              \
  static void JT_JOIN_(jt_setup_, line)(void);                          \
  JT_CONSTRUCTOR static void JT_JOIN_(jt_register_setup_, line)(void) { \
    jt_register_setup(__FILE__, __LINE__, JT_JOIN_(jt_setup_, line));   \
  }                                                                     \
  static void JT_JOIN_(jt_setup_, line)(void)

// The loop runs once: its second variable points to the first until then, which compilers see.
#define JT_SET_AT_(line, name)                                                         \
  for (jt_set JT_JOIN_(jt_set_, line)                                                  \
           __attribute__((__cleanup__(jt_set_close))) = jt_set_open(JT_HERE_, (name)), \
           *JT_JOIN_(jt_once_, line) = &JT_JOIN_(jt_set_, line);                       \
       JT_JOIN_(jt_once_, line); JT_JOIN_(jt_once_, line) = NULL)

#ifdef __cplusplus
}  // extern "C"

// As in C: enumerations that are integers there are integers, and what does not fit a long long is
// none.
template <class T>
inline bool jt_softfail(const char *file, int line, const char *expr, const T &value) {
  constexpr bool fits = sizeof(T) <= sizeof(long long);
  constexpr bool listed = std::is_enum<T>::value && std::is_convertible<T, long long>::value;
  if constexpr (fits && std::is_integral<T>::value && !std::is_signed<T>::value) {
    return jt_soft_uint(file, line, expr, value);
  } else if constexpr (fits && (std::is_integral<T>::value || listed)) {
    return jt_soft_int(file, line, expr, static_cast<long long>(value));
  } else if constexpr (std::is_floating_point<T>::value) {
    return jt_soft_double(file, line, expr, static_cast<double>(value));
  } else {
    (void)value;
    return jt_soft_other(file, line, expr);
  }
}
#endif

#endif  // JIMM_TEST_H
