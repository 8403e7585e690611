/* Several clients on one cache: they wait for each other, outlive each other, and leave one blob.
 */
#include <errno.h>
#include <fcntl.h>
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case.h"
#include "hub/hub.h"
#include "server/server.h"

#define LARGE (25 << 20)

static void publish(const char *name, int64_t size, char etag[65]) {
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = name,
                          .size = size,
                          .seed = 5,
                          .lfs = true},
              etag);
}

/* A slow "a.bin" of `size` bytes: it takes about `seconds`. */
static void begin(const char *place, int64_t size, double seconds, char etag[65]) {
  hub_clear();
  hub_place(place);
  publish("a.bin", size, etag);
  if (seconds > 0) {
    hub_rule_add(&(hub_rule){.method = "GET",
                             .target = "/cdn/",
                             .prefix = true,
                             .hub = true,
                             .rate = (int64_t)((double)size / seconds)});
  }
}

static void check_outcome(const hub_outcome *outcome) {
  TEST_CHECK_MSG(outcome->status == JIMM_OK, "%d: %s", outcome->status, outcome->message);
}

/* The one blob has the bytes of its name. */
static void check_blob(const char *etag, int64_t size) {
  char path[200], name[65];
  snprintf(path, sizeof path, HUB_REPO "/blobs/%s", etag);
  unsigned char *bytes = malloc((size_t)size + 1);
  TEST_REQUIRE(bytes != NULL);
  FILE *file = fopen(hub_path(path), "rb");
  TEST_REQUIRE_MSG(file != NULL, "%s", path);
  TEST_CHECK_UINT(fread(bytes, 1, (size_t)size + 1, file), (size_t)size);
  fclose(file);
  hub_name_bytes(bytes, (size_t)size, true, name);
  TEST_CHECK_STR(name, etag);
  free(bytes);
}

/* Whether a GET has sent at least so many bytes. */
static bool has_sent(void *bytes) {
  hub_log log = hub_log_read("/cdn/");
  bool sent = false;
  for (int i = 0; i < log.count; i++) {
    sent = sent || log.items[i].sent >= *(int64_t *)bytes;
  }
  hub_log_free(&log);
  return sent;
}

static bool have_asked(void *count) {
  return hub_count("HEAD", NULL) >= *(int *)count;
}

/* ---- 7: both at once ---- */

TEST(clients_at_once_get_one_blob_once) {
  char etag[65];
  hub_job jobs[3] = {{0}};
  begin("at_once", LARGE, 0.7, etag);
  for (int i = 0; i < 3; i++) {
    jobs[i].repo = "ns/name";
    jobs[i].filename = "a.bin";
    hub_job_start(&jobs[i]);
  }
  for (int i = 0; i < 3; i++) {
    const hub_outcome outcome = hub_job_wait(&jobs[i], 30);
    check_outcome(&outcome);
    TEST_CHECK_STR(outcome.path, hub_path(HUB_REPO "/snapshots/" HUB_COMMIT "/a.bin"));
  }
  TEST_CHECK_INT(hub_count("HEAD", NULL), 3);
  TEST_CHECK_INT(hub_count("GET", NULL), 1);
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/blobs"), ""), 1);
  check_blob(etag, LARGE);
}

/* ---- 8: no locks ---- */

/* The system call fails with that error from now on. */
static void forbid(long number, int error) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const struct sock_fprog whole = {sizeof program / sizeof program[0], program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole) != 0) {
    _exit(77);
  }
}

/* As on a file system without locks. */
static void forbid_flock(void *context) {
  (void)context;
  forbid(SYS_flock, ENOSYS);
  if (flock(0, LOCK_SH) == 0 || errno != ENOSYS) {
    _exit(77);
  }
}

/* As on one without links. */
static void forbid_links(void) {
#ifdef SYS_symlink
  forbid(SYS_symlink, EPERM);
#endif
  forbid(SYS_symlinkat, EPERM);
  if (symlink("x", "never") == 0 || errno != EPERM) {
    _exit(77);
  }
}

/* Both move the same bytes to the same place. */
static void forbid_flock_and_links(void *context) {
  forbid_flock(context);
  setenv("HF_HUB_DISABLE_SYMLINKS", "1", 1);
}

