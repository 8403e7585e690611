/* jimm download, from a hub on this machine. */
#include <jimm-test/jimm-test.h>
#include <jimm/hub.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hub/server/server.h"
#include "models.h"
#include "run.h"

TEST_SETUP() {
  scratch_make();
  hub_server_start();
}

/* How many names below the cache end in ".incomplete". */
static int count_temporaries(void) {
  char command[1024], text[32] = "";
  snprintf(command, sizeof command, "find %s -name '*.incomplete' | wc -l", tree_path(""));
  FILE *pipe = popen(command, "r");
  TEST_REQUIRE(pipe != NULL && fgets(text, sizeof text, pipe) != NULL);
  pclose(pipe);
  return atoi(text);
}

static int64_t size_of(const char *name) {
  struct stat info;
  return stat(tree_path(name), &info) == 0 ? (int64_t)info.st_size : -1;
}

/* ---- what it brings ---- */

TEST(download_prints_paths_in_the_order_asked) {
  models_begin();
  models_publish(MODEL, "model.safetensors", 300000);
  models_publish(MODEL_18, "model.safetensors", 3000);
  models_slow_down(1000000); /* the first is the last that is there */
  const run_result *run = RUN("download", "test_resnet", "resnet18.a1_in1k");
  check_quiet(run, 0);
  MODELS_CHECK_PATHS(run->out, WEIGHTS_AT(STORED), WEIGHTS_AT(STORED_18));
  TEST_CHECK_INT(size_of(WEIGHTS_AT(STORED)), 300000);
  TEST_CHECK_INT(size_of(WEIGHTS_AT(STORED_18)), 3000);
  TEST_CHECK_INT(hub_count("GET", NULL), 2);
  TEST_CHECK_INT(count_temporaries(), 0);
  run = RUN("download", "resnet18.a1_in1k", "test_resnet", "timm/test_resnet");
  check_quiet(run, 0);
  MODELS_CHECK_PATHS(run->out, WEIGHTS_AT(STORED_18), WEIGHTS_AT(STORED), WEIGHTS_AT(STORED));
  TEST_CHECK_INT(hub_count("GET", NULL), 2); /* all is cached */
  check_quiet(RUN("download", "--force", "resnet18.a1_in1k"), 0);
  TEST_CHECK_INT(hub_count("GET", NULL), 3);
  const int requests = hub_count(NULL, NULL);
  run = RUN("download", "--offline", "test_resnet");
  check_quiet(run, 0);
  MODELS_CHECK_PATHS(run->out, WEIGHTS_AT(STORED));
  TEST_CHECK_INT(hub_count(NULL, NULL), requests);
  run = RUN("cache", "verify"); /* the other half of the same thing */
  check_quiet(run, 0);
  TEST_CHECK_CONTAINS(run->out, "2 ok, 0 damaged, 0 not checkable\n");
}

TEST(download_takes_what_locate_takes) {
  models_begin();
  models_publish(MODEL, "pytorch_model.bin", 2000);
  models_publish("ns/mine", "config.json", 50);
  models_publish("ns/mine", "model.safetensors", 4000);
  const run_result *run = RUN("download", "test_resnet", "hf://ns/mine", "hf-hub:ns/mine@v1");
  check_quiet(run, 0);
  MODELS_CHECK_PATHS(run->out, STORED "/snapshots/" COMMIT_A "/pytorch_model.bin",
                     "models--ns--mine/snapshots/" COMMIT_A,
                     "models--ns--mine/snapshots/" COMMIT_A);
  TEST_CHECK_INT(size_of("models--ns--mine/snapshots/" COMMIT_A "/config.json"), 50);
  TEST_CHECK_INT(size_of("models--ns--mine/snapshots/" COMMIT_A "/model.safetensors"), 4000);
  TEST_CHECK(tree_has("models--ns--mine/refs/v1"));
  run = RUN("download", "hf://ns/mine@" COMMIT_A);
  check_quiet(run, 0);
  MODELS_CHECK_PATHS(run->out, "models--ns--mine/snapshots/" COMMIT_A);
}

