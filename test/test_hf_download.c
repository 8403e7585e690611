/* Files by url (jimm_hub_fetch) and models by name (jimm_hub_locate, jimm_model_open) from the
 * tests' hub, with synthetic weights of small models. */
#include <jimm-test/jimm-test.h>
#include <jimm/plan.h>
#include <jimm/source.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "hub/case.h"
#include "hub/server/server.h"
#include "model/named.h"

#define MODEL "test_convnext.r160_in1k"
#define SEED 7

/* ---- weights of two seeds, in files ---- */

static char weights_file[2][600];

static void save_weights(const char *arch, int64_t classes, uint64_t seed, const char *path) {
  jimm_graph *graph = named_graph(arch, classes, -1, NULL);
  jimm_state *state = NULL;
  TEST_REQUIRE(jimm_state_synthetic(graph, seed, &state) == JIMM_OK);
  TEST_REQUIRE_MSG(jimm_state_save(state, path) == JIMM_OK, "%s", jimm_error_message());
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

TEST_SETUP() {
  hub_server_start();
  hub_place("weights");
  snprintf(weights_file[0], sizeof weights_file[0], "%s", hub_path("convnext.safetensors"));
  snprintf(weights_file[1], sizeof weights_file[1], "%s", hub_path("resnet.safetensors"));
  save_weights("test_convnext", -1, SEED, weights_file[0]);
  save_weights("test_resnet", 3, SEED, weights_file[1]);
}

static void run(jimm_model *model, float *logits, int64_t count) {
  jimm_plan *plan = NULL;
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.height = options.width = 64;
  options.threads = 1;
  TEST_REQUIRE_MSG(jimm_plan_create(model, &options, &plan) == JIMM_OK, "%s", jimm_error_message());
  const jimm_shape image = {4, {1, 3, 64, 64}};
  jimm_shape shape;
  jimm_tensor input = {.dtype = JIMM_DTYPE_NONE}, output = {.dtype = JIMM_DTYPE_NONE};
  TEST_REQUIRE(jimm_tensor_create(JIMM_F32, &image, &input) == JIMM_OK);
  TEST_REQUIRE(jimm_synthetic_input(1, "x", &input) == JIMM_OK);
  TEST_REQUIRE(jimm_plan_output_shape(plan, 0, &shape) == JIMM_OK);
  TEST_REQUIRE_INT(shape.dim[1], count);
  TEST_REQUIRE(jimm_tensor_create(JIMM_F32, &shape, &output) == JIMM_OK);
  TEST_REQUIRE_MSG(jimm_plan_run(plan, &input, &output) == JIMM_OK, "%s", jimm_error_message());
  memcpy(logits, output.data, (size_t)count * sizeof logits[0]);
  jimm_tensor_close(&input);
  jimm_tensor_close(&output);
  jimm_plan_close(&plan);
}

/* The model computes what the synthetic weights of `arch` do, and is closed. */
static void check_model(jimm_model *model, const char *arch, int64_t classes) {
  static float got[1000], want[1000];
  const int64_t count = classes < 0 ? 1000 : classes;
  jimm_graph *graph = named_graph(arch, classes, -1, NULL);
  jimm_model *exact = NULL;
  TEST_REQUIRE(jimm_model_create_synthetic(graph, SEED, &exact) == JIMM_OK);
  run(model, got, count);
  run(exact, want, count);
  TEST_CHECK_MEM(got, want, (size_t)count * sizeof got[0]);
  TEST_CHECK(want[0] != want[1]);
  jimm_model_close(&exact);
  jimm_model_close(&model);
  jimm_graph_close(&graph);
}

static void publish_file(const char *repo, const char *commit, const char *revision,
                         const char *name, const char *path) {
  hub_publish(&(hub_file){.repo = repo,
                          .commit = commit,
                          .revisions = revision,
                          .name = name,
                          .file = path,
                          .lfs = true},
              NULL);
}

static void publish_text(const char *repo, const char *commit, const char *revision,
                         const char *name, const char *body) {
  hub_publish(
      &(hub_file){
          .repo = repo, .commit = commit, .revisions = revision, .name = name, .body = body},
      NULL);
}

static void begin(const char *place) {
  hub_clear();
  hub_place(place);
}

/* ---- fetch ---- */

static const char *url(int port, const char *target) {
  static char text[200];
  snprintf(text, sizeof text, "%s%s", hub_endpoint(port), target);
  return text;
}

static int entries_of_work(void) {
  return hub_count_files(hub_path("work"), "");
}

TEST(fetch_brings_a_file_whole) {
  static unsigned char want[200000];
  begin("fetch");
  setenv("HF_TOKEN", "secret", 1);
  hub_rule_add(&(hub_rule){.target = "/a.pth?x=1", .size = sizeof want, .seed = 3});
  hub_bytes(3, 0, want, sizeof want);
  const mode_t before = umask(027);
  const jimm_status status = jimm_hub_fetch(url(3, "/a.pth?x=1"), "a.pth", NULL);
  umask(before);
  TEST_CHECK_MSG(status == JIMM_OK, "%s", jimm_error_message());
  TEST_CHECK(hub_file_equals("a.pth", want, sizeof want));
  struct stat info;
  TEST_CHECK(stat("a.pth", &info) == 0 && (info.st_mode & 07777) == 0640);
  TEST_CHECK_INT(entries_of_work(), 1);
  hub_log log = hub_log_read(NULL);
  TEST_REQUIRE_INT(log.count, 1);
  TEST_CHECK_STR(log.items[0].method, "GET");
  TEST_CHECK_STR(hub_request_header(&log.items[0], "Authorization"), "");
  hub_log_free(&log);
}

TEST(fetch_never_sends_the_token_even_to_the_hub) {
  begin("fetch_token");
  setenv("HF_TOKEN", "secret", 1);
  hub_rule_add(&(hub_rule){.target = "/b", .status = 302, .headers = "Location: /c\r\n"});
  hub_rule_add(&(hub_rule){.target = "/c", .body = "abc"});
  TEST_CHECK_INT(jimm_hub_fetch(url(1, "/b"), "b", NULL), JIMM_OK);
  hub_log log = hub_log_read(NULL);
  TEST_REQUIRE_INT(log.count, 2);
  for (int i = 0; i < 2; i++) {
    TEST_CHECK_STR(hub_request_header(&log.items[i], "Authorization"), "");
  }
  hub_log_free(&log);
}

TEST(fetch_leaves_a_file_that_is_there) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  begin("fetch_there");
  hub_rule_add(&(hub_rule){.target = "/a", .body = "new"});
  hub_write_file("a", "old", 3);
  TEST_CHECK_INT(jimm_hub_fetch(url(1, "/a"), "a", NULL), JIMM_OK);
  TEST_CHECK(hub_file_equals("a", "old", 3));
  TEST_CHECK_INT(hub_count(NULL, NULL), 0);
  options.force = true;
  TEST_CHECK_INT(jimm_hub_fetch(url(1, "/a"), "a", &options), JIMM_OK);
  TEST_CHECK(hub_file_equals("a", "new", 3));
  hub_rule_add(&(hub_rule){.first = true, .target = "/a", .status = 404});
  TEST_CHECK(jimm_hub_fetch(url(1, "/a"), "a", &options) != JIMM_OK);
  TEST_CHECK(hub_file_equals("a", "new", 3));
  TEST_CHECK_INT(entries_of_work(), 1);
}

