// The writer that leaves a whole file or none.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jimm-test/jimm-test.h>

#include "base/os.h"
#include "folder.h"

static jimm_status write_text(const char *path, const char *text) {
  jimm_writer writer;
  jimm_status status = jimm_writer_open(path, &writer);
  if (status == JIMM_OK) {
    status = jimm_writer_write(&writer, text, strlen(text));
  }
  if (status == JIMM_OK) {
    return jimm_writer_commit(&writer);
  }
  jimm_writer_abandon(&writer);
  return status;
}

static void check_content(const char *path, const char *want) {
  char text[64] = "";
  long size = read_bytes(path, text, sizeof text - 1);
  TEST_CHECK_INT(size, (long)strlen(want));
  TEST_CHECK_STR(text, want);
}

TEST(writer_makes_and_replaces_files) {
  mkdir(in_folder("w"), 0777);
  const char *path = in_folder("w/file");
  TEST_CHECK_INT(write_text(path, "one"), JIMM_OK);
  check_content(path, "one");
  TEST_CHECK_INT(write_text(path, "second"), JIMM_OK);
  check_content(path, "second");
  TEST_CHECK_INT(count_in_folder(in_folder("w")), 1);  // no temporary file is left
  jimm_writer writer;
  TEST_REQUIRE_INT(jimm_writer_open(path, &writer), JIMM_OK);
  TEST_CHECK_INT(jimm_writer_write(&writer, "third", 5), JIMM_OK);
  TEST_CHECK_INT(count_in_folder(in_folder("w")), 2);
  TEST_CHECK(jimm_os_exists(jimm_writer_path(&writer)));
  jimm_writer_abandon(&writer);
  jimm_writer_abandon(&writer);  // harmless
  TEST_CHECK_INT(count_in_folder(in_folder("w")), 1);
  check_content(path, "second");
}

TEST(write_file_writes_all_or_nothing) {
  char back[16] = "";
  const char *path = in_folder("whole");
  TEST_CHECK_INT(jimm_write_file(path, "first", 5), JIMM_OK);
  TEST_CHECK_INT(jimm_write_file(path, "two", 3), JIMM_OK);
  TEST_CHECK_INT(read_bytes(path, back, sizeof back), 3);
  TEST_CHECK_MEM(back, "two", 3);
  TEST_CHECK_INT(jimm_write_file(path, NULL, 0), JIMM_OK);
  TEST_CHECK_INT(read_bytes(path, back, sizeof back), 0);
  TEST_CHECK(jimm_write_file(in_folder("absent/x"), "x", 1) != JIMM_OK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "absent/x");
}

TEST(writer_follows_the_umask) {
  const char *path = in_folder("masked");
  struct stat info;
  mode_t before = umask(027);
  TEST_CHECK_INT(write_text(path, "x"), JIMM_OK);
  umask(before);
  TEST_REQUIRE_INT(stat(path, &info), 0);
  TEST_CHECK_INT(info.st_mode & 07777, 0640);
  path = in_folder("unmasked");
  before = umask(0);
  TEST_CHECK_INT(write_text(path, "x"), JIMM_OK);
  umask(before);
  TEST_REQUIRE_INT(stat(path, &info), 0);
  TEST_CHECK_INT(info.st_mode & 07777, 0666);
}

TEST(writer_keeps_the_mode_of_what_it_replaces) {
  const char *path = in_folder("private");
  struct stat info;
  static const mode_t modes[] = {0600, 0666, 0755};
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    TEST_REQUIRE(write_bytes(path, "old", 3));
    TEST_REQUIRE_INT(chmod(path, modes[i]), 0);
    TEST_CHECK_INT(write_text(path, "new"), JIMM_OK);
    check_content(path, "new");
    TEST_REQUIRE_INT(stat(path, &info), 0);
    TEST_CHECK_INT(info.st_mode & 07777, modes[i]);
  }
}

