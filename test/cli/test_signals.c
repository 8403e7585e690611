/* Signals at every moment of a write: the program is stopped at each of its system calls, and a
 * signal is waiting for it when it goes on. What is on the disk afterwards is the old file or the
 * new one, and nothing else. */
#include <dirent.h>
#include <jimm-test/jimm-test.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

/* ---- the tracer ---- */

/* Runs the program and calls `stopped` at every system call, before and after it, until that
 * returns false: then the program goes on by itself. Gives the state that waitpid reports. */
static int run_traced(const char *const *arguments, bool (*stopped)(pid_t child)) {
  char *argv[32] = {(char *)(uintptr_t)scratch_program()};
  for (int i = 0; arguments[i] != NULL; i++) {
    argv[i + 1] = (char *)(uintptr_t)arguments[i];
  }
  fflush(NULL);
  const pid_t child = fork();
  TEST_REQUIRE(child >= 0);
  if (child == 0) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* its search needs ptrace for itself */
    if (chdir(scratch_path(".")) != 0 || freopen("stderr.txt", "w", stderr) == NULL) {
      _exit(126);
    }
    run_default_signals();
    if (run_prepare != NULL) {
      run_prepare();
    }
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
      _exit(125);
    }
    execv(argv[0], argv);
    _exit(127);
  }
  int state, deliver = 0;
  bool traced = false;
  while (waitpid(child, &state, 0) == child && WIFSTOPPED(state)) {
    const int stop = WSTOPSIG(state);
    if (!traced) {
      ptrace(PTRACE_SETOPTIONS, child, NULL,
             (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
      traced = true;
    } else if (stop == (SIGTRAP | 0x80)) {
      if (!stopped(child)) {
        ptrace(PTRACE_DETACH, child, NULL, NULL);
        TEST_REQUIRE(waitpid(child, &state, 0) == child);
        break;
      }
    } else {
      deliver = stop == SIGTRAP ? 0 : stop;
    }
    ptrace(PTRACE_SYSCALL, child, NULL, (void *)(uintptr_t)deliver);
    deliver = 0;
  }
  if (WIFEXITED(state) && WEXITSTATUS(state) == 125) {
    TEST_SKIP("this system does not let a process trace its children");
  }
  return state;
}

/* Temporary files in out/. */
static int count_temporaries(void) {
  int count = 0;
  DIR *stream = opendir(scratch_path("out"));
  for (struct dirent *entry = stream == NULL ? NULL : readdir(stream); entry != NULL;
       entry = readdir(stream)) {
    count += strncmp(entry->d_name, ".jimm-", 6) == 0;
  }
  if (stream != NULL) {
    closedir(stream);
  }
  return count;
}

/* ---- a signal at each stop ---- */

typedef struct written_file {
  const char *path;
  const char *arguments[12];
  char *whole; /* what the file is after an undisturbed run */
  size_t size;
} written_file;

static written_file files[] = {
    {"out/x.npy", {"preprocess", "resnet50", "a.ppm", "-o", "out/x.npy"}, NULL, 0},
    {"out/y.safetensors",
     {"forward", "test_resnet", "--synthetic", "1", "--input", "x.npy", "--what", "all", "--output",
      "out/y.safetensors"},
     NULL,
     0}};

static char *read_scratch(const char *name, size_t *size) {
  FILE *file = fopen(scratch_path(name), "rb");
  char *data = malloc(1 << 22);
  TEST_REQUIRE(data != NULL);
  *size = file == NULL ? 0 : fread(data, 1, 1 << 22, file);
  if (file != NULL) {
    fclose(file);
  }
  return data;
}

static const char old_content[] = "precious";

TEST_SETUP() {
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    TEST_REQUIRE_INT(run_program(NULL, NULL, files[i].arguments)->status, 0);
    files[i].whole = read_scratch(files[i].path, &files[i].size);
  }
  scratch_clear("out");
}

static struct {
  int signal;      /* what is sent */
  int at;          /* the number of the stop, counted from the first that finds a temporary file */
  int stops;       /* so far */
  bool sent, seen; /* a temporary file was seen */
} plan;

static bool send_at_stop(pid_t child) {
  plan.seen = plan.seen || count_temporaries() > 0;
  if (plan.seen && ++plan.stops == plan.at) {
    plan.sent = true;
    kill(child, plan.signal);
    return false;
  }
  return true;
}

/* Sends the signal at stop `at`. False when the program ended before. */
static bool interrupt(const written_file *file, int signal_number, int at, int *state) {
  plan.signal = signal_number;
  plan.at = at;
  plan.stops = 0;
  plan.sent = plan.seen = false;
  *state = run_traced(file->arguments, send_at_stop);
  return plan.sent;
}

/* The file is the old one or the new one. Says whether it is the new one. */
static bool check_whole(const written_file *file, const char *old, int at) {
  size_t size;
  char *data = read_scratch(file->path, &size);
  const bool is_new = size == file->size && memcmp(data, file->whole, size) == 0;
  const bool is_old = old == NULL ? size == 0 && access(scratch_path(file->path), F_OK) != 0
                                  : size == strlen(old) && memcmp(data, old, size) == 0;
  TEST_CHECK_MSG(is_new || is_old, "%s, stop %d: %zu bytes that are neither old nor new",
                 file->path, at, size);
  free(data);
  return is_new;
}

static void put_old(const written_file *file, const char *old) {
  scratch_clear("out");
  if (old != NULL) {
    scratch_write(file->path, old, strlen(old));
  }
}

