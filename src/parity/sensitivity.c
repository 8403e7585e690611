/* Does every parameter matter? Each tensor of the synthetic weights is drawn anew from another
 * seed, and the logits must move by more than ten times the house bar: else an error in that
 * tensor's path could hide. */
#include <string.h>

#include "parity/check.h"

#define SEED 1
#define OTHER_SEED 2
#define TEN_BARS (10 * jimm_house_bar(JIMM_PRECISION_HIGHEST, 0.0))

static const char *const logits_name[] = {"logits"};

static jimm_status run_logits(jimm_graph *graph, jimm_state *state, const jimm_tensor *input,
                              int32_t threads, jimm_tensor *logits) {
  jimm_model *model = NULL;
  jimm_status status = jimm_model_create(graph, state, NULL, &model);
  if (status == JIMM_OK) {
    status = jimm_parity_run(model, input, threads, 1, logits_name, logits);
  }
  jimm_model_close(&model);
  return status;
}

/* Draws tensor `index` anew in its place, measures, and puts the old values back. */
static jimm_status redraw(jimm_graph *graph, jimm_state *state, int64_t index,
                          const jimm_tensor *input, int32_t threads, const jimm_tensor *want,
                          double *effect) {
  const char *name = jimm_state_name(state, index);
  jimm_tensor tensor = *jimm_state_tensor(state, index), got = {.dtype = JIMM_DTYPE_NONE};
  jimm_compare compare = {0};
  jimm_status status = jimm_synthetic_parameter(OTHER_SEED, name, &tensor);
  if (status == JIMM_OK) {
    status = run_logits(graph, state, input, threads, &got);
  }
  if (status == JIMM_OK) {
    status = jimm_tensor_compare(&got, want, &compare);
  }
  jimm_tensor_close(&got);
  *effect = compare.relative;
  return status == JIMM_OK ? jimm_synthetic_parameter(SEED, name, &tensor) : status;
}

static jimm_status redraw_all(jimm_parity_report *report, jimm_graph *graph, jimm_state *state,
                              const jimm_tensor *input, int32_t threads) {
  jimm_tensor want = {.dtype = JIMM_DTYPE_NONE};
  jimm_status status = run_logits(graph, state, input, threads, &want);
  int64_t least = -1;
  for (int64_t i = 0; status == JIMM_OK && i < jimm_state_count(state); i++) {
    double effect = 0;
    status = redraw(graph, state, i, input, threads, &want, &effect);
    if (status == JIMM_OK && (least < 0 || effect < report->least_effect)) {
      report->least_effect = effect;
      least = i;
    }
  }
  jimm_tensor_close(&want);
  report->parameter_count = (int32_t)jimm_state_count(state);
  report->least_parameter = least < 0 ? "" : jimm_state_name(state, least);
  return status;
}

jimm_status jimm_parity_sensitivity(jimm_parity_book *book, jimm_graph *graph, int32_t threads) {
  const jimm_shape shape = {4, {1, 3, 64, 64}};
  jimm_parity_report *report = &book->report;
  jimm_state *state = NULL;
  jimm_tensor input = {.dtype = JIMM_DTYPE_NONE};
  report->effect_bar = TEN_BARS;
  jimm_status status = jimm_tensor_create(JIMM_F32, &shape, &input);
  if (status == JIMM_OK) {
    status = jimm_synthetic_input(SEED, "input", &input);
  }
  if (status == JIMM_OK) {
    status = jimm_state_synthetic(graph, SEED, &state);
  }
  if (status == JIMM_OK) {
    status = redraw_all(report, graph, state, &input, threads);
  }
  if (status == JIMM_OK) {
    report->least_parameter = jimm_arena_strdup(&book->arena, report->least_parameter);
    status = report->least_parameter == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  }
  jimm_tensor_close(&input);
  jimm_state_close(&state);
  return status;
}
