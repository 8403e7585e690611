/* Weights folders: what timm writes, what it wrote years ago, and what nobody should. */
#include <jimm-test/jimm-test.h>
#include <jimm/model.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder_path[] = "/tmp/jimm-test-folder-XXXXXX";
static char config_path[sizeof folder_path + 16];

TEST_SETUP() {
  TEST_REQUIRE(mkdtemp(folder_path) != NULL);
  snprintf(config_path, sizeof config_path, "%s/config.json", folder_path);
}

/* Writes config.json and opens the folder. */
static jimm_status open_config(const char *config, jimm_folder **folder) {
  FILE *file = fopen(config_path, "wb");
  TEST_REQUIRE(file != NULL);
  TEST_REQUIRE_UINT(fwrite(config, 1, strlen(config), file), strlen(config));
  TEST_REQUIRE_INT(fclose(file), 0);
  return jimm_folder_open(folder_path, folder);
}

static jimm_folder *must_open(const char *config) {
  jimm_folder *folder = NULL;
  TEST_REQUIRE_MSG(open_config(config, &folder) == JIMM_OK, "%s", jimm_error_message());
  return folder;
}

/* As save_config_for_hf writes it. */
static const char saved[] =
    "{\"architecture\": \"test_resnet\", \"num_classes\": 3, \"num_features\": 96,\n"
    " \"label_names\": [\"n01\", \"n02\", \"n03\"],\n"
    " \"label_descriptions\": {\"n01\": \"tench, Tinca tinca\", \"n03\": \"\\u00e9l\"},\n"
    " \"pretrained_cfg\": {\"tag\": \"mine\", \"custom_load\": false,\n"
    "  \"input_size\": [1, 32, 48], \"test_input_size\": [1, 64, 64], \"fixed_input_size\": "
    "false,\n"
    "  \"interpolation\": \"bilinear\", \"crop_pct\": 0.9, \"test_crop_pct\": 1,\n"
    "  \"crop_mode\": \"squash\", \"mean\": [0.1, 0.2, 0.3], \"std\": [0.4, 0.5, 0.6],\n"
    "  \"num_classes\": 1000, \"pool_size\": [5, 5], \"first_conv\": \"conv1.0\",\n"
    "  \"classifier\": \"fc\", \"license\": \"apache-2.0\", \"origin_url\": null}}";

