/* jimm families: the names of the families; the command that scripts/adding.sh adds. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

typedef struct families_values {
  bool count;
} families_values;

static int run(const void *values_, int count, char **arguments) {
  const families_values *values = values_;
  (void)count;
  (void)arguments;
  for (int32_t i = 0; i < jimm_family_count() && !values->count; i++) {
    puts(jimm_family_at(i)->name);
  }
  if (values->count) {
    printf("%d\n", (int)jimm_family_count());
  }
  return CLI_OK;
}

static const families_values defaults = {false};

static const cli_option options[] = {
    {.name = "count",
     .type = CLI_FLAG,
     .offset = offsetof(families_values, count),
     .help = "print how many there are instead"},
};

const cli_command cli_families = {
    .arguments = "",
    .details = "Lists the families of models, one a line.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .values_size = sizeof(families_values),
    .defaults = &defaults,
    .run = run,
};
