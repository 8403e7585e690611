/* Messages on standard error. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "progress.h"

static const char *command_name;

void cli_set_command(const char *name) {
  command_name = name;
}

const char *cli_command_name(void) {
  return command_name;
}

/* Other threads' messages wait until `end`, and lines that show progress make room. */
static void begin(void) {
  cli_progress_clear();
  flockfile(stderr);
  if (command_name == NULL) {
    fputs("jimm: ", stderr);
  } else {
    fprintf(stderr, "jimm %s: ", command_name);
  }
}

static void end(const char *text) {
  fputs(text, stderr);
  funlockfile(stderr);
}

void cli_put_text(FILE *file, const char *text, bool lines) {
  for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
    if ((*c < 0x20 && !(lines && *c == '\n')) || *c == 0x7F) {
      fprintf(file, "\\x%02x", (unsigned)*c);
    } else if (*c == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0) { /* U+0080 to U+009F */
      fprintf(file, "\\x%02x\\x%02x", (unsigned)*c, (unsigned)c[1]);
      c++;
    } else if (*c == '\n' && c[1] != ' ' && c[1] != 0) {
      fputs("\n  ", file);
    } else {
      fputc(*c, file);
    }
  }
}

static void put_message(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  const int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *text = length < 0 ? NULL : malloc((size_t)length + 1);
  begin();
  if (text == NULL) { /* the plain words without what goes into them */
    cli_put_text(stderr, format, true);
    return;
  }
  vsnprintf(text, (size_t)length + 1, format, args);
  cli_put_text(stderr, text, true);
  free(text);
}

int cli_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  put_message(format, args);
  va_end(args);
  end("\n");
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
  va_start(args, format);
  put_message(format, args);
  va_end(args);
  fprintf(stderr, "\nTry 'jimm %s%s--help'.", command_name == NULL ? "" : command_name,
          command_name == NULL ? "" : " ");
  end("\n");
  return CLI_USAGE;
}

void cli_note(const char *format, ...) {
  va_list args;
  va_start(args, format);
  put_message(format, args);
  va_end(args);
  end("\n");
}