/* Weights that have no repository: in torch's cache under the url's name. */
TEST(download_of_a_tag_with_an_url) {
  models_begin();
  jimm_model_name name;
  TEST_REQUIRE_INT(jimm_model_find("resnet18.tv_in1k", &name), JIMM_OK);
  TEST_REQUIRE(name.variant->url != NULL);
  char path[512];
  snprintf(path, sizeof path, "torch/hub/checkpoints/%s", strrchr(name.variant->url, '/') + 1);
  tree_file(path, "weights");
  setenv("TORCH_HOME", tree_path("torch"), 1);
  const run_result *run = RUN("download", "resnet18.tv_in1k");
  check_quiet(run, 0);
  MODELS_CHECK_PATHS(run->out, path);
  run = RUN("download", "--dry-run", "resnet18.tv_in1k", "--offline");
  check_quiet(run, 0);
  TEST_CHECK_CONTAINS(run->out, "resnet18.tv_in1k        7 B  cached\n");
  setenv("TORCH_HOME", scratch_path("no-cache"), 1);
  TEST_CHECK_INT(RUN("download", "--dry-run", "resnet18.tv_in1k", "--offline")->status, 1);
  run = RUN("download", "--dry-run", "resnet18.tv_in1k");
  check_quiet(run, 0); /* the hub has no such repository: that is as it should be */
  TEST_CHECK_CONTAINS(run->out, "to be downloaded, of unknown size\n");
}

/* Then the sizes are not known, and why is said. */
TEST(download_dry_run_without_the_hub) {
  models_begin();
  setenv("TORCH_HOME", scratch_path("no-cache"), 1);
  setenv("HF_ENDPOINT", "http://127.0.0.1:9", 1); /* nobody is there */
  const run_result *run = RUN("download", "--dry-run", "resnet18.tv_in1k");
  TEST_CHECK_INT(run->status, 0);
  TEST_CHECK_CONTAINS(run->out, "to be downloaded, of unknown size\n");
  TEST_CHECK_CONTAINS(run->err, "the hub can't be reached: http://127.0.0.1:9/");
  TEST_CHECK_CONTAINS(run->err, "; the weights would come from https://");
}

TEST(download_of_files) {
  models_begin();
  hub_publish(&(hub_file){.type = JIMM_REPO_DATASET,
                          .repo = "ns/cats",
                          .commit = COMMIT_B,
                          .revisions = "main refs/pr/1",
                          .name = "a b/c.txt",
                          .body = "text"},
              NULL);
  hub_publish(&(hub_file){.type = JIMM_REPO_SPACE,
                          .repo = "ns/cats",
                          .commit = COMMIT_A,
                          .revisions = "main",
                          .name = "app.py",
                          .body = "pass"},
              NULL);
  models_publish("gpt2", "vocab", 20);
  models_publish("gpt2", "merges", 30);
  const run_result *run =
      RUN("download", "--repo", "datasets/ns/cats", "a b/c.txt", "--revision", "refs/pr/1");
  check_quiet(run, 0);
  MODELS_CHECK_PATHS(run->out, "datasets--ns--cats/snapshots/" COMMIT_B "/a b/c.txt");
  TEST_CHECK(tree_has("datasets--ns--cats/refs/refs/pr/1"));
  run = RUN("download", "--repo=spaces/ns/cats", "app.py");
  check_quiet(run, 0);
  MODELS_CHECK_PATHS(run->out, "spaces--ns--cats/snapshots/" COMMIT_A "/app.py");
  run = RUN("download", "vocab", "--repo", "gpt2", "merges");
  check_quiet(run, 0);
  MODELS_CHECK_PATHS(run->out, "models--gpt2/snapshots/" COMMIT_A "/vocab",
                     "models--gpt2/snapshots/" COMMIT_A "/merges");
  run = RUN("download", "--repo", "ns/../x", "f", "--cache", scratch_path("other"));
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "repository \"ns/../x\"");
  TEST_CHECK(access(scratch_path("other"), F_OK) != 0);
}

TEST(download_of_a_family) {
  models_begin();
  int count = 0;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; strcmp(family->name, "bit") == 0 && a < family->arch_count; a++) {
      for (int32_t v = 0; v < family->archs[a].variant_count; v++) {
        if (family->archs[a].variants[v].has_weights) {
          models_publish(family->archs[a].variants[v].hub_id, "model.safetensors", 10 + count++);
        }
      }
    }
  }
  TEST_REQUIRE(count > 3);
  const run_result *run = RUN("download", "--family", "bit", "--dry-run");
  check_quiet(run, 0);
  TEST_CHECK_INT(count_lines(run->out), count + 1);
  run = RUN("download", "--family", "bit");
  check_quiet(run, 0);
  TEST_CHECK_INT(count_lines(run->out), count);
  TEST_CHECK_INT(hub_count("GET", NULL), count);
}

