/* --check-finite: NaN and infinity are errors that say where they come from. */
#include "cli.h"

int cli_check_weights(const jimm_model *model, const char *path) {
  return jimm_model_check_finite(model) == JIMM_OK ? CLI_OK : cli_fail_library(path);
}

int cli_check_tensor(const jimm_tensor *tensor, const char *path) {
  return jimm_tensor_check_finite(tensor) == JIMM_OK ? CLI_OK : cli_fail_library(path);
}

int cli_check_outputs(const jimm_model *model, jimm_dtype dtype, const jimm_tensor *input,
                      int32_t count, const jimm_tensor *outputs, const char *path) {
  for (int32_t i = 0; i < count; i++) {
    if (jimm_tensor_check_finite(&outputs[i]) == JIMM_OK) {
      continue;
    }
    cli_note("note: %s: an output is not finite; looking for the first value that is not", path);
    const jimm_status status = jimm_reference_check_finite(model, dtype, input);
    if (status == JIMM_OK) { /* fused steps round, and so overflow, at other places */
      return cli_fail("%s: an output is not finite, though every value of the reference is", path);
    }
    return cli_fail_library(path);
  }
  return CLI_OK;
}
