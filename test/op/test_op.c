/* The walk over ops.def, first half (test_kernels.c is the other): the float64 reference against
 * PyTorch's float64 answers (test/golden/ops.def), the float32 reference against the float64 one,
 * shapes, untouched inputs. An operator or an example without a golden fails, and so does a golden
 * without an example.
 *
 *   test_op --examples    lists the examples as JSON lines, for test/parity/dump_op_goldens.py */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/graph.h>

#include "base/alloc.h"
#include "base/locale.h"
#include "base/stream.h"
#include "examples.h"

#define ENTRIES 16
#define PROJECTIONS 3

typedef struct golden {
  const char *op, *example, *signature;
  jimm_shape shape;
  double largest; /* max |y| */
  struct {
    int64_t index;
    double value;
  } entries[ENTRIES];
  double projections[PROJECTIONS]; /* sums of y_i, each with a sign from a hashed stream */
} golden;

static const golden goldens[] = {
#include "golden/ops.def"
};

#define GOLDEN_COUNT (sizeof(goldens) / sizeof(goldens[0]))

static const golden *find_golden(const char *op, const char *example) {
  for (size_t i = 0; i < GOLDEN_COUNT; i++) {
    if (strcmp(goldens[i].op, op) == 0 && strcmp(goldens[i].example, example) == 0) {
      return &goldens[i];
    }
  }
  return NULL;
}

typedef struct example_case {
  const jimm_op *op;
  const jimm_op_example *example;
} example_case;

/* 1e-12 of the largest value: the sums of float64 differ in order only. */
static void check_golden(const example_case *c, const golden *g, const jimm_tensor *y) {
  const double *value = y->data;
  const int64_t count = jimm_shape_count(&y->shape);
  const double bound = 1e-12 * g->largest;
  double largest = 0;
  int64_t nan_index = -1;
  for (int64_t i = 0; i < count; i++) {
    nan_index = isnan(value[i]) ? i : nan_index;
    largest = fmax(largest, fabs(value[i]));
  }
  TEST_REQUIRE_MSG(nan_index < 0, "element %" PRId64 " is NaN or was not written", nan_index);
  TEST_CHECK_DOUBLE(largest, g->largest, bound, 0);
  for (int i = 0; i < ENTRIES; i++) {
    TEST_REQUIRE(g->entries[i].index >= 0 && g->entries[i].index < count);
    TEST_CHECK_DOUBLE(value[g->entries[i].index], g->entries[i].value, bound, 0);
  }
  for (int p = 0; p < PROJECTIONS; p++) {
    char name[256];
    jimm_snprintf(name, sizeof(name), "%s/%s/projection/%d", c->op->name, c->example->name, p);
    const uint64_t key = jimm_stream_key(1, name);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
      sum += jimm_stream_bits(key, (uint64_t)i) >> 63 != 0 ? -value[i] : value[i];
    }
    TEST_CHECK_DOUBLE(sum, g->projections[p], bound * sqrt((double)count), 0);
  }
}

/* What the operator's row says of its rounding: the float64 result of the float32 inputs, rounded
 * once, has the same bits. */
static void check_rounding(const example_case *c, const jimm_tensor *inputs32,
                           const jimm_tensor *y32) {
  jimm_tensor inputs[JIMM_EXAMPLE_INPUTS], y;
  memset(inputs, 0, sizeof(inputs));
  for (int i = 0; i < JIMM_EXAMPLE_INPUTS; i++) {
    inputs[i].shape.rank = -1;
    if (inputs32[i].data != NULL) {
      TEST_REQUIRE_INT(jimm_tensor_convert(&inputs32[i], JIMM_F64, &inputs[i]), JIMM_OK);
    }
  }
  TEST_REQUIRE_INT(op_example_forward(c->op, c->example, c->example->attrs, JIMM_F64, inputs, &y),
                   JIMM_OK);
  const int64_t count = jimm_shape_count(&y.shape);
  int64_t other = 0;
  for (int64_t i = 0; i < count; i++) {
    const float rounded = (float)((const double *)y.data)[i];
    other += memcmp(&rounded, (const float *)y32->data + i, sizeof(rounded)) != 0 ? 1 : 0;
  }
  TEST_CHECK_MSG(other == 0, "%" PRId64 " of %" PRId64 " elements are not float64 rounded once",
                 other, count);
  jimm_tensor_close(&y);
  op_example_close(inputs);
}

