/* Options of a model on the command line: one for each row of jimm/model_options.def but the rates,
 * which are for training. A command that takes them has a cli_model_options `model` among its
 * values, model_unset.h in its defaults and model_rows.h in its table of options. */
#ifndef JIMM_CLI_MODEL_OPTIONS_H
#define JIMM_CLI_MODEL_OPTIONS_H

#include <jimm/model_options.h>

typedef struct cli_model_options {
#define MODEL_INTEGER(name, ...) int64_t name;  /* CLI_UNSET: not given */
#define MODEL_WORD(name, ...) const char *name; /* NULL: not given */
#define MODEL_NUMBER(...)
#include <jimm/model_options.def>
} cli_model_options;

/* What was given takes the place of what `options` has. */
void cli_apply_model_options(const cli_model_options *given, jimm_model_options *options);

#endif
