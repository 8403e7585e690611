/* The walk over ops.def, second half: every operator in plans, on every instruction set that this
 * machine has. A graph of one operator is planned and run for each example, and for shapes derived
 * from it that lie around the widths of vectors and tiles, and held to the reference in float64:
 * values within rounding (equal to the bit where the operator does not round), the same bits for
 * any number of threads and every time, no write beyond the output, no allocation in a second run.
 * In the end every row of kernels.def that this machine can run must have been used. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "base/cpu.h"
#include "examples.h"
#include "graph/attrs.h"
#include "kernel/kernel.h"
#include "plan/engine.h"

#define TINY 1e-37 /* plans flush denormal numbers to zero */
#define GUARD 64   /* floats before and after an output */
#define MOST_ELEMENTS 60000

/* ---- counting allocations ---- */

static atomic_long allocations;

static void *allocate(void *context, size_t bytes, size_t alignment) {
  (void)context;
  atomic_fetch_add(&allocations, 1);
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void release(void *context, void *pointer) {
  (void)context;
  free(pointer);
}

/* ---- one operator as a model ---- */

/* y = op(x, p1, p2, ...): all inputs but the first are parameters. */
static jimm_model *model_of(const jimm_op *op, const jimm_op_example *example) {
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  jimm_value inputs[JIMM_EXAMPLE_INPUTS];
  jimm_status status = jimm_graph_create(&graph);
  if (status == JIMM_OK) {
    status = jimm_state_create(&state);
  }
  for (int32_t i = 0; i < example->input_count && status == JIMM_OK; i++) {
    const jimm_shape *shape = &example->inputs[i];
    char name[32];
    snprintf(name, sizeof(name), "p%d", (int)i);
    inputs[i] = shape->rank < 0 ? JIMM_NO_VALUE
                : i == 0        ? engine_input(graph, shape)
                                : engine_parameter(graph, name, shape);
    if (i > 0 && shape->rank >= 0) {
      jimm_tensor t = {0};
      status = op_example_input(op, example, i, JIMM_F32, &t);
      if (status == JIMM_OK) {
        status = jimm_state_add_owned(state, name, &t);
      }
      jimm_tensor_close(&t);
    }
  }
  if (status == JIMM_OK) {
    jimm_graph_output(
        graph, "y",
        jimm_graph_add(graph, op->name, "op", example->attrs, example->input_count, inputs));
    status = jimm_graph_finish(graph);
  }
  if (status == JIMM_OK) {
    status = jimm_model_create(graph, state, NULL, &model);
  }
  TEST_CHECK_MSG(status == JIMM_OK, "%s", jimm_error_message());
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  return model;
}

/* ---- holding a plan to the truth ---- */

typedef struct truth {
  jimm_tensor y; /* F64 */
  double bound;
  bool exact; /* the float32 reference is the float64 one, rounded once: then a kernel is it too */
} truth;

static void find_truth(const jimm_op *op, const jimm_op_example *example, truth *t) {
  jimm_tensor inputs[JIMM_EXAMPLE_INPUTS], single[JIMM_EXAMPLE_INPUTS], y32;
  TEST_REQUIRE_INT(op_example_inputs(op, example, JIMM_F64, inputs), JIMM_OK);
  TEST_REQUIRE_INT(op_example_inputs(op, example, JIMM_F32, single), JIMM_OK);
  TEST_REQUIRE_INT(op_example_forward(op, example, example->attrs, JIMM_F64, inputs, &t->y),
                   JIMM_OK);
  TEST_REQUIRE_INT(op_example_forward(op, example, example->attrs, JIMM_F32, single, &y32),
                   JIMM_OK);
  t->bound = op_example_bound(op, example, inputs, &t->y);
  TEST_REQUIRE(t->bound >= 0);
  t->exact = op_example_difference(&y32, &t->y) == 0;
  jimm_tensor_close(&y32);
  op_example_close(single);
  op_example_close(inputs);
}

static void check_values(const truth *t, const char *what, const float *got) {
  const int64_t count = jimm_shape_count(&t->y.shape);
  const double bound = t->exact ? 0 : t->bound;
  double worst = 0;
  for (int64_t i = 0; i < count; i++) {
    const double want = ((const double *)t->y.data)[i], y = (double)got[i];
    double error = y == want || (isnan(y) && isnan(want)) ? 0 : fabs(y - want);
    error = fabs(want) < TINY && error < TINY ? 0 : error;
    if (!(error <= worst)) { /* NaN becomes the worst */
      worst = error;
    }
  }
  TEST_CHECK_MSG(worst <= bound, "%s: error %g, bound %g%s", what, worst, bound,
                 t->exact ? " (the operator is exact)" : "");
}

/* Runs a new plan twice into guarded memory, of which `got` is the part between the guards. */
static void run_plan(jimm_model *model, const jimm_tensor *x, const jimm_shape *shape,
                     int32_t threads, jimm_isa isa, const char *what, float *guarded) {
  const size_t count = (size_t)jimm_shape_count(shape);
  const jimm_plan_options options = engine_options(&x->shape, threads, isa);
  jimm_plan *plan = NULL;
  jimm_shape planned;
  TEST_REQUIRE_MSG(jimm_plan_create(model, &options, &plan) == JIMM_OK, "%s: %s", what,
                   jimm_error_message());
  TEST_REQUIRE_INT(jimm_plan_output_shape(plan, 0, &planned), JIMM_OK);
  TEST_REQUIRE(jimm_shape_equal(&planned, shape));
  memset(guarded, 0xFF, (count + 2 * GUARD) * sizeof(float));
  jimm_tensor y = {.dtype = JIMM_F32, .shape = *shape, .data = guarded + GUARD};
  TEST_REQUIRE_MSG(jimm_plan_run(plan, x, &y) == JIMM_OK, "%s: %s", what, jimm_error_message());
  float *first = malloc((count + 1) * sizeof(float));
  TEST_REQUIRE(first != NULL);
  memcpy(first, guarded + GUARD, count * sizeof(float));
  memset(guarded, 0xFF, (count + 2 * GUARD) * sizeof(float));
  const long before = atomic_load(&allocations);
  TEST_REQUIRE_INT(jimm_plan_run(plan, x, &y), JIMM_OK);
  TEST_CHECK_INT(atomic_load(&allocations) - before, 0);
  TEST_CHECK_MEM(guarded + GUARD, first, count * sizeof(float));
  uint32_t guards[GUARD];
  memset(guards, 0xFF, sizeof(guards));
  TEST_CHECK_MEM(guarded, guards, sizeof(guards));
  TEST_CHECK_MEM(guarded + GUARD + count, guards, sizeof(guards));
  free(first);
  jimm_plan_close(&plan);
}

/* All instruction sets; with threads on the example itself. */
static void check_plans(const jimm_op *op, const jimm_op_example *example, bool threaded,
                        const char *what) {
  truth t;
  find_truth(op, example, &t);
  jimm_model *model = model_of(op, example);
  TEST_REQUIRE(model != NULL);
  jimm_tensor x, copy;
  TEST_REQUIRE_INT(op_example_input(op, example, 0, JIMM_F32, &x), JIMM_OK);
  TEST_REQUIRE_INT(op_example_input(op, example, 0, JIMM_F32, &copy), JIMM_OK);
  const size_t count = (size_t)jimm_shape_count(&t.y.shape);
  float *one = malloc((count + 2 * GUARD) * sizeof(float));
  float *many = malloc((count + 2 * GUARD) * sizeof(float));
  TEST_REQUIRE(one != NULL && many != NULL);
  for (int isa = 0; isa <= (int)jimm_cpu_isa(); isa++) {
    char label[256];
    snprintf(label, sizeof(label), "%s on %s", what, jimm_isa_name((jimm_isa)isa));
    run_plan(model, &x, &t.y.shape, 1, (jimm_isa)isa, label, one);
    check_values(&t, label, one + GUARD);
    if (threaded) {
      run_plan(model, &x, &t.y.shape, 3, (jimm_isa)isa, label, many);
      TEST_CHECK_MEM(many, one, (count + 2 * GUARD) * sizeof(float));
    }
  }
  TEST_CHECK_MEM(x.data, copy.data, jimm_tensor_bytes(&x));
  free(many);
  free(one);
  jimm_tensor_close(&copy);
  jimm_tensor_close(&x);
  jimm_model_close(&model);
  jimm_tensor_close(&t.y);
}

/* ---- derived shapes ---- */

static const int64_t sizes[] = {0, 1, 2, 3, 15, 17, 33, 64};

static bool is_small(const jimm_shape *shape) {
  return jimm_shape_count(shape) <= MOST_ELEMENTS;
}

/* A plan has no empty values but for an empty batch. */
static bool fits_plan(const jimm_shape *shape) {
  for (int32_t d = 1; d < shape->rank; d++) {
    if (shape->dim[d] == 0) {
      return false;
    }
  }
  return is_small(shape);
}

/* Every dimension of size `from` becomes `to`; false when the operator does not take that. */
static bool resize(const jimm_op *op, const jimm_op_example *example, int64_t from, int64_t to,
                   jimm_op_example *variant) {
  *variant = *example;
  for (int32_t i = 0; i < example->input_count; i++) {
    for (int32_t d = 0; d < example->inputs[i].rank; d++) {
      if (example->inputs[i].dim[d] == from) {
        variant->inputs[i].dim[d] = to;
      }
    }
    if (!fits_plan(&variant->inputs[i])) {
      return false;
    }
  }
  jimm_shape shape;
  return op->infer(variant->attrs, variant->input_count, variant->inputs, &shape) == JIMM_OK &&
         fits_plan(&shape);
}

static bool seen_before(const jimm_op_example *example, int32_t input, int32_t dim) {
  for (int32_t i = 0; i <= input; i++) {
    for (int32_t d = 0; d < (i == input ? dim : example->inputs[i].rank); d++) {
      if (example->inputs[i].dim[d] == example->inputs[input].dim[dim]) {
        return true;
      }
    }
  }
  return false;
}

static void check_variants(const jimm_op *op, const jimm_op_example *example) {
  int variants = 0;
  for (int32_t i = 0; i < example->input_count; i++) {
    for (int32_t d = 0; d < example->inputs[i].rank; d++) {
      for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        jimm_op_example variant;
        const int64_t from = example->inputs[i].dim[d];
        if (from == sizes[s] || seen_before(example, i, d) ||
            !resize(op, example, from, sizes[s], &variant)) {
          continue;
        }
        char what[96];
        snprintf(what, sizeof(what), "%lld -> %lld", (long long)from, (long long)sizes[s]);
        check_plans(op, &variant, false, what);
        variants++;
      }
    }
  }
  TEST_NOTE("%d shapes derived", variants);
}