TEST(fetch_checks_the_hash_in_a_name) {
  static const struct {
    const char *target;
    bool good;
  } rows[] = {{"/abc-ba7816bf.pth", true},    {"/abc-ba7816bf8f01cfea.pth", true},
              {"/a-b-ba7816bf.tar.gz", true}, {"/abc-ba7816bf.pth?v=1", true},
              {"/abc-ba7816b0.pth", false},   {"/abc-00000000.pth", false},
              {"/abc-ba7816.pth", true}, /* too short to be one */
              {"/abc-BA7816B0.pth", true},    {"/abc.pth", true},
              {"/x-00000000/abc.pth", true}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char name[30];
    snprintf(name, sizeof name, "hash%zu", i);
    begin(name);
    hub_rule_add(&(hub_rule){.target = rows[i].target, .body = "abc"});
    const jimm_status status = jimm_hub_fetch(url(2, rows[i].target), "out", NULL);
    TEST_CHECK_MSG(status == (rows[i].good ? JIMM_OK : JIMM_ERROR_INTEGRITY), "%s: %d: %s",
                   rows[i].target, (int)status, jimm_error_message());
    TEST_CHECK_INT(hub_count("GET", NULL), rows[i].good ? 1 : 2);
    TEST_CHECK_INT(entries_of_work(), rows[i].good);
  }
}

