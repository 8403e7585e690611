// The arguments of a test program, and the questions that they answer.
#include "internal.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *program = "test";

static const char help_text[] =
    "usage: %s [ARGUMENT]...\n"
    "Runs the tests of this program and reports as TAP 14 on standard output.\n"
    "\n"
    "  --list             print the names of the tests, in their own order, and run none\n"
    "  --filter TEXT      run only tests whose name contains TEXT; may be repeated: any of them\n"
    "  --exclude TEXT     of these, run none whose name contains TEXT; may be repeated\n"
    "  --isolate          run every test in a child process\n"
    "  --timeout SECONDS  limit for each test without a limit of its own; implies --isolate\n"
    "  --shuffle          run the tests in a random order; the report says how to repeat it\n"
    "  --seed N           the seed of that order and of tests that draw numbers; default 1\n"
    "  --junit FILE       also report as JUnit XML. FILE is removed now and written at the end:\n"
    "                     a program that crashes (see --isolate) leaves none\n"
    "  --color WHEN       auto (the default: on a terminal, unless NO_COLOR is set or TERM is\n"
    "                     dumb), always (no reader of TAP understands it) or never\n"
    "  --help             this text\n"
    "\n"
    "JT_TIMEOUT_SCALE in the environment multiplies every time limit.\n"
    "Exit status: 0 no failure and no error, 1 otherwise or when there was no test, 2 bad usage.\n";

void jti_print_help(void) {
  printf(help_text, program);
}

const char *jti_program(void) {
  return program;
}

static bool complain(const char *name, const char *wanted, const char *value) {
  fprintf(stderr, "%s: %s wants %s, not \"%s\"\n", program, name, wanted, value);
  return false;
}

static bool positive(const char *name, const char *text, double *value) {
  char *end;
  *value = strtod(text, &end);
  bool good = end != text && *end == '\0' && isfinite(*value) && *value > 0;
  return good || complain(name, "a positive number", text);
}

static bool whole(const char *name, const char *text, unsigned long long *value) {
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  bool good = isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0;
  return good || complain(name, "a whole number below 2^64", text);
}

static bool color(const char *name, const char *text, jti_when *when) {
  static const char *const names[] = {"auto", "never", "always"};
  for (int i = 0; i < 3; ++i) {
    if (strcmp(text, names[i]) == 0) {
      *when = (jti_when)i;
      return true;
    }
  }
  return complain(name, "auto, always or never", text);
}

// The value of an option that is written "--name value" or "--name=value"; NULL: another option.
static const char *option_value(const char *name, int argc, char **argv, int *i) {
  size_t size = strlen(name);
  if (strncmp(argv[*i], name, size) != 0) {
    return NULL;
  }
  if (argv[*i][size] == '=') {
    return argv[*i] + size + 1;
  }
  if (argv[*i][size] != '\0' || *i + 1 >= argc || !argv[*i + 1]) {
    return NULL;
  }
  return argv[++*i];
}

static bool parse_flag(const char *argument, jti_settings *s) {
  if (strcmp(argument, "--list") == 0) {
    s->list = true;
  } else if (strcmp(argument, "--isolate") == 0) {
    s->isolate = true;
  } else if (strcmp(argument, "--shuffle") == 0) {
    s->shuffle = true;
  } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
    s->help = true;
  } else {
    return false;
  }
  return true;
}

static bool parse_option(int argc, char **argv, int *i, jti_settings *s) {
  const char *value;
  if ((value = option_value("--filter", argc, argv, i))) {
    s->filters[s->filter_count++] = value;
  } else if ((value = option_value("--exclude", argc, argv, i))) {
    s->excludes[s->exclude_count++] = value;
  } else if ((value = option_value("--timeout", argc, argv, i))) {
    s->timeout_text = value;
    return positive("--timeout", value, &s->timeout);
  } else if ((value = option_value("--seed", argc, argv, i))) {
    s->seed_given = true;
    return whole("--seed", value, &s->seed);
  } else if ((value = option_value("--junit", argc, argv, i))) {
    s->junit = value;
  } else if ((value = option_value("--color", argc, argv, i))) {
    return color("--color", value, &s->color);
  } else {
    fprintf(stderr, "%s: unknown or incomplete argument \"%s\"; see --help\n", program, argv[*i]);
    return false;
  }
  return true;
}

bool jti_parse(int argc, char **argv, jti_settings *s) {
  size_t room = (size_t)(argc > 0 ? argc : 1);
  *s = (jti_settings){.seed = 1, .scale = 1};
  s->filters = jti_alloc(room * sizeof *s->filters);
  s->excludes = jti_alloc(room * sizeof *s->excludes);
  if (argc > 0 && argv[0]) {
    program = argv[0];
  }
  for (int i = 1; i < argc; ++i) {
    if (!parse_flag(argv[i], s) && !parse_option(argc, argv, &i, s)) {
      return false;
    }
  }
  if (s->shuffle && !s->seed_given) {
    s->seed = jti_random_seed();
  }
  const char *scale = getenv("JT_TIMEOUT_SCALE");
  return !scale || !*scale || positive("JT_TIMEOUT_SCALE", scale, &s->scale);
}

void jti_free_settings(jti_settings *s) {
  free(s->filters);
  free(s->excludes);
}

bool jti_selected(const jti_settings *s, const jti_test *test) {
  bool wanted = s->filter_count == 0;
  for (size_t i = 0; i < s->filter_count; ++i) {
    wanted = wanted || strstr(test->name, s->filters[i]);
  }
  for (size_t i = 0; i < s->exclude_count; ++i) {
    wanted = wanted && !strstr(test->name, s->excludes[i]);
  }
  return wanted;
}

char *jti_repeat_command(const jti_settings *s, const char *test) {
  bool seeded = s->shuffle || s->seed != 1;
  if (!seeded && !s->isolate && !s->timeout_text) {
    return NULL;
  }
  jti_text text = {0};
  jti_text_argument(&text, program);
  jti_text_printf(&text, " --filter ");
  jti_text_argument(&text, test);
  if (seeded) {
    jti_text_printf(&text, " --seed %llu", s->seed);
  }
  if (s->isolate) {
    jti_text_printf(&text, " --isolate");
  }
  if (s->timeout_text) {
    jti_text_printf(&text, " --timeout ");
    jti_text_argument(&text, s->timeout_text);
  }
  return text.data;
}
