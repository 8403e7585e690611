/* bench_state FILE...: how long a weights file takes to open, and to open and read wholly, in a
 * fresh state each time; medians of several, one JSON object a file. */
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

/* The sum of all bytes, so that every page is read. */
static unsigned long long read_all(const jimm_state *state) {
  unsigned long long sum = 0;
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const jimm_tensor *tensor = jimm_state_tensor(state, i);
    const unsigned char *bytes = tensor->data;
    const size_t size = jimm_tensor_bytes(tensor);
    for (size_t k = 0; k < size; k++) {
      sum += bytes[k];
    }
  }
  return sum;
}

static int measure(const char *path) {
  double open[TIMES], whole[TIMES];
  unsigned long long sum = 0;
  long long tensors = 0;
  for (int i = 0; i < TIMES; i++) {
    jimm_state *state = NULL;
    const double start = now();
    if (jimm_state_open(path, &state) != JIMM_OK) {
      fprintf(stderr, "bench_state: %s: %s\n", path, jimm_error_message());
      return 1;
    }
    open[i] = now() - start;
    sum = read_all(state);
    whole[i] = now() - start;
    tensors = (long long)jimm_state_count(state);
    jimm_state_close(&state);
  }
  qsort(open, TIMES, sizeof open[0], ascending);
  qsort(whole, TIMES, sizeof whole[0], ascending);
  printf("{\"tensors\": %lld, \"open_ms\": %.3f, \"read_ms\": %.3f, \"sum\": %llu}\n", tensors,
         1e3 * open[TIMES / 2], 1e3 * whole[TIMES / 2], sum);
  return 0;
}

int main(int argc, char **argv) {
  int status = argc > 1 ? 0 : 2;
  for (int i = 1; i < argc; i++) {
    status |= measure(argv[i]);
  }
  return status;
}
