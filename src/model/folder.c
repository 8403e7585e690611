/* A weights folder as timm's save_for_hf writes it: what config.json says, read as timm's
 * load_model_config_from_path and PretrainedCfg read it. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/os.h"
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

/* ---- values of config.json, or the clear error ---- */

static jimm_status wrong(const jimm_folder *folder, const jimm_json *value, const char *key,
                         const char *expected) {
  return jimm_fail(JIMM_ERROR_FORMAT, "%s: byte %zu: \"%s\": expected %s", folder->config_path,
                   value->offset, key, expected);
}

static jimm_status unsupported(const jimm_folder *folder, const jimm_json *value, const char *key,
                               const char *got, const char *expected) {
  return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: byte %zu: \"%s\": expected %s, got \"%s\"",
                   folder->config_path, value->offset, key, expected, got);
}

/* The member of that name; NULL when it is absent or null, which timm takes for its default. */
static const jimm_json *member(const jimm_json *object, const char *key) {
  const jimm_json *value = jimm_json_get(object, key);
  return value == NULL || value->type == JIMM_JSON_NULL ? NULL : value;
}

/* Each reader leaves *result as it is when the member is absent. */
static jimm_status read_string(const jimm_folder *folder, const jimm_json *object, const char *key,
                               const char **result) {
  const jimm_json *value = member(object, key);
  if (value == NULL) {
    return JIMM_OK;
  }
  if (value->type != JIMM_JSON_STRING || strlen(value->string) != value->length) {
    return wrong(folder, value, key, "a string without zero bytes");
  }
  *result = value->string;
  return JIMM_OK;
}

static jimm_status read_integer(const jimm_folder *folder, const jimm_json *object, const char *key,
                                int64_t least, int64_t most, int64_t *result) {
  const jimm_json *value = member(object, key);
  if (value == NULL) {
    return JIMM_OK;
  }
  if (value->type != JIMM_JSON_NUMBER || !value->is_integer || value->integer < least ||
      value->integer > most) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: byte %zu: \"%s\": expected an integer from %lld to %lld",
                     folder->config_path, value->offset, key, (long long)least, (long long)most);
  }
  *result = value->integer;
  return JIMM_OK;
}

/* timm takes 0 for "not given". */
static jimm_status read_crop_pct(const jimm_folder *folder, const jimm_json *object,
                                 const char *key, double *result) {
  const jimm_json *value = member(object, key);
  if (value == NULL) {
    return JIMM_OK;
  }
  if (value->type != JIMM_JSON_NUMBER || !isfinite(value->number) || value->number < 0) {
    return wrong(folder, value, key, "a number that is not negative");
  }
  *result = value->number > 0 ? value->number : *result;
  return JIMM_OK;
}

/* Three numbers; or one, which then holds for all channels. */
static jimm_status read_channels(const jimm_folder *folder, const jimm_json *object,
                                 const char *key, bool positive, double result[3]) {
  const jimm_json *value = member(object, key);
  if (value == NULL) {
    return JIMM_OK;
  }
  const char *expected = positive ? "a list of 3 positive numbers" : "a list of 3 numbers";
  if (value->type != JIMM_JSON_ARRAY || (value->length != 3 && value->length != 1)) {
    return wrong(folder, value, key, expected);
  }
  const jimm_json *item = value->first;
  for (int i = 0; i < 3; i++) {
    if (item->type != JIMM_JSON_NUMBER || !isfinite(item->number) ||
        (positive && !(item->number > 0))) {
      return wrong(folder, item, key, expected);
    }
    result[i] = item->number;
    item = item->next == NULL ? item : item->next;
  }
  return JIMM_OK;
}

/* [channels, height, width]. */
static jimm_status read_size(const jimm_folder *folder, const jimm_json *object, const char *key,
                             int64_t result[3]) {
  const jimm_json *value = member(object, key);
  if (value == NULL) {
    return JIMM_OK;
  }
  static const char expected[] = "a list of 3 integers from 1 to 65535: channels, height, width";
  if (value->type != JIMM_JSON_ARRAY || value->length != 3) {
    return wrong(folder, value, key, expected);
  }
  int i = 0;
  for (const jimm_json *item = value->first; item != NULL; item = item->next) {
    if (item->type != JIMM_JSON_NUMBER || !item->is_integer || item->integer < 1 ||
        item->integer > 65535) {
      return wrong(folder, item, key, expected);
    }
    result[i++] = item->integer;
  }
  return JIMM_OK;
}

/* One of `count` words; *result is its index. */
static jimm_status read_word(const jimm_folder *folder, const jimm_json *object, const char *key,
                             const char *const *words, int count, const char *expected,
                             int *result) {
  const char *word = NULL;
  const jimm_status status = read_string(folder, object, key, &word);
  if (status != JIMM_OK || word == NULL) {
    return status;
  }
  for (int i = 0; i < count; i++) {
    if (strcmp(words[i], word) == 0) {
      *result = i;
      return JIMM_OK;
    }
  }
  return unsupported(folder, jimm_json_get(object, key), key, word, expected);
}

