/* The registry: what timm has, and how it is found. */
#include <jimm-test/jimm-test.h>
#include <jimm/base.h>
#include <jimm/model.h>
#include <stdio.h>
#include <string.h>

#include "model/registry.h"
#include "named.h"

/* ---- timm's facts ---- */

/* timm 1.0.29's architectures, cfgs, cfgs with released weights and deprecated names; the taps of a
 * pyramid. */
static const struct {
  const char *family;
  int32_t archs, variants, released, aliases, taps;
} facts[] = {
    {"resnet", 81, 168, 149, 43, 5}, {"bit", 6, 15, 15, 15, 5},       {"resnetv2", 14, 15, 9, 0, 5},
    {"convnext", 22, 76, 75, 15, 4}, {"convnextv2", 9, 27, 26, 0, 4},
};

TEST(counts) {
  TEST_REQUIRE_INT(jimm_family_count(), (int32_t)(sizeof facts / sizeof facts[0]));
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    int32_t variants = 0;
    int32_t released = 0;
    for (int32_t a = 0; a < family->arch_count; a++) {
      for (int32_t v = 0; v < family->archs[a].variant_count; v++) {
        variants++;
        released += family->archs[a].variants[v].has_weights;
      }
    }
    TEST_CHECK_STR(family->name, facts[f].family);
    TEST_CHECK_INT(family->arch_count, facts[f].archs);
    TEST_CHECK_INT(variants, facts[f].variants);
    TEST_CHECK_INT(released, facts[f].released);
    TEST_CHECK_INT(family->alias_count, facts[f].aliases);
  }
  TEST_CHECK(jimm_family_at(-1) == NULL);
  TEST_CHECK(jimm_family_at(jimm_family_count()) == NULL);
}

/* Classes of timm's heads; 640, 768 and 1024 are the embeddings of CLIP. */
static bool is_class_count(int64_t count) {
  static const int64_t counts[] = {0, 640, 768, 1000, 1024, 11821, 21841, 21843};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    if (counts[i] == count) {
      return true;
    }
  }
  return false;
}

/* Every architecture: the graph's parameters are as many as timm counts, and the outputs have
 * timm's shapes. Every variant: its names lead back to it, and its facts are sound. */
static void check_arch(void *context) {
  const jimm_arch *arch = context;
  jimm_graph *graph = named_graph(arch->name, 1000, 3, NULL);
  TEST_CHECK_INT(jimm_graph_parameter_count(graph), arch->params);
  char want[64];
  snprintf(want, sizeof want, "[2, %d, 2, 2]", (int)arch->num_features);
  TEST_CHECK_STR(named_output_shape(graph, "features", 3), want);
  snprintf(want, sizeof want, "[2, %d]", (int)arch->num_features);
  TEST_CHECK_STR(named_output_shape(graph, "pre_logits", 3), want);
  TEST_CHECK_STR(named_output_shape(graph, "logits", 3), "[2, 1000]");
  int32_t taps = 0;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    taps =
        arch >= family->archs && arch < family->archs + family->arch_count ? facts[f].taps : taps;
  }
  TEST_CHECK_INT(jimm_graph_output_count(graph), 3 + taps);
  TEST_CHECK_INT(jimm_graph_feature_count(graph), taps);
  for (int32_t i = 0; i < jimm_graph_feature_count(graph); i++) {
    const jimm_feature_info *tap = jimm_graph_feature(graph, i);
    const int side = 64 / (int)tap->reduction;
    snprintf(want, sizeof want, "[2, %d, %d, %d]", (int)tap->channels, side, side);
    TEST_CHECK_STR(named_output_shape(graph, tap->output, 3), want);
  }
  jimm_graph_close(&graph);

  for (int32_t i = 0; i < arch->variant_count; i++) {
    const jimm_variant *variant = &arch->variants[i];
    char name[128];
    snprintf(name, sizeof name, "%s.%s", arch->name, variant->tag);
    TEST_CHECK_MSG(named_model(name).variant == variant, "%s", name);
    snprintf(name, sizeof name, "%s_%s", arch->name, variant->tag);
    TEST_CHECK_MSG(named_model(name).variant == variant && named_model(name).arch == arch, "%s",
                   name);
    snprintf(name, sizeof name, "timm/%s.%s", arch->name, variant->tag);
    if (variant->hub_id != NULL) {
      TEST_CHECK_STR(variant->hub_id, name);
    }
    TEST_CHECK_INT(variant->has_weights, variant->hub_id != NULL || variant->url != NULL);
    TEST_CHECK_MSG(is_class_count(variant->num_classes), "%s: %d classes", name,
                   (int)variant->num_classes);
    TEST_CHECK_INT(variant->data.channels, 3);
    TEST_CHECK(variant->license != NULL);
  }
}

