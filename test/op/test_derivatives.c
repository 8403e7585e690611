/* The derivatives of rows, every one at every example; and that the checker (derivatives.c) tells
 * wrong ones from right ones, of rows that are registered here: the product of two tensors.
 * (test_derivative.c has what no row says: derivatives of the reference itself, by dual numbers.)
 */
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "base/locale.h"
#include "derivatives.h"

/* What is broken in a row. */
typedef enum defect {
  NO_DEFECT,
  WRONG_SIGN,   /* of one gradient */
  ADDS,         /* gradients are added to what is there */
  SHORT,        /* the last element is left out */
  FORGETS,      /* one input's part of the jvp */
  WRITES_INPUT, /* into what it reads */
  TAKES_MEMORY, /* for a gradient that is not asked for */
  NEEDS_OTHER,  /* one gradient is right only beside the other */
  COARSE,       /* float32 with half its digits */
  ALMOST        /* a gradient with 1e-9 too much, which differences do not see */
} defect;

static defect now;

/* In both element types. */
#define PRODUCT(REAL, suffix, is_float32)                                                        \
  static jimm_status product_##suffix(const jimm_op_call *call) {                                \
    const REAL *a = call->inputs[0].data, *b = call->inputs[1].data;                             \
    REAL *y = call->output->data;                                                                \
    for (int64_t i = 0; i < jimm_shape_count(&call->output->shape); i++) {                       \
      y[i] = a[i] * b[i];                                                                        \
    }                                                                                            \
    return JIMM_OK;                                                                              \
  }                                                                                              \
  static jimm_status product_vjp_##suffix(const jimm_op_vjp_call *call) {                        \
    static REAL elsewhere[64];                                                                   \
    const int64_t count = jimm_shape_count(&call->output->shape);                                \
    const REAL *u = call->cotangent->data;                                                       \
    const REAL digits = (REAL)((is_float32) && now == COARSE ? 1e-4 : now == ALMOST ? 1e-9 : 0); \
    const bool lone = call->gradients[0].data == NULL || call->gradients[1].data == NULL;        \
    for (int32_t k = 0; k < 2; k++) {                                                            \
      const REAL *other = call->inputs[1 - k].data;                                              \
      REAL *g = call->gradients[k].data;                                                         \
      if (g == NULL && now == TAKES_MEMORY) {                                                    \
        g = call->gradients[k].data = elsewhere;                                                 \
      }                                                                                          \
      for (int64_t i = 0; g != NULL && i < count - (now == SHORT ? 1 : 0); i++) {                \
        const REAL sign = now == WRONG_SIGN && k == 1 ? -1 : 1;                                  \
        g[i] = (now == ADDS ? g[i] : 0) + sign * u[i] * other[i] * (1 + digits);                 \
        g[i] = now == NEEDS_OTHER && lone ? 0 : g[i];                                            \
      }                                                                                          \
    }                                                                                            \
    if (now == WRITES_INPUT) {                                                                   \
      ((REAL *)call->inputs[0].data)[0] += (REAL)1e-13;                                          \
    }                                                                                            \
    return JIMM_OK;                                                                              \
  }                                                                                              \
  static jimm_status product_jvp_##suffix(const jimm_op_jvp_call *call) {                        \
    const REAL *x[2] = {call->inputs[0].data, call->inputs[1].data};                             \
    const REAL *v[2] = {call->tangents[0].data, call->tangents[1].data};                         \
    REAL *t = call->tangent->data;                                                               \
    for (int64_t i = 0; i < jimm_shape_count(&call->output->shape); i++) {                       \
      t[i] = v[0] != NULL ? v[0][i] * x[1][i] : 0;                                               \
      t[i] += v[1] != NULL && now != FORGETS ? x[0][i] * v[1][i] : 0;                            \
    }                                                                                            \
    return JIMM_OK;                                                                              \
  }
PRODUCT(float, f32, true)
PRODUCT(double, f64, false)

static jimm_status infer(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                         jimm_shape *output) {
  (void)attrs;
  (void)input_count;
  *output = inputs[0];
  return JIMM_OK;
}

