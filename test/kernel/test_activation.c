/* The kernels of activations, each value against libm in float64: on every instruction set, over
 * the whole range of float32, in units in the last place. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "base/cpu.h"
#include "plan/plan.h"

#define STEP 4099 /* every so many bit patterns of float32 */
#define COUNT ((size_t)((UINT64_C(1) << 32) / STEP + 1))
#define MOST_ULPS 0.62

static double true_sigmoid(double x) {
  return 1 / (1 + exp(-x));
}
static double true_silu(double x) {
  return x / (1 + exp(-x));
}
static double true_gelu(double x) {
  return 0.5 * x * erfc(-x / sqrt(2.0));
}
static double true_gelu_tanh(double x) {
  return x / (1 + exp(-2 * sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

typedef struct activation {
  const char *kernel;
  double (*f)(double x);
} activation;

static const activation activations[] = {
    {"sigmoid", true_sigmoid},
    {"silu", true_silu},
    {"gelu", true_gelu},
    {"gelu_tanh", true_gelu_tanh},
};

#define ACTIVATIONS (sizeof(activations) / sizeof(activations[0]))

static void run(const char *op, jimm_isa isa, const float *x, float *y, size_t count) {
  const jimm_problem problem = {.op = op, .input = JIMM_F32, .output = JIMM_F32};
  const jimm_kernel *kernel = jimm_kernel_choose(&jimm_kernels, &problem, jimm_isa_features(isa));
  TEST_REQUIRE_MSG(kernel != NULL && kernel->set->features == jimm_isa_features(isa),
                   "no kernel %s for this instruction set", op);
  jimm_unary_args args = {x, y, count};
  for (size_t i = 0; i < count; i += JIMM_UNARY_BLOCK) {
    kernel->task(&args, i / JIMM_UNARY_BLOCK, 0);
  }
}

/* In units of the last place of `want` as float32. */
static double error_of(float got, double want) {
  if (isnan(want) || isinf((float)want)) {
    const bool same = isnan(want) ? isnan(got) : got == (float)want;
    return same ? 0 : INFINITY;
  }
  int exponent;
  frexp(want, &exponent);
  return fabs((double)got - want) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

static void check_activation(void *context) {
  const activation *a = context;
  float *x = malloc(COUNT * sizeof(float)), *y = malloc(COUNT * sizeof(float));
  double *want = malloc(COUNT * sizeof(double));
  TEST_REQUIRE(x != NULL && y != NULL && want != NULL);
  for (size_t i = 0; i < COUNT; i++) {
    const uint32_t bits = (uint32_t)(i * STEP);
    memcpy(&x[i], &bits, sizeof(bits));
    want[i] = a->f((double)x[i]);
  }
  for (int isa = 0; isa <= (int)jimm_cpu_isa(); isa++) {
    run(a->kernel, (jimm_isa)isa, x, y, COUNT);
    size_t worst = 0;
    for (size_t i = 1; i < COUNT; i++) {
      worst = !(error_of(y[i], want[i]) <= error_of(y[worst], want[worst])) ? i : worst;
    }
    TEST_CHECK_MSG(error_of(y[worst], want[worst]) <= MOST_ULPS, "%s(%a) is %a, not %a, on %s",
                   a->kernel, (double)x[worst], (double)y[worst], want[worst],
                   jimm_isa_name((jimm_isa)isa));
    TEST_NOTE("%s: at most %.4f units in the last place", jimm_isa_name((jimm_isa)isa),
              error_of(y[worst], want[worst]));
  }
  free(want);
  free(y);
  free(x);
}

TEST_SETUP() {
  for (size_t i = 0; i < ACTIVATIONS; i++) {
    jt_add(activations[i].kernel, check_activation, (void *)&activations[i], NULL);
  }
}

/* As PyTorch in float64. */
TEST(activations_at_the_ends) {
  enum { ENDS = 7 };
  const float x[ENDS] = {NAN, INFINITY, -INFINITY, -0.0f, 0.0f, FLT_MAX, -FLT_MAX};
  const float want[ACTIVATIONS][ENDS] = {
      {NAN, 1, 0, 0.5f, 0.5f, 1, 0},
      {NAN, INFINITY, NAN, -0.0f, 0, FLT_MAX, -0.0f},
      {NAN, INFINITY, NAN, -0.0f, 0, FLT_MAX, -0.0f},
      {NAN, INFINITY, NAN, -0.0f, 0, FLT_MAX, -0.0f},
  };
  for (int isa = 0; isa <= (int)jimm_cpu_isa(); isa++) {
    for (size_t k = 0; k < ACTIVATIONS; k++) {
      float y[ENDS];
      run(activations[k].kernel, (jimm_isa)isa, x, y, ENDS);
      for (size_t i = 0; i < ENDS; i++) {
        const bool same = isnan(want[k][i])
                              ? isnan(y[i])
                              : y[i] == want[k][i] && signbit(y[i]) == signbit(want[k][i]);
        TEST_CHECK_MSG(same, "%s(%g) is %g on %s", activations[k].kernel, (double)x[i],
                       (double)y[i], jimm_isa_name((jimm_isa)isa));
      }
    }
  }
}

/* An element's result is the same bits wherever it lies: in the middle of a block or in its rest.
 */
TEST(activations_do_not_depend_on_the_place) {
  enum { LENGTH = 67 };
  float x[LENGTH], y[LENGTH], z[LENGTH];
  for (size_t i = 0; i < LENGTH; i++) {
    x[i] = (float)i * 0.37f - 12.0f;
  }
  for (int isa = 0; isa <= (int)jimm_cpu_isa(); isa++) {
    for (size_t k = 0; k < ACTIVATIONS; k++) {
      run(activations[k].kernel, (jimm_isa)isa, x, y, LENGTH);
      for (size_t i = 0; i < LENGTH; i++) {
        run(activations[k].kernel, (jimm_isa)isa, x + i, z + i, 1);
      }
      TEST_CHECK_MEM(z, y, sizeof(y));
    }
  }
}
