/* --help, from the tables. */
#include <string.h>

#include "cli.h"

enum { WIDTH = 80, COLUMN = 30 };

const cli_status cli_statuses[] = {
    {CLI_OK, "everything that was asked for was done"},
    {CLI_FAILED, "an input, a model, weights or an output failed; the rest was done"},
    {CLI_USAGE, "the command line is wrong; nothing was done"},
};
const int32_t cli_status_count = CLI_COUNT(cli_statuses);

char *cli_option_text(const cli_option *option, char *buffer, size_t size) {
  char letter[8] = "";
  if (option->letter != 0) {
    snprintf(letter, sizeof letter, "-%c, ", option->letter);
  }
  snprintf(buffer, size, "%s--%s%s%s", letter, option->name, option->type == CLI_FLAG ? "" : " ",
           option->type == CLI_FLAG ? "" : option->argument);
  return buffer;
}

char *cli_option_verbs(const cli_command *command, const cli_option *option, char *buffer,
                       size_t size) {
  size_t length = 0;
  buffer[0] = 0;
  const bool some = option->verbs != 0 && command->verbs != NULL;
  for (int32_t i = 0; some && command->verbs[i].name != NULL; i++) {
    if (cli_option_has_verb(option, i) && length < size) {
      length += (size_t)snprintf(buffer + length, size - length, "%s%s", length == 0 ? "(" : ", ",
                                 command->verbs[i].name);
    }
  }
  if (length > 0 && length < size) {
    snprintf(buffer + length, size - length, ") ");
  }
  return buffer;
}

/* Prints `text` in lines of at most WIDTH columns, all but the first indented by `indent`; `column`
 * is where the first line stands. */
static void print_wrapped(FILE *file, size_t column, size_t indent, const char *text) {
  bool first = true;
  for (const char *word = text; *word != 0;) {
    size_t length = strcspn(word, " \n");
    if (!first && column + 1 + length > WIDTH) {
      fprintf(file, "\n%*s", (int)indent, "");
      column = indent;
      first = true;
    }
    if (!first) {
      fputc(' ', file);
      column++;
    }
    fwrite(word, 1, length, file);
    column += length;
    first = false;
    word += length;
    if (*word == '\n') {
      fprintf(file, "\n%*s", (int)indent, "");
      column = indent;
      first = true;
    }
    word += *word == 0 ? 0 : 1;
  }
  fputc('\n', file);
}

/* "  term      text" with the text in its own column. */
static void print_item(FILE *file, const char *term, const char *text) {
  size_t length = strlen(term);
  if (length + 4 > COLUMN) {
    fprintf(file, "  %s\n%*s", term, COLUMN, "");
  } else {
    fprintf(file, "  %-*s", COLUMN - 2, term);
  }
  print_wrapped(file, COLUMN, COLUMN, text);
}

static void print_statuses(FILE *file) {
  fputs("\nExit status:\n", file);
  for (int32_t i = 0; i < cli_status_count; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", cli_statuses[i].status);
    print_item(file, number, cli_statuses[i].meaning);
  }
}

void cli_print_help(FILE *file) {
  fputs(
      "Usage: jimm COMMAND [OPTION...] [ARGUMENT...]\n"
      "Image backbones of timm in plain C: list them, run them, classify images.\n"
      "\nCommands:\n",
      file);
  for (const cli_entry *entry = cli_commands; entry->name != NULL; entry++) {
    print_item(file, entry->name, entry->summary);
  }
  fputs("\nOptions:\n", file);
  print_item(file, "-h, --help", "print this text, or after a command its own");
  print_item(file, "--version", "print the version");
  print_statuses(file);
}

void cli_print_command_help(FILE *file, const cli_entry *entry) {
  const cli_command *command = entry->command;
  fprintf(file, "Usage: jimm %s [OPTION...] %s\njimm %s: ", entry->name, command->arguments,
          entry->name);
  print_wrapped(file, strlen("jimm : ") + strlen(entry->name), 0, entry->summary);
  fputc('\n', file);
  print_wrapped(file, 0, 0, command->details);
  if (command->verbs != NULL) {
    fputc('\n', file);
  }
  for (int32_t i = 0; command->verbs != NULL && command->verbs[i].name != NULL; i++) {
    char text[128];
    snprintf(text, sizeof text, "%s %s", command->verbs[i].name, command->verbs[i].arguments);
    print_item(file, text, command->verbs[i].help);
  }
  fputs("\nOptions:\n", file);
  for (int32_t i = 0; i < command->option_count; i++) {
    char text[128], help[1024];
    const cli_option *option = &command->options[i];
    cli_option_verbs(command, option, help, sizeof help);
    snprintf(help + strlen(help), sizeof help - strlen(help), "%s", option->help);
    print_item(file, cli_option_text(option, text, sizeof text), help);
  }
  print_item(file, "-h, --help", "print this text");
  print_statuses(file);
}
