#include "jet.h"

#include <ctype.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>

// Flags whose value may be the next argument.
static const char *const with_value[] = {"-I",       "-D",        "-U",         "-isystem",
                                         "-include", "-iquote",   "-idirafter", "-x",
                                         "-target",  "-isysroot", "-imacros",   NULL};
// Flags that say what the program is. The others say how it is built, or warn.
static const char *const kept[] = {"-std=",     "-f",        "-m",         "-ansi", "-pthread",
                                   "-nostdinc", "--target=", "--sysroot=", NULL};
// Of those, what would change what is looked at, write files, or clang does not know.
static const char *const dropped[] = {"-flto",
                                      "-fsanitize",
                                      "-fprofile",
                                      "-fcoverage",
                                      "-fplugin",
                                      "-fdiagnostics",
                                      "-fanalyzer",
                                      "-fsyntax-only",
                                      "-fdump-",
                                      "-fuse-ld",
                                      "-ftime-",
                                      "-fcallgraph-info",
                                      "-ftest-coverage",
                                      "-fsave-optimization-record",
                                      "-fopt-info",
                                      "-fmodules",
                                      NULL};

// Flags that go with their value.
static const char *const skipped[] = {
    "-o", "-MF", "-MQ", "-MT", "-Xclang", "-Xlinker", "-mllvm", "-Xassembler", "-Xpreprocessor",
    NULL};

static bool is_any(const char *text, const char *const *names) {
  while (*names && strcmp(text, *names) != 0) {
    ++names;
  }
  return *names;
}

static bool starts_with_any(const char *text, const char *const *starts) {
  for (; *starts; ++starts) {
    if (jet_starts(text, *starts)) {
      return true;
    }
  }
  return false;
}

static void keep_flags(const jet_list *arguments, jet_list *flags) {
  for (size_t i = 1; i < arguments->count; ++i) {
    const char *flag = arguments->items[i];
    if (is_any(flag, skipped)) {
      ++i;
    } else if (is_any(flag, with_value) && i + 1 < arguments->count) {
      jet_add(flags, flag);
      jet_add(flags, arguments->items[++i]);
    } else if (starts_with_any(flag, with_value) ||
               (starts_with_any(flag, kept) && !starts_with_any(flag, dropped))) {
      jet_add(flags, flag);
    }
  }
}

// A command line as a shell would split it: blanks, both quotes, backslashes.
static void split_command(const char *command, jet_list *arguments) {
  char *word = jet_alloc(strlen(command) + 1);
  while (*command) {
    while (isspace((unsigned char)*command)) {
      ++command;
    }
    if (!*command) {
      break;
    }
    size_t size = 0;
    char quote = '\0';
    for (; *command && (quote || !isspace((unsigned char)*command)); ++command) {
      if (quote ? *command == quote : *command == '"' || *command == '\'') {
        quote = quote ? '\0' : *command;
      } else if (*command == '\\' && quote != '\'' && command[1] &&
                 (!quote || strchr("\"\\$`", command[1]))) {
        word[size++] = *++command;
      } else {
        word[size++] = *command;
      }
    }
    word[size] = '\0';
    jet_add(arguments, word);
  }
}

static void read_arguments(const json_t *entry, jet_list *arguments) {
  const json_t *list = json_object_get(entry, "arguments");
  for (size_t i = 0; i < json_array_size(list); ++i) {
    const char *text = json_string_value(json_array_get(list, i));
    jet_add(arguments, text ? text : "");
  }
  const char *command = json_string_value(json_object_get(entry, "command"));
  if (!arguments->count && command) {
    split_command(command, arguments);
  }
}

// The folder of the object file. CMake makes folders below that of the program, PROGRAM.dir, as the
// sources have them.
static const char *find_target(const json_t *entry, const jet_list *arguments) {
  const char *output = json_string_value(json_object_get(entry, "output"));
  for (char **item = arguments->items; !output && item && *item; ++item) {
    output = strcmp(*item, "-o") == 0 ? item[1] : NULL;
  }
  char *target = jet_format("%s", output ? output : "");
  char *end = strstr(target, ".dir/");
  char *slash = end ? end + strlen(".dir") : strrchr(target, '/');
  *(slash ? slash : target) = '\0';
  return target;
}

static bool is_source(const char *path) {
  for (size_t i = 0; i < jet.options.sources.count; ++i) {
    if (jet_below(path, jet.options.sources.items[i])) {
      return true;
    }
  }
  return !jet.options.sources.count;
}

static void read_entry(const json_t *entry, jet_units *units, jet_list *seen) {
  const char *file = json_string_value(json_object_get(entry, "file"));
  const char *directory = json_string_value(json_object_get(entry, "directory"));
  if (!file || !directory) {
    jet_fail("%s: an entry has no \"file\" or no \"directory\"", units->database);
  }
  const char *path = jet_path(jet_path("/", directory), file);
  if (!is_source(path)) {
    return;
  }
  if (!jet_ends(file, ".c")) {
    units->left_out++;
    return;
  }
  jet_list arguments = {0};
  read_arguments(entry, &arguments);
  jet_unit unit = {.directory = jet_path("/", directory), .file = path};
  unit.target = find_target(entry, &arguments);
  keep_flags(&arguments, &unit.flags);
  jet_hash hash = {0};
  jet_hash_text(&hash, unit.directory);
  jet_hash_text(&hash, unit.file);
  for (size_t i = 0; i < unit.flags.count; ++i) {
    jet_hash_text(&hash, unit.flags.items[i]);
  }
  unit.name = jet_hash_name(&hash);
  if (!jet_has(seen, unit.name)) {  // the same file with the same flags: once is enough
    jet_add(seen, unit.name);
    units->items[units->count++] = unit;
  }
}

void jet_read_database(const char *path, jet_units *units) {
  units->database = path;
  size_t size = 0;
  char *text = jet_read(path, &size);
  if (!text) {
    jet_fail("cannot read the compile database %s", path);
  }
  json_error_t error;
  json_t *root = json_loadb(text, size, 0, &error);
  if (!root) {
    jet_fail("%s:%d: %s", path, error.line, error.text);
  }
  if (!json_is_array(root)) {
    jet_fail("%s: a compile database is an array", path);
  }
  units->items = jet_alloc((json_array_size(root) + 1) * sizeof *units->items);
  jet_list seen = {0};
  for (size_t i = 0; i < json_array_size(root); ++i) {
    read_entry(json_array_get(root, i), units, &seen);
  }
  json_decref(root);
  if (!units->count) {
    jet_fail("%s has no C files%s%s", path, jet.options.sources.count ? " below " : "",
             jet.options.sources.count ? jet.options.sources.items[0] : "");
  }
}