TEST(as_timm_saves_it) {
  jimm_folder *folder = must_open(saved);
  const jimm_model_name *name = jimm_folder_model(folder);
  TEST_CHECK_STR(name->arch->name, "test_resnet");
  TEST_CHECK(name->variant == jimm_folder_variant(folder));
  const jimm_variant *variant = jimm_folder_variant(folder);
  TEST_CHECK_STR(variant->tag, "mine");
  TEST_CHECK_INT(variant->num_classes, 3);
  TEST_CHECK_STR(variant->license, "apache-2.0");
  TEST_CHECK(variant->origin_url == NULL);
  jimm_data_config data = jimm_variant_data(variant, false);
  TEST_CHECK_INT(data.channels, 1);
  TEST_CHECK_INT(data.height, 32);
  TEST_CHECK_INT(data.width, 48);
  TEST_CHECK_INT(data.interpolation, JIMM_BILINEAR);
  TEST_CHECK_INT(data.crop_mode, JIMM_CROP_SQUASH);
  TEST_CHECK_DOUBLE(data.crop_pct, 0.9, 0, 0);
  TEST_CHECK_DOUBLE(data.mean[1], 0.2, 0, 0);
  TEST_CHECK_DOUBLE(data.std[2], 0.6, 0, 0);
  data = jimm_variant_data(variant, true);
  TEST_CHECK_INT(data.height, 64);
  TEST_CHECK_DOUBLE(data.crop_pct, 1, 0, 0);

  const jimm_model_options *options = jimm_folder_options(folder);
  TEST_CHECK_INT(options->num_classes, 3);
  TEST_CHECK_INT(options->in_chans, 1);
  jimm_graph *graph = NULL;
  TEST_REQUIRE_MSG(jimm_graph_build(name, options, &graph) == JIMM_OK, "%s", jimm_error_message());
  const jimm_node *conv = jimm_graph_node(graph, jimm_graph_find(graph, "conv1.0.weight"));
  TEST_CHECK_INT(((const jimm_parameter_attrs *)conv->attrs)->shape.dim[1], 1);
  const jimm_node *head = jimm_graph_node(graph, jimm_graph_find(graph, "fc.bias"));
  TEST_CHECK_INT(((const jimm_parameter_attrs *)head->attrs)->shape.dim[0], 3);
  jimm_graph_close(&graph);

  TEST_CHECK_INT(jimm_folder_label_count(folder), 3);
  TEST_CHECK_STR(jimm_folder_label(folder, 0), "n01");
  TEST_CHECK_STR(jimm_folder_label(folder, 2), "n03");
  TEST_CHECK(jimm_folder_label(folder, 3) == NULL);
  TEST_CHECK(jimm_folder_label(folder, -1) == NULL);
  TEST_CHECK_STR(jimm_folder_description(folder, 0), "tench, Tinca tinca");
  TEST_CHECK(jimm_folder_description(folder, 1) == NULL);
  TEST_CHECK_STR(jimm_folder_description(folder, 2), "\xC3\xA9l");
  char want[sizeof folder_path + 32];
  snprintf(want, sizeof want, "%s/model.safetensors", folder_path);
  TEST_CHECK_STR(jimm_folder_weights(folder), want);
  jimm_folder_close(&folder);
  TEST_CHECK(folder == NULL);
  jimm_folder_close(&folder);
  jimm_folder_close(NULL);
}

/* The defaults of timm's PretrainedCfg, not those of the registry's variant. */
TEST(what_is_missing_is_timms_default) {
  static const char *const configs[] = {
      "{\"architecture\": \"test_resnet\"}",
      "{\"architecture\": \"test_resnet\", \"pretrained_cfg\": {}}",
      ("{\"architecture\": \"test_resnet\", \"pretrained_cfg\": {\"mean\": null, \"crop_pct\": 0,"
       " \"input_size\": null, \"num_classes\": null, \"tag\": null, \"interpolation\": null}}")};
  for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
    jimm_folder *folder = must_open(configs[i]);
    const jimm_variant *variant = jimm_folder_variant(folder);
    TEST_CHECK_STR(variant->tag, "");
    TEST_CHECK_INT(variant->num_classes, 1000);
    TEST_CHECK_INT(variant->data.channels, 3);
    TEST_CHECK_INT(variant->data.height, 224);
    TEST_CHECK_INT(variant->data.interpolation, JIMM_BICUBIC);
    TEST_CHECK_DOUBLE(variant->data.crop_pct, 0.875, 0, 0);
    TEST_CHECK_DOUBLE(variant->data.mean[0], 0.485, 0, 0);
    TEST_CHECK_DOUBLE(variant->data.std[0], 0.229, 0, 0);
    TEST_CHECK_INT(variant->test_input_size[0], 0);
    TEST_CHECK_INT(jimm_folder_label_count(folder), 0);
    TEST_CHECK(jimm_folder_label(folder, 0) == NULL);
    TEST_CHECK(jimm_folder_options(folder)->global_pool == NULL);
    jimm_folder_close(&folder);
  }
}

TEST(tag_of_its_own) {
  jimm_folder *folder = must_open("{\"architecture\": \"resnet18.my_birds\"}");
  TEST_CHECK_STR(jimm_folder_model(folder)->arch->name, "resnet18");
  TEST_CHECK(jimm_folder_model(folder)->variant == jimm_folder_variant(folder));
  jimm_folder_close(&folder);
}