/* ---- parts of config.json ---- */

/* timm.models._pretrained.PretrainedCfg with its defaults. */
static jimm_status read_variant(jimm_folder *folder, const jimm_json *cfg) {
  static const char *const interpolations[] = {
      [JIMM_BILINEAR] = "bilinear", [JIMM_BICUBIC] = "bicubic"};
  static const char *const crop_modes[] = {
      [JIMM_CROP_CENTER] = "center", [JIMM_CROP_SQUASH] = "squash"};
  jimm_variant *variant = &folder->variant;
  *variant = (jimm_variant){.tag = "",
                            .has_weights = true,
                            .num_classes = 1000,
                            .data = {3,
                                     224,
                                     224,
                                     JIMM_BICUBIC,
                                     JIMM_CROP_CENTER,
                                     0.875,
                                     {0.485, 0.456, 0.406},
                                     {0.229, 0.224, 0.225}}};
  int interpolation = JIMM_BICUBIC;
  int crop_mode = JIMM_CROP_CENTER;
  int64_t label_offset = 0;
  int64_t size[3] = {3, 224, 224};
  jimm_status status = read_string(folder, cfg, "tag", &variant->tag);
  if (status == JIMM_OK) {
    status = read_integer(folder, cfg, "num_classes", 0, CLASSES_LIMIT, &variant->num_classes);
  }
  if (status == JIMM_OK) {
    status = read_size(folder, cfg, "input_size", size);
  }
  if (status == JIMM_OK) {
    status = read_size(folder, cfg, "test_input_size", variant->test_input_size);
  }
  if (status == JIMM_OK) {
    status = read_word(folder, cfg, "interpolation", interpolations, 2, "bilinear or bicubic",
                       &interpolation);
  }
  if (status == JIMM_OK) {
    status = read_word(folder, cfg, "crop_mode", crop_modes, 2, "center or squash", &crop_mode);
  }
  if (status == JIMM_OK) {
    status = read_crop_pct(folder, cfg, "crop_pct", &variant->data.crop_pct);
  }
  if (status == JIMM_OK) {
    status = read_crop_pct(folder, cfg, "test_crop_pct", &variant->test_crop_pct);
  }
  if (status == JIMM_OK) {
    status = read_channels(folder, cfg, "mean", false, variant->data.mean);
  }
  if (status == JIMM_OK) {
    status = read_channels(folder, cfg, "std", true, variant->data.std);
  }
  if (status == JIMM_OK) {
    status = read_string(folder, cfg, "license", &variant->license);
  }
  if (status == JIMM_OK) {
    status = read_string(folder, cfg, "origin_url", &variant->origin_url);
  }
  if (status == JIMM_OK) {
    status = read_integer(folder, cfg, "label_offset", 0, CLASSES_LIMIT, &label_offset);
  }
  if (status == JIMM_OK && label_offset > 0) {
    status = unsupported(folder, jimm_json_get(cfg, "label_offset"), "label_offset",
                         "a positive number", "0 or null");
  }
  variant->data.channels = size[0];
  variant->data.height = size[1];
  variant->data.width = size[2];
  variant->data.interpolation = (jimm_interpolation)interpolation;
  variant->data.crop_mode = (jimm_crop_mode)crop_mode;
  return status;
}

/* model_args are keyword arguments of timm.create_model: those that change nothing at inference are
 * let pass, those that jimm does not know are an error, for the model would be another one. */
static jimm_status read_model_args(jimm_folder *folder, const jimm_json *root) {
  static const char *const harmless[] = {"drop_rate", "drop_path_rate", "drop_block_rate",
                                         "zero_init_last"};
  static const char *const known[] = {"num_classes", "in_chans", "global_pool"};
  const jimm_json *args = member(root, "model_args");
  if (args == NULL) {
    return JIMM_OK;
  }
  if (args->type != JIMM_JSON_OBJECT) {
    return wrong(folder, args, "model_args", "an object");
  }
  for (const jimm_json *item = args->first; item != NULL; item = item->next) {
    bool accepted = false;
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
      accepted = accepted || strcmp(item->key, harmless[i]) == 0;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
      accepted = accepted || strcmp(item->key, known[i]) == 0;
    }
    if (!accepted) {
      return unsupported(folder, item, "model_args", item->key,
                         "num_classes, in_chans, global_pool or drop rates");
    }
  }
  jimm_status status =
      read_integer(folder, args, "num_classes", 0, CLASSES_LIMIT, &folder->options.num_classes);
  if (status == JIMM_OK) {
    status = read_integer(folder, args, "in_chans", 1, 65535, &folder->options.in_chans);
  }
  if (status == JIMM_OK) {
    status = read_string(folder, args, "global_pool", &folder->options.global_pool);
  }
  return status;
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

static jimm_status class_of(const jimm_folder *folder, const jimm_json *names,
                            const jimm_json *item, int64_t place, int64_t *class) {
  *class = place;
  if (names->type == JIMM_JSON_OBJECT && !parse_class(item->key, class)) {
    return wrong(folder, item, "label_names", "class numbers as keys");
  }
  if (item->type != JIMM_JSON_STRING || strlen(item->string) != item->length) {
    return wrong(folder, item, "label_names", "names that are strings without zero bytes");
  }
  return JIMM_OK;
}