TEST(fetch_goes_on_and_follows) {
  static unsigned char want[200000];
  begin("fetch_on");
  hub_rule_add(
      &(hub_rule){.target = "/a", .times = 1, .size = sizeof want, .seed = 4, .cut = 70000});
  hub_rule_add(&(hub_rule){.target = "/a", .size = sizeof want, .seed = 4});
  hub_rule_add(&(hub_rule){
      .target = "/from", .status = 302, .headers = "Location: http://127.0.0.1:@2@/a\r\n"});
  hub_bytes(4, 0, want, sizeof want);
  TEST_CHECK_INT(jimm_hub_fetch(url(1, "/from"), "a", NULL), JIMM_OK);
  TEST_CHECK(hub_file_equals("a", want, sizeof want));
}

TEST(fetch_that_fails_leaves_nothing) {
  static const struct {
    const char *url, *path;
    jimm_status want;
  } rows[] = {{"ftp://127.0.0.1/a", "a", JIMM_ERROR_INVALID_ARGUMENT},
              {"file:///etc/passwd", "a", JIMM_ERROR_INVALID_ARGUMENT},
              {"/a", "a", JIMM_ERROR_INVALID_ARGUMENT},
              {"", "a", JIMM_ERROR_INVALID_ARGUMENT},
              {NULL, "a", JIMM_ERROR_INVALID_ARGUMENT},
              {"http://127.0.0.1:1/a", NULL, JIMM_ERROR_INVALID_ARGUMENT},
              {"http://127.0.0.1:1/a", "a", JIMM_ERROR_NETWORK},
              {"http://nobody.invalid/a", "a", JIMM_ERROR_NETWORK},
              {"@/404", "a", JIMM_ERROR_ENTRY_NOT_FOUND},
              {"@/401", "a", JIMM_ERROR_UNAUTHORIZED},
              {"@/500", "a", JIMM_ERROR_NETWORK},
              {"@/cut", "a", JIMM_ERROR_NETWORK},
              {"@/ok", "none/a", JIMM_ERROR_NOT_FOUND}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char name[30];
    snprintf(name, sizeof name, "fails%zu", i);
    begin(name);
    hub_rule_add(&(hub_rule){.target = "/404", .status = 404});
    hub_rule_add(&(hub_rule){.target = "/401", .status = 401});
    hub_rule_add(&(hub_rule){.target = "/500", .status = 500});
    hub_rule_add(&(hub_rule){.target = "/cut", .size = 1000, .cut = 10, .range = "refuse"});
    hub_rule_add(&(hub_rule){.target = "/ok", .body = "ok"});
    char *before = hub_tree(hub_path("."));
    const char *where =
        rows[i].url != NULL && rows[i].url[0] == '@' ? url(1, rows[i].url + 1) : rows[i].url;
    const jimm_status status = jimm_hub_fetch(where, rows[i].path, NULL);
    TEST_CHECK_MSG(status == rows[i].want, "row %zu: %d: %s", i, (int)status, jimm_error_message());
    TEST_CHECK(strstr(jimm_error_message(), "HF_TOKEN") == NULL); /* it is not sent */
    char *after = hub_tree(hub_path("."));
    TEST_CHECK_STR(after, before);
    free(before);
    free(after);
  }
}

TEST(fetch_does_not_replace_a_folder) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  begin("fetch_folder");
  hub_rule_add(&(hub_rule){.target = "/a", .body = "new"});
  TEST_CHECK_INT(jimm_hub_fetch(url(1, "/a"), "../home", &options), JIMM_ERROR_IO);
  options.force = true;
  TEST_CHECK_INT(jimm_hub_fetch(url(1, "/a"), "../home", &options), JIMM_ERROR_IO);
  TEST_CHECK_INT(rmdir("../home"), 0);
}

TEST(fetch_offline) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  begin("fetch_offline");
  options.offline = true;
  TEST_CHECK_INT(jimm_hub_fetch(url(1, "/a"), "a", &options), JIMM_ERROR_NOT_CACHED);
  hub_write_file("a", "old", 3);
  TEST_CHECK_INT(jimm_hub_fetch(url(1, "/a"), "a", &options), JIMM_OK);
  TEST_CHECK_INT(hub_count(NULL, NULL), 0);
}