TEST(old_flat_layout) {
  jimm_folder *folder = must_open(
      "{\"architecture\": \"resnet18\", \"num_classes\": 2, \"num_features\": 512,"
      " \"input_size\": [3, 96, 96], \"mean\": [0.5], \"labels\": [\"cat\", \"dog\"]}");
  TEST_CHECK_STR(jimm_folder_model(folder)->arch->name, "resnet18");
  TEST_CHECK_INT(jimm_folder_variant(folder)->data.width, 96);
  TEST_CHECK_DOUBLE(jimm_folder_variant(folder)->data.mean[2], 0.5, 0, 0);
  TEST_CHECK_STR(jimm_folder_label(folder, 1), "dog");
  jimm_folder_close(&folder);
}

TEST(labels_by_class_may_have_gaps) {
  jimm_folder *folder = must_open(
      "{\"architecture\": \"resnet18\", \"label_names\": {\"5\": \"five\", \"0\": \"zero\"},"
      " \"pretrained_cfg\": {}}");
  TEST_CHECK_INT(jimm_folder_label_count(folder), 6);
  TEST_CHECK_STR(jimm_folder_label(folder, 0), "zero");
  TEST_CHECK(jimm_folder_label(folder, 1) == NULL);
  TEST_CHECK_STR(jimm_folder_label(folder, 5), "five");
  TEST_CHECK(jimm_folder_description(folder, 1) == NULL);
  jimm_folder_close(&folder);
}

TEST(model_args_change_the_model) {
  jimm_folder *folder = must_open(
      "{\"architecture\": \"gluon_resnet18_v1b\", \"num_classes\": 10, \"pretrained_cfg\": {},"
      " \"model_args\": {\"num_classes\": 4, \"in_chans\": 2, \"global_pool\": \"max\","
      " \"drop_path_rate\": 0.1}}");
  TEST_CHECK_STR(jimm_folder_model(folder)->deprecated, "gluon_resnet18_v1b");
  const jimm_model_options *options = jimm_folder_options(folder);
  TEST_CHECK_INT(options->num_classes, 4);
  TEST_CHECK_INT(options->in_chans, 2);
  TEST_CHECK_STR(options->global_pool, "max");
  TEST_CHECK(options->drop_path_rate == 0.1 && options->drop_rate == -1);
  jimm_folder_close(&folder);
}