static jimm_status read_labels(jimm_folder *folder, const jimm_json *root, const jimm_json *cfg,
                               bool flat) {
  const jimm_json *names = member(root, "label_names");
  if (names == NULL) {
    names = member(cfg, "label_names");
  }
  if (names == NULL && flat) {
    names = member(root, "labels");
  }
  if (names == NULL) {
    return JIMM_OK;
  }
  if (names->type != JIMM_JSON_ARRAY && names->type != JIMM_JSON_OBJECT) {
    return wrong(folder, names, "label_names", "a list of names or an object of names by class");
  }
  int64_t place = 0;
  int64_t class = 0;
  for (const jimm_json *item = names->first; item != NULL; item = item->next) {
    const jimm_status status = class_of(folder, names, item, place++, &class);
    if (status != JIMM_OK) {
      return status;
    }
    folder->label_count = class < folder->label_count ? folder->label_count : class + 1;
  }
  folder->labels =
      jimm_arena_alloc(&folder->arena, (size_t)folder->label_count * sizeof *folder->labels + 1);
  if (folder->labels == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  place = 0;
  for (const jimm_json *item = names->first; item != NULL; item = item->next) {
    class_of(folder, names, item, place++, &class);
    folder->labels[class] = item->string;
  }
  if (folder->label_count > folder->variant.num_classes && folder->variant.num_classes > 0) {
    jimm_log(JIMM_LOG_WARNING, "%s: names for %lld classes, but num_classes is %lld",
             folder->config_path, (long long)folder->label_count,
             (long long)folder->variant.num_classes);
  }
  return JIMM_OK;
}

static jimm_status read_descriptions(jimm_folder *folder, const jimm_json *root,
                                     const jimm_json *cfg) {
  const jimm_json *texts = member(root, "label_descriptions");
  if (texts == NULL) {
    texts = member(cfg, "label_descriptions");
  }
  if (texts == NULL) {
    return JIMM_OK;
  }
  if (texts->type != JIMM_JSON_OBJECT) {
    return wrong(folder, texts, "label_descriptions", "an object of texts by label name");
  }
  for (const jimm_json *item = texts->first; item != NULL; item = item->next) {
    if (item->type != JIMM_JSON_STRING || strlen(item->string) != item->length) {
      return wrong(folder, item, "label_descriptions", "texts without zero bytes");
    }
  }
  folder->descriptions = texts;
  return JIMM_OK;
}

static jimm_status read_architecture(jimm_folder *folder, const jimm_json *root) {
  const char *architecture = NULL;
  jimm_status status = read_string(folder, root, "architecture", &architecture);
  if (status != JIMM_OK) {
    return status;
  }
  if (architecture == NULL) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: expected \"architecture\", the name of the model",
                     folder->config_path);
  }
  status = jimm_model_find(architecture, &folder->name);
  return status == JIMM_OK ? status : jimm_fail_context(status, "%s", folder->config_path);
}

/* timm.models._hub._parse_model_cfg, and what create_model does with it. */
static jimm_status read_config(jimm_folder *folder, const jimm_json *root) {
  if (root->type != JIMM_JSON_OBJECT) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: expected an object", folder->config_path);
  }
  /* The old layout has the fields of pretrained_cfg at the top. */
  const bool flat = jimm_json_get(root, "pretrained_cfg") == NULL;
  const jimm_json *cfg = flat ? root : jimm_json_get(root, "pretrained_cfg");
  if (cfg->type != JIMM_JSON_OBJECT) {
    return wrong(folder, cfg, "pretrained_cfg", "an object");
  }
  jimm_status status = read_architecture(folder, root);
  if (status == JIMM_OK) {
    status = read_variant(folder, cfg);
  }
  if (status == JIMM_OK) {
    status =
        read_integer(folder, root, "num_classes", 0, CLASSES_LIMIT, &folder->variant.num_classes);
  }
  folder->name.variant = &folder->variant;
  folder->options = (jimm_model_options)JIMM_MODEL_OPTIONS_INIT;
  folder->options.num_classes = folder->variant.num_classes;
  folder->options.in_chans = folder->variant.data.channels;
  if (status == JIMM_OK && !flat) {
    status = read_model_args(folder, root);
  }
  if (status == JIMM_OK) {
    status = read_labels(folder, root, cfg, flat);
  }
  if (status == JIMM_OK) {
    status = read_descriptions(folder, root, cfg);
  }
  return status;
}

/* ---- the folder ---- */

static jimm_status open_folder(const char *path, jimm_folder *folder) {
  const size_t length = strlen(path);
  const char *slash = length > 0 && path[length - 1] == '/' ? "" : "/";
  folder->config_path = jimm_format("%s%sconfig.json", path, slash);
  folder->weights = jimm_format("%s%smodel.safetensors", path, slash);
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
