/* jimm beside a golden. */
#include <math.h>
#include <string.h>

#include "parity/check.h"

jimm_status jimm_golden_build(const jimm_golden *golden, const jimm_golden_case *test_case,
                              int64_t in_chans, jimm_graph **graph) {
  jimm_model_name name;
  jimm_model_options options = test_case->options;
  options.in_chans = in_chans == 0 ? options.in_chans : in_chans;
  const jimm_status status = jimm_model_find(golden->arch, &name);
  return status == JIMM_OK ? jimm_graph_build(&name, &options, graph) : status;
}

/* Weights of 3 channels, which are adapted when they are bound, as released ones. */
static jimm_status make_weights(const jimm_golden *golden, const jimm_golden_case *test_case,
                                jimm_golden_weights *weights) {
  if (weights->state != NULL && jimm_golden_same_head(test_case, weights->test_case)) {
    return JIMM_OK;
  }
  jimm_graph *graph = NULL;
  jimm_state_close(&weights->state);
  jimm_status status = jimm_golden_build(golden, test_case, 3, &graph);
  if (status == JIMM_OK) {
    status = jimm_state_synthetic(graph, golden->weights_seed, &weights->state);
  }
  jimm_graph_close(&graph);
  return status;
}

static jimm_status make_model(const jimm_golden *golden, const jimm_golden_case *test_case,
                              jimm_golden_weights *weights) {
  if (weights->model != NULL && jimm_golden_same_model(test_case, weights->test_case)) {
    return JIMM_OK;
  }
  jimm_graph *graph = NULL;
  jimm_model_close(&weights->model);
  jimm_status status = make_weights(golden, test_case, weights);
  weights->test_case = test_case;
  if (status == JIMM_OK) {
    status = jimm_golden_build(golden, test_case, 0, &graph);
  }
  if (status == JIMM_OK) {
    status = jimm_model_create(graph, weights->state, NULL, &weights->model);
  }
  jimm_graph_close(&graph);
  return status;
}

void jimm_golden_weights_close(jimm_golden_weights *weights) {
  jimm_model_close(&weights->model);
  jimm_state_close(&weights->state);
}

jimm_status jimm_golden_open_case(const jimm_golden *golden, const jimm_golden_case *test_case,
                                  jimm_golden_weights *weights, jimm_model **model,
                                  jimm_tensor *input) {
  *model = NULL;
  memset(input, 0, sizeof *input);
  jimm_status status = make_model(golden, test_case, weights);
  if (status == JIMM_OK) {
    status = jimm_tensor_create(JIMM_F32, &test_case->input, input);
  }
  if (status == JIMM_OK) {
    status = jimm_synthetic_input(test_case->seed, "input", input);
  }
  if (status == JIMM_OK) {
    *model = jimm_model_retain(weights->model);
  } else {
    jimm_tensor_close(input);
  }
  return status;
}

static jimm_status measure_case(jimm_parity_book *book, const jimm_golden_case *test_case,
                                jimm_model *model, const jimm_tensor *input, int32_t threads) {
  const char *names[JIMM_PARITY_OUTPUTS] = {NULL};
  jimm_tensor outputs[JIMM_PARITY_OUTPUTS];
  const int32_t count = test_case->output_count;
  if (count > JIMM_PARITY_OUTPUTS) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: %d outputs, expected at most %d", test_case->name,
                     (int)count, JIMM_PARITY_OUTPUTS);
  }
  for (int32_t i = 0; i < count; i++) {
    names[i] = test_case->outputs[i].name;
  }
  jimm_status status = jimm_parity_run(model, input, threads, count, names, outputs);
  for (int32_t i = 0; status == JIMM_OK && i < count; i++) {
    const jimm_golden_output *want = &test_case->outputs[i];
    jimm_parity_output output = {
        .run = test_case->name, .name = want->name, .timm_error = want->timm_error};
    status = jimm_golden_measure(test_case, want, &outputs[i], &output.error);
    output.difference = output.error * want->max_abs;
    output.measured = output.error;
    output.bar = jimm_house_bar(JIMM_PRECISION_HIGHEST, want->timm_error);
    if (status == JIMM_OK) {
      status = jimm_parity_book_add(book, &output, false);
    }
  }
  for (int32_t i = 0; i < count; i++) {
    jimm_tensor_close(&outputs[i]);
  }
  return status;
}