/* ---- what fails ---- */

TEST(download_goes_on_after_a_failure) {
  models_begin();
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = models_publish(MODEL, "model.safetensors", 3000),
                           .prefix = true,
                           .status = 404});
  models_publish(MODEL_18, "model.safetensors", 2000);
  const run_result *run =
      RUN("download", "--jobs", "1", "hf://ns/none", "test_resnet", "resnet18.a1_in1k", "resnet99");
  TEST_CHECK_INT(run->status, 1);
  MODELS_CHECK_PATHS(run->out, WEIGHTS_AT(STORED_18));
  TEST_CHECK_CONTAINS(run->err, "jimm download: unknown model \"resnet99\"");
  TEST_CHECK_CONTAINS(run->err, "jimm download: hf://ns/none: ");
  TEST_CHECK_CONTAINS(run->err, "jimm download: test_resnet: ");
  TEST_CHECK_CONTAINS(run->err, "jimm download: 3 of 4 failed\n");
  TEST_CHECK_INT(count_temporaries(), 0);
  hub_clear_rules();
  run = RUN("download", "--json", "hf://ns/none", "test_resnet");
  TEST_CHECK_INT(run->status, 1);
  json_t *array = run_json();
  TEST_REQUIRE_INT(length_of(array), 2);
  const json_t *failed = json_array_get(array, 0), *good = json_array_get(array, 1);
  TEST_CHECK_STR(json_string_value(json_object_get(failed, "status")), "repository not found");
  TEST_CHECK(json_is_null(json_object_get(failed, "path")));
  TEST_CHECK(json_is_string(json_object_get(failed, "message")));
  TEST_CHECK_STR(json_string_value(json_object_get(good, "status")), "ok");
  TEST_CHECK_STR(json_string_value(json_object_get(good, "name")), "test_resnet");
  TEST_CHECK_STR(json_string_value(json_object_get(good, "repo")), MODEL);
  TEST_CHECK_STR(json_string_value(json_object_get(good, "commit")), COMMIT_A);
  TEST_CHECK_INT(json_integer_value(json_object_get(good, "bytes")), 3000);
  TEST_CHECK(json_is_false(json_object_get(good, "cached")));
  TEST_CHECK_STR(json_string_value(json_object_get(good, "path")), tree_path(WEIGHTS_AT(STORED)));
  json_decref(array);
}

TEST(download_without_the_hub) {
  models_begin();
  tree_standard();
  setenv("HF_ENDPOINT", "http://127.0.0.1:9", 1); /* nobody is there */
  const run_result *run = RUN("download", "test_resnet");
  check_quiet(run, 0);
  MODELS_CHECK_PATHS(run->out, WEIGHTS_AT(STORED));
  run = RUN("download", "resnet18.a1_in1k", "test_resnet", "--offline");
  TEST_CHECK_INT(run->status, 1);
  MODELS_CHECK_PATHS(run->out, WEIGHTS_AT(STORED));
  TEST_CHECK_CONTAINS(run->err,
                      "jimm download: model.safetensors of timm/resnet18.a1_in1k (main) ");
  TEST_CHECK_CONTAINS(run->err, "is not in the cache");
  TEST_CHECK_CONTAINS(run->err, "jimm download: 1 of 2 failed\n");
  setenv("HF_HUB_OFFLINE", "1", 1);
  run = RUN("download", "hf://ns/mine");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_STR(run->out, "");
}

TEST(download_checks_the_disk_first) {
  models_begin();
  models_publish(MODEL_18, "model.safetensors", 2000);
  hub_rule_add(&(hub_rule){.method = "HEAD",
                           .target = "/" MODEL "/",
                           .prefix = true,
                           .status = 302,
                           .headers =
                               "X-Repo-Commit: " COMMIT_A "\r\nX-Linked-Etag: \"" WEIGHTS_SHA256
                               "\"\r\nX-Linked-Size: 1000000000000000\r\n"
                               "Location: http://127.0.0.1:@2@/cdn/x\r\n"});
  const run_result *run = RUN("download", "resnet18.a1_in1k", "test_resnet");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_STR(run->out, "");
  TEST_CHECK_CONTAINS(run->err,
                      "/hub: 1000000.00 GB (1000000000002000 bytes) are to be "
                      "downloaded, but only ");
  TEST_CHECK_CONTAINS(run->err, " bytes) are free\n");
  TEST_CHECK_INT(hub_count("GET", NULL), 0);
  setenv("HF_HUB_CACHE", scratch_path("not/yet/there"), 1);
  TEST_CHECK_CONTAINS(RUN("download", "test_resnet")->err, "/not/yet/there: 1000000.00 GB");
  TEST_CHECK(access(scratch_path("not"), F_OK) != 0);
}