typedef struct example_case {
  const jimm_op *op;
  const jimm_op_example *example;
} example_case;

static void check_example(void *context) {
  const example_case *c = context;
  check_plans(c->op, c->example, true, "as it is");
  check_variants(c->op, c->example);
}

/* ---- rules ---- */

/* The plan of every example, on every instruction set, as text. */
static char *all_plans(void) {
  size_t size = 1;
  char *text = calloc(1, 1);
  for (int isa = 0; isa <= (int)jimm_cpu_isa(); isa++) {
    for (int32_t i = 0; i < jimm_op_count(); i++) {
      const jimm_op *op = jimm_op_at(i);
      for (int32_t e = 0; e < op->example_count; e++) {
        jimm_model *model = model_of(op, &op->examples[e]);
        const jimm_plan_options options =
            engine_options(&op->examples[e].inputs[0], 1, (jimm_isa)isa);
        jimm_plan *plan = NULL;
        char *lines = NULL;
        TEST_REQUIRE_INT(jimm_plan_create(model, &options, &plan), JIMM_OK);
        TEST_REQUIRE_INT(jimm_plan_print(plan, &lines), JIMM_OK);
        const size_t length = strlen(lines);
        text = realloc(text, size + length);
        TEST_REQUIRE(text != NULL);
        memcpy(text + size - 1, lines, length + 1);
        size += length;
        jimm_text_free(lines);
        jimm_plan_close(&plan);
        jimm_model_close(&model);
      }
    }
  }
  return text;
}

