/* The table of commands: the rows of commands.def. */
#include <string.h>

#include "command.h"

#define COMMAND(name, summary, row) extern const cli_command row;
#include "commands.def"
#undef COMMAND

const cli_entry cli_commands[] = {
#define COMMAND(name, summary, row) {#name, summary, &row},
#include "commands.def"
#undef COMMAND
    {NULL, NULL, NULL}};

const cli_entry *cli_find_command(const char *name) {
  for (const cli_entry *entry = cli_commands; entry->name != NULL; entry++) {
    if (strcmp(entry->name, name) == 0) {
      return entry;
    }
  }
  return NULL;
}
