/* bench_run MODEL [--batch N] [--size S] [--threads T] [--isa NAME] [--seconds F] [--layers]: times
 * jimm_plan_run on synthetic weights and prints one JSON object: median and fastest milliseconds,
 * median processor time, achieved GFLOP/s (two operations a multiply-add), memory. --layers times
 * every step on its own. Absolute times say little on a shared machine: compare ratios of
 * alternated runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/model.h"
#include "plan/plan.h"

static double read_clock(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double now(void) {
  return read_clock(CLOCK_MONOTONIC);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static int fail(const char *what) {
  fprintf(stderr, "bench_run: %s: %s\n", what, jimm_error_message());
  return 1;
}

typedef struct settings {
  const char *model;
  jimm_plan_options plan;
  double seconds;
  int layers;
} settings;

static int parse(int argc, char **argv, settings *s) {
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(argv[i], "--layers") == 0) {
      s->layers = 1;
      continue;
    }
    if (argv[i][0] != '-' && s->model == NULL) {
      s->model = argv[i];
      continue;
    }
    if (value == NULL) {
      return 0;
    }
    i++;
    if (strcmp(argv[i - 1], "--batch") == 0) {
      s->plan.batch = atoll(value);
    } else if (strcmp(argv[i - 1], "--size") == 0) {
      s->plan.height = s->plan.width = atoll(value);
    } else if (strcmp(argv[i - 1], "--threads") == 0) {
      s->plan.threads = atoi(value);
    } else if (strcmp(argv[i - 1], "--seconds") == 0) {
      s->seconds = atof(value);
    } else if (strcmp(argv[i - 1], "--isa") == 0) {
      int found = 0;
      for (int isa = 0; isa < JIMM_ISA_COUNT; isa++) {
        if (strcmp(jimm_isa_name((jimm_isa)isa), value) == 0) {
          s->plan.isa = (jimm_isa)isa;
          found = 1;
        }
      }
      if (!found) {
        return 0;
      }
    } else {
      return 0;
    }
  }
  return s->model != NULL;
}

static void time_layers(jimm_plan *plan) {
  enum { ROUNDS = 15 };
  double *best = calloc((size_t)plan->step_count, sizeof(double));
  for (int r = 0; best != NULL && r < ROUNDS; r++) {
    for (int32_t i = 0; i < plan->step_count; i++) {
      const jimm_step *step = &plan->steps[i];
      const double start = now();
      jimm_pool_run(plan->pool, step->task, step->args, step->count, true);
      const double took = now() - start;
      best[i] = r == 0 || took < best[i] ? took : best[i];
    }
  }
  char shape[JIMM_SHAPE_TEXT];
  for (int32_t i = 0; best != NULL && i < plan->step_count; i++) {
    const jimm_step *step = &plan->steps[i];
    fprintf(stderr, "%8.3f ms %7.1f GFLOP/s %6.1f GB/s  %-28s %-20s %s\n", best[i] * 1e3,
            2e-9 * (double)step->macs / best[i],
            1e-9 * (double)(step->bytes_read + step->bytes_written) / best[i], step->kernel,
            jimm_shape_format(&step->shape, shape, sizeof(shape)), step->nodes);
  }
  free(best);
}

static int measure(jimm_plan *plan, const settings *s) {
  enum { MOST = 2000 };
  static double times[MOST];
  static double work[MOST]; /* processor time of all threads: what others' load disturbs least */
  jimm_tensor input;
  jimm_tensor output;
  jimm_shape shape;
  if (jimm_tensor_create(JIMM_F32, plan->input_shapes, &input) != JIMM_OK ||
      jimm_synthetic_input(1, "input", &input) != JIMM_OK ||
      jimm_plan_output_shape(plan, 0, &shape) != JIMM_OK ||
      jimm_tensor_create(JIMM_F32, &shape, &output) != JIMM_OK) {
    return fail("tensors");
  }
  for (int i = 0; i < 3; i++) {
    if (jimm_plan_run(plan, &input, &output) != JIMM_OK) {
      return fail("run");
    }
  }
  int count = 0;
  const double end = now() + s->seconds;
  while (count < MOST && (count < 5 || now() < end)) {
    const double start = now();
    const double used = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    jimm_plan_run(plan, &input, &output);
    work[count] = read_clock(CLOCK_PROCESS_CPUTIME_ID) - used;
    times[count++] = now() - start;
  }
  qsort(work, (size_t)count, sizeof(work[0]), ascending);
  qsort(times, (size_t)count, sizeof(times[0]), ascending);
  jimm_plan_stats stats = JIMM_PLAN_STATS_INIT;
  jimm_plan_get_stats(plan, &stats);
  const double median = times[count / 2];
  printf(
      "{\"model\": \"%s\", \"batch\": %lld, \"size\": %lld, \"threads\": %d, \"isa\": \"%s\", "
      "\"runs\": %d, \"median_ms\": %.3f, \"fastest_ms\": %.3f, \"cpu_ms\": %.3f, \"gflops\": "
      "%.1f, "
      "\"arena_bytes\": %zu, \"packed_bytes\": %zu, \"steps\": %d}\n",
      s->model, (long long)s->plan.batch, (long long)s->plan.height, (int)stats.threads,
      jimm_isa_name(stats.isa), count, median * 1e3, times[0] * 1e3, work[count / 2] * 1e3,
      2e-9 * (double)stats.macs / median, stats.arena_bytes, stats.packed_bytes, (int)stats.steps);
  if (s->layers) {
    time_layers(plan);
  }
  jimm_tensor_close(&input);
  jimm_tensor_close(&output);
  return 0;
}

int main(int argc, char **argv) {
  settings s = {.plan = JIMM_PLAN_OPTIONS_INIT, .seconds = 3.0};
  if (!parse(argc, argv, &s)) {
    fprintf(stderr,
            "usage: bench_run MODEL [--batch N] [--size S] [--threads T] [--isa NAME] "
            "[--seconds F] [--layers]\n");
    return 2;
  }
  jimm_model_name name;
  jimm_graph *graph = NULL;
  jimm_model *model = NULL;
  jimm_plan *plan = NULL;
  if (jimm_model_find(s.model, &name) != JIMM_OK ||
      jimm_graph_build(&name, NULL, &graph) != JIMM_OK ||
      jimm_model_create_synthetic(graph, 1, &model) != JIMM_OK ||
      jimm_plan_create(model, &s.plan, &plan) != JIMM_OK) {
    return fail(s.model);
  }
  const int status = measure(plan, &s);
  jimm_plan_close(&plan);
  jimm_model_close(&model);
  jimm_graph_close(&graph);
  return status;
}
