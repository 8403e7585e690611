/* Commands and their options as rows of data. One table serves parsing, --help, the man page and
 * bash completion, so that nothing is listed twice. */
#ifndef JIMM_CLI_COMMAND_H
#define JIMM_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses; cli_statuses (help.c) says what they mean. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* What an option's value is, and with it the type of the field that receives it. */
typedef enum cli_option_type {
  CLI_FLAG = 0,    /* bool; takes no value */
  CLI_TEXT = 1,    /* const char *, borrowed from argv */
  CLI_INTEGER = 2, /* int64_t, from minimum to maximum */
  CLI_SEED = 3,    /* cli_seed */
  CLI_CHOICE = 4,  /* int32_t, an index into choices */
  CLI_WORD = 5     /* const char *, one of choices */
} cli_option_type;

typedef struct cli_seed {
  bool given;
  uint64_t value;
} cli_seed;

/* What completion offers for a value or an argument. */
typedef enum cli_words {
  CLI_WORDS_NONE = 0,
  CLI_WORDS_FILE = 1,
  CLI_WORDS_MODEL = 2,
  CLI_WORDS_FAMILY = 3,
  CLI_WORDS_CACHED = 4 /* repositories of the cache */
} cli_words;

typedef struct cli_option {
  const char *name; /* without the dashes */
  char letter;      /* the short form, 0 when there is none */
  cli_option_type type;
  const char *argument; /* what --help calls the value */
  const char *help;
  size_t offset; /* of the field in the command's values */
  int64_t minimum, maximum;
  const char *const *choices; /* NULL-terminated; "" is a choice like any other */
  cli_words words;
  uint32_t verbs; /* bit i: it goes with the command's verb i; 0: with each */
} cli_option;

/* What a command does, when its first argument says that: "jimm cache ls". */
typedef struct cli_verb {
  const char *name;
  const char *arguments; /* what follows it in the synopsis */
  const char *help;
  int32_t least; /* number of further arguments */
} cli_verb;

typedef struct cli_command {
  const char *arguments; /* the synopsis after "jimm NAME [OPTION...]", of the verb if it has any */
  const char *details;   /* paragraphs, separated by a newline */
  const cli_option *options;
  int32_t option_count;
  const cli_verb *verbs; /* ended by a row whose name is NULL; NULL: it has none */
  size_t verb_offset;    /* of the int32_t in the command's values that receives the verb's index */
  int32_t least, most;   /* number of positional arguments without the verb; most -1: any */
  cli_words words[2];    /* of the first argument and of all others, without the verb */
  size_t values_size;
  const void *defaults; /* values_size bytes */
  /* Does the work and returns an exit status. `values` are the defaults with the options applied.
   */
  int (*run)(const void *values, int count, char **arguments);
} cli_command;

/* A row of commands.def. */
typedef struct cli_entry {
  const char *name, *summary;
  const cli_command *command;
} cli_entry;

/* ---- commands.c ---- */

/* All commands, ended by a row whose name is NULL. */
extern const cli_entry cli_commands[];
/* NULL when there is no such command. */
const cli_entry *cli_find_command(const char *name);

#define CLI_COUNT(array) ((int32_t)(sizeof(array) / sizeof((array)[0])))
#define CLI_UNSET INT64_MIN

/* ---- options.c ---- */

/* What cli_parse found besides values. */
typedef struct cli_parsed {
  bool help; /* --help was given: nothing else was checked after it */
  int count; /* positional arguments, moved to the front of argv in their order */
} cli_parsed;

/* Parses argv[0 .. argc-1] (the words after the command's name) into `values`. Options may stand
 * before, between and after arguments; "--" ends them; "-" is an argument. Returns CLI_OK or, with
 * a message on stderr, CLI_USAGE. */
int cli_parse(const cli_command *command, int argc, char **argv, void *values, cli_parsed *parsed);
/* The option that `word` ("--name", "--name=value", "-l", "-lvalue") names; NULL when none. */
const cli_option *cli_find_option(const cli_command *command, const char *word);
/* The index of the verb that `word` is; -1: none. */
int32_t cli_find_verb(const cli_command *command, const char *word);
/* Whether the option goes with the verb. */
bool cli_option_has_verb(const cli_option *option, int32_t verb);
/* Strict decimal integers: an optional minus, digits, nothing else, no overflow, no locale. */
bool cli_read_integer(const char *text, int64_t *value);
bool cli_read_seed(const char *text, uint64_t *value);

/* ---- help.c, man.c, complete.c ---- */

/* One row of the table of exit statuses. */
typedef struct cli_status {
  int status;
  const char *meaning;
} cli_status;
extern const cli_status cli_statuses[];
extern const int32_t cli_status_count;

void cli_print_help(FILE *file);
void cli_print_command_help(FILE *file, const cli_entry *entry);
/* "--threads T" or "-w, --weights FILE" into `buffer`. */
char *cli_option_text(const cli_option *option, char *buffer, size_t size);
/* "" or, for an option of some verbs, "(verify, rm) " into `buffer`. */
char *cli_option_verbs(const cli_command *command, const cli_option *option, char *buffer,
                       size_t size);
/* The man page, in the man(7) language. */
void cli_print_man(FILE *file);
/* Candidates for the last of `words` (the words of the command line after the program's name), one
 * a line; the line ":files" asks for file names. */
void cli_complete(FILE *file, int count, char **words);

#endif
