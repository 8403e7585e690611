/* What `jimm parity` found, in lines on standard output. */
#include <math.h>
#include <string.h>

#include "parity.h"

static void print_error(const char *name, double error) {
  if (error >= 0 || isnan(error)) {
    printf("  %s %.1e", name, error);
  } else {
    printf("  %*s", (int)strlen(name) + 8, "");
  }
}

/* Lines of a text, indented, at most `most`. */
static void print_lines(const char *text, int most) {
  int count = 0;
  for (const char *at = text; *at != 0; count++) {
    const size_t length = strcspn(at, "\n");
    if (count < most) {
      printf("    %.*s\n", (int)length, at);
    }
    at += length + (at[length] == '\n' ? 1 : 0);
  }
  if (count > most) {
    printf("    and %d more\n", count - most);
  }
}

static void print_trace(const jimm_parity_report *report) {
  static const char *const causes[] = {
      "", "jimm's own float64 reference is wrong there, too: the graph is not timm's",
      "the float64 reference is right there: look at the kernel, packing and fusion"};
  double worst = 0;
  const char *worst_node = "";
  for (int32_t i = 0; i < report->step_count; i++) {
    if (report->steps[i].error > worst) {
      worst = report->steps[i].error;
      worst_node = report->steps[i].node;
    }
  }
  if (report->jump >= 0) {
    const jimm_parity_step *step = &report->steps[report->jump];
    printf("    the error jumps at %s (%s): %.1e, from %.1e in what it is made of\n", step->node,
           step->operation, step->error, step->before);
    printf("    %s\n", causes[report->cause]);
  } else {
    printf("    traced %d steps against %s: no jump, at most %.1e (%s)\n", (int)report->step_count,
           report->traced, worst, worst_node);
    if (!report->passed && strcmp(report->traced, "timm's stages") != 0) {
      printf(
          "    the plan agrees with jimm's reference, so the graph is not timm's: a fixture "
          "with stages (dump with --stages) says where\n");
    }
  }
}

static void print_failures(const jimm_parity_report *report) {
  enum { MOST = 8 };
  int shown = 0;
  for (int32_t i = 0; i < report->output_count; i++) {
    const jimm_parity_output *output = &report->outputs[i];
    if (output->passed || shown++ >= MOST) {
      continue;
    }
    printf("    %s%s%s: %.2e, the bar is %.1e", output->run, output->run[0] == 0 ? "" : ", ",
           output->name, output->measured, output->bar);
    if (output->timm_error >= 0) {
      printf(" (timm's own float32: %.1e)", output->timm_error);
    }
    putchar('\n');
  }
  if (shown > MOST) {
    printf("    and %d outputs more\n", shown - MOST);
  }
  print_lines(report->differences, MOST);
}

void parity_print_item(const parity_item *item, int width, bool traced) {
  static const char *const outcomes[] = {"ok  ", "FAIL", "skip"};
  const jimm_parity_report *report = item->report;
  printf("%-*s  %s", width, item->name, outcomes[item->outcome]);
  if (report == NULL) {
    printf("  ");
    cli_put_text(stdout, item->reason == NULL ? "" : item->reason, false);
    putchar('\n');
    return;
  }
  print_error("features", parity_worst(report, PARITY_FEATURES));
  print_error("logits", parity_worst(report, PARITY_LOGITS));
  print_error("pyramid", parity_worst(report, PARITY_PYRAMID));
  printf("  %3.0f %% of the bar  %6.2f s", 100 * report->share, item->seconds);
  if (item->peak_bytes >= 0) {
    printf("  %6.0f MiB", (double)item->peak_bytes / 1048576.0);
  }
  putchar('\n');
  if (!report->passed) {
    print_failures(report);
  }
  if (report->parameter_count > 0) {
    const bool enough = report->least_effect > report->effect_bar;
    printf("    %d parameters redrawn: the least effect is %.1e of the logits (%s), %s %.1e\n",
           (int)report->parameter_count, report->least_effect, report->least_parameter,
           enough ? "above" : "NOT above", report->effect_bar);
  }
  if (report->traced != NULL && (traced || report->jump >= 0)) {
    print_trace(report);
  } else if (!report->passed && report->traced == NULL) {
    printf("    --trace says where it begins\n");
  }
}
