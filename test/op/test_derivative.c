/* Derivatives of the reference operators: each one's source, compiled with dual numbers, against
 * central differences of its float64 form, at every example, along random directions of all inputs
 * together. What the rules for derivatives will be tested against is so tested itself. */
#include <jimm-test/gradient.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stream.h"
#include "examples.h"

#define OPERATOR(name)                 \
  extern const jimm_op jimm_op_##name; \
  jimm_status op_dual_##name(const jimm_op_call *call);
#include "op/ops.def"
#undef OPERATOR

typedef struct dual_op {
  const jimm_op *op;
  jimm_status (*dual)(const jimm_op_call *call);
} dual_op;

static const dual_op ops[] = {
#define OPERATOR(name) {&jimm_op_##name, op_dual_##name},
#include "op/ops.def"
#undef OPERATOR
};

/* The value and its derivative, as dual.cpp has them. */
typedef struct dual {
  double value, tangent;
} dual;

/* What is differentiated: the inner product of the output with random weights. */
static struct {
  const dual_op *row;
  const jimm_op_example *example;
  jimm_shape output;
  double *weights;
} now;

static jimm_status run(jimm_status (*forward)(const jimm_op_call *call), void *const *data,
                       void *output) {
  jimm_tensor inputs[JIMM_EXAMPLE_INPUTS];
  for (int32_t i = 0; i < now.example->input_count; i++) {
    inputs[i] = (jimm_tensor){.dtype = JIMM_F64, .shape = now.example->inputs[i], .data = data[i]};
  }
  jimm_tensor result = {.dtype = JIMM_F64, .shape = now.output, .data = output};
  const jimm_op_call call = {now.example->attrs, now.example->input_count, inputs, &result};
  return forward(&call);
}

/* The arguments are the inputs that are there, in their order. */
static int32_t next_input(int32_t input) {
  while (now.example->inputs[input].rank < 0) {
    input++;
  }
  return input;
}

static double product(const jt_args *args) {
  const int64_t count = jimm_shape_count(&now.output);
  double *output = calloc((size_t)count + 1, sizeof *output);
  void *data[JIMM_EXAMPLE_INPUTS] = {NULL};
  double sum = 0;
  for (size_t i = 0, input = 0; i < args->count; i++, input++) {
    input = (size_t)next_input((int32_t)input);
    data[input] = args->items[i].data;
  }
  if (run(now.row->op->forward_f64, data, output) != JIMM_OK) {
    TEST_ERROR("%s: %s", now.row->op->name, jimm_error_message());
  }
  for (int64_t i = 0; i < count; i++) {
    sum += now.weights[i] * output[i];
  }
  free(output);
  return sum;
}

static const char *value(const jt_args *args, void *ctx, double *result) {
  (void)ctx;
  *result = product(args);
  return NULL;
}

static const char *derivative(const jt_args *args, const jt_args *tangent, void *ctx,
                              double *result) {
  const int64_t count = jimm_shape_count(&now.output);
  dual *output = calloc((size_t)count + 1, sizeof *output);
  void *data[JIMM_EXAMPLE_INPUTS] = {NULL};
  (void)ctx;
  for (size_t i = 0, input = 0; i < args->count; i++, input++) {
    input = (size_t)next_input((int32_t)input);
    dual *pairs = calloc(args->items[i].count + 1, sizeof *pairs);
    for (size_t k = 0; k < args->items[i].count; k++) {
      pairs[k] = (dual){((const double *)args->items[i].data)[k],
                        ((const double *)tangent->items[i].data)[k]};
    }
    data[input] = pairs;
  }
  const jimm_status status = run(now.row->dual, data, output);
  *result = 0;
  for (int64_t i = 0; i < count; i++) {
    *result += now.weights[i] * output[i].tangent;
  }
  for (int32_t i = 0; i < JIMM_EXAMPLE_INPUTS; i++) {
    free(data[i]);
  }
  free(output);
  return status == JIMM_OK ? NULL : jimm_error_message();
}

static jt_recompiled recompiled = {.size = sizeof recompiled,
                                   .function = "product",
                                   .file = "dual.cpp",
                                   .form = JT_FORM_ARGS,
                                   .value = value,
                                   .dual_jvp = derivative};

/* 1 / (1 + exp(-v)) differentiated as it is written: where exp is infinite that is 0 x inf, though
 * the derivative is 0. A rule for the derivative will know better. */
static bool is_saturated(const char *op, const char *example) {
  return (strcmp(op, "sigmoid") == 0 || strcmp(op, "silu") == 0) &&
         strcmp(example, "saturated") == 0;
}

static void check_example(const dual_op *row, const jimm_op_example *example) {
  jimm_tensor inputs[JIMM_EXAMPLE_INPUTS];
  jt_arg items[JIMM_EXAMPLE_INPUTS];
  jt_args args = {items, 0};
  now.row = row;
  now.example = example;
  TEST_REQUIRE_INT(
      row->op->infer(example->attrs, example->input_count, example->inputs, &now.output), JIMM_OK);
  TEST_REQUIRE_INT(op_example_inputs(row->op, example, JIMM_F64, inputs), JIMM_OK);
  for (int32_t i = 0; i < example->input_count; i++) {
    if (inputs[i].data != NULL) {
      items[args.count++] = JT_DOUBLES(row->op->input_names[i], (double *)inputs[i].data,
                                       jimm_shape_count(&example->inputs[i]));
    }
  }
  const int64_t count = jimm_shape_count(&now.output);
  now.weights = calloc((size_t)count + 1, sizeof(double));
  for (int64_t i = 0; i < count; i++) {
    now.weights[i] = jimm_stream_uniform(7, (uint64_t)i);
  }
  TEST_GRADIENTS(product, args, .fast_above = 24, .directions = 5,
                 .broken_backends = is_saturated(row->op->name, example->name) ? JT_DUAL : 0);
  free(now.weights);
  op_example_close(inputs);
}

static void check_op(void *row_) {
  const dual_op *row = row_;
  for (int32_t i = 0; i < row->op->example_count; i++) {
    TEST_SET(row->op->examples[i].name) {
      check_example(row, &row->op->examples[i]);
    }
  }
}

TEST_SETUP() {
  jt_register_recompiled(&recompiled);
  for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
    jt_add(ops[i].op->name, check_op, (void *)(uintptr_t)&ops[i], NULL);
  }
}

TEST_MAIN()