/* The blob is gone because another client has moved it to where it belongs. */
TEST(blobs_that_another_client_has_moved_are_there) {
  jimm_hub_call call = {.no_symlinks = true};
  char blob[1200], pointer[1200];
  hub_begin("moved");
  TEST_REQUIRE(
      system("mkdir -p ../cache/models--ns--name/blobs ../cache/models--ns--name/snapshots") == 0);
  snprintf(blob, sizeof blob, "%s", hub_path(HUB_REPO "/blobs/abc"));
  snprintf(pointer, sizeof pointer, "%s", hub_path(HUB_REPO "/snapshots/a.txt"));
  for (int fresh = 0; fresh < 2; fresh++) {
    (void)unlink(pointer);
    TEST_CHECK(jimm_hub_link(&call, blob, pointer, fresh == 1) != JIMM_OK);
    hub_write_file(pointer, "hello", 5);
    TEST_CHECK_INT(jimm_hub_link(&call, blob, pointer, fresh == 1), JIMM_OK);
    TEST_CHECK(hub_file_equals(pointer, "hello", 5));
  }
  /* And where the disk has no links, the file of the other client stays. */
  fflush(NULL);
  const pid_t child = fork();
  TEST_REQUIRE(child >= 0);
  if (child == 0) {
    forbid_links();
    call.no_symlinks = false;
    _exit(jimm_hub_link(&call, blob, pointer, true) == JIMM_OK ? 0 : 1);
  }
  int state = 0;
  TEST_REQUIRE(waitpid(child, &state, 0) == child && WIFEXITED(state));
  if (WEXITSTATUS(state) == 77) {
    TEST_SKIP("this system lets no process refuse system calls to itself");
  }
  TEST_CHECK_INT(WEXITSTATUS(state), 0);
  TEST_CHECK(hub_file_equals(pointer, "hello", 5));
  /* With links it becomes one. */
  call.no_symlinks = false;
  hub_write_file(blob, "world", 5);
  TEST_CHECK_INT(jimm_hub_link(&call, blob, pointer, true), JIMM_OK);
  TEST_CHECK(hub_file_equals(pointer, "world", 5));
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/snapshots"), ""), 1);
}

TEST(clients_without_locks_and_links_both_succeed) {
  char etag[65];
  hub_job jobs[6] = {{0}};
  begin("without_both", 20000, 0, etag);
  for (int i = 0; i < 6; i++) {
    jobs[i].repo = "ns/name";
    jobs[i].filename = "a.bin";
    jobs[i].prepare = forbid_flock_and_links;
    hub_job_start(&jobs[i]);
  }
  for (int i = 0; i < 6; i++) {
    const hub_outcome outcome = hub_job_wait(&jobs[i], 30);
    if (outcome.status == -1 && outcome.signal == 0) {
      TEST_SKIP("this system lets no process refuse system calls to itself");
    }
    check_outcome(&outcome);
  }
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/snapshots"), "a.bin"), 1);
}

TEST(clients_without_locks_get_the_right_blob_twice) {
  char etag[65];
  hub_job jobs[2] = {{0}};
  begin("without_locks", 3 << 20, 1.0, etag);
  for (int i = 0; i < 2; i++) {
    jobs[i].repo = "ns/name";
    jobs[i].filename = "a.bin";
    jobs[i].prepare = forbid_flock;
    hub_job_start(&jobs[i]);
    if (i == 0) {
      hub_until(has_sent, &(int64_t){1}, 5); /* never where the system allows no filter */
    }
  }
  const hub_outcome first = hub_job_wait(&jobs[0], 30), second = hub_job_wait(&jobs[1], 30);
  if (first.status == -1 && first.signal == 0) {
    TEST_SKIP("this system lets no process refuse system calls to itself");
  }
  check_outcome(&first);
  check_outcome(&second);
  TEST_CHECK_INT(hub_count("GET", NULL), 2);
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/blobs"), ""), 1);
  check_blob(etag, 3 << 20);
  /* An empty one is what the Python client would wait for without end. */
  TEST_CHECK_INT(hub_count_files(hub_path("cache/.locks"), ".lock"), 0);
}

/* ---- 9: locks that others hold or remove ---- */

static int hold(const char *path) {
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0664);
  TEST_REQUIRE_MSG(file >= 0, "%s", path);
  TEST_REQUIRE(flock(file, LOCK_EX | LOCK_NB) == 0);
  return file;
}

/* A forked client shares the file: only this gives the lock back. */
static void let_go(int file) {
  TEST_REQUIRE(flock(file, LOCK_UN) == 0);
  close(file);
}

static const char *make_lock_folder(const char *etag) {
  static char path[200];
  TEST_REQUIRE(mkdir(hub_path("cache"), 0777) == 0 && mkdir(hub_path("cache/.locks"), 0777) == 0 &&
               mkdir(hub_path("cache/.locks/models--ns--name"), 0777) == 0);
  snprintf(path, sizeof path, "cache/.locks/models--ns--name/%s.lock", etag);
  return path;
}

TEST(client_waits_for_the_lock) {
  char etag[65];
  hub_job job = {.repo = "ns/name", .filename = "a.bin"};
  begin("waits", 1000, 0, etag);
  const int held = hold(hub_path(make_lock_folder(etag)));
  hub_job_start(&job);
  TEST_CHECK(hub_until(have_asked, &(int){1}, 10));
  usleep(400000);
  TEST_CHECK(!hub_job_done(&job));
  TEST_CHECK_INT(hub_count("GET", NULL), 0);
  let_go(held);
  const hub_outcome outcome = hub_job_wait(&job, 5);
  check_outcome(&outcome);
  TEST_CHECK_INT(hub_count("GET", NULL), 1);
}