TEST_SETUP() {
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; a < family->arch_count; a++) {
      char name[128];
      snprintf(name, sizeof name, "arch %s", family->archs[a].name);
      jt_add(name, check_arch, (void *)(uintptr_t)&family->archs[a], NULL);
    }
  }
}

TEST(preprocessing_facts) {
  const jimm_variant *variant = named_model("resnet50").variant;
  TEST_CHECK_STR(variant->tag, "a1_in1k");
  TEST_CHECK_STR(variant->hub_id, "timm/resnet50.a1_in1k");
  TEST_CHECK_STR(variant->license, "apache-2.0");
  TEST_CHECK_STR(variant->paper_ids, "arXiv:2110.00476");
  TEST_CHECK_INT(variant->data.interpolation, JIMM_BICUBIC);
  TEST_CHECK_INT(variant->data.crop_mode, JIMM_CROP_CENTER);
  const double mean[3] = {0.485, 0.456, 0.406};
  const double std[3] = {0.229, 0.224, 0.225};
  TEST_CHECK_MEM(variant->data.mean, mean, sizeof mean);
  TEST_CHECK_MEM(variant->data.std, std, sizeof std);

  jimm_data_config data = jimm_variant_data(variant, false);
  TEST_CHECK_INT(data.height, 224);
  TEST_CHECK_DOUBLE(data.crop_pct, 0.95, 0, 0);
  data = jimm_variant_data(variant, true);
  TEST_CHECK_INT(data.height, 288);
  TEST_CHECK_INT(data.width, 288);
  TEST_CHECK_DOUBLE(data.crop_pct, 1.0, 0, 0);

  variant = named_model("test_resnet").variant;
  TEST_CHECK_DOUBLE(variant->data.mean[2], 0.5, 0, 0);
  TEST_CHECK_INT(variant->data.interpolation, JIMM_BILINEAR);
  data = jimm_variant_data(variant, true); /* timm has no test size for it */
  TEST_CHECK_INT(data.height, 160);
  TEST_CHECK_DOUBLE(data.crop_pct, 0.95, 0, 0);

  TEST_CHECK_STR(named_model("resnet18.fb_swsl_ig1b_ft_in1k").variant->license, "cc-by-nc-4.0");
  TEST_CHECK_STR(named_model("resnet18.tv_in1k").variant->license, "bsd-3-clause");
  TEST_CHECK(!named_model("resnet50t").variant->has_weights);
}

TEST(license_restrictions) {
  static const struct {
    const char *license, *restriction;
  } rows[] = {
      {"cc-by-nc-4.0", "no commercial use"},
      {"CC-BY-NC-4.0", "no commercial use"},
      {"cc-by-nc-nd-4.0", "no commercial use, no derivatives"},
      {"cc-by-nc-sa-3.0", "no commercial use, share alike"},
      {"cc-by-sa-4.0", "share alike"},
      {"cc-by-nd-4.0", "no derivatives"},
      {"fair-noncommercial-research-license", "research only, no commercial use"},
      {"an-older-Non-Commercial-license", "no commercial use"},
      {"a-research-license", "research only"},
      {"dinov3-license", "Meta's own terms: some uses are forbidden, passed on under them only"},
      {"dinov3-license-2", NULL},
      {"apache-2.0", NULL},
      {"bsd-3-clause", NULL},
      {"mit", NULL},
      {"cc-by-4.0", NULL},
      {"", NULL},
      {NULL, NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    TEST_CHECK_STR(jimm_license_restriction(rows[i].license), rows[i].restriction);
  }
  /* Every licence of the registry that is not known to be permissive restricts. */
  int restricted = 0;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; a < family->arch_count; a++) {
      for (int32_t v = 0; v < family->archs[a].variant_count; v++) {
        const char *license = family->archs[a].variants[v].license;
        const bool permissive =
            strcmp(license, "apache-2.0") == 0 || strcmp(license, "bsd-3-clause") == 0;
        TEST_CHECK_MSG((jimm_license_restriction(license) == NULL) == permissive, "%s", license);
        restricted += permissive ? 0 : 1;
      }
    }
  }
  TEST_CHECK_INT(restricted, 48);
}

