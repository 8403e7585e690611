/* Variants and architectures in words and in JSON. */
#include <string.h>

#include "cli.h"

char *cli_variant_name(const jimm_arch *arch, const jimm_variant *variant, char *buffer) {
  const char *dot = variant->tag[0] == 0 ? "" : ".";
  snprintf(buffer, CLI_NAME_SIZE, "%s%s%s", arch->name, dot, variant->tag);
  return buffer;
}

int64_t cli_variant_params(const jimm_family *family, const jimm_arch *arch,
                           const jimm_variant *variant) {
  if (variant->num_classes == arch->variants[0].num_classes && arch->params > 0) {
    return arch->params;
  }
  jimm_model_name name = {family, arch, variant, NULL};
  jimm_graph *graph = NULL;
  if (jimm_graph_build(&name, NULL, &graph) != JIMM_OK) {
    cli_fail_library(arch->name);
    return -1;
  }
  int64_t params = jimm_graph_parameter_count(graph);
  jimm_graph_close(&graph);
  return params;
}

/* Takes over an array of modules: null for none, for one its name, as in timm's cfg. */
static json_t *modules_json(json_t *array) {
  const size_t count = json_array_size(array);
  if (array == NULL || count > 1) {
    return array;
  }
  json_t *value = count == 0 ? json_null() : json_incref(json_array_get(array, 0));
  json_decref(array);
  return value;
}

/* The convolutions that see the image. */
static json_t *first_conv(const jimm_graph *graph) {
  json_t *array = json_array();
  for (jimm_value v = 0; v < jimm_graph_node_count(graph); v++) {
    const jimm_node *node = jimm_graph_node(graph, v);
    if (node->kind == JIMM_NODE_PARAMETER &&
        ((const jimm_parameter_attrs *)node->attrs)->role == JIMM_ROLE_INPUT_CONV) {
      cli_json_append(&array, json_stringn(node->name, strlen(node->name) - strlen(".weight")));
    }
  }
  return modules_json(array);
}

static json_t *classifier(const jimm_family *family) {
  json_t *array = json_array();
  for (int32_t i = 0; family->classifiers != NULL && family->classifiers[i] != NULL; i++) {
    cli_json_append(&array, cli_json_text(family->classifiers[i]));
  }
  return modules_json(array);
}

json_t *cli_pyramid_json(const jimm_graph *graph) {
  json_t *taps = json_array();
  for (int32_t i = 0; i < jimm_graph_feature_count(graph); i++) {
    const jimm_feature_info *tap = jimm_graph_feature(graph, i);
    json_t *row = json_object();
    cli_json_set(&row, "output", cli_json_text(tap->output));
    cli_json_set(&row, "module", cli_json_text(tap->module));
    cli_json_set(&row, "channels", json_integer(tap->channels));
    cli_json_set(&row, "reduction", json_integer(tap->reduction));
    cli_json_append(&taps, row);
  }
  return taps;
}

const char *cli_interpolation_name(jimm_interpolation interpolation) {
  switch (interpolation) {
    case JIMM_BILINEAR:
      return "bilinear";
    case JIMM_BICUBIC:
      return "bicubic";
  }
  return "?";
}

const char *cli_crop_mode_name(jimm_crop_mode mode) {
  switch (mode) {
    case JIMM_CROP_CENTER:
      return "center";
    case JIMM_CROP_SQUASH:
      return "squash";
  }
  return "?";
}

int cli_check_family(const char *name) {
  char known[512] = "";
  size_t length = 0;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const char *family = jimm_family_at(f)->name;
    if (strcmp(family, name) == 0) {
      return CLI_OK;
    }
    if (length < sizeof known) {
      length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", f == 0 ? "" : ", ",
                                 family);
    }
  }
  return cli_fail("unknown family '%s'; the families are: %s", name, known);
}

char *cli_repo_name(jimm_repo_type repo_type, const char *repo, char *buffer) {
  static const char *const prefixes[] = {"", "datasets/", "spaces/"};
  snprintf(buffer, CLI_NAME_SIZE, "%s%s", prefixes[repo_type], repo);
  return buffer;
}

