// jimm-jet: what keeps everything that a function reaches from being fast and predictable, and what
// is wrong in it. docs/jet.md has the rules.
#include "jet.h"

#include <llvm-c/Core.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char help_text[] =
    "usage: jimm-jet --entry FUNCTION [OPTION]...\n"
    "\n"
    "Looks at everything that a function of a C program reaches. Opt findings keep it from being\n"
    "fast and predictable; call findings are errors found by clang's analyser.\n"
    "\n"
    "  --entry F         the function, or FILE:FUNCTION; may be repeated\n"
    "  --compdb FILE     the compile database [compile_commands.json here or above]\n"
    "  --target DIR      only findings in functions below DIR; may be repeated\n"
    "  --link DIR        what lies below DIR is of the program, too; may be repeated\n"
    "  --source DIR      only what lies below DIR is of the program; may be repeated\n"
    "  --call-only       only call findings\n"
    "  --opt-only        only opt findings\n"
    "  --ignore RULE[:F] not this rule (in function F, FILE:F, F*); may be repeated\n"
    "  --effects FILE    what external functions do, beside the built-in table; may be repeated\n"
    "  --direct-only     do not follow calls through pointers\n"
    "  --cache DIR       keep the results of compiling and analysing for the next run\n"
    "  --jobs N          commands at a time [the number of processors]\n"
    "  --call-arg ARG    one more argument for the analyser; may be repeated\n"
    "  --opt-arg ARG     one more argument for the compiler; may be repeated\n"
    "  --list            also the functions that are reached, and what --ignore did in vain\n"
    "  --json            one JSON object a line\n"
    "  --help            this text\n"
    "\n"
    "Exit status: 0 no findings, 1 findings, 2 an error, 77 clang-14 is missing.\n";

typedef struct text_option {
  const char *name;
  jet_list *list;       // one of
  const char **single;  // both
} text_option;

static bool take_flag(const char *argument) {
  const struct {
    const char *name;
    bool *flag;
  } flags[] = {{"--json", &jet.options.json},    {"--call-only", &jet.options.call},
               {"--opt-only", &jet.options.opt}, {"--direct-only", &jet.options.direct_only},
               {"--list", &jet.options.list},    {"--help", &jet.options.help}};
  for (size_t i = 0; i < sizeof flags / sizeof *flags; ++i) {
    if (strcmp(argument, flags[i].name) == 0) {
      *flags[i].flag = true;
      return true;
    }
  }
  return false;
}

static void take_value(int argc, char **argv, int *at, const char **jobs) {
  const text_option options[] = {{"--entry", &jet.options.entries, NULL},
                                 {"--compdb", NULL, &jet.options.database},
                                 {"--target", &jet.options.targets, NULL},
                                 {"--link", &jet.options.links, NULL},
                                 {"--source", &jet.options.sources, NULL},
                                 {"--ignore", &jet.options.ignored, NULL},
                                 {"--effects", &jet.options.effects, NULL},
                                 {"--cache", NULL, &jet.options.cache},
                                 {"--jobs", NULL, jobs},
                                 {"--call-arg", &jet.options.call_args, NULL},
                                 {"--opt-arg", &jet.options.opt_args, NULL}};
  const char *argument = argv[*at];
  for (size_t i = 0; i < sizeof options / sizeof *options; ++i) {
    size_t size = strlen(options[i].name);
    if (strncmp(argument, options[i].name, size) != 0 ||
        (argument[size] != '=' && argument[size] != '\0')) {
      continue;
    }
    if (argument[size] == '\0' && *at + 1 >= argc) {
      jet_fail("%s wants a value", argument);
    }
    const char *value = argument[size] ? argument + size + 1 : argv[++*at];
    if (options[i].list) {
      jet_add(options[i].list, value);
    } else {
      *options[i].single = value;
    }
    return;
  }
  jet_fail("\"%s\" is no argument; see --help", argument);
}

static void parse(int argc, char **argv) {
  const char *jobs = NULL;
  for (int i = 1; i < argc; ++i) {  // first of all, so that errors take the right form
    jet.options.json |= strcmp(argv[i], "--json") == 0;
  }
  for (int i = 1; i < argc; ++i) {
    if (!take_flag(argv[i])) {
      take_value(argc, argv, &i, &jobs);
    }
  }
  if (jet.options.call && jet.options.opt) {
    jet_fail("--call-only and --opt-only exclude each other");
  }
  if (!jet.options.call && !jet.options.opt) {
    jet.options.call = jet.options.opt = true;
  }
  char *end = NULL;
  long count = jobs ? strtol(jobs, &end, 10) : sysconf(_SC_NPROCESSORS_ONLN);
  if (jobs && (*end || end == jobs || count < 1 || count > 1024)) {
    jet_fail("--jobs wants a number from 1 to 1024, not \"%s\"", jobs);
  }
  jet.options.jobs = count > 0 ? (unsigned)count : 1;
}

static bool is_file(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static const char *find_database(void) {
  static const char name[] = "compile_commands.json";
  const char *given = jet.options.database;
  if (given) {
    const char *inside = jet_format("%s/%s", given, name);
    return jet_path(NULL, is_file(inside) ? inside : given);
  }
  for (char *folder = jet_path(NULL, "."); *folder; *strrchr(folder, '/') = '\0') {
    const char *path = jet_format("%s/%s", folder, name);
    if (is_file(path)) {
      return path;
    }
  }
  jet_fail("no %s in this folder or above; --compdb says where it is", name);
}

static void check_folders(const char *option, jet_list *folders) {
  jet_list paths = {0};
  for (size_t i = 0; i < folders->count; ++i) {
    const char *path = jet_path(NULL, folders->items[i]);
    if (access(path, F_OK) != 0) {
      jet_fail("%s: there is no %s", option, path);
    }
    jet_add(&paths, path);
  }
  *folders = paths;
}

static void check_options(void) {
  if (!jet.options.entries.count) {
    jet_fail("no --entry; see --help");
  }
  for (size_t i = 0; i < jet.options.ignored.count; ++i) {
    const char *item = jet.options.ignored.items[i];
    if (!jet_is_rule(jet_format("%.*s", (int)strcspn(item, ":"), item))) {
      jet_fail("--ignore: \"%s\" is no rule", item);
    }
  }
  check_folders("--target", &jet.options.targets);
  check_folders("--link", &jet.options.links);
  check_folders("--source", &jet.options.sources);
  jet_load_effects(NULL);
  for (size_t i = 0; i < jet.options.effects.count; ++i) {
    jet_load_effects(jet.options.effects.items[i]);
  }
}

static void note_left_out(void) {
  if (jet.units.left_out) {
    jet_note("%zu entries of %s are left out: they are not C", jet.units.left_out,
             jet_shown(jet.units.database));
  }
}

int main(int argc, char **argv) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  jet.start = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
  parse(argc, argv);
  if (jet.options.help) {
    fputs(help_text, stdout);
    jet_free_all();
    return JET_CLEAN;
  }
  check_options();
  jet_read_database(find_database(), &jet.units);
  note_left_out();
  jet_open_processes();
  jet_check_clang();
  jet_open_cache();
  jet_build_units();
  jet_link();
  jet_walk();
  if (jet.options.opt) {
    jet_find_recursion();
    jet_find_loops();
  } else {
    jet.finding_count = 0;
  }
  if (jet.options.call) {
    jet_analyse();
  }
  int status = jet_report();
  LLVMDisposeModule(jet.module);
  LLVMContextDispose(jet.context);
  jet_close_processes();
  jet_free_all();
  return fflush(stdout) == 0 ? status : JET_ERROR;
}