static void end_everywhere(const written_file *file, int signal_number, const char *old) {
  int state, at = 1;
  put_old(file, old);
  while (interrupt(file, signal_number, at, &state)) {
    const bool is_new = check_whole(file, old, at);
    /* The last moment is that of the exit itself. */
    TEST_CHECK_MSG(
        (WIFSIGNALED(state) && WTERMSIG(state) == signal_number) || (state == 0 && is_new),
        "stop %d: state %x", at, (unsigned)state);
    if (signal_number != SIGKILL) { /* which nobody can see coming */
      TEST_CHECK_MSG(count_temporaries() == 0, "stop %d leaves a temporary file", at);
    }
    put_old(file, old);
    at++;
  }
  TEST_CHECK_MSG(at > 8, "only %d stops while there was a temporary file", at - 1);
  scratch_clear("out");
}

TEST(an_interrupted_write_leaves_nothing) {
  end_everywhere(&files[0], SIGINT, NULL);
  end_everywhere(&files[0], SIGINT, old_content);
  end_everywhere(&files[1], SIGTERM, old_content);
}

TEST(a_killed_write_leaves_the_old_file_or_the_new_one) {
  end_everywhere(&files[0], SIGKILL, old_content);
  end_everywhere(&files[0], SIGKILL, NULL);
}

TEST(every_signal_that_ends_the_program_cleans_up) {
  static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    int state;
    put_old(&files[0], NULL);
    TEST_REQUIRE(interrupt(&files[0], signals[i], 2, &state));
    TEST_CHECK_INT(WIFSIGNALED(state) ? WTERMSIG(state) : 0, signals[i]);
    TEST_CHECK_INT(scratch_entries("out"), 0);
  }
}

static void ignore_hangups(void) {
  signal(SIGHUP, SIG_IGN);
  signal(SIGINT, SIG_IGN);
}

/* As nohup, and as shells do for jobs in the background. */
TEST(what_is_ignored_stays_ignored) {
  static const int signals[] = {SIGHUP, SIGINT};
  run_prepare = ignore_hangups;
  for (size_t i = 0; i < 2; i++) {
    int state;
    put_old(&files[0], old_content);
    TEST_CHECK(interrupt(&files[0], signals[i], 2, &state));
    TEST_CHECK_INT(state, 0);
    TEST_CHECK_INT(scratch_entries("out"), 1);
    size_t size;
    char *data = read_scratch(files[0].path, &size);
    TEST_CHECK(size == files[0].size && memcmp(data, files[0].whole, size) == 0);
    free(data);
  }
  run_prepare = NULL;
  scratch_clear("out");
}

/* ---- descriptors ---- */

static unsigned closed_at_start;

static void close_some(void) {
  for (int fd = 0; fd < 3; fd++) {
    if ((closed_at_start >> fd & 1) != 0) {
      close(fd);
    }
  }
}

/* Where the program's descriptors lead while it writes; "" when not open. */
static char descriptors[3][256];

static bool look_at_descriptors(pid_t child) {
  if (count_temporaries() == 0) {
    return true;
  }
  for (int fd = 0; fd < 3; fd++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)child, fd);
    const ssize_t length = readlink(path, descriptors[fd], sizeof descriptors[fd] - 1);
    descriptors[fd][length < 0 ? 0 : length] = 0;
  }
  return false;
}

/* Whatever is closed at the start: no file that is written or read takes the place of a standard
 * stream and receives what is printed. */
TEST(no_file_becomes_a_standard_stream) {
  run_prepare = close_some;
  for (closed_at_start = 1; closed_at_start < 8; closed_at_start++) {
    put_old(&files[0], NULL);
    TEST_CHECK_INT(run_traced(files[0].arguments, look_at_descriptors), 0);
    for (int fd = 0; fd < 3; fd++) {
      if ((closed_at_start >> fd & 1) != 0) {
        TEST_CHECK_STR(descriptors[fd], "/dev/null");
      }
    }
    check_whole(&files[0], "", 0);
    TEST_CHECK_INT(scratch_entries("out"), 1);
  }
  run_prepare = NULL;
  scratch_clear("out");
}

/* ---- a file that shrinks ---- */

static bool shrink_when_mapped(pid_t child) {
  char path[64], line[512];
  bool mapped = false;
  snprintf(path, sizeof path, "/proc/%d/maps", (int)child);
  FILE *maps = fopen(path, "r");
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
    mapped = mapped || strstr(line, "shrinks.safetensors") != NULL;
  }
  if (maps != NULL) {
    fclose(maps);
  }
  return !mapped || truncate(scratch_path("shrinks.safetensors"), 0) != 0;
}

TEST(weights_that_shrink_while_they_are_read) {
  size_t size;
  char *weights = read_scratch("w.safetensors", &size);
  scratch_write("shrinks.safetensors", weights, size);
  free(weights);
  const int state =
      run_traced((const char *const[]){"forward", "test_resnet", "-w", "shrinks.safetensors",
                                       "--input", "x.npy", "--output", "out/y.npy", NULL},
                 shrink_when_mapped);
  TEST_CHECK_INT(WIFEXITED(state) ? WEXITSTATUS(state) : -1, 1);
  char *message = read_scratch("stderr.txt", &size);
  message[size] = 0;
  TEST_CHECK_STR(message,
                 "jimm forward: a file was cut short while it was read (or the machine's memory "
                 "fails)\n");
  free(message);
  TEST_CHECK_INT(scratch_entries("out"), 0);
}
