/* bench_state FILE...: how long a weights file takes to open; medians of several times, one JSON
 * object a file. */
#include <jimm/state.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TIMES 7

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static int measure(const char *path) {
  double open[TIMES];
  long long tensors = 0;
  for (int i = 0; i < TIMES; i++) {
    jimm_state *state = NULL;
    const double start = now();
    if (jimm_state_open(path, &state) != JIMM_OK) {
      fprintf(stderr, "bench_state: %s: %s\n", path, jimm_error_message());
      return 1;
    }
    open[i] = now() - start;
    tensors = (long long)jimm_state_count(state);
    jimm_state_close(&state);
  }
  qsort(open, TIMES, sizeof open[0], ascending);
  printf("{\"tensors\": %lld, \"open_ms\": %.3f}\n", tensors, 1e3 * open[TIMES / 2]);
  return 0;
}

int main(int argc, char **argv) {
  int status = argc > 1 ? 0 : 2;
  for (int i = 1; i < argc; i++) {
    status |= measure(argv[i]);
  }
  return status;
}