TEST(every_kernel_is_used) {
  char *text = all_plans();
  for (size_t i = 0; i < jimm_kernels.count; i++) {
    const jimm_kernel *row = &jimm_kernels.rows[i];
    const bool runs_here = (row->set->features & ~jimm_cpu_features()) == 0;
    TEST_CHECK_MSG(!runs_here || strstr(text, row->name) != NULL, "no example runs %s", row->name);
  }
  free(text);
}

/* How far the float64 output moves, relative to its largest value, when eps is `factor` times as
 * large. */
static double eps_effect(const jimm_op *op, const jimm_op_example *example, size_t offset,
                         double factor) {
  jimm_tensor inputs[JIMM_EXAMPLE_INPUTS], y, z;
  char attrs[256];
  double eps, largest = 0;
  TEST_REQUIRE(op->attrs_size <= sizeof(attrs));
  memcpy(attrs, example->attrs, op->attrs_size);
  memcpy(&eps, attrs + offset, sizeof(eps));
  eps *= factor;
  memcpy(attrs + offset, &eps, sizeof(eps));
  TEST_REQUIRE_INT(op_example_inputs(op, example, JIMM_F64, inputs), JIMM_OK);
  TEST_REQUIRE_INT(op_example_forward(op, example, example->attrs, JIMM_F64, inputs, &y), JIMM_OK);
  TEST_REQUIRE_INT(op_example_forward(op, example, attrs, JIMM_F64, inputs, &z), JIMM_OK);
  for (int64_t i = 0; i < jimm_shape_count(&y.shape); i++) {
    largest = fmax(largest, fabs(((const double *)y.data)[i]));
  }
  const double effect = op_example_difference(&z, &y) / largest;
  jimm_tensor_close(&z);
  jimm_tensor_close(&y);
  op_example_close(inputs);
  return effect;
}