static int64_t size_of(const jimm_golden_case *test_case) {
  return jimm_shape_count(&test_case->input);
}

/* The case that is traced: the smallest. */
static const jimm_golden_case *smallest_case(const jimm_golden *golden) {
  const jimm_golden_case *smallest = &golden->cases[0];
  for (int32_t i = 1; i < golden->case_count; i++) {
    smallest = size_of(&golden->cases[i]) < size_of(smallest) ? &golden->cases[i] : smallest;
  }
  return smallest;
}

static jimm_status check_case(jimm_parity_book *book, const jimm_golden *golden,
                              const jimm_golden_case *test_case, jimm_golden_weights *weights,
                              const jimm_parity_options *options, jimm_text *differences) {
  jimm_model *model = NULL;
  jimm_tensor input;
  jimm_status status = jimm_golden_open_case(golden, test_case, weights, &model, &input);
  if (status == JIMM_OK) {
    const jimm_graph *graph = jimm_model_graph(model);
    jimm_golden_compare_features(test_case, graph, differences);
    if (test_case == &golden->cases[0]) {
      jimm_golden_compare_parameters(golden, graph, differences);
    }
    if (test_case == &golden->cases[0] || test_case->nodes != NULL) {
      status = jimm_golden_compare_nodes(golden, test_case, graph, differences);
    }
  }
  if (status == JIMM_OK) {
    status = measure_case(book, test_case, model, &input, options->threads);
  }
  if (status == JIMM_OK && options->trace && test_case == smallest_case(golden)) {
    status = jimm_parity_trace(book, model, &input, options->threads, NULL);
  }
  jimm_model_close(&model);
  jimm_tensor_close(&input);
  return status;
}

static jimm_status check_sensitivity(jimm_parity_book *book, const jimm_golden *golden,
                                     const jimm_parity_options *options) {
  jimm_graph *graph = NULL;
  jimm_status status = jimm_golden_build(golden, &golden->cases[0], 3, &graph);
  if (status == JIMM_OK) {
    status = jimm_parity_sensitivity(book, graph, options->threads);
  }
  jimm_graph_close(&graph);
  return status;
}

jimm_status jimm_parity_check_golden(const char *path, const jimm_parity_options *options_,
                                     jimm_parity_report **report) {
  jimm_parity_options options;
  jimm_golden golden;
  jimm_parity_book *book = NULL;
  jimm_text differences = {0};
  *report = NULL;
  jimm_status status = jimm_parity_options_read(options_, &options);
  if (status == JIMM_OK) {
    status = jimm_golden_read(path, &golden);
  }
  if (status != JIMM_OK) {
    return status;
  }
  status = jimm_parity_book_create(golden.arch, &book);
  jimm_golden_weights weights = {.state = NULL};
  for (int32_t i = 0; status == JIMM_OK && i < golden.case_count; i++) {
    status = check_case(book, &golden, &golden.cases[i], &weights, &options, &differences);
  }
  jimm_golden_weights_close(&weights);
  if (status == JIMM_OK && options.sensitivity) {
    status = check_sensitivity(book, &golden, &options);
  }
  if (status == JIMM_OK) {
    status = jimm_parity_book_finish(book, &differences);
  }
  jimm_golden_close(&golden);
  jimm_free(differences.data);
  if (status != JIMM_OK && book != NULL) {
    jimm_parity_report *made = &book->report;
    jimm_parity_report_close(&made);
    return jimm_fail_context(status, "%s", path);
  }
  *report = status == JIMM_OK ? &book->report : NULL;
  return status;
}
