/* The program in surroundings that are unkind: locales, masks, closed pipes, full disks, odd names.
 */
#include <errno.h>
#include <fcntl.h>
#include <jimm-test/jimm-test.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

TEST_SETUP() {
  scratch_make();
}

#define FORWARD_TO(path) \
  "forward", "test_resnet", "--synthetic", "1", "--input", "x.npy", "--output", path
#define PREPROCESS_TO(path) "preprocess", "resnet50", "a.ppm", "-o", path

static const run_result *run_after(void (*prepare)(void), const char *const *arguments) {
  run_prepare = prepare;
  const run_result *run = run_program(NULL, NULL, arguments);
  run_prepare = NULL;
  return run;
}
#define RUN_AFTER(prepare, ...) run_after(prepare, (const char *const[]){__VA_ARGS__, NULL})

static void check_file(const char *name, const void *want, size_t size) {
  char data[64];
  FILE *file = fopen(scratch_path(name), "rb");
  if (TEST_CHECK_MSG(file != NULL, "%s", name)) {
    TEST_CHECK_UINT(fread(data, 1, sizeof data, file), size);
    TEST_CHECK_MEM(data, want, size);
    fclose(file);
  }
}

/* ---- locale ---- */

/* glibc's compiled LC_NUMERIC with a comma as decimal point, so that no locale need be installed.
 */
static const unsigned char comma_numeric[] = {
    0x14, 0x11, 3,    0x20, 6,   0, 0,    0, 0x20, 0, 0,    0, 0x22, 0,   0,   0,   0x23, 0,
    0,    0,    0x24, 0,    0,   0, 0x28, 0, 0,    0, 0x2c, 0, 0,    0,   ',', 0,   0,    0,
    '.',  0,    0,    0,    ',', 0, 0,    0, 0,    0, 0,    0, 'U',  'T', 'F', '-', '8',  0};

static void speak_comma(void) {
  setenv("LOCPATH", ".", 1);
  setenv("LC_NUMERIC", "comma", 1);
}

static void speak_german(void) { /* where it is installed */
  setenv("LC_ALL", "de_DE.UTF-8", 1);
  setenv("LANGUAGE", "de", 1);
}

TEST(output_does_not_depend_on_the_locale) {
  static const char *const lines[][7] = {{"predict", "-w", "folder", "a.ppm"},
                                         {"predict", "-w", "folder", "--json", "a.ppm"},
                                         {"info", "resnet50"},
                                         {"info", "--json", "resnet50"},
                                         {"info", "--graph", "test_resnet"},
                                         {"list", "--json", "--all"},
                                         {"predict", "-w", "absent", "a.ppm"},
                                         {"predict", "-w", "folder", "-k", "1,5", "a.ppm"}};
  TEST_REQUIRE_INT(mkdir(scratch_path("comma"), 0700), 0);
  scratch_write("comma/LC_NUMERIC", comma_numeric, sizeof comma_numeric);
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    const run_result *run = run_program(NULL, NULL, lines[i]);
    char *out = strdup(run->out), *err = strdup(run->err);
    TEST_REQUIRE(out != NULL && err != NULL);
    const int status = run->status;
    void (*const speakers[])(void) = {speak_comma, speak_german};
    for (size_t k = 0; k < 2; k++) {
      run = run_after(speakers[k], lines[i]);
      TEST_CHECK_INT(run->status, status);
      TEST_CHECK_STR(run->out, out);
      TEST_CHECK_STR(run->err, err);
    }
    free(out);
    free(err);
  }
}

/* ---- umask and permissions ---- */

static void mask_others(void) {
  umask(027);
}

static void mask_nothing(void) {
  umask(0);
}

static mode_t mode_of(const char *name) {
  struct stat info;
  return stat(scratch_path(name), &info) == 0 ? info.st_mode & 07777 : 0;
}

