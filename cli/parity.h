/* What `jimm parity` found, for those who show it. */
#ifndef JIMM_CLI_PARITY_H
#define JIMM_CLI_PARITY_H

#include <jimm/parity.h>

#include "cli.h"

typedef enum parity_outcome {
  PARITY_PASSED = 0,
  PARITY_FAILED = 1,
  PARITY_SKIPPED = 2
} parity_outcome;

/* One golden or fixture. */
typedef struct parity_item {
  char *name; /* "resnet50", "resnet50_in1c (pyramid)" */
  char *path; /* NULL: there is none */
  const jimm_family *family;
  parity_outcome outcome;
  char *reason;               /* why it was skipped, or could not be checked; NULL */
  jimm_parity_report *report; /* NULL when it was not checked */
  double seconds;
  int64_t peak_bytes; /* the most memory that was resident meanwhile; -1: not known */
} parity_item;

typedef struct parity_sweep {
  parity_item *items;
  size_t count, capacity, done;
  size_t outcomes[3]; /* by parity_outcome */
  double seconds;
  const char *what; /* "goldens in test/golden" */
} parity_sweep;

/* The folder of the goldens: $JIMM_GOLDEN_DIR, that of the source tree, the installed one. */
const char *parity_golden_folder(void);
/* Adds what is to be checked: the fixtures in the folder `fixtures`, or without one the goldens,
 * that one of the patterns matches (all without any). What is not there becomes an item that is
 * skipped; a pattern that matches nothing is an error. Returns CLI_OK or, after a message,
 * CLI_FAILED. */
int parity_find(parity_sweep *sweep, const char *fixtures, int count, char **globs);

/* ---- parity_item.c ---- */

extern const char *const parity_outcome_names[]; /* by parity_outcome */
extern const char *const parity_cause_names[];   /* by jimm_parity_cause */

/* The worst error among the outputs of a kind, negative when there is none: PARITY_PYRAMID stands
 * for all taps, PARITY_LOGITS for pre_logits, too. */
typedef enum parity_kind { PARITY_FEATURES = 0, PARITY_LOGITS = 1, PARITY_PYRAMID = 2 } parity_kind;
double parity_worst(const jimm_parity_report *report, parity_kind kind);

/* ---- the forms ---- */

/* A line, and more of what failed; with `traced` what a trace says even when nothing is wrong.
 * Names are `width` wide. */
void parity_print_item(const parity_item *item, int width, bool traced);
json_t *parity_json(const parity_item *item);
/* Writes the page, whole or not at all. Returns CLI_OK or, after a message, CLI_FAILED. */
int parity_write_page(const parity_sweep *sweep, const char *path);

#endif
