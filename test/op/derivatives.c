#include "derivatives.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "base/locale.h"
#include "base/stream.h"
#include "examples.h"

#define INPUTS JIMM_EXAMPLE_INPUTS
#define ALL_INPUTS ((1u << INPUTS) - 1)
#define STEP 1e-6

/* The arguments of one evaluation and what it gave. */
typedef struct point {
  const jimm_op *op;
  const jimm_op_example *example;
  jimm_dtype dtype;
  jimm_tensor inputs[INPUTS], output;
  char *fault;
} point;

static void report(const point *p, const char *format, ...) JIMM_PRINTF(2, 3);
static void report(const point *p, const char *format, ...) {
  va_list arguments;
  if (p->fault[0] == 0) { /* the first one is said */
    va_start(arguments, format);
    vsnprintf(p->fault, OP_FAULT_TEXT, format, arguments);
    va_end(arguments);
  }
}

static double at(const jimm_tensor *t, int64_t i) {
  return t->dtype == JIMM_F32 ? (double)((const float *)t->data)[i] : ((const double *)t->data)[i];
}

static double largest(const jimm_tensor *t) {
  double result = 0;
  for (int64_t i = 0; i < jimm_shape_count(&t->shape); i++) {
    result = fmax(result, fabs(at(t, i)));
  }
  return result;
}

static void evaluate(point *p) {
  TEST_REQUIRE_INT(
      op_example_forward(p->op, p->example, p->example->attrs, p->dtype, p->inputs, &p->output),
      JIMM_OK);
}

static void close_point(point *p) {
  op_example_close(p->inputs);
  jimm_tensor_close(&p->output);
}

/* A tensor like `like`, NaN throughout. */
static jimm_tensor unwritten(const jimm_tensor *like, jimm_dtype dtype) {
  jimm_tensor t;
  TEST_REQUIRE_INT(jimm_tensor_create(dtype, &like->shape, &t), JIMM_OK);
  memset(t.data, 0xFF, jimm_tensor_bytes(&t));
  return t;
}

/* A random vector of the shape and the magnitude of `like`, of numbers that float32 has. */
static jimm_tensor draw(const jimm_tensor *like, jimm_dtype dtype, const char *what, int32_t index,
                        double magnitude) {
  jimm_tensor t = unwritten(like, dtype);
  char name[64];
  jimm_snprintf(name, sizeof(name), "derivatives/%s/%d", what, (int)index);
  const uint64_t key = jimm_stream_key(1, name);
  for (int64_t i = 0; i < jimm_shape_count(&t.shape); i++) {
    const float value = (float)(magnitude * jimm_stream_uniform(key, (uint64_t)i));
    if (dtype == JIMM_F32) {
      ((float *)t.data)[i] = value;
    } else {
      ((double *)t.data)[i] = (double)value;
    }
  }
  return t;
}

static void draw_tangents(const point *p, jimm_tensor tangents[INPUTS]) {
  memset(tangents, 0, INPUTS * sizeof(tangents[0]));
  for (int32_t i = 0; i < p->example->input_count; i++) {
    tangents[i].shape.rank = -1;
    if (p->inputs[i].data != NULL) {
      const double magnitude = largest(&p->inputs[i]);
      tangents[i] = draw(&p->inputs[i], p->dtype, "tangent", i, magnitude > 0 ? magnitude : 1.0);
    }
  }
}

static jimm_tensor draw_cotangent(const point *p) {
  return draw(&p->output, p->dtype, "cotangent", 0, 1);
}

/* The parts of `tensors` that are in the set; the others have no data. Borrowed. */
static void choose(const jimm_tensor *tensors, uint32_t set, jimm_tensor chosen[INPUTS]) {
  for (int32_t i = 0; i < INPUTS; i++) {
    chosen[i] = tensors[i];
    chosen[i].owned = NULL;
    if ((set >> i & 1u) == 0) {
      chosen[i].data = NULL;
    }
  }
}

static void check_written(const point *p, const jimm_tensor *t, const char *what) {
  for (int64_t i = 0; i < jimm_shape_count(&t->shape); i++) {
    if (isnan(at(t, i))) {
      report(p, "%s: element %lld is NaN or was not written", what, (long long)i);
      return;
    }
  }
}