/* ---- registered tags ---- */

#define POINTER(repo, commit, file) "cache/models--" repo "/snapshots/" commit "/" file

TEST(open_by_a_registered_name) {
  static const char *const names[] = {MODEL,
                                      "test_convnext",
                                      "timm/" MODEL,
                                      "test_convnext@main",
                                      "test_convnext@v1",
                                      "test_convnext@" HUB_COMMIT,
                                      "hf-hub:timm/" MODEL,
                                      "hf_hub:timm/" MODEL "@v1",
                                      "hf://timm/" MODEL};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char name[20];
    jimm_model *model = NULL;
    jimm_folder *folder = NULL;
    snprintf(name, sizeof name, "name%zu", i);
    begin(name);
    publish_file("timm/" MODEL, HUB_COMMIT, "main v1", "model.safetensors", weights_file[0]);
    const jimm_status status = jimm_model_open(names[i], NULL, &model, &folder);
    TEST_REQUIRE_MSG(status == JIMM_OK, "%s: %s", names[i], jimm_error_message());
    TEST_CHECK(folder == NULL);
    TEST_CHECK(!jimm_hub_is_repo(names[i]));
    TEST_CHECK_INT(hub_count("GET", NULL), 1);
    TEST_CHECK_INT(access(hub_path(POINTER("timm--" MODEL, HUB_COMMIT, "model.safetensors")), R_OK),
                   0);
    check_model(model, "test_convnext", -1);
    hub_clear_rules();
    setenv("HF_HUB_OFFLINE", "1", 1);
    TEST_CHECK_INT(jimm_model_open(names[i], NULL, &model, NULL), JIMM_OK);
    jimm_model_close(&model);
    TEST_CHECK_INT(hub_count(NULL, NULL), 0);
  }
}

TEST(locate_takes_the_weights_that_are_there) {
  char *weights = NULL, *folder = NULL;
  begin("bin");
  publish_text("timm/" MODEL, HUB_COMMIT, "main", "pytorch_model.bin", "pickled");
  TEST_CHECK_INT(jimm_hub_locate(MODEL, NULL, &weights, &folder), JIMM_OK);
  TEST_CHECK_STR(weights, hub_path(POINTER("timm--" MODEL, HUB_COMMIT, "pytorch_model.bin")));
  TEST_CHECK(folder == NULL);
  jimm_text_free(weights);
  publish_file("timm/" MODEL, HUB_COMMIT, "main", "model.safetensors", weights_file[0]);
  TEST_CHECK_INT(jimm_hub_locate(MODEL, NULL, &weights, NULL), JIMM_OK);
  TEST_CHECK_STR(weights, hub_path(POINTER("timm--" MODEL, HUB_COMMIT, "model.safetensors")));
  jimm_text_free(weights);
  TEST_CHECK_INT(jimm_hub_locate(MODEL, NULL, NULL, NULL), JIMM_OK);
}

/* Who could not be reached for the first name is not waited for again; the cache is looked at. */
TEST(locate_asks_a_hub_that_is_silent_for_one_name) {
  char *weights = NULL;
  begin("silent");
  hub_rule_add(&(hub_rule){.status = 503});
  TEST_CHECK_INT(jimm_hub_locate(MODEL, NULL, &weights, NULL), JIMM_ERROR_NOT_CACHED);
  TEST_CHECK_CONTAINS(jimm_error_message(), "model.safetensors of timm/" MODEL);
  TEST_CHECK_INT(hub_count("HEAD", NULL), 6);
  hub_clear_rules();
  publish_text("timm/" MODEL, HUB_COMMIT, "main", "pytorch_model.bin", "pickled");
  TEST_CHECK_INT(jimm_hub_locate(MODEL, NULL, &weights, NULL), JIMM_OK);
  jimm_text_free(weights);
  hub_rule_add(&(hub_rule){.status = 503});
  TEST_CHECK_INT(jimm_hub_locate(MODEL, NULL, &weights, NULL), JIMM_OK);
  TEST_CHECK_STR(weights, hub_path(POINTER("timm--" MODEL, HUB_COMMIT, "pytorch_model.bin")));
  jimm_text_free(weights);
}

