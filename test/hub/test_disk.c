/* Disks that may not be written, are full, or refuse links. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case.h"
#include "server/server.h"

#define NOBODY 65534

static void publish(const char *name, const char *body, int64_t size) {
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = name,
                          .body = body,
                          .size = size,
                          .lfs = true},
              NULL);
}

static void begin(const char *place) {
  hub_clear();
  hub_place(place);
  publish("a.bin", "hello", 0);
  publish("large.bin", NULL, 3 << 20);
}

/* ---- 22: a cache that is read-only ---- */

/* Root may write everything: go on as somebody else. */
static void become_nobody(void *context) {
  (void)context;
  if (getuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
                        setresuid(NOBODY, NOBODY, NOBODY) != 0)) {
    _exit(77);
  }
}

static hub_outcome as_nobody(const char *filename) {
  hub_job job = {.repo = "ns/name", .filename = filename, .prepare = become_nobody};
  hub_job_start(&job);
  return hub_job_wait(&job, 20);
}

/* Folders above the place must be passable for nobody. */
static void open_way(void) {
  char path[1200];
  snprintf(path, sizeof path, "%s", hub_path("."));
  for (char *slash = strrchr(path, '/'); slash != NULL && slash != path;
       slash = strrchr(path, '/')) {
    *slash = 0;
    if (chmod(path, 0755) != 0 || strstr(path, "jimm-test-") == NULL) {
      break;
    }
  }
}

static void set_modes(const char *what) {
  char command[1500];
  snprintf(command, sizeof command, "chmod -R %s '%s'", what, hub_path("cache"));
  TEST_REQUIRE(system(command) == 0);
}

TEST(read_only_cache) {
  static const char *const files[] = {"a.bin", "large.bin", "none.bin"};
  static const jimm_status want[] = {JIMM_OK, JIMM_ERROR_IO, JIMM_ERROR_ENTRY_NOT_FOUND};
  begin("read_only");
  TEST_REQUIRE_INT(hub_download("ns/name", "a.bin", NULL, NULL), JIMM_OK);
  hub_write_file(hub_path(HUB_REPO "/refs/main"), HUB_COMMIT_2,
                 40); /* which wants to be refreshed */
  open_way();
  set_modes("a-w");
  char *before = hub_tree(hub_path("."));
  for (int i = 0; i < 3; i++) {
    const hub_outcome outcome = as_nobody(files[i]);
    if (outcome.status == -1 && outcome.signal == 0) {
      set_modes("u+w");
      TEST_SKIP("this system does not let root become somebody else");
    }
    TEST_CHECK_MSG(outcome.status == (int)want[i], "%s: %d: %s", files[i], outcome.status,
                   outcome.message);
    if (want[i] == JIMM_ERROR_IO) {
      TEST_CHECK_CONTAINS(outcome.message, hub_path("cache"));
    }
  }
  TEST_CHECK_INT(hub_count("GET", NULL), 1);
  char *after = hub_tree(hub_path("."));
  TEST_CHECK_STR(after, before);
  free(before);
  free(after);
  set_modes("u+w");
}

TEST(cache_that_is_no_folder) {
  begin("no_folder");
  hub_write_file(hub_path("cache"), "a file", 6);
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", NULL, NULL), JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(jimm_error_message(), hub_path("cache"));
  TEST_CHECK(hub_file_equals(hub_path("cache"), "a file", 6));
}

/* ---- 25: a full disk ---- */

static void mount_small(void *context) {
  char options[60];
  snprintf(options, sizeof options, "size=1m,mode=0777");
  if (mkdir(context, 0777) != 0 || unshare(CLONE_NEWNS) != 0 ||
      mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("tmpfs", context, "tmpfs", 0, options) != 0) {
    _exit(77);
  }
}

static char mount_point[1200];
static int left_pipe[2];

/* Downloads in the small file system, and sends the status, the message and the tree that is left:
 * nobody else sees it. */
static void download_on_small(void *context) {
  struct {
    int status;
    char message[1000], tree[3000];
  } sent = {0};
  (void)context;
  sent.status = (int)hub_download("ns/name", "large.bin", NULL, NULL);
  snprintf(sent.message, sizeof sent.message, "%s", jimm_error_message());
  char *tree = hub_tree(mount_point);
  snprintf(sent.tree, sizeof sent.tree, "%s", tree);
  if (write(left_pipe[1], &sent, sizeof sent) != (ssize_t)sizeof sent) {
    _exit(1);
  }
}

TEST(full_disk) {
  struct {
    int status;
    char message[1000], tree[3000];
  } got = {0};
  begin("full");
  snprintf(mount_point, sizeof mount_point, "%s", hub_path("cache"));
  TEST_REQUIRE(pipe2(left_pipe, O_CLOEXEC | O_NONBLOCK) == 0);
  hub_job job = {.prepare = mount_small, .work = download_on_small, .context = mount_point};
  hub_job_start(&job);
  const hub_outcome outcome = hub_job_wait(&job, 20);
  const ssize_t size = read(left_pipe[0], &got, sizeof got);
  close(left_pipe[0]);
  close(left_pipe[1]);
  if (outcome.status == -1 && outcome.signal == 0 && size <= 0) {
    TEST_SKIP("this system does not let the test mount a small file system");
  }
  TEST_REQUIRE_INT(size, (ssize_t)sizeof got);
  TEST_CHECK_INT(got.status, JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(got.message, "No space left");
  TEST_CHECK_CONTAINS(got.message, mount_point);
  TEST_CHECK_CONTAINS(got.tree, "models--ns--name/blobs\n");
  TEST_CHECK_MSG(strstr(got.tree, "/blobs/") == NULL, "%s", got.tree);
  TEST_CHECK_MSG(strstr(got.tree, "large.bin") == NULL, "%s", got.tree);
}

static void limit_size(void *context) {
  const struct rlimit limit = {1 << 20, 1 << 20};
  (void)context;
  signal(SIGXFSZ, SIG_IGN);
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
    _exit(77);
  }
}

TEST(file_that_is_too_large_for_the_system) {
  begin("too_large");
  hub_job job = {.repo = "ns/name", .filename = "large.bin", .prepare = limit_size};
  hub_job_start(&job);
  const hub_outcome outcome = hub_job_wait(&job, 20);
  TEST_CHECK_INT(outcome.status, JIMM_ERROR_IO);
  TEST_CHECK_CONTAINS(outcome.message, "File too large");
  hub_check_nothing_left();
}
