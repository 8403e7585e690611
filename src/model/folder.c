/* A weights folder as timm's save_for_hf writes it: what config.json says, read as timm's
 * load_model_config_from_path and PretrainedCfg read it. */
#include <string.h>

#include "base/log.h"
#include "base/os.h"
#include "model/config.h"
#include "model/options.h"
#include "model/registry.h"

#define CONFIG_LIMIT ((size_t)64 << 20) /* bytes; 21841 label descriptions need two million */
#define CLASSES_LIMIT 1000000           /* more classes than any model has */

struct jimm_folder {
  jimm_arena arena; /* holds every string, the JSON and the labels */
  char *config_path, *weights;
  jimm_variant variant;
  jimm_model_name name;
  jimm_model_options options;
  const char **labels; /* by class; NULL where the folder has none */
  int64_t label_count;
  const jimm_json *descriptions; /* label name -> text; may be NULL */
};

/* ---- parts of config.json ---- */

/* timm.models._pretrained.PretrainedCfg with its defaults. */
static void read_variant(jimm_folder *folder, const jimm_json *cfg, jimm_config *config) {
  static const char *const interpolations[] = {
      [JIMM_BILINEAR] = "bilinear", [JIMM_BICUBIC] = "bicubic"};
  static const char *const crop_modes[] = {
      [JIMM_CROP_CENTER] = "center", [JIMM_CROP_SQUASH] = "squash"};
  static const jimm_variant defaults = {
      .tag = "",
      .has_weights = true,
      .num_classes = 1000,
      .data = {.crop_pct = 0.875, .mean = {0.485, 0.456, 0.406}, .std = {0.229, 0.224, 0.225}}};
  jimm_variant *variant = &folder->variant;
  int interpolation = JIMM_BICUBIC;
  int crop_mode = JIMM_CROP_CENTER;
  int64_t label_offset = 0;
  int64_t size[3] = {3, 224, 224};
  *variant = defaults;
  jimm_config_string(config, cfg, "tag", &variant->tag);
  jimm_config_integer(config, cfg, "num_classes", 0, CLASSES_LIMIT, &variant->num_classes);
  jimm_config_size(config, cfg, "input_size", size);
  jimm_config_size(config, cfg, "test_input_size", variant->test_input_size);
  jimm_config_boolean(config, cfg, "fixed_input_size", &variant->fixed_input_size);
  jimm_config_word(config, cfg, "interpolation", interpolations, 2, "bilinear or bicubic",
                   &interpolation);
  jimm_config_word(config, cfg, "crop_mode", crop_modes, 2, "center or squash", &crop_mode);
  jimm_config_crop_pct(config, cfg, "crop_pct", &variant->data.crop_pct);
  jimm_config_crop_pct(config, cfg, "test_crop_pct", &variant->test_crop_pct);
  jimm_config_channels(config, cfg, "mean", false, variant->data.mean);
  jimm_config_channels(config, cfg, "std", true, variant->data.std);
  jimm_config_string(config, cfg, "license", &variant->license);
  jimm_config_string(config, cfg, "origin_url", &variant->origin_url);
  jimm_config_integer(config, cfg, "label_offset", 0, CLASSES_LIMIT, &label_offset);
  if (label_offset > 0) {
    jimm_config_unsupported(config, jimm_json_get(cfg, "label_offset"), "label_offset",
                            "a positive number", "0 or null");
  }
  variant->data.channels = size[0];
  variant->data.height = size[1];
  variant->data.width = size[2];
  variant->data.interpolation = (jimm_interpolation)interpolation;
  variant->data.crop_mode = (jimm_crop_mode)crop_mode;
}

/* The row of that name, if the model takes it. */
static const jimm_model_option *find_option(const jimm_folder *folder, const char *name) {
  const jimm_model_option *row = jimm_model_option_at(0);
  for (int32_t i = 0; row != NULL; row = jimm_model_option_at(++i)) {
    if (strcmp(row->name, name) == 0) {
      return jimm_family_takes(folder->name.family, row) ? row : NULL;
    }
  }
  return NULL;
}

static const char known_args[] =
#define MODEL_INTEGER(name, ...) #name ", "
#define MODEL_WORD(name, ...) #name ", "
#define MODEL_NUMBER(name, ...) #name ", "
#include <jimm/model_options.def>
    "drop_block_rate or zero_init_last";

/* model_args are keyword arguments of timm.create_model: those that change nothing at inference are
 * let pass, those that jimm does not know are an error, for the model would be another one. */