/* The files that jimm_hub_locate would take, and nothing is written. */
TEST(ask_model_adds_up_what_locate_takes) {
  jimm_hub_info info = JIMM_HUB_INFO_INIT;
  char *weights = NULL, *folder = NULL;
  begin("ask_model");
  publish_text("ns/mine", HUB_COMMIT, "main", "config.json", "1234");
  publish_text("ns/mine", HUB_COMMIT, "main", "pytorch_model.bin", "pickled");
  publish_text("timm/" MODEL, HUB_COMMIT, "main", "pytorch_model.bin", "pickle");
  TEST_CHECK_INT(jimm_hub_ask_model("hf://ns/mine", NULL, &info), JIMM_OK);
  TEST_CHECK_STR(info.repo, "ns/mine");
  TEST_CHECK_STR(info.commit, HUB_COMMIT);
  TEST_CHECK_INT(info.bytes, 11);
  TEST_CHECK_INT(info.missing, 11);
  TEST_CHECK(!info.cached);
  TEST_CHECK_INT(hub_count("HEAD", "/ns/mine/resolve/" HUB_COMMIT "/"), 2);
  TEST_CHECK_INT(jimm_hub_ask_model(MODEL, NULL, &info), JIMM_OK);
  TEST_CHECK_STR(info.repo, "timm/" MODEL);
  TEST_CHECK_INT(info.bytes, 6);
  TEST_CHECK_INT(hub_count("GET", NULL), 0);
  TEST_CHECK_INT(access(hub_path("cache"), F_OK), -1);
  TEST_CHECK_INT(jimm_hub_locate("hf://ns/mine", NULL, NULL, &folder), JIMM_OK);
  jimm_text_free(folder);
  TEST_CHECK_INT(jimm_hub_ask_model("hf://ns/mine@main", NULL, &info), JIMM_OK);
  TEST_CHECK_INT(info.bytes, 11);
  TEST_CHECK_INT(info.missing, 7);
  TEST_CHECK(!info.cached);
  TEST_CHECK_INT(jimm_hub_locate("hf://ns/mine", NULL, &weights, NULL), JIMM_OK);
  jimm_text_free(weights);
  TEST_CHECK_INT(jimm_hub_ask_model("hf://ns/mine", NULL, &info), JIMM_OK);
  TEST_CHECK_INT(info.missing, 0);
  TEST_CHECK(info.cached);
  TEST_CHECK_INT(jimm_hub_ask_model("hf://ns/none", NULL, &info), JIMM_ERROR_REPO_NOT_FOUND);
  TEST_CHECK_STR(info.repo, "ns/none");
  TEST_CHECK_INT(info.bytes, -1);
  TEST_CHECK(!info.cached);
  TEST_CHECK_INT(jimm_hub_ask_model("resnet99", NULL, &info), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK_STR(info.repo, "");
  TEST_CHECK_INT(jimm_hub_ask_model(NULL, NULL, &info), JIMM_ERROR_INVALID_ARGUMENT);
}

TEST(locate_finds_what_torch_has_downloaded) {
  static const struct {
    const char *variable, *value, *folder;
  } rows[] = {{"TORCH_HOME", "../torch", "../torch"},
              {"XDG_CACHE_HOME", "../xdg", "../xdg/torch"},
              {NULL, NULL, "../home/.cache/torch"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    static const char file[] = "resnet10t_176_c3-f3215ab1.pth";
    char name[20], command[300], path[300], *weights = NULL;
    snprintf(name, sizeof name, "torch%zu", i);
    begin(name);
    snprintf(command, sizeof command, "mkdir -p %s/hub/checkpoints", rows[i].folder);
    TEST_REQUIRE(system(command) == 0);
    snprintf(path, sizeof path, "%s/hub/checkpoints/%s", rows[i].folder, file);
    setenv("HF_HUB_OFFLINE", "1", 1);
    if (rows[i].variable != NULL) {
      setenv(rows[i].variable, rows[i].value, 1);
    }
    TEST_CHECK_INT(jimm_hub_locate("resnet10t.c3_in1k", NULL, &weights, NULL),
                   JIMM_ERROR_NOT_CACHED);
    jimm_hub_info info = JIMM_HUB_INFO_INIT;
    TEST_CHECK_INT(jimm_hub_ask_model("resnet10t.c3_in1k", NULL, &info), JIMM_ERROR_NOT_CACHED);
    hub_write_file(path, "pickled", 7);
    TEST_CHECK_INT(jimm_hub_ask_model("resnet10t.c3_in1k", NULL, &info), JIMM_OK);
    TEST_CHECK(info.cached && info.bytes == 7 && info.missing == 0);
    TEST_CHECK_INT(jimm_hub_locate("resnet10t.c3_in1k", NULL, &weights, NULL), JIMM_OK);
    TEST_REQUIRE(weights != NULL);
    TEST_CHECK_CONTAINS(weights, file);
    TEST_CHECK(hub_file_equals(weights, "pickled", 7));
    jimm_text_free(weights);
    TEST_CHECK_INT(hub_count(NULL, NULL), 0);
  }
}

TEST(open_of_what_does_not_fit_says_so) {
  static const struct {
    const char *name;
    jimm_status want;
    const char *mentions;
  } rows[] = {{"nothing_of_the_kind", JIMM_ERROR_NOT_FOUND, "nothing_of_the_kind"},
              {MODEL "@", JIMM_ERROR_INVALID_ARGUMENT, "@"},
              {MODEL "@../x", JIMM_ERROR_INVALID_ARGUMENT, "../x"},
              {MODEL "@none", JIMM_ERROR_REVISION_NOT_FOUND, "none"},
              {"hf://ns/none", JIMM_ERROR_REPO_NOT_FOUND, "ns/none"},
              {"hf://../x", JIMM_ERROR_INVALID_ARGUMENT, "../x"},
              {"hf://", JIMM_ERROR_INVALID_ARGUMENT, ""},
              {"", JIMM_ERROR_NOT_FOUND, ""},
              {"hf://ns/no_config", JIMM_ERROR_ENTRY_NOT_FOUND, "config.json"},
              {"hf://ns/no_weights", JIMM_ERROR_ENTRY_NOT_FOUND, "model.safetensors"},
              {"hf://ns/other", JIMM_ERROR_MISMATCH, "model.safetensors"},
              {"hf://ns/damaged", JIMM_ERROR_FORMAT, "model.safetensors"},
              {"hf://ns/bad_config", JIMM_ERROR_FORMAT, "config.json"},
              {NULL, JIMM_ERROR_INVALID_ARGUMENT, ""}};
  static const char config[] = "{\"architecture\": \"test_resnet\", \"num_classes\": 3}";
  begin("misfits");
  publish_file("timm/" MODEL, HUB_COMMIT, "main", "model.safetensors", weights_file[0]);
  publish_text("ns/no_config", HUB_COMMIT, "main", "README.md", "hello");
  publish_text("ns/no_weights", HUB_COMMIT, "main", "config.json", config);
  publish_text("ns/other", HUB_COMMIT, "main", "config.json", config);
  publish_file("ns/other", HUB_COMMIT, "main", "model.safetensors", weights_file[0]);
  publish_text("ns/damaged", HUB_COMMIT, "main", "config.json", config);
  publish_text("ns/damaged", HUB_COMMIT, "main", "model.safetensors", "not at all");
  publish_text("ns/bad_config", HUB_COMMIT, "main", "config.json", "{\"architecture\": ");
  publish_file("ns/bad_config", HUB_COMMIT, "main", "model.safetensors", weights_file[1]);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jimm_model *model = NULL;
    jimm_folder *folder = NULL;
    const jimm_status status = jimm_model_open(rows[i].name, NULL, &model, &folder);
    TEST_CHECK_MSG(status == rows[i].want, "row %zu: %d: %s", i, (int)status, jimm_error_message());
    TEST_CHECK_CONTAINS(jimm_error_message(), rows[i].mentions);
    TEST_CHECK(model == NULL && folder == NULL);
  }
}

/* ---- repositories in timm's format ---- */

static void publish_mine(const char *commit, const char *weights) {
  publish_text("ns/mine", commit, "main", "config.json",
               "{\"architecture\": \"test_resnet\", \"num_classes\": 3, \"num_features\": 96,"
               " \"label_names\": [\"a\", \"b\", \"c\"], \"pretrained_cfg\": {\"tag\": \"mine\","
               " \"input_size\": [3, 64, 64], \"interpolation\": \"bilinear\", \"crop_pct\": 0.9,"
               " \"mean\": [0.1, 0.2, 0.3], \"std\": [0.4, 0.5, 0.6], \"num_classes\": 3,"
               " \"pool_size\": [2, 2], \"first_conv\": \"conv1.0\", \"classifier\": \"fc\"}}");
  publish_file("ns/mine", commit, "main", "model.safetensors", weights);
}

TEST(open_of_a_repository) {
  static const char *const names[] = {"hf://ns/mine", "hf-hub:ns/mine", "hf_hub:ns/mine",
                                      "hf://ns/mine@main", ("hf://ns/mine@" HUB_COMMIT)};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char name[20], *weights = NULL, *path = NULL;
    jimm_model *model = NULL;
    jimm_folder *folder = NULL;
    snprintf(name, sizeof name, "mine%zu", i);
    begin(name);
    publish_mine(HUB_COMMIT, weights_file[1]);
    TEST_CHECK(jimm_hub_is_repo(names[i]));
    TEST_REQUIRE_MSG(jimm_model_open(names[i], NULL, &model, &folder) == JIMM_OK, "%s: %s",
                     names[i], jimm_error_message());
    TEST_REQUIRE(folder != NULL);
    TEST_CHECK_STR(jimm_folder_variant(folder)->tag, "mine");
    TEST_CHECK_INT(jimm_folder_options(folder)->num_classes, 3);
    check_model(model, "test_resnet", 3);
    jimm_folder_close(&folder);
    TEST_CHECK_INT(jimm_hub_locate(names[i], NULL, &weights, &path), JIMM_OK);
    TEST_CHECK_STR(path, hub_path("cache/models--ns--mine/snapshots/" HUB_COMMIT));
    TEST_CHECK_STR(weights, hub_path(POINTER("ns--mine", HUB_COMMIT, "model.safetensors")));
    /* The folder is one: by its path, without the hub. */
    setenv("HF_ENDPOINT", "http://127.0.0.1:1", 1);
    TEST_REQUIRE_INT(jimm_model_open(path, NULL, &model, NULL), JIMM_OK);
    check_model(model, "test_resnet", 3);
    jimm_text_free(weights);
    jimm_text_free(path);
  }
}

