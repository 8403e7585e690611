/* jimm_hub_download against servers that misbehave (hostile.def). Each case is a client in a
 * process of its own, in a place of its own whose files are listed before and after. Whatever the
 * server does: the status is one that the case names; what the client leaves lies in its
 * repository's folders; a failure leaves no blob, pointer or temporary, a success the right bytes;
 * the token goes to the hub alone and into no message; messages are printable; and it ends in time.
 */
#include <dirent.h>
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case.h"
#include "server/server.h"

#define SIZE 4096
#define AT_ONCE 32
#define SECONDS_MOST 30.0
#define CANARY "hf_canary_"

typedef enum place { HEAD, GET, HUB_GET, OTHER, NEXT } place;

typedef struct hostile_case {
  const char *name, *want;
  place at[2];
  hub_rule answers[2];
} hostile_case;

#define COMMIT "X-Repo-Commit: " HUB_COMMIT "\r\n"
#define META COMMIT "X-Linked-Etag: \"@e@\"\r\nX-Linked-Size: 4096\r\n"
#define CASE(name, want, at, ...) {name, want, {at, at}, {{__VA_ARGS__}, {.times = -1}}},
#define ANSWER(...) \
  { __VA_ARGS__ }
#define CASE2(name, want, at, answer, at2, answer2) {name, want, {at, at2}, {answer, answer2}},

static const hostile_case cases[] = {
#include "hostile.def"
};

#define COUNT (sizeof cases / sizeof cases[0])

/* What became of each case. */
static struct result {
  char root[600], token[40], repo[20], etag[65];
  char *before, *after;
  hub_job job;
  jimm_hub_options options;
  hub_outcome outcome;
} results[COUNT];

static unsigned char *wanted(size_t index) {
  static unsigned char bytes[SIZE];
  hub_bytes((int64_t)index + 1000, 0, bytes, SIZE);
  return bytes;
}

/* ---- rules ---- */

/* `text` with @c@, @e@ and @s@ replaced; NULL stays NULL. */
static const char *fill(const char *text, size_t index) {
  static char *texts[64];
  static unsigned next;
  if (text == NULL) {
    return NULL;
  }
  char **filled = &texts[next++ % 64];
  size_t size = 0;
  free(*filled);
  FILE *stream = open_memstream(filled, &size);
  TEST_REQUIRE(stream != NULL);
  for (const char *at = text; *at != 0;) {
    if (strncmp(at, "@c@", 3) == 0) {
      fprintf(stream, "c%zu", index);
      at += 3;
    } else if (strncmp(at, "@e@", 3) == 0) {
      fprintf(stream, "%s", results[index].etag);
      at += 3;
    } else if (strncmp(at, "@s@", 3) == 0) {
      fprintf(stream, "%s", results[index].root);
      at += 3;
    } else {
      fputc(*at++, stream);
    }
  }
  fclose(stream);
  return *filled;
}

static void add_rule(size_t index, place at, const hub_rule *answer) {
  static const char *const methods[] = {"HEAD", "GET", "GET", NULL, NULL};
  static const char *const targets[] = {"/case/@c@/resolve/", "/cdn/@e@", "/case/@c@/resolve/",
                                        "/case/@c@/other", "/case/@c@/next"};
  static const int64_t ports[] = {1, 2, 1, 3, 1};
  hub_rule rule = *answer;
  rule.method = methods[at];
  rule.target = fill(targets[at], index);
  rule.prefix = true;
  rule.port = ports[at];
  rule.headers = fill(rule.headers, index);
  rule.raw = fill(rule.raw, index);
  rule.before = fill(rule.before, index);
  rule.extra = fill(rule.extra, index);
  hub_rule_add(&rule);
}

static void publish(size_t index) {
  struct result *result = &results[index];
  snprintf(result->repo, sizeof result->repo, "case/c%zu", index);
  snprintf(result->token, sizeof result->token, CANARY "%zu", index);
  hub_publish(&(hub_file){.repo = result->repo,
                          .commit = HUB_COMMIT,
                          .revisions = "main",
                          .name = "f.bin",
                          .size = SIZE,
                          .seed = (int64_t)index + 1000,
                          .lfs = cases[index].at[0] != HUB_GET},
              result->etag);
  hub_rule_add(&(hub_rule){.target = fill("/case/@c@/right", index),
                           .port = 3,
                           .size = SIZE,
                           .seed = (int64_t)index + 1000});
  for (int i = 0; i < 2; i++) {
    if (cases[index].answers[i].times >= 0) {
      add_rule(index, cases[index].at[i], &cases[index].answers[i]);
    }
  }
}

/* ---- clients ---- */

