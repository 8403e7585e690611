/* Messages on standard error. */
#include <stdarg.h>
#include <string.h>

#include "cli.h"

static const char *command_name;

void cli_set_command(const char *name) {
  command_name = name;
}

static void begin(void) {
  if (command_name == NULL) {
    fputs("jimm: ", stderr);
  } else {
    fprintf(stderr, "jimm %s: ", command_name);
  }
}

int cli_fail(const char *format, ...) {
  va_list args;
  begin();
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  return CLI_FAILED;
}

int cli_fail_library(const char *what) {
  const char *message = jimm_error_message();
  if (what == NULL || strstr(message, what) != NULL) {
    return cli_fail("%s", message);
  }
  return cli_fail("%s: %s", what, message);
}

int cli_fail_memory(void) {
  return cli_fail("out of memory");
}

int cli_usage(const char *format, ...) {
  va_list args;
  begin();
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  if (command_name == NULL) {
    fputs("\nTry 'jimm --help'.\n", stderr);
  } else {
    fprintf(stderr, "\nTry 'jimm %s --help'.\n", command_name);
  }
  return CLI_USAGE;
}

void cli_note(const char *format, ...) {
  va_list args;
  begin();
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
}
