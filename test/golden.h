/* Reading test/golden/ARCH.json (docs/parity.md) and holding graphs and outputs to it. Everything
 * here checks with the test kit: a failed requirement ends the running test. */
#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H

#include <jimm-test/jimm-test.h>
#include <jimm/jimm.h>

#include "base/json.h"

#define REQUIRE_OK(call) TEST_REQUIRE_MSG((call) == JIMM_OK, "%s", jimm_error_message())

/* The folder of the goldens: $JIMM_GOLDEN_DIR or test/golden. */
const char *golden_folder(void);

/* Parses FOLDER/ARCH.json into `arena`; the caller closes the arena. */
const jimm_json *golden_read(const char *arch, jimm_arena *arena);

/* A member that must be there and of that type. */
const jimm_json *golden_get(const jimm_json *object, const char *key, jimm_json_type type);
int64_t golden_integer(const jimm_json *object, const char *key);
double golden_number(const jimm_json *object, const char *key);

/* Parameters: the same names, shapes and kinds in the same order. */
void golden_check_parameters(const jimm_json *golden, const jimm_graph *graph);
/* Nodes: every module of timm that computes is a node with the same attributes, every node that
 * computes is a module of timm, and every residual block adds once. A case with an output_stride of
 * its own says in "nodes" and "gone" what that changes; NULL stands for the model as it is. */
void golden_check_nodes(const jimm_json *golden, const jimm_json *test_case,
                        const jimm_graph *graph);
/* The taps of the pyramid: module, channels and reduction of each, in order. Nothing to check in a
 * case without "features". */
void golden_check_features(const jimm_json *test_case, const jimm_graph *graph);

/* How far an output is from the golden, relative to the golden's largest value. */
typedef struct golden_error {
  double error;      /* the worst of entries, projections and largest value */
  double timm_error; /* of timm's own float32 run, over all elements */
} golden_error;

/* Measures `got` (F32 or F64) against the output `name` of `test_case`. Shapes must be equal and
 * every value finite. */
golden_error golden_measure(const jimm_json *test_case, const char *name, const jimm_tensor *got);

#endif
