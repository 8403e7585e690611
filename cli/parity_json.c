/* What `jimm parity` found, as JSON. */
#include <string.h>

#include "parity.h"

static json_t *lines_json(const char *text) {
  json_t *array = json_array();
  for (const char *at = text; *at != 0;) {
    const size_t length = strcspn(at, "\n");
    cli_json_append(&array, json_stringn(at, length));
    at += length + (at[length] == '\n' ? 1 : 0);
  }
  return array;
}

static json_t *outputs_json(const jimm_parity_report *report) {
  json_t *array = json_array();
  for (int32_t i = 0; i < report->output_count; i++) {
    const jimm_parity_output *output = &report->outputs[i];
    json_t *object = json_object();
    cli_json_set(&object, "run", cli_json_text(output->run));
    cli_json_set(&object, "name", cli_json_text(output->name));
    cli_json_set(&object, "difference", cli_json_real(output->difference));
    cli_json_set(&object, "error", cli_json_real(output->error));
    cli_json_set(&object, "timm_error",
                 output->timm_error < 0 ? json_null() : cli_json_real(output->timm_error));
    cli_json_set(&object, "measured", cli_json_real(output->measured));
    cli_json_set(&object, "bar", cli_json_real(output->bar));
    cli_json_set(&object, "passed", json_boolean(output->passed));
    cli_json_append(&array, object);
  }
  return array;
}

static json_t *trace_json(const jimm_parity_report *report) {
  if (report->traced == NULL) {
    return json_null();
  }
  json_t *object = json_object();
  json_t *steps = json_array();
  for (int32_t i = 0; i < report->step_count; i++) {
    const jimm_parity_step *step = &report->steps[i];
    json_t *row = json_object();
    cli_json_set(&row, "node", cli_json_text(step->node));
    cli_json_set(&row, "operator", cli_json_text(step->operation));
    cli_json_set(&row, "error", cli_json_real(step->error));
    cli_json_set(&row, "before", cli_json_real(step->before));
    cli_json_append(&steps, row);
  }
  cli_json_set(&object, "against", cli_json_text(report->traced));
  cli_json_set(&object, "jump",
               report->jump < 0 ? json_null() : cli_json_text(report->steps[report->jump].node));
  cli_json_set(&object, "cause", cli_json_text(parity_cause_names[report->cause]));
  cli_json_set(&object, "steps", steps);
  return object;
}

static json_t *sensitivity_json(const jimm_parity_report *report) {
  if (report->parameter_count == 0) {
    return json_null();
  }
  json_t *object = json_object();
  cli_json_set(&object, "parameters", json_integer(report->parameter_count));
  cli_json_set(&object, "least_effect", cli_json_real(report->least_effect));
  cli_json_set(&object, "least_parameter", cli_json_text(report->least_parameter));
  cli_json_set(&object, "bar", cli_json_real(report->effect_bar));
  return object;
}

json_t *parity_json(const parity_item *item) {
  json_t *object = json_object();
  const jimm_parity_report *report = item->report;
  cli_json_set(&object, "name", cli_json_text(item->name));
  cli_json_set(&object, "family",
               item->family == NULL ? json_null() : cli_json_text(item->family->name));
  cli_json_set(&object, "file", cli_json_text(item->path));
  cli_json_set(&object, "outcome", cli_json_text(parity_outcome_names[item->outcome]));
  cli_json_set(&object, "reason", cli_json_text(item->reason));
  cli_json_set(&object, "seconds", cli_json_real(item->seconds));
  cli_json_set(
      &object, "peak_bytes",
      report == NULL || item->peak_bytes < 0 ? json_null() : json_integer(item->peak_bytes));
  if (report != NULL) {
    cli_json_set(&object, "share_of_bar", cli_json_real(report->share));
    cli_json_set(&object, "outputs", outputs_json(report));
    cli_json_set(&object, "differences", lines_json(report->differences));
    cli_json_set(&object, "trace", trace_json(report));
    cli_json_set(&object, "sensitivity", sensitivity_json(report));
  }
  return object;
}
