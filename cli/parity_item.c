/* What is said of one item in every form: lines, JSON, page. */
#include <math.h>
#include <string.h>

#include "parity.h"

const char *const parity_outcome_names[] = {"passed", "failed", "skipped"};
const char *const parity_cause_names[] = {"none", "graph", "plan"};

double parity_worst(const jimm_parity_report *report, parity_kind kind) {
  static const char *const prefixes[][2] = {
      {"features", "features"}, {"logits", "pre_logits"}, {"feat_", "feat_"}};
  double worst = -1;
  for (int32_t i = 0; i < report->output_count; i++) {
    const jimm_parity_output *output = &report->outputs[i];
    for (int k = 0; k < 2; k++) {
      if (strncmp(output->name, prefixes[kind][k], strlen(prefixes[kind][k])) == 0) {
        worst = isnan(output->error) ? NAN : fmax(worst, output->error);
      }
    }
  }
  return worst;
}