/* ---- names ---- */

TEST(name_forms) {
  static const char *const forms[] = {"resnet50_gn.a1h_in1k",
                                      "resnet50_gn_a1h_in1k",
                                      "timm/resnet50_gn.a1h_in1k",
                                      "hf-hub:timm/resnet50_gn.a1h_in1k",
                                      "hf_hub:timm/resnet50_gn",
                                      "hf://timm/resnet50_gn.a1h_in1k",
                                      "resnet50_gn"};
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    const jimm_model_name found = named_model(forms[i]);
    TEST_CHECK_STR(found.arch->name, "resnet50_gn");
    TEST_CHECK_STR(found.variant->tag, "a1h_in1k");
    TEST_CHECK_STR(found.family->name, "resnet");
    TEST_CHECK(found.deprecated == NULL);
  }
}

static void keep_line(void *context, jimm_log_level level, const char *message) {
  snprintf(context, 256, "%d %s", (int)level, message);
}

TEST(deprecated_alias) {
  char line[256] = "";
  jimm_set_log(keep_line, line, JIMM_LOG_WARNING);
  const jimm_model_name found = named_model("gluon_resnet50_v1d");
  jimm_set_log(NULL, NULL, JIMM_LOG_WARNING);
  TEST_CHECK_STR(found.arch->name, "resnet50d");
  TEST_CHECK_STR(found.variant->tag, "gluon_in1k");
  TEST_CHECK_STR(found.deprecated, "gluon_resnet50_v1d");
  TEST_CHECK_CONTAINS(line, "gluon_resnet50_v1d is deprecated: it stands for resnet50d.gluon_in1k");
  TEST_CHECK_INT(line[0] - '0', JIMM_LOG_WARNING);
}

TEST(every_alias_leads_somewhere) {
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t i = 0; i < family->alias_count; i++) {
      const jimm_model_name found = named_model(family->aliases[i].name);
      TEST_CHECK_STR(found.deprecated, family->aliases[i].name);
    }
  }
}

static const char *not_found(const char *name) {
  jimm_model_name found;
  TEST_CHECK_INT(jimm_model_find(name, &found), JIMM_ERROR_NOT_FOUND);
  TEST_CHECK(found.arch == NULL);
  return jimm_error_message();
}

TEST(suggestions) {
  TEST_CHECK_STR(not_found("resnet50dd"),
                 "unknown model \"resnet50dd\"; did you mean resnet50d, resnet50c or resnet50?");
  TEST_CHECK_CONTAINS(not_found("renset101"), "did you mean resnet101");
  TEST_CHECK_CONTAINS(not_found("resnet62"), "did you mean resnet26,"); /* two digits swapped */
  TEST_CHECK_CONTAINS(not_found("gluon_resnet50_v1e"), "gluon_resnet50_v1");
  TEST_CHECK_CONTAINS(not_found("resnet5O.a1_in1k"), "did you mean resnet50.a1_in1k");
  TEST_CHECK_STR(not_found("mobilenetv3_large_100"), "unknown model \"mobilenetv3_large_100\"");
  TEST_CHECK_STR(not_found(""), "unknown model \"\"");
  TEST_CHECK_CONTAINS(not_found("timm/resnet51"), "did you mean");
  char longest[1000];
  memset(longest, 'x', sizeof longest);
  longest[sizeof longest - 1] = 0;
  TEST_CHECK_CONTAINS(not_found(longest), "unknown model \"xxx");
}

