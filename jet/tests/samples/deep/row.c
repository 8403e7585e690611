// Fails by a function of variable arguments.
#include "../samples.h"

static const char *message;
static int first_row[4];

static int report(int code, const char *format, ...) {
  message = format;
  return code;
}

// The analyser does not look into functions of variable arguments.
#ifdef __clang_analyzer__
static inline int reported(int returned, int code) {
  (void)returned;
  return code;
}
#define report(code, ...) reported(report(code, __VA_ARGS__), code)
#endif

int prepare_row(int n, int **row) {
  if (n <= 0) {
    return report(-1, "no row of this length");
  }
  *row = first_row;
  return 0;
}

int prepare_nothing(int n, int **row) {
  if (n <= 0) {
    return report(0, "all is well");
  }
  *row = first_row;
  return 0;
}