TEST(download_usage) {
  static const char *const rows[][6] = {
      {"expected MODEL, --family, --all or --repo", NULL},
      {"expected FILE after --repo", "--repo", "x"},
      {"takes files of one repository", "--repo", "x", "f", "--all"},
      {"takes files of one repository", "--repo", "x", "f", "--family=bit"},
      {"option --revision goes with --repo", "resnet50", "--revision", "x"},
      {"expected --offline or --force, got both", "resnet50", "--force", "--offline"},
      {"option --jobs: expected an integer from 1 to 16", "resnet50", "--jobs", "0"}};
  models_begin();
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const run_result *run = RUN("download", rows[i][1], rows[i][2], rows[i][3], rows[i][4]);
    TEST_CHECK_INT(run->status, 2);
    TEST_CHECK_CONTAINS(run->err, rows[i][0]);
  }
  const run_result *run = RUN("download", "--family", "reset");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "unknown family 'reset'");
  run = RUN("download", "resnet05");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "resnet05");
  TEST_CHECK_INT(hub_count(NULL, NULL), 0);
  TEST_CHECK_STR(RUN("--complete", "download", "test_res")->out,
                 "test_resnet\ntest_resnet.r160_in1k\n");
}

/* ---- only asking ---- */

TEST(download_dry_run_asks_only) {
  models_begin();
  models_publish(MODEL, "model.safetensors", 3000);
  models_publish(MODEL_18, "model.safetensors", 2000000);
  models_publish("ns/mine", "config.json", 50);
  models_publish("ns/mine", "model.safetensors", 4000);
  check_quiet(RUN("download", "test_resnet"), 0);
  hub_clear_rules(); /* and the log */
  const run_result *run =
      RUN("download", "--dry-run", "test_resnet", "resnet18.a1_in1k", "hf://ns/mine");
  check_quiet(run, 0);
  TEST_CHECK_STR(run->out,
                 "test_resnet          3.0 kB  cached\n"
                 "resnet18.a1_in1k     2.0 MB  to be downloaded\n"
                 "hf://ns/mine         4.0 kB  to be downloaded\n"
                 "total                2.0 MB  to be downloaded, 3.0 kB cached\n");
  TEST_CHECK_INT(hub_count("GET", NULL), 0);
  TEST_CHECK_INT(hub_count("HEAD", NULL), 4);
  TEST_CHECK(!tree_has(STORED_18));
  TEST_CHECK(!tree_has("models--ns--mine"));
  check_quiet(RUN("download", "--dry-run", "--json", "--repo", "ns/mine", "config.json"), 0);
  json_t *array = run_json();
  TEST_CHECK_INT(json_integer_value(json_object_get(json_array_get(array, 0), "bytes")), 50);
  TEST_CHECK(json_is_null(json_object_get(json_array_get(array, 0), "path")));
  json_decref(array);
  run = RUN("download", "--dry-run", "test_resnet", "hf://ns/none");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->out, "hf://ns/none          -  repository not found\n");
  TEST_CHECK_CONTAINS(run->out, ", 1 failed\n");
}

/* A hub that could not be reached for the first of the weights' names is not waited for again. */
TEST(download_waits_once_for_a_hub_that_is_silent) {
  models_begin();
  models_publish("ns/mine", "config.json", 50);
  hub_rule_add(
      &(hub_rule){.target = "/ns/mine/resolve/" COMMIT_A "/", .prefix = true, .status = 503});
  const run_result *run = RUN("download", "hf://ns/mine");
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "jimm download: hf://ns/mine: model.safetensors of ns/mine (");
  TEST_CHECK_INT(hub_count("HEAD", "/ns/mine/resolve/" COMMIT_A "/model"), 6);
  TEST_CHECK_INT(hub_count("HEAD", "/ns/mine/resolve/" COMMIT_A "/pyt"), 0);
}