/* J v, v the tangents of the set. */
static jimm_tensor push(const point *p, const jimm_tensor *tangents, uint32_t set) {
  jimm_tensor chosen[INPUTS], result = unwritten(&p->output, p->dtype);
  choose(tangents, set, chosen);
  const jimm_op_jvp_call call = {
      p->example->attrs, p->example->input_count, p->inputs, chosen, &p->output, &result};
  const jimm_status status = p->dtype == JIMM_F64 ? p->op->jvp_f64(&call) : p->op->jvp_f32(&call);
  if (status != JIMM_OK) {
    report(p, "jvp: %s", jimm_error_message());
  }
  check_written(p, &result, "jvp");
  return result;
}

/* J' u for the inputs of the set; the caller closes the gradients. */
static void pull(const point *p, const jimm_tensor *cotangent, uint32_t set,
                 jimm_tensor gradients[INPUTS]) {
  jimm_tensor mine[INPUTS], given[INPUTS];
  memset(mine, 0, sizeof(mine));
  for (int32_t i = 0; i < p->example->input_count; i++) {
    mine[i].shape.rank = -1;
    if (p->inputs[i].data != NULL) {
      mine[i] = unwritten(&p->inputs[i], p->dtype);
    }
  }
  choose(mine, set, given);
  memcpy(gradients, given, sizeof(given));
  const jimm_op_vjp_call call = {
      p->example->attrs, p->example->input_count, p->inputs, &p->output, cotangent, given};
  const jimm_status status = p->dtype == JIMM_F64 ? p->op->vjp_f64(&call) : p->op->vjp_f32(&call);
  if (status != JIMM_OK) {
    report(p, "vjp: %s", jimm_error_message());
  }
  for (int32_t i = 0; i < p->example->input_count; i++) {
    if (given[i].data != gradients[i].data) {
      report(p, "vjp: gradient %d was given other memory", (int)i);
    }
    if (gradients[i].data != NULL) {
      check_written(p, &gradients[i], "vjp");
    }
  }
  memcpy(gradients, mine, sizeof(mine));
}

/* A point whose inputs are moved: x + step * tangent, of the tangents in the set. */
static point moved(const point *p, const jimm_tensor *tangents, uint32_t set, double step) {
  point q = {p->op, p->example, JIMM_F64, {{0}}, {0}, p->fault};
  TEST_REQUIRE_INT(op_example_inputs(p->op, p->example, JIMM_F64, q.inputs), JIMM_OK);
  for (int32_t i = 0; i < p->example->input_count; i++) {
    double *x = q.inputs[i].data;
    for (int64_t k = 0;
         x != NULL && (set >> i & 1u) != 0 && k < jimm_shape_count(&q.inputs[i].shape); k++) {
      x[k] += step * at(&tangents[i], k);
    }
  }
  evaluate(&q);
  return q;
}

/* The derivative of the output along the tangents of the set, by central differences. */
static jimm_tensor differences(const point *p, const jimm_tensor *tangents, uint32_t set) {
  point up = moved(p, tangents, set, STEP), down = moved(p, tangents, set, -STEP);
  jimm_tensor result = unwritten(&p->output, JIMM_F64);
  for (int64_t i = 0; i < jimm_shape_count(&result.shape); i++) {
    ((double *)result.data)[i] = (at(&up.output, i) - at(&down.output, i)) / (2 * STEP);
  }
  close_point(&up);
  close_point(&down);
  return result;
}

/* <a, b>, and the sum of the magnitudes of its terms is added to *size. */
static double product(const jimm_tensor *a, const jimm_tensor *b, double *size) {
  double sum = 0;
  for (int64_t i = 0; i < jimm_shape_count(&a->shape); i++) {
    sum += at(a, i) * at(b, i);
    *size += fabs(at(a, i) * at(b, i));
  }
  return sum;
}

/* At most 1e-6 of what is compared, and the rounding of `terms` differences of numbers as large as
 * y. */
static double difference_bound(const point *p, double size, double terms) {
  return 1e-6 * size + 0x1p-52 / STEP * largest(&p->output) * terms;
}