// Root may write everything, so as root this becomes somebody else first.
TEST_OPTIONS(writer_refuses_protected_files, .isolate = true) {
  const char *folder = in_folder("p"), *path = in_folder("p/file");
  TEST_REQUIRE_INT(mkdir(folder, 0777), 0);
  TEST_REQUIRE(write_bytes(path, "old", 3));
  TEST_REQUIRE_INT(chmod(path, 0444), 0);
  const uid_t before = geteuid();
  if (before == 0) {
    TEST_REQUIRE_INT(chmod(in_folder("."), 0755), 0);
    TEST_REQUIRE_INT(chmod(folder, 0777), 0);
    TEST_REQUIRE_INT(seteuid(65534), 0);
  }
  const jimm_status refused = write_text(path, "new");
  char message[2048];
  snprintf(message, sizeof message, "%s", jimm_error_message());
  const jimm_status fresh = write_text(in_folder("p/fresh"), "new");
  TEST_REQUIRE_INT(seteuid(before), 0);
  TEST_CHECK_INT(refused, JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(message, "p/file: cannot write: Permission denied");
  check_content(path, "old");
  TEST_CHECK_INT(fresh, JIMM_OK);  // the folder would let it
  TEST_CHECK_INT(count_in_folder(folder), 2);
}

TEST(writer_keeps_links_and_refuses_what_is_no_file) {
  mkdir(in_folder("k"), 0777);
  const char *file = in_folder("k/file"), *link = in_folder("k/link");
  struct stat info;
  TEST_REQUIRE(write_bytes(file, "old", 3));
  TEST_REQUIRE_INT(symlink("file", link), 0);
  TEST_CHECK_INT(write_text(link, "new"), JIMM_OK);
  TEST_CHECK(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
  check_content(file, "new");
  TEST_REQUIRE_INT(symlink("nowhere", in_folder("k/dangling")), 0);
  TEST_CHECK_INT(write_text(in_folder("k/dangling"), "x"), JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(jimm_error_message(), "leads nowhere");
  TEST_CHECK_INT(write_text(in_folder("k"), "x"), JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(jimm_error_message(), "found a folder");
  TEST_CHECK_INT(write_text(in_folder("k/absent/file"), "x"), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK_CONTAINS(jimm_error_message(), "k/absent/file: cannot write: No such file");
  TEST_CHECK_INT(write_text(in_folder("k/file/inside"), "x"), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK_INT(write_text(in_folder("k/new/"), "x"), JIMM_ERROR_IO);
  TEST_CHECK_INT(write_text("", "x"), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(write_text("/dev/null", "x"), JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(jimm_error_message(), "found a device");
  TEST_CHECK(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
  TEST_CHECK_INT(count_in_folder(in_folder("k")), 3);
}

// A folder without write permission does not stop root, so /proc, where nobody makes files, too.
TEST(writer_reports_folders_that_refuse) {
  TEST_CHECK(write_text("/proc/jimm-test", "x") != JIMM_OK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "/proc/jimm-test: cannot write: ");
  if (geteuid() != 0) {
    mkdir(in_folder("locked"), 0555);
    TEST_CHECK_INT(write_text(in_folder("locked/file"), "x"), JIMM_ERROR_IO);
    TEST_CHECK_CONTAINS(jimm_error_message(), "Permission denied");
  }
}

// The disk is full: the old file stays, the temporary one goes. A file-size limit stands for it.
TEST_OPTIONS(writer_failure_leaves_the_old_file, .isolate = true) {
  mkdir(in_folder("full"), 0777);
  const char *path = in_folder("full/file");
  TEST_REQUIRE(write_bytes(path, "old", 3));
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit before, limit;
  TEST_REQUIRE_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
  limit = before;
  limit.rlim_cur = 10000;
  TEST_REQUIRE_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
  static char bytes[100000];
  jimm_writer writer;
  jimm_status opened = jimm_writer_open(path, &writer);
  jimm_status large = opened == JIMM_OK ? jimm_writer_write(&writer, bytes, sizeof bytes) : opened;
  char message[256];
  snprintf(message, sizeof message, "%s", jimm_error_message());
  jimm_writer_abandon(&writer);
  // Few bytes stay in the buffer until commit: that is where the failure shows then.
  jimm_status buffered = JIMM_OK, committed = JIMM_OK;
  limit.rlim_cur = 100;
  setrlimit(RLIMIT_FSIZE, &limit);
  if (jimm_writer_open(path, &writer) == JIMM_OK) {
    buffered = jimm_writer_write(&writer, bytes, 200);
    committed = jimm_writer_commit(&writer);
  }
  setrlimit(RLIMIT_FSIZE, &before);
  TEST_CHECK_INT(opened, JIMM_OK);
  TEST_CHECK_INT(large, JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(message, "full/file: cannot write: File too large");
  TEST_CHECK_INT(buffered, JIMM_OK);
  TEST_CHECK_INT(committed, JIMM_ERROR_IO);
  check_content(path, "old");
  TEST_CHECK_INT(count_in_folder(in_folder("full")), 1);
}

// What a signal handler does: every file that is being written goes, whole ones and those of other
// processes stay.
TEST_OPTIONS(temporaries_can_be_removed_at_any_time, .isolate = true) {
  enum { WRITERS = 64 };  // as many as base.h promises
  static jimm_writer writers[WRITERS];
  mkdir(in_folder("t"), 0777);
  TEST_CHECK_INT(write_text(in_folder("t/old"), "old"), JIMM_OK);
  jimm_remove_temporaries();  // there are none
  TEST_REQUIRE_INT(jimm_writer_open(in_folder("t/old"), &writers[0]), JIMM_OK);
  for (int i = 1; i < WRITERS; i++) {
    char name[32];
    snprintf(name, sizeof name, "t/%d", i);
    TEST_REQUIRE_INT(jimm_writer_open(in_folder(name), &writers[i]), JIMM_OK);
    TEST_CHECK_INT(jimm_writer_write(&writers[i], "half", 4), JIMM_OK);
  }
  TEST_CHECK_INT(count_in_folder(in_folder("t")), 1 + WRITERS);
  TEST_CHECK_INT(jimm_writer_commit(&writers[1]), JIMM_OK);
  fflush(NULL);
  const pid_t child = fork();
  TEST_REQUIRE(child >= 0);
  if (child == 0) {  // none of these are the child's, but those that it opens
    jimm_remove_temporaries();
    bool kept = count_in_folder(in_folder("t")) == 1 + WRITERS;
    jimm_writer own;
    kept = kept && jimm_writer_open(in_folder("t/own"), &own) == JIMM_OK;
    jimm_remove_temporaries();
    _exit(kept && count_in_folder(in_folder("t")) == 1 + WRITERS ? 0 : 1);
  }
  int state;
  TEST_REQUIRE(waitpid(child, &state, 0) == child);
  TEST_CHECK_INT(state, 0);
  errno = E2BIG;
  TEST_REQUIRE_INT(chdir("/"), 0);  // names do not depend on the working folder
  jimm_remove_temporaries();
  TEST_CHECK_INT(errno, E2BIG);
  TEST_CHECK_INT(count_in_folder(in_folder("t")), 2);
  TEST_CHECK_INT(jimm_writer_commit(&writers[0]), JIMM_ERROR_NOT_FOUND);
  check_content(in_folder("t/old"), "old");
  check_content(in_folder("t/1"), "half");
  for (int i = 2; i < WRITERS; i++) {
    jimm_writer_abandon(&writers[i]);
  }
  TEST_CHECK_INT(write_text(in_folder("t/old"), "new"), JIMM_OK);  // the table is free again
  check_content(in_folder("t/old"), "new");
}

// More writers than the table has room for work as well.
TEST(writers_beyond_the_table) {
  enum { WRITERS = 70 };
  static jimm_writer writers[WRITERS];
  mkdir(in_folder("many"), 0777);
  for (int i = 0; i < WRITERS; i++) {
    char name[32];
    snprintf(name, sizeof name, "many/%d", i);
    TEST_REQUIRE_INT(jimm_writer_open(in_folder(name), &writers[i]), JIMM_OK);
  }
  for (int i = 0; i < WRITERS; i++) {
    if (i % 2 == 0) {
      jimm_writer_abandon(&writers[i]);
    } else {
      TEST_CHECK_INT(jimm_writer_commit(&writers[i]), JIMM_OK);
    }
  }
  TEST_CHECK_INT(count_in_folder(in_folder("many")), WRITERS / 2);
}

TEST(writer_takes_any_name) {
  mkdir(in_folder("names"), 0777);
  char longest[300] = "names/", too_long[300] = "names/";
  memset(longest + 6, 'n', 255);
  memset(too_long + 6, 'n', 256);
  static const char *const odd[] = {"names/a\nb", "names/\xff\xfe", "names/ ",
                                    "names/-w",   "names/...",      "names/\x1b[31m"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    TEST_CHECK_INT(write_text(in_folder(odd[i]), "odd"), JIMM_OK);
    check_content(in_folder(odd[i]), "odd");
  }
  TEST_CHECK_INT(write_text(in_folder(longest), "long"), JIMM_OK);
  check_content(in_folder(longest), "long");
  TEST_CHECK_INT(write_text(in_folder(too_long), "x"), JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(jimm_error_message(), "cannot write: File name too long");
  static char endless[6000];
  memset(endless, '/', sizeof endless - 2);
  endless[sizeof endless - 2] = 'x';
  TEST_CHECK_INT(write_text(endless, "x"), JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(jimm_error_message(), "File name too long");
  TEST_CHECK_INT(count_in_folder(in_folder("names")), 7);
}