TEST(unknown_tags_list_the_tags) {
  const char *message = not_found("resnet34.a9_in1k");
  TEST_CHECK_CONTAINS(message, "did you mean resnet34.a1_in1k");
  TEST_CHECK_CONTAINS(message,
                      "tags of resnet34: a1_in1k, a2_in1k, a3_in1k, bt_in1k, ra4_e3600_r224_in1k, "
                      "tv_in1k, gluon_in1k");
  TEST_CHECK_CONTAINS(not_found("resnet50_gn_nonsense"), "tags of resnet50_gn: a1h_in1k");
  TEST_CHECK_CONTAINS(not_found("resnet50."), "unknown model \"resnet50.\"");
}

/* ---- families of one's own (last: the registry keeps them) ---- */

static void build_toy(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *options) {
  (void)arch;
  const jimm_input_attrs input = {{4, {-1, options->in_chans, -1, -1}}, JIMM_F32};
  jimm_graph_output(graph, "logits", jimm_graph_input(graph, "input", &input));
}

TEST(zz_register_a_family) {
  static const jimm_variant toy_tags[] = {{.tag = "a_b", .num_classes = 7}, {.tag = "x"}};
  static const jimm_variant toy_a_tags[] = {{.tag = "b", .num_classes = 8}};
  static const jimm_arch archs[] = {
      {.name = "toy", .variants = toy_tags, .variant_count = 2},
      {.name = "toy_a", .variants = toy_a_tags, .variant_count = 1},
  };
  static const jimm_family toys = {
      sizeof(jimm_family), "toys", build_toy, "avg", archs, 2, NULL, NULL, 0};
  TEST_REQUIRE_MSG(jimm_family_register(&toys) == JIMM_OK, "%s", jimm_error_message());
  TEST_CHECK_STR(named_model("toy_a_b").arch->name, "toy_a"); /* the longest architecture */
  TEST_CHECK_STR(named_model("toy.a_b").arch->name, "toy");
  TEST_CHECK_STR(named_model("toy_x").variant->tag, "x");
  jimm_graph *graph = named_graph("toy", -1, 4, NULL);
  TEST_CHECK_STR(named_output_shape(graph, "logits", 4), "[2, 4, 64, 64]");
  jimm_graph_close(&graph);

  TEST_CHECK_INT(jimm_family_register(&toys), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_family_register(NULL), JIMM_ERROR_INVALID_ARGUMENT);
  static const jimm_arch taken[] = {{.name = "resnet18", .variants = toy_tags, .variant_count = 1}};
  jimm_family bad = toys;
  bad.name = "others";
  bad.archs = taken;
  bad.arch_count = 1;
  TEST_CHECK_INT(jimm_family_register(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "resnet18 already, in family resnet");
  static const jimm_variant twice[] = {{.tag = "x"}, {.tag = "x"}};
  static const jimm_arch doubled[] = {{.name = "toy_b", .variants = twice, .variant_count = 2}};
  bad.archs = doubled;
  TEST_CHECK_INT(jimm_family_register(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "tag \"x\"");
}

/* The guess whose weights a file holds looks at sizes first: that must not lose the right answer.
 */
TEST(every_architecture_has_about_its_own_size) {
  int64_t pairs = 0, taken = 0;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; a < family->arch_count; a++) {
      const jimm_arch *arch = &family->archs[a];
      for (int64_t in_chans = 1; in_chans <= 12; in_chans += 11) {
        const jimm_model_name name = {family, arch, &arch->variants[0], NULL};
        jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
        options.in_chans = in_chans;
        options.num_classes = 0;
        jimm_graph *graph = NULL;
        TEST_REQUIRE_INT(jimm_graph_build(&name, &options, &graph), JIMM_OK);
        int64_t elements = 0;
        for (int32_t i = 0; i < jimm_graph_node_count(graph); i++) {
          const jimm_node *node = jimm_graph_node(graph, i);
          if (node->kind == JIMM_NODE_PARAMETER) {
            elements += jimm_shape_count(&((const jimm_parameter_attrs *)node->attrs)->shape);
          }
        }
        jimm_graph_close(&graph);
        TEST_CHECK_MSG(jimm_model_has_about(arch, elements), "%s with %d channels", arch->name,
                       (int)in_chans);
        pairs++;
        taken += jimm_model_has_about(&jimm_family_at(0)->archs[0], elements) ? 1 : 0;
      }
    }
  }
  TEST_CHECK(taken < pairs / 3);
}

TEST_MAIN()
