#include "run.h"

#include <dirent.h>
#include <fcntl.h>
#include <jimm-test/jimm-test.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[256];
static pid_t owner;
static char *program;
static run_result result;
void (*run_prepare)(void);

const char *scratch_path(const char *name) {
  static char paths[3][512];
  static int turn;
  char *path = paths[turn++ % 3];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

const char *scratch_program(void) {
  return program;
}

static char *read_whole(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  size_t capacity = 65536;
  char *text = malloc(capacity);
  *size = 0;
  while (file != NULL && text != NULL) {
    size_t got = fread(text + *size, 1, capacity - *size - 1, file);
    *size += got;
    if (got == 0) {
      break;
    }
    if (capacity - *size < 4096) {
      capacity *= 2;
      text = realloc(text, capacity);
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  TEST_REQUIRE(text != NULL);
  text[*size] = 0;
  return text;
}

static void redirect(const char *path, int flags, int fd) {
  int opened = open(path, flags, 0600);
  if (opened < 0 || dup2(opened, fd) < 0) {
    _exit(126);
  }
  close(opened);
}

void run_default_signals(void) {
  static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    signal(signals[i], SIG_DFL);
  }
}

static void run_child(const char *input, const char *output, char **argv) {
  if (chdir(folder) != 0) {
    _exit(126);
  }
  redirect(input == NULL ? "/dev/null" : input, O_RDONLY, 0);
  redirect("stderr.txt", O_WRONLY | O_CREAT | O_TRUNC, 2);
  if (output != NULL && output[0] == 0) {
    close(1);
  } else {
    redirect(output == NULL ? "stdout.txt" : output, O_WRONLY | O_CREAT | O_TRUNC, 1);
  }
  run_default_signals();
  if (run_prepare != NULL) {
    run_prepare();
  }
  execv(program, argv);
  _exit(127);
}

const run_result *run_program(const char *input, const char *output, const char *const *arguments) {
  char *argv[32] = {program};
  int count = 1;
  while (arguments[count - 1] != NULL) {
    argv[count] = (char *)(uintptr_t)arguments[count - 1];
    count++;
    TEST_REQUIRE(count < 31);
  }
  unlink(scratch_path("stdout.txt"));
  fflush(NULL);
  pid_t child = fork();
  TEST_REQUIRE(child >= 0);
  if (child == 0) {
    run_child(input, output, argv);
  }
  int state = 0;
  TEST_REQUIRE(waitpid(child, &state, 0) == child);
  free(result.out);
  free(result.err);
  size_t size = 0;
  result.status = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
  result.signal = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
  result.err = read_whole(scratch_path("stderr.txt"), &size);
  result.out = read_whole(scratch_path("stdout.txt"), &result.out_size);
  return &result;
}

json_t *run_json(void) {
  json_error_t error;
  json_t *value = json_loadb(result.out, result.out_size, JSON_REJECT_DUPLICATES, &error);
  if (value == NULL) {
    TEST_FAIL("stdout is no JSON: line %d: %s", error.line, error.text);
  }
  return value;
}

/* ---- the scratch folder ---- */

void scratch_write(const char *name, const void *data, size_t size) {
  FILE *file = fopen(scratch_path(name), "wb");
  TEST_REQUIRE_MSG(file != NULL, "%s", name);
  TEST_REQUIRE(fwrite(data, 1, size, file) == size);
  TEST_REQUIRE(fclose(file) == 0);
}

void scratch_write_npy(const char *name, const char *header, size_t size) {
  size_t length = strlen(header) + 1;
  size_t padded = (10 + length + 63) / 64 * 64 - 10;
  unsigned char *data = calloc(1, 10 + padded + size);
  TEST_REQUIRE(data != NULL);
  memcpy(data, "\x93NUMPY\x01\x00", 8);
  data[8] = (unsigned char)(padded & 255);
  data[9] = (unsigned char)(padded >> 8);
  memset(data + 10, ' ', padded);
  memcpy(data + 10, header, length - 1);
  data[10 + padded - 1] = '\n';
  scratch_write(name, data, 10 + padded + size);
  free(data);
}

static void each_entry(const char *name, void (*visit)(const char *path, void *context),
                       void *context) {
  DIR *stream = opendir(scratch_path(name));
  if (stream == NULL) {
    return;
  }
  for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      char path[512];
      snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
      visit(path, context);
    }
  }
  closedir(stream);
}

static void count_entry(const char *path, void *context) {
  (void)path;
  ++*(int *)context;
}

int scratch_entries(const char *name) {
  int count = 0;
  each_entry(name, count_entry, &count);
  return count;
}

static void remove_entry(const char *path, void *context) {
  (void)context;
  if (unlink(scratch_path(path)) != 0) {
    each_entry(path, remove_entry, NULL);
    rmdir(scratch_path(path));
  }
}

void scratch_clear(const char *name) {
  each_entry(name, remove_entry, NULL);
}

static void clean_up(void) {
  if (getpid() == owner) {
    scratch_clear(".");
    rmdir(folder);
    free(result.out);
    free(result.err);
    free(program);
  }
}

void scratch_make(void) {
  const char *base = getenv("TMPDIR");
  const char *path = getenv("JIMM_PROGRAM");
  TEST_REQUIRE_MSG(path != NULL, "JIMM_PROGRAM must name the built program");
  program = realpath(path, NULL);
  TEST_REQUIRE_MSG(program != NULL, "JIMM_PROGRAM: there is no %s", path);
  snprintf(folder, sizeof folder, "%s/jimm-cli-XXXXXX", base == NULL ? "/tmp" : base);
  TEST_REQUIRE_MSG(mkdtemp(folder) != NULL, "%s", folder);
  owner = getpid();
  atexit(clean_up);
  /* Nothing is asked of the real hub, and nothing of the user's cache is seen. */
  setenv("HF_HUB_OFFLINE", "1", 1);
  setenv("HF_HOME", scratch_path("no-cache"), 1);
  setenv("TORCH_HOME", scratch_path("no-cache"), 1);
  TEST_REQUIRE(mkdir(scratch_path("out"), 0700) == 0);
  TEST_REQUIRE(mkdir(scratch_path("folder.npy"), 0700) == 0);
  fixtures_write();
}