static void start(size_t index) {
  struct result *result = &results[index];
  char name[20];
  snprintf(name, sizeof name, "case%zu", index);
  snprintf(result->root, sizeof result->root, "%s", hub_place(name));
  publish(index);
  hub_write_file(hub_path("sentinel"), "untouched", 9);
  hub_write_file(hub_path("home/sentinel"), "untouched", 9);
  setenv("HF_HUB_ETAG_TIMEOUT", "0.6", 1);
  setenv("HF_HUB_DOWNLOAD_TIMEOUT", "0.6", 1);
  result->before = hub_tree(result->root);
  result->options = (jimm_hub_options)JIMM_HUB_OPTIONS_INIT;
  result->options.token = result->token;
  result->job = (hub_job){.repo = result->repo, .filename = "f.bin", .options = &result->options};
  hub_job_start(&result->job);
}

static void finish(size_t index) {
  struct result *result = &results[index];
  const double spent = hub_clock() - result->job.started;
  result->outcome = hub_job_wait(&result->job, SECONDS_MOST > spent ? SECONDS_MOST - spent : 0);
  result->after = hub_tree(result->root);
}

static bool is_over(const struct result *result) {
  return hub_job_done(&result->job) || hub_clock() - result->job.started > SECONDS_MOST;
}

static void run_all(void) {
  size_t running[AT_ONCE], count = 0, next = 0;
  hub_clear();
  hub_place("warm"); /* loads libcurl for all */
  hub_download("case/none", "f.bin", NULL, NULL);
  while (next < COUNT || count > 0) {
    while (next < COUNT && count < AT_ONCE) {
      start(next);
      running[count++] = next++;
    }
    for (size_t i = 0; i < count;) {
      if (is_over(&results[running[i]])) {
        finish(running[i]);
        running[i] = running[--count];
      } else {
        i++;
      }
    }
    usleep(2000);
  }
}

/* ---- what must hold ---- */

static jimm_status status_of(char letter) {
  switch (letter) {
    case 'O':
      return JIMM_OK;
    case 'F':
      return JIMM_ERROR_FORMAT;
    case 'N':
      return JIMM_ERROR_NETWORK;
    case 'C':
      return JIMM_ERROR_NOT_CACHED;
    case 'I':
      return JIMM_ERROR_INTEGRITY;
    case 'E':
      return JIMM_ERROR_ENTRY_NOT_FOUND;
    case 'R':
      return JIMM_ERROR_REPO_NOT_FOUND;
    case 'U':
      return JIMM_ERROR_UNAUTHORIZED;
    default:
      return (jimm_status)-2;
  }
}

static void check_status(const hostile_case *one, const struct result *result) {
  bool wanted_one = false;
  for (const char *letter = one->want; *letter != 0; letter++) {
    wanted_one = wanted_one || (int)status_of(*letter) == result->outcome.status;
  }
  TEST_CHECK_MSG(wanted_one, "status %d, signal %d, expected %s: %s", result->outcome.status,
                 result->outcome.signal, one->want, result->outcome.message);
  TEST_CHECK_MSG(result->outcome.seconds < SECONDS_MOST, "%.1f s", result->outcome.seconds);
}

/* The lines of `after` that are not in `before` must be of the case's own folders, and none of
 * `before` may be missing. */
static void check_tree(const struct result *result, size_t index) {
  char folder[60], locks[60];
  snprintf(folder, sizeof folder, "cache/models--case--c%zu", index);
  snprintf(locks, sizeof locks, "cache/.locks/models--case--c%zu", index);
  static const char *const always[] = {"cache", "cache/.locks", "cache/CACHEDIR.TAG"};
  const char *kept = result->before;
  for (const char *line = result->after; *line != 0; line += strcspn(line, "\n") + 1) {
    const int length = (int)strcspn(line, "\n");
    if (strncmp(line, kept, (size_t)length + 1) == 0) {
      kept += length + 1;
      continue;
    }
    const char *name = line + strcspn(line, " ") + 1;
    bool own =
        strncmp(name, folder, strlen(folder)) == 0 || strncmp(name, locks, strlen(locks)) == 0;
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
      const size_t size = strlen(always[i]);
      own = own || (strncmp(name, always[i], size) == 0 && strchr(" \n", name[size]) != NULL);
    }
    TEST_CHECK_MSG(own, "outside the repository's folder: %.*s", length, line);
    if (result->outcome.status != JIMM_OK) {
      TEST_CHECK_MSG(memmem(line, (size_t)length, "/blobs/", 7) == NULL, "left: %.*s", length,
                     line);
      TEST_CHECK_MSG(line[0] == 'd' || memmem(line, (size_t)length, "/snapshots/", 11) == NULL,
                     "left: %.*s", length, line);
    }
    TEST_CHECK_MSG(memmem(line, (size_t)length, "incomplete", 10) == NULL &&
                       memmem(line, (size_t)length, ".tmp", 4) == NULL,
                   "a temporary: %.*s", length, line);
  }
  TEST_CHECK_MSG(*kept == 0, "gone or changed: %.*s", (int)strcspn(kept, "\n"), kept);
}