static void read_model_args(jimm_folder *folder, const jimm_json *root, jimm_config *config) {
  const jimm_json *args =
      jimm_config_typed(config, root, "model_args", JIMM_JSON_OBJECT, "an object");
  for (const jimm_json *item = args == NULL ? NULL : args->first;
       item != NULL && config->status == JIMM_OK; item = item->next) {
    const jimm_model_option *row = find_option(folder, item->key);
    char text[JIMM_OPTION_TEXT];
    if (row == NULL && strcmp(item->key, "drop_block_rate") != 0 &&
        strcmp(item->key, "zero_init_last") != 0) {
      jimm_config_unsupported(config, item, "model_args", item->key, known_args);
    } else if (row != NULL && item->type != JIMM_JSON_NULL) {
      const char *expected = jimm_model_option_read(row, item, &folder->options, text);
      if (expected != NULL) {
        jimm_config_wrong(config, item, item->key, expected);
      }
    }
  }
}

/* The class of a member of label_names when that is an object {"0": name, ...}. */
static bool parse_class(const char *key, int64_t *class) {
  int64_t value = 0;
  for (const char *c = key; *c != 0; c++) {
    if (*c < '0' || *c > '9' || value > CLASSES_LIMIT) {
      return false;
    }
    value = 10 * value + (*c - '0');
  }
  *class = value;
  return key[0] != 0 && value < CLASSES_LIMIT;
}

/* Gives the class of each name in turn; false after an error. */
static bool class_of(const jimm_json *names, const jimm_json *item, int64_t place,
                     jimm_config *config, int64_t *class) {
  *class = place;
  if (names->type == JIMM_JSON_OBJECT && !parse_class(item->key, class)) {
    jimm_config_wrong(config, item, "label_names", "class numbers as keys");
    return false;
  }
  if (!jimm_config_is_text(item)) {
    jimm_config_wrong(config, item, "label_names", "names that are strings without zero bytes");
    return false;
  }
  return true;
}

static void read_labels(jimm_folder *folder, const jimm_json *names, jimm_config *config) {
  if (names == NULL) {
    return;
  }
  if (names->type != JIMM_JSON_ARRAY && names->type != JIMM_JSON_OBJECT) {
    jimm_config_wrong(config, names, "label_names",
                      "a list of names or an object of names by class");
    return;
  }
  int64_t place = 0;
  int64_t class = 0;
  for (const jimm_json *item = names->first; item != NULL; item = item->next) {
    if (!class_of(names, item, place++, config, &class)) {
      return;
    }
    folder->label_count = class < folder->label_count ? folder->label_count : class + 1;
  }
  if (folder->label_count == 0) {
    return;
  }
  folder->labels =
      jimm_arena_alloc(&folder->arena, (size_t)folder->label_count * sizeof *folder->labels);
  if (folder->labels == NULL) {
    config->status = JIMM_ERROR_OUT_OF_MEMORY;
    return;
  }
  place = 0;
  for (const jimm_json *item = names->first; item != NULL; item = item->next) {
    class_of(names, item, place++, config, &class);
    folder->labels[class] = item->string;
  }
  if (folder->label_count > folder->variant.num_classes && folder->variant.num_classes > 0) {
    jimm_log(JIMM_LOG_WARNING, "%s: names for %lld classes, but num_classes is %lld", config->path,
             (long long)folder->label_count, (long long)folder->variant.num_classes);
  }
}

/* A member at the top, else in pretrained_cfg. */
static const jimm_json *either(const jimm_config *config, const jimm_json *root,
                               const jimm_json *cfg, const char *key) {
  const jimm_json *value = jimm_config_member(config, root, key);
  return value != NULL ? value : jimm_config_member(config, cfg, key);
}

static void read_descriptions(jimm_folder *folder, const jimm_json *texts, jimm_config *config) {
  if (texts == NULL) {
    return;
  }
  if (texts->type != JIMM_JSON_OBJECT) {
    jimm_config_wrong(config, texts, "label_descriptions", "an object of texts by label name");
    return;
  }
  for (const jimm_json *item = texts->first; item != NULL; item = item->next) {
    if (!jimm_config_is_text(item)) {
      jimm_config_wrong(config, item, "label_descriptions", "texts without zero bytes");
      return;
    }
  }
  folder->descriptions = texts;
}

static void read_architecture(jimm_folder *folder, const jimm_json *root, jimm_config *config) {
  const char *architecture = NULL;
  jimm_config_string(config, root, "architecture", &architecture);
  if (config->status != JIMM_OK) {
    return;
  }
  if (architecture == NULL) {
    config->status = jimm_fail(
        JIMM_ERROR_FORMAT, "%s: expected \"architecture\", the name of the model", config->path);
    return;
  }
  config->status = jimm_model_find(architecture, &folder->name);
  if (config->status == JIMM_ERROR_NOT_FOUND) {
    /* A tag of the folder's own ("resnet50.my_birds"): timm looks at the architecture alone. */
    char *name = jimm_strndup(architecture, strcspn(architecture, "."));
    if (name == NULL) {
      config->status = JIMM_ERROR_OUT_OF_MEMORY;
    } else if (jimm_arch_find(name, &folder->name.family) != NULL) {
      config->status = jimm_model_find(name, &folder->name);
    }
    jimm_free(name);
  }
  if (config->status != JIMM_OK) {
    jimm_fail_context(config->status, "%s", config->path);
  }
}