TEST(open_takes_one_commit_though_the_branch_moves) {
  char *weights = NULL, *folder = NULL;
  begin("one_commit");
  publish_mine(HUB_COMMIT, weights_file[1]);
  publish_mine(HUB_COMMIT_2, weights_file[0]);
  /* The first question is answered with the old commit: the branch moves after it. */
  hub_rule_add(&(hub_rule){.method = "HEAD",
                           .target = "/ns/mine/resolve/main/config.json",
                           .status = 307,
                           .headers = "Location: /ns/mine/resolve/" HUB_COMMIT "/config.json\r\n",
                           .times = 1});
  TEST_CHECK_INT(jimm_hub_locate("hf://ns/mine", NULL, &weights, &folder), JIMM_OK);
  TEST_CHECK_STR(folder, hub_path("cache/models--ns--mine/snapshots/" HUB_COMMIT));
  TEST_CHECK_STR(weights, hub_path(POINTER("ns--mine", HUB_COMMIT, "model.safetensors")));
  jimm_text_free(weights);
  jimm_text_free(folder);
}

TEST(open_with_options) {
  jimm_model *model = NULL;
  jimm_model_options other = JIMM_MODEL_OPTIONS_INIT;
  jimm_hub_options hub = JIMM_HUB_OPTIONS_INIT;
  jimm_open_options options = JIMM_OPEN_OPTIONS_INIT;
  static float logits[5];
  begin("options");
  publish_mine(HUB_COMMIT, weights_file[1]);
  other.num_classes = 5;
  hub.cache = hub_path("elsewhere");
  options.model = &other;
  options.hub = &hub;
  TEST_REQUIRE_MSG(jimm_model_open("hf://ns/mine", &options, &model, NULL) == JIMM_OK, "%s",
                   jimm_error_message());
  run(model, logits, 5);
  jimm_model_close(&model);
  TEST_CHECK_INT(access(hub_path("elsewhere/models--ns--mine"), F_OK), 0);
  TEST_CHECK_INT(access(hub_path("cache"), F_OK), -1);
}