TEST(client_waits_for_the_lock_file_that_has_the_name) {
  char etag[65];
  hub_job job = {.repo = "ns/name", .filename = "a.bin"};
  begin("unlinked", 1000, 0, etag);
  const char *lock = make_lock_folder(etag);
  const int old = hold(hub_path(lock));
  hub_job_start(&job);
  TEST_CHECK(hub_until(have_asked, &(int){1}, 10));
  usleep(200000);
  /* As a version that removes the file, and a third client that makes it anew. */
  TEST_REQUIRE(unlink(hub_path(lock)) == 0);
  const int new = hold(hub_path(lock));
  let_go(old);
  usleep(400000);
  TEST_CHECK(!hub_job_done(&job));
  TEST_CHECK_INT(hub_count("GET", NULL), 0);
  /* Removed at last: the client makes its own. */
  TEST_REQUIRE(unlink(hub_path(lock)) == 0);
  const hub_outcome outcome = hub_job_wait(&job, 5);
  let_go(new);
  check_outcome(&outcome);
  check_blob(etag, 1000);
  TEST_CHECK_INT(access(hub_path(lock), F_OK), 0);
}

TEST(client_does_not_follow_a_link_in_place_of_the_lock) {
  char etag[65], victim[1200];
  const char *path;
  begin("lock_link", 1000, 0, etag);
  const char *lock = make_lock_folder(etag);
  hub_write_file(hub_path("victim"), "precious", 8);
  snprintf(victim, sizeof victim, "%s", hub_path("victim"));
  TEST_REQUIRE(chmod(victim, 0600) == 0 && symlink(victim, hub_path(lock)) == 0);
  const jimm_status status = hub_download("ns/name", "a.bin", NULL, &path);
  TEST_CHECK_INT(status, JIMM_ERROR_IO);
  struct stat info;
  TEST_CHECK(stat(victim, &info) == 0 && (info.st_mode & 0777) == 0600);
  TEST_CHECK(hub_file_equals(victim, "precious", 8));
}

static bool cancel_when_waiting(void *context, const jimm_hub_progress *progress) {
  char *lock = context;
  if (progress->waits_for != NULL) {
    snprintf(lock, 1200, "%s", progress->waits_for);
    return true;
  }
  return false;
}

TEST(client_that_waits_says_so_and_may_be_cancelled) {
  char etag[65], lock[1200] = "";
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  begin("says", 1000, 0, etag);
  const int held = hold(hub_path(make_lock_folder(etag)));
  options.progress = cancel_when_waiting;
  options.context = lock;
  TEST_CHECK_INT(hub_download("ns/name", "a.bin", &options, NULL), JIMM_ERROR_CANCELLED);
  let_go(held);
  char name[200];
  snprintf(name, sizeof name, "cache/.locks/models--ns--name/%s.lock", etag);
  TEST_CHECK_STR(lock, hub_path(name));
}

/* ---- 10, 11: one is killed ---- */

TEST(client_outlives_one_that_is_killed) {
  char etag[65];
  hub_job first = {.repo = "ns/name", .filename = "a.bin"}, second = first;
  begin("killed", 4 << 20, 1.5, etag);
  hub_job_start(&first);
  TEST_CHECK(hub_until(has_sent, &(int64_t){500000}, 10));
  hub_job_start(&second);
  TEST_CHECK(hub_until(have_asked, &(int){2}, 10));
  kill(first.child, SIGKILL);
  const hub_outcome ended = hub_job_wait(&first, 5), outcome = hub_job_wait(&second, 30);
  TEST_CHECK_INT(ended.signal, SIGKILL);
  check_outcome(&outcome);
  TEST_CHECK_INT(hub_count("GET", NULL), 2);
  check_blob(etag, 4 << 20);
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/blobs"), ".incomplete"), 1);
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/blobs"), ""), 2);
}

/* ---- threads ---- */

typedef struct thread_job {
  const char *filename;
  jimm_status status;
  char path[1200];
} thread_job;

static void *download_in_thread(void *context) {
  thread_job *job = context;
  char *path = NULL;
  job->status = jimm_hub_download("ns/name", job->filename, NULL, &path);
  snprintf(job->path, sizeof job->path, "%s", path == NULL ? jimm_error_message() : path);
  jimm_text_free(path);
  return NULL;
}

TEST(threads_at_once_with_the_same_and_other_files) {
  thread_job jobs[9];
  pthread_t threads[9];
  static const char *const names[] = {"a.bin", "sub/b.bin", "c.bin"};
  begin("threads", 300000, 0.3, NULL);
  publish("sub/b.bin", 200000, NULL);
  publish("c.bin", 100000, NULL);
  for (size_t i = 0; i < 9; i++) {
    jobs[i] = (thread_job){.filename = names[i % 3]};
    TEST_REQUIRE(pthread_create(&threads[i], NULL, download_in_thread, &jobs[i]) == 0);
  }
  for (size_t i = 0; i < 9; i++) {
    pthread_join(threads[i], NULL);
    TEST_CHECK_MSG(jobs[i].status == JIMM_OK, "%s", jobs[i].path);
    TEST_CHECK_INT(access(jobs[i].path, R_OK), 0);
  }
  TEST_CHECK_INT(hub_count("GET", NULL), 3);
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/blobs"), ""), 3);
}