json_t *cli_variant_json(const jimm_family *family, const jimm_arch *arch,
                         const jimm_variant *variant) {
  const jimm_data_config *data = &variant->data;
  char name[CLI_NAME_SIZE];
  char key[CLI_NAME_SIZE];
  int64_t params = cli_variant_params(family, arch, variant);
  cli_variant_name(arch, variant, name);
  snprintf(key, sizeof key, "%s%s%s", arch->name, variant->tag[0] == 0 ? "" : "_", variant->tag);

  json_t *object = json_object();
  cli_json_set(&object, "name", cli_json_text(name));
  cli_json_set(&object, "arch", cli_json_text(arch->name));
  cli_json_set(&object, "tag", cli_json_text(variant->tag));
  cli_json_set(&object, "key", cli_json_text(key));
  cli_json_set(&object, "family", cli_json_text(family->name));
  cli_json_set(&object, "default", json_boolean(variant == &arch->variants[0]));
  cli_json_set(&object, "has_weights", json_boolean(variant->has_weights));
  cli_json_set(&object, "params", params < 0 ? json_null() : json_integer(params));
  cli_json_set(&object, "num_features", json_integer(arch->num_features));
  cli_json_set(&object, "num_classes", json_integer(variant->num_classes));
  int64_t size[3] = {data->channels, data->height, data->width};
  cli_json_set(&object, "input_size", cli_json_integers(size, 3));
  cli_json_set(&object, "interpolation",
               cli_json_text(cli_interpolation_name(data->interpolation)));
  cli_json_set(&object, "crop_pct", cli_json_real(data->crop_pct));
  cli_json_set(&object, "crop_mode", cli_json_text(cli_crop_mode_name(data->crop_mode)));
  cli_json_set(&object, "mean", cli_json_reals(data->mean, 3));
  cli_json_set(&object, "std", cli_json_reals(data->std, 3));
  cli_json_set(&object, "test_input_size",
               variant->test_input_size[0] == 0 ? json_null()
                                                : cli_json_integers(variant->test_input_size, 3));
  cli_json_set(&object, "test_crop_pct",
               variant->test_crop_pct > 0 ? cli_json_real(variant->test_crop_pct) : json_null());
  cli_json_set(&object, "fixed_input_size", json_boolean(variant->fixed_input_size));
  cli_json_set(&object, "pool_size",
               variant->pool_size[0] == 0 ? json_null() : cli_json_integers(variant->pool_size, 2));
  jimm_model_name resolved = {family, arch, variant, NULL};
  jimm_graph *graph = NULL;
  if (jimm_graph_build(&resolved, NULL, &graph) != JIMM_OK) {
    cli_fail_library(arch->name);
    json_decref(object);
    return NULL;
  }
  cli_json_set(&object, "first_conv", first_conv(graph));
  jimm_graph_close(&graph);
  cli_json_set(&object, "classifier", classifier(family));
  cli_json_set(&object, "license", cli_json_text(variant->license));
  cli_json_set(&object, "restriction", cli_json_text(jimm_license_restriction(variant->license)));
  cli_json_set(&object, "hub_id", cli_json_text(variant->hub_id));
  cli_json_set(&object, "url", cli_json_text(variant->url));
  cli_json_set(&object, "origin_url", cli_json_text(variant->origin_url));
  cli_json_set(&object, "custom_load", json_boolean(variant->custom_load));
  cli_json_set(&object, "paper_ids", cli_json_text(variant->paper_ids));
  cli_json_set(&object, "paper_name", cli_json_text(variant->paper_name));
  return object;
}

json_t *cli_arch_json(const jimm_family *family, const jimm_arch *arch) {
  json_t *tags = json_array();
  for (int32_t i = 0; i < arch->variant_count; i++) {
    cli_json_append(&tags, cli_json_text(arch->variants[i].tag));
  }
  json_t *object = json_object();
  cli_json_set(&object, "name", cli_json_text(arch->name));
  cli_json_set(&object, "family", cli_json_text(family->name));
  cli_json_set(&object, "params", json_integer(arch->params));
  cli_json_set(&object, "num_features", json_integer(arch->num_features));
  cli_json_set(&object, "default_tag",
               arch->variant_count == 0 ? json_null() : cli_json_text(arch->variants[0].tag));
  cli_json_set(&object, "tags", tags);
  return object;
}
