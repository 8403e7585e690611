#include "jet_case.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

// Of the build: JET_MISSING is why jimm-jet was not built, or ""; OWN_JET is where it lies.
static const char *const sample_files[] = {"call_defects.c",   "clean.c",       "deep/helper.c",
                                           "deep/row.c",       "opt_defects.c", "pointers.c",
                                           "other/allocator.c"};

static char folder[PATH_MAX];
static char samples[PATH_MAX];
static char program[PATH_MAX];
static char database[PATH_MAX];
static char no_program[PATH_MAX];
static char no_clang[PATH_MAX];

const char *jet_case_folder(void) {
  return folder;
}

const char *jet_case_samples(void) {
  return samples;
}

const char *jet_case_database(void) {
  return database;
}

const char *jet_case_program(void) {
  return program;
}

const char *jet_case_no_program(void) {
  return no_program[0] ? no_program : NULL;
}

const char *jet_case_no_clang(void) {
  return no_program[0] ? no_program : no_clang[0] ? no_clang : NULL;
}

void jet_case_need_program(void) {
  if (no_program[0]) {
    TEST_SKIP("%s", no_program);
  }
}

void jet_case_need_clang(void) {
  if (jet_case_no_clang()) {
    TEST_SKIP("%s", jet_case_no_clang());
  }
}

static char *formatted(const char *format, va_list args)
    __attribute__((__format__(__printf__, 1, 0)));

static char *formatted(const char *format, va_list args) {
  char *text = NULL;
  if (vasprintf(&text, format, args) < 0) {
    abort();
  }
  return text;
}

static jet_output execute(const char *command) {
  jet_output output = {.status = -1};
  size_t size = 0;
  FILE *memory = open_memstream(&output.text, &size);
  FILE *pipe = popen(command, "r");
  char buffer[4096];
  for (size_t got; pipe && (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    fwrite(buffer, 1, got, memory);
  }
  fclose(memory);
  output.status = pipe ? pclose(pipe) : -1;
  return output;
}

jet_output jet_case_run(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *command = formatted(format, args);
  va_end(args);
  jet_output output = execute(command);
  free(command);
  return output;
}

jet_output jet_case_jet(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *arguments = formatted(format, args);
  va_end(args);
  jet_output output = jet_case_run("'%s' --compdb '%s' --cache '%s/cache' %s 2>&1", program,
                                   database, folder, arguments);
  free(arguments);
  return output;
}

bool jet_case_exited(const jet_output *output, int status) {
  return WIFEXITED(output->status) && WEXITSTATUS(output->status) == status;
}

const char *jet_case_write(const char *name, const char *text) {
  static char path[PATH_MAX];
  snprintf(path, sizeof path, "%.2000s/%.1000s", folder, name);
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
    TEST_ERROR("cannot write %s", path);
  }
  return path;
}

char *jet_case_read(const char *path) {
  FILE *file = fopen(path, "r");
  char *text = NULL;
  size_t size = 0;
  if (file && getdelim(&text, &size, '\0', file) < 0) {
    free(text);
    text = NULL;
  }
  if (file) {
    fclose(file);
  }
  return text;
}

// Flags as a project built by gcc may have them: some are not clang's.
static void write_database(void) {
  char *text = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  for (size_t i = 0; i < sizeof sample_files / sizeof *sample_files; ++i) {
    fprintf(memory,
            "%s{\"directory\": \"%s\", \"file\": \"%s\", \"output\": \"%s/%zu.o\", \"command\": "
            "\"gcc -std=c17 -Wall -O0 -DQUOTED=\\\"a\\\\ b\\\" -fanalyzer -fno-such-flag "
            "-MD -MF x.d -c %s -o x.o\"}",
            i ? ",\n" : "[", samples, sample_files[i],
            strncmp(sample_files[i], "other/", 6) == 0 ? "other" : "out", i, sample_files[i]);
  }
  fputs("]\n", memory);
  fclose(memory);
  snprintf(database, sizeof database, "%s", jet_case_write("compile_commands.json", text));
  free(text);
}

const char *jet_case_open(void) {
  const char *given = getenv("JIMM_JET_SAMPLES");
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/test-jet-XXXXXX", base && *base ? base : "/tmp");
  if (!realpath(given ? given : "tests/samples", samples)) {
    return "no folder of samples (JIMM_JET_SAMPLES)";
  }
  const char *jet = getenv("JIMM_JET");
  if (!mkdtemp(folder)) {
    return "cannot make a folder";
  }
  write_database();
  if (JET_MISSING[0]) {
    snprintf(no_program, sizeof no_program, "jimm-jet was not built: %s", JET_MISSING);
    return NULL;
  }
  if (!realpath(jet && *jet ? jet : OWN_JET, program)) {
    return "there is no jimm-jet: neither by JIMM_JET nor where it was built";
  }
  jet_output output = jet_case_jet("--opt-only --entry clean_minimum");
  if (jet_case_exited(&output, 77)) {
    snprintf(no_clang, sizeof no_clang, "%.*s", (int)strcspn(output.text, "\n"), output.text);
  }
  free(output.text);
  return NULL;
}

void jet_case_close(void) {
  jet_output output = jet_case_run("rm -rf '%s'", folder);
  free(output.text);
}
