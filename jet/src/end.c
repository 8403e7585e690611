// The state of the run, what is said beside findings, and ends that come early.
#include "jet.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

jet_run_state jet;

void jet_print_line(json_t *object) {
  char *text = json_dumps(object, JSON_COMPACT);
  if (text) {
    printf("%s\n", text);
  }
  free(text);
  json_decref(object);
}

static void say(const char *kind, const char *text) {
  if (jet.options.json) {
    jet_print_line(json_pack("{s:s, s:s}", "kind", kind, "text", text));
  } else {
    fflush(stdout);
    fprintf(stderr, "jimm-jet: %s: %s\n", kind, text);
  }
}

static void end(int status) JET_NORETURN;

static void end(int status) {
  if (jet.at_end) {
    jet.at_end();
  }
  fflush(stdout);
  exit(status);
}

void jet_note(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say("note", jet_format_list(format, args));
  va_end(args);
}

void jet_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say("error", jet_format_list(format, args));
  va_end(args);
  end(JET_ERROR);
}

void jet_skip(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say("skipped", jet_format_list(format, args));
  va_end(args);
  end(JET_SKIPPED);
}