/* Both products along the tangents of the set. NULL: the row has none. */
static void check_along(const point *p, const jimm_tensor *tangents, uint32_t set,
                        const jimm_tensor *cotangent, const jimm_tensor *gradients) {
  jimm_tensor truth = differences(p, tangents, set), tangent = {.owned = NULL};
  double size = 0, pushed = 0, pulled = 0;
  if (p->op->jvp_f64 != NULL) {
    tangent = push(p, tangents, set);
    const double error = op_example_difference(&tangent, &truth);
    const double bound = difference_bound(p, largest(&truth), 1);
    if (!(error <= bound)) {
      report(p, "jvp of inputs 0x%x differs from central differences by %g, bound %g", set, error,
             bound);
    }
    pushed = product(cotangent, &tangent, &size);
  }
  if (gradients != NULL) {
    double moves = 0;
    for (int32_t i = 0; i < p->example->input_count; i++) {
      if ((set >> i & 1u) != 0 && p->inputs[i].data != NULL) {
        pulled += product(&gradients[i], &tangents[i], &size);
      }
    }
    const double error = fabs(pulled - product(cotangent, &truth, &moves));
    const double bound = difference_bound(p, moves, (double)jimm_shape_count(&truth.shape));
    if (!(error <= bound)) {
      report(p, "vjp of inputs 0x%x differs from central differences by %g, bound %g", set, error,
             bound);
    }
  }
  if (p->op->jvp_f64 != NULL && gradients != NULL && !(fabs(pushed - pulled) <= 1e-12 * size)) {
    report(p, "<u, J v> is %.17g, <J' u, v> %.17g", pushed, pulled);
  }
  jimm_tensor_close(&truth);
  jimm_tensor_close(&tangent);
}

/* One gradient asked for gives the bits that it has among all. */
static void check_alone(const point *p, const jimm_tensor *cotangent, int32_t input,
                        const jimm_tensor *gradients) {
  jimm_tensor alone[INPUTS];
  pull(p, cotangent, 1u << input, alone);
  if (memcmp(alone[input].data, gradients[input].data, jimm_tensor_bytes(&alone[input])) != 0) {
    report(p, "vjp: gradient %d is another when it is asked for alone", (int)input);
  }
  op_example_close(alone);
}

static void check_unchanged(const point *p, const jimm_tensor *before) {
  for (int32_t i = 0; i < p->example->input_count; i++) {
    if (p->inputs[i].data != NULL &&
        memcmp(p->inputs[i].data, before[i].data, jimm_tensor_bytes(&before[i])) != 0) {
      report(p, "input %d was written", (int)i);
    }
  }
}

static void check_float64(point *p) {
  jimm_tensor tangents[INPUTS], gradients[INPUTS], before[INPUTS];
  const bool has_vjp = p->op->vjp_f64 != NULL;
  draw_tangents(p, tangents);
  jimm_tensor cotangent = draw_cotangent(p);
  memset(gradients, 0, sizeof(gradients));
  TEST_REQUIRE_INT(op_example_inputs(p->op, p->example, JIMM_F64, before), JIMM_OK);
  if (has_vjp) {
    pull(p, &cotangent, ALL_INPUTS, gradients);
    check_unchanged(p, before);
  }
  check_along(p, tangents, ALL_INPUTS, &cotangent, has_vjp ? gradients : NULL);
  for (int32_t i = 0; i < p->example->input_count; i++) {
    if (p->inputs[i].data != NULL) {
      check_along(p, tangents, 1u << i, &cotangent, has_vjp ? gradients : NULL);
      if (has_vjp) {
        check_alone(p, &cotangent, i, gradients);
      }
    }
  }
  check_unchanged(p, before);
  op_example_close(before);
  op_example_close(gradients);
  op_example_close(tangents);
  jimm_tensor_close(&cotangent);
}

/* All results of the row at a point: gradients, then the tangent. */
#define RESULTS (INPUTS + 1)
static void derive(const point *p, const jimm_tensor *tangents, const jimm_tensor *cotangent,
                   jimm_tensor results[RESULTS]) {
  memset(results, 0, RESULTS * sizeof(results[0]));
  if (p->op->vjp_f64 != NULL) {
    pull(p, cotangent, ALL_INPUTS, results);
  }
  if (p->op->jvp_f64 != NULL) {
    results[INPUTS] = push(p, tangents, ALL_INPUTS);
  }
}

static void close_results(jimm_tensor results[RESULTS]) {
  for (int i = 0; i < RESULTS; i++) {
    jimm_tensor_close(&results[i]);
  }
}