TEST(output_follows_the_umask) {
  TEST_CHECK_INT(RUN_AFTER(mask_others, FORWARD_TO("out/y.npy"))->status, 0);
  TEST_CHECK_INT(mode_of("out/y.npy"), 0640);
  TEST_CHECK_INT(RUN_AFTER(mask_nothing, FORWARD_TO("out/y.npy"))->status, 0);
  TEST_CHECK_INT(mode_of("out/y.npy"), 0640); /* that of the file it replaces */
  TEST_CHECK_INT(RUN_AFTER(mask_nothing, FORWARD_TO("out/y.safetensors"))->status, 0);
  TEST_CHECK_INT(mode_of("out/y.safetensors"), 0666);
  TEST_CHECK_INT(RUN_AFTER(mask_others, PREPROCESS_TO("out/x.npy"))->status, 0);
  TEST_CHECK_INT(mode_of("out/x.npy"), 0640);
  scratch_clear("out");
}

static void become_nobody(void) {
  if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
    _exit(127);
  }
}

TEST(what_is_protected_stays) {
  TEST_REQUIRE_INT(chmod(scratch_path("."), 0755), 0);
  TEST_REQUIRE_INT(mkdir(scratch_path("locked"), 0755), 0);
  scratch_write("locked/y.npy", "precious", 8);
  TEST_REQUIRE_INT(chmod(scratch_path("locked/y.npy"), 0666), 0);
  TEST_REQUIRE_INT(chmod(scratch_path("locked"), 0555), 0);
  if (RUN_AFTER(become_nobody, "--version")->status == 127) {
    TEST_SKIP("as root, and another user cannot reach the program");
  }
  const run_result *run = RUN_AFTER(become_nobody, FORWARD_TO("locked/y.npy"));
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "locked/y.npy: cannot write into the folder locked: Permission");
  check_file("locked/y.npy", "precious", 8);
  TEST_CHECK_INT(scratch_entries("locked"), 1);
  TEST_REQUIRE_INT(chmod(scratch_path("locked"), 0777), 0);
  TEST_REQUIRE_INT(chmod(scratch_path("locked/y.npy"), 0444), 0);
  run = RUN_AFTER(become_nobody, FORWARD_TO("locked/y.npy"));
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "locked/y.npy: cannot write: Permission denied");
  check_file("locked/y.npy", "precious", 8);
  TEST_CHECK_INT(scratch_entries("locked"), 1);
}

/* ---- what stands where the output goes ---- */

TEST(output_through_links) {
  scratch_write("out/file.npy", "precious", 8);
  TEST_REQUIRE_INT(symlink("file.npy", scratch_path("out/link.npy")), 0);
  TEST_REQUIRE_INT(mkdir(scratch_path("elsewhere"), 0700), 0);
  scratch_write("elsewhere/far.npy", "precious", 8);
  TEST_REQUIRE_INT(symlink("../elsewhere/far.npy", scratch_path("out/far.npy")), 0);
  TEST_REQUIRE_INT(symlink("../elsewhere", scratch_path("out/folder")), 0);
  check_quiet(RUN(FORWARD_TO("out/plain.npy")), 0);
  jimm_tensor want = read_npy("out/plain.npy");
  static const char *const links[][2] = {{"out/link.npy", "out/file.npy"},
                                         {"out/far.npy", "elsewhere/far.npy"},
                                         {"out/folder/new.npy", "elsewhere/new.npy"}};
  for (size_t i = 0; i < 3; i++) {
    check_quiet(RUN(FORWARD_TO(links[i][0])), 0);
    jimm_tensor got = read_npy(links[i][1]);
    check_tensor(&got, &want);
    jimm_tensor_close(&got);
  }
  struct stat info;
  TEST_CHECK(lstat(scratch_path("out/link.npy"), &info) == 0 && S_ISLNK(info.st_mode));
  TEST_CHECK(lstat(scratch_path("out/far.npy"), &info) == 0 && S_ISLNK(info.st_mode));
  jimm_tensor_close(&want);
  TEST_CHECK_INT(scratch_entries("elsewhere"), 2);
  TEST_REQUIRE_INT(symlink("nowhere.npy", scratch_path("out/dangling.npy")), 0);
  const run_result *run = RUN(FORWARD_TO("out/dangling.npy"));
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "out/dangling.npy: cannot write: a symbolic link that leads");
  TEST_CHECK_INT(scratch_entries("out"), 6);
  scratch_clear("out");
}

