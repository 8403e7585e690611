// Files, mappings, interrupted calls, processors.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jimm-test/jimm-test.h>

#include "base/alloc.h"
#include "base/os.h"
#include "folder.h"

TEST(map_gives_the_bytes_of_regular_files_only) {
  jimm_mapping mapping;
  const char *path = in_folder("mapped");
  TEST_REQUIRE(write_bytes(path, "hello", 5));
  TEST_REQUIRE_INT(jimm_os_map(path, &mapping), JIMM_OK);
  TEST_CHECK_UINT(mapping.size, 5);
  TEST_CHECK_MEM(mapping.data, "hello", 5);
  jimm_os_unmap(&mapping);
  TEST_CHECK(mapping.data == NULL);
  TEST_REQUIRE(write_bytes(path, "", 0));
  TEST_CHECK_INT(jimm_os_map(path, &mapping), JIMM_OK);
  TEST_CHECK(mapping.data == NULL && mapping.size == 0);
  jimm_os_unmap(&mapping);
  TEST_CHECK_INT(jimm_os_map(in_folder("absent"), &mapping), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK_CONTAINS(jimm_error_message(), "absent: cannot open: No such file");
  TEST_CHECK_INT(jimm_os_map(in_folder("mapped/inside"), &mapping), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK_INT(jimm_os_map(in_folder("."), &mapping), JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(jimm_error_message(), "found a folder");
  TEST_REQUIRE_INT(mkfifo(in_folder("pipe"), 0600), 0);
  TEST_CHECK_INT(jimm_os_map(in_folder("pipe"), &mapping), JIMM_ERROR_IO);  // and does not wait
  TEST_CHECK_CONTAINS(jimm_error_message(), "found a pipe");
  TEST_CHECK_INT(jimm_os_map("/dev/null", &mapping), JIMM_ERROR_IO);
}

TEST(release_pages_keeps_the_content) {
  enum { SIZE = 5 * 4096 + 100 };
  static unsigned char bytes[SIZE];
  for (int i = 0; i < SIZE; i++) {
    bytes[i] = (unsigned char)(i * 7);
  }
  const char *path = in_folder("pages");
  TEST_REQUIRE(write_bytes(path, bytes, SIZE));
  jimm_mapping mapping;
  TEST_REQUIRE_INT(jimm_os_map(path, &mapping), JIMM_OK);
  TEST_CHECK_MEM(mapping.data, bytes, SIZE);
  jimm_os_release_pages(mapping.data + 10, SIZE - 20);
  jimm_os_release_pages(mapping.data + 10, 5);  // no whole page
  jimm_os_release_pages(mapping.data, 0);
  TEST_CHECK_MEM(mapping.data, bytes, SIZE);
  jimm_os_unmap(&mapping);
}

TEST(read_file_reads_whole_files_up_to_a_limit) {
  unsigned char *data;
  size_t size;
  const char *path = in_folder("read");
  static char large[200000];
  memset(large, 'q', sizeof large);
  TEST_REQUIRE(write_bytes(path, large, sizeof large));
  TEST_REQUIRE_INT(jimm_os_read_file(path, sizeof large, &data, &size), JIMM_OK);
  TEST_CHECK_UINT(size, sizeof large);
  TEST_CHECK_MEM(data, large, sizeof large);
  TEST_CHECK_INT(data[size], 0);
  jimm_free(data);
  TEST_CHECK_INT(jimm_os_read_file(path, sizeof large - 1, &data, &size), JIMM_ERROR_LIMIT);
  TEST_CHECK(data == NULL && size == 0);
  TEST_CHECK_INT(jimm_os_read_file(in_folder("."), 10, &data, &size), JIMM_ERROR_IO);
  TEST_CHECK_INT(jimm_os_read_file(in_folder("absent"), 10, &data, &size), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK_INT(jimm_os_read_file("/dev/zero", 100000, &data, &size), JIMM_ERROR_LIMIT);
  TEST_CHECK(data == NULL);
  TEST_REQUIRE(write_bytes(path, "", 0));
  TEST_REQUIRE_INT(jimm_os_read_file(path, 0, &data, &size), JIMM_OK);
  TEST_CHECK(size == 0 && data != NULL && data[0] == 0);
  jimm_free(data);
  int ends[2];
  TEST_REQUIRE_INT(pipe(ends), 0);
  TEST_CHECK_INT(write(ends[1], "piped", 5), 5);
  close(ends[1]);
  char name[64];
  snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
  TEST_REQUIRE_INT(jimm_os_read_file(name, 100, &data, &size), JIMM_OK);
  TEST_CHECK_STR((char *)data, "piped");
  jimm_free(data);
  close(ends[0]);
}

TEST(folders_and_existence) {
  TEST_REQUIRE(write_bytes(in_folder("plain"), "x", 1));
  TEST_CHECK(jimm_os_is_folder(in_folder(".")));
  TEST_CHECK(!jimm_os_is_folder(in_folder("plain")));
  TEST_CHECK(!jimm_os_is_folder(in_folder("absent")));
  TEST_CHECK(jimm_os_exists(in_folder("plain")));
  TEST_CHECK(!jimm_os_exists(in_folder("absent")));
}

static void ignore_signal(int number) {
  (void)number;
}

// Signals that arrive every millisecond, with a handler that does not ask for restarts: reading a
// slow pipe and writing go on.
TEST_OPTIONS(interrupted_calls_go_on, .isolate = true) {
  struct sigaction action = {.sa_handler = ignore_signal};
  TEST_REQUIRE_INT(sigaction(SIGALRM, &action, NULL), 0);
  const struct itimerval often = {{0, 1000}, {0, 1000}};
  const char *pipe_path = in_folder("slow");
  TEST_REQUIRE_INT(mkfifo(pipe_path, 0600), 0);
  fflush(NULL);
  const pid_t child = fork();
  TEST_REQUIRE(child >= 0);
  if (child == 0) {
    usleep(30000);  // the reader waits in open
    const int end = open(pipe_path, O_WRONLY);
    for (int i = 0; i < 10; i++) {
      usleep(5000);  // and in read
      (void)!write(end, "0123456789", 10);
    }
    _exit(0);
  }
  TEST_REQUIRE_INT(setitimer(ITIMER_REAL, &often, NULL), 0);
  unsigned char *data;
  size_t size;
  const jimm_status status = jimm_os_read_file(pipe_path, 1000, &data, &size);
  static char bytes[3000000];
  jimm_writer writer;
  jimm_status wrote = jimm_writer_open(in_folder("often"), &writer);
  for (int i = 0; i < 10 && wrote == JIMM_OK; i++) {
    wrote = jimm_writer_write(&writer, bytes, sizeof bytes);
  }
  wrote = wrote == JIMM_OK ? jimm_writer_commit(&writer) : wrote;
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
  int state;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  TEST_CHECK_INT(state, 0);
  TEST_CHECK_INT(status, JIMM_OK);
  TEST_CHECK_UINT(size, 100);
  TEST_CHECK_INT(wrote, JIMM_OK);
  jimm_free(data);
  struct stat info;
  TEST_REQUIRE_INT(stat(in_folder("often"), &info), 0);
  TEST_CHECK_INT(info.st_size, 30000000);
}

// ---- processors ---------------------------------------------------------------------------------

static void make_file(const char *root, const char *path, const char *text) {
  char full[1024];
  snprintf(full, sizeof full, "%s%s", root, path);
  for (char *slash = strchr(full + strlen(root) + 1, '/'); slash != NULL;
       slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(full, 0777);
    *slash = '/';
  }
  TEST_CHECK(write_bytes(full, text, strlen(text)));
}

TEST(quota_is_that_of_the_control_group) {
  static const struct {
    const char *files[8];  // path, text
    int want;
  } rows[] = {
      {{"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "150000 100000\n"}, 2},
      {{"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "max 100000\n"}, 0},
      {{"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "100000 100000\n"}, 1},
      {{"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "1000 100000\n"}, 1},
      {{"/proc/self/cgroup", "0::/a/b\n", "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n",
        "/sys/fs/cgroup/a/cpu.max", "300000 100000\n"},
       3},
      {{"/proc/self/cgroup", "0::/a/b\n", "/sys/fs/cgroup/a/b/cpu.max", "200000 100000\n",
        "/sys/fs/cgroup/a/cpu.max", "300000 100000\n"},
       2},
      {{"/proc/self/cgroup", "0::/not/visible\n", "/sys/fs/cgroup/cpu.max", "400000 100000\n"}, 4},
      {{"/proc/self/cgroup", "5:cpuset:/\n4:cpu,cpuacct:/x\n0::/\n",
        "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "250000\n",
        "/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "50000\n"},
       5},
      {{"/proc/self/cgroup", "4:cpu:/\n", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n"},
       0},
      {{"/proc/self/cgroup", "4:cpuset,cpuacct:/\n", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
        "50000\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n"},
       0},
      {{"/proc/self/cgroup", "0::/\n"}, 0},
      {{"/proc/self/cgroup", "nonsense\n::\n"}, 0},
      {{"/elsewhere", "x"}, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char name[32];
    snprintf(name, sizeof name, "root%zu", i);
    const char *root = in_folder(name);
    mkdir(root, 0777);
    for (int k = 0; k < 8 && rows[i].files[k] != NULL; k += 2) {
      make_file(root, rows[i].files[k], rows[i].files[k + 1]);
    }
    TEST_CHECK_MSG(jimm_os_quota(root) == rows[i].want, "row %zu: got %d, want %d", i,
                   jimm_os_quota(root), rows[i].want);
  }
}

TEST_OPTIONS(processors_follow_the_affinity_mask, .isolate = true) {
  TEST_CHECK(jimm_os_processors() >= 1);
  cpu_set_t all, one;
  TEST_REQUIRE_INT(sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&one);
  for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++) {
    if (CPU_ISSET(i, &all)) {
      CPU_SET(i, &one);
    }
  }
  TEST_CHECK(jimm_os_processors() <= CPU_COUNT(&all));
  TEST_REQUIRE_INT(sched_setaffinity(0, sizeof one, &one), 0);
  TEST_CHECK_INT(jimm_os_processors(), 1);
  TEST_CHECK_INT(jimm_default_threads(), 1);
}
