/* What the checks share: a report that grows, runs of the plan, trace and sensitivity. */
#ifndef JIMM_PARITY_CHECK_H
#define JIMM_PARITY_CHECK_H

#include <jimm/parity.h>
#include <jimm/plan.h>

#include "base/alloc.h"
#include "parity/golden.h"

/* More outputs than any graph has: the three, and taps. */
#define JIMM_PARITY_OUTPUTS 64

/* A report and what it owns. */
typedef struct jimm_parity_book {
  jimm_parity_report report; /* first: the caller's pointer */
  jimm_arena arena;
  jimm_parity_output *outputs;
  size_t capacity;
} jimm_parity_book;

jimm_status jimm_parity_book_create(const char *arch, jimm_parity_book **book);
/* Adds an output; fills in `passed`. `strict`: measured must be below the bar, not at it. */
jimm_status jimm_parity_book_add(jimm_parity_book *book, const jimm_parity_output *output,
                                 bool strict);
/* Decides `passed` and `share`; hands the report over. `differences` is taken. */
jimm_status jimm_parity_book_finish(jimm_parity_book *book, jimm_text *differences);
/* A copy of the options given, or the defaults for NULL. */
jimm_status jimm_parity_options_read(const jimm_parity_options *given,
                                     jimm_parity_options *options);

/* A plan of `model` for `input`, and tensors for its outputs; the caller closes them all, also
 * after a failure. */
jimm_status jimm_parity_plan(jimm_model *model, const jimm_tensor *input, int32_t threads,
                             int32_t count, const char *const *names, jimm_plan **plan,
                             jimm_tensor *outputs);
/* Runs a plan of `model` on `input`; the caller closes `outputs`, which are cleared on failure. */
jimm_status jimm_parity_run(jimm_model *model, const jimm_tensor *input, int32_t threads,
                            int32_t count, const char *const *names, jimm_tensor *outputs);

/* What the cases of a golden share: weights, made anew only when the head is another than in the
 * case before, and the model, when the options are the same. Zero-initialise; close at the end. */
typedef struct jimm_golden_weights {
  jimm_state *state;
  jimm_model *model;
  const jimm_golden_case *test_case; /* that they were made for */
} jimm_golden_weights;
void jimm_golden_weights_close(jimm_golden_weights *weights);
/* Model, which the caller closes, and input of a case. */
jimm_status jimm_golden_open_case(const jimm_golden *golden, const jimm_golden_case *test_case,
                                  jimm_golden_weights *weights, jimm_model **model,
                                  jimm_tensor *input);
/* Graph of a case with its options; `in_chans` 0: its own. */
jimm_status jimm_golden_build(const jimm_golden *golden, const jimm_golden_case *test_case,
                              int64_t in_chans, jimm_graph **graph);

/* Fills in the trace of the report: the plan of `model` on `input` against `stages`, or where that
 * is NULL against the float64 reference. */
jimm_status jimm_parity_trace(jimm_parity_book *book, jimm_model *model, const jimm_tensor *input,
                              int32_t threads, const jimm_state *stages);
/* Fills in the sensitivity of the report: logits of `graph` with synthetic weights. */
jimm_status jimm_parity_sensitivity(jimm_parity_book *book, jimm_graph *graph, int32_t threads);

#endif
