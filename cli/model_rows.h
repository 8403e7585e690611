/* Rows of a command's options, one for each option of a model. CLI_MODEL_VALUES is the type of the
 * command's values. */
#define WORDS(...)        \
  (const char *const[]) { \
    __VA_ARGS__, NULL     \
  }
#define MODEL_INTEGER(field, NAME, unset, standard, least, most, stated, option, value, text) \
  {.name = option,                                                                            \
   .type = CLI_INTEGER,                                                                       \
   .argument = value,                                                                         \
   .minimum = least,                                                                          \
   .maximum = most,                                                                           \
   .offset = offsetof(CLI_MODEL_VALUES, model.field),                                         \
   .help = text},
#define MODEL_WORD(field, NAME, stated, words, option, value, text) \
  {.name = option,                                                  \
   .type = CLI_WORD,                                                \
   .argument = value,                                               \
   .choices = words,                                                \
   .offset = offsetof(CLI_MODEL_VALUES, model.field),               \
   .help = text},
#define MODEL_NUMBER(...)
#include <jimm/model_options.def>
#undef WORDS
#undef CLI_MODEL_VALUES
