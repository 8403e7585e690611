#include "model_options.h"

#include "command.h"

void cli_apply_model_options(const cli_model_options *given, jimm_model_options *options) {
#define MODEL_INTEGER(name, ...)  \
  if (given->name != CLI_UNSET) { \
    options->name = given->name;  \
  }
#define MODEL_WORD(name, ...)    \
  if (given->name != NULL) {     \
    options->name = given->name; \
  }
#define MODEL_NUMBER(...)
#include <jimm/model_options.def>
}
