#include "case.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jimm-test/jimm-test.h>
#include <jimm/base.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "folder.h"
#include "server/server.h"
#include "server/wire.h"

/* ---- the place ---- */

static char place[1024];

const char *hub_path(const char *name) {
  static char paths[8][1200];
  static unsigned next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", place, name);
  return path;
}

/* These tests make and remove thousands of folders, which takes minutes on some disks. */
static void choose_folder(void) {
  struct statvfs space;
  const char *said = getenv("TMPDIR");
  if ((said == NULL || said[0] == 0) && access("/dev/shm", W_OK | X_OK) == 0 &&
      statvfs("/dev/shm", &space) == 0 &&
      (uint64_t)space.f_bavail * space.f_frsize > (uint64_t)1 << 30) {
    setenv("TMPDIR", "/dev/shm", 1);
  }
}

const char *hub_place(const char *name) {
  static const char *const unset[] = {"HF_HOME",
                                      "HUGGINGFACE_HUB_CACHE",
                                      "XDG_CACHE_HOME",
                                      "TORCH_HOME",
                                      "HF_TOKEN",
                                      "HUGGING_FACE_HUB_TOKEN",
                                      "HF_TOKEN_PATH",
                                      "HF_HUB_DISABLE_IMPLICIT_TOKEN",
                                      "HF_HUB_OFFLINE",
                                      "TRANSFORMERS_OFFLINE",
                                      "HF_HUB_DISABLE_SYMLINKS",
                                      "http_proxy",
                                      "HTTP_PROXY",
                                      "https_proxy",
                                      "all_proxy",
                                      "ALL_PROXY",
                                      "JIMM_HUB_CACHE"};
  if (place[0] == 0) {
    choose_folder();
  }
  snprintf(place, sizeof place, "%s", in_folder(name));
  TEST_REQUIRE_MSG(mkdir(place, 0777) == 0, "%s", place);
  static const char *const folders[] = {"home", "tmp", "work"};
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    TEST_REQUIRE(mkdir(hub_path(folders[i]), 0777) == 0);
  }
  for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++) {
    unsetenv(unset[i]);
  }
  setenv("HF_ENDPOINT", hub_endpoint(1), 1);
  setenv("HF_HUB_CACHE", hub_path("cache"), 1);
  setenv("HOME", hub_path("home"), 1);
  setenv("TMPDIR", hub_path("tmp"), 1);
  setenv("HF_HUB_ETAG_TIMEOUT", "1", 1);
  setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1", 1);
  setenv("JIMM_HUB_RETRY_SECONDS", "0.002", 1);
  TEST_REQUIRE(chdir(hub_path("work")) == 0);
  return place;
}

void hub_publish_pair(bool secure) {
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = "a.bin",
                          .size = HUB_LARGE_SIZE,
                          .seed = HUB_LARGE_SEED,
                          .lfs = true,
                          .secure = secure},
              NULL);
  hub_publish(&(hub_file){.repo = "ns/name",
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = "a.txt",
                          .body = "hello"},
              NULL);
}

const char *hub_begin(const char *name) {
  hub_clear();
  hub_place(name);
  hub_publish_pair(false);
  return place;
}

/* ---- trees ---- */

typedef struct text {
  char *data;
  size_t size;
  FILE *stream;
} text;

static void mode_text(mode_t mode, char out[11]) {
  static const char letters[] = "rwxrwxrwx";
  out[0] = S_ISDIR(mode) ? 'd' : S_ISREG(mode) ? '-' : '?';
  for (int i = 0; i < 9; i++) {
    out[1 + i] = mode & (mode_t)(0400 >> i) ? letters[i] : '-';
  }
  out[10] = 0;
}

