#include "jet_case.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jimm-test/jimm-test.h"

// JET_PROGRAM is where the build found jimm-jet, or "".
static const char *const sample_files[] = {"clean.c", "defects.c", "deep/helper.c"};

static char folder[PATH_MAX];
static char samples[PATH_MAX];
static char program[PATH_MAX];
static char database[PATH_MAX];
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

void jet_case_need_program(void) {
  if (!program[0]) {
    TEST_SKIP("there is no jimm-jet: neither by JIMM_JET nor where the kit was configured");
  }
}

void jet_case_need_clang(void) {
  jet_case_need_program();
  if (no_clang[0]) {
    TEST_SKIP("%s", no_clang);
  }
}

jet_output jet_case_run(const char *format, ...) {
  va_list args;
  char *command = NULL;
  va_start(args, format);
  int length = vasprintf(&command, format, args);
  va_end(args);
  jet_output output = {.status = -1};
  size_t size = 0;
  FILE *memory = open_memstream(&output.text, &size);
  if (length < 0 || !memory) {
    abort();
  }
  FILE *pipe = popen(command, "r");
  char buffer[4096];
  for (size_t got; pipe && (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    fwrite(buffer, 1, got, memory);
  }
  fclose(memory);
  output.status = pipe ? pclose(pipe) : -1;
  free(command);
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

static void write_database(void) {
  char *text = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  for (size_t i = 0; i < sizeof sample_files / sizeof *sample_files; ++i) {
    fprintf(memory,
            "%s{\"directory\": \"%s\", \"file\": \"%s\", \"command\": "
            "\"gcc -std=c17 -O0 -c %s -o x.o\"}",
            i ? ",\n" : "[", samples, sample_files[i], sample_files[i]);
  }
  fputs("]\n", memory);
  fclose(memory);
  snprintf(database, sizeof database, "%s", jet_case_write("compile_commands.json", text));
  free(text);
}

const char *jet_case_open(void) {
  const char *base = getenv("TMPDIR");
  const char *given = getenv("JIMM_JET");
  const char *jet = given && *given ? given : JET_PROGRAM;
  snprintf(folder, sizeof folder, "%s/test-jet-XXXXXX", base && *base ? base : "/tmp");
  if (!realpath("tests/jet_samples", samples)) {
    return "there is no folder tests/jet_samples here";
  }
  if (!mkdtemp(folder)) {
    return "cannot make a folder";
  }
  write_database();
  if (!*jet) {
    return NULL;
  }
  if (!realpath(jet, program)) {
    return "there is no jimm-jet: neither by JIMM_JET nor where it was when the kit was configured";
  }
  jet_output output =
      jet_case_run("'%s' --compdb '%s' --cache '%s/cache' --opt-only --entry clean_sum 2>&1",
                   program, database, folder);
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