/* ---- sources ---- */

TEST(a_source_says_what_it_is) {
  static const char *const local = "test_convnext.r160_in1k";
  jimm_source *source = NULL;
  jimm_model *model = NULL;
  jimm_source_options options = JIMM_SOURCE_OPTIONS_INIT;
  const char *synset = NULL;
  begin("source");
  publish_mine(HUB_COMMIT, weights_file[1]);
  /* Only described: no weights come, and none can be loaded. */
  options.describe = true;
  TEST_REQUIRE_MSG(jimm_source_open("hf://ns/mine", NULL, &options, &source) == JIMM_OK, "%s",
                   jimm_error_message());
  TEST_CHECK_INT(hub_count("GET", NULL), 1);
  TEST_CHECK(jimm_source_weights(source) == NULL);
  TEST_CHECK_INT(jimm_source_load(source, NULL, NULL, &model), JIMM_ERROR_INVALID_ARGUMENT);
  jimm_source_close(&source);
  TEST_CHECK(source == NULL);
  /* A repository: its own variant, options, labels. */
  TEST_REQUIRE_INT(jimm_source_open("hf://ns/mine", NULL, NULL, &source), JIMM_OK);
  TEST_CHECK_STR(jimm_source_model(source)->arch->name, "test_resnet");
  TEST_CHECK_STR(jimm_source_model(source)->variant->tag, "mine");
  TEST_CHECK_INT(jimm_source_model_options(source)->num_classes, 3);
  TEST_CHECK(jimm_source_folder(source) != NULL);
  TEST_CHECK_STR(jimm_source_label(source, 3, 1, &synset), "b");
  TEST_CHECK(synset == NULL);
  TEST_CHECK_STR(jimm_source_weights(source),
                 hub_path(POINTER("ns--mine", HUB_COMMIT, "model.safetensors")));
  TEST_REQUIRE_INT(jimm_source_load(source, NULL, NULL, &model), JIMM_OK);
  check_model(model, "test_resnet", 3);
  jimm_source_close(&source);
  /* A name and a file; only the name, without the hub. */
  TEST_REQUIRE_INT(jimm_source_open(local, weights_file[0], NULL, &source), JIMM_OK);
  TEST_CHECK_STR(jimm_source_weights(source), weights_file[0]);
  TEST_CHECK(jimm_source_folder(source) == NULL);
  TEST_CHECK_STR(jimm_source_label(source, 1000, 0, &synset), "tench, Tinca tinca");
  TEST_CHECK_STR(synset, "n01440764");
  TEST_CHECK(jimm_source_restriction(source) == NULL);
  TEST_REQUIRE_INT(jimm_source_load(source, NULL, NULL, &model), JIMM_OK);
  check_model(model, "test_convnext", -1);
  jimm_source_close(&source);
  const int asked = hub_count(NULL, NULL);
  TEST_REQUIRE_INT(jimm_source_open("convnextv2_atto.fcmae", NULL, &options, &source), JIMM_OK);
  TEST_CHECK_INT(hub_count(NULL, NULL), asked);
  TEST_CHECK_STR(jimm_source_restriction(source), "no commercial use");
  jimm_source_close(&source);
}

