/* The initialiser of a cli_model_options in which nothing is given. */
{
#define MODEL_INTEGER(field, ...) .field = CLI_UNSET,
#define MODEL_WORD(field, ...) .field = NULL,
#define MODEL_NUMBER(...)
#include <jimm/model_options.def>
}