TEST(output_that_is_no_file) {
  TEST_REQUIRE_INT(mkfifo(scratch_path("out/pipe.npy"), 0600), 0);
  TEST_REQUIRE_INT(symlink("/dev/null", scratch_path("out/null.npy")), 0);
  TEST_REQUIRE_INT(symlink("/dev/full", scratch_path("out/full.npy")), 0);
  static const char *const rows[][2] = {{"out/pipe.npy", "found a pipe"},
                                        {"out/null.npy", "found a device"},
                                        {"out/full.npy", "found a device"}};
  for (size_t i = 0; i < 3; i++) {
    const run_result *run = RUN(FORWARD_TO(rows[i][0]));
    TEST_CHECK_INT(run->status, 1);
    TEST_CHECK_CONTAINS(run->err, rows[i][0]);
    TEST_CHECK_CONTAINS(run->err, rows[i][1]);
  }
  struct stat info;
  TEST_CHECK(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
  TEST_CHECK_INT(scratch_entries("out"), 3);
  scratch_clear("out");
}

/* ---- full disks ---- */

/* A small file system of its own, seen by this process and its children only. */
TEST_OPTIONS(a_full_disk_keeps_the_old_output, .isolate = true) {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("none", scratch_path("out"), "tmpfs", 0, "size=8k") != 0) {
    TEST_SKIP("cannot mount a small file system: %s", strerror(errno));
  }
  static const char *const outputs[][9] = {
      {FORWARD_TO("out/y.npy")}, {FORWARD_TO("out/y.safetensors")}, {PREPROCESS_TO("out/x.npy")}};
  for (size_t i = 0; i < 3; i++) {
    const char *path = i == 0 ? "out/y.npy" : i == 1 ? "out/y.safetensors" : "out/x.npy";
    scratch_write(path, "precious", 8);
    const run_result *run = run_program(NULL, NULL, outputs[i]);
    TEST_CHECK_INT(run->status, 1);
    TEST_CHECK_CONTAINS(run->err, path);
    TEST_CHECK_CONTAINS(run->err, "cannot write: No space left on device");
    TEST_CHECK_INT(scratch_entries("out"), 1);
    check_file(path, "precious", 8);
    scratch_clear("out");
  }
  const run_result *run =
      run_program(NULL, scratch_path("out/list"), (const char *const[]){"list", "--json", NULL});
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_STR(run->err, "jimm list: cannot write to standard output: No space left on device\n");
  TEST_CHECK_INT(mount(NULL, scratch_path("out"), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
  run = RUN(FORWARD_TO("out/y.npy"));
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "out/y.npy: cannot write into the folder out: Read-only file");
}

/* ---- pipes ---- */

static void close_reader_of(int descriptor) {
  int ends[2];
  if (pipe(ends) != 0 || dup2(ends[1], descriptor) < 0) {
    _exit(126);
  }
  close(ends[0]);
  close(ends[1]);
}

static void nobody_reads(void) {
  close_reader_of(1);
}

static void nobody_reads_and_pipes_are_ignored(void) {
  signal(SIGPIPE, SIG_IGN);
  close_reader_of(1);
}

static void nobody_reads_errors(void) {
  close_reader_of(2);
}

TEST(a_closed_pipe_is_an_error) {
  static const char *const lines[][5] = {
      {"list"}, {"--help"}, {"info", "resnet50"}, {"predict", "-w", "folder", "a.ppm"}};
  void (*const prepares[])(void) = {nobody_reads, nobody_reads_and_pipes_are_ignored};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    for (size_t k = 0; k < 2; k++) {
      const run_result *run = run_after(prepares[k], lines[i]);
      TEST_CHECK_INT(run->status, 1);
      TEST_CHECK_CONTAINS(run->err, ": cannot write to standard output: Broken pipe\n");
      TEST_CHECK_INT(count_lines(run->err), 1);
    }
  }
  TEST_CHECK_INT(RUN_AFTER(nobody_reads_errors, "predict", "-w", "absent", "a.ppm")->status, 1);
  TEST_CHECK_INT(RUN_AFTER(nobody_reads, FORWARD_TO("out/y.npy"))->status, 0);
  scratch_clear("out");
}