/* Every element times 1 + e or 1 - e. */
static void round_all(jimm_tensor *t, uint64_t key, double e) {
  double *x = t->data;
  for (int64_t i = 0; x != NULL && i < jimm_shape_count(&t->shape); i++) {
    x[i] *= jimm_stream_bits(key, (uint64_t)i) >> 63 != 0 ? 1 + e : 1 - e;
  }
}

/* How far each result moves, per unit, when all that is read is rounded up or down at random. */
static void respond(const point *p, const jimm_tensor *results, double response[RESULTS]) {
  const double e = 0x1p-30;
  memset(response, 0, RESULTS * sizeof(response[0]));
  for (uint64_t d = 0; d < 4; d++) {
    jimm_tensor tangents[INPUTS], moved_results[RESULTS];
    point q = {p->op, p->example, JIMM_F64, {{0}}, {0}, p->fault};
    TEST_REQUIRE_INT(op_example_inputs(p->op, p->example, JIMM_F64, q.inputs), JIMM_OK);
    draw_tangents(p, tangents);
    jimm_tensor cotangent = draw_cotangent(p);
    for (int32_t i = 0; i < p->example->input_count; i++) {
      round_all(&q.inputs[i], jimm_stream_mix(8 * (uint64_t)i + d), e);
      round_all(&tangents[i], jimm_stream_mix(8 * (uint64_t)i + 4 + d), e);
    }
    round_all(&cotangent, jimm_stream_mix(1000 + d), e);
    evaluate(&q);
    derive(&q, tangents, &cotangent, moved_results);
    for (int i = 0; i < RESULTS; i++) {
      if (results[i].data != NULL) {
        response[i] = fmax(response[i], op_example_difference(&moved_results[i], &results[i]) / e);
      }
    }
    close_results(moved_results);
    close_point(&q);
    op_example_close(tangents);
    jimm_tensor_close(&cotangent);
  }
}

static void derive_at(const point *p, jimm_tensor results[RESULTS]) {
  jimm_tensor tangents[INPUTS];
  draw_tangents(p, tangents);
  jimm_tensor cotangent = draw_cotangent(p);
  derive(p, tangents, &cotangent, results);
  op_example_close(tangents);
  jimm_tensor_close(&cotangent);
}

static void check_float32(const point *p) {
  jimm_tensor results[RESULTS], results32[RESULTS];
  double response[RESULTS];
  point q = {p->op, p->example, JIMM_F32, {{0}}, {0}, p->fault};
  TEST_REQUIRE_INT(op_example_inputs(p->op, p->example, JIMM_F32, q.inputs), JIMM_OK);
  evaluate(&q);
  derive_at(p, results);
  derive_at(&q, results32);
  respond(p, results, response);
  const jimm_shape *x = &p->example->inputs[0];
  const double terms =
      x->rank > 0 && x->dim[0] > 0 ? (double)jimm_shape_count(x) / (double)x->dim[0] : 1;
  for (int i = 0; i < RESULTS; i++) {
    if (results[i].data != NULL) {
      const double error = op_example_difference(&results32[i], &results[i]);
      const double bound = 0x1p-24 * (sqrt(terms) * response[i] + largest(&results[i]));
      if (!(error <= bound)) {
        report(p, "%s in float32 differs from float64 by %g, bound %g", i == INPUTS ? "jvp" : "vjp",
               error, bound);
      }
    }
  }
  close_results(results);
  close_results(results32);
  close_point(&q);
}

bool op_has_derivatives(const jimm_op *op) {
  return op->vjp_f32 != NULL || op->vjp_f64 != NULL || op->jvp_f32 != NULL || op->jvp_f64 != NULL;
}

void op_derivatives_check(const jimm_op *op, const jimm_op_example *example,
                          char fault[OP_FAULT_TEXT]) {
  point p = {op, example, JIMM_F64, {{0}}, {0}, fault};
  fault[0] = 0;
  if ((op->vjp_f32 == NULL) != (op->vjp_f64 == NULL) ||
      (op->jvp_f32 == NULL) != (op->jvp_f64 == NULL)) {
    report(&p, "a derivative is there for one element type alone");
    return;
  }
  TEST_REQUIRE_INT(op_example_inputs(op, example, JIMM_F64, p.inputs), JIMM_OK);
  evaluate(&p);
  check_float64(&p);
  if (fault[0] == 0) {
    check_float32(&p);
  }
  close_point(&p);
}