/* An epsilon is invisible on ordinary activations: every operator that has one has an example whose
 * variance is near it. */
TEST(every_eps_shows) {
  int checked = 0;
  for (int32_t i = 0; i < jimm_op_count(); i++) {
    const jimm_op *op = jimm_op_at(i);
    for (int32_t a = 0; a < op->attr_count; a++) {
      if (strcmp(op->attrs[a].name, "eps") != 0) {
        continue;
      }
      double tenfold = 0, hundredth = 0;
      for (int32_t e = 0; e < op->example_count; e++) {
        const size_t offset = op->attrs[a].offset;
        tenfold = fmax(tenfold, eps_effect(op, &op->examples[e], offset, 10));
        hundredth = fmax(hundredth, eps_effect(op, &op->examples[e], offset, 1.01));
      }
      TEST_CHECK_MSG(tenfold > 1e-1, "%s: eps x 10 moves no example by more than %g", op->name,
                     tenfold);
      TEST_CHECK_MSG(hundredth > 1e-3, "%s: eps x 1.01 moves no example by more than %g", op->name,
                     hundredth);
      checked++;
    }
  }
  TEST_CHECK(checked >= 2);
}

TEST_SETUP() {
  static const jimm_allocator counting = {sizeof counting, allocate, release, NULL};
  static example_case cases[1024];
  size_t count = 0;
  TEST_REQUIRE_INT(jimm_set_allocator(&counting), JIMM_OK);
  for (int32_t i = 0; i < jimm_op_count(); i++) {
    const jimm_op *op = jimm_op_at(i);
    for (int32_t k = 0; k < op->example_count; k++) {
      char name[256];
      snprintf(name, sizeof(name), "%s/%s in plans", op->name, op->examples[k].name);
      TEST_REQUIRE(count < sizeof(cases) / sizeof(cases[0]));
      cases[count] = (example_case){op, &op->examples[k]};
      jt_add(name, check_example, &cases[count++], NULL);
    }
  }
}
