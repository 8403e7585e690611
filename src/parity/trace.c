/* Where an error begins: the value of every step of the plan beside the truth. */
#include <math.h>
#include <string.h>

#include "parity/check.h"
#include "run/observe.h"

typedef struct trace {
  const jimm_graph *graph;
  int32_t count;
  jimm_tensor *values; /* per node: what the plan computed, cleared where nothing was seen */
  double *errors;      /* per node: measured, or the largest among its inputs */
  jimm_parity_step *steps;
  int32_t *step_nodes; /* per step */
  int32_t step_count, step_capacity;
  jimm_value wanted; /* reference_error: this node */
  const jimm_tensor *truth;
  double found;
} trace;

static jimm_status keep_value(void *context, jimm_value value, const jimm_tensor *tensor) {
  trace *t = context;
  const jimm_status status = jimm_tensor_create(JIMM_F32, &tensor->shape, &t->values[value]);
  if (status == JIMM_OK) {
    memcpy(t->values[value].data, tensor->data, jimm_tensor_bytes(tensor));
  }
  return status;
}

/* The largest error among the inputs of a node. */
static double error_before(const trace *t, const jimm_node *node) {
  double worst = 0;
  for (int32_t i = 0; i < node->input_count; i++) {
    if (node->inputs[i] != JIMM_NO_VALUE) {
      worst = fmax(worst, t->errors[node->inputs[i]]);
    }
  }
  return worst;
}

static jimm_status add_step(trace *t, jimm_value value, const jimm_tensor *truth) {
  const jimm_node *node = jimm_graph_node(t->graph, value);
  jimm_compare compare;
  const jimm_status status = jimm_tensor_compare(&t->values[value], truth, &compare);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "%s", node->name);
  }
  /* what is not a number is as wrong as can be */
  const double error =
      compare.not_finite > 0 || isnan(compare.relative) ? INFINITY : compare.relative;
  t->steps[t->step_count] = (jimm_parity_step){.node = node->name,
                                               .operation = node->op->name,
                                               .error = error,
                                               .before = error_before(t, node)};
  t->step_nodes[t->step_count++] = value;
  t->errors[value] = error;
  return JIMM_OK;
}

/* The reference shows every operator's value in the order of the graph. */
static jimm_status compare_value(void *context, jimm_value value, const jimm_tensor *truth) {
  trace *t = context;
  if (t->values[value].data != NULL) {
    const jimm_status status = add_step(t, value, truth);
    jimm_tensor_close(&t->values[value]);
    return status;
  }
  t->errors[value] = error_before(t, jimm_graph_node(t->graph, value));
  return JIMM_OK;
}

static jimm_status compare_stages(trace *t, const jimm_state *stages) {
  jimm_status status = JIMM_OK;
  for (jimm_value v = 0; status == JIMM_OK && v < t->count; v++) {
    const jimm_node *node = jimm_graph_node(t->graph, v);
    const jimm_tensor *stage =
        t->values[v].data == NULL ? NULL : jimm_state_find(stages, node->name);
    if (stage != NULL) {
      status = add_step(t, v, stage);
    } else if (node->kind == JIMM_NODE_OP) {
      t->errors[v] = error_before(t, node);
    }
  }
  return status;
}

static jimm_status compare_wanted(void *context, jimm_value value, const jimm_tensor *tensor) {
  trace *t = context;
  jimm_compare compare;
  if (value != t->wanted) {
    return JIMM_OK;
  }
  const jimm_status status = jimm_tensor_compare(tensor, t->truth, &compare);
  t->found = status == JIMM_OK ? compare.relative : NAN;
  return status;
}

static const char *const traced_outputs[] = {"logits"};

static jimm_status run_reference(jimm_model *model, const jimm_tensor *input,
                                 jimm_observer observer, trace *t) {
  jimm_tensor output = {.dtype = JIMM_DTYPE_NONE};
  const jimm_status status =
      jimm_reference_observe(model, JIMM_F64, input, 1, traced_outputs, &output, observer, t);
  jimm_tensor_close(&output);
  return status;
}

static jimm_status run_plan(jimm_model *model, const jimm_tensor *input, int32_t threads,
                            trace *t) {
  jimm_plan *plan = NULL;
  jimm_tensor output;
  jimm_status status = jimm_parity_plan(model, input, threads, 1, traced_outputs, &plan, &output);
  if (status == JIMM_OK) {
    status = jimm_plan_observe(plan, input, &output, keep_value, t);
  }
  jimm_tensor_close(&output);
  jimm_plan_close(&plan);
  return status;
}

static int32_t find_jump(const trace *t) {
  for (int32_t i = 0; i < t->step_count; i++) {
    if (t->steps[i].error > JIMM_PARITY_JUMP * fmax(t->steps[i].before, JIMM_PARITY_JUMP_FLOOR)) {
      return i;
    }
  }
  return -1;
}

/* Against the reference a jump is the plan's. Against timm's stages the reference is asked. */
static jimm_status find_cause(trace *t, jimm_model *model, const jimm_tensor *input,
                              const jimm_state *stages, jimm_parity_report *report) {
  report->cause = report->jump < 0 ? JIMM_CAUSE_NONE : JIMM_CAUSE_PLAN;
  if (report->jump < 0 || stages == NULL) {
    return JIMM_OK;
  }
  t->wanted = t->step_nodes[report->jump];
  t->truth = jimm_state_find(stages, report->steps[report->jump].node);
  const jimm_status status = run_reference(model, input, compare_wanted, t);
  report->cause =
      t->found < report->steps[report->jump].error / 2 ? JIMM_CAUSE_PLAN : JIMM_CAUSE_GRAPH;
  return status;
}

jimm_status jimm_parity_trace(jimm_parity_book *book, jimm_model *model, const jimm_tensor *input,
                              int32_t threads, const jimm_state *stages) {
  trace t = {.graph = jimm_model_graph(model), .found = NAN};
  t.count = jimm_graph_node_count(t.graph);
  t.values = jimm_arena_alloc(&book->arena, (size_t)t.count * sizeof *t.values);
  t.errors = jimm_arena_alloc(&book->arena, (size_t)t.count * sizeof *t.errors);
  t.steps = jimm_arena_alloc(&book->arena, (size_t)t.count * sizeof *t.steps);
  t.step_nodes = jimm_arena_alloc(&book->arena, (size_t)t.count * sizeof *t.step_nodes);
  if (t.values == NULL || t.errors == NULL || t.steps == NULL || t.step_nodes == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  jimm_parity_report *report = &book->report;
  jimm_status status = run_plan(model, input, threads, &t);
  if (status == JIMM_OK) {
    status = stages != NULL ? compare_stages(&t, stages)
                            : run_reference(model, input, compare_value, &t);
  }
  for (int32_t i = 0; status == JIMM_OK && i < t.step_count; i++) {
    t.steps[i].node = jimm_arena_strdup(&book->arena, t.steps[i].node);
    status = t.steps[i].node == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  }
  if (status == JIMM_OK) {
    report->traced = stages != NULL ? "timm's stages" : "the float64 reference";
    report->steps = t.steps;
    report->step_count = t.step_count;
    report->jump = find_jump(&t);
    status = find_cause(&t, model, input, stages, report);
  }
  for (int32_t i = 0; i < t.count; i++) {
    jimm_tensor_close(&t.values[i]);
  }
  return status;
}