static void check_file(const struct result *result, size_t index) {
  char folder[700], start[720];
  snprintf(folder, sizeof folder, "%s/cache/models--case--c%zu", result->root, index);
  snprintf(start, sizeof start, "%s/snapshots/", folder);
  TEST_CHECK_MSG(strncmp(result->outcome.path, start, strlen(start)) == 0, "%s",
                 result->outcome.path);
  TEST_CHECK_MSG(hub_file_equals(result->outcome.path, wanted(index), SIZE), "other bytes in %s",
                 result->outcome.path);
  snprintf(start, sizeof start, "%s/blobs", folder);
  TEST_CHECK_INT(hub_count_files(start, ""), 1);
  snprintf(start, sizeof start, "%s/snapshots", folder);
  TEST_CHECK_INT(hub_count_files(start, ""), 1);
}

static void check_message(const struct result *result) {
  const char *message = result->outcome.message;
  TEST_CHECK_MSG(message[0] != 0, "no message");
  TEST_CHECK_MSG(strlen(message) < 2000, "a message of %zu bytes", strlen(message));
  TEST_CHECK_MSG(strstr(message, CANARY) == NULL, "the token: %s", message);
  for (const unsigned char *c = (const unsigned char *)message; *c != 0; c++) {
    const bool second = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0; /* U+0080 to U+009F */
    const bool turn = c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae;
    if ((*c < ' ' && *c != '\n') || *c == 127 || second || turn) {
      TEST_FAIL("a character %02x that a terminal obeys, in: %s", *c, message);
      return;
    }
  }
}

/* Requests of the case: the token nowhere but at the hub, no cookie, not too many. */
static void check_requests(const struct result *result, size_t index) {
  char prefix[100], authorization[100];
  int count = 0;
  snprintf(authorization, sizeof authorization, "Bearer %s", result->token);
  for (int part = 0; part < 2; part++) {
    if (part == 0) {
      snprintf(prefix, sizeof prefix, "/case/c%zu/", index);
    } else {
      snprintf(prefix, sizeof prefix, "/cdn/%s", result->etag);
    }
    hub_log log = hub_log_read(prefix);
    count += log.count;
    for (int i = 0; i < log.count; i++) {
      const hub_request *request = &log.items[i];
      const char *said = hub_request_header(request, "Authorization");
      if (request->port == 1) {
        TEST_CHECK_MSG(said[0] == 0 || strcmp(said, authorization) == 0, "%s", said);
      } else {
        TEST_CHECK_MSG(
            strstr(request->headers, CANARY) == NULL && strstr(request->target, CANARY) == NULL,
            "the token at port %d: %s", (int)request->port, request->headers);
      }
      TEST_CHECK_STR(hub_request_header(request, "Cookie"), "");
      TEST_CHECK_STR(hub_request_header(request, "X-Evil"), "");
    }
    hub_log_free(&log);
  }
  TEST_CHECK_MSG(count >= 1 && count <= 45, "%d requests", count);
}

static void check_case(void *context) {
  const hostile_case *one = context;
  const size_t index = (size_t)(one - cases);
  static bool ran;
  if (!ran) {
    ran = true;
    run_all();
  }
  const struct result *result = &results[index];
  TEST_REQUIRE(result->after != NULL);
  check_status(one, result);
  check_tree(result, index);
  check_requests(result, index);
  if (result->outcome.status == JIMM_OK) {
    check_file(result, index);
  } else {
    check_message(result);
  }
}

/* What lies beside the cases' folders: nothing but what a client left outside its own. */
static int count_beside_cases(void) {
  int count = 0;
  char folder[1300];
  snprintf(folder, sizeof folder, "%s/..", results[0].root);
  DIR *stream = opendir(folder);
  TEST_REQUIRE(stream != NULL);
  for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
    if (strncmp(entry->d_name, "case", 4) != 0 && strcmp(entry->d_name, "warm") != 0 &&
        strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      TEST_FAIL("beside the cases: %s", entry->d_name);
      count++;
    }
  }
  closedir(stream);
  return count;
}

/* Strangers that no case names must never be asked, nor learn a token. */
static void check_strangers(void *unused) {
  (void)unused;
  hub_log log = hub_log_read(NULL);
  TEST_CHECK_INT(count_beside_cases(), 0);
  TEST_CHECK(log.count > (int)COUNT);
  for (int i = 0; i < log.count; i++) {
    const hub_request *request = &log.items[i];
    TEST_CHECK_MSG(request->port == 1 || strstr(request->headers, CANARY) == NULL,
                   "the token at port %d: %s", (int)request->port, request->target);
    TEST_CHECK_MSG(request->port != 3 || strncmp(request->target, "/case/c", 7) == 0,
                   "a stranger was asked for %s", request->target);
    TEST_CHECK_MSG(strcmp(request->method, "HEAD") == 0 || strcmp(request->method, "GET") == 0,
                   "%s", request->method);
  }
  hub_log_free(&log);
}

TEST_SETUP() {
  hub_server_start();
  for (size_t i = 0; i < COUNT; i++) {
    jt_add(cases[i].name, check_case, (void *)(uintptr_t)&cases[i], NULL);
  }
  jt_add("no stranger was asked", check_strangers, NULL, NULL);
}

TEST_MAIN()