TEST(a_source_that_is_none) {
  jimm_source *source = NULL;
  begin("no_source");
  publish_mine(HUB_COMMIT, weights_file[1]);
  const struct {
    const char *model, *weights;
    jimm_status want;
    const char *mentions;
  } rows[] = {
      {NULL, NULL, JIMM_ERROR_INVALID_ARGUMENT, "model and weights are NULL"},
      {"no_such_model", NULL, JIMM_ERROR_NOT_FOUND, "unknown model \"no_such_model\""},
      {"hf://ns/mine", weights_file[0], JIMM_ERROR_INVALID_ARGUMENT, "brings its own weights"},
      {NULL, weights_file[0], JIMM_ERROR_INVALID_ARGUMENT, "does not say which model it is for"},
      {NULL, "no/such/file", JIMM_ERROR_NOT_FOUND, "no/such/file: No such file"},
      {"resnet18", "hf://ns/mine", JIMM_ERROR_MISMATCH, "holds weights of test_resnet"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const jimm_status status = jimm_source_open(rows[i].model, rows[i].weights, NULL, &source);
    TEST_CHECK_MSG(status == rows[i].want, "row %zu: %d: %s", i, (int)status, jimm_error_message());
    TEST_CHECK_CONTAINS(jimm_error_message(), rows[i].mentions);
    TEST_CHECK(source == NULL);
  }
}

TEST_MAIN()
