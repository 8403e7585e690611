/* A golden: timm's recorded answers for one architecture with synthetic weights (docs/parity.md,
 * test/golden/ARCH.json). Reading one checks it in full, so that what is read can be used without
 * asking again. */
#ifndef JIMM_PARITY_GOLDEN_H
#define JIMM_PARITY_GOLDEN_H

#include <jimm/model.h>

#include "base/alloc.h"
#include "base/json.h"

#define JIMM_GOLDEN_ENTRIES 64
#define JIMM_GOLDEN_PROJECTIONS 4

/* One output of a case. */
typedef struct jimm_golden_output {
  const char *name; /* "features" */
  jimm_shape shape;
  double max_abs;    /* the largest |value| */
  double timm_error; /* of timm's float32 run, relative to max_abs */
  double entries[JIMM_GOLDEN_ENTRIES], projections[JIMM_GOLDEN_PROJECTIONS];
} jimm_golden_output;

typedef struct jimm_golden_case {
  const char *name; /* "batch" */
  uint64_t seed;    /* of the input */
  jimm_shape input; /* [batch, in_chans, height, width] */
  jimm_model_options options;
  jimm_golden_output *outputs;
  int32_t output_count;
  const jimm_json *features;     /* taps as [module, channels, reduction]; NULL: not recorded */
  const jimm_json *nodes, *gone; /* what the options change in the modules; NULL: nothing */
} jimm_golden_case;

typedef struct jimm_golden {
  jimm_arena arena;
  const char *arch;
  uint64_t weights_seed;
  const jimm_json *parameters, *blocks, *nodes;
  jimm_golden_case *cases;
  int32_t case_count;
} jimm_golden;

/* Whether two cases have the same classifier, and so weights; whether they have all options in
 * common, and so the model. */
bool jimm_golden_same_head(const jimm_golden_case *a, const jimm_golden_case *b);
bool jimm_golden_same_model(const jimm_golden_case *a, const jimm_golden_case *b);

/* Errors name the file and the member. Cases of the same model come one after the other. The caller
 * closes it. */
jimm_status jimm_golden_read(const char *path, jimm_golden *golden);
void jimm_golden_close(jimm_golden *golden);

/* ---- the graph beside timm's modules; each appends a line for every difference ---- */

/* Parameters: the same names, shapes and kinds in the same order. */
void jimm_golden_compare_parameters(const jimm_golden *golden, const jimm_graph *graph,
                                    jimm_text *differences);
/* Nodes: every module of timm that computes is a node with the same attributes, every node that
 * computes is a module of timm, and every residual block adds once. `test_case` may be NULL: the
 * model with default options. */
jimm_status jimm_golden_compare_nodes(const jimm_golden *golden, const jimm_golden_case *test_case,
                                      const jimm_graph *graph, jimm_text *differences);
/* Taps of the pyramid: module, channels and reduction of each, in order. */
void jimm_golden_compare_features(const jimm_golden_case *test_case, const jimm_graph *graph,
                                  jimm_text *differences);

/* ---- outputs ---- */

/* How far `got` (F32 or F64) is from the recorded numbers, relative to max_abs: the worst of
 * entries, projections and largest value. Another shape is JIMM_ERROR_SHAPE, a value that is not
 * finite JIMM_ERROR_NOT_FINITE. */
jimm_status jimm_golden_measure(const jimm_golden_case *test_case, const jimm_golden_output *want,
                                const jimm_tensor *got, double *error);

#endif
