#include <math.h>
#include <string.h>

#include "base/options.h"
#include "parity/check.h"

jimm_status jimm_parity_options_read(const jimm_parity_options *given,
                                     jimm_parity_options *options) {
  *options = (jimm_parity_options)JIMM_PARITY_OPTIONS_INIT;
  return jimm_copy_options("jimm_parity_options", given, options, sizeof *options);
}

static void close_book(jimm_parity_book *book) {
  jimm_free(book->outputs);
  jimm_arena_close(&book->arena);
  jimm_free(book);
}

jimm_status jimm_parity_book_create(const char *arch, jimm_parity_book **book) {
  jimm_parity_book *made = jimm_calloc(1, sizeof *made);
  if (made == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  made->report.arch = jimm_arena_strdup(&made->arena, arch);
  made->report.differences = "";
  made->report.jump = -1;
  if (made->report.arch == NULL) {
    close_book(made);
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  *book = made;
  return JIMM_OK;
}

jimm_status jimm_parity_book_add(jimm_parity_book *book, const jimm_parity_output *output,
                                 bool strict) {
  jimm_parity_report *report = &book->report;
  const size_t count = (size_t)report->output_count;
  const jimm_status status =
      jimm_reserve(&book->outputs, count, count + 1, sizeof *book->outputs, &book->capacity);
  if (status != JIMM_OK) {
    return status;
  }
  report->outputs = book->outputs;
  jimm_parity_output *kept = &book->outputs[report->output_count];
  *kept = *output;
  kept->run = jimm_arena_strdup(&book->arena, output->run);
  kept->name = jimm_arena_strdup(&book->arena, output->name);
  /* what is no number has not passed */
  kept->passed = strict ? output->measured < output->bar : output->measured <= output->bar;
  if (kept->run == NULL || kept->name == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  report->output_count++;
  return JIMM_OK;
}

jimm_status jimm_parity_book_finish(jimm_parity_book *book, jimm_text *differences) {
  jimm_parity_report *report = &book->report;
  char *text = jimm_text_take(differences);
  report->differences = text == NULL ? NULL : jimm_arena_strdup(&book->arena, text);
  jimm_free(text);
  if (report->differences == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  report->passed = report->output_count > 0 && report->differences[0] == 0 &&
                   (report->parameter_count == 0 || report->least_effect > report->effect_bar);
  for (int32_t i = 0; i < report->output_count; i++) {
    const jimm_parity_output *output = &report->outputs[i];
    const double share = output->measured / output->bar;
    report->passed = report->passed && output->passed;
    report->share = isnan(share) || share > report->share ? share : report->share;
  }
  return JIMM_OK;
}

void jimm_parity_report_close(jimm_parity_report **report) {
  if (report != NULL && *report != NULL) {
    close_book((jimm_parity_book *)*report);
    *report = NULL;
  }
}