/* ---- several at once ---- */

/* Seconds between the first GET and the second. */
static double between_gets(const char *jobs) {
  models_begin();
  models_publish(MODEL, "model.safetensors", 3000);
  models_publish(MODEL_18, "model.safetensors", 2000);
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = "/cdn/",
                           .prefix = true,
                           .hub = true,
                           .pause_at = 1,
                           .pause = 800});
  const run_result *run = RUN("download", "--jobs", jobs, "test_resnet", "resnet18.a1_in1k");
  check_quiet(run, 0);
  MODELS_CHECK_PATHS(run->out, WEIGHTS_AT(STORED), WEIGHTS_AT(STORED_18));
  hub_log log = hub_log_read("/cdn/");
  TEST_REQUIRE_INT(log.count, 2);
  const double seconds = (double)(log.items[1].time_ms - log.items[0].time_ms) / 1000;
  hub_log_free(&log);
  return seconds;
}

TEST(download_is_parallel) {
  const double one = between_gets("1"), two = between_gets("2");
  TEST_CHECK_MSG(one >= 0.8, "one after the other: %.2f s", one);
  TEST_CHECK_MSG(two < 0.7, "both at once: %.2f s", two);
}

/* ---- Ctrl-C ---- */

static bool has_begun(void) {
  hub_log log = hub_log_read("/cdn/");
  bool begun = false;
  for (int i = 0; i < log.count; i++) {
    begun = begun || log.items[i].sent > 1000;
  }
  hub_log_free(&log);
  return begun;
}

/* Starts a slow download (`silent`: one that stops halfway), sends the signal when bytes have come,
 * and gives the state of waitpid. */
static int interrupt(int signal_number, bool silent, double *seconds) {
  models_begin();
  models_publish(MODEL_18, "model.safetensors", 5000);
  hub_rule_add(&(hub_rule){.method = "GET",
                           .target = models_publish(MODEL, "model.safetensors", 10000000),
                           .prefix = true,
                           .hub = true,
                           .rate = silent ? 0 : 100000,
                           .pause_at = silent ? 20000 : 0,
                           .pause = silent ? 60000 : 0});
  fflush(NULL);
  const pid_t child = fork();
  TEST_REQUIRE(child >= 0);
  if (child == 0) {
    run_default_signals();
    if (chdir(scratch_path(".")) != 0 || freopen("stderr.txt", "w", stderr) == NULL ||
        freopen("stdout.txt", "w", stdout) == NULL) {
      _exit(126);
    }
    execl(scratch_program(), "jimm", "download", "resnet18.a1_in1k", "test_resnet", "--jobs", "1",
          (char *)NULL);
    _exit(127);
  }
  for (int i = 0; i < 1000 && !(has_begun() && hub_count("GET", "/cdn/") == 2); i++) {
    usleep(10000);
  }
  usleep(200000);
  TEST_CHECK(count_temporaries() == 1);
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  kill(child, signal_number);
  int state = 0;
  TEST_REQUIRE(waitpid(child, &state, 0) == child);
  clock_gettime(CLOCK_MONOTONIC, &after);
  *seconds =
      (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
  return state;
}

static void check_text(const char *name, const char *want) {
  char text[4096];
  FILE *file = fopen(scratch_path(name), "rb");
  TEST_REQUIRE(file != NULL);
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  TEST_CHECK_STR(text, want);
}

TEST(download_stops_when_told) {
  static const int signals[] = {SIGINT, SIGTERM};
  for (size_t i = 0; i < 2; i++) {
    double seconds = 0;
    const int state = interrupt(signals[i], i == 1, &seconds);
    TEST_CHECK_INT(WIFSIGNALED(state) ? WTERMSIG(state) : 0, signals[i]);
    TEST_CHECK_MSG(seconds < 5, "%.1f s", seconds);
    TEST_CHECK_INT(count_temporaries(), 0);
    TEST_CHECK(!tree_has(WEIGHTS_AT(STORED)));
    TEST_CHECK_INT(size_of(WEIGHTS_AT(STORED_18)), 5000);
    char path[1024];
    snprintf(path, sizeof path, "%s\n", tree_path(WEIGHTS_AT(STORED_18)));
    check_text("stdout.txt", path);
    check_text("stderr.txt", "jimm download: cancelled: 1 of 2 are there\n");
  }
}

TEST_MAIN()