/* ---- closed streams ---- */

static void close_all(void) {
  close(0);
  close(1);
  close(2);
}

TEST(without_any_stream) {
  TEST_CHECK_INT(RUN_AFTER(close_all, FORWARD_TO("out/y.npy"))->status, 0);
  jimm_tensor tensor = read_npy("out/y.npy");
  jimm_tensor_close(&tensor);
  TEST_CHECK_INT(scratch_entries("out"), 1);
  TEST_CHECK_INT(RUN_AFTER(close_all, "list")->status, 1);
  TEST_CHECK_INT(RUN_AFTER(close_all, "predict", "-w", "folder", "-")->status, 1);
  TEST_CHECK_INT(RUN_AFTER(close_all, "predict", "-w", "absent", "a.ppm")->status, 1);
  TEST_CHECK_INT(RUN_AFTER(close_all, "nonsense")->status, 2);
  scratch_clear("out");
}

/* ---- names ---- */

static const char *const odd_names[] = {"new\nline", "\xff\xfe", " ",        "-w",
                                        "'\"$(x)`",  "%s%n",     "\033[31m", "caf\xc3\xa9"};

TEST(odd_names_of_files) {
  check_quiet(RUN(PREPROCESS_TO("out/plain.npy")), 0);
  jimm_tensor want = read_npy("out/plain.npy");
  for (size_t i = 0; i < sizeof odd_names / sizeof odd_names[0]; i++) {
    char image[64], output[64];
    snprintf(image, sizeof image, "%s.ppm", odd_names[i]);
    snprintf(output, sizeof output, "out/%s.npy", odd_names[i]);
    TEST_REQUIRE_INT(link(scratch_path("a.ppm"), scratch_path(image)), 0);
    check_quiet(RUN("preprocess", "-o", output, "--", "resnet50", image), 0);
    jimm_tensor got = read_npy(output);
    check_tensor(&got, &want);
    jimm_tensor_close(&got);
    unlink(scratch_path(image));
  }
  jimm_tensor_close(&want);
  scratch_clear("out");
}

/* A name in a message starts no line of its own. */
TEST(odd_names_in_messages) {
  for (size_t i = 0; i < sizeof odd_names / sizeof odd_names[0]; i++) {
    char image[64];
    snprintf(image, sizeof image, "%s.ppm", odd_names[i]);
    const run_result *run = RUN("predict", "-w", "folder", "--", image);
    TEST_CHECK_INT(run->status, 1);
    TEST_CHECK_CONTAINS(run->err, "cannot open: No such file");
    TEST_CHECK(strncmp(run->err, "jimm predict: ", 14) == 0);
    TEST_CHECK(strchr(run->err, '\033') == NULL);
    for (const char *line = strchr(run->err, '\n'); line[1] != 0; line = strchr(line + 1, '\n')) {
      TEST_CHECK(strncmp(line, "\n  ", 3) == 0);
    }
  }
}

TEST(names_as_long_as_they_can_be) {
  char longest[300] = "out/", too_long[300] = "out/";
  memset(longest + 4, 'n', 255);
  memset(too_long + 4, 'n', 256);
  memcpy(longest + 4 + 251, ".npy", 4);
  memcpy(too_long + 4 + 252, ".npy", 4);
  check_quiet(RUN(FORWARD_TO(longest)), 0);
  TEST_CHECK_INT(access(scratch_path(longest), R_OK), 0);
  const run_result *run = RUN(FORWARD_TO(too_long));
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "cannot write: File name too long");
  static char endless[6000];
  memset(endless, 'd', sizeof endless - 1);
  for (size_t i = 100; i < sizeof endless; i += 100) {
    endless[i] = '/';
  }
  memcpy(endless + sizeof endless - 5, ".npy", 4);
  run = RUN(FORWARD_TO(endless));
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "File name too long");
  TEST_CHECK_INT(scratch_entries("out"), 1);
  scratch_clear("out");
}

TEST_MAIN()