/* timm.models._hub._parse_model_cfg, and what create_model does with it. */
static jimm_status read_config(jimm_folder *folder, const jimm_json *root) {
  jimm_config config = {folder->config_path, JIMM_OK};
  if (root->type != JIMM_JSON_OBJECT) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: expected an object", config.path);
  }
  /* The old layout has the fields of pretrained_cfg at the top. */
  const bool flat = jimm_json_get(root, "pretrained_cfg") == NULL;
  const jimm_json *cfg = flat ? root : jimm_json_get(root, "pretrained_cfg");
  if (cfg->type != JIMM_JSON_OBJECT) {
    jimm_config_wrong(&config, cfg, "pretrained_cfg", "an object");
    return config.status;
  }
  read_architecture(folder, root, &config);
  read_variant(folder, cfg, &config);
  jimm_variant *variant = &folder->variant;
  jimm_config_integer(&config, root, "num_classes", 0, CLASSES_LIMIT, &variant->num_classes);
  folder->name.variant = variant;
  folder->options = (jimm_model_options)JIMM_MODEL_OPTIONS_INIT;
  folder->options.num_classes = variant->num_classes;
  folder->options.in_chans = variant->data.channels;
  if (!flat) {
    read_model_args(folder, root, &config);
  }
  const jimm_json *names = either(&config, root, cfg, "label_names");
  if (names == NULL && flat) {
    names = jimm_config_member(&config, root, "labels");
  }
  read_labels(folder, names, &config);
  read_descriptions(folder, either(&config, root, cfg, "label_descriptions"), &config);
  return config.status;
}

/* ---- the folder ---- */

/* The path of the weights: timm.models._hub._PREFERRED_FILES, the first that is there; the first of
 * all when none is. NULL: out of memory. */
static char *find_weights(const char *path, const char *slash) {
  static const char *const names[] = {
      "model.safetensors",           "pytorch_model.bin",
      "pytorch_model.pth",           "model.pth",
      "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors",
      "open_clip_pytorch_model.bin", "open_clip_pytorch_model.pth"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char *weights = jimm_format("%s%s%s", path, slash, names[i]);
    if (weights == NULL || jimm_os_exists(weights)) {
      return weights;
    }
    jimm_free(weights);
  }
  return jimm_format("%s%s%s", path, slash, names[0]);
}

static jimm_status open_folder(const char *path, jimm_folder *folder) {
  const size_t length = strlen(path);
  const char *slash = length > 0 && path[length - 1] == '/' ? "" : "/";
  folder->config_path = jimm_format("%s%sconfig.json", path, slash);
  folder->weights = find_weights(path, slash);
  if (folder->config_path == NULL || folder->weights == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  unsigned char *text = NULL;
  size_t size = 0;
  jimm_status status = jimm_os_read_file(folder->config_path, CONFIG_LIMIT, &text, &size);
  if (status != JIMM_OK) {
    return status;
  }
  jimm_json *root = NULL;
  status = jimm_json_parse(folder->config_path, text, size, &folder->arena, &root);
  jimm_free(text);
  return status == JIMM_OK ? read_config(folder, root) : status;
}

jimm_status jimm_folder_open(const char *path, jimm_folder **folder) {
  if (path == NULL || folder == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_folder_open: path or folder is NULL");
  }
  *folder = NULL;
  jimm_folder *opened = jimm_calloc(1, sizeof *opened);
  if (opened == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  const jimm_status status = open_folder(path, opened);
  if (status != JIMM_OK) {
    jimm_folder_close(&opened);
    return status;
  }
  *folder = opened;
  return JIMM_OK;
}

void jimm_folder_close(jimm_folder **folder) {
  if (folder == NULL || *folder == NULL) {
    return;
  }
  jimm_arena_close(&(*folder)->arena);
  jimm_free((*folder)->config_path);
  jimm_free((*folder)->weights);
  jimm_free(*folder);
  *folder = NULL;
}

const jimm_model_name *jimm_folder_model(const jimm_folder *folder) {
  return &folder->name;
}

const jimm_variant *jimm_folder_variant(const jimm_folder *folder) {
  return &folder->variant;
}

const jimm_model_options *jimm_folder_options(const jimm_folder *folder) {
  return &folder->options;
}

const char *jimm_folder_weights(const jimm_folder *folder) {
  return folder->weights;
}

const char *jimm_folder_label(const jimm_folder *folder, int64_t index) {
  return index >= 0 && index < folder->label_count ? folder->labels[index] : NULL;
}

const char *jimm_folder_description(const jimm_folder *folder, int64_t index) {
  const char *label = jimm_folder_label(folder, index);
  const jimm_json *text = label == NULL ? NULL : jimm_json_get(folder->descriptions, label);
  return text == NULL ? NULL : text->string;
}

int64_t jimm_folder_label_count(const jimm_folder *folder) {
  return folder->label_count;
}