static const char *const input_names[] = {"a", "b"};
static const jimm_op_example examples[] = {
    {"vectors", NULL, 2, {{2, {3, 7}}, {2, {3, 7}}}, {{0.5, 2}, {1, 3}}},
};

static const jimm_op product = {.size = sizeof(jimm_op),
                                .name = "test.product",
                                .summary = "a * b, of one shape",
                                .min_inputs = 2,
                                .max_inputs = 2,
                                .input_names = input_names,
                                .infer = infer,
                                .forward_f32 = product_f32,
                                .forward_f64 = product_f64,
                                .examples = examples,
                                .example_count = 1,
                                .vjp_f32 = product_vjp_f32,
                                .vjp_f64 = product_vjp_f64,
                                .jvp_f32 = product_jvp_f32,
                                .jvp_f64 = product_jvp_f64};

static const char *fault_of(const jimm_op *op, defect wrong) {
  static char fault[OP_FAULT_TEXT];
  now = wrong;
  op_derivatives_check(op, op->examples, fault);
  now = NO_DEFECT;
  return fault;
}

TEST(registered_derivatives_are_right) {
  TEST_REQUIRE_INT(jimm_op_register(&product), JIMM_OK);
  const jimm_op *op = jimm_op_find("test.product");
  TEST_REQUIRE(op != NULL && op_has_derivatives(op));
  TEST_CHECK_STR(fault_of(op, NO_DEFECT), "");
}

TEST(each_derivative_stands_alone) {
  jimm_op one = product;
  one.vjp_f32 = one.vjp_f64 = NULL;
  TEST_CHECK(op_has_derivatives(&one));
  TEST_CHECK_STR(fault_of(&one, NO_DEFECT), "");
  one = product;
  one.jvp_f32 = one.jvp_f64 = NULL;
  TEST_CHECK(op_has_derivatives(&one));
  TEST_CHECK_STR(fault_of(&one, NO_DEFECT), "");
  TEST_CHECK_CONTAINS(fault_of(&one, WRONG_SIGN), "vjp of inputs 0x3f differs from central");
  one.vjp_f32 = NULL;
  TEST_CHECK_CONTAINS(fault_of(&one, NO_DEFECT), "one element type alone");
  one.vjp_f64 = NULL;
  TEST_CHECK(!op_has_derivatives(&one));
}

TEST(broken_derivatives_are_reported) {
  static const struct {
    defect defect;
    const char *says;
  } rows[] = {
      {WRONG_SIGN, "vjp of inputs 0x3f differs from central differences"},
      {ADDS, "vjp: element 0 is NaN or was not written"},
      {SHORT, "vjp: element 20 is NaN or was not written"},
      {FORGETS, "jvp of inputs 0x3f differs from central differences"},
      {WRITES_INPUT, "input 0 was written"},
      {TAKES_MEMORY, "was given other memory"},
      {NEEDS_OTHER, "is another when it is asked for alone"},
      {COARSE, "vjp in float32 differs from float64"},
      {ALMOST, "<u, J v> is"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    TEST_CHECK_CONTAINS(fault_of(&product, rows[i].defect), rows[i].says);
  }
}

/* ---- the walk over the table ---- */

typedef struct derivative_case {
  const jimm_op *op;
  const jimm_op_example *example;
} derivative_case;

static void check_case(void *context) {
  const derivative_case *c = context;
  char fault[OP_FAULT_TEXT];
  op_derivatives_check(c->op, c->example, fault);
  TEST_CHECK_MSG(fault[0] == 0, "%s", fault);
}

TEST_SETUP() {
  static derivative_case cases[1024]; /* borrowed by the tests */
  size_t count = 0;
  for (int32_t i = 0; i < jimm_op_count(); i++) {
    const jimm_op *op = jimm_op_at(i);
    for (int32_t k = 0; op_has_derivatives(op) && k < op->example_count; k++) {
      char name[256];
      jimm_snprintf(name, sizeof(name), "%s/%s derivatives", op->name, op->examples[k].name);
      TEST_REQUIRE(count < sizeof(cases) / sizeof(cases[0]));
      cases[count] = (derivative_case){op, &op->examples[k]};
      jt_add(name, check_case, &cases[count++], NULL);
    }
  }
}