TEST(bad_configs) {
  static const struct {
    const char *config;
    jimm_status status;
    const char *message;
  } bad[] = {
      {"", JIMM_ERROR_FORMAT, "config.json"},
      {"{\"architecture\": \"resnet18\"", JIMM_ERROR_FORMAT, "config.json"},
      {"[]", JIMM_ERROR_FORMAT, "expected an object"},
      {"{}", JIMM_ERROR_FORMAT, "expected \"architecture\""},
      {"{\"architecture\": null}", JIMM_ERROR_FORMAT, "expected \"architecture\""},
      {"{\"architecture\": 18}", JIMM_ERROR_FORMAT, "byte 17: \"architecture\": expected a string"},
      {"{\"architecture\": \"resnet81\"}", JIMM_ERROR_NOT_FOUND, "did you mean resnet18"},
      {"{\"architecture\": \"resnet18\", \"pretrained_cfg\": 1}", JIMM_ERROR_FORMAT,
       "\"pretrained_cfg\": expected an object"},
      {"{\"architecture\": \"resnet18\", \"num_classes\": \"10\"}", JIMM_ERROR_FORMAT,
       "\"num_classes\": expected an integer"},
      {"{\"architecture\": \"resnet18\", \"num_classes\": 10.5}", JIMM_ERROR_FORMAT,
       "\"num_classes\""},
      {"{\"architecture\": \"resnet18\", \"num_classes\": -1}", JIMM_ERROR_FORMAT,
       "\"num_classes\""},
      {"{\"architecture\": \"resnet18\", \"input_size\": [3, 224]}", JIMM_ERROR_FORMAT,
       "byte 43: \"input_size\": expected a list of 3 integers"},
      {"{\"architecture\": \"resnet18\", \"input_size\": [3, 0, 224]}", JIMM_ERROR_FORMAT,
       "byte 47: \"input_size\""},
      {"{\"architecture\": \"resnet18\", \"test_input_size\": 224}", JIMM_ERROR_FORMAT,
       "\"test_input_size\""},
      {"{\"architecture\": \"resnet18\", \"interpolation\": \"lanczos\"}", JIMM_ERROR_UNSUPPORTED,
       "\"interpolation\": expected bilinear or bicubic, got \"lanczos\""},
      {"{\"architecture\": \"resnet18\", \"crop_mode\": \"border\"}", JIMM_ERROR_UNSUPPORTED,
       "expected center or squash"},
      {"{\"architecture\": \"resnet18\", \"crop_pct\": \"0.9\"}", JIMM_ERROR_FORMAT,
       "\"crop_pct\""},
      {"{\"architecture\": \"resnet18\", \"crop_pct\": -0.9}", JIMM_ERROR_FORMAT, "\"crop_pct\""},
      {"{\"architecture\": \"resnet18\", \"mean\": [0.5, 0.5]}", JIMM_ERROR_FORMAT,
       "\"mean\": expected a list of 3 numbers"},
      {"{\"architecture\": \"resnet18\", \"mean\": [0.5, 0.5, \"x\"]}", JIMM_ERROR_FORMAT,
       "\"mean\""},
      {"{\"architecture\": \"resnet18\", \"std\": [0.5, 0, 0.5]}", JIMM_ERROR_FORMAT,
       "\"std\": expected a list of 3 positive numbers"},
      {"{\"architecture\": \"resnet18\", \"label_offset\": 1}", JIMM_ERROR_UNSUPPORTED,
       "\"label_offset\""},
      {"{\"architecture\": \"resnet18\", \"label_names\": \"cat\"}", JIMM_ERROR_FORMAT,
       "\"label_names\": expected a list"},
      {"{\"architecture\": \"resnet18\", \"label_names\": [1]}", JIMM_ERROR_FORMAT,
       "\"label_names\": expected names"},
      {"{\"architecture\": \"resnet18\", \"label_names\": {\"x\": \"cat\"}}", JIMM_ERROR_FORMAT,
       "class numbers as keys"},
      {"{\"architecture\": \"resnet18\", \"label_names\": {\"\": \"cat\"}}", JIMM_ERROR_FORMAT,
       "class numbers as keys"},
      {"{\"architecture\": \"resnet18\", \"label_names\": {\"99999999999999999999\": \"cat\"}}",
       JIMM_ERROR_FORMAT, "class numbers as keys"},
      {"{\"architecture\": \"resnet18\", \"label_names\": [\"a\\u0000b\"]}", JIMM_ERROR_FORMAT,
       "zero bytes"},
      {"{\"architecture\": \"resnet18\", \"label_descriptions\": []}", JIMM_ERROR_FORMAT,
       "\"label_descriptions\": expected an object"},
      {"{\"architecture\": \"resnet18\", \"label_descriptions\": {\"a\": 1}}", JIMM_ERROR_FORMAT,
       "\"label_descriptions\": expected texts"},
      {"{\"architecture\": \"resnet18\", \"pretrained_cfg\": {}, \"model_args\": []}",
       JIMM_ERROR_FORMAT, "\"model_args\": expected an object"},
      {"{\"architecture\": \"resnet18\", \"pretrained_cfg\": {}, \"model_args\":"
       " {\"stem_type\": \"deep\"}}",
       JIMM_ERROR_UNSUPPORTED, "got \"stem_type\""},
      {"{\"architecture\": \"resnet18\", \"pretrained_cfg\": {}, \"model_args\":"
       " {\"img_size\": 224}}",
       JIMM_ERROR_UNSUPPORTED,
       "drop_path_rate, drop_block_rate or zero_init_last, got \"img_size\""},
      {"{\"architecture\": \"resnet18\", \"pretrained_cfg\": {}, \"model_args\":"
       " {\"drop_rate\": 2}}",
       JIMM_ERROR_FORMAT, "\"drop_rate\": expected a number from 0 to 1"},
      {"{\"architecture\": \"resnet18\", \"pretrained_cfg\": {}, \"model_args\":"
       " {\"global_pool\": 3}}",
       JIMM_ERROR_FORMAT, "\"global_pool\": expected a string"},
      {"{\"architecture\": \"resnet18\", \"fixed_input_size\": 1}", JIMM_ERROR_FORMAT,
       "\"fixed_input_size\": expected true or false"},
      {"{\"architecture\": \"resnet18\", \"pretrained_cfg\": {}, \"model_args\":"
       " {\"output_stride\": 0}}",
       JIMM_ERROR_FORMAT, "\"output_stride\": expected an integer from 1"},
      {"{\"architecture\": \"resnet18\", \"pretrained_cfg\": {}, \"model_args\":"
       " {\"in_chans\": 0}}",
       JIMM_ERROR_FORMAT, "\"in_chans\": expected an integer from 1"},
      {"{\"architecture\": \"resnet18\", \"architecture\": \"resnet34\"}", JIMM_ERROR_FORMAT,
       "architecture"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    jimm_folder *folder = NULL;
    const jimm_status status = open_config(bad[i].config, &folder);
    TEST_CHECK_MSG(status == bad[i].status, "%s: got %s: %s", bad[i].config,
                   jimm_status_name(status), jimm_error_message());
    TEST_CHECK_CONTAINS(jimm_error_message(), bad[i].message);
    TEST_CHECK_CONTAINS(jimm_error_message(), config_path);
    TEST_CHECK(folder == NULL);
    jimm_folder_close(&folder);
  }
}

/* timm's _PREFERRED_FILES: the first that is there. */
TEST(weights_have_one_of_timms_names) {
  static const char *const names[] = {"open_clip_pytorch_model.pth",
                                      "open_clip_pytorch_model.bin",
                                      "open_clip_pytorch_model.safetensors",
                                      "open_clip_model.safetensors",
                                      "model.pth",
                                      "pytorch_model.pth",
                                      "pytorch_model.bin",
                                      "model.safetensors"};
  const int count = sizeof names / sizeof names[0];
  char path[sizeof folder_path + 64];
  for (int i = 0; i < count; i++) { /* each is preferred to those before it */
    snprintf(path, sizeof path, "%s/%s", folder_path, names[i]);
    FILE *file = fopen(path, "wb");
    TEST_REQUIRE(file != NULL && fclose(file) == 0);
    jimm_folder *folder = must_open(saved);
    TEST_CHECK_STR(jimm_folder_weights(folder), path);
    jimm_folder_close(&folder);
  }
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s", folder_path, names[i]);
    TEST_CHECK_INT(unlink(path), 0);
  }
}

TEST(no_such_folder) {
  jimm_folder *folder = NULL;
  TEST_CHECK(jimm_folder_open("/nonexistent/folder/", &folder) != JIMM_OK);
  TEST_CHECK_CONTAINS(jimm_error_message(), "/nonexistent/folder/config.json");
  TEST_CHECK(folder == NULL);
  TEST_CHECK_INT(jimm_folder_open(NULL, &folder), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_folder_open("/tmp", NULL), JIMM_ERROR_INVALID_ARGUMENT);
}

/* Last: takes the folder away again. */
TEST(zz_clean_up) {
  TEST_CHECK_INT(unlink(config_path), 0);
  TEST_CHECK_INT(rmdir(folder_path), 0);
}

TEST_MAIN()