static void check_float32(const example_case *c, const jimm_tensor *inputs, const jimm_tensor *y) {
  jimm_tensor inputs32[JIMM_EXAMPLE_INPUTS], y32;
  TEST_REQUIRE_INT(op_example_inputs(c->op, c->example, JIMM_F32, inputs32), JIMM_OK);
  TEST_REQUIRE_INT(
      op_example_forward(c->op, c->example, c->example->attrs, JIMM_F32, inputs32, &y32), JIMM_OK);
  const double bound = op_example_bound(c->op, c->example, inputs, y);
  const double error = op_example_difference(&y32, y);
  TEST_CHECK_MSG(error <= bound, "float32 differs by %g, bound %g", error, bound);
  if (getenv("JIMM_TEST_OP_ERRORS") != NULL) {
    TEST_NOTE("float32 error / bound = %.3f", bound > 0 ? error / bound : 0);
  }
  if (c->op->rounding != JIMM_ROUNDING_ANY) {
    check_rounding(c, inputs32, &y32);
  }
  jimm_tensor_close(&y32);
  op_example_close(inputs32);
}

static void check_example(void *context) {
  const example_case *c = context;
  const golden *g = find_golden(c->op->name, c->example->name);
  TEST_REQUIRE_MSG(g != NULL, "no golden; run test/parity/dump_op_goldens.py");
  char signature[OP_EXAMPLE_TEXT];
  op_example_signature(c->op, c->example, signature, sizeof(signature));
  TEST_REQUIRE_STR(signature, g->signature);

  jimm_shape shape = {.rank = -1};
  TEST_REQUIRE_INT(
      c->op->infer(c->example->attrs, c->example->input_count, c->example->inputs, &shape),
      JIMM_OK);
  char got[JIMM_SHAPE_TEXT], want[JIMM_SHAPE_TEXT];
  TEST_REQUIRE_STR(jimm_shape_format(&shape, got, sizeof(got)),
                   jimm_shape_format(&g->shape, want, sizeof(want)));

  jimm_tensor inputs[JIMM_EXAMPLE_INPUTS], again[JIMM_EXAMPLE_INPUTS], y;
  TEST_REQUIRE_INT(op_example_inputs(c->op, c->example, JIMM_F64, inputs), JIMM_OK);
  TEST_REQUIRE_INT(op_example_forward(c->op, c->example, c->example->attrs, JIMM_F64, inputs, &y),
                   JIMM_OK);
  check_golden(c, g, &y);
  TEST_REQUIRE_INT(op_example_inputs(c->op, c->example, JIMM_F64, again), JIMM_OK);
  for (int32_t i = 0; i < c->example->input_count; i++) {
    if (inputs[i].shape.rank >= 0) {
      TEST_CHECK_MEM(inputs[i].data, again[i].data, jimm_tensor_bytes(&inputs[i]));
    }
  }
  op_example_close(again);
  check_float32(c, inputs, &y);
  jimm_tensor_close(&y);
  op_example_close(inputs);
}

static void check_goldens_used(void *context) {
  (void)context;
  for (size_t i = 0; i < GOLDEN_COUNT; i++) {
    const jimm_op *op = jimm_op_find(goldens[i].op);
    bool found = false;
    for (int32_t k = 0; op != NULL && k < op->example_count; k++) {
      found = found || strcmp(op->examples[k].name, goldens[i].example) == 0;
    }
    TEST_CHECK_MSG(found, "golden %s/%s has no example", goldens[i].op, goldens[i].example);
  }
}

TEST_SETUP() {
  static example_case cases[1024]; /* borrowed by the tests */
  size_t count = 0;
  for (int32_t i = 0; i < jimm_op_count(); i++) {
    const jimm_op *op = jimm_op_at(i);
    TEST_CHECK_MSG(op->example_count > 0, "%s has no example", op->name);
    for (int32_t k = 0; k < op->example_count; k++) {
      char name[256];
      jimm_snprintf(name, sizeof(name), "%s/%s", op->name, op->examples[k].name);
      TEST_REQUIRE(count < sizeof(cases) / sizeof(cases[0]));
      cases[count] = (example_case){op, &op->examples[k]};
      jt_add(name, check_example, &cases[count++], NULL);
    }
  }
  jt_add("every golden has an example", check_goldens_used, NULL, NULL);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--examples") == 0) {
    op_example_list();
    return 0;
  }
  return jt_main(argc, argv);
}