static void write_content(FILE *to, const char *path, const struct stat *info) {
  char bytes[65] = "", name[65] = "unreadable";
  hub_content content;
  if (!hub_content_open(&content, NULL, 0, 0, path)) {
    fprintf(to, " unreadable\n");
    return;
  }
  bool shown = info->st_size > 0 && info->st_size < (off_t)sizeof bytes &&
               hub_content_read(&content, 0, bytes, (size_t)info->st_size);
  for (off_t i = 0; shown && i < info->st_size; i++) {
    shown = bytes[i] >= ' ' && bytes[i] < 127;
  }
  if (shown) {
    fprintf(to, " \"%s\"\n", bytes);
  } else {
    hub_content_name(&content, false, name);
    fprintf(to, " %lld %s\n", (long long)info->st_size, name);
  }
  hub_content_close(&content);
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void write_tree(FILE *to, const char *folder, const char *shown) {
  struct dirent **entries = NULL;
  const int count = scandir(folder, &entries, NULL, by_bytes);
  for (int i = 0; i < count; i++) {
    char path[4096], name[4096], mode[11], target[1024];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    snprintf(name, sizeof name, "%s%s%s", shown, shown[0] == 0 ? "" : "/", entries[i]->d_name);
    if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0 &&
        lstat(path, &info) == 0) {
      mode_text(info.st_mode, mode);
      if (S_ISLNK(info.st_mode)) {
        const ssize_t size = readlink(path, target, sizeof target - 1);
        fprintf(to, "l %s -> %.*s\n", name, (int)size, target);
      } else if (S_ISDIR(info.st_mode)) {
        fprintf(to, "%s %s\n", mode, name);
        write_tree(to, path, name);
      } else {
        fprintf(to, "%s %s", mode, name);
        write_content(to, path, &info);
      }
    }
    free(entries[i]);
  }
  free(entries);
}

char *hub_tree(const char *folder) {
  text tree = {0};
  tree.stream = open_memstream(&tree.data, &tree.size);
  TEST_REQUIRE(tree.stream != NULL);
  write_tree(tree.stream, folder, "");
  fclose(tree.stream);
  return tree.data;
}

/* git's name of the tag file that huggingface_hub writes. */
static const char tag_file[] =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file is a cache directory tag created by huggingface_hub.\n"
    "# For information about cache directory tags, see:\n"
    "#\thttps://bford.info/cachedir/\n";

void hub_check_tree(const char *folder, mode_t mask, const char *want) {
  char directory[11], file[11], tag[65], empty[65];
  text full = {0};
  mode_text(S_IFDIR | (0777 & ~mask), directory);
  mode_text(S_IFREG | (0666 & ~mask), file);
  hub_name_bytes(tag_file, sizeof tag_file - 1, false, tag);
  hub_name_bytes("", 0, false, empty);
  full.stream = open_memstream(&full.data, &full.size);
  TEST_REQUIRE(full.stream != NULL);
  for (const char *line = want; *line != 0;) {
    const int length = (int)strcspn(line, "\n");
    if (strncmp(line, "d ", 2) == 0) {
      fprintf(full.stream, "%s%.*s\n", directory, length - 1, line + 1);
    } else if (strncmp(line, "- ", 2) == 0) {
      fprintf(full.stream, "%s%.*s\n", file, length - 1, line + 1);
    } else if (strncmp(line, "t ", 2) == 0) {
      fprintf(full.stream, "%s%.*s %zu %s\n", file, length - 1, line + 1, sizeof tag_file - 1, tag);
    } else if (strncmp(line, "k ", 2) == 0) {
      fprintf(full.stream, "-rw-rw-r--%.*s 0 %s\n", length - 1, line + 1, empty);
    } else {
      fprintf(full.stream, "%.*s\n", length, line);
    }
    line += length + (line[length] == '\n');
  }
  fclose(full.stream);
  char *got = hub_tree(folder);
  TEST_CHECK_STR(got, full.data);
  free(got);
  free(full.data);
}

bool hub_file_equals(const char *path, const void *bytes, size_t size) {
  char *got = malloc(size + 1);
  TEST_REQUIRE(got != NULL);
  const bool equal = read_bytes(path, got, size + 1) == (long)size && memcmp(got, bytes, size) == 0;
  free(got);
  return equal;
}

void hub_write_file(const char *path, const void *bytes, size_t size) {
  TEST_REQUIRE_MSG(write_bytes(path, bytes, size), "%s", path);
}

