// tap.h: what the tests of jimm-jet are written with: TAP 14 on standard output and nothing else,
// so that jimm-jet is tested where there is no test kit.
#ifndef JET_TESTS_TAP_H
#define JET_TESTS_TAP_H

#include <stdbool.h>
#include <stddef.h>

// TEST(name) { ... } is run by tap_main. A test without checks is a failure.
#define TEST(name)                                                     \
  static void test_##name(void *ctx);                                  \
  __attribute__((__constructor__)) static void register_##name(void) { \
    tap_add(#name, test_##name, NULL);                                 \
  }                                                                    \
  static void test_##name(void *ctx __attribute__((__unused__)))

// Each yields whether it is true.
#define TEST_CHECK(condition) TEST_CHECK_MSG(condition, "false")
#define TEST_CHECK_MSG(condition, ...) \
  tap_check((condition) ? true : false, __FILE__, __LINE__, #condition, __VA_ARGS__)
#define TEST_CHECK_CONTAINS(text, needle) tap_contains(text, needle, __FILE__, __LINE__, #text)
#define TEST_CHECK_UINT(got, want) tap_equal(got, want, __FILE__, __LINE__, #got)
// Leaves the test when it is false, with a reason, with a failure.
#define TEST_REQUIRE(condition)   \
  do {                            \
    if (!TEST_CHECK(condition)) { \
      tap_leave();                \
    }                             \
  } while (0)
#define TEST_SKIP(...) tap_skip(__VA_ARGS__)
#define TEST_ERROR(...)                                    \
  do {                                                     \
    tap_check(false, __FILE__, __LINE__, "", __VA_ARGS__); \
    tap_leave();                                           \
  } while (0)
#define TEST_NOTE(...) tap_note(__VA_ARGS__)

// `name` and `ctx` are borrowed until tap_main returns.
void tap_add(const char *name, void (*function)(void *ctx), void *ctx);
// Runs those tests whose names have the text of a --filter in them. Returns the exit status.
int tap_main(int argc, char **argv);

bool tap_check(bool good, const char *file, int line, const char *expression, const char *format,
               ...) __attribute__((__format__(__printf__, 5, 6)));
bool tap_contains(const char *text, const char *needle, const char *file, int line,
                  const char *expression);
bool tap_equal(size_t got, size_t want, const char *file, int line, const char *expression);
void tap_note(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
void tap_skip(const char *format, ...) __attribute__((__format__(__printf__, 1, 2), __noreturn__));
void tap_leave(void) __attribute__((__noreturn__));

#endif  // JET_TESTS_TAP_H