int hub_count_files(const char *folder, const char *ending) {
  char *tree = hub_tree(folder);
  int count = 0;
  for (char *line = strtok(tree, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    char *name = strchr(line, ' ') + 1;
    const size_t length = strcspn(name, " ");
    count += line[0] != 'd' && length >= strlen(ending) &&
             strncmp(name + length - strlen(ending), ending, strlen(ending)) == 0;
  }
  free(tree);
  return count;
}

void hub_check_nothing_left(void) {
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/blobs"), ""), 0);
  TEST_CHECK_INT(hub_count_files(hub_path(HUB_REPO "/snapshots"), ""), 0);
}

void hub_check_authorization(const char *prefix, int64_t port, const char *want) {
  hub_log log = hub_log_read(prefix);
  TEST_CHECK_MSG(log.count > 0, "no request to %s", prefix);
  for (int i = 0; i < log.count; i++) {
    TEST_CHECK_INT(log.items[i].port, port);
    TEST_CHECK_STR(hub_request_header(&log.items[i], "Authorization"), want);
  }
  hub_log_free(&log);
}

/* ---- clients ---- */

double hub_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

bool hub_until(bool (*is)(void *context), void *context, double seconds) {
  const double end = hub_clock() + seconds;
  while (!is(context)) {
    if (hub_clock() > end) {
      return false;
    }
    usleep(5000);
  }
  return true;
}

jimm_status hub_download(const char *repo, const char *filename, const jimm_hub_options *options,
                         const char **path) {
  static char kept[1200];
  char *found = NULL;
  const jimm_status status = jimm_hub_download(repo, filename, options, &found);
  TEST_CHECK((status == JIMM_OK) == (found != NULL));
  snprintf(kept, sizeof kept, "%s", found == NULL ? "" : found);
  jimm_text_free(found);
  if (path != NULL) {
    *path = kept;
  }
  return status;
}

static void run_job(const hub_job *job, int to) {
  hub_outcome outcome = {0};
  char *path = NULL;
  const double start = hub_clock();
  if (job->prepare != NULL) {
    job->prepare(job->context);
  }
  if (job->work != NULL) {
    job->work(job->context);
  } else {
    outcome.status = (int)jimm_hub_download(job->repo, job->filename, job->options, &path);
  }
  outcome.seconds = hub_clock() - start;
  snprintf(outcome.path, sizeof outcome.path, "%s", path == NULL ? "" : path);
  if (outcome.status != JIMM_OK) {
    snprintf(outcome.message, sizeof outcome.message, "%s", jimm_error_message());
  }
  const ssize_t written = write(to, &outcome, sizeof outcome);
  _exit(written == (ssize_t)sizeof outcome ? 0 : 1);
}

void hub_job_start(hub_job *job) {
  int ends[2];
  TEST_REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const pid_t parent = getpid();
  job->started = hub_clock();
  fflush(NULL);
  job->child = fork();
  TEST_REQUIRE(job->child >= 0);
  if (job->child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) {
      run_job(job, ends[1]);
    }
    _exit(1);
  }
  close(ends[1]);
  job->pipe = ends[0];
}

bool hub_job_done(const hub_job *job) {
  struct pollfd ready = {.fd = job->pipe, .events = POLLIN};
  return poll(&ready, 1, 0) > 0;
}

static bool is_done(void *job) {
  return hub_job_done(job);
}

hub_outcome hub_job_wait(hub_job *job, double limit) {
  hub_outcome outcome = {0};
  int state = 0;
  if (!hub_until(is_done, job, limit)) {
    kill(job->child, SIGKILL);
  }
  const ssize_t got = read(job->pipe, &outcome, sizeof outcome);
  TEST_REQUIRE(waitpid(job->child, &state, 0) == job->child);
  if (got != (ssize_t)sizeof outcome) {
    outcome = (hub_outcome){.status = -1, .seconds = hub_clock() - job->started};
  }
  outcome.signal = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
  close(job->pipe);
  job->child = 0;
  return outcome;
}
